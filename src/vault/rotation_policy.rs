//! When a key is replaced by a new version, and when somebody is told that it soon expires.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::clock::UnixTime;
use super::duration::IsoDuration;
use super::recovery::DAY;
use super::tier::Tier;
use crate::error::{Error, Rule};

/// When an action of a [`RotationPolicy`] is due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// So long after the version was made.
    AfterCreate(IsoDuration),
    /// So long before it expires.
    BeforeExpiry(IsoDuration),
}

impl Trigger {
    /// So long after the version was made.
    ///
    /// # Errors
    /// [`Rule::Encoding`] for `duration`.
    pub fn after_create(duration: &str) -> Result<Self, Error> {
        Ok(Trigger::AfterCreate(duration.parse()?))
    }

    /// So long before it expires.
    ///
    /// # Errors
    /// [`Rule::Encoding`] for `duration`.
    pub fn before_expiry(duration: &str) -> Result<Self, Error> {
        Ok(Trigger::BeforeExpiry(duration.parse()?))
    }

    /// When it is due for a version made and expiring then; never, if it never expires.
    pub(super) fn due(&self, created: UnixTime, exp: Option<UnixTime>) -> Option<UnixTime> {
        match self {
            Trigger::AfterCreate(duration) => Some(duration.after(created)),
            Trigger::BeforeExpiry(duration) => exp.map(|exp| duration.before(exp)),
        }
    }
}

/// A key's rotation policy: when a new version is made, when somebody is told that the current
/// one soon expires, and for how long a new one is valid.
///
/// ```
/// use strongroom::vault::{RotationPolicy, Trigger};
/// let policy = RotationPolicy::new()
///     .rotate(Trigger::after_create("P90D")?)
///     .notify(Trigger::before_expiry("P30D")?)
///     .expiry_time("P1Y".parse()?);
/// // The service's JSON, with durations as they were written.
/// let json = policy.to_json();
/// assert!(json.contains(r#""expiryTime":"P1Y""#));
/// assert_eq!(RotationPolicy::from_json(json.as_bytes())?, policy);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationPolicy {
    pub(super) rotate: Option<Trigger>,
    pub(super) notify: Option<Trigger>,
    pub(super) expiry_time: Option<IsoDuration>,
    pub(super) created: Option<UnixTime>,
    pub(super) updated: Option<UnixTime>,
}

impl RotationPolicy {
    /// Nothing: setting it clears the policy.
    #[must_use]
    pub fn new() -> Self {
        RotationPolicy::default()
    }

    /// What a key without a policy has in a vault: a notice 30 days before it expires.
    pub(super) fn by_default(rules: &Rules) -> Self {
        let notify = Trigger::before_expiry("P30D").ok();
        RotationPolicy {
            notify: notify.filter(|_| rules.notifies),
            ..RotationPolicy::default()
        }
    }

    /// When a new version is made.
    #[must_use]
    pub fn rotate(mut self, trigger: Trigger) -> Self {
        self.rotate = Some(trigger);
        self
    }

    /// When an event says that the current version soon expires.
    #[must_use]
    pub fn notify(mut self, trigger: Trigger) -> Self {
        self.notify = Some(trigger);
        self
    }

    /// For how long a version that is made by rotation is valid.
    #[must_use]
    pub fn expiry_time(mut self, duration: IsoDuration) -> Self {
        self.expiry_time = Some(duration);
        self
    }

    /// When a new version is made, if by itself.
    #[must_use]
    pub fn rotates(&self) -> Option<&Trigger> {
        self.rotate.as_ref()
    }

    /// When an event says that the current version soon expires, if one does.
    #[must_use]
    pub fn notifies(&self) -> Option<&Trigger> {
        self.notify.as_ref()
    }

    /// For how long a version that is made by rotation is valid; without it, for ever.
    #[must_use]
    pub fn expires(&self) -> Option<&IsoDuration> {
        self.expiry_time.as_ref()
    }

    /// When it was first set; `None` for one that was not.
    #[must_use]
    pub fn created(&self) -> Option<UnixTime> {
        self.created
    }

    /// When it was last set.
    #[must_use]
    pub fn updated(&self) -> Option<UnixTime> {
        self.updated
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rotate.is_none() && self.notify.is_none() && self.expiry_time.is_none()
    }

    /// Reads the service's JSON (`lifetimeActions`, `attributes`). Unknown members are
    /// ignored, as the service does, and `created` and `updated`, which are the vault's, too.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for `lifetimeActions` or `duration`.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let syntax = || Error::invalid("lifetimeActions", Rule::Syntax);
        if !json.trim_ascii_start().starts_with(b"{") {
            // A list of the members' values would be read too.
            return Err(syntax());
        }
        let wire: PolicyWire = serde_json::from_slice(json).map_err(|_| syntax())?;
        let policy = RotationPolicy::try_from(wire)?;
        Ok(RotationPolicy {
            created: None,
            updated: None,
            ..policy
        })
    }

    /// The service's JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&PolicyWire::from(self)).unwrap_or_default()
    }

    /// Whether these rules allow it.
    pub(super) fn check(&self, rules: &Rules) -> Result<(), Error> {
        let wrong = |rule| Err(Error::invalid("lifetimeActions", rule));
        let expiry = self.expiry_time.as_ref();
        if expiry.is_some_and(|it| it.at_least() < rules.least_validity) {
            return Err(Error::invalid("expiryTime", Rule::OutOfRange));
        }
        if rules.needs_expiry && expiry.is_none() && !self.is_empty() {
            return Err(Error::invalid("expiryTime", Rule::Missing));
        }
        match &self.notify {
            Some(_) if !rules.notifies => return wrong(Rule::Unsupported),
            Some(Trigger::AfterCreate(_)) => return wrong(Rule::Contradicts("Notify")),
            _ => {}
        }
        match &self.rotate {
            None => Ok(()),
            Some(Trigger::AfterCreate(after)) => {
                let too_late = |expiry: &IsoDuration| {
                    after.at_most().saturating_add(rules.least_left) > expiry.at_least()
                };
                if after.at_least() < rules.least_age || expiry.is_some_and(too_late) {
                    return wrong(Rule::OutOfRange);
                }
                Ok(())
            }
            Some(Trigger::BeforeExpiry(before)) => {
                let Some(expiry) = expiry else {
                    return Err(Error::invalid("expiryTime", Rule::Missing));
                };
                let too_early =
                    before.at_most().saturating_add(rules.least_age) > expiry.at_least();
                if before.at_least() < rules.least_left || too_early {
                    return wrong(Rule::OutOfRange);
                }
                Ok(())
            }
        }
    }
}

