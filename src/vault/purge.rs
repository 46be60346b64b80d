//! Destroying a deleted key, so that a crash at any point leaves it destroyed in the end.
//!
//! 1. One commit puts `destroying/{name}` in place of `deleted/{name}`. From now on the key
//!    cannot be recovered.
//! 2. The provider destroys the key of each version, and of each that was being made when a
//!    process ended.
//! 3. Their records are removed, and last `destroying/{name}`: the name is free.
//!
//! A provider that does not answer leaves the rest to the next opening of the vault, or to
//! the next [`settle`](Vault::settle).

use super::access::Scope;
use super::record::{
    DELETED, DeletedRecord, PendingRecord, VersionRecord, deleted_record, destroying_record,
    pending_of, versions_of,
};
use super::task::Task;
use super::{Action, Change, Core, Denial, KeyName, Record, Target, UnixTime, Vault};
use crate::error::{Error, ErrorKind};

/// How many records are read at a time.
const PAGE: usize = 64;

/// What [`Vault::purge_due`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Purged {
    /// The keys that are gone.
    pub purged: Vec<KeyName>,
    /// Those that are not, and why: the provider did not answer, or a record is damaged. One whose
    /// destruction has begun is beyond recovery, and tried again by [`settle`](Vault::settle).
    pub failed: Vec<(String, Error)>,
}

impl Vault {
    /// Destroys a deleted key with all its versions, at its provider too. Nothing brings it
    /// back; its name can be used again.
    ///
    /// With `Software` the key is in its record: copies of the store that were made before
    /// open for as long as its sealing key is in use (see [`Key::reseal`](super::Key::reseal)).
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) unless it is deleted; [`PurgeProtected`](
    /// Denial::PurgeProtected) before its time is over, where it was deleted with
    /// [protection](super::PurgeProtection); [`BeingDeleted`](ErrorKind::BeingDeleted) while
    /// somebody else purges it, [`Conflict`](ErrorKind::Conflict) while it is settled; those of
    /// the provider and the store. After one of the provider the key is beyond recovery, and is
    /// destroyed when the vault is next [settled](Vault::settle).
    ///
    /// ```
    /// use strongroom::vault::KeyOptions;
    /// use strongroom::{Curve, ErrorKind};
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// vault.delete("signing")?;
    /// let taken = vault.create("signing", Curve::P256, &KeyOptions::new());
    /// assert_eq!(*taken.unwrap_err().kind(), ErrorKind::Deleted);
    /// vault.purge("signing")?;
    /// vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn purge(&self, name: &str) -> Result<(), Error> {
        let task = self.core.begin(Action::Purge)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let now = self.core.clock.now();
        let purged = self.core.purge(&task, &name, |record| {
            // Once its time is over nothing protects it; the sweep may be late.
            if record.recovery.level.can_purge() || now >= record.purge_date() {
                return Ok(());
            }
            Err(Denial::PurgeProtected.into())
        });
        task.end(Target::Name(name), purged)
    }

    /// Purges the deleted keys whose time is over: to be called now and then by whoever
    /// embeds the vault, which has no thread of its own. The owner's alone: no view may.
    ///
    /// # Errors
    /// Those of the store and of the audit sink. A key that cannot be purged does not keep
    /// the others from it; it is among [`failed`](Purged::failed).
    ///
    /// ```
    /// use strongroom::vault::{Clock, KeyOptions, SystemClock};
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", strongroom::Curve::P256, &KeyOptions::new())?;
    /// vault.delete("signing")?;
    /// let now = SystemClock.now();
    /// assert!(vault.purge_due(now)?.purged.is_empty());
    /// assert_eq!(vault.purge_due(now.plus(91 * 86_400))?.purged.len(), 1);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn purge_due(&self, now: UnixTime) -> Result<Purged, Error> {
        let task = self.core.begin(Action::PurgeDue)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let mut done = Purged::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.core.scan(DELETED, after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(done);
            };
            after = Some(last.clone());
            for (key, found) in page {
                let name = match found.and_then(|found| DeletedRecord::decode(&found.value)) {
                    Ok(record) if now < record.purge_date() => continue,
                    Ok(record) => record.key.name,
                    Err(error) => {
                        done.failed.push((key, error));
                        continue;
                    }
                };
                let task = self.core.begin(Action::Purge)?;
                let purged = self.core.purge(&task, &name, |record| {
                    // Recovered and deleted again since the page was read?
                    match now < record.purge_date() {
                        true => Err(ErrorKind::Conflict.into()),
                        false => Ok(()),
                    }
                });
                let target = Target::Name(name.clone());
                match task.end(target, purged) {
                    Ok(()) => done.purged.push(name),
                    Err(error) if *error.kind() == ErrorKind::Audit => return Err(error),
                    Err(error) => done.failed.push((key, error)),
                }
            }
        }
    }
}

