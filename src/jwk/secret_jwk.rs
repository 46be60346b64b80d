//! A JWK with its private members.

use std::fmt;

use super::{EcSecret, Jwk, OctSecret, PublicKey, RsaSecret};
use crate::alg::{Curve, KeySpec, OpSet};
use crate::error::Error;

/// A private or symmetric key as a JWK, complete and checked.
pub struct SecretJwk {
    public: Jwk,
    secret: SecretKey,
}

/// The private members, by `kty`.
#[derive(Debug)]
#[non_exhaustive]
pub enum SecretKey {
    /// `RSA`.
    Rsa(RsaSecret),
    /// `EC`.
    Ec(EcSecret),
    /// `oct`.
    Oct(OctSecret),
}

impl SecretJwk {
    /// A symmetric key of 16, 24, 32, 48 or 64 bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `k`.
    pub fn from_oct(k: &[u8]) -> Result<Self, Error> {
        let secret = OctSecret::from_bytes(k)?;
        Ok(SecretJwk {
            public: Jwk::new(PublicKey::Oct(Some(secret.bits()))),
            secret: SecretKey::Oct(secret),
        })
    }

    /// An elliptic-curve key from its scalar, which is as wide as the field.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `d`.
    pub fn from_ec_scalar(curve: Curve, d: &[u8]) -> Result<Self, Error> {
        let (secret, public) = EcSecret::from_scalar(curve, d)?;
        Ok(SecretJwk {
            public: Jwk::new(PublicKey::Ec(public)),
            secret: SecretKey::Ec(secret),
        })
    }

    /// The public half, with everything that is not secret.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// The private members, for the layers that compute with them.
    pub(crate) fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// The kind of key when used for these operations; [`Jwk::spec`] with `ops` in
    /// place of the JWK's own `key_ops`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if no kind has this size.
    pub fn spec_for(&self, ops: Option<OpSet>) -> Result<KeySpec, Error> {
        match &self.secret {
            SecretKey::Oct(secret) => super::oct::spec(secret.bits(), ops),
            _ => self.public.spec(),
        }
    }
}

impl fmt::Debug for SecretJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretJwk")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}
