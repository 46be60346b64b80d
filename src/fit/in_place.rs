//! Encryption and decryption in the caller's buffer, for large payloads.

use std::fmt;

use super::ciphertext::exactly;
use super::encrypt::check_aad;
use super::{DecryptParams, MAX_DATA_LEN, Sealed, check_fit, check_len};
use crate::alg::{EncryptAlg, EncryptScheme};
use crate::error::{Error, Rule};
use crate::handle::KeyHandle;

/// Content to encrypt in its own buffer: GCM alone, whose ciphertext is as long as the
/// plaintext.
pub struct EncryptInPlaceRequest<'a> {
    key: &'a KeyHandle,
    alg: EncryptAlg,
    aad: &'a [u8],
    buffer: &'a mut [u8],
}

impl<'a> EncryptInPlaceRequest<'a> {
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit), or `buffer` with an algorithm other than GCM.
    pub fn new(
        key: &'a KeyHandle,
        alg: EncryptAlg,
        buffer: &'a mut [u8],
        aad: &'a [u8],
    ) -> Result<Self, Error> {
        check_in_place(key, alg, buffer)?;
        check_len("aad", aad.len(), MAX_DATA_LEN)?;
        Ok(EncryptInPlaceRequest {
            key,
            alg,
            aad,
            buffer,
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

    /// The associated data.
    #[must_use]
    pub fn aad(&self) -> &'a [u8] {
        self.aad
    }

    /// The plaintext, to become the ciphertext. Unchanged after an error.
    #[must_use]
    pub fn buffer_mut(&mut self) -> &mut [u8] {
        self.buffer
    }
}

/// Content to decrypt in its own buffer: GCM alone.
pub struct DecryptInPlaceRequest<'a> {
    key: &'a KeyHandle,
    alg: EncryptAlg,
    sealed: Sealed,
    aad: &'a [u8],
    buffer: &'a mut [u8],
}

impl<'a> DecryptInPlaceRequest<'a> {
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit); `buffer` with an algorithm other than GCM; `iv` or
    /// `tag` missing or of another length.
    pub fn new(
        key: &'a KeyHandle,
        alg: EncryptAlg,
        buffer: &'a mut [u8],
        params: DecryptParams<'a>,
    ) -> Result<Self, Error> {
        check_in_place(key, alg, buffer)?;
        Ok(DecryptInPlaceRequest {
            key,
            alg,
            sealed: Sealed {
                iv: *exactly("iv", params.iv)?,
                tag: *exactly("tag", params.tag)?,
            },
            aad: check_aad(alg, params.aad)?,
            buffer,
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

    /// IV and tag.
    #[must_use]
    pub fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// The associated data.
    #[must_use]
    pub fn aad(&self) -> &'a [u8] {
        self.aad
    }

    /// The ciphertext, to become the plaintext. Unchanged after an error.
    #[must_use]
    pub fn buffer_mut(&mut self) -> &mut [u8] {
        self.buffer
    }
}

impl fmt::Debug for EncryptInPlaceRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptInPlaceRequest({}, {:?})", self.alg, self.key)
    }
}

impl fmt::Debug for DecryptInPlaceRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptInPlaceRequest({}, {:?})", self.alg, self.key)
    }
}

fn check_in_place(key: &KeyHandle, alg: EncryptAlg, buffer: &[u8]) -> Result<(), Error> {
    check_fit(key, alg)?;
    if !matches!(alg.row().scheme, EncryptScheme::Gcm(_)) {
        return Err(Error::invalid("buffer", Rule::NotWithAlgorithm));
    }
    check_len("buffer", buffer.len(), MAX_DATA_LEN)
}
