//! Sign and verify requests.

use std::fmt;

use super::{MAX_DATA_LEN, check_fit, check_len};
use crate::alg::{Digest, HashValue, SignAlg, SignScheme};
use crate::error::{Error, Rule};
use crate::handle::KeyHandle;
use crate::secret::equal;

/// A signature or MAC, in its JOSE form (RFC 7518 section 3): r || s for ES*, the
/// modulus' length for RS* and PS*, the digest's length for HS*.
#[derive(Clone)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// For backends: the bytes that they made.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Signature(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, owned.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl PartialEq for Signature {
    /// In constant time for equal lengths: comparing a MAC byte by byte gives it away
    /// byte by byte. (Verifying is the operation for it.)
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0).into()
    }
}

impl Eq for Signature {}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    /// The length alone: an HS* signature is a MAC that someone may be asked to guess.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.0.len())
    }
}

/// What is signed.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum SignData<'a> {
    /// A digest of the algorithm's hash: ES*, RS*, PS*.
    Digest(HashValue),
    /// The bytes that the MAC runs over: HS*.
    Mac(&'a [u8]),
}

impl fmt::Debug for SignData<'_> {
    /// Which of the two, and no content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignData::Digest(digest) => write!(f, "{digest:?}"),
            SignData::Mac(bytes) => write!(f, "Mac({} bytes)", bytes.len()),
        }
    }
}

/// A signature to make, that this key can make.
#[derive(Clone, Copy)]
pub struct SignRequest<'a> {
    key: &'a KeyHandle,
    alg: SignAlg,
    data: SignData<'a>,
}

impl<'a> SignRequest<'a> {
    /// Signs a message, as JWS does: it is hashed here for ES*, RS* and PS*, and goes
    /// to the MAC as it is for HS* (RFC 7518 section 3).
    ///
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit), or `message` longer than [`MAX_DATA_LEN`].
    // Where it is used: as a result that is moved it is stored in words and loaded in vectors,
    // which waits for the stores, a tenth of the time of a short MAC.
    #[inline(always)]
    pub fn for_message(key: &'a KeyHandle, alg: SignAlg, message: &'a [u8]) -> Result<Self, Error> {
        check_fit(key, alg)?;
        check_len("message", message.len(), MAX_DATA_LEN)?;
        let data = match alg.row().scheme {
            SignScheme::Hmac => SignData::Mac(message),
            _ => SignData::Digest(alg.row().hash.hash(message)),
        };
        Ok(SignRequest { key, alg, data })
    }

    /// Signs a digest made elsewhere, as the Key Vault service does; for HS* the MAC
    /// runs over the digest's bytes.
    ///
    /// # Errors
    /// [`Unfit`](crate::ErrorKind::Unfit), or a `digest` of another hash function.
    pub fn for_digest(key: &'a KeyHandle, alg: SignAlg, digest: Digest<'a>) -> Result<Self, Error> {
        check_fit(key, alg)?;
        if digest.hash() != alg.row().hash {
            return Err(Error::invalid("digest", Rule::NotWithAlgorithm));
        }
        let data = match alg.row().scheme {
            SignScheme::Hmac => SignData::Mac(digest.as_bytes()),
            _ => SignData::Digest(digest.to_value()),
        };
        Ok(SignRequest { key, alg, data })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a KeyHandle {
        self.key
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> SignAlg {
        self.alg
    }

    /// What is signed.
    #[must_use]
    pub fn data(&self) -> &SignData<'a> {
        &self.data
    }
}

impl fmt::Debug for SignRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignRequest({}, {:?})", self.alg, self.key)
    }
}

/// A signature to check, that this key could have made.
#[derive(Clone, Copy)]
pub struct VerifyRequest<'a> {
    sign: SignRequest<'a>,
    signature: &'a [u8],
}

impl<'a> VerifyRequest<'a> {
    /// Checks a signature over a message; see [`SignRequest::for_message`].
    ///
    /// # Errors
    /// As there. A signature of a wrong length is not an error here: it is a bad
    /// signature.
    // As there.
    #[inline(always)]
    pub fn for_message(
        key: &'a KeyHandle,
        alg: SignAlg,
        message: &'a [u8],
        signature: &'a [u8],
    ) -> Result<Self, Error> {
        let sign = SignRequest::for_message(key, alg, message)?;
        Ok(VerifyRequest { sign, signature })
    }

    /// Checks a signature over a digest; see [`SignRequest::for_digest`].
    ///
    /// # Errors
    /// As there.
    pub fn for_digest(
        key: &'a KeyHandle,
        alg: SignAlg,
        digest: Digest<'a>,
        signature: &'a [u8],
    ) -> Result<Self, Error> {
        let sign = SignRequest::for_digest(key, alg, digest)?;
        Ok(VerifyRequest { sign, signature })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a KeyHandle {
        self.sign.key
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> SignAlg {
        self.sign.alg
    }

    /// What was signed.
    #[must_use]
    pub fn data(&self) -> &SignData<'a> {
        &self.sign.data
    }

    /// The signature to check.
    #[must_use]
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// The request that would make the signature: symmetric keys verify by making it
    /// again.
    #[must_use]
    pub fn as_sign(&self) -> &SignRequest<'a> {
        &self.sign
    }
}

impl fmt::Debug for VerifyRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyRequest({}, {:?})", self.sign.alg, self.sign.key)
    }
}
