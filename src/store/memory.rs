//! Records in memory, gone with the process.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::error::{Error, ErrorKind};
use crate::vault::{Change, Record, Store, Verified};

/// Records in memory: for tests, for keys that live as long as the process, and for
/// services that load their keys at start.
///
/// ```
/// use strongroom::store::MemoryStore;
/// use strongroom::vault::{Change, Store};
/// let store = MemoryStore::new();
/// store.commit(&[Change::insert("a".into(), b"1".to_vec())])?;
/// assert_eq!(&*store.get("a")?.unwrap().value, b"1");
/// assert!(store.commit(&[Change::insert("a".into(), b"2".to_vec())]).is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryStore {
    records: RwLock<BTreeMap<String, Record>>,
    revision: AtomicU64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore::default()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "MemoryStore({} records)", records.len())
    }
}

impl Store for MemoryStore {
    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        Ok(records.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, Error> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let found = records
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, record)| (key.clone(), record.clone()));
        Ok(found.collect())
    }

    fn commit(&self, changes: &[Change]) -> Result<u64, Error> {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        let as_expected = |change: &Change| {
            records.get(&change.key).map(|record| record.revision) == change.expect
        };
        if !changes.iter().all(as_expected) {
            return Err(ErrorKind::Conflict.into());
        }
        let revision = self.revision.load(Ordering::Acquire) + 1;
        for change in changes {
            match &change.value {
                Some(value) => {
                    let value = value.as_slice().into();
                    records.insert(change.key.clone(), Record { revision, value });
                }
                None if change.expect.is_some() => {
                    records.remove(&change.key);
                }
                None => {}
            }
        }
        // Last, so that whoever sees the new revision sees the new records.
        self.revision.store(revision, Ordering::Release);
        Ok(revision)
    }

    /// Nobody but this process can have changed anything.
    fn verify(&self) -> Result<Verified, Error> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Verified {
            records: records.len().try_into().unwrap_or(u64::MAX),
            revision: self.revision(),
        })
    }

    fn is_durable(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_all_or_nothing() {
        let store = MemoryStore::new();
        store
            .commit(&[Change::insert("a".into(), vec![1])])
            .unwrap();
        let before = store.revision();
        let both = [
            Change::insert("b".into(), vec![2]),
            Change::insert("a".into(), vec![2]),
        ];
        assert_eq!(
            *store.commit(&both).unwrap_err().kind(),
            ErrorKind::Conflict
        );
        assert!(store.get("b").unwrap().is_none());
        assert_eq!(store.revision(), before);
    }

    #[test]
    fn a_value_that_comes_back_has_another_revision() {
        let store = MemoryStore::new();
        store
            .commit(&[Change::insert("a".into(), vec![1])])
            .unwrap();
        let first = store.get("a").unwrap().unwrap().revision;
        store.commit(&[Change::remove("a".into(), first)]).unwrap();
        store
            .commit(&[Change::insert("a".into(), vec![1])])
            .unwrap();
        assert_ne!(store.get("a").unwrap().unwrap().revision, first);
    }

    #[test]
    fn scans_are_sorted_bounded_and_resumable() {
        let store = MemoryStore::new();
        for key in ["k/b", "k/a", "l/a", "k/c", "j/z"] {
            store.commit(&[Change::insert(key.into(), vec![])]).unwrap();
        }
        let keys = |after, limit| -> Vec<String> {
            let found = store.scan("k/", after, limit).unwrap();
            found.into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys(None, 9), ["k/a", "k/b", "k/c"]);
        assert_eq!(keys(None, 2), ["k/a", "k/b"]);
        assert_eq!(keys(Some("k/b"), 9), ["k/c"]);
        assert_eq!(keys(Some("a"), 1), ["k/a"]);
        assert!(keys(Some("k/c"), 9).is_empty());
    }
}
