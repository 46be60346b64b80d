//! One error type for the whole crate, and the one map to the service's answers.
//!
//! [`Error`] is a single word: a boxed [`ErrorKind`], and a source where the
//! failure came from below (a token, a file, the random generator). Cryptographic
//! failures never have a source and never carry detail: [`ErrorKind::BadSignature`]
//! and [`ErrorKind::DecryptFailed`] are the same value whatever went wrong, so that
//! no caller can build an oracle from them (Bleichenbacher 1998, Manger 2001,
//! Vaudenay 2002).
//!
//! No variant holds a value that a caller passed in, other than names of things
//! (a member, an algorithm, a key): a private JWK that fails to parse leaves nothing
//! of itself in a log.
//!
//! ```
//! use strongroom::{Error, ErrorKind, SignAlg};
//!
//! let error: Error = "ES257".parse::<SignAlg>().unwrap_err();
//! assert!(matches!(error.kind(), ErrorKind::Invalid { field: "alg", .. }));
//! assert!(error.is_caller_fault());
//! assert_eq!(error.kind().service().status, 400);
//! ```

use std::error::Error as StdError;
use std::fmt;

mod rule;
mod service;

pub use rule::Rule;
pub use service::ServiceAnswer;

/// What every fallible function of this crate returns.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, for callers that must branch on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input breaks a rule. Nothing was changed and no secret was used.
    Invalid {
        /// The member, parameter or attribute, by its name in the standard.
        field: &'static str,
        /// The rule that it breaks.
        rule: Rule,
    },
    /// The key may not be used for this, now.
    Denied(Denial),
    /// This caller may not do this, here; whether there is such a key is not said.
    Forbidden {
        /// The data action or permission that was not granted.
        action: &'static str,
        /// Where it was asked for: `/`, `/keys` or `/keys/{name}`.
        scope: Box<str>,
        /// By which rules.
        rule: AccessRule,
    },
    /// The algorithm cannot be used with a key of this kind (the fit gate).
    Unfit {
        /// The algorithm's name.
        alg: &'static str,
        /// The key's kind, such as `P-384` or `RSA-2048`.
        key: &'static str,
    },
    /// The backend that holds the key cannot do this.
    NotOffered {
        /// The verb, such as `sign` or `generate`; empty where it plays no part.
        op: &'static str,
        /// The algorithm's name; empty where the verb takes none.
        alg: &'static str,
        /// The key's kind; empty where it plays no part.
        key: &'static str,
    },
    /// The vault's tier has no keys of this type.
    KeyTypeNotSupported {
        /// The `kty` that was asked for.
        kty: &'static str,
    },
    /// A key in an HSM was asked of a vault whose tier has none.
    HardwareNotAllowed,
    /// There is no such key, version or record.
    NotFound,
    /// Another writer was first.
    Conflict,
    /// The name belongs to a key already.
    Exists,
    /// A backup is damaged, or is not one for this backup key.
    MalformedBackup,
    /// The name belongs to a deleted key, which can be recovered or purged and nothing else.
    Deleted,
    /// The name belongs to a key that is being purged; try again later.
    BeingDeleted,
    /// The signature does not verify. Carries nothing, ever.
    BadSignature,
    /// The ciphertext does not decrypt or the wrapped key does not unwrap. Carries
    /// nothing, ever: padding, tag and length faults look the same.
    DecryptFailed,
    /// A stored thing (sealed key, record, header) is damaged, foreign or forged.
    Corrupt {
        /// What it was, such as `sealed key`.
        what: &'static str,
    },
    /// A result failed the check made before it leaves (a hardware fault, or an
    /// attempt to cause one); the result was discarded.
    FaultDetected,
    /// The random generator failed or repeated itself. Nothing was made with it.
    Randomness,
    /// The audit sink did not take the event, so the result was withheld; or it has not taken that
    /// of an earlier change yet, so nothing was done. A change that was made is not answered with
    /// this; one that failed may be, in place of its own error.
    Audit,
    /// The audit log is not as it was written.
    AuditLog {
        /// The first line that is wrong or missing, from 1.
        line: u64,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The backend or store cannot be reached or does not answer; try again later.
    Unavailable {
        /// Which part, such as `store` or `token`.
        what: &'static str,
    },
    /// A token refused the PIN, or would lock at the next wrong one. It is not asked again
    /// until an operator has acted: retrying is how a token is locked for good.
    LoginRefused,
    /// A combination of parts that cannot work was configured (found when building,
    /// never later).
    Misconfigured {
        /// What to change.
        rule: &'static str,
    },
}

/// The rules by which a caller was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessRule {
    /// Role assignments.
    Roles,
    /// Access policies.
    Policies,
}

/// Why a key may not be used: the answers of the permission table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// `enabled` is false.
    Disabled,
    /// The time is before `nbf`.
    NotYetValid,
    /// The time is at or after `exp`.
    Expired,
    /// The operation is not in the key's `key_ops`.
    NotInKeyOps,
    /// The algorithm is a legacy one and the vault was not configured to allow it.
    Legacy,
    /// The deleted key is kept until its time is over.
    PurgeProtected,
    /// RSA1_5 decryption with a key that may also sign (Bleichenbacher's attack
    /// forges signatures with such a key), and the vault was not configured to
    /// allow it.
    SharedWithSigning,
}

