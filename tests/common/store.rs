//! A store in front of another one, whose commits go through a function: to lose them, to lose
//! their answers, to count them.
#![allow(dead_code)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strongroom::vault::{Change, Record, Store};
use strongroom::{Error, ErrorKind};

type Commit = dyn Fn(&dyn Store, &[Change]) -> Result<u64, Error> + Send + Sync;
type Reading = dyn Fn(&str) + Send + Sync;

pub(crate) struct Through {
    inner: Arc<dyn Store>,
    commit: Box<Commit>,
    reading: Box<Reading>,
}

impl Through {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        commit: impl Fn(&dyn Store, &[Change]) -> Result<u64, Error> + Send + Sync + 'static,
    ) -> Self {
        Through {
            inner,
            commit: Box::new(commit),
            reading: Box::new(|_| ()),
        }
    }

    /// Calls a function before each record is read, with its key, and after each page that was
    /// not empty, with its prefix.
    pub(crate) fn watched(mut self, reading: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.reading = Box::new(reading);
        self
    }
}

/// It does not verify itself, as it has no `verify`.
impl Store for Through {
    fn revision(&self) -> u64 {
        self.inner.revision()
    }
    fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        (self.reading)(key);
        self.inner.get(key)
    }
    fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, Error> {
        let page = self.inner.scan(prefix, after, limit)?;
        if !page.is_empty() {
            (self.reading)(prefix);
        }
        Ok(page)
    }
    fn commit(&self, changes: &[Change]) -> Result<u64, Error> {
        (self.commit)(&*self.inner, changes)
    }
    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }
}

impl fmt::Debug for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Through").field(&self.inner).finish()
    }
}

/// Loses every commit after the first `left`, as a process that dies does.
pub(crate) fn dying(inner: Arc<dyn Store>, left: usize) -> Through {
    let left = AtomicUsize::new(left);
    Through::new(inner, move |store, changes| {
        let less = |left: usize| left.checked_sub(1);
        let left = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        left.map_err(|_| Error::from(ErrorKind::Unavailable { what: "store" }))?;
        store.commit(changes)
    })
}
