//! RSA private keys (RFC 8017).
//!
//! Every private operation is blinded (Kocher 1996; Marvin, 2023) and its result is
//! raised to the public exponent and compared before it leaves, because one wrong CRT
//! half gives the factors away (Boneh, DeMillo, Lipton 1997). The blinding value and the
//! salt come from a generator seeded for the one operation.
//!
//! What is not erased: the `rsa` crate keeps `q^-1 mod p` beside Montgomery parameters of
//! `p` and erases the value alone, so `p` stays in freed memory after a key is dropped;
//! temporaries of opening and of each operation are freed unerased as well. Where that
//! matters, a zeroing global allocator in the program clears all of it.

use crypto_bigint::BoxedUint;
use rand_core::TryCryptoRng;
use rsa::traits::{PaddingScheme, PublicKeyParts, SignatureScheme};
use rsa::{Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, Pss, RsaPrivateKey};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::sealing::corrupt;
use crate::alg::Hash;
use crate::error::{Error, ErrorKind};
use crate::jwk::{RsaPublic, RsaSecret};
use crate::public::seeded;
use crate::secret::SecretBytes;

/// A private key in the form that computes.
pub(super) struct RsaKey(RsaPrivateKey);

impl RsaKey {
    /// The key with these numbers (`d || p || q`), which belong to this public key.
    /// Checks that `p q = n` and `e d = 1` modulo `p - 1` and `q - 1`, so every bit of
    /// what was stored takes part in a check.
    pub(super) fn open(public: &RsaPublic, numbers: &[u8]) -> Result<Self, Error> {
        let key = public.key();
        let width = key.size();
        if numbers.len() != 2 * width {
            return Err(corrupt());
        }
        let (d, primes) = numbers.split_at_checked(width).ok_or_else(corrupt)?;
        let (p, q) = primes.split_at_checked(width / 2).ok_or_else(corrupt)?;
        let bits = public.bits();
        let primes = [p, q].map(|prime| BoxedUint::from_be_slice_truncated(prime, bits / 2));
        let d = BoxedUint::from_be_slice_truncated(d, bits);
        let (n, e) = (key.n().as_ref().clone(), key.e().clone());
        RsaPrivateKey::from_components(n, e, d, primes.into())
            .map(RsaKey)
            .map_err(|_| corrupt())
    }

    /// A key that nobody checked, to plant faults.
    #[cfg(test)]
    pub(super) fn unchecked(key: RsaPrivateKey) -> Self {
        RsaKey(key)
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.1).
    pub(super) fn sign_pkcs1<R: TryCryptoRng + ?Sized>(
        &self,
        hash: Hash,
        digest: &[u8],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let scheme = match hash {
            Hash::Sha1 => return Err(ErrorKind::FaultDetected.into()),
            Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        };
        let rng = &mut seeded(rng)?;
        scheme.sign(Some(rng), &self.0, digest).map_err(not_signed)
    }

    /// RSASSA-PSS (section 8.1.1), salt as long as the digest (RFC 7518 section 3.5).
    pub(super) fn sign_pss<R: TryCryptoRng + ?Sized>(
        &self,
        hash: Hash,
        digest: &[u8],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let rng = Some(&mut seeded(rng)?);
        match hash {
            Hash::Sha1 => return Err(ErrorKind::FaultDetected.into()),
            Hash::Sha256 => Pss::<Sha256>::new().sign(rng, &self.0, digest),
            Hash::Sha384 => Pss::<Sha384>::new().sign(rng, &self.0, digest),
            Hash::Sha512 => Pss::<Sha512>::new().sign(rng, &self.0, digest),
        }
        .map_err(not_signed)
    }

    /// RSAES-OAEP with an empty label (section 7.1.2). One error for every failure:
    /// telling a wrong first byte from a wrong hash decrypts anything in a thousand
    /// questions (Manger 2001).
    pub(super) fn decrypt_oaep<R: TryCryptoRng + ?Sized>(
        &self,
        hash: Hash,
        ciphertext: &[u8],
        rng: &mut R,
    ) -> Result<SecretBytes, Error> {
        let rng = Some(&mut seeded(rng)?);
        match hash {
            Hash::Sha1 => Oaep::<Sha1>::new().decrypt(rng, &self.0, ciphertext),
            Hash::Sha256 => Oaep::<Sha256>::new().decrypt(rng, &self.0, ciphertext),
            Hash::Sha384 => Oaep::<Sha384>::new().decrypt(rng, &self.0, ciphertext),
            Hash::Sha512 => Oaep::<Sha512>::new().decrypt(rng, &self.0, ciphertext),
        }
        .map(SecretBytes::from_vec)
        .map_err(not_decrypted)
    }

    /// RSAES-PKCS1-v1_5 (section 7.2.2) with implicit rejection: a wrong padding is no
    /// error but gives bytes that are random to everyone without the key, the same ones
    /// each time (draft-irtf-cfrg-rsa-guidance section 7). An error for it would be
    /// Bleichenbacher's oracle (1998), with which signatures are forged as well.
    pub(super) fn decrypt_pkcs1<R: TryCryptoRng + ?Sized>(
        &self,
        ciphertext: &[u8],
        rng: &mut R,
    ) -> Result<SecretBytes, Error> {
        Pkcs1v15Encrypt
            .decrypt(Some(&mut seeded(rng)?), &self.0, ciphertext)
            .map(SecretBytes::from_vec)
            .map_err(not_decrypted)
    }
}

/// A new key. Primes are searched with a generator seeded once, so one that fails in the
/// middle of the search is an error here and not a panic there.
pub(super) fn generate<R: TryCryptoRng + ?Sized>(
    bits: u32,
    rng: &mut R,
) -> Result<(RsaSecret, RsaPublic), Error> {
    let fault = || Error::from(ErrorKind::FaultDetected);
    let bits = usize::try_from(bits).map_err(|_| fault())?;
    let key = RsaPrivateKey::new(&mut seeded(rng)?, bits).map_err(|_| fault())?;
    let (n, e) = (key.n().to_be_bytes(), key.e().to_be_bytes());
    let public = RsaPublic::from_components(&n, &e)?;
    Ok((RsaSecret::from_key(&key)?, public))
}

fn not_signed(error: rsa::Error) -> Error {
    match error {
        rsa::Error::Rng => ErrorKind::Randomness.into(),
        _ => ErrorKind::FaultDetected.into(),
    }
}

/// A detected fault looks like every other failure: who can cause one must not learn
/// that it was one.
fn not_decrypted(error: rsa::Error) -> Error {
    match error {
        rsa::Error::Rng => ErrorKind::Randomness.into(),
        _ => ErrorKind::DecryptFailed.into(),
    }
}
