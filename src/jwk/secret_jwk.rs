//! A JWK with its private members.

use std::fmt;

use super::rsa::RsaMembers;
use super::{EcSecret, Jwk, Meta, OctSecret, PublicKey, RsaPublic, RsaSecret};
use crate::alg::{Curve, KeySpec, OpSet};
use crate::error::Error;

/// A private or symmetric key as a JWK, complete and checked.
///
/// Comparing two looks at every private byte of each, in constant time for each member.
#[derive(PartialEq)]
pub struct SecretJwk {
    public: Jwk,
    secret: SecretKey,
}

/// The private members, by `kty`.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum SecretKey {
    /// `RSA`.
    Rsa(RsaSecret),
    /// `EC`.
    Ec(EcSecret),
    /// `oct`.
    Oct(OctSecret),
}

/// The members of an RSA private key that `n`, `e` and `d` determine, as big-endian
/// integers: all five, or none ([`SecretJwk::from_rsa_components`]).
#[derive(Clone, Copy)]
pub struct RsaCrt<'a> {
    /// The first prime.
    pub p: &'a [u8],
    /// The second prime.
    pub q: &'a [u8],
    /// `d` modulo `p - 1`.
    pub dp: &'a [u8],
    /// `d` modulo `q - 1`.
    pub dq: &'a [u8],
    /// The inverse of `q` modulo `p`.
    pub qi: &'a [u8],
}

impl fmt::Debug for RsaCrt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaCrt(..)")
    }
}

impl SecretJwk {
    /// A key from its checked halves.
    pub(crate) fn from_parts(public: Jwk, secret: SecretKey) -> Self {
        SecretJwk { public, secret }
    }

    /// An RSA key from big-endian integers; leading zero bytes are accepted. Without
    /// `crt` the primes are recovered from `d` (SP 800-56B appendix C.2).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for the number that is wrong.
    pub fn from_rsa_components(
        n: &[u8],
        e: &[u8],
        d: &[u8],
        crt: Option<RsaCrt<'_>>,
    ) -> Result<Self, Error> {
        let public = RsaPublic::from_components(n, e)?;
        let given = RsaMembers {
            d,
            p: crt.map(|crt| crt.p),
            q: crt.map(|crt| crt.q),
            dp: crt.map(|crt| crt.dp),
            dq: crt.map(|crt| crt.dq),
            qi: crt.map(|crt| crt.qi),
        };
        let secret = RsaSecret::from_members(&public, &given)?;
        let public = Jwk::new(PublicKey::Rsa(public));
        Ok(SecretJwk::from_parts(public, SecretKey::Rsa(secret)))
    }

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

    /// A second copy, for work that may outlive the caller. Not `Clone`: copies of secrets are
    /// made where it is said why.
    #[cfg(feature = "pkcs11")]
    pub(crate) fn duplicate(&self) -> Self {
        let copy = |bytes: &crate::secret::SecretBytes| {
            crate::secret::SecretBytes::copy_of(bytes.expose())
        };
        let secret = match &self.secret {
            SecretKey::Rsa(key) => SecretKey::Rsa(RsaSecret {
                d: copy(&key.d),
                p: copy(&key.p),
                q: copy(&key.q),
                dp: copy(&key.dp),
                dq: copy(&key.dq),
                qi: copy(&key.qi),
            }),
            SecretKey::Ec(key) => SecretKey::Ec(EcSecret { d: copy(&key.d) }),
            SecretKey::Oct(key) => SecretKey::Oct(OctSecret { k: copy(&key.k) }),
        };
        SecretJwk::from_parts(self.public.clone(), secret)
    }

    /// The public half, with everything else that the JWK said. Unknown members are part of
    /// it: who hides a secret in one publishes it with this.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// `kid`, `use`, `key_ops`, `alg` and the like, to be changed.
    #[must_use]
    pub fn meta_mut(&mut self) -> &mut Meta {
        self.public.meta_mut()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    /// These are not given out, but they are in what is, and derive their `Debug`.
    #[test]
    fn the_parts_show_lengths_alone() {
        let oct = SecretJwk::from_oct(&[0xA5; 16]).unwrap();
        let shown = format!("{:?}", oct.secret());
        assert_eq!(shown, "Oct(OctSecret { k: SecretBytes(16 bytes) })");
        let ec = SecretJwk::from_ec_scalar(Curve::P256, &[0x5A; 32]).unwrap();
        let shown = format!("{:?}", ec.secret());
        assert_eq!(shown, "Ec(EcSecret { d: SecretBytes(32 bytes) })");
        let bytes = || SecretBytes::copy_of(&[0xA5; 3]);
        let rsa = RsaSecret {
            d: bytes(),
            p: bytes(),
            q: bytes(),
            dp: bytes(),
            dq: bytes(),
            qi: bytes(),
        };
        let shown = format!("{rsa:?}");
        assert_eq!(shown.matches("SecretBytes(3 bytes)").count(), 6);
        assert!(!shown.contains("165"));
    }
}
