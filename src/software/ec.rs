//! ECDSA keys (FIPS 186-5 section 6).
//!
//! Signatures are hedged: the nonce comes from RFC 6979 with fresh randomness mixed in
//! (section 3.6 there). With a bad generator it is still a good deterministic nonce, so
//! the key cannot leak as it did from consoles and wallets; with a good one the same
//! digest gives different nonces, so a fault cannot be compared with a fault-free run
//! (draft-irtf-cfrg-det-sigs-with-noise).
//!
//! ES256K signatures leave with a low s, which every verifier accepts; verifying accepts
//! both ([`crate::public`]).

use rand_core::TryCryptoRng;
use signature::SignatureEncoding;
use signature::hazmat::{PrehashSigner, RandomizedPrehashSigner};

use super::random::Randomness;
use super::sealing::corrupt;
use crate::alg::Curve;
use crate::error::{Error, ErrorKind};
use crate::jwk::{EcPoint, EcPublic, EcSecret};
use crate::secret::SecretBytes;

/// A private key in the form that computes. The curve crates erase it on drop.
pub(super) enum EcKey {
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
    P256K(Box<k256::ecdsa::SigningKey>),
}

impl EcKey {
    /// The key with this scalar, which belongs to this point.
    pub(super) fn open(public: &EcPublic, d: &[u8]) -> Result<Self, Error> {
        let key = match public.curve() {
            Curve::P256 => p256::ecdsa::SigningKey::from_slice(d)
                .map(Box::new)
                .map(EcKey::P256),
            Curve::P384 => p384::ecdsa::SigningKey::from_slice(d)
                .map(Box::new)
                .map(EcKey::P384),
            Curve::P521 => p521::ecdsa::SigningKey::from_slice(d)
                .map(Box::new)
                .map(EcKey::P521),
            Curve::P256K => k256::ecdsa::SigningKey::from_slice(d)
                .map(Box::new)
                .map(EcKey::P256K),
        };
        let key = key.map_err(|_| corrupt())?;
        let own = match &key {
            EcKey::P256(key) => EcPoint::P256(*key.verifying_key()),
            EcKey::P384(key) => EcPoint::P384(*key.verifying_key()),
            EcKey::P521(key) => EcPoint::P521(*key.verifying_key()),
            EcKey::P256K(key) => EcPoint::P256K(*key.verifying_key()),
        };
        if own != public.0 {
            return Err(corrupt());
        }
        Ok(key)
    }

    /// Signs a digest with a hedged nonce: `r || s`.
    pub(super) fn sign<R: TryCryptoRng>(
        &self,
        digest: &[u8],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        match self {
            EcKey::P256(key) => hedged::<_, p256::ecdsa::Signature, R>(key.as_ref(), digest, rng),
            EcKey::P384(key) => hedged::<_, p384::ecdsa::Signature, R>(key.as_ref(), digest, rng),
            EcKey::P521(key) => hedged::<_, p521::ecdsa::Signature, R>(key.as_ref(), digest, rng),
            EcKey::P256K(key) => hedged::<_, k256::ecdsa::Signature, R>(key.as_ref(), digest, rng),
        }
    }
}

/// Signs with the nonce of RFC 6979 alone: what its test vectors check. Not for use: one
/// faulty signature beside a good one of the same digest gives the key away.
pub(crate) fn sign_deterministic(
    public: &EcPublic,
    d: &[u8],
    digest: &[u8],
) -> Result<Vec<u8>, Error> {
    match &EcKey::open(public, d)? {
        EcKey::P256(key) => plain::<_, p256::ecdsa::Signature>(key.as_ref(), digest),
        EcKey::P384(key) => plain::<_, p384::ecdsa::Signature>(key.as_ref(), digest),
        EcKey::P521(key) => plain::<_, p521::ecdsa::Signature>(key.as_ref(), digest),
        EcKey::P256K(key) => plain::<_, k256::ecdsa::Signature>(key.as_ref(), digest),
    }
}

/// The signer fails if the generator does and for no other reason.
fn hedged<K, S, R>(key: &K, digest: &[u8], rng: &mut R) -> Result<Vec<u8>, Error>
where
    K: RandomizedPrehashSigner<S>,
    S: SignatureEncoding,
    R: TryCryptoRng,
{
    let signature = key.sign_prehash_with_rng(rng, digest);
    let signature = signature.map_err(|_| Error::from(ErrorKind::Randomness))?;
    Ok(signature.to_bytes().as_ref().to_vec())
}

fn plain<K, S>(key: &K, digest: &[u8]) -> Result<Vec<u8>, Error>
where
    K: PrehashSigner<S>,
    S: SignatureEncoding,
{
    let signature = key.sign_prehash(digest);
    let signature = signature.map_err(|_| Error::from(ErrorKind::FaultDetected))?;
    Ok(signature.to_bytes().as_ref().to_vec())
}

/// Draws until a scalar is in `1..n` (FIPS 186-5 A.2.2): reducing a draw instead would
/// favour small scalars, and lattices find the keys that a bias leaves. A curve's order
/// fills its bits so well that a good generator is never asked this often.
const MOST_DRAWS: usize = 64;

/// A new key.
pub(super) fn generate(curve: Curve, rng: &Randomness) -> Result<(EcSecret, EcPublic), Error> {
    let mut d = SecretBytes::zeroed(curve.field_len());
    for _ in 0..MOST_DRAWS {
        rng.fill(d.expose_mut())?;
        if let (Curve::P521, Some(first)) = (curve, d.expose_mut().first_mut()) {
            // 521 bits in 66 bytes.
            *first &= 1;
        }
        if let Ok(key) = EcSecret::from_scalar(curve, d.expose()) {
            return Ok(key);
        }
    }
    Err(ErrorKind::Randomness.into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;
    use crate::alg::Hash;

    /// RFC 6979 section A.2.5, message "sample" with SHA-256.
    #[test]
    fn deterministic_as_in_rfc_6979() {
        let d = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let (_, public) = EcSecret::from_scalar(Curve::P256, &d).unwrap();
        let digest = Hash::Sha256.hash(b"sample");
        let signature = sign_deterministic(&public, &d, digest.as_bytes()).unwrap();
        let expected = concat!(
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
        );
        assert_eq!(signature, hex(expected));
    }

    #[test]
    fn another_keys_scalar_is_refused() {
        let rng = Randomness::system();
        for curve in Curve::ALL {
            let (secret, public) = generate(*curve, &rng).unwrap();
            let (other, _) = generate(*curve, &rng).unwrap();
            assert!(EcKey::open(&public, secret.d.expose()).is_ok());
            assert!(EcKey::open(&public, other.d.expose()).is_err());
            assert!(EcKey::open(&public, &vec![0; curve.field_len()]).is_err());
            assert!(EcKey::open(&public, &vec![0xFF; curve.field_len()]).is_err());
        }
    }
}
