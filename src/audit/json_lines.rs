//! The sink that writes lines to a file.
//!
//! For each event: the line, then (by the policy) the file's sync, then the head in the store.
//! Only then is the event acknowledged. What a crash leaves between them is settled when the
//! log is next opened: whole lines behind the head that continue the chain are taken, a piece
//! of a line is cut off.
//!
//! The event of a change may be given again after a crash ([`AuditSink::record_once`]), so the
//! ids of the last ones are kept with the head, those of lines that were taken behind it too.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::chain::{AuditKey, Head, Kept, VerifiedLog, follow, unavailable};
use super::line;
use crate::error::{Error, ErrorKind};
use crate::vault::{AuditEvent, AuditSink, Change, Store};

/// The head's record in the store.
const HEAD: &str = "audit/head";

/// When what was written is made to survive a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Before each event is acknowledged.
    #[default]
    EachEvent,
    /// When the system sees fit: events of the last seconds before a power cut may be
    /// missing, and then the head in the store says so when the log is next opened.
    BySystem,
}

/// Events as lines of JSON in a file, in a keyed chain whose head is in a store.
///
/// One process at a time. The store is the vault's own or another; each event is a commit to
/// it, so that no line can be cut off unnoticed.
///
/// The event of a change that was committed is in the log exactly once, whatever fails in
/// between: one that comes again is known by its id (up to eight vaults to a log). Of an
/// operation whose result was withheld there may be a line.
pub struct JsonLinesAudit {
    path: PathBuf,
    key: AuditKey,
    store: Arc<dyn Store>,
    sync: SyncPolicy,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// What is acknowledged.
    kept: Kept,
    /// The revision of its record.
    revision: u64,
    /// An event failed half-way: what there is must be looked at before the next.
    unsettled: bool,
}

