//! Thumbprints (RFC 7638): a name for a key that follows from the key alone.

use std::fmt;

use super::write::{CurveNames, Object};
use super::{Jwk, PublicKey, SecretJwk, SecretKey, base64url};
use crate::alg::{Hash, HashValue};
use crate::error::{Error, Rule};

/// The hash of a key's required members in their canonical form (RFC 7638 section 3).
///
/// `Display` writes it as base64url, the form used as a `kid`.
///
/// ```
/// use strongroom::jwk::Jwk;
///
/// let key = Jwk::from_json(br#"{"kty":"EC-HSM","crv":"P-256","kid":"1",
///     "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
///     "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#)?;
/// let thumbprint = key.thumbprint()?;
/// assert_eq!(thumbprint.to_string(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
/// assert_eq!(
///     thumbprint.to_uri(),
///     "urn:ietf:params:oauth:jwk-thumbprint:sha-256:cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
/// );
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Thumbprint(HashValue);

impl Thumbprint {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.0.hash()
    }

    /// As a URI (RFC 9278).
    #[must_use]
    pub fn to_uri(&self) -> String {
        let hash = self.hash().to_string().to_ascii_lowercase();
        format!("urn:ietf:params:oauth:jwk-thumbprint:{hash}:{self}")
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.as_bytes()))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

impl Jwk {
    /// The thumbprint with SHA-256, as good as everyone uses it.
    ///
    /// It follows from the key, not from the spelling: leading zeros of integers,
    /// `-HSM` in `kty` and Key Vault's name for secp256k1 make no difference.
    ///
    /// # Errors
    /// [`Rule::Missing`] for `k`: a symmetric key's thumbprint is a hash of the secret,
    /// see [`SecretJwk::thumbprint`].
    pub fn thumbprint(&self) -> Result<Thumbprint, Error> {
        self.thumbprint_with(Hash::Sha256)
    }

    /// The same with another hash function.
    ///
    /// # Errors
    /// As [`Jwk::thumbprint`]; [`Rule::Unsupported`] for `hash` if it is SHA-1, with
    /// which two keys could be made to share a thumbprint.
    pub fn thumbprint_with(&self, hash: Hash) -> Result<Thumbprint, Error> {
        check(hash)?;
        let mut object = Object::begin();
        match &self.key {
            PublicKey::Rsa(key) => {
                object.base64url("e", key.e());
                object.text("kty", "RSA");
                object.base64url("n", key.n());
            }
            PublicKey::Ec(key) => {
                let (x, y) = key.coordinates();
                object.text("crv", CurveNames::Rfc.name(key.curve()));
                object.text("kty", "EC");
                object.base64url("x", x);
                object.base64url("y", y);
            }
            PublicKey::Oct(_) => return Err(Error::invalid("k", Rule::Missing)),
        }
        let text = object.end().into_text();
        Ok(Thumbprint(hash.hash(text.as_bytes())))
    }
}

impl SecretJwk {
    /// The thumbprint with SHA-256; of an RSA or EC key it is that of the public half.
    ///
    /// A symmetric key's thumbprint is a hash of the key itself. Whoever sees it can
    /// test guesses against it, so it is not to be published unless the key is random
    /// (RFC 7638 section 7), and is best kept from logs and from `kid` altogether.
    ///
    /// # Errors
    /// None today.
    pub fn thumbprint(&self) -> Result<Thumbprint, Error> {
        self.thumbprint_with(Hash::Sha256)
    }

    /// The same with another hash function.
    ///
    /// # Errors
    /// [`Rule::Unsupported`] for `hash` if it is SHA-1.
    pub fn thumbprint_with(&self, hash: Hash) -> Result<Thumbprint, Error> {
        let SecretKey::Oct(secret) = self.secret() else {
            return self.public().thumbprint_with(hash);
        };
        check(hash)?;
        let mut object = Object::begin();
        object.base64url("k", secret.k.expose());
        object.text("kty", "oct");
        let text = object.end().into_secret();
        Ok(Thumbprint(hash.hash(text.expose())))
    }
}

fn check(hash: Hash) -> Result<(), Error> {
    match hash {
        Hash::Sha1 => Err(Error::invalid("hash", Rule::Unsupported)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 section 3.1.
    const RFC_7638: &str = concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86"#,
        "zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93l",
        "qt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h",
        "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1",
        r#"jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    );

    #[test]
    fn the_rfcs_example() {
        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        let key = Jwk::from_json(RFC_7638.as_bytes()).unwrap();
        assert_eq!(key.thumbprint().unwrap().to_string(), expected);
        // The service has been seen writing e as 00 01 00 01.
        let other = RFC_7638
            .replace("AQAB", "AAEAAQ")
            .replace("\"RSA\"", "\"RSA-HSM\"");
        let key = Jwk::from_json(other.as_bytes()).unwrap();
        assert_eq!(key.thumbprint().unwrap().to_string(), expected);
        assert!(key.to_json().contains("\"AQAB\""));
    }

    #[test]
    fn symmetric_keys_have_one_with_their_secret_alone() {
        let key = SecretJwk::from_oct(&[1; 16]).unwrap();
        assert!(key.public().thumbprint().is_err());
        let text = br#"{"k":"AQEBAQEBAQEBAQEBAQEBAQ","kty":"oct"}"#;
        let expected = Hash::Sha512.hash(text);
        assert_eq!(
            key.thumbprint_with(Hash::Sha512).unwrap().as_bytes(),
            expected.as_bytes()
        );
        assert!(key.thumbprint_with(Hash::Sha1).is_err());
    }
}
