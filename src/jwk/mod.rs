//! JSON Web Keys (RFC 7517, RFC 7518 section 6): forgiving in, canonical out.
//!
//! [`Jwk`] holds public members only; [`SecretJwk`] is another type, so that no
//! private member is ever written because somebody serialised "a key".

pub(crate) mod base64url;
mod ec;
pub(crate) mod integer;
mod kty;
mod members;
mod meta;
mod oct;
mod primality;
mod read;
mod rsa;
mod rsa_primes;
mod secret_jwk;
mod set;
mod thumbprint;
mod write;

use std::fmt;

use crate::alg::KeySpec;
use crate::error::Error;

pub use ec::{EcPublic, EcSecret};
pub(crate) use ec::{each_curve, kernel};
pub use members::{MAX_JWK_LEN, MAX_MEMBERS};
pub use meta::Meta;
pub use oct::OctSecret;
pub use rsa::{RsaPublic, RsaSecret};
pub use secret_jwk::{RsaCrt, SecretJwk, SecretKey};
pub use set::{JwkSet, MAX_SET_KEYS, MAX_SET_LEN, SetEntry};
pub use thumbprint::Thumbprint;
pub use write::CurveNames;

pub(crate) use ec::scalar_to_width;
pub(crate) use members::Members;
pub(crate) use oct::spec as oct_spec;
pub(crate) use primality::{Origin, is_prime};
pub(crate) use rsa_primes::{is_candidate, is_rsa_prime};

/// A JWK without private members: a checked public key, or a symmetric key's
/// description.
///
/// What a `Jwk` holds is well formed by construction: a point lies on its curve, a
/// modulus has a supported size.
#[derive(Clone, PartialEq)]
pub struct Jwk {
    key: PublicKey,
    meta: Meta,
}

/// The public members that make the key, by `kty`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// `RSA`.
    Rsa(RsaPublic),
    /// `EC`.
    Ec(EcPublic),
    /// `oct`: a symmetric key has no public half; its size in bits, if known.
    Oct(Option<u32>),
}

impl Jwk {
    /// A JWK of this key with no other members.
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        Jwk {
            key,
            meta: Meta::default(),
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// `kid`, `use`, `key_ops`, `alg` and whatever else came with the key.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The same, to be changed.
    #[must_use]
    pub fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    /// The kind of key. For `oct` it follows `key_ops`: HMAC if they allow signing and
    /// verifying alone.
    ///
    /// # Errors
    /// [`Rule::Missing`](crate::Rule::Missing) for `k` when a symmetric key's size is not known.
    pub fn spec(&self) -> Result<KeySpec, Error> {
        match &self.key {
            PublicKey::Rsa(key) => Ok(KeySpec::Rsa { bits: key.bits() }),
            PublicKey::Ec(key) => Ok(KeySpec::Ec(key.curve())),
            PublicKey::Oct(bits) => {
                let missing = || Error::invalid("k", crate::error::Rule::Missing);
                oct::spec(bits.ok_or_else(missing)?, self.meta.key_ops())
            }
        }
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("key", &self.key)
            .field("kid", &self.meta.kid())
            .finish_non_exhaustive()
    }
}
