//! The record of every use.
//!
//! For an operation on a key the event is written after the result has been computed
//! and before it is released: a sink that fails withholds the result, so nothing is
//! ever used unrecorded, and the caller gets [`ErrorKind::Audit`]. So it is with what only
//! reads, and with refusals.
//!
//! A change to the store and its event are committed together, and only then is the sink
//! given the event. A change that was acknowledged has an event, then: a sink that fails, or a
//! crash, leaves it in the store, and it comes before anything else, when the vault is next
//! used or built. Until the sink takes it, everything is refused with [`ErrorKind::Audit`], and
//! does nothing. The change itself is acknowledged, and stands.
//!
//! [`NoAudit`] leaves what it finds waiting where it is, for a vault with a sink.
//!
//! Events tell who asked, which key, what, how many bytes and how it ended; never data.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::access::{Caller, Scope};
use super::action::Action;
use super::clock::UnixTime;
use super::id::{KeyId, KeyName};
use crate::alg::Alg;
use crate::encoding::hex::Hex;
use crate::error::{Denial, Error, ErrorKind};
use crate::seal::Randomness;

/// What it was asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// The vault as a whole.
    Vault,
    /// A part of the vault at which roles are held.
    Scope(Scope),
    /// A name, with no version resolved.
    Name(KeyName),
    /// One version.
    Key(KeyId),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Vault => f.write_str("vault"),
            Target::Scope(scope) => scope.fmt(f),
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
    /// Policy said no to this use of the key.
    Denied(Denial),
    /// The caller was not granted this.
    Forbidden {
        /// The data action or permission.
        action: &'static str,
        /// Where.
        scope: Box<str>,
    },
    /// It failed.
    Failed(ErrorKind),
}

impl Outcome {
    pub(super) fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Outcome::Success,
            Err(error) => match error.kind() {
                ErrorKind::Denied(denial) => Outcome::Denied(*denial),
                ErrorKind::Forbidden { action, scope, .. } => Outcome::Forbidden {
                    action,
                    scope: scope.clone(),
                },
                kind => Outcome::Failed(kind.clone()),
            },
        }
    }
}

/// Tells an event from every other: 16 random bytes, written as 32 hexadecimal digits.
///
/// ```
/// # use std::sync::Arc;
/// # use strongroom::software::Software;
/// # use strongroom::store::MemoryStore;
/// # use strongroom::vault::{MemoryAudit, Vault};
/// # let audit = Arc::new(MemoryAudit::new(10));
/// # let vault = Vault::builder().provider(Arc::new(Software::ephemeral()?))
/// #     .store(Arc::new(MemoryStore::new())).audit(audit.clone()).build()?;
/// vault.list(None, None)?;
/// assert_eq!(audit.events()[0].id.to_string().len(), 32);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(super) const fn from_bytes(bytes: [u8; 16]) -> Self {
        EventId(bytes)
    }

    /// From the system, also after a fork.
    pub(super) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        Randomness::system().fill(&mut bytes)?;
        Ok(EventId(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Another one for each event.
    pub id: EventId,
    /// When it ended, by the vault's clock.
    pub time: UnixTime,
    /// How long the vault was at it, with what it asked of provider and store: until the event
    /// was made, which for a change is before its commit. For an item of a batch, the whole batch.
    /// By a monotonic clock, not the vault's.
    pub duration: Duration,
    /// Who asked; `None` is the vault's owner.
    pub caller: Option<Caller>,
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

/// Where events go. Called on the thread of the operation, before its result is
/// released; a slow sink slows every operation.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Records an event, durably if it promises that.
    ///
    /// # Errors
    /// Any: the operation's result is then withheld, and the caller gets
    /// [`ErrorKind::Audit`] with this error as its source.
    fn record(&self, event: &AuditEvent) -> Result<(), Error>;

    /// Records the event of a change that was committed, unless it has it: after a failure or a
    /// crash it may be given again, with the same id. By default it is recorded again; a sink that
    /// can tell should not. The vault gives one such event at a time, in the order of their
    /// numbers; those of verbs that run meanwhile come in between.
    ///
    /// # Errors
    /// Any: until the sink takes the event, the vault refuses everything.
    fn record_once(&self, event: &AuditEvent) -> Result<(), Error> {
        self.record(event)
    }

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

    fn record_once(&self, event: &AuditEvent) -> Result<(), Error> {
        let is_known = {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.iter().any(|known| known.id == event.id)
        };
        match is_known {
            true => Ok(()),
            false => self.record(event),
        }
    }
}