/// What a tier says about rotation. A vault without a tier has the rules of Key Vault.
#[derive(Debug)]
pub(super) struct Rules {
    /// Whether a key without a policy cannot be rotated on demand either.
    pub(super) needs_policy: bool,
    pub(super) needs_expiry: bool,
    pub(super) notifies: bool,
    /// Seconds that `expiryTime` has at least.
    least_validity: u64,
    /// Seconds that a version is old at least when it is replaced.
    least_age: u64,
    /// Seconds that it has left then, at least.
    least_left: u64,
}

impl Rules {
    pub(super) fn of(tier: Option<Tier>) -> &'static Rules {
        match tier {
            Some(Tier::ManagedHsm) => &MANAGED_HSM,
            _ => &KEY_VAULT,
        }
    }
}

const KEY_VAULT: Rules = Rules {
    needs_policy: false,
    needs_expiry: false,
    notifies: true,
    least_validity: 28 * DAY,
    least_age: 7 * DAY,
    least_left: 7 * DAY,
};

const MANAGED_HSM: Rules = Rules {
    needs_policy: true,
    needs_expiry: true,
    notifies: false,
    least_validity: 28 * DAY,
    least_age: 28 * DAY,
    least_left: 0,
};

/// The service's JSON, which is what is stored as well.
#[derive(Serialize, Deserialize)]
pub(super) struct PolicyWire {
    #[serde(default, rename = "lifetimeActions")]
    actions: Vec<ActionWire>,
    #[serde(default)]
    attributes: AttributesWire,
}

#[derive(Serialize, Deserialize)]
struct ActionWire {
    trigger: TriggerWire,
    action: TypeWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TriggerWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_after_create: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_before_expiry: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct TypeWire {
    r#type: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttributesWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiry_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated: Option<u64>,
}

impl TryFrom<PolicyWire> for RotationPolicy {
    type Error = Error;

    fn try_from(wire: PolicyWire) -> Result<Self, Error> {
        let mut policy = RotationPolicy::new();
        for ActionWire { trigger, action } in wire.actions {
            let trigger = match (trigger.time_after_create, trigger.time_before_expiry) {
                (Some(after), None) => Trigger::after_create(&after)?,
                (None, Some(before)) => Trigger::before_expiry(&before)?,
                (None, None) => return Err(Error::invalid("trigger", Rule::Missing)),
                (Some(_), Some(_)) => {
                    let rule = Rule::Contradicts("timeBeforeExpiry");
                    return Err(Error::invalid("timeAfterCreate", rule));
                }
            };
            let slot = if action.r#type.eq_ignore_ascii_case("rotate") {
                &mut policy.rotate
            } else if action.r#type.eq_ignore_ascii_case("notify") {
                &mut policy.notify
            } else {
                return Err(Error::invalid("type", Rule::UnknownName));
            };
            if slot.replace(trigger).is_some() {
                return Err(Error::invalid("lifetimeActions", Rule::Duplicate));
            }
        }
        let attributes = wire.attributes;
        let expiry = attributes.expiry_time.map(|text| text.parse());
        policy.expiry_time = expiry.transpose()?;
        policy.created = attributes.created.map(UnixTime);
        policy.updated = attributes.updated.map(UnixTime);
        Ok(policy)
    }
}

impl From<&RotationPolicy> for PolicyWire {
    fn from(policy: &RotationPolicy) -> Self {
        let action = |trigger: &Trigger, name: &str| {
            let (after, before) = match trigger {
                Trigger::AfterCreate(after) => (Some(after.to_string()), None),
                Trigger::BeforeExpiry(before) => (None, Some(before.to_string())),
            };
            ActionWire {
                trigger: TriggerWire {
                    time_after_create: after,
                    time_before_expiry: before,
                },
                action: TypeWire {
                    r#type: name.into(),
                },
            }
        };
        let rotate = policy.rotate.iter().map(|it| action(it, "Rotate"));
        let notify = policy.notify.iter().map(|it| action(it, "Notify"));
        PolicyWire {
            actions: rotate.chain(notify).collect(),
            attributes: AttributesWire {
                expiry_time: policy.expiry_time.as_ref().map(ToString::to_string),
                created: policy.created.map(|time| time.0),
                updated: policy.updated.map(|time| time.0),
            },
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trigger::AfterCreate(duration) => write!(f, "{duration} after creation"),
            Trigger::BeforeExpiry(duration) => write!(f, "{duration} before expiry"),
        }
    }
}
