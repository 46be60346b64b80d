//! Deleting a key so that it can be had back.
//!
//! A name has at most one of three records, and they change into one another in one commit
//! each: `key/{name}` while it is in use, `deleted/{name}` while it can be recovered, and
//! `destroying/{name}` from the moment on which nothing brings it back
//! ([`purge`](super::purge)). Its versions stay where they are until then. Everything that
//! uses a key reads `key/{name}` first, so a key that is deleted stops at once, for whoever
//! holds it.

use super::access::Scope;
use super::list::{check_max, page};
use super::make::COMMIT_TRIES;
use super::record::KeyRecord;
use super::record::{
    DELETED, DeletedRecord, VersionRecord, corrupt, deleted_record, destroying_record, key_record,
    version_record,
};
use super::task::Task;
use super::{
    Action, Attributes, Change, Core, Key, KeyId, KeyName, Page, RecoveryLevel, ReleasePolicy,
    Tags, Target, UnixTime, Vault,
};
use crate::alg::OpSet;
use crate::error::{Error, ErrorKind};
use crate::jwk::Jwk;

/// A deleted key, and until when it can be had back.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeletedKey {
    /// The name, as first spelled.
    pub name: KeyName,
    /// `https://{host}/deletedkeys/{name}`.
    pub recovery_id: String,
    /// When it was deleted.
    pub deleted_date: UnixTime,
    /// When it is to be purged: `deleted_date` and the days for which it is kept.
    pub scheduled_purge_date: UnixTime,
    /// Whether it can be purged before.
    pub recovery_level: RecoveryLevel,
    /// For how many days it is kept.
    pub recoverable_days: u32,
    /// What was its current version.
    pub id: KeyId,
    /// The public JWK of that version.
    pub jwk: Jwk,
    /// Its `key_ops`.
    pub ops: OpSet,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Tags,
    /// The key's release policy.
    pub release_policy: Option<ReleasePolicy>,
}

impl Vault {
    /// Deletes a key with all its versions. It can be [recovered](Vault::recover) for as many
    /// days as the vault [keeps](Vault::recoverable_days) deleted keys; until it is purged
    /// its name cannot be used again, and it can do nothing.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), also if it is deleted already; a malformed `name`;
    /// those of the store.
    ///
    /// ```
    /// use strongroom::vault::KeyOptions;
    /// use strongroom::{Curve, ErrorKind, SignAlg};
    /// let vault = strongroom::in_memory()?;
    /// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// let deleted = vault.delete("signing")?;
    /// assert_eq!(deleted.scheduled_purge_date, deleted.deleted_date.plus(90 * 86_400));
    /// assert_eq!(*key.sign(SignAlg::Es256, b"m").unwrap_err().kind(), ErrorKind::NotFound);
    /// vault.recover("signing")?;
    /// key.sign(SignAlg::Es256, b"m")?;
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn delete(&self, name: &str) -> Result<DeletedKey, Error> {
        let task = self.core.begin(Action::Delete)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let deleted = self.core.delete(&task, &name);
        task.end(Target::Name(name), deleted)
    }

    /// A deleted key.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) unless it is deleted and not purged; a malformed
    /// `name`; those of the store.
    pub fn deleted(&self, name: &str) -> Result<DeletedKey, Error> {
        let task = self.core.begin(Action::GetDeleted)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let deleted = self
            .core
            .deleted(&name)
            .and_then(|(_, record)| self.core.show_deleted(&record));
        task.end(Target::Name(name), deleted)
    }

    /// The deleted keys after this name, in the order of their folded names; at most `max`
    /// (1 to 25, by default 25).
    ///
    /// # Errors
    /// As [`list`](Vault::list).
    pub fn list_deleted(
        &self,
        after: Option<&KeyName>,
        max: Option<usize>,
    ) -> Result<Page<DeletedKey, KeyName>, Error> {
        let target = Target::Vault;
        let task = self.core.begin(Action::ListDeleted)?;
        task.allow(&Scope::Keys, &target)?;
        let list = || {
            let max = check_max(max)?;
            let after = after.map(deleted_record);
            let found = self.core.scan(DELETED, after.as_deref(), max + 1)?;
            page(found, max, DELETED, |value| {
                self.core.show_deleted(&DeletedRecord::decode(value)?)
            })
        };
        task.end(Target::Vault, list())
    }

