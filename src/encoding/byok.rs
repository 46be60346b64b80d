//! The `.byok` file: a key wrapped for import ("bring your own key").
//!
//! ```json
//! {
//!   "schema_version": "1.0.0",
//!   "header": { "kid": "<the KEK's id>", "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP" },
//!   "ciphertext": "<base64url>",
//!   "generator": "<free text>"
//! }
//! ```
//!
//! An import request carries the whole file, in base64, as the member `key_hsm`. The reader is
//! strict: each member once, of its type, and no others.

use std::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use crate::alg::{Curve, KeySpec, OpSet, SEMIBLOCK, TransferAlg};
use crate::error::{Error, Rule};
use crate::jwk::{base64url, oct_spec};

/// The whole, in errors.
const WHOLE: &str = "key_hsm";
const SCHEMA: &str = "1.0.0";
/// The AES key is the content key itself: nothing else is agreed on.
const DIRECT: &str = "dir";

/// A key wrapped for import, and the key (the KEK) that it is wrapped for.
///
/// It is made by [`public::wrap_for_import`](crate::public::wrap_for_import) or by another
/// vendor's tool, and read by [`Vault::import_byok`](crate::vault::Vault::import_byok).
///
/// ```
/// use strongroom::encoding::ByokBlob;
/// let file = br#"{"schema_version":"1.0.0",
///     "header":{"kid":"https://hsm.example/keys/kek/00","alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},
///     "ciphertext":"AAAA","generator":"a tool"}"#;
/// let blob = ByokBlob::from_json(file)?;
/// assert_eq!(blob.kid(), "https://hsm.example/keys/kek/00");
/// assert_eq!(ByokBlob::from_key_hsm(&blob.to_key_hsm())?, blob);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ByokBlob {
    kid: String,
    enc: TransferAlg,
    ciphertext: Vec<u8>,
    generator: Option<String>,
}

/// What an import request says of the key inside, which the blob does not tell: `kty`, and
/// for an elliptic curve `crv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferKind {
    /// `RSA` and `RSA-HSM`. The size follows from the blob's length.
    Rsa,
    /// `EC` and `EC-HSM`.
    Ec(Curve),
    /// `oct` and `oct-HSM`. The size follows from the blob's length.
    Oct,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    schema_version: Option<String>,
    header: Option<Header>,
    ciphertext: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generator: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kid: Option<String>,
    alg: Option<String>,
    enc: Option<String>,
}

impl ByokBlob {
    /// The longest file read, in bytes; of an RSA-4096 key under an RSA-4096 key it has
    /// about 4,300.
    pub const MAX_LEN: usize = 32 * 1024;
    /// The most bytes in `kid` and in `generator`.
    pub const MAX_TEXT: usize = 1024;

    /// # Errors
    /// [`Rule::Empty`] or [`Rule::TooLong`] for `kid` or `ciphertext`.
    pub fn new(kid: &str, enc: TransferAlg, ciphertext: Vec<u8>) -> Result<Self, Error> {
        check_text("kid", kid)?;
        if ciphertext.is_empty() {
            return Err(Error::invalid("ciphertext", Rule::Empty));
        }
        if ciphertext.len() > ByokBlob::MAX_LEN / 2 {
            let rule = Rule::TooLong(ByokBlob::MAX_LEN / 2);
            return Err(Error::invalid("ciphertext", rule));
        }
        Ok(ByokBlob {
            kid: kid.to_owned(),
            enc,
            ciphertext,
            generator: None,
        })
    }

