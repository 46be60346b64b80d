//! Keys and signatures in the forms that others use: DER and PEM.
//!
//! | form | of | standard | PEM label |
//! |---|---|---|---|
//! | SPKI | public keys | RFC 5280 section 4.1.2.7 | `PUBLIC KEY` |
//! | PKCS #1 | RSA keys | RFC 8017 appendix A.1 | `RSA PUBLIC KEY`, `RSA PRIVATE KEY` |
//! | SEC 1 | EC private keys | RFC 5915 | `EC PRIVATE KEY` |
//! | PKCS #8 | private keys | RFC 5958 | `PRIVATE KEY` |
//! | PKCS #8, encrypted | private keys | RFC 5958 section 3, RFC 8018 | `ENCRYPTED PRIVATE KEY` |
//!
//! Beside these, [`ByokBlob`] is the JSON file in which a wrapped key comes for import.
//!
//! The conversions are methods of [`Jwk`](crate::jwk::Jwk) and
//! [`SecretJwk`](crate::jwk::SecretJwk). What is read passes the same checks as the
//! members of a JWK, and errors name those members; `spki`, `pkcs1`, `sec1`, `pkcs8` and
//! `pem` stand for the whole. DER is strict: no trailing bytes, no BER lengths, no
//! padded integers. A curve is given by name: parameters spelled out are refused, since
//! whoever chooses the generator chooses who can sign (CVE-2020-0601).
//!
//! ```
//! use strongroom::Curve;
//! use strongroom::jwk::{Jwk, SecretJwk};
//!
//! let key = SecretJwk::from_ec_scalar(Curve::P256, &[7; 32])?;
//! let pem = key.to_pkcs8_pem_exposing_secret()?;
//! assert!(pem.expose().starts_with(b"-----BEGIN PRIVATE KEY-----\n"));
//! assert_eq!(SecretJwk::from_pem(pem.expose())?, key);
//!
//! let public = key.public().to_spki_pem()?;
//! assert_eq!(&Jwk::from_pem(public.as_bytes())?, key.public());
//! # Ok::<(), strongroom::Error>(())
//! ```

pub mod ecdsa_sig;

mod byok;
pub(crate) mod hex;
mod oid;
#[cfg(feature = "pkcs11")]
pub(crate) use oid::ec_parameters;
mod pbes2;
mod pem;
mod pkcs1;
mod pkcs8;
mod sec1;
mod spki;

pub use byok::{ByokBlob, TransferKind};
pub use pbes2::PasswordKdf;

use der::{Decode, Encode, SecretDocument};

use crate::error::{Error, Rule};
use crate::jwk::MAX_JWK_LEN;
use crate::secret::SecretBytes;

/// Reads a DER structure that is all of the input. `whole` is its name in errors.
fn decode<'a, T: Decode<'a>>(whole: &'static str, der: &'a [u8]) -> Result<T, Error> {
    check_len(whole, der)?;
    T::from_der(der).map_err(|_| Error::invalid(whole, Rule::Encoding))
}

/// Keys in these forms are shorter than in JSON, so JSON's limit serves for them too.
fn check_len(whole: &'static str, input: &[u8]) -> Result<(), Error> {
    if input.len() > MAX_JWK_LEN {
        return Err(Error::invalid(whole, Rule::TooLong(MAX_JWK_LEN)));
    }
    Ok(())
}

/// Writes a structure that holds no secret.
fn encode(whole: &'static str, value: &impl Encode) -> Result<Vec<u8>, Error> {
    value
        .to_der()
        .map_err(|_| Error::invalid(whole, Rule::Encoding))
}

/// Writes a structure that holds secrets, in buffers that are erased.
fn encode_secret(whole: &'static str, value: &impl Encode) -> Result<SecretBytes, Error> {
    let der = SecretDocument::encode_msg(value);
    let der = der.map_err(|_| Error::invalid(whole, Rule::Encoding))?;
    Ok(SecretBytes::copy_of(der.as_bytes()))
}

/// The error for a key that a form has no place for: symmetric keys have none at all.
fn not_with_key() -> Error {
    Error::invalid("kty", Rule::NotWithKey)
}
