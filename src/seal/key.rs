//! The key that seals.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::random::Randomness;
use crate::encoding::hex::Hex;
use crate::error::Error;
use crate::secret::SecretBytes;

pub(crate) const ID_LEN: usize = 8;

const ID_LABEL: &[u8] = b"strongroom 1 sealing key id";
const CHECK_LABEL: &[u8] = b"strongroom 1 check";

/// A key that seals: 32 secret bytes, erased on drop.
///
/// Whoever has it and what it sealed has all that is in there. It comes from 32 bytes that
/// the embedder keeps elsewhere, or is opened from a [`SealingHeader`](super::SealingHeader).
///
/// ```
/// use strongroom::seal::SealingKey;
///
/// let key = SealingKey::from_bytes([7; 32]);
/// assert!(!format!("{key:?}").contains("07, 07"));
/// ```
pub struct SealingKey {
    root: SecretBytes,
    id: [u8; ID_LEN],
}

impl SealingKey {
    /// The length of a sealing key, in bytes.
    pub const LEN: usize = 32;

    /// The key with these bytes, which must be random (32 bytes of a password are not:
    /// see [`SealingHeader`](super::SealingHeader)). The array is erased; copies that
    /// the caller has are the caller's to erase.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SealingKey::LEN]) -> Self {
        let bytes = Zeroizing::new(bytes);
        SealingKey::of(SecretBytes::copy_of(bytes.as_slice()))
    }

    /// The key with these bytes, which must be random.
    ///
    /// # Errors
    /// [`Rule::Length`](crate::Rule::Length) for `sealing key` unless there are 32.
    pub fn from_secret(bytes: SecretBytes) -> Result<Self, Error> {
        if bytes.len() != SealingKey::LEN {
            let rule = crate::error::Rule::Length {
                expected: SealingKey::LEN,
                actual: bytes.len(),
            };
            return Err(Error::invalid("sealing key", rule));
        }
        Ok(SealingKey::of(bytes))
    }

    /// A new key from the operating system's generator.
    ///
    /// # Errors
    /// [`Randomness`](crate::ErrorKind::Randomness).
    pub fn random() -> Result<Self, Error> {
        SealingKey::drawn(&Randomness::system())
    }

    pub(crate) fn drawn(rng: &Randomness) -> Result<Self, Error> {
        let mut root = SecretBytes::zeroed(SealingKey::LEN);
        rng.fill(root.expose_mut())?;
        Ok(SealingKey::of(root))
    }

    /// The id by which what was sealed names this key: derived from it, and no secret.
    #[must_use]
    pub fn id(&self) -> [u8; ID_LEN] {
        self.id
    }

    /// What proves that this key is the one that `content` was written with.
    pub(crate) fn check(&self, content: &[u8]) -> [u8; 32] {
        let mut check = [0; 32];
        self.expand(None, &[CHECK_LABEL, content], &mut check);
        check
    }

    /// Another key, for what the label says.
    #[cfg(feature = "redb")]
    pub(crate) fn derived(&self, salt: &[u8], label: &[u8]) -> SealingKey {
        let mut root = SecretBytes::zeroed(SealingKey::LEN);
        self.expand(Some(salt), &[label], root.expose_mut());
        SealingKey::of(root)
    }

    pub(super) fn root(&self) -> &SecretBytes {
        &self.root
    }

    /// HKDF-SHA-256 of the key (RFC 5869). It refuses outputs over 8160 bytes alone; all of
    /// ours are constants far below, and an output left at zero would fail every comparison.
    pub(crate) fn expand(&self, salt: Option<&[u8]>, info: &[&[u8]], out: &mut [u8]) {
        expand(&self.root, salt, info, out);
    }

    fn of(root: SecretBytes) -> Self {
        let mut id = [0; ID_LEN];
        expand(&root, None, &[ID_LABEL], &mut id);
        SealingKey { root, id }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", Hex(&self.id))
    }
}

fn expand(root: &SecretBytes, salt: Option<&[u8]>, info: &[&[u8]], out: &mut [u8]) {
    let hkdf = Hkdf::<Sha256>::new(salt, root.expose());
    let expanded = hkdf.expand_multi_info(info, out);
    debug_assert!(expanded.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_id_alone() {
        let shown = format!("{:?}", SealingKey::from_bytes([0xA5; 32]));
        assert_eq!(shown.len(), "SealingKey()".len() + 16);
        assert!(!shown.contains("a5a5"));
    }
}
