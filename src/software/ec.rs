//! ECDSA keys (FIPS 186-5 section 6).
//!
//! Signatures are hedged. With a bad generator a nonce is still a good deterministic one, so
//! the key cannot leak as it did from consoles and wallets; with a good one the same
//! digest gives different nonces, so a fault cannot be compared with a fault-free run
//! (draft-irtf-cfrg-det-sigs-with-noise): [`nonce`] makes them.
//!
//! ES256K signatures leave with a low s, which every verifier accepts; verifying accepts
//! both ([`crate::public`]).

use ecdsa::signature::SignatureEncoding;
use ecdsa::signature::hazmat::PrehashSigner;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::nonce::{self, Hedged, Nonce};
use super::sealing::corrupt;
use super::self_test;
use crate::alg::Curve;
use crate::engine::ec::{self as engine, Curve as Kernel, Path, SignInput};
use crate::error::{Error, ErrorKind};
use crate::jwk::{EcPublic, EcSecret, kernel};
use crate::seal::Randomness;
use crate::secret::SecretBytes;

/// A private key: the scalar, big-endian. It erases itself on drop.
pub(super) struct EcKey {
    pub(super) curve: Kernel,
    pub(super) d: SecretBytes,
}

impl EcKey {
    /// The key with this scalar, which belongs to this point.
    pub(super) fn open(public: &EcPublic, d: &[u8]) -> Result<Self, Error> {
        self_test::passed_on(public.curve())?;
        let secret = EcSecret::for_public(public, d).map_err(|_| corrupt())?;
        let curve = kernel(public.curve());
        Ok(EcKey { curve, d: secret.d })
    }

    /// Signs a digest with a hedged nonce: `r || s`. As [`in_lanes`], without the lists.
    pub(super) fn sign<R: TryCryptoRng>(
        &self,
        digest: &[u8],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let EcKey { curve, d } = self;
        for _ in 0..MOST_NONCES {
            let mut fresh = Zeroizing::new([0; nonce::FRESH]);
            rng.try_fill_bytes(&mut *fresh)
                .map_err(|_| Error::from(ErrorKind::Randomness))?;
            let mut nonce = Nonce::zero();
            let of = Hedged {
                d: d.expose(),
                digest,
                fresh: &fresh,
            };
            nonce.hedge(*curve, &of);
            let input = input(*curve, d, digest, &nonce);
            if let Some(signature) = engine::sign_one(Path::best(*curve), &input) {
                return Ok(signature);
            }
        }
        Err(ErrorKind::FaultDetected.into())
    }
}

fn input<'a>(
    curve: Kernel,
    d: &'a SecretBytes,
    digest: &'a [u8],
    nonce: &'a Nonce,
) -> SignInput<'a> {
    let (d, nonce) = (d.expose(), nonce.of(curve));
    SignInput { d, digest, nonce }
}

/// Signs many digests with the scalars of keys of a curve, each with a hedged nonce: `r || s`.
/// Fails as a whole if the generator does.
pub(super) fn in_lanes<R: TryCryptoRng>(
    curve: Kernel,
    items: &[(&SecretBytes, &[u8])],
    rng: &mut R,
) -> Result<Vec<Result<Vec<u8>, Error>>, Error> {
    let mut results: Vec<Option<Vec<u8>>> = vec![None; items.len()];
    let mut left: Vec<usize> = (0..items.len()).collect();
    for _ in 0..MOST_NONCES {
        let mut fresh = SecretBytes::zeroed(nonce::FRESH * left.len());
        rng.try_fill_bytes(fresh.expose_mut())
            .map_err(|_| Error::from(ErrorKind::Randomness))?;
        let items = left.iter().filter_map(|at| items.get(*at));
        let mut nonces: Vec<Nonce> = left.iter().map(|_| Nonce::zero()).collect();
        let hedged = items.clone().zip(fresh.expose().as_chunks().0);
        let hedged: Vec<_> = hedged
            .map(|((d, digest), fresh)| Hedged {
                d: d.expose(),
                digest,
                fresh,
            })
            .collect();
        Nonce::hedge_all(&mut nonces, curve, &hedged);
        let inputs: Vec<SignInput<'_>> = items
            .zip(&nonces)
            .map(|((d, digest), nonce)| input(curve, d, digest, nonce))
            .collect();
        for (at, signature) in left
            .iter()
            .zip(engine::sign_all(Path::best(curve), &inputs))
        {
            if let Some(result) = results.get_mut(*at) {
                *result = signature;
            }
        }
        left.retain(|at| matches!(results.get(*at), Some(None)));
        if left.is_empty() {
            break;
        }
    }
    let signed = |signature: Option<Vec<u8>>| signature.ok_or(ErrorKind::FaultDetected.into());
    Ok(results.into_iter().map(signed).collect())
}

