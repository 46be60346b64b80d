//! What the file's engine says, in this crate's words.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    CommitError, CompactionError, DatabaseError, SetDurabilityError, StorageError, TableError,
    TransactionError,
};

use crate::error::{Error, ErrorKind, Rule};

/// Where a damage is, or what else there is to say of it: the source of an error.
#[derive(Debug)]
pub(super) enum Place {
    /// The record with this key.
    Record(String),
    /// Several, as far as they are listed, and how many there are.
    Records(Vec<String>, usize),
    /// Every record is authentic, and the set of them is not the one last written.
    Set,
    /// In words.
    Said(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Record(key) => write!(f, "`{}`", key.escape_debug()),
            Place::Records(keys, count) => {
                write!(f, "{count} in all:")?;
                keys.iter()
                    .try_for_each(|key| write!(f, " `{}`", key.escape_debug()))?;
                f.write_str(if keys.len() < *count { " ..." } else { "" })
            }
            Place::Set => f.write_str("a record was put back, added or removed"),
            Place::Said(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Place {}

/// Something of the store is damaged, foreign or forged, and where.
pub(super) fn corrupt_at(what: &'static str, place: Place) -> Error {
    Error::with_source(ErrorKind::Corrupt { what }, place)
}

/// Every error of the engine, under one name.
#[derive(Debug)]
pub(super) struct Failure(redb::Error);

macro_rules! failure_from {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Failure(error.into())
            }
        }
    )*};
}

failure_from!(
    CommitError,
    CompactionError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);

impl From<Failure> for Error {
    fn from(Failure(error): Failure) -> Self {
        use redb::Error as E;
        let file = ErrorKind::Corrupt { what: "store file" };
        let kind = match &error {
            E::Io(io) => match io.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => file,
                _ => unavailable(),
            },
            E::DatabaseAlreadyOpen | E::LockProtocolMismatch => {
                return busy();
            }
            E::PreviousIo | E::DatabaseClosed | E::LockPoisoned(_) => unavailable(),
            E::ValueTooLarge(_) => ErrorKind::Invalid {
                field: "value",
                rule: Rule::OutOfRange,
            },
            E::UpgradeRequired(_) => ErrorKind::Misconfigured {
                rule: "the store's file is of an older engine; open it with an older release",
            },
            _ => file,
        };
        Error::with_source(kind, error)
    }
}

pub(super) fn unavailable() -> ErrorKind {
    ErrorKind::Unavailable { what: "store" }
}

fn busy() -> Error {
    let said = "the file is open already, in this process or another";
    Error::with_source(unavailable(), Place::Said(said))
}

/// An error of the operating system about the store's file.
pub(super) fn io(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::AlreadyExists => ErrorKind::Conflict,
        _ => unavailable(),
    };
    Error::with_source(kind, error)
}

/// Runs the engine. On a file that was altered it may panic instead of failing (it trusts
/// what it wrote, and says so in its documentation), which is a damage like any other.
pub(super) fn guarded<T>(run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let damaged = |_| {
        let said = "its structure makes no sense";
        Err(corrupt_at("store file", Place::Said(said)))
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(damaged)
}
