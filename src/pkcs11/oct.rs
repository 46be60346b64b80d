//! AES: encryption, and the wrapping of a caller's bytes.
//!
//! Tokens wrap objects. A caller's bytes become one for a moment: a session object that is
//! destroyed whatever happens. Where the token also encrypts with the wrapping mechanism,
//! that is used instead.

use cryptoki_sys::*;
use zeroize::Zeroize;

use super::error::Trouble;
use super::mechanism::Mechanism;
use super::raw::{Attribute, Value};
use super::template::readable;
use super::token::Desk;
use crate::alg::{EncryptScheme, SEMIBLOCK};
use crate::error::{Error, ErrorKind};
use crate::fit::{Ciphertext, GCM_IV_LEN, GCM_TAG_LEN, Sealed};
use crate::handle::KeyHandle;
use crate::secret::SecretBytes;

/// The AES block, in bytes.
const BLOCK: usize = 16;

/// By which function a token wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyWrap {
    /// `C_Encrypt` and `C_Decrypt`.
    Crypt(CK_MECHANISM_TYPE),
    /// `C_WrapKey` and `C_UnwrapKey`.
    Object(CK_MECHANISM_TYPE),
}

/// Content to encrypt, owned: the call may outlive its caller.
pub(super) struct Plain {
    pub(super) scheme: EncryptScheme,
    pub(super) plaintext: SecretBytes,
    pub(super) iv: Option<[u8; BLOCK]>,
    pub(super) aad: Vec<u8>,
}

/// Content to decrypt.
pub(super) struct Encrypted {
    pub(super) scheme: EncryptScheme,
    pub(super) ciphertext: Vec<u8>,
    pub(super) cbc: Option<[u8; BLOCK]>,
    pub(super) gcm: Option<(Sealed, Vec<u8>)>,
}

