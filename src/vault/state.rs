//! What a key has read of its records, and whether that is still so.
//!
//! Every verb asks, so the way of those that find nothing changed is short: one question to
//! the store, one load, and no lock.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::record::{KeyRecord, VersionRecord, corrupt, key_record, version_record};
use super::{Core, KeyId, KeyName, KeyVersion, Record};
use crate::error::{Error, ErrorKind};
use crate::provider::KeyProvider;

/// A decoded record.
pub(super) struct State {
    /// What its results carry.
    id: KeyId,
    pub(super) record: VersionRecord,
    /// Where its key lives.
    pub(super) provider: Arc<dyn KeyProvider>,
    revision: u64,
}

impl State {
    #[inline]
    pub(super) fn id(&self) -> &KeyId {
        &self.id
    }
}

/// A version as it is now.
pub(super) enum Current<'a> {
    First(&'a State),
    Later(Arc<State>),
}

/// What a key and its clones have read.
#[derive(Default)]
pub(super) struct Known {
    /// What was read first stays as long as the key does: so it is used without a lock and
    /// without counting who uses it, which would be most of what a vault costs.
    first: OnceLock<First>,
    /// What was read last, if that is not the first any more.
    later: RwLock<Option<Later>>,
}

struct First {
    state: State,
    /// The store's revision when it was last found to be current.
    store_revision: AtomicU64,
}

struct Later {
    state: Arc<State>,
    store_revision: u64,
}

impl Known {
    /// This version, or the current one, as it is now.
    #[inline]
    pub(super) fn state(
        &self,
        core: &Core,
        name: &KeyName,
        version: Option<KeyVersion>,
    ) -> Result<Current<'_>, Error> {
        // Read before the record, so that a change in between is seen the next time.
        let store_revision = core.store.revision();
        match self.first.get() {
            Some(first) if first.store_revision.load(Ordering::Relaxed) == store_revision => {
                Ok(Current::First(&first.state))
            }
            _ => self.state_after_change(core, name, version, store_revision),
        }
    }

    #[cold]
    fn state_after_change(
        &self,
        core: &Core,
        name: &KeyName,
        version: Option<KeyVersion>,
        store_revision: u64,
    ) -> Result<Current<'_>, Error> {
        let later = {
            let later = self.later.read().unwrap_or_else(PoisonError::into_inner);
            match &*later {
                Some(later) if later.store_revision == store_revision => {
                    return Ok(Current::Later(Arc::clone(&later.state)));
                }
                Some(later) => Some(Arc::clone(&later.state)),
                None => None,
            }
        };
        let found = Found::read(core, name, version)?;
        if let Some(first) = self.first.get()
            && found.is_of(&first.state)
        {
            first
                .store_revision
                .store(store_revision, Ordering::Relaxed);
            return Ok(Current::First(&first.state));
        }
        let state = match later.filter(|state| found.is_of(state)) {
            Some(state) => state,
            None => {
                let first = First {
                    state: found.decode(core, name)?,
                    store_revision: AtomicU64::new(store_revision),
                };
                match (self.first.set(first), self.first.get()) {
                    (Ok(()), Some(first)) => return Ok(Current::First(&first.state)),
                    (Err(first), _) => Arc::new(first.state),
                    (Ok(()), None) => return Err(corrupt()),
                }
            }
        };
        let mut later = self.later.write().unwrap_or_else(PoisonError::into_inner);
        *later = Some(Later {
            state: Arc::clone(&state),
            store_revision,
        });
        Ok(Current::Later(state))
    }
}

/// A version's record as the store has it.
struct Found {
    /// As it was spelled when the key was made.
    name: KeyName,
    version: KeyVersion,
    record: Record,
}

impl Found {
    fn read(core: &Core, name: &KeyName, version: Option<KeyVersion>) -> Result<Self, Error> {
        let key = core.store.get(&key_record(name))?;
        let key = KeyRecord::decode(&key.ok_or(ErrorKind::NotFound)?.value)?;
        let version = version.unwrap_or(key.current);
        let record = core.store.get(&version_record(name, version))?;
        Ok(Found {
            name: key.name,
            version,
            record: record.ok_or(ErrorKind::NotFound)?,
        })
    }

    /// Whether this is what was decoded.
    fn is_of(&self, state: &State) -> bool {
        state.id.version() == self.version && state.revision == self.record.revision
    }

    fn decode(self, core: &Core, name: &KeyName) -> Result<State, Error> {
        let record = VersionRecord::decode(&self.record.value)?;
        if record.facts.version != self.version || record.facts.name != *name {
            // A record put in another one's place.
            return Err(corrupt());
        }
        let provider = Arc::clone(core.providers.by_id(record.handle.provider())?);
        Ok(State {
            id: KeyId::new(core.host.clone(), self.name, self.version),
            record,
            provider,
            revision: self.record.revision,
        })
    }
}

impl Deref for Current<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        match self {
            Current::First(state) => state,
            Current::Later(state) => state,
        }
    }
}
