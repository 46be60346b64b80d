//! Events of changes that were committed, until the sink has taken them.
//!
//! The event of a change is a record of its commit ([`Task::commit`](super::task::Task::commit)),
//! so that neither is there without the other. Then the sink is given it and the record is
//! removed; what is left over, by a sink that fails or by a crash, is given to the sink before
//! anything else is done. A crash between the two gives it to the sink again, with the same id.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::record::{OUTBOX, decode_event, encode_event, outbox_record};
use super::{AuditEvent, Change, Core};
use crate::error::{Error, ErrorKind};

/// How many records are read at a time.
const PAGE: usize = 64;

#[derive(Debug)]
pub(super) struct Outbox {
    /// How often something came in.
    filled: AtomicU64,
    /// What `filled` was when it was last found empty.
    emptied: AtomicU64,
    /// Held by the one who empties it: the sink is given each event once, in order.
    emptying: Mutex<()>,
    /// The next event's number.
    next: AtomicU64,
}

impl Default for Outbox {
    /// Of the last process something may be left.
    fn default() -> Self {
        Outbox {
            filled: AtomicU64::new(1),
            emptied: AtomicU64::new(0),
            emptying: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }
}

impl Outbox {
    /// The record of an event. Numbered before the commit, after everything that it builds on.
    pub(super) fn change(&self, event: &AuditEvent) -> Result<Change, Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let key = outbox_record(number, event.id);
        Ok(Change::insert(key, encode_event(event)?))
    }

    /// An event came in, or may have.
    pub(super) fn filled(&self) {
        self.filled.fetch_add(1, Ordering::AcqRel);
    }

    #[inline]
    fn waits(&self) -> bool {
        self.filled.load(Ordering::Acquire) != self.emptied.load(Ordering::Acquire)
    }
}

impl Core {
    /// When work begins now, if its event is wanted. Refused while events of earlier changes
    /// wait and the sink does not take them.
    #[inline]
    pub(super) fn start(&self) -> Result<Option<Instant>, Error> {
        if !self.audit.wants_events() {
            return Ok(None);
        }
        let begun = Instant::now();
        self.drain()?;
        Ok(Some(begun))
    }

    /// Gives the sink what waits.
    #[inline]
    pub(super) fn drain(&self) -> Result<(), Error> {
        match self.outbox.waits() {
            true => self
                .empty()
                .map_err(|error| Error::with_source(ErrorKind::Audit, error)),
            false => Ok(()),
        }
    }

    #[cold]
    fn empty(&self) -> Result<(), Error> {
        let outbox = &self.outbox;
        let held = outbox.emptying.lock();
        let _held = held.unwrap_or_else(PoisonError::into_inner);
        // Before looking: what comes in meanwhile is looked for again.
        let filled = outbox.filled.load(Ordering::Acquire);
        if filled == outbox.emptied.load(Ordering::Acquire) {
            return Ok(()); // By who held it before.
        }
        loop {
            let page = self.store.scan(OUTBOX, None, PAGE)?;
            let is_last = page.len() < PAGE;
            for (key, found) in page {
                self.audit.record_once(&decode_event(&found.value)?)?;
                match self.store.commit(&[Change::remove(key, found.revision)]) {
                    // Another vault on the same store was first.
                    Err(error) if *error.kind() == ErrorKind::Conflict => {}
                    removed => drop(removed?),
                }
            }
            if is_last {
                outbox.emptied.store(filled, Ordering::Release);
                return Ok(());
            }
        }
    }
}
