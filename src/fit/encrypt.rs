//! Encrypt and decrypt requests.

use std::fmt;

use super::ciphertext::{BLOCK, GCM_IV_LEN, GCM_TAG_LEN, exactly};
use super::{
    DecryptParams, EncryptParams, MAX_DATA_LEN, Sealed, check_fit, check_len, max_oaep_len,
    max_pkcs1_len,
};
use crate::alg::{EncryptAlg, EncryptScheme};
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::KeyHandle;

/// Content to encrypt, that this key can encrypt.
pub struct EncryptRequest<'a> {
    key: &'a KeyHandle,
    alg: EncryptAlg,
    plaintext: &'a [u8],
    iv: Option<&'a [u8; BLOCK]>,
    aad: &'a [u8],
}

impl<'a> EncryptRequest<'a> {
    /// # Errors
    /// [`Unfit`](ErrorKind::Unfit); `plaintext` too long for the algorithm, or empty
    /// with zero-filled CBC; `iv` missing, superfluous or of another length; `aad` with
    /// RSA.
    #[inline]
    pub fn new(
        key: &'a KeyHandle,
        alg: EncryptAlg,
        plaintext: &'a [u8],
        params: EncryptParams<'a>,
    ) -> Result<Self, Error> {
        check_fit(key, alg)?;
        let modulus = key.spec().byte_len();
        let max = match alg.row().scheme {
            EncryptScheme::Oaep(hash) => max_oaep_len(modulus, hash.len()),
            EncryptScheme::Pkcs1v15 => max_pkcs1_len(modulus),
            _ => MAX_DATA_LEN,
        };
        check_len("plaintext", plaintext.len(), max)?;
        if plaintext.is_empty() && matches!(alg.row().scheme, EncryptScheme::Cbc(_)) {
            return Err(Error::invalid("plaintext", Rule::Empty));
        }
        if params.iv.is_some() && !is_cbc(alg) {
            return Err(Error::invalid("iv", Rule::NotWithAlgorithm));
        }
        let iv = is_cbc(alg).then(|| exactly("iv", params.iv)).transpose()?;
        Ok(EncryptRequest {
            key,
            alg,
            plaintext,
            iv,
            aad: check_aad(alg, params.aad)?,
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a KeyHandle {
        self.key
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> EncryptAlg {
        self.alg
    }

    /// The plaintext.
    #[must_use]
    pub fn plaintext(&self) -> &'a [u8] {
        self.plaintext
    }

    /// The IV; there is one with CBC and with nothing else.
    #[must_use]
    pub fn iv(&self) -> Option<&[u8; BLOCK]> {
        self.iv
    }

    /// The associated data of GCM; empty where there is none.
    #[must_use]
    pub fn aad(&self) -> &'a [u8] {
        self.aad
    }
}

/// Content to decrypt, that this key could have encrypted.
pub struct DecryptRequest<'a> {
    key: &'a KeyHandle,
    alg: EncryptAlg,
    ciphertext: &'a [u8],
    params: Checked<'a>,
}

/// IV, tag and associated data, of the lengths that the algorithm has.
enum Checked<'a> {
    Rsa,
    Gcm {
        iv: &'a [u8; GCM_IV_LEN],
        tag: &'a [u8; GCM_TAG_LEN],
        aad: &'a [u8],
    },
    Cbc {
        iv: &'a [u8; BLOCK],
    },
}

impl<'a> DecryptRequest<'a> {
    /// # Errors
    /// [`Unfit`](ErrorKind::Unfit); `iv` or `tag` missing, superfluous or of another
    /// length; a CBC `ciphertext` that is empty or no whole number of blocks; and
    /// [`DecryptFailed`](ErrorKind::DecryptFailed) for an RSA ciphertext that is not as
    /// long as the modulus.
    #[inline]
    pub fn new(
        key: &'a KeyHandle,
        alg: EncryptAlg,
        ciphertext: &'a [u8],
        params: DecryptParams<'a>,
    ) -> Result<Self, Error> {
        check_fit(key, alg)?;
        check_len("ciphertext", ciphertext.len(), MAX_DATA_LEN)?;
        let aad = check_aad(alg, params.aad)?;
        if params.tag.is_some() && !matches!(alg.row().scheme, EncryptScheme::Gcm(_)) {
            return Err(Error::invalid("tag", Rule::NotWithAlgorithm));
        }
        let params = match alg.row().scheme {
            EncryptScheme::Gcm(_) => Checked::Gcm {
                iv: exactly("iv", params.iv)?,
                tag: exactly("tag", params.tag)?,
                aad,
            },
            EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_) => {
                check_blocks(ciphertext)?;
                Checked::Cbc {
                    iv: exactly("iv", params.iv)?,
                }
            }
            EncryptScheme::Oaep(_) | EncryptScheme::Pkcs1v15 => {
                if params.iv.is_some() {
                    return Err(Error::invalid("iv", Rule::NotWithAlgorithm));
                }
                if ciphertext.len() != key.spec().byte_len() {
                    return Err(ErrorKind::DecryptFailed.into());
                }
                Checked::Rsa
            }
        };
        Ok(DecryptRequest {
            key,
            alg,
            ciphertext,
            params,
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a KeyHandle {
        self.key
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> EncryptAlg {
        self.alg
    }

    /// The ciphertext.
    #[must_use]
    pub fn ciphertext(&self) -> &'a [u8] {
        self.ciphertext
    }

    /// The IV of CBC.
    #[must_use]
    pub fn cbc_iv(&self) -> Option<&[u8; BLOCK]> {
        match &self.params {
            Checked::Cbc { iv } => Some(iv),
            _ => None,
        }
    }

    /// IV and tag of GCM, and the associated data.
    #[must_use]
    pub fn gcm(&self) -> Option<(Sealed, &'a [u8])> {
        match self.params {
            Checked::Gcm { iv, tag, aad } => Some((Sealed { iv: *iv, tag: *tag }, aad)),
            _ => None,
        }
    }
}

impl fmt::Debug for EncryptRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptRequest({}, {:?})", self.alg, self.key)
    }
}

impl fmt::Debug for DecryptRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptRequest({}, {:?})", self.alg, self.key)
    }
}

fn is_cbc(alg: EncryptAlg) -> bool {
    matches!(
        alg.row().scheme,
        EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_)
    )
}

#[inline]
pub(super) fn check_aad(alg: EncryptAlg, aad: Option<&[u8]>) -> Result<&[u8], Error> {
    let Some(aad) = aad else { return Ok(&[]) };
    check_len("aad", aad.len(), MAX_DATA_LEN)?;
    match alg.row().scheme {
        EncryptScheme::Gcm(_) => Ok(aad),
        EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_) => Ok(&[]),
        EncryptScheme::Oaep(_) | EncryptScheme::Pkcs1v15 => {
            Err(Error::invalid("aad", Rule::NotWithAlgorithm))
        }
    }
}

fn check_blocks(ciphertext: &[u8]) -> Result<(), Error> {
    if ciphertext.is_empty() {
        return Err(Error::invalid("ciphertext", Rule::Empty));
    }
    if !ciphertext.len().is_multiple_of(BLOCK) {
        return Err(Error::invalid("ciphertext", Rule::MultipleOf(BLOCK)));
    }
    Ok(())
}
