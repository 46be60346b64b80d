//! What a vault needs of a store: records under string keys, changed together or not
//! at all.

use std::fmt;
use std::sync::Arc;

use super::access::Scope;
use super::{Action, Target, Vault};
use crate::error::{Error, ErrorKind};

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
    /// The new value; `None` removes the record, or leaves it absent.
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

    /// Changes nothing; there may be no record.
    #[must_use]
    pub fn absent(key: String) -> Self {
        Change {
            key,
            expect: None,
            value: None,
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

/// What a store was found to hold when all of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records there are.
    pub records: u64,
    /// The revision of the last commit. Whoever writes it down elsewhere can tell by a
    /// smaller one that the store as a whole was put back.
    pub revision: u64,
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
    /// As [`get`](Store::get); [`Corrupt`](crate::ErrorKind::Corrupt) if one of them is
    /// damaged: [`keys`](Store::keys) and [`get`](Store::get) then tell which.
    fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, Error>;

    /// The keys of the records that [`scan`](Store::scan) is asked for, whatever is in them. A
    /// store whose records can be damaged one by one does not look at them here, so that
    /// one does not hide the others. By default, what `scan` says.
    ///
    /// # Errors
    /// As [`get`](Store::get).
    fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        let found = self.scan(prefix, after, limit)?;
        Ok(found.into_iter().map(|(key, _)| key).collect())
    }

    /// Makes all changes, durably if the store is, or none. Answers with the revision
    /// that the records written now have.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if any record is not the one that its
    /// change expects.
    fn commit(&self, changes: &[Change]) -> Result<u64, Error>;

    /// Reads everything, and finds each record that is not as it was written, and also what
    /// reading a record cannot show: one that was put back to an older state, taken away,
    /// or put back after it had been removed.
    ///
    /// A store that was put back as a whole is not found this way.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), with what and where;
    /// [`NotOffered`](crate::ErrorKind::NotOffered) by a store that cannot tell, which is
    /// the default.
    fn verify(&self) -> Result<Verified, Error> {
        let (op, alg, key) = ("verify_store", "", "");
        Err(ErrorKind::NotOffered { op, alg, key }.into())
    }

    /// Whether what was committed outlives the process. A provider whose keys do not
    /// is refused with such a store.
    fn is_durable(&self) -> bool;
}

impl Vault {
    /// Has the store [verify](Store::verify) itself. Takes as long as reading everything, and
    /// is the owner's alone.
    ///
    /// # Errors
    /// Those of the store.
    ///
    /// ```
    /// let vault = strongroom::in_memory()?;
    /// assert_eq!(vault.verify_store()?.records, 0);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn verify_store(&self) -> Result<Verified, Error> {
        let task = self.core.begin(Action::VerifyStore)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let verified = self.core.store.verify();
        task.end(Target::Vault, verified)
    }
}

/// Object safety is part of the contract.
const _: fn(&dyn Store) = |_| ();
