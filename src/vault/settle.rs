//! Settling what a crash left half-made.
//!
//! The provider is asked: a key that is there is completed (nothing is deleted that might
//! be somebody's), one that is not never was. Either way an event is written.

use super::create::Publish;
use super::record::{PENDING, PendingRecord};
use super::{Core, KeyId, Target, Vault};
use crate::error::{Error, ErrorKind};

/// How many pending records are read at a time.
const PAGE: usize = 64;

/// A version that was being made when the process ended, and that could not be settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unsettled {
    /// The pending record: `pending/{name}/{version}`.
    pub record: String,
    /// Why: the provider did not answer, or the record is damaged.
    pub error: Error,
}

impl Vault {
    /// Settles versions that were being made when the process ended; answers with those
    /// that could not be. A version that is completed this way becomes the current one
    /// only if its name has no other.
    ///
    /// Runs when the vault is built; to be called again once a provider is back. What this
    /// process is making now is left alone.
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
        let mut open = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.core.store.scan(PENDING, after.as_deref(), PAGE)?;
            for (record, found) in &page {
                if self.core.in_flight.contains(record) {
                    continue;
                }
                let pending = PendingRecord::decode(&found.value);
                let settled = pending.and_then(|it| self.core.settle(&it, found.revision));
                if let Err(error) = settled {
                    let record = record.clone();
                    open.push(Unsettled { record, error });
                }
            }
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok(open),
            }
        }
    }
}

impl Core {
    fn settle(&self, pending: &PendingRecord, revision: u64) -> Result<(), Error> {
        let facts = &pending.facts;
        if pending.provider != *self.provider_id() {
            return Err(ErrorKind::Unavailable { what: "provider" }.into());
        }
        let made = match self.provider.find(&pending.id)? {
            Some(handle) => {
                let handle = pending.check(handle)?;
                self.publish(facts, &handle, Publish::Settled(revision))?;
                Ok(())
            }
            None => {
                self.withdraw(facts, revision)?;
                Err(ErrorKind::NotFound.into())
            }
        };
        let id = KeyId::new(self.host.clone(), facts.name.clone(), facts.version);
        // Settled either way; the event says how it ended.
        match self.record(pending.action, Target::Key(id), made) {
            Err(error) if *error.kind() == ErrorKind::Audit => Err(error),
            _ => Ok(()),
        }
    }
}
