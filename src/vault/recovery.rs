//! How long a deleted key can be had back, and whether it can be destroyed before.

use std::fmt;
use std::str::FromStr;

use super::clock::UnixTime;
use crate::error::{Error, ErrorKind, Rule};

/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;

/// Whether a deleted key can be purged before its time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PurgeProtection {
    /// It can.
    #[default]
    Off,
    /// It cannot. A key that was deleted under this stays protected, however the vault is
    /// opened later.
    On,
    /// It cannot, and the subscription is locked. The same as `On` but for the name of the
    /// [`RecoveryLevel`].
    Subscription,
}

/// The service's name for what becomes of deleted keys.
///
/// ```
/// use strongroom::vault::RecoveryLevel;
/// let level: RecoveryLevel = "CustomizedRecoverable+Purgeable".parse()?;
/// assert!(level.can_purge());
/// assert!(!RecoveryLevel::Recoverable.can_purge());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryLevel {
    /// Deleted is gone. No vault of this crate has it, as none of the service has any more.
    Purgeable,
    /// Kept for 90 days, or until it is purged.
    RecoverablePurgeable,
    /// Kept for 90 days.
    Recoverable,
    /// Kept for 90 days, with the subscription locked.
    RecoverableProtectedSubscription,
    /// Kept for 7 to 89 days, or until it is purged.
    CustomizedRecoverablePurgeable,
    /// Kept for 7 to 89 days.
    CustomizedRecoverable,
    /// Kept for 7 to 89 days, with the subscription locked.
    CustomizedRecoverableProtectedSubscription,
}

impl RecoveryLevel {
    /// All seven.
    pub const ALL: &'static [RecoveryLevel] = &[
        RecoveryLevel::Purgeable,
        RecoveryLevel::RecoverablePurgeable,
        RecoveryLevel::Recoverable,
        RecoveryLevel::RecoverableProtectedSubscription,
        RecoveryLevel::CustomizedRecoverablePurgeable,
        RecoveryLevel::CustomizedRecoverable,
        RecoveryLevel::CustomizedRecoverableProtectedSubscription,
    ];

    /// The `recoveryLevel` value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RecoveryLevel::Purgeable => "Purgeable",
            RecoveryLevel::RecoverablePurgeable => "Recoverable+Purgeable",
            RecoveryLevel::Recoverable => "Recoverable",
            RecoveryLevel::RecoverableProtectedSubscription => "Recoverable+ProtectedSubscription",
            RecoveryLevel::CustomizedRecoverablePurgeable => "CustomizedRecoverable+Purgeable",
            RecoveryLevel::CustomizedRecoverable => "CustomizedRecoverable",
            RecoveryLevel::CustomizedRecoverableProtectedSubscription => {
                "CustomizedRecoverable+ProtectedSubscription"
            }
        }
    }

    /// Whether a deleted key can be purged before its time is over.
    #[must_use]
    pub fn can_purge(self) -> bool {
        matches!(
            self,
            RecoveryLevel::Purgeable
                | RecoveryLevel::RecoverablePurgeable
                | RecoveryLevel::CustomizedRecoverablePurgeable
        )
    }
}

impl fmt::Display for RecoveryLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RecoveryLevel {
    type Err = Error;

    /// # Errors
    /// [`Rule::UnknownName`] for `recoveryLevel`.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = RecoveryLevel::ALL.iter().find(|level| level.name() == name);
        known
            .copied()
            .ok_or_else(|| Error::invalid("recoveryLevel", Rule::UnknownName))
    }
}

/// What a vault promises for the keys that are deleted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recovery {
    pub(super) days: u32,
    pub(super) level: RecoveryLevel,
}

impl Recovery {
    /// The most days that a deleted key is kept, and how long it is unless said otherwise.
    pub(super) const MOST_DAYS: u32 = 90;
    const LEAST_DAYS: u32 = 7;

    pub(super) fn new(days: u32, protection: PurgeProtection) -> Result<Self, Error> {
        if !(Recovery::LEAST_DAYS..=Recovery::MOST_DAYS).contains(&days) {
            let rule = "deleted keys are kept for 7 to 90 days";
            return Err(ErrorKind::Misconfigured { rule }.into());
        }
        let level = match (days == Recovery::MOST_DAYS, protection) {
            (true, PurgeProtection::Off) => RecoveryLevel::RecoverablePurgeable,
            (true, PurgeProtection::On) => RecoveryLevel::Recoverable,
            (true, PurgeProtection::Subscription) => {
                RecoveryLevel::RecoverableProtectedSubscription
            }
            (false, PurgeProtection::Off) => RecoveryLevel::CustomizedRecoverablePurgeable,
            (false, PurgeProtection::On) => RecoveryLevel::CustomizedRecoverable,
            (false, PurgeProtection::Subscription) => {
                RecoveryLevel::CustomizedRecoverableProtectedSubscription
            }
        };
        Ok(Recovery { days, level })
    }

    /// When a key that is deleted now is to be purged.
    pub(super) fn purge_date(self, deleted: UnixTime) -> UnixTime {
        deleted.plus(u64::from(self.days) * DAY)
    }
}
