//! Hash functions, and digests whose length is right by construction.

use std::fmt;

use sha2::Digest as _;

use crate::error::{Error, Rule};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1: for RSA-OAEP alone, where collisions play no part (RFC 8017 section 7.1).
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest's length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no digest is empty")]
    pub const fn len(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// Hashes a message.
    ///
    /// ```
    /// use strongroom::Hash;
    /// assert_eq!(Hash::Sha256.hash(b"abc").as_bytes().len(), 32);
    /// ```
    #[must_use]
    pub fn hash(self, message: &[u8]) -> HashValue {
        match self {
            Hash::Sha1 => HashValue::of(self, &sha1::Sha1::digest(message)),
            Hash::Sha256 => HashValue::of(self, &sha2::Sha256::digest(message)),
            Hash::Sha384 => HashValue::of(self, &sha2::Sha384::digest(message)),
            Hash::Sha512 => HashValue::of(self, &sha2::Sha512::digest(message)),
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hash::Sha1 => "SHA-1",
            Hash::Sha256 => "SHA-256",
            Hash::Sha384 => "SHA-384",
            Hash::Sha512 => "SHA-512",
        })
    }
}

/// The longest digest, in bytes.
const MAX: usize = 64;

/// The result of a hash function, owned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashValue {
    hash: Hash,
    bytes: [u8; MAX],
}

impl HashValue {
    /// The caller passes exactly `hash.len()` bytes; shorter input is zero-filled and
    /// longer cut, which no caller does.
    fn of(hash: Hash, digest: &[u8]) -> Self {
        let mut bytes = [0; MAX];
        bytes
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = *from);
        HashValue { hash, bytes }
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.hash.len()).unwrap_or_default()
    }

    /// Borrowed as a [`Digest`].
    #[must_use]
    pub fn as_digest(&self) -> Digest<'_> {
        Digest {
            hash: self.hash,
            bytes: self.as_bytes(),
        }
    }
}

impl fmt::Debug for HashValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_digest().fmt(f)
    }
}

/// A digest made elsewhere, with its length checked at birth: modules behind an API
/// sign 20 or 33 bytes with a P-256 key without a word.
///
/// ```
/// use strongroom::{Digest, ErrorKind, Hash, Rule};
///
/// assert!(Digest::new(Hash::Sha256, &[7; 32]).is_ok());
/// let error = Digest::new(Hash::Sha256, &[7; 20]).unwrap_err();
/// let rule = Rule::Length { expected: 32, actual: 20 };
/// assert_eq!(*error.kind(), ErrorKind::Invalid { field: "digest", rule });
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest<'a> {
    hash: Hash,
    bytes: &'a [u8],
}

impl<'a> Digest<'a> {
    /// # Errors
    /// [`Rule::Length`] for `digest` unless it is as long as `hash` makes them.
    pub fn new(hash: Hash, bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() != hash.len() {
            let rule = Rule::Length {
                expected: hash.len(),
                actual: bytes.len(),
            };
            return Err(Error::invalid("digest", rule));
        }
        Ok(Digest { hash, bytes })
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// An owned copy.
    #[must_use]
    pub fn to_value(&self) -> HashValue {
        HashValue::of(self.hash, self.bytes)
    }
}

impl fmt::Debug for Digest<'_> {
    /// Shows the hash function alone: the digest of a guessable message tells the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_agree_with_the_functions() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let value = hash.hash(b"x");
            assert_eq!(value.as_bytes().len(), hash.len());
            assert_ne!(value.as_bytes().last(), None);
            assert!(value.as_bytes().iter().any(|byte| *byte != 0));
        }
    }

    #[test]
    fn every_wrong_length_is_refused() {
        let bytes = [0; 100];
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            for len in (0..100).filter(|len| *len != hash.len()) {
                assert!(Digest::new(hash, &bytes[..len]).is_err());
            }
        }
    }
}
