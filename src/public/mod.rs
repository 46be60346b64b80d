//! What a public key can do, done once for all backends: verify, encrypt, wrap.
//!
//! Everything here works on public data and may take variable time, except the
//! plaintext of encrypt and wrap, which the padding treats as secret.
//!
//! A handle's public half was checked and brought into its computing form when the
//! handle was made, so nothing is parsed here.

mod ec;
mod rsa;

use chacha20::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng};
use zeroize::Zeroizing;

use crate::alg::{EncryptScheme, Op, SignScheme, WrapScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{Ciphertext, EncryptRequest, SignData, VerifyRequest, WrapRequest, unsupported};
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, PublicKey};

/// Checks a signature with the public half.
///
/// # Errors
/// [`BadSignature`](ErrorKind::BadSignature), whatever is wrong with it;
/// [`NotOffered`](ErrorKind::NotOffered) for a symmetric key, which has no public half.
pub fn verify(request: &VerifyRequest<'_>) -> Result<(), Error> {
    let SignData::Digest(digest) = request.data() else {
        return Err(unsupported(Op::Verify, request.alg(), request.key()));
    };
    let (digest, signature) = (digest.as_bytes(), request.signature());
    let row = request.alg().row();
    let good = match (public(request.key()), row.scheme) {
        (Some(PublicKey::Rsa(key)), SignScheme::Pkcs1v15) => {
            rsa::verify_pkcs1(key, row.hash, digest, signature)
        }
        (Some(PublicKey::Rsa(key)), SignScheme::Pss) => {
            rsa::verify_pss(key, row.hash, digest, signature)
        }
        (Some(PublicKey::Ec(key)), SignScheme::Ecdsa(_)) => ec::verify(key, digest, signature),
        _ => return Err(unsupported(Op::Verify, request.alg(), request.key())),
    };
    if good {
        return Ok(());
    }
    Err(ErrorKind::BadSignature.into())
}

/// Encrypts with the public half.
///
/// # Errors
/// [`Randomness`](ErrorKind::Randomness);
/// [`NotOffered`](ErrorKind::NotOffered) for a symmetric key.
pub fn encrypt<R: TryCryptoRng + ?Sized>(
    request: &EncryptRequest<'_>,
    rng: &mut R,
) -> Result<Ciphertext, Error> {
    let plaintext = request.plaintext();
    let bytes = match (public(request.key()), request.alg().row().scheme) {
        (Some(PublicKey::Rsa(key)), EncryptScheme::Oaep(hash)) => {
            rsa::encrypt_oaep(key, hash, plaintext, rng)?
        }
        (Some(PublicKey::Rsa(key)), EncryptScheme::Pkcs1v15) => {
            rsa::encrypt_pkcs1(key, plaintext, rng)?
        }
        _ => return Err(unsupported(Op::Encrypt, request.alg(), request.key())),
    };
    Ok(Ciphertext::rsa(bytes))
}

/// Wraps key material with the public half: for RSA the same computation as
/// encrypting, told apart so that permission can be.
///
/// # Errors
/// As [`encrypt`].
pub fn wrap_key<R: TryCryptoRng + ?Sized>(
    request: &WrapRequest<'_>,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let material = request.material();
    match (public(request.key()), request.alg().row().scheme) {
        (Some(PublicKey::Rsa(key)), WrapScheme::Oaep(hash)) => {
            rsa::encrypt_oaep(key, hash, material, rng)
        }
        (Some(PublicKey::Rsa(key)), WrapScheme::Pkcs1v15) => rsa::encrypt_pkcs1(key, material, rng),
        _ => Err(unsupported(Op::WrapKey, request.alg(), request.key())),
    }
}

/// A generator for one operation, seeded by the given one.
///
/// The given generator is asked once, before anything is computed. What follows cannot
/// fail, and a generator that breaks half-way cannot keep a rejection loop (a blinding
/// value, the non-zero padding bytes of PKCS #1) turning for ever.
pub(crate) fn seeded<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<ChaCha20Rng, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(seed.as_mut_slice())
        .map_err(|_| Error::from(ErrorKind::Randomness))?;
    Ok(ChaCha20Rng::from_seed(*seed))
}

fn public(key: &KeyHandle) -> Option<&PublicKey> {
    key.public().map(Jwk::key)
}
