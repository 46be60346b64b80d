//! The record of an event that the sink has not taken yet. Only what was done has one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::caller::CallerWire;
use super::{FORMAT, corrupt, decode, encode, read};
use crate::encoding::hex::sixteen_bytes;
use crate::error::Error;
use crate::vault::clock::UnixTime;
use crate::vault::{Action, AuditEvent, EventId, Outcome, Target};

pub(in crate::vault) const OUTBOX: &str = "audit/outbox/";

/// In the order of the numbers; two vaults on one store may give the same number.
pub(in crate::vault) fn outbox_record(number: u64, id: EventId) -> String {
    format!("{OUTBOX}{number:016x}-{id}")
}

/// The actions that change the store. One that is not here cannot commit.
const CHANGES: [Action; 17] = [
    Action::Create,
    Action::Import,
    Action::Adopt,
    Action::Update,
    Action::Reseal,
    Action::Rotate,
    Action::RotateIfDue,
    Action::SetRotationPolicy,
    Action::NearExpiry,
    Action::Expired,
    Action::Restore,
    Action::Delete,
    Action::Recover,
    Action::Purge,
    Action::RoleAssignmentCreate,
    Action::RoleAssignmentDelete,
    Action::AccessPolicySet,
];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventWire {
    format: u32,
    id: String,
    time: u64,
    nanoseconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caller: Option<CallerWire>,
    action: String,
    target: TargetWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TargetWire {
    Vault,
    Scope(String),
    Name(String),
    Key(String),
}

pub(in crate::vault) fn encode_event(event: &AuditEvent) -> Result<Vec<u8>, Error> {
    if event.outcome != Outcome::Success || !CHANGES.contains(&event.action) {
        return Err(corrupt());
    }
    encode(&EventWire {
        format: FORMAT,
        id: event.id.to_string(),
        time: event.time.0,
        nanoseconds: u64::try_from(event.duration.as_nanos()).unwrap_or(u64::MAX),
        caller: event.caller.as_ref().map(CallerWire::of),
        action: event.action.name().into(),
        target: match &event.target {
            Target::Vault => TargetWire::Vault,
            Target::Scope(scope) => TargetWire::Scope(scope.to_string()),
            Target::Name(name) => TargetWire::Name(name.to_string()),
            Target::Key(id) => TargetWire::Key(id.to_string()),
        },
    })
}

pub(in crate::vault) fn decode_event(bytes: &[u8]) -> Result<AuditEvent, Error> {
    let wire = decode::<EventWire>(bytes, |wire| wire.format)?;
    let mut actions = CHANGES.into_iter();
    let action = actions.find(|action| action.name() == wire.action);
    Ok(AuditEvent {
        id: EventId::from_bytes(sixteen_bytes(&wire.id).ok_or_else(corrupt)?),
        time: UnixTime(wire.time),
        duration: Duration::from_nanos(wire.nanoseconds),
        caller: wire.caller.map(CallerWire::read).transpose()?,
        action: action.ok_or_else(corrupt)?,
        target: match wire.target {
            TargetWire::Vault => Target::Vault,
            TargetWire::Scope(scope) => Target::Scope(read(scope.parse())?),
            TargetWire::Name(name) => Target::Name(read(name.parse())?),
            TargetWire::Key(id) => Target::Key(read(id.parse())?),
        },
        alg: None,
        bytes_in: 0,
        outcome: Outcome::Success,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::access::{Caller, Scope};
    use crate::vault::id::{KeyId, KeyName, KeyVersion};

    fn event(action: Action, target: Target, caller: Option<Caller>) -> AuditEvent {
        AuditEvent {
            id: EventId::from_bytes([0xa5; 16]),
            time: UnixTime(7),
            duration: Duration::new(3, 141_592_653),
            caller,
            action,
            target,
            alg: None,
            bytes_in: 0,
            outcome: Outcome::Success,
        }
    }

    #[test]
    fn events_read_back() {
        let name: KeyName = "Signing".parse().unwrap();
        let version = KeyVersion::from_bytes([7; 16]);
        let id = KeyId::new("vault.example".parse().unwrap(), name.clone(), version);
        let caller = Caller::new("alice \u{2028}\"").unwrap();
        let targets = [
            Target::Vault,
            Target::Scope(Scope::Vault),
            Target::Scope(Scope::Keys),
            Target::Scope(Scope::Key(name.clone())),
            Target::Name(name),
            Target::Key(id),
        ];
        let callers = [
            None,
            Some(caller.clone()),
            Some(
                caller
                    .with_correlation_id("a1")
                    .unwrap()
                    .with_address("10.0.0.7")
                    .unwrap(),
            ),
        ];
        for action in CHANGES {
            for target in &targets {
                for caller in &callers {
                    let event = event(action, target.clone(), caller.clone());
                    let bytes = encode_event(&event).unwrap();
                    assert_eq!(decode_event(&bytes).unwrap(), event);
                }
            }
        }
    }

    #[test]
    fn what_changes_nothing_is_not_written() {
        assert!(encode_event(&event(Action::List, Target::Vault, None)).is_err());
        let failed = AuditEvent {
            outcome: Outcome::Failed(crate::error::ErrorKind::NotFound),
            ..event(Action::Delete, Target::Vault, None)
        };
        assert!(encode_event(&failed).is_err());
    }

    #[test]
    fn damaged_events_are_refused() {
        let bytes = encode_event(&event(Action::Delete, Target::Vault, None)).unwrap();
        for len in 0..bytes.len() {
            assert!(decode_event(&bytes[..len]).is_err());
        }
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [("KeyDelete", "KeyList"), ("\"id\":\"a5", "\"id\":\"x5")] {
            assert!(decode_event(text.replacen(from, to, 1).as_bytes()).is_err());
        }
    }
}
