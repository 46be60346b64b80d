//! RSA encodings (RFC 8017), once for everyone who has the raw operations: the software
//! backend, and tokens that lack the padding or the hash and have `CKM_RSA_X_509`, `x^d mod n`
//! on whole blocks (PKCS#11, section "X.509 (raw) RSA").
//!
//! Numbers and bytes only: nothing here knows a token, a session or a private key. Whoever
//! decodes here answers for three things.
//!
//! * The result of the raw operation is exactly as long as the modulus, as that section
//!   demands. A token that takes leading zeros off tells whether there were any, which is
//!   the whole of Manger's attack (2001), before the first line here runs: do not decrypt
//!   with it. (It shows at once: every good encoding begins with a zero.)
//! * Nothing else is done with that result, and it is erased.
//! * A ciphertext that is as long as the modulus and not below it is refused before the
//!   private operation; both are public.
//!
//! Decoding takes the same steps whatever the block holds: no branch, index or early exit
//! depends on it. What becomes public is the verdict of OAEP, and the length of a message
//! that is given out.

#[cfg(any(feature = "pkcs11", test))]
pub(crate) mod challenge;
pub(crate) mod oaep;
pub(crate) mod pkcs1;
pub(crate) mod pss;
pub(crate) mod rejection;

#[cfg(test)]
mod tests;

use std::cell::Cell;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

use crate::alg::Hash;
use crate::error::{Error, ErrorKind, Rule};
use crate::secret::SecretBytes;

/// Combines `target` with the mask that MGF1 makes of `seed` (RFC 8017 appendix B.2.1).
fn mgf1_xor(hash: Hash, seed: &[u8], target: &mut [u8]) {
    match hash {
        Hash::Sha1 => mgf1_xor_with::<Sha1>(seed, target),
        Hash::Sha256 => mgf1_xor_with::<Sha256>(seed, target),
        Hash::Sha384 => mgf1_xor_with::<Sha384>(seed, target),
        Hash::Sha512 => mgf1_xor_with::<Sha512>(seed, target),
    }
}

fn mgf1_xor_with<D: Digest>(seed: &[u8], target: &mut [u8]) {
    let chunks = target.chunks_mut(<D as Digest>::output_size());
    for (counter, chunk) in (0u32..).zip(chunks) {
        let mut mask = D::new()
            .chain_update(seed)
            .chain_update(counter.to_be_bytes())
            .finalize();
        let pairs = chunk.iter_mut().zip(mask.iter());
        pairs.for_each(|(byte, mask)| *byte ^= mask);
        // Beside an OAEP block, which the token's caller has seen, the mask is the message.
        mask.as_mut_slice().zeroize();
    }
}

/// What [`first`] found. All of it is secret.
struct Found {
    /// Whether there is such a byte.
    any: Choice,
    /// It, or 0.
    byte: u8,
    /// How many bytes stand behind it, or 0.
    behind: u32,
}

/// The first byte of which `wanted` holds. Asks about every byte, and treats all alike.
fn first(bytes: &[u8], wanted: impl Fn(u8) -> Choice) -> Found {
    let mut found = Found {
        any: Choice::from(0),
        byte: 0,
        behind: 0,
    };
    for (behind, byte) in (0u32..).zip(bytes.iter().rev()) {
        // From the end, so the last one taken is the first one there.
        let this = wanted(*byte);
        found.any |= this;
        found.byte.conditional_assign(byte, this);
        found.behind.conditional_assign(&behind, this);
    }
    found
}

/// The last `len` bytes. They come to the front in as many steps as a length has bits,
/// each of which moves every byte by a power of two or leaves every byte: the addresses
/// touched do not depend on `len` until the copy at the end, whose size it is.
///
/// `len` is at most the number of bytes.
fn take_last(bytes: &mut [u8], len: u32) -> SecretBytes {
    let total = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let distance = total.wrapping_sub(len);
    let cells = Cell::from_mut(&mut *bytes).as_slice_of_cells();
    let steps = (0..u32::BITS).map(|bit| 1u32 << bit);
    for step in steps.take_while(|step| *step <= total) {
        let moves = (distance & step).ct_eq(&step);
        let sources = cells
            .iter()
            .skip(usize::try_from(step).unwrap_or(usize::MAX));
        for (to, from) in cells.iter().zip(sources) {
            to.set(u8::conditional_select(&to.get(), &from.get(), moves));
        }
    }
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    SecretBytes::copy_of(bytes.get(..len).unwrap_or_default())
}

/// The only way in which a decryption fails.
fn failed() -> Error {
    ErrorKind::DecryptFailed.into()
}

/// The modulus has no room for the hash. No supported size of key comes here.
fn no_room() -> Error {
    Error::invalid("digest", Rule::NotWithKey)
}
