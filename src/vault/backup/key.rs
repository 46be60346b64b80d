//! The key that binds backups to the vaults that may restore them.

use std::fmt;

use super::blob::malformed;
use crate::encoding::hex::Hex;
use crate::error::Error;
use crate::seal::{self, Randomness, SealingKey};
use crate::secret::SecretBytes;

const MAGIC: &[u8; 4] = b"srb1";
const ID_LEN: usize = 8;
const SALT_LEN: usize = 32;
const ID_LABEL: &[u8] = b"strongroom 1 backup key id";
const BLOB_LABEL: &[u8] = b"strongroom 1 backup";
const TRANSPORT_LABEL: &[u8] = b"strongroom 1 backup transport";

/// The most bytes of a blob that is looked at: 500 RSA-4096 keys take less than half.
const MOST_BYTES: usize = 16 << 20;

/// What backups are bound to (a security domain): 32 secret bytes, erased on drop.
///
/// Whoever has it and a backup has the keys that are in the backup. It belongs elsewhere than
/// the backups do, and is another key than the one that seals the vault's own records.
///
/// ```
/// use strongroom::vault::BackupKey;
/// let key = BackupKey::from_bytes([7; 32]);
/// assert!(!format!("{key:?}").contains("07, 07"));
/// ```
pub struct BackupKey(SealingKey);

impl BackupKey {
    /// The key with these bytes, which must be random. The array is erased; copies that the
    /// caller has are the caller's to erase.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        BackupKey(SealingKey::from_bytes(bytes))
    }

    /// The key with these bytes, which must be random.
    ///
    /// # Errors
    /// [`Rule::Length`](crate::Rule::Length) unless there are 32.
    pub fn from_secret(bytes: SecretBytes) -> Result<Self, Error> {
        Ok(BackupKey(SealingKey::from_secret(bytes)?))
    }

    /// A new key from the operating system's generator, for a domain that ends with this
    /// value: there is no way to have its bytes.
    ///
    /// # Errors
    /// [`Randomness`](crate::ErrorKind::Randomness).
    pub fn random() -> Result<Self, Error> {
        Ok(BackupKey(SealingKey::random()?))
    }

    /// The id by which backups name this key: derived from it, and no secret.
    #[must_use]
    pub fn id(&self) -> [u8; ID_LEN] {
        let mut id = [0; ID_LEN];
        self.0.expand(None, &[ID_LABEL], &mut id);
        id
    }

    pub(super) fn salt(&self) -> Result<[u8; SALT_LEN], Error> {
        let mut salt = [0; SALT_LEN];
        Randomness::system().fill(&mut salt)?;
        Ok(salt)
    }

    /// What the keys in a backup with this salt are wrapped under.
    pub(super) fn transport(&self, salt: &[u8; SALT_LEN]) -> SecretBytes {
        let mut key = SecretBytes::zeroed(SealingKey::LEN);
        let salt = Some(salt.as_slice());
        self.0.expand(salt, &[TRANSPORT_LABEL], key.expose_mut());
        key
    }

    pub(super) fn seal(&self, contents: &[u8]) -> Result<Vec<u8>, Error> {
        let head = [MAGIC.as_slice(), &self.id()].concat();
        let rng = Randomness::system();
        let sealed = seal::seal(&self.0, BLOB_LABEL, &head, contents, &rng)?;
        let blob = [head, sealed].concat();
        if blob.len() > MOST_BYTES {
            return Err(malformed());
        }
        Ok(blob)
    }

    /// The contents of a blob. Whatever is wrong with it, the answer is the same.
    pub(super) fn open(&self, blob: &[u8]) -> Result<SecretBytes, Error> {
        let opened = || {
            let (head, sealed) = blob.split_at_checked(MAGIC.len() + ID_LEN)?;
            let id = head.strip_prefix(MAGIC)?;
            if blob.len() > MOST_BYTES || id != self.id() {
                return None;
            }
            seal::open(&self.0, BLOB_LABEL, head, sealed)
        };
        opened().ok_or_else(malformed)
    }
}

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackupKey({})", Hex(&self.id()))
    }
}