    /// With a word about what made it.
    ///
    /// # Errors
    /// [`Rule::TooLong`] for `generator`.
    pub fn with_generator(mut self, generator: &str) -> Result<Self, Error> {
        if generator.len() > ByokBlob::MAX_TEXT {
            return Err(Error::invalid(
                "generator",
                Rule::TooLong(ByokBlob::MAX_TEXT),
            ));
        }
        self.generator = Some(generator.to_owned());
        Ok(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `key_hsm` (the whole) or for
    /// the member that is wrong.
    pub fn from_json(file: &[u8]) -> Result<Self, Error> {
        if file.len() > ByokBlob::MAX_LEN {
            return Err(Error::invalid(WHOLE, Rule::TooLong(ByokBlob::MAX_LEN)));
        }
        let wire: Wire =
            serde_json::from_slice(file).map_err(|_| Error::invalid(WHOLE, Rule::Syntax))?;
        expect("schema_version", wire.schema_version, SCHEMA)?;
        let header = required("header", wire.header)?;
        expect("alg", header.alg, DIRECT)?;
        let enc = required("enc", header.enc)?.parse()?;
        let ciphertext = required("ciphertext", wire.ciphertext)?;
        let ciphertext = base64url::decode("ciphertext", &ciphertext)?;
        let kid = required("kid", header.kid)?;
        let blob = ByokBlob::new(&kid, enc, ciphertext.expose().to_vec())?;
        match &wire.generator {
            Some(generator) => blob.with_generator(generator),
            None => Ok(blob),
        }
    }

    /// Writes the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let wire = Wire {
            schema_version: Some(SCHEMA.into()),
            header: Some(Header {
                kid: Some(self.kid.clone()),
                alg: Some(DIRECT.into()),
                enc: Some(self.enc.to_string()),
            }),
            ciphertext: Some(base64url::encode(&self.ciphertext)),
            generator: self.generator.clone(),
        };
        // Strings under string keys: nothing that JSON could not say.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads the member `key_hsm` of an import request. The service's pages say base64 and
    /// its other members are base64url: both alphabets are read, with padding or without.
    ///
    /// # Errors
    /// [`Rule::Base64Url`] for `key_hsm`; those of [`from_json`](ByokBlob::from_json).
    pub fn from_key_hsm(text: &str) -> Result<Self, Error> {
        // Four characters for three bytes.
        if text.len() > ByokBlob::MAX_LEN / 3 * 4 + 4 {
            return Err(Error::invalid(WHOLE, Rule::TooLong(ByokBlob::MAX_LEN)));
        }
        let unpadded = text.strip_suffix("==").or_else(|| text.strip_suffix('='));
        let text: String = unpadded
            .unwrap_or(text)
            .chars()
            .map(|c| match c {
                '+' => '-',
                '/' => '_',
                c => c,
            })
            .collect();
        let file = Base64UrlUnpadded::decode_vec(&text);
        ByokBlob::from_json(&file.map_err(|_| Error::invalid(WHOLE, Rule::Base64Url))?)
    }

    /// Writes the member `key_hsm` of an import request.
    #[must_use]
    pub fn to_key_hsm(&self) -> String {
        Base64::encode_string(self.to_json().as_bytes())
    }

    /// The identifier of the key that it is wrapped for.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// How it is wrapped.
    #[must_use]
    pub fn enc(&self) -> TransferAlg {
        self.enc
    }

    /// The wrapped key.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }

    /// What made it, in its own words.
    #[must_use]
    pub fn generator(&self) -> Option<&str> {
        self.generator.as_deref()
    }

    /// The kind of the key inside, as far as lengths tell, if it is wrapped under a key of
    /// the kind `kek`. Lengths are public; what is inside may still be something else, and
    /// is then refused when it is opened.
    ///
    /// # Errors
    /// [`Rule::Inconsistent`] for `ciphertext` if no such key makes this length.
    pub fn spec(
        &self,
        kind: TransferKind,
        kek: KeySpec,
        ops: Option<OpSet>,
    ) -> Result<KeySpec, Error> {
        let wrong = || Error::invalid("ciphertext", Rule::Inconsistent);
        let around = kek.byte_len() + SEMIBLOCK;
        let len = self
            .ciphertext
            .len()
            .checked_sub(around)
            .ok_or_else(wrong)?;
        match kind {
            TransferKind::Ec(curve) => Ok(KeySpec::Ec(curve)),
            TransferKind::Oct => {
                let bits = u32::try_from(8 * len).map_err(|_| wrong())?;
                oct_spec(bits, ops)?.check().map_err(|_| wrong())
            }
            // PKCS #8 takes about 1220, 1790 and 2380 bytes for the three sizes.
            TransferKind::Rsa => match len {
                1100..1500 => Ok(KeySpec::Rsa { bits: 2048 }),
                1500..2080 => Ok(KeySpec::Rsa { bits: 3072 }),
                2080..2700 => Ok(KeySpec::Rsa { bits: 4096 }),
                _ => Err(wrong()),
            },
        }
    }
}

impl fmt::Debug for ByokBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByokBlob")
            .field("kid", &self.kid)
            .field("enc", &self.enc)
            .field("ciphertext", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if text.len() > ByokBlob::MAX_TEXT {
        return Err(Error::invalid(field, Rule::TooLong(ByokBlob::MAX_TEXT)));
    }
    Ok(())
}

fn required<T>(field: &'static str, member: Option<T>) -> Result<T, Error> {
    member.ok_or_else(|| Error::invalid(field, Rule::Missing))
}

fn expect(field: &'static str, member: Option<String>, known: &str) -> Result<(), Error> {
    if required(field, member)? == known {
        return Ok(());
    }
    Err(Error::invalid(field, Rule::Unsupported))
}
