//! PKCS #1 v1.5: EMSA-PKCS1-v1_5 (RFC 8017 section 9.2), and EME-PKCS1-v1_5 (sections 7.2.1
//! step 2 and 7.2.2 step 3), the decoding with implicit rejection.

use rand_core::TryCryptoRng;
use subtle::{ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};

use super::rejection::RejectionKey;
use super::{failed, first, no_room, take_last};
use crate::alg::{Digest, Hash};
use crate::error::{Error, ErrorKind};
use crate::secret::SecretBytes;

/// What an encoding adds to a message at the least: two bytes, eight of filling, and
/// the separator.
const OVERHEAD: usize = 11;

/// The DigestInfo of a digest in DER (section 9.2 step 2): what `CKM_RSA_PKCS` signs.
pub(crate) fn digest_info(digest: Digest<'_>) -> Vec<u8> {
    [prefix(digest.hash()), digest.as_bytes()].concat()
}

/// What stands before a digest (section 9.2, note 1).
fn prefix(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        Hash::Sha384 => {
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
        }
        Hash::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
    }
}

/// The block to sign, `k` bytes: `00 01 FF .. FF 00 || DigestInfo`.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) if the modulus has no room.
pub(crate) fn sign_encode(digest: Digest<'_>, k: usize) -> Result<Vec<u8>, Error> {
    let info = digest_info(digest);
    let spare = k.checked_sub(info.len() + OVERHEAD).ok_or_else(no_room)?;
    let filling = vec![0xFF; 8 + spare];
    Ok([&[0, 1], filling.as_slice(), &[0], &info].concat())
}

/// The block to encrypt, `k` bytes: `00 02 || PS || 00 || M`, the filling random and without
/// a zero.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) if the modulus has no room for the message,
/// [`Randomness`](crate::ErrorKind::Randomness).
pub(crate) fn encrypt_encode<R: TryCryptoRng + ?Sized>(
    message: &[u8],
    k: usize,
    rng: &mut R,
) -> Result<SecretBytes, Error> {
    let mut em = SecretBytes::zeroed(k);
    let filling = k.checked_sub(message.len() + 3).filter(|len| *len >= 8);
    let filling = filling.ok_or_else(no_room)?;
    let (start, rest) = em
        .expose_mut()
        .split_at_mut_checked(2)
        .ok_or_else(no_room)?;
    start.copy_from_slice(&[0, 2]);
    let (ps, rest) = rest.split_at_mut_checked(filling).ok_or_else(no_room)?;
    let random = |_| Error::from(ErrorKind::Randomness);
    rng.try_fill_bytes(ps).map_err(random)?;
    for byte in ps {
        while *byte == 0 {
            rng.try_fill_bytes(std::slice::from_mut(byte))
                .map_err(random)?;
        }
    }
    let pairs = rest.iter_mut().skip(1).zip(message);
    pairs.for_each(|(to, from)| *to = *from);
    Ok(em)
}

/// The message in an encoded one, which is as long as the modulus and begins with its
/// zero byte: `00 02 || PS || 00 || M`. Where it is not of this form, a message is made
/// up from the rejection key and the ciphertext, always the same one
/// (draft-irtf-cfrg-rsa-guidance-10 section 7.2), because an error would be
/// Bleichenbacher's oracle (1998).
///
/// Neither which of the two it is nor the length of the other one shows.
///
/// # Errors
/// [`DecryptFailed`](crate::ErrorKind::DecryptFailed) unless both are as long as each
/// other and as a modulus can be; lengths are public.
pub(crate) fn decrypt_decode(
    em: &[u8],
    ciphertext: &[u8],
    rejection: &RejectionKey,
) -> Result<SecretBytes, Error> {
    let longest = em.len().checked_sub(OVERHEAD).ok_or_else(failed)?;
    let longest = u16::try_from(longest).map_err(|_| failed())?;
    if ciphertext.len() != em.len() {
        return Err(failed());
    }
    let (mut block, made_up_len) = rejection.message(ciphertext, longest)?;
    let [zero, two, rest @ ..] = em else {
        return Err(failed());
    };
    let separator = first(rest, |byte| byte.ct_eq(&0));
    let good = zero.ct_eq(&0)
        & two.ct_eq(&2)
        & separator.any
        // Eight bytes of filling or more.
        & !separator.behind.ct_gt(&u32::from(longest));

    for (byte, real) in block.expose_mut().iter_mut().zip(em) {
        byte.conditional_assign(real, good);
    }
    let len = u32::conditional_select(&u32::from(made_up_len), &separator.behind, good);
    Ok(take_last(block.expose_mut(), len))
}