/// A nonce gives no signature once in 2^255: to see that twice is to see a fault.
const MOST_NONCES: usize = 2;

/// Signs with the nonce of RFC 6979 alone: what its test vectors check. Not for use: one
/// faulty signature beside a good one of the same digest gives the key away.
pub(crate) fn sign_deterministic(curve: Curve, d: &[u8], digest: &[u8]) -> Result<Vec<u8>, Error> {
    let (secret, _) = EcSecret::from_scalar(curve, d)?;
    let curve = kernel(curve);
    deterministic(Path::best(curve), curve, &secret.d, digest, 1)?
        .pop()
        .ok_or(ErrorKind::FaultDetected.into())
}

/// For tests: the same signature by each path of the engine, alone and beside others, and by
/// the curve crate.
pub(crate) fn sign_every_way(curve: Curve, d: &[u8], digest: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let (secret, _) = EcSecret::from_scalar(curve, d)?;
    let mut signatures = vec![deterministic_by_crate(curve, d, digest)?];
    let (curve, d) = (kernel(curve), secret.d);
    for path in Path::all(curve) {
        for count in [1, 5] {
            signatures.append(&mut deterministic(path, curve, &d, digest, count)?);
        }
    }
    Ok(signatures)
}

/// `count` times the same signature.
fn deterministic(
    path: Path,
    curve: Kernel,
    d: &SecretBytes,
    digest: &[u8],
    count: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let nonce = Nonce::deterministic(curve, d.expose(), digest);
    let inputs = vec![input(curve, d, digest, &nonce); count];
    let signatures = engine::sign_all(path, &inputs);
    let signatures: Option<Vec<_>> = signatures.into_iter().collect();
    signatures.ok_or(ErrorKind::FaultDetected.into())
}

fn deterministic_by_crate(curve: Curve, d: &[u8], digest: &[u8]) -> Result<Vec<u8>, Error> {
    match curve {
        Curve::P256 => {
            plain::<p256::ecdsa::Signature, _>(p256::ecdsa::SigningKey::from_slice(d), digest)
        }
        Curve::P384 => {
            plain::<p384::ecdsa::Signature, _>(p384::ecdsa::SigningKey::from_slice(d), digest)
        }
        Curve::P521 => {
            plain::<p521::ecdsa::Signature, _>(p521::ecdsa::SigningKey::from_slice(d), digest)
        }
        Curve::P256K => {
            plain::<k256::ecdsa::Signature, _>(k256::ecdsa::SigningKey::from_slice(d), digest)
        }
    }
}

fn plain<S: SignatureEncoding, K: PrehashSigner<S>>(
    key: Result<K, ecdsa::signature::Error>,
    digest: &[u8],
) -> Result<Vec<u8>, Error> {
    let signature = key.and_then(|key| key.sign_prehash(digest));
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
        let digest = Hash::Sha256.hash(b"sample");
        let signature = sign_deterministic(Curve::P256, &d, digest.as_bytes()).unwrap();
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
