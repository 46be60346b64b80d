//! The one map from [`ErrorKind`] to what the Key Vault service answers.

use super::{AccessRule, Denial, ErrorKind};

/// What the service answers for an error: the HTTP status and its two codes
/// (`error.code` and `error.innererror.code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceAnswer {
    /// The HTTP status. 200 for a signature that does not verify: the service
    /// answers `{"value": false}`.
    pub status: u16,
    /// The code; empty with status 200.
    pub code: &'static str,
    /// The inner code, where the service gives one.
    pub inner: Option<&'static str>,
}

impl ErrorKind {
    /// What a service in front of this crate answers.
    ///
    /// Codes of expired and not-yet-valid keys are not published by the service;
    /// they follow its form for secrets.
    ///
    /// ```
    /// use strongroom::{Denial, ErrorKind};
    /// let answer = ErrorKind::Denied(Denial::Disabled).service();
    /// assert_eq!((answer.status, answer.code), (403, "Forbidden"));
    /// assert_eq!(answer.inner, Some("KeyDisabled"));
    /// ```
    #[must_use]
    pub fn service(&self) -> ServiceAnswer {
        let (status, code, inner) = match self {
            ErrorKind::Invalid { .. }
            | ErrorKind::Unfit { .. }
            | ErrorKind::NotOffered { .. }
            | ErrorKind::HardwareNotAllowed
            | ErrorKind::DecryptFailed => (400, "BadParameter", None),
            ErrorKind::KeyTypeNotSupported { .. } => {
                (400, "BadParameter", Some("KeyTypeNotSupported"))
            }
            ErrorKind::Denied(denial) => (403, "Forbidden", Some(inner(*denial))),
            ErrorKind::Forbidden { rule, .. } => (
                403,
                "Forbidden",
                Some(match rule {
                    AccessRule::Roles => "ForbiddenByRbac",
                    AccessRule::Policies => "ForbiddenByPolicy",
                }),
            ),
            ErrorKind::NotFound => (404, "KeyNotFound", None),
            ErrorKind::Conflict | ErrorKind::Exists => (409, "Conflict", None),
            ErrorKind::MalformedBackup => (400, "MalformedBackupBlob", None),
            ErrorKind::Deleted => (409, "Conflict", Some("ObjectIsDeletedButRecoverable")),
            ErrorKind::BeingDeleted => (409, "Conflict", Some("ObjectIsBeingDeleted")),
            ErrorKind::BadSignature => (200, "", None),
            ErrorKind::Audit
            | ErrorKind::Unavailable { .. }
            | ErrorKind::LoginRefused
            | ErrorKind::Randomness => (503, "ServiceUnavailable", None),
            ErrorKind::Corrupt { .. }
            | ErrorKind::AuditLog { .. }
            | ErrorKind::FaultDetected
            | ErrorKind::Misconfigured { .. } => (500, "InternalServerError", None),
        };
        ServiceAnswer {
            status,
            code,
            inner,
        }
    }
}

fn inner(denial: Denial) -> &'static str {
    match denial {
        Denial::Disabled => "KeyDisabled",
        Denial::NotYetValid => "KeyNotYetValid",
        Denial::Expired => "KeyExpired",
        Denial::NotInKeyOps => "KeyOperationForbidden",
        Denial::Legacy | Denial::SharedWithSigning | Denial::PurgeProtected => "ForbiddenByPolicy",
    }
}