impl Core {
    fn purge(
        &self,
        task: &Task<'_>,
        name: &KeyName,
        may: impl FnOnce(&DeletedRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let key = destroying_record(name);
        let Some(_destroying) = self.enter(&key) else {
            // By whoever purges it; or something of this name is being settled.
            self.deleted(name)?;
            return Err(ErrorKind::Conflict.into());
        };
        match self.deleted(name) {
            Ok((revision, mut record)) => {
                may(&record)?;
                record.purged_by.clone_from(&self.caller);
                self.store.commit(&[
                    Change::remove(deleted_record(name), revision),
                    Change::insert(key.clone(), record.encode()?),
                ])?;
            }
            // Begun before, and to be ended now.
            Err(error) if *error.kind() == ErrorKind::BeingDeleted => {}
            Err(error) => return Err(error),
        }
        let found = self.store.get(&key)?.ok_or(ErrorKind::NotFound)?;
        self.destroy(task, name, found.revision)
    }

    /// Steps 2 and 3, of the record of this revision. By whoever has entered it: another one,
    /// still at work when the name is free again, would destroy whatever is made under it next.
    pub(super) fn destroy(
        &self,
        task: &Task<'_>,
        name: &KeyName,
        revision: u64,
    ) -> Result<(), Error> {
        self.destroy_pending(name)?;
        self.destroy_versions(name)?;
        let mut changes = vec![Change::remove(destroying_record(name), revision)];
        // Who makes the name anew is not bound by roles that were held at the old key.
        changes.extend(self.forget_roles(name)?);
        let removed = task.commit(&Target::Name(name.clone()), changes);
        removed.map(|_| ())
    }

    fn destroy_versions(&self, name: &KeyName) -> Result<(), Error> {
        self.destroy_each(&versions_of(name), |found| {
            let handle = VersionRecord::decode(&found.value)?.handle;
            self.providers.by_id(handle.provider())?.destroy(&handle)
        })
    }

    /// What a crash left half-made under this name goes with it. What this process is making
    /// now is left alone: it finds the name taken, or free.
    fn destroy_pending(&self, name: &KeyName) -> Result<(), Error> {
        self.destroy_each(&pending_of(name), |found| {
            let pending = PendingRecord::decode(&found.value)?;
            let provider = self.providers.by_id(&pending.provider)?;
            match provider.find(&pending.id)? {
                Some(handle) => provider.destroy(&handle),
                None => Ok(()),
            }
        })
    }

    /// Destroys what each record stands for, and removes the record. What cannot be destroyed,
    /// or is damaged, does not keep the others from it; the first error is told.
    fn destroy_each(
        &self,
        prefix: &str,
        destroy: impl Fn(&Record) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let failed = self.each_alone(
            prefix,
            |key| self.enter(key),
            |key, found| {
                let mut left = Some(found);
                while let Some(found) = left {
                    destroy(&found)?;
                    let remove = [Change::remove(key.into(), found.revision)];
                    left = match self.store.commit(&remove) {
                        // Somebody changed it meanwhile, or removed it.
                        Err(error) if *error.kind() == ErrorKind::Conflict => {
                            self.store.get(key)?
                        }
                        removed => removed.map(|_| None)?,
                    };
                }
                Ok(())
            },
        )?;
        match failed.into_iter().next() {
            Some(first) => Err(first.error),
            None => Ok(()),
        }
    }
}
