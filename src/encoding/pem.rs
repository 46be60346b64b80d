//! The textual form of all of them (RFC 7468): the label decides.

use pem_rfc7468::{Decoder, LineEnding};

use super::check_len;
use super::pbes2::PasswordKdf;
use crate::error::{Error, Rule};
use crate::jwk::{Jwk, SecretJwk};
use crate::secret::SecretBytes;

const SPKI: &str = "PUBLIC KEY";
const PKCS1_PUBLIC: &str = "RSA PUBLIC KEY";
const PKCS8: &str = "PRIVATE KEY";
const PKCS8_ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PKCS1_PRIVATE: &str = "RSA PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";

impl Jwk {
    /// Reads a public key from PEM, `PUBLIC KEY` or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `pem` ([`Rule::Private`] if
    /// the label says so), or for what is in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let (label, der) = decode(pem)?;
        match label {
            SPKI => Jwk::from_spki_der(der.expose()),
            PKCS1_PUBLIC => Jwk::from_pkcs1_der(der.expose()),
            PKCS8 | PKCS8_ENCRYPTED | PKCS1_PRIVATE | SEC1 => {
                Err(Error::invalid("pem", Rule::Private))
            }
            _ => Err(Error::invalid("pem", Rule::UnknownName)),
        }
    }

    /// Writes [`Jwk::to_spki_der`] as PEM.
    ///
    /// # Errors
    /// As [`Jwk::to_spki_der`].
    pub fn to_spki_pem(&self) -> Result<String, Error> {
        encode_public(SPKI, &self.to_spki_der()?)
    }

    /// Writes [`Jwk::to_pkcs1_der`] as PEM.
    ///
    /// # Errors
    /// As [`Jwk::to_pkcs1_der`].
    pub fn to_pkcs1_pem(&self) -> Result<String, Error> {
        encode_public(PKCS1_PUBLIC, &self.to_pkcs1_der()?)
    }
}

impl SecretJwk {
    /// Reads a private key from PEM: `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `pem`, or for what is in it;
    /// [`Rule::Missing`] for `password` if it is encrypted.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let (label, der) = decode(pem)?;
        match label {
            PKCS8 => SecretJwk::from_pkcs8_der(der.expose()),
            PKCS1_PRIVATE => SecretJwk::from_pkcs1_der(der.expose()),
            SEC1 => SecretJwk::from_sec1_der(der.expose()),
            PKCS8_ENCRYPTED => Err(Error::invalid("password", Rule::Missing)),
            SPKI | PKCS1_PUBLIC => Err(Error::invalid("pem", Rule::Unexpected)),
            _ => Err(Error::invalid("pem", Rule::UnknownName)),
        }
    }

    /// Reads a private key from PEM, `ENCRYPTED PRIVATE KEY`.
    ///
    /// # Errors
    /// As [`SecretJwk::from_encrypted_pkcs8_der`]; [`Rule::Unexpected`] for `pem` if it
    /// is not encrypted: a caller who gives a password believes that it is.
    pub fn from_encrypted_pem(pem: &[u8], password: &[u8]) -> Result<Self, Error> {
        let (label, der) = decode(pem)?;
        match label {
            PKCS8_ENCRYPTED => SecretJwk::from_encrypted_pkcs8_der(der.expose(), password),
            PKCS8 | PKCS1_PRIVATE | SEC1 | SPKI | PKCS1_PUBLIC => {
                Err(Error::invalid("pem", Rule::Unexpected))
            }
            _ => Err(Error::invalid("pem", Rule::UnknownName)),
        }
    }

    /// Writes [`SecretJwk::to_pkcs8_der_exposing_secret`] as PEM.
    ///
    /// # Errors
    /// As there.
    pub fn to_pkcs8_pem_exposing_secret(&self) -> Result<SecretBytes, Error> {
        encode(PKCS8, self.to_pkcs8_der_exposing_secret()?.expose())
    }

    /// Writes [`SecretJwk::to_pkcs1_der_exposing_secret`] as PEM.
    ///
    /// # Errors
    /// As there.
    pub fn to_pkcs1_pem_exposing_secret(&self) -> Result<SecretBytes, Error> {
        encode(PKCS1_PRIVATE, self.to_pkcs1_der_exposing_secret()?.expose())
    }

    /// Writes [`SecretJwk::to_sec1_der_exposing_secret`] as PEM.
    ///
    /// # Errors
    /// As there.
    pub fn to_sec1_pem_exposing_secret(&self) -> Result<SecretBytes, Error> {
        encode(SEC1, self.to_sec1_der_exposing_secret()?.expose())
    }

    /// Writes [`SecretJwk::to_encrypted_pkcs8_der`] as PEM.
    ///
    /// # Errors
    /// As there.
    pub fn to_encrypted_pkcs8_pem(
        &self,
        password: &[u8],
        kdf: PasswordKdf,
    ) -> Result<String, Error> {
        encode_public(
            PKCS8_ENCRYPTED,
            &self.to_encrypted_pkcs8_der(password, kdf)?,
        )
    }
}

/// Label and content, in a buffer that is erased. Lines may have any one width.
fn decode(pem: &[u8]) -> Result<(&str, SecretBytes), Error> {
    check_len("pem", pem)?;
    let wrong = |_| Error::invalid("pem", Rule::Encoding);
    let mut decoder = Decoder::new_detect_wrap(pem).map_err(wrong)?;
    let mut der = SecretBytes::zeroed(decoder.remaining_len());
    decoder.decode(der.expose_mut()).map_err(wrong)?;
    if !decoder.is_finished() {
        return Err(Error::invalid("pem", Rule::Encoding));
    }
    Ok((decoder.type_label(), der))
}

fn encode(label: &str, der: &[u8]) -> Result<SecretBytes, Error> {
    let wrong = |_| Error::invalid("pem", Rule::Encoding);
    let len = pem_rfc7468::encoded_len(label, LineEnding::LF, der).map_err(wrong)?;
    let mut out = SecretBytes::zeroed(len);
    pem_rfc7468::encode(label, LineEnding::LF, der, out.expose_mut()).map_err(wrong)?;
    Ok(out)
}

fn encode_public(label: &str, der: &[u8]) -> Result<String, Error> {
    pem_rfc7468::encode_string(label, LineEnding::LF, der)
        .map_err(|_| Error::invalid("pem", Rule::Encoding))
}