impl JsonLinesAudit {
    /// Opens a log or begins one, and settles what a crash left. Reads only what stands behind
    /// the head; to look at all of it see [`verify`](JsonLinesAudit::verify).
    ///
    /// # Errors
    /// [`AuditLog`](ErrorKind::AuditLog) if what stands there does not continue the chain, if
    /// lines were cut off, or if there are lines and no head;
    /// [`Unavailable`](ErrorKind::Unavailable) for `audit log` if another process has it open,
    /// or for what the system says; those of the store.
    pub fn open(
        path: impl AsRef<Path>,
        key: AuditKey,
        store: Arc<dyn Store>,
    ) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(&path);
        let file = file.map_err(unavailable)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => ErrorKind::Unavailable { what: "audit log" }.into(),
            TryLockError::Error(error) => unavailable(error),
        })?;
        let (kept, revision) = match store.get(HEAD)? {
            Some(record) => (Kept::decode(&record.value)?, record.revision),
            None => {
                let kept = start(&file, &key)?;
                let first = Change::insert(HEAD.into(), kept.encode()?);
                (kept, store.commit(&[first])?)
            }
        };
        let mut state = State {
            file,
            kept,
            revision,
            unsettled: true,
        };
        state.settle(&*store, &key)?;
        Ok(JsonLinesAudit {
            path,
            key,
            store,
            sync: SyncPolicy::default(),
            state: Mutex::new(state),
        })
    }

    /// With this policy of syncing.
    #[must_use]
    pub fn with_sync(mut self, policy: SyncPolicy) -> Self {
        self.sync = policy;
        self
    }

    /// Reads the whole log and compares it with the head in the store.
    ///
    /// # Errors
    /// [`AuditLog`](ErrorKind::AuditLog) with the first line that is not as it was written, is
    /// missing, or is there although the store knows of none;
    /// [`Unavailable`](ErrorKind::Unavailable); those of the store.
    pub fn verify(&self) -> Result<VerifiedLog, Error> {
        // No event comes in between.
        let _state = self.state();
        JsonLinesAudit::verify_file(&self.path, &self.key, &*self.store)
    }

    /// The same, of a log that nobody has open.
    ///
    /// # Errors
    /// As [`verify`](JsonLinesAudit::verify).
    pub fn verify_file(
        path: impl AsRef<Path>,
        key: &AuditKey,
        store: &dyn Store,
    ) -> Result<VerifiedLog, Error> {
        let file = File::open(path).map_err(unavailable)?;
        let head = match store.get(HEAD)? {
            Some(record) => Kept::decode(&record.value)?.head,
            None => start(&file, key)?.head,
        };
        let (end, torn) = follow(
            BufReader::new(file),
            key,
            Head::start(key),
            Some(head),
            |_| (),
        )?;
        Ok(VerifiedLog {
            lines: end.count,
            torn,
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, event: &AuditEvent, once: bool) -> Result<(), Error> {
        let mut state = self.state();
        if state.unsettled {
            state.settle(&*self.store, &self.key)?;
        }
        let id = event.id.to_string();
        if once && state.kept.has(&id) {
            return Ok(());
        }
        let members = line::members(event).ok_or(ErrorKind::Audit)?;
        let (line, head) = state.kept.head.extend(&self.key, &members);
        let mut kept = state.kept.clone();
        kept.head = head;
        if once {
            kept.remember(id);
        }
        // Until all of it is done.
        state.unsettled = true;
        state.file.write_all(&line).map_err(unavailable)?;
        if self.sync == SyncPolicy::EachEvent {
            state.file.sync_data().map_err(unavailable)?;
        }
        state.advance(&*self.store, kept)?;
        state.unsettled = false;
        Ok(())
    }
}

impl AuditSink for JsonLinesAudit {
    fn record(&self, event: &AuditEvent) -> Result<(), Error> {
        self.write(event, false)
    }

    fn record_once(&self, event: &AuditEvent) -> Result<(), Error> {
        self.write(event, true)
    }
}

/// How a log begins of which the store knows no line: it must have none.
fn start(file: &File, key: &AuditKey) -> Result<Kept, Error> {
    if file.metadata().map_err(unavailable)?.len() > 0 {
        let fault = "the store knows of no line";
        return Err(ErrorKind::AuditLog { line: 1, fault }.into());
    }
    Ok(Kept::start(key))
}

impl State {
    /// Makes file and head agree again. Lines that were written whole stay, although the
    /// event's result was withheld: a log that says too much does no harm.
    fn settle(&mut self, store: &dyn Store, key: &AuditKey) -> Result<(), Error> {
        let record = store.get(HEAD)?.ok_or(ErrorKind::AuditLog {
            line: self.kept.head.count,
            fault: "the store knows of no line",
        })?;
        let (mut kept, revision) = (Kept::decode(&record.value)?, record.revision);
        let head = kept.head;
        let len = self.file.metadata().map_err(unavailable)?.len();
        if len < head.offset {
            let line = self.count_lines()? + 1;
            let fault = "it and what followed it were cut off";
            return Err(ErrorKind::AuditLog { line, fault }.into());
        }
        self.file
            .seek(SeekFrom::Start(head.offset))
            .map_err(unavailable)?;
        let from = BufReader::new(&self.file);
        let (end, torn) = follow(from, key, head, None, |line| {
            if let Some(id) = line::event_id(line) {
                kept.remember(id);
            }
        })?;
        if torn {
            self.file.set_len(end.offset).map_err(unavailable)?;
        }
        self.revision = revision;
        if end != head {
            self.file.sync_data().map_err(unavailable)?;
            kept.head = end;
            self.advance(store, kept)?;
        } else {
            self.kept = kept;
        }
        self.unsettled = false;
        Ok(())
    }

    fn advance(&mut self, store: &dyn Store, kept: Kept) -> Result<(), Error> {
        let change = Change::replace(HEAD.into(), self.revision, kept.encode()?);
        self.revision = store.commit(&[change])?;
        self.kept = kept;
        Ok(())
    }

    fn count_lines(&mut self) -> Result<u64, Error> {
        self.file.seek(SeekFrom::Start(0)).map_err(unavailable)?;
        let mut count = 0;
        for byte in BufReader::new(&self.file).bytes() {
            count += u64::from(byte.map_err(unavailable)? == b'\n');
        }
        Ok(count)
    }
}

impl fmt::Debug for JsonLinesAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesAudit")
            .field("path", &self.path)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}
