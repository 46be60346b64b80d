//! The record of every use.
//!
//! For an operation on a key the event is written after the result has been computed
//! and before it is released: a sink that fails withholds the result, so nothing is
//! ever used unrecorded. A change to the store is recorded after it was committed; if
//! the sink then fails the caller gets [`ErrorKind::Audit`], although the change
//! stands.
//!
//! Events tell which key, what, how many bytes and how it ended; never data. (Who asked
//! comes with roles.)

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::clock::UnixTime;
use super::id::{KeyId, KeyName};
use crate::alg::{Alg, Op};
use crate::error::{Denial, Error, ErrorKind};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A key was made.
    Create,
    /// A private key was taken over.
    Import,
    /// A key that was in the provider already was taken over.
    Adopt,
    /// A key was looked up.
    Get,
    /// Keys were listed.
    List,
    /// A key's versions were listed.
    ListVersions,
    /// A version's attributes were changed.
    Update,
    /// A version was brought under the current sealing key.
    Reseal,
    /// One of the six verbs.
    Use(Op),
}

impl Action {
    /// The service's operation name, such as `KeySign`. (`KeyAdopt` and
    /// `KeyReseal` are our own.)
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "KeyCreate",
            Action::Import => "KeyImport",
            Action::Adopt => "KeyAdopt",
            Action::Get => "KeyGet",
            Action::List => "KeyList",
            Action::ListVersions => "KeyListVersions",
            Action::Update => "KeyUpdate",
            Action::Reseal => "KeyReseal",
            Action::Use(Op::Sign) => "KeySign",
            Action::Use(Op::Verify) => "KeyVerify",
            Action::Use(Op::WrapKey) => "KeyWrap",
            Action::Use(Op::UnwrapKey) => "KeyUnwrap",
            Action::Use(Op::Encrypt) => "KeyEncrypt",
            Action::Use(Op::Decrypt) => "KeyDecrypt",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What it was asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The vault as a whole.
    Vault,
    /// A name, with no version resolved.
    Name(KeyName),
    /// One version.
    Key(KeyId),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Vault => f.write_str("vault"),
            Target::Name(name) => name.fmt(f),
            Target::Key(id) => id.fmt(f),
        }
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Success,
    /// Policy said no.
    Denied(Denial),
    /// It failed.
    Failed(ErrorKind),
}

impl Outcome {
    fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Outcome::Success,
            Err(error) => match error.kind() {
                ErrorKind::Denied(denial) => Outcome::Denied(*denial),
                kind => Outcome::Failed(kind.clone()),
            },
        }
    }
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// When it ended, by the vault's clock.
    pub time: UnixTime,
    /// What was asked for.
    pub action: Action,
    /// What it was asked of.
    pub target: Target,
    /// The algorithm, for the six verbs.
    pub alg: Option<Alg>,
    /// The bytes of message, plaintext, ciphertext or key material that came in.
    pub bytes_in: usize,
    /// How it ended.
    pub outcome: Outcome,
}

impl AuditEvent {
    /// The event of a management action.
    pub(super) fn management<T>(
        time: UnixTime,
        action: Action,
        target: Target,
        result: &Result<T, Error>,
    ) -> Self {
        AuditEvent {
            time,
            action,
            target,
            alg: None,
            bytes_in: 0,
            outcome: Outcome::of(result),
        }
    }

    /// The event of one of the six verbs.
    pub(super) fn operation<T>(
        time: UnixTime,
        (op, alg, bytes_in): (Op, Alg, usize),
        target: Target,
        result: &Result<T, Error>,
    ) -> Self {
        AuditEvent {
            time,
            action: Action::Use(op),
            target,
            alg: Some(alg),
            bytes_in,
            outcome: Outcome::of(result),
        }
    }
}

/// Where events go. Called on the thread of the operation, before its result is
/// released; a slow sink slows every operation.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Records an event, durably if it promises that.
    ///
    /// # Errors
    /// Any: the operation's result is then withheld, and the caller gets
    /// [`ErrorKind::Audit`] with this error as its source.
    fn record(&self, event: &AuditEvent) -> Result<(), Error>;

    /// Whether it wants events at all. [`NoAudit`] says no, which spares making them.
    fn wants_events(&self) -> bool {
        true
    }
}

/// No record: wanting none is said aloud.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&self, _: &AuditEvent) -> Result<(), Error> {
        Ok(())
    }

    fn wants_events(&self) -> bool {
        false
    }
}

/// Keeps the last events in memory: for tests and for showing recent activity.
///
/// ```
/// use strongroom::vault::MemoryAudit;
/// let audit = MemoryAudit::new(1000);
/// assert!(audit.events().is_empty());
/// ```
#[derive(Debug)]
pub struct MemoryAudit {
    events: Mutex<std::collections::VecDeque<AuditEvent>>,
    capacity: usize,
}

impl MemoryAudit {
    /// Keeps this many events and forgets the oldest beyond that.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        MemoryAudit {
            events: Mutex::default(),
            capacity,
        }
    }

    /// The events kept, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<AuditEvent> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().cloned().collect()
    }
}

impl AuditSink for MemoryAudit {
    fn record(&self, event: &AuditEvent) -> Result<(), Error> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push_back(event.clone());
        while events.len() > self.capacity {
            events.pop_front();
        }
        Ok(())
    }
}
