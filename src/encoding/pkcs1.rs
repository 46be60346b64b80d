//! RSA keys in the form of PKCS #1 (RFC 8017 appendix A.1).

use der::asn1::UintRef;
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef, Version};

use super::{decode, encode, encode_secret, not_with_key};
use crate::error::{Error, Rule};
use crate::jwk::{Jwk, PublicKey, RsaCrt, RsaPublic, RsaSecret, SecretJwk, SecretKey};
use crate::secret::SecretBytes;

/// Its name in errors.
const WHOLE: &str = "pkcs1";

impl Jwk {
    /// Reads an `RSAPublicKey`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `pkcs1`, `n` or `e`.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, Error> {
        read_public(der).map(PublicKey::Rsa).map(Jwk::new)
    }

    /// Writes an `RSAPublicKey`.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `kty` unless the key is RSA.
    pub fn to_pkcs1_der(&self) -> Result<Vec<u8>, Error> {
        match self.key() {
            PublicKey::Rsa(key) => write_public(key),
            _ => Err(not_with_key()),
        }
    }
}

impl SecretJwk {
    /// Reads an `RSAPrivateKey` with two primes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `pkcs1` or the number that
    /// is wrong; [`Rule::Unsupported`] for `oth` if there are more primes.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, Error> {
        let key: RsaPrivateKeyRef<'_> = decode(WHOLE, der)?;
        if key.version() != Version::TwoPrime {
            return Err(Error::invalid("oth", Rule::Unsupported));
        }
        let crt = RsaCrt {
            p: key.prime1.as_bytes(),
            q: key.prime2.as_bytes(),
            dp: key.exponent1.as_bytes(),
            dq: key.exponent2.as_bytes(),
            qi: key.coefficient.as_bytes(),
        };
        let [n, e] = [key.modulus, key.public_exponent].map(|number| number.as_bytes());
        SecretJwk::from_rsa_components(n, e, key.private_exponent.as_bytes(), Some(crt))
    }

    /// Writes an `RSAPrivateKey`.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `kty` unless the key is RSA.
    pub fn to_pkcs1_der_exposing_secret(&self) -> Result<SecretBytes, Error> {
        match (self.public().key(), self.secret()) {
            (PublicKey::Rsa(public), SecretKey::Rsa(secret)) => write_secret(public, secret),
            _ => Err(not_with_key()),
        }
    }
}

pub(super) fn read_public(der: &[u8]) -> Result<RsaPublic, Error> {
    let key: RsaPublicKeyRef<'_> = decode(WHOLE, der)?;
    RsaPublic::from_components(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

pub(super) fn write_public(key: &RsaPublic) -> Result<Vec<u8>, Error> {
    let (n, e) = (key.n(), key.e());
    encode(
        WHOLE,
        &RsaPublicKeyRef {
            modulus: uint(&n)?,
            public_exponent: uint(&e)?,
        },
    )
}

fn write_secret(public: &RsaPublic, secret: &RsaSecret) -> Result<SecretBytes, Error> {
    let (n, e) = (public.n(), public.e());
    let key = RsaPrivateKeyRef {
        modulus: uint(&n)?,
        public_exponent: uint(&e)?,
        private_exponent: uint(secret.d.expose())?,
        prime1: uint(secret.p.expose())?,
        prime2: uint(secret.q.expose())?,
        exponent1: uint(secret.dp.expose())?,
        exponent2: uint(secret.dq.expose())?,
        coefficient: uint(secret.qi.expose())?,
        other_prime_infos: None,
    };
    encode_secret(WHOLE, &key)
}

/// A positive integer; leading zeros are left away.
fn uint(bytes: &[u8]) -> Result<UintRef<'_>, Error> {
    UintRef::new(bytes).map_err(|_| Error::invalid(WHOLE, Rule::Encoding))
}
