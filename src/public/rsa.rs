//! RSA with the public key (RFC 8017 sections 7 and 8).

use rand_core::TryCryptoRng;
use rsa::traits::{PaddingScheme, SignatureScheme};
use rsa::{Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, Pss};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::seeded;
use crate::alg::Hash;
use crate::error::{Error, ErrorKind};
use crate::jwk::RsaPublic;

/// RSASSA-PKCS1-v1_5 (section 8.2.2). The expected block is built and compared whole,
/// never parsed: parsers accept garbage behind the digest (Bleichenbacher 2006).
pub(super) fn verify_pkcs1(key: &RsaPublic, hash: Hash, digest: &[u8], signature: &[u8]) -> bool {
    let scheme = match hash {
        Hash::Sha1 => return false,
        Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    };
    scheme.verify(key.key(), digest, signature).is_ok()
}

/// RSASSA-PSS (section 8.1.2) with MGF1 of the same hash and a salt exactly as long as
/// the digest (RFC 7518 section 3.5): `Pss::new` demands that length when verifying.
pub(super) fn verify_pss(key: &RsaPublic, hash: Hash, digest: &[u8], signature: &[u8]) -> bool {
    let key = key.key();
    match hash {
        Hash::Sha1 => false,
        Hash::Sha256 => Pss::<Sha256>::new().verify(key, digest, signature).is_ok(),
        Hash::Sha384 => Pss::<Sha384>::new().verify(key, digest, signature).is_ok(),
        Hash::Sha512 => Pss::<Sha512>::new().verify(key, digest, signature).is_ok(),
    }
}

/// RSAES-OAEP with an empty label (section 7.1.1).
pub(super) fn encrypt_oaep<R: TryCryptoRng + ?Sized>(
    key: &RsaPublic,
    hash: Hash,
    plaintext: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let rng = &mut seeded(rng)?;
    let key = key.key();
    match hash {
        Hash::Sha1 => Oaep::<Sha1>::new().encrypt(rng, key, plaintext),
        Hash::Sha256 => Oaep::<Sha256>::new().encrypt(rng, key, plaintext),
        Hash::Sha384 => Oaep::<Sha384>::new().encrypt(rng, key, plaintext),
        Hash::Sha512 => Oaep::<Sha512>::new().encrypt(rng, key, plaintext),
    }
    .map_err(refused)
}

/// RSAES-PKCS1-v1_5 (section 7.2.1).
pub(super) fn encrypt_pkcs1<R: TryCryptoRng + ?Sized>(
    key: &RsaPublic,
    plaintext: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let rng = &mut seeded(rng)?;
    Pkcs1v15Encrypt
        .encrypt(rng, key.key(), plaintext)
        .map_err(refused)
}

/// Lengths and key were checked before, and the generator cannot fail any more: what is
/// left is a computation that went wrong.
fn refused(_: rsa::Error) -> Error {
    ErrorKind::FaultDetected.into()
}