impl Error {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the same call may succeed later, unchanged, and does no harm if it is made
    /// twice. [`ErrorKind::Audit`] is not among them: what was asked for may have been done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Unavailable { .. } | ErrorKind::Randomness
        )
    }

    /// Whether the caller sent something wrong (and sending it again is useless).
    #[must_use]
    pub fn is_caller_fault(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Invalid { .. }
                | ErrorKind::Unfit { .. }
                | ErrorKind::NotOffered { .. }
                | ErrorKind::KeyTypeNotSupported { .. }
                | ErrorKind::HardwareNotAllowed
                | ErrorKind::MalformedBackup
                | ErrorKind::BadSignature
                | ErrorKind::DecryptFailed
        )
    }

    /// Whether policy said no to this use of the key, and why.
    #[must_use]
    pub fn denial(&self) -> Option<Denial> {
        match self.kind() {
            ErrorKind::Denied(denial) => Some(*denial),
            _ => None,
        }
    }

    /// Whether policy said no: to this use of the key, or to this caller.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Denied(_) | ErrorKind::Forbidden { .. }
        )
    }

    /// An [`ErrorKind::Invalid`].
    #[must_use]
    #[cold]
    pub fn invalid(field: &'static str, rule: Rule) -> Self {
        ErrorKind::Invalid { field, rule }.into()
    }

    /// An error of this kind with the failure below it.
    ///
    /// A source given to a cryptographic failure is dropped, not kept.
    #[must_use]
    pub fn with_source(
        kind: ErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source = match kind {
            ErrorKind::BadSignature | ErrorKind::DecryptFailed => None,
            _ => Some(source.into()),
        };
        Error(Box::new(Inner { kind, source }))
    }
}

impl From<ErrorKind> for Error {
    #[cold]
    fn from(kind: ErrorKind) -> Self {
        Error(Box::new(Inner { kind, source: None }))
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        ErrorKind::Denied(denial).into()
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Invalid { field, rule } => write!(f, "`{field}` {rule}"),
            ErrorKind::Denied(denial) => denial.fmt(f),
            ErrorKind::Forbidden { action, scope, .. } => {
                write!(f, "the caller is not granted {action} at {scope}")
            }
            ErrorKind::Unfit { alg, key } => {
                write!(f, "{alg} cannot be used with a key of kind {key}")
            }
            ErrorKind::NotOffered { op, alg, key } => {
                f.write_str("not offered:")?;
                let parts = [("", op), ("with ", alg), ("on a key of kind ", key)];
                parts
                    .iter()
                    .filter(|(_, name)| !name.is_empty())
                    .try_for_each(|(word, name)| write!(f, " {word}{name}"))
            }
            ErrorKind::KeyTypeNotSupported { kty } => write!(f, "Invalid kty value: {kty}"),
            ErrorKind::HardwareNotAllowed => {
                f.write_str("Hardware key operation not allowed on standard vault")
            }
            ErrorKind::NotFound => f.write_str("no such key"),
            ErrorKind::Conflict => f.write_str("another writer was first"),
            ErrorKind::Exists => f.write_str("a key of this name exists"),
            ErrorKind::MalformedBackup => f.write_str(
                "the backup blob is damaged or belongs to a different crypto domain and cannot \
                 be used with this instance",
            ),
            ErrorKind::Deleted => f.write_str(
                "the key is currently in a deleted but recoverable state, and its name cannot be \
                 reused; in this state, the key can only be recovered or purged",
            ),
            ErrorKind::BeingDeleted => f.write_str(
                "the key is currently being deleted and cannot be re-created; retry later",
            ),
            ErrorKind::BadSignature => f.write_str("the signature does not verify"),
            ErrorKind::DecryptFailed => f.write_str("decryption failed"),
            ErrorKind::Corrupt { what } => {
                write!(f, "the {what} is damaged, foreign or forged")
            }
            ErrorKind::FaultDetected => {
                f.write_str("a computed result failed its check and was discarded")
            }
            ErrorKind::Randomness => f.write_str("the random generator failed"),
            ErrorKind::Audit => {
                f.write_str("the audit sink failed, so the operation was not carried out or its result withheld")
            }
            ErrorKind::AuditLog { line, fault } => {
                write!(f, "the audit log is damaged or forged at line {line}: {fault}")
            }
            ErrorKind::Unavailable { what } => write!(f, "the {what} is unavailable"),
            ErrorKind::LoginRefused => {
                f.write_str("the token refused the PIN and is not asked again until told to")
            }
            ErrorKind::Misconfigured { rule } => write!(f, "configuration: {rule}"),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Denial::Disabled => "the key is disabled",
            Denial::NotYetValid => "the key is not valid yet (nbf)",
            Denial::Expired => "the key has expired (exp)",
            Denial::NotInKeyOps => "the operation is not permitted on this key (key_ops)",
            Denial::Legacy => "the algorithm is a legacy one and was not allowed",
            Denial::PurgeProtected => {
                "purge protection keeps the deleted key until its scheduled purge date"
            }
            Denial::SharedWithSigning => {
                "RSA1_5 decryption is not allowed with a key that may also sign"
            }
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("Error");
        out.field(self.kind());
        if let Some(source) = &self.0.source {
            out.field(source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| {
            let source: &(dyn StdError + 'static) = source;
            source
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cryptographic_failures_never_keep_a_source() {
        for kind in [ErrorKind::BadSignature, ErrorKind::DecryptFailed] {
            let error = Error::with_source(kind, "padding byte 7");
            assert!(error.source().is_none());
            assert!(!format!("{error:?}").contains("padding"));
        }
    }

    #[test]
    fn transport_failures_keep_theirs() {
        let error =
            Error::with_source(ErrorKind::Unavailable { what: "token" }, "CKR_DEVICE_ERROR");
        assert!(error.source().is_some());
        assert!(error.is_retryable());
    }

    #[test]
    fn one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }
}
