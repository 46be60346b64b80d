//! What is sealed in a backup: JSON, described in `docs/backup-format.md`.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::{BackupForm, MOST_VERSIONS};
use crate::error::{Error, ErrorKind};
use crate::handle::KeyHandle;
use crate::vault::KeyVersion;
use crate::vault::record::{KeyRecord, KeyWire, VersionFacts, VersionRecord, VersionWire};

const FORMAT: u32 = 1;

/// The error of whatever is not a backup that this vault can read.
pub(super) fn malformed() -> Error {
    ErrorKind::MalformedBackup.into()
}

/// A key with all its versions.
pub(super) struct Contents {
    pub(super) key: KeyRecord,
    /// What the transport key is derived with.
    pub(super) salt: [u8; 32],
    pub(super) entries: Vec<Entry>,
}

/// A version.
pub(super) struct Entry {
    pub(super) facts: VersionFacts,
    /// Where it was. For a version that travels wrapped, without its blob.
    pub(super) handle: KeyHandle,
    /// Whether that was an HSM.
    pub(super) hsm: bool,
    pub(super) content: Content,
}

pub(super) enum Content {
    Wrapped(Vec<u8>),
    Reference,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    key: KeyWire,
    salt: String,
    versions: Vec<EntryWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryWire {
    version: VersionWire,
    hsm: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped: Option<String>,
}

impl Entry {
    pub(super) fn form(&self) -> (KeyVersion, BackupForm) {
        let form = match self.content {
            Content::Wrapped(_) => BackupForm::Wrapped,
            Content::Reference => BackupForm::Reference,
        };
        (self.facts.version, form)
    }

    fn wire(&self) -> Result<EntryWire, Error> {
        // A sealed key is of no use where its sealing key is not, and does not travel.
        let (handle, wrapped) = match &self.content {
            Content::Wrapped(wrapped) => {
                let (provider, public) = (self.handle.provider(), self.handle.public());
                let (id, spec) = (self.handle.id(), self.handle.spec());
                let bare = KeyHandle::new(provider.clone(), id, spec, public.cloned(), Vec::new())?;
                (bare, Some(Base64UrlUnpadded::encode_string(wrapped)))
            }
            Content::Reference => (self.handle.clone(), None),
        };
        let version = VersionWire::of(&VersionRecord {
            facts: self.facts.clone(),
            handle,
        });
        Ok(EntryWire {
            version,
            hsm: self.hsm,
            wrapped,
        })
    }

    fn read(wire: EntryWire) -> Result<Self, Error> {
        let VersionRecord { facts, handle } = wire.version.read()?;
        let content = match wire.wrapped {
            Some(wrapped) => {
                let wrapped = Base64UrlUnpadded::decode_vec(&wrapped);
                Content::Wrapped(wrapped.map_err(|_| malformed())?)
            }
            None => Content::Reference,
        };
        Ok(Entry {
            facts,
            handle,
            hsm: wire.hsm,
            content,
        })
    }
}

impl Contents {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        let versions = self.entries.iter().map(Entry::wire);
        let wire = Wire {
            format: FORMAT,
            key: KeyWire::of(&self.key),
            salt: Base64UrlUnpadded::encode_string(&self.salt),
            versions: versions.collect::<Result<_, Error>>()?,
        };
        serde_json::to_vec(&wire).map_err(|_| malformed())
    }

    /// Reads what was sealed. It was authenticated before; what does not hold together is
    /// refused all the same.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|_| malformed())?;
        if wire.format != FORMAT || !(1..=MOST_VERSIONS).contains(&wire.versions.len()) {
            return Err(malformed());
        }
        let mut salt = [0; 32];
        let read = Base64UrlUnpadded::decode(&wire.salt, &mut salt).map_err(|_| malformed())?;
        if read.len() != salt.len() {
            return Err(malformed());
        }
        let entries = wire.versions.into_iter().map(Entry::read);
        let contents = Contents {
            key: wire.key.read().map_err(|_| malformed())?,
            salt,
            entries: entries
                .collect::<Result<_, Error>>()
                .map_err(|_| malformed())?,
        };
        contents.check()?;
        Ok(contents)
    }

    /// One key, each version once, the current one among them.
    fn check(&self) -> Result<(), Error> {
        let mut versions: Vec<_> = self.entries.iter().map(|it| it.facts.version).collect();
        let count = versions.len();
        versions.sort();
        versions.dedup();
        let is_one_key = self
            .entries
            .iter()
            .all(|entry| entry.facts.name == self.key.name);
        if versions.len() != count || !versions.contains(&self.key.current) || !is_one_key {
            return Err(malformed());
        }
        Ok(())
    }
}
