//! Backups of keys, and their restoration.
//!
//! A backup is one blob with all versions of a key: `docs/backup-format.md` has it byte by
//! byte. It is bound to a [`BackupKey`], which is what the service calls a security domain:
//! every vault that has it can restore the blob, whatever it seals its own keys with.
//!
//! A version whose provider gives its key out travels in the blob, wrapped; of another one
//! the blob says where it is, and the vault that restores it must have that provider.

mod blob;
mod key;
mod restore;

use std::fmt;

pub use key::BackupKey;

use super::record::{VersionRecord, versions_of};
use super::rotation::PAGE;
use super::{Action, Core, KeyName, KeyVersion, Target, Vault};
use crate::error::{Error, ErrorKind, Rule};
use blob::{Content, Contents, Entry};

/// The most versions of a key that can be backed up, as with the service.
const MOST_VERSIONS: usize = 500;

/// How a version's key is in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackupForm {
    /// The key itself, wrapped.
    Wrapped,
    /// A reference to where it is: without that token the version cannot be restored.
    Reference,
}

/// A key's backup.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// The blob, to be given to [`Vault::restore`].
    pub blob: Vec<u8>,
    /// What is in it of each version, in the order of their identifiers.
    pub versions: Vec<(KeyVersion, BackupForm)>,
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup")
            .field("blob", &format_args!("{} bytes", self.blob.len()))
            .field("versions", &self.versions)
            .finish()
    }
}

impl Vault {
    /// Puts a key with all its versions, their attributes and tags and its rotation policy
    /// into one blob, which opens with this backup key alone.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), also for a deleted key; [`TooLong`](Rule::TooLong)
    /// for `versions` if there are more than 500; a malformed `name`; those of the provider
    /// and the store.
    ///
    /// ```
    /// use strongroom::vault::{BackupKey, KeyOptions};
    /// use strongroom::{Curve, SignAlg};
    /// let domain = BackupKey::random()?;
    /// let vault = strongroom::in_memory()?;
    /// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// let signature = key.sign(SignAlg::Es256, b"message")?.value;
    /// let backup = vault.backup("signing", &domain)?;
    ///
    /// // Another vault, with a sealing key of its own.
    /// let other = strongroom::in_memory()?;
    /// let restored = other.restore(&backup.blob, &domain)?;
    /// restored.verify(SignAlg::Es256, b"message", signature.as_bytes())?;
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn backup(&self, name: &str, under: &BackupKey) -> Result<Backup, Error> {
        let task = self.core.begin(Action::Backup)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let backup = self.core.back_up(&name, under);
        task.end(Target::Name(name), backup)
    }
}

impl Core {
    fn back_up(&self, name: &KeyName, under: &BackupKey) -> Result<Backup, Error> {
        let (_, key) = self.key(name)?;
        let salt = under.salt()?;
        let transport = under.transport(&salt);
        let mut entries = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .store
                .scan(&versions_of(name), after.as_deref(), PAGE)?;
            for (_, found) in &page {
                let VersionRecord { facts, handle } = VersionRecord::decode(&found.value)?;
                let provider = self.providers.by_id(handle.provider())?;
                let content = match provider.back_up(&handle, &transport)? {
                    Some(wrapped) => Content::Wrapped(wrapped),
                    None => Content::Reference,
                };
                let hsm = provider.capabilities().is_hsm();
                entries.push(Entry {
                    facts,
                    handle,
                    hsm,
                    content,
                });
                if entries.len() > MOST_VERSIONS {
                    return Err(Error::invalid("versions", Rule::TooLong(MOST_VERSIONS)));
                }
            }
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => break,
            }
        }
        if !entries
            .iter()
            .any(|entry| entry.facts.version == key.current)
        {
            // Deleted or purged while it was read.
            return Err(ErrorKind::NotFound.into());
        }
        let versions = entries.iter().map(Entry::form).collect();
        let contents = Contents { key, salt, entries };
        let blob = under.seal(&contents.encode()?)?;
        Ok(Backup { blob, versions })
    }
}

/// Reads the contents of a backup, which are sealed in its blob, and writes them again: for
/// the fuzz target, which could not get that far through the seal.
pub(crate) fn read_and_write(contents: &[u8]) -> Result<Vec<u8>, Error> {
    Contents::decode(contents)?.encode()
}
