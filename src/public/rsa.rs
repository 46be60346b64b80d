//! RSA with the public key (RFC 8017 sections 7 and 8).

use rand_core::{Rng, TryCryptoRng};
use zeroize::Zeroizing;

use super::padding::{oaep, pkcs1, pss};
use super::seeded;
use crate::alg::{Digest, Hash, SignScheme};
use crate::engine::erase::erase_stack;
use crate::engine::rsa::raise_public_batch;
use crate::error::{Error, ErrorKind};
use crate::jwk::RsaPublic;
use crate::secret::SecretBytes;

/// A signature, and what it is said to be one of.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) key: &'a RsaPublic,
    pub(super) scheme: SignScheme,
    pub(super) digest: Digest<'a>,
    pub(super) signature: &'a [u8],
}

impl Claim<'_> {
    /// Whether it is one.
    pub(super) fn holds(self) -> bool {
        let mut block = self.signature.to_vec();
        self.key.key().raise(&mut block) && self.is_encoded_in(&block)
    }

    /// RSASSA-PKCS1-v1_5 (section 8.2.2): the expected block is built and compared whole,
    /// never parsed; parsers accept garbage behind the digest (Bleichenbacher 2006).
    ///
    /// RSASSA-PSS (section 8.1.2): with MGF1 of the same hash and a salt exactly as long as
    /// the digest (RFC 7518 section 3.5).
    fn is_encoded_in(self, block: &[u8]) -> bool {
        match (self.scheme, self.digest.hash()) {
            (_, Hash::Sha1) => false,
            (SignScheme::Pkcs1v15, _) => {
                pkcs1::sign_encode(self.digest, block.len()).is_ok_and(|good| good == block)
            }
            (SignScheme::Pss, _) => pss::verify_vartime(self.digest, self.key.bits(), block),
            _ => false,
        }
    }
}

/// Whether each of them is one, many at a time.
pub(super) fn hold(claims: &[Claim<'_>]) -> Vec<bool> {
    let mut blocks: Vec<_> = claims
        .iter()
        .map(|claim| claim.signature.to_vec())
        .collect();
    let pairs = claims.iter().zip(&mut blocks);
    let mut pairs: Vec<_> = pairs
        .map(|(claim, block)| (claim.key.key(), block.as_mut_slice()))
        .collect();
    let raised = raise_public_batch(&mut pairs);
    let holds = |((claim, block), raised): ((&Claim<'_>, &Vec<u8>), bool)| {
        raised && claim.is_encoded_in(block)
    };
    claims.iter().zip(&blocks).zip(raised).map(holds).collect()
}

/// RSAES-OAEP with an empty label (section 7.1.1).
pub(super) fn encrypt_oaep<R: TryCryptoRng + ?Sized>(
    key: &RsaPublic,
    hash: Hash,
    plaintext: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let mut seed = Zeroizing::new([0; 64]);
    let seed = seed.get_mut(..hash.len()).ok_or_else(fault)?;
    seeded(rng)?.fill_bytes(seed);
    encrypt(key, oaep::encode(plaintext, hash, key.byte_len(), seed))
}

/// RSAES-PKCS1-v1_5 (section 7.2.1).
pub(super) fn encrypt_pkcs1<R: TryCryptoRng + ?Sized>(
    key: &RsaPublic,
    plaintext: &[u8],
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let rng = &mut seeded(rng)?;
    encrypt(key, pkcs1::encrypt_encode(plaintext, key.byte_len(), rng))
}

/// Lengths and key were checked before, and the generator cannot fail any more: what is
/// left is a computation that went wrong.
fn encrypt(key: &RsaPublic, block: Result<SecretBytes, Error>) -> Result<Vec<u8>, Error> {
    let mut block = block.map_err(|_| fault())?;
    let raised = key.key().raise(block.expose_mut());
    // What was encrypted may be a key.
    erase_stack::<8>();
    if !raised {
        return Err(fault());
    }
    Ok(block.expose().to_vec())
}

fn fault() -> Error {
    ErrorKind::FaultDetected.into()
}
