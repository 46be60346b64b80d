//! EME-OAEP (RFC 8017 sections 7.1.1 step 2 and 7.1.2 step 3).

use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::{failed, first, mgf1_xor, no_room, take_last};
use crate::alg::Hash;
use crate::error::Error;
use crate::secret::SecretBytes;

/// The block to encrypt, `k` bytes: `00 || maskedSeed || maskedDB`. The seed is as long as the
/// hash, and drawn anew for each message; the label is empty.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) if the modulus has no room for the message.
pub(crate) fn encode(
    message: &[u8],
    hash: Hash,
    k: usize,
    seed: &[u8],
) -> Result<SecretBytes, Error> {
    let mut em = SecretBytes::zeroed(k);
    let spare = k.checked_sub(2 * hash.len() + 2 + message.len());
    spare
        .filter(|_| seed.len() == hash.len())
        .ok_or_else(no_room)?;
    let (_, rest) = em.expose_mut().split_first_mut().ok_or_else(no_room)?;
    let (to, db) = rest.split_at_mut_checked(seed.len()).ok_or_else(no_room)?;
    to.copy_from_slice(seed);

    // lHash || PS || 01 || M, the message at the end.
    let label = hash.hash(b"");
    let tail = message.iter().rev().chain(std::iter::once(&1));
    let pairs = db.iter_mut().rev().zip(tail);
    pairs.for_each(|(to, from)| *to = *from);
    let pairs = db.iter_mut().zip(label.as_bytes());
    pairs.for_each(|(to, from)| *to = *from);
    mgf1_xor(hash, to, db);
    mgf1_xor(hash, db, to);
    Ok(em)
}

/// The message in an encoded one, which is as long as the modulus and begins with its
/// zero byte. The label is empty, and its hash is also that of MGF1, as in RSA-OAEP and
/// RSA-OAEP-256 (RFC 7518 section 4.3).
///
/// The first byte is judged together with everything else: who learns that it alone is
/// wrong decrypts any ciphertext in a thousand questions (Manger 2001).
///
/// # Errors
/// [`DecryptFailed`](crate::ErrorKind::DecryptFailed), whatever is wrong.
pub(crate) fn decode(em: &[u8], hash: Hash) -> Result<SecretBytes, Error> {
    // Y || maskedSeed || maskedDB, and then lHash' || PS || 01 || M in the place of
    // maskedDB. Lengths are public, so too short a block may end early.
    let mut em = SecretBytes::copy_of(em);
    let (y, masked) = em.expose_mut().split_first_mut().ok_or_else(failed)?;
    let (seed, db) = masked.split_at_mut_checked(hash.len()).ok_or_else(failed)?;
    mgf1_xor(hash, db, seed);
    mgf1_xor(hash, seed, db);
    let (label, rest) = db.split_at_mut_checked(hash.len()).ok_or_else(failed)?;

    // The first byte that is not filling is the separator; 0 says that there is none.
    let separator = first(rest, |byte| !byte.ct_eq(&0));
    let good = y.ct_eq(&0) & label.ct_eq(hash.hash(b"").as_bytes()) & separator.byte.ct_eq(&1);
    // Where it failed, nobody is to learn where the separator was thought to be.
    let len = u32::conditional_select(&0, &separator.behind, good);
    let message = take_last(rest, len);
    if bool::from(good) {
        return Ok(message);
    }
    Err(failed())
}
