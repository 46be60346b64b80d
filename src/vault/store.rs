//! What a vault needs of a store: records under string keys, changed together or not
//! at all.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// A stored value with the revision at which it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Differs from that of every other value that this key has had.
    pub revision: u64,
    /// The bytes.
    pub value: Arc<[u8]>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({}, {} bytes)", self.revision, self.value.len())
    }
}

/// One change of a commit.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// The revision that must be there now; `None`: the key must be absent.
    pub expect: Option<u64>,
    /// The new value; `None` removes the record.
    pub value: Option<Vec<u8>>,
}

impl Change {
    /// Writes a record where none may be yet.
    #[must_use]
    pub fn insert(key: String, value: Vec<u8>) -> Self {
        Change {
            key,
            expect: None,
            value: Some(value),
        }
    }

    /// Writes a record in place of the one with this revision.
    #[must_use]
    pub fn replace(key: String, expect: u64, value: Vec<u8>) -> Self {
        Change {
            key,
            expect: Some(expect),
            value: Some(value),
        }
    }

    /// Removes the record with this revision.
    #[must_use]
    pub fn remove(key: String, expect: u64) -> Self {
        Change {
            key,
            expect: Some(expect),
            value: None,
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { key, expect, value } = self;
        let len = value.as_ref().map(Vec::len);
        write!(f, "Change({key}, expect {expect:?}, {len:?} bytes)")
    }
}

/// Compare-and-set records with atomic commits of several.
///
/// Methods block. A store that is slow or remote is called for every verb only when
/// its [`revision`](Store::revision) has changed, so that one must be quick; a store
/// that others write to says how stale its revision may be.
pub trait Store: fmt::Debug + Send + Sync {
    /// A number that changes whenever any record does. By the time a commit returns,
    /// every caller sees a new one.
    fn revision(&self) -> u64;

    /// A record.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) or
    /// [`Corrupt`](crate::ErrorKind::Corrupt).
    fn get(&self, key: &str) -> Result<Option<Record>, Error>;

    /// The records whose keys begin with `prefix` and sort after `after`, sorted by
    /// key (bytewise), at most `limit` of them.
    ///
    /// # Errors
    /// As [`get`](Store::get).
    fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, Error>;

    /// Makes all changes, durably if the store is, or none. Answers with the revision
    /// that the records written now have.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if any record is not the one that its
    /// change expects.
    fn commit(&self, changes: &[Change]) -> Result<u64, Error>;

    /// Whether what was committed outlives the process. A provider whose keys do not
    /// is refused with such a store.
    fn is_durable(&self) -> bool;
}

/// Object safety is part of the contract.
const _: fn(&dyn Store) = |_| ();
