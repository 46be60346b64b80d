//! What a public key can do, done once for all backends: verify, encrypt, wrap.
//!
//! Everything here works on public data and may take variable time, except the
//! plaintext of encrypt and wrap, which the padding treats as secret.
//!
//! A handle's public half was checked and brought into its computing form when the
//! handle was made, so nothing is parsed here.

mod ec;
pub(crate) mod key_wrap;
pub(crate) mod padding;
mod rsa;
pub(crate) mod transfer;

use chacha20::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng};
use zeroize::Zeroizing;

use crate::alg::{EncryptScheme, Op, WrapScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{
    Ciphertext, EncryptRequest, SignData, SignRequest, Signature, VerifyRequest, WrapRequest,
    unsupported,
};
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, PublicKey};

// For the hooks of `crate::internal`.
pub(crate) use ec::verify_every_way;
pub use transfer::wrap_for_import;

/// Checks a signature that a backend has made, before it lets it out.
pub(crate) fn verify_made(request: &SignRequest<'_>, made: &Signature) -> Result<(), Error> {
    let fault = || Error::from(ErrorKind::FaultDetected);
    let SignData::Digest(digest) = request.data() else {
        return Err(fault());
    };
    let (key, alg) = (request.key(), request.alg());
    let verify = VerifyRequest::for_digest(key, alg, digest.as_digest(), made.as_bytes())?;
    self::verify(&verify).map_err(|_| fault())
}

/// Checks a signature with the public half.
///
/// # Errors
/// [`BadSignature`](ErrorKind::BadSignature), whatever is wrong with it;
/// [`NotOffered`](ErrorKind::NotOffered) for a symmetric key, which has no public half.
pub fn verify(request: &VerifyRequest<'_>) -> Result<(), Error> {
    let good = match (public(request.key()), request.data()) {
        (Some(PublicKey::Rsa(_)), _) => rsa_claim(request).map(rsa::Claim::holds),
        (Some(PublicKey::Ec(key)), SignData::Digest(digest)) => {
            Some(ec::verify(key, digest.as_bytes(), request.signature()))
        }
        _ => None,
    };
    let good = good.ok_or_else(|| unsupported(Op::Verify, request.alg(), request.key()))?;
    verdict(good)
}

/// Checks signatures as [`verify`] does, side by side where there are lanes; `None` for those of
/// symmetric keys.
pub(crate) fn verify_all(requests: &[VerifyRequest<'_>]) -> Vec<Option<Result<(), Error>>> {
    let (rsas, ecs): (Vec<_>, Vec<_>) = requests
        .iter()
        .map(|request| (rsa_claim(request), ec_claim(request)))
        .unzip();
    let mut rsa = rsa::hold(&flat(&rsas)).into_iter();
    let mut ec = ec::verify_all(&flat(&ecs)).into_iter();
    let good = |claims: (Option<_>, Option<_>)| match claims {
        (Some(_), _) => rsa.next(),
        (_, Some(_)) => ec.next(),
        _ => None,
    };
    let good = rsas.into_iter().zip(ecs).map(good);
    good.map(|good| good.map(verdict)).collect()
}

fn flat<T: Copy>(some: &[Option<T>]) -> Vec<T> {
    some.iter().flatten().copied().collect()
}

fn ec_claim<'a>(request: &'a VerifyRequest<'_>) -> Option<ec::Item<'a>> {
    let (Some(PublicKey::Ec(key)), SignData::Digest(digest)) =
        (public(request.key()), request.data())
    else {
        return None;
    };
    Some((key, digest.as_bytes(), request.signature()))
}

fn rsa_claim<'a>(request: &'a VerifyRequest<'_>) -> Option<rsa::Claim<'a>> {
    let (Some(PublicKey::Rsa(key)), SignData::Digest(digest)) =
        (public(request.key()), request.data())
    else {
        return None;
    };
    Some(rsa::Claim {
        key,
        scheme: request.alg().row().scheme,
        digest: digest.as_digest(),
        signature: request.signature(),
    })
}

fn verdict(good: bool) -> Result<(), Error> {
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
/// fail, and a generator that breaks half-way cannot keep a rejection loop (the non-zero
/// padding bytes of PKCS #1, the primes of a new key) turning for ever.
pub(crate) fn seeded<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<ChaCha20Rng, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(seed.as_mut_slice())
        .map_err(|_| Error::from(ErrorKind::Randomness))?;
    Ok(ChaCha20Rng::from_seed(*seed))
}

fn public(key: &KeyHandle) -> Option<&PublicKey> {
    key.public().map(Jwk::key)
}