    /// Brings a deleted key back, with all its versions. Answers with what is its current
    /// version, as before.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) unless it is deleted;
    /// [`BeingDeleted`](ErrorKind::BeingDeleted) once it is being purged; a malformed `name`;
    /// those of the store.
    pub fn recover(&self, name: &str) -> Result<Key, Error> {
        let task = self.core.begin(Action::Recover)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let recovered = self.core.recover(&task, &name);
        let key = task.end(Target::Name(name), recovered)?;
        Ok(Key::pinned(self.core.clone(), key.name, key.current))
    }

    /// What becomes of the keys that are deleted in this vault.
    #[must_use]
    pub fn recovery_level(&self) -> RecoveryLevel {
        self.core.recovery.level
    }

    /// For how many days a deleted key can be had back.
    #[must_use]
    pub fn recoverable_days(&self) -> u32 {
        self.core.recovery.days
    }
}

impl Core {
    fn delete(&self, task: &Task<'_>, name: &KeyName) -> Result<DeletedKey, Error> {
        let key = key_record(name);
        for _ in 0..COMMIT_TRIES {
            let old = self.store.get(&key)?.ok_or(ErrorKind::NotFound)?;
            let record = DeletedRecord {
                key: KeyRecord::decode(&old.value)?,
                deleted: self.clock.now(),
                recovery: self.recovery,
                purged_by: None,
            };
            let deleted = self.show_deleted(&record)?;
            let changes = vec![
                Change::remove(key.clone(), old.revision),
                Change::insert(deleted_record(name), record.encode()?),
            ];
            match task.commit(&Target::Name(name.clone()), changes) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| deleted),
            }
        }
        Err(ErrorKind::Conflict.into())
    }

    fn recover(&self, task: &Task<'_>, name: &KeyName) -> Result<KeyRecord, Error> {
        for _ in 0..COMMIT_TRIES {
            let (revision, record) = self.deleted(name)?;
            let changes = vec![
                Change::remove(deleted_record(name), revision),
                Change::insert(key_record(name), record.key.encode()?),
            ];
            match task.commit(&Target::Name(name.clone()), changes) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| record.key),
            }
        }
        Err(ErrorKind::Conflict.into())
    }

    /// The record of a key that is deleted and not being destroyed.
    pub(super) fn deleted(&self, name: &KeyName) -> Result<(u64, DeletedRecord), Error> {
        match self.store.get(&deleted_record(name))? {
            Some(found) => Ok((found.revision, DeletedRecord::decode(&found.value)?)),
            None if self.store.get(&destroying_record(name))?.is_some() => {
                Err(ErrorKind::BeingDeleted.into())
            }
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// Whether this name can be used for a new key: refused while it belongs to a deleted
    /// one.
    pub(super) fn check_not_deleted(&self, name: &KeyName) -> Result<(), Error> {
        if self.store.get(&deleted_record(name))?.is_some() {
            return Err(ErrorKind::Deleted.into());
        }
        if self.store.get(&destroying_record(name))?.is_some() {
            return Err(ErrorKind::BeingDeleted.into());
        }
        Ok(())
    }

    fn show_deleted(&self, record: &DeletedRecord) -> Result<DeletedKey, Error> {
        let KeyRecord { name, current, .. } = &record.key;
        let version = self.store.get(&version_record(name, *current))?;
        let version = VersionRecord::decode(&version.ok_or_else(corrupt)?.value)?;
        let id = KeyId::new(self.host.clone(), name.clone(), *current);
        let facts = version.facts;
        Ok(DeletedKey {
            recovery_id: format!("https://{}/deletedkeys/{name}", self.host),
            deleted_date: record.deleted,
            scheduled_purge_date: record.purge_date(),
            recovery_level: record.recovery.level,
            recoverable_days: record.recovery.days,
            jwk: self.jwk(&id, &version.handle, facts.ops)?,
            ops: facts.ops,
            attributes: facts.attributes,
            tags: facts.tags,
            release_policy: record.key.release_policy.clone(),
            name: name.clone(),
            id,
        })
    }
}
