//! Private keys in the form of PKCS #8 (RFC 5958), plain and encrypted.

use der::Decode;
use der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};

use super::oid::{self, KeyKind};
use super::pbes2::{self, PasswordKdf};
use super::{decode, encode, encode_secret, not_with_key, pkcs1, sec1};
use crate::error::{Error, Rule};
use crate::jwk::{PublicKey, SecretJwk, SecretKey};
use crate::secret::SecretBytes;

/// Its name in errors.
const WHOLE: &str = "pkcs8";

impl SecretJwk {
    /// Reads a `PrivateKeyInfo` or `OneAsymmetricKey`: RSA with two primes, or EC on a
    /// named curve. A public key beside the private one is compared; attributes are
    /// not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `pkcs8`, its `algorithm` or
    /// `parameters`, or for a member of the key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        read(&decode(WHOLE, der)?)
    }

    /// Writes a `PrivateKeyInfo`.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `kty` if the key is symmetric.
    pub fn to_pkcs8_der_exposing_secret(&self) -> Result<SecretBytes, Error> {
        match (self.public().key(), self.secret()) {
            (PublicKey::Ec(public), SecretKey::Ec(secret)) => {
                let key = sec1::write(public, secret, false)?;
                let curve = oid::curve_oid(public.curve());
                write(oid::ec(&curve), &key)
            }
            (PublicKey::Rsa(_), _) => write(oid::rsa(), &self.to_pkcs1_der_exposing_secret()?),
            _ => Err(not_with_key()),
        }
    }

    /// Reads an `EncryptedPrivateKeyInfo`: PBES2 with scrypt, or with PBKDF2 and HMAC
    /// of SHA-2, and AES in CBC or GCM mode. The older schemes are refused, and so are
    /// costs that would keep this machine busy for long.
    ///
    /// # Errors
    /// As [`SecretJwk::from_pkcs8_der`]; [`Rule::Password`] for `password` if it does
    /// not open it (or what it opens is no key, which CBC mode cannot tell apart);
    /// [`Rule::OutOfRange`] for `iterations` or `scrypt`.
    pub fn from_encrypted_pkcs8_der(der: &[u8], password: &[u8]) -> Result<Self, Error> {
        let info: EncryptedPrivateKeyInfoRef<'_> = decode(WHOLE, der)?;
        let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
            return Err(Error::invalid("algorithm", Rule::Unsupported));
        };
        let mut buffer = SecretBytes::copy_of(info.encrypted_data.as_bytes());
        let plain = pbes2::decrypt(parameters, password, &mut buffer)?;
        let info = PrivateKeyInfoRef::from_der(plain);
        read(&info.map_err(|_| Error::invalid("password", Rule::Password))?)
    }

    /// Writes an `EncryptedPrivateKeyInfo`: PBES2 with `kdf` and AES-256-CBC, as OpenSSL
    /// reads it, with fresh salt and IV.
    ///
    /// PBES2 with CBC mode keeps a key secret, and notices no change to it.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `kty` if the key is symmetric; [`Rule::Empty`] for
    /// `password`; [`ErrorKind::Randomness`](crate::ErrorKind::Randomness).
    pub fn to_encrypted_pkcs8_der(
        &self,
        password: &[u8],
        kdf: PasswordKdf,
    ) -> Result<Vec<u8>, Error> {
        let plain = self.to_pkcs8_der_exposing_secret()?;
        let (parameters, ciphertext) = pbes2::encrypt(kdf, password, &plain)?;
        let wrong = |_| Error::invalid(WHOLE, Rule::Encoding);
        let info = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: EncryptionScheme::Pbes2(parameters),
            encrypted_data: OctetStringRef::new(&ciphertext).map_err(wrong)?,
        };
        encode(WHOLE, &info)
    }
}

fn read(info: &PrivateKeyInfoRef<'_>) -> Result<SecretJwk, Error> {
    let key = info.private_key.as_bytes();
    let beside = info.public_key.as_ref().map(|bits| {
        let bytes = bits.as_bytes();
        bytes.ok_or_else(|| Error::invalid(WHOLE, Rule::Encoding))
    });
    let beside = beside.transpose()?;
    match KeyKind::read(&info.algorithm)? {
        KeyKind::Rsa => {
            let jwk = SecretJwk::from_pkcs1_der(key)?;
            let public = beside
                .map(pkcs1::read_public)
                .transpose()?
                .map(PublicKey::Rsa);
            if public.is_some_and(|public| public != *jwk.public().key()) {
                return Err(Error::invalid("n", Rule::Inconsistent));
            }
            Ok(jwk)
        }
        KeyKind::Ec(curve) => {
            let jwk = sec1::read(key, Some(curve))?;
            if let Some(point) = beside {
                sec1::check_point(&jwk, point)?;
            }
            Ok(jwk)
        }
    }
}

fn write(
    algorithm: ::spki::AlgorithmIdentifierRef<'_>,
    key: &SecretBytes,
) -> Result<SecretBytes, Error> {
    let key = OctetStringRef::new(key.expose());
    let key = key.map_err(|_| Error::invalid(WHOLE, Rule::Encoding))?;
    encode_secret(WHOLE, &PrivateKeyInfoRef::new(algorithm, key))
}
