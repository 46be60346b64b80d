//! RSA private keys (RFC 8017).
//!
//! The private operation takes the same steps for every key and number of a size, and its
//! result is raised to the public exponent and compared before it leaves
//! ([`PrivateKey::raise`]).

use rand_core::{Rng, TryCryptoRng};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::material;
use super::sealing::corrupt;
use crate::alg::{Digest, Hash, SignScheme};
use crate::engine::rsa::{PrivateKey, raise_private_batch};
use crate::error::{Error, ErrorKind};
use crate::jwk::RsaPublic;
use crate::public::padding::rejection::RejectionKey;
use crate::public::padding::{oaep, pkcs1, pss};
use crate::public::seeded;
use crate::secret::SecretBytes;

/// A private key in the form that computes.
pub(super) struct RsaKey {
    key: PrivateKey,
    bits: u32,
    /// For messages that stand in the place of a wrong padding.
    rejection: RejectionKey,
}

impl RsaKey {
    /// The key with these numbers (`d || p || q`), which belong to this public key.
    /// Checks that `p q = n` and `e d = 1` modulo `p - 1` and `q - 1`, so every bit of
    /// what was stored takes part in a check.
    pub(super) fn open(public: &RsaPublic, numbers: &[u8]) -> Result<Self, Error> {
        let [d, p, q] = material::rsa_numbers(public, numbers)?;
        // draft-irtf-cfrg-rsa-guidance-10 section 7.2 step 3.1.2.
        let mut hash = Sha256::digest(d);
        let rejection = RejectionKey::from_hash(hash.as_slice());
        hash.as_mut_slice().zeroize();
        Ok(RsaKey {
            key: PrivateKey::new(public.key(), d, p, q).map_err(|_| corrupt())?,
            bits: public.bits(),
            rejection,
        })
    }

    /// A key one half of which comes out wrong.
    #[cfg(test)]
    pub(super) fn plant_fault(&mut self) {
        self.key.plant_fault();
    }

    /// A signature of a scheme of RSA: see [`RsaKey::encode`].
    pub(super) fn sign<R: TryCryptoRng + ?Sized>(
        &self,
        scheme: SignScheme,
        digest: Digest<'_>,
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let mut block = self.encode(scheme, digest, rng)?;
        if !self.key.raise(&mut block) {
            return Err(fault());
        }
        Ok(block)
    }

    /// The block to raise: RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.1), which draws nothing, or
    /// RSASSA-PSS (section 8.1.1), salt as long as the digest (RFC 7518 section 3.5).
    pub(super) fn encode<R: TryCryptoRng + ?Sized>(
        &self,
        scheme: SignScheme,
        digest: Digest<'_>,
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        match (scheme, digest.hash()) {
            (SignScheme::Pkcs1v15, Hash::Sha256 | Hash::Sha384 | Hash::Sha512) => {
                pkcs1::sign_encode(digest, self.width())
            }
            (SignScheme::Pss, Hash::Sha256 | Hash::Sha384 | Hash::Sha512) => {
                let mut salt = Zeroizing::new([0; 64]);
                let salt = salt.get_mut(..digest.hash().len()).ok_or_else(fault)?;
                seeded(rng)?.fill_bytes(salt);
                pss::encode(digest, self.bits, salt)
            }
            _ => Err(fault()),
        }
    }

    /// RSAES-OAEP with an empty label (section 7.1.2). One error for every failure:
    /// telling a wrong first byte from a wrong hash decrypts anything in a thousand
    /// questions (Manger 2001).
    pub(super) fn decrypt_oaep(&self, hash: Hash, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        oaep::decode(self.open_block(ciphertext)?.expose(), hash)
    }

    /// RSAES-PKCS1-v1_5 (section 7.2.2) with implicit rejection: a wrong padding is no
    /// error but gives bytes that are random to everyone without the key, the same ones
    /// each time (draft-irtf-cfrg-rsa-guidance section 7). An error for it would be
    /// Bleichenbacher's oracle (1998), with which signatures are forged as well.
    pub(super) fn decrypt_pkcs1(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        let block = self.open_block(ciphertext)?;
        pkcs1::decrypt_decode(block.expose(), ciphertext, &self.rejection)
    }

    /// The padded message behind a ciphertext. A detected fault looks like every other
    /// failure: who can cause one must not learn that it was one.
    fn open_block(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        let mut block = SecretBytes::copy_of(ciphertext);
        if !self.key.raise(block.expose_mut()) {
            return Err(ErrorKind::DecryptFailed.into());
        }
        Ok(block)
    }

    fn width(&self) -> usize {
        usize::try_from(self.bits / 8).unwrap_or_default()
    }
}

/// Signatures of blocks, each with its key.
pub(super) fn in_lanes(items: &mut [(&RsaKey, Vec<u8>)]) -> Vec<Result<Vec<u8>, Error>> {
    let pairs = items.iter_mut();
    let mut pairs: Vec<_> = pairs
        .map(|(key, block)| (&key.key, block.as_mut_slice()))
        .collect();
    let done = raise_private_batch(&mut pairs);
    let signature = |((_, block), done): (&mut (&RsaKey, Vec<u8>), bool)| match done {
        true => Ok(std::mem::take(block)),
        false => Err(fault()),
    };
    items.iter_mut().zip(done).map(signature).collect()
}

fn fault() -> Error {
    ErrorKind::FaultDetected.into()
}
