//! Settling what a crash left half-made.
//!
//! What was being destroyed is destroyed, and a restoration that was cut short is taken back.
//! Of what else was being made the provider is asked: a key that is there is completed
//! (nothing is deleted that might be somebody's), one that is not never was. Either way an
//! event is written.

use super::access::Scope;
use super::make::{Becoming, Making, Publish};
use super::record::{DESTROYING, DeletedRecord, PENDING, PendingRecord, destroying_record};
use super::{Action, Core, KeyId, KeyName, Record, Target, Vault};
use crate::error::{Error, ErrorKind};

/// How many pending records are read at a time.
const PAGE: usize = 64;

/// What was being made or destroyed when the process ended, and could not be settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unsettled {
    /// The record: `pending/{name}/{version}`, or `destroying/{name}`.
    pub record: String,
    /// Why: the provider did not answer, or the record is damaged.
    pub error: Error,
}

impl Vault {
    /// Settles what was being made or destroyed when the process ended; answers with what
    /// could not be. A version that is completed this way becomes the current one
    /// only if its name has no other.
    ///
    /// Runs when the vault is built; to be called again once a provider is back. What this
    /// process is making now is left alone. The owner's alone: no view may.
    ///
    /// # Errors
    /// Those of the store.
    ///
    /// ```
    /// let vault = strongroom::in_memory()?;
    /// assert!(vault.settle()?.is_empty());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn settle(&self) -> Result<Vec<Unsettled>, Error> {
        let task = self.core.begin(Action::Settle)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let mut open = self.core.each_alone(
            DESTROYING,
            |record| self.core.enter(record),
            |_, found| {
                let it = DeletedRecord::decode(&found.value)?;
                let asked = self.core.on_behalf_of(it.purged_by);
                let task = asked.begin(Action::Purge)?;
                let destroyed = asked.destroy(&task, &it.key.name, found.revision);
                task.end(Target::Name(it.key.name), destroyed)
            },
        )?;
        open.extend(self.core.each_alone(
            PENDING,
            |record| self.core.enter_pending(record),
            |_, found| {
                let pending = PendingRecord::decode(&found.value)?;
                self.core.settle(&pending, found.revision)
            },
        )?);
        Ok(open)
    }
}

impl Core {
    /// Works on each record that can be entered, because nobody else in this process is at it, and
    /// tells where that failed, which does not keep it from the others. A record is read when it
    /// has been entered: since the page of it was, it may have been settled, and another be in its
    /// place.
    pub(super) fn each_alone<Entered>(
        &self,
        prefix: &str,
        enter: impl Fn(&str) -> Option<Entered>,
        work: impl Fn(&str, Record) -> Result<(), Error>,
    ) -> Result<Vec<Unsettled>, Error> {
        let mut failed = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store.keys(prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else {
                return Ok(failed);
            };
            after = Some(last.clone());
            for record in page {
                let Some(_alone) = enter(&record) else {
                    continue;
                };
                let found = self.store.get(&record);
                let worked = found.and_then(|found| match found {
                    Some(found) => work(&record, found),
                    None => Ok(()),
                });
                if let Err(error) = worked {
                    failed.push(Unsettled { record, error });
                }
            }
        }
    }

    /// Enters a record.
    pub(super) fn enter(&self, record: &str) -> Option<Making<'_>> {
        self.in_flight.enter(record.to_owned())
    }

    /// Enters a pending record, and before it the one that whoever purges its name holds: a
    /// version that was completed behind his back would bring the name back.
    fn enter_pending(&self, record: &str) -> Option<Vec<Making<'_>>> {
        let rest = record.strip_prefix(PENDING);
        let name = rest.and_then(|rest| rest.split('/').next()?.parse().ok());
        let of_name = name.map(|name: KeyName| destroying_record(&name));
        let records = of_name.into_iter().chain([record.to_owned()]);
        records.map(|record| self.in_flight.enter(record)).collect()
    }

    fn settle(&self, pending: &PendingRecord, revision: u64) -> Result<(), Error> {
        let asked = self.on_behalf_of(pending.caller.clone());
        let task = asked.begin(pending.action)?;
        let facts = &pending.facts;
        let provider = self.providers.by_id(&pending.provider)?;
        let id = KeyId::new(self.host.clone(), facts.name.clone(), facts.version);
        match provider.find(&pending.id)? {
            Some(handle) if pending.action == Action::Restore => {
                // A part of a key that was not restored as a whole.
                provider.destroy(&handle)?;
            }
            Some(handle) => {
                let handle = pending.check(handle)?;
                let how = Publish::pending(revision, Becoming::Settled(pending.replaces), pending);
                self.publish(&task, facts, &handle, how)?;
                return task.end(Target::Key(id), Ok(()));
            }
            None => {}
        }
        // The event first: as long as the record is there it is said again.
        let never = task.end(Target::Key(id), Err(ErrorKind::NotFound.into()));
        match never {
            Err(error) if *error.kind() == ErrorKind::Audit => Err(error),
            Ok(()) | Err(_) => self.withdraw(facts, revision),
        }
    }
}