impl Desk<'_> {
    /// Encrypts, or gives `None` for a scheme that is not one of AES.
    pub(super) fn aes_encrypt(
        &mut self,
        key: &KeyHandle,
        content: &Plain,
    ) -> Result<Option<Ciphertext>, Trouble> {
        let known = self.resolve(key)?;
        let plaintext = content.plaintext.expose();
        let padded = (plaintext.len() / BLOCK + 1) * BLOCK;
        let (library, object) = (self.library, known.object);
        match (content.scheme, content.iv) {
            (EncryptScheme::Gcm(_), None) => {
                let mut iv = [0; GCM_IV_LEN];
                getrandom::fill(&mut iv).map_err(|_| Error::from(ErrorKind::Randomness))?;
                let mut mechanism = Mechanism::Gcm {
                    iv,
                    aad: &content.aad,
                };
                let most = plaintext.len() + BLOCK;
                let out = library.encrypt(self.session, &mut mechanism, object, plaintext, most)?;
                let tag = out.last_chunk::<GCM_TAG_LEN>().copied();
                let body = out.len().checked_sub(GCM_TAG_LEN);
                let (Some(tag), Some(body), Mechanism::Gcm { iv, .. }) = (tag, body, mechanism)
                else {
                    return Err(ErrorKind::FaultDetected.into());
                };
                if body != plaintext.len() {
                    return Err(ErrorKind::FaultDetected.into());
                }
                let bytes = out.into_iter().take(body).collect();
                Ok(Some(Ciphertext::gcm(bytes, Sealed { iv, tag })))
            }
            (EncryptScheme::Cbc(_), Some(iv)) => {
                let mut filled = plaintext.to_vec();
                filled.resize(plaintext.len().next_multiple_of(BLOCK), 0);
                let mut mechanism = Mechanism::Iv(CKM_AES_CBC, &iv);
                let out = library.encrypt(self.session, &mut mechanism, object, &filled, padded);
                filled.zeroize();
                Ok(Some(Ciphertext::cbc(out?, iv)))
            }
            (EncryptScheme::CbcPad(_), Some(iv)) => {
                let mut mechanism = Mechanism::Iv(CKM_AES_CBC_PAD, &iv);
                let out =
                    library.encrypt(self.session, &mut mechanism, object, plaintext, padded)?;
                Ok(Some(Ciphertext::cbc(out, iv)))
            }
            _ => Ok(None),
        }
    }

    /// Decrypts, or gives `None` for a scheme that is not one of AES.
    pub(super) fn aes_decrypt(
        &mut self,
        key: &KeyHandle,
        content: &Encrypted,
    ) -> Result<Option<SecretBytes>, Trouble> {
        let known = self.resolve(key)?;
        let ciphertext = &content.ciphertext;
        let most = ciphertext.len() + BLOCK;
        let plaintext = match (content.scheme, &content.cbc, &content.gcm) {
            (EncryptScheme::Gcm(_), None, Some((sealed, aad))) => {
                let whole = [ciphertext.as_slice(), &sealed.tag].concat();
                let mechanism = Mechanism::Gcm { iv: sealed.iv, aad };
                self.raw_decrypt(&known, mechanism, &whole, most)?
            }
            (EncryptScheme::Cbc(_), Some(iv), None) => {
                self.raw_decrypt(&known, Mechanism::Iv(CKM_AES_CBC, iv), ciphertext, most)?
            }
            (EncryptScheme::CbcPad(_), Some(iv), None) => {
                self.raw_decrypt(&known, Mechanism::Iv(CKM_AES_CBC_PAD, iv), ciphertext, most)?
            }
            _ => return Ok(None),
        };
        let plaintext = SecretBytes::from_vec(plaintext);
        let expected = match content.scheme {
            EncryptScheme::CbcPad(_) => plaintext.len(),
            _ => ciphertext.len(),
        };
        if plaintext.len() != expected {
            return Err(ErrorKind::DecryptFailed.into());
        }
        Ok(Some(plaintext))
    }

    /// Wraps a caller's bytes (RFC 3394, or with `padded` RFC 5649).
    pub(super) fn wrap_bytes(
        &mut self,
        key: &KeyHandle,
        way: KeyWrap,
        material: &SecretBytes,
        padded: bool,
    ) -> Result<Vec<u8>, Trouble> {
        let by = self.resolve(key)?.object;
        self.wrap_by(by, way, material.expose(), padded)
    }

    /// The same with an object.
    pub(super) fn wrap_by(
        &mut self,
        by: super::raw::Object,
        way: KeyWrap,
        material: &[u8],
        padded: bool,
    ) -> Result<Vec<u8>, Trouble> {
        let expected = match padded {
            false => material.len() + SEMIBLOCK,
            true => material.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK,
        };
        // More room than that: some modules want it, and fill it up with zeros.
        let most = expected + BLOCK;
        let mut out = match way {
            KeyWrap::Crypt(mechanism) => {
                let mut mechanism = Mechanism::Plain(mechanism);
                self.library
                    .encrypt(self.session, &mut mechanism, by, material, most)?
            }
            KeyWrap::Object(mechanism) => {
                let value = [Attribute(CKA_VALUE, Value::Bytes(material))];
                let template = [&readable()[..], &value].concat();
                self.with_object(&template, |desk, object| {
                    let mechanism = Mechanism::Plain(mechanism);
                    Ok(desk
                        .library
                        .wrap_key(desk.session, mechanism, by, object, most)?)
                })?
            }
        };
        let surplus = out
            .get(expected..)
            .is_none_or(|rest| rest.iter().any(|byte| *byte != 0));
        if surplus {
            return Err(ErrorKind::FaultDetected.into());
        }
        out.truncate(expected);
        Ok(out)
    }

    /// Unwraps a caller's bytes.
    pub(super) fn unwrap_bytes(
        &mut self,
        key: &KeyHandle,
        way: KeyWrap,
        wrapped: &[u8],
        padded: bool,
    ) -> Result<SecretBytes, Trouble> {
        let by = self.resolve(key)?.object;
        self.unwrap_by(by, way, wrapped, padded)
    }

    /// The same with an object.
    pub(super) fn unwrap_by(
        &mut self,
        by: super::raw::Object,
        way: KeyWrap,
        wrapped: &[u8],
        padded: bool,
    ) -> Result<SecretBytes, Trouble> {
        let most = wrapped.len();
        let material = match way {
            KeyWrap::Crypt(mechanism) => {
                let mechanism = Mechanism::Plain(mechanism);
                let none = |_: &mut super::raw::RawSession| Ok(());
                let library = self.library;
                let material = library.decrypt(self.session, mechanism, by, wrapped, most, none)?;
                SecretBytes::from_vec(material)
            }
            KeyWrap::Object(mechanism) => {
                // No CKA_VALUE_LEN: the value has its own, and SoftHSM refuses to be told.
                let (mechanism, library) = (Mechanism::Plain(mechanism), self.library);
                let template = readable();
                let object = library.unwrap_key(self.session, mechanism, by, wrapped, &template)?;
                self.destroying(object, |desk| {
                    let value = library.attribute(desk.session, object, CKA_VALUE, most)?;
                    Ok(SecretBytes::from_vec(
                        value.ok_or(ErrorKind::DecryptFailed)?,
                    ))
                })?
            }
        };
        let whole = wrapped.len().saturating_sub(SEMIBLOCK);
        let possible = match padded {
            false => material.len() == whole,
            true => (whole.saturating_sub(SEMIBLOCK - 1)..=whole).contains(&material.len()),
        };
        if !possible {
            return Err(ErrorKind::DecryptFailed.into());
        }
        Ok(material)
    }
}
