//! What can go wrong on the way to a token and back, before it is said to a caller.

use std::error::Error as StdError;
use std::fmt;

use super::crew::Overdue;
use super::rv::Failure;
use crate::error::{Error, ErrorKind};

/// The outcome of work in a token that failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The module answered with a code: whose fault it is has to be found out.
    Failure(Failure),
    /// The key's object was not found: believed only when the token is well.
    Missing,
    /// A call has not returned, or none could be made.
    Overdue(Overdue),
    /// Decided: goes to the caller as it is.
    Final(Error),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failure(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Final(error)
    }
}

impl From<ErrorKind> for Trouble {
    fn from(kind: ErrorKind) -> Self {
        Trouble::Final(kind.into())
    }
}

impl From<Trouble> for Error {
    /// As an operator's problem. Where a code can be the caller's fault, whoever made the
    /// call has decided so before.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failure(failure) => unavailable(failure),
            Trouble::Missing => ErrorKind::NotFound.into(),
            Trouble::Overdue(Overdue::NoAnswer) => unavailable(Reason::NoAnswer),
            Trouble::Overdue(Overdue::NoThread) => unavailable(Reason::NoThread),
            Trouble::Final(error) => error,
        }
    }
}

/// Why a token cannot be used now, as the source of
/// [`Unavailable`](ErrorKind::Unavailable).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoAnswer,
    NoThread,
    NoSession,
    Hung,
    Healing,
    Ending,
    Resting { cause: Option<Failure> },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoAnswer => f.write_str("a call did not return within its deadline"),
            Reason::NoThread => f.write_str("no thread could be started"),
            Reason::NoSession => f.write_str("no session became free in time"),
            Reason::Hung => f.write_str("calls have not returned, and there is no room for more"),
            Reason::Healing => f.write_str("the connection to the token is being restored"),
            Reason::Ending => f.write_str("the process is ending"),
            Reason::Resting { cause } => {
                f.write_str("the last attempt to reach it failed, and the next one is not due")?;
                match cause {
                    Some(failure) => write!(f, " ({failure})"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl StdError for Reason {}

/// The token cannot be used now.
pub(super) fn unavailable(reason: impl StdError + Send + Sync + 'static) -> Error {
    Error::with_source(ErrorKind::Unavailable { what: "token" }, reason)
}
