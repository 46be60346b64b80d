//! What a vault keeps, and its bytes.
//!
//! Records as JSON with a format number:
//!
//! | key | holds |
//! |---|---|
//! | `key/{name}` | the name as spelled, its current version, its rotation and release policies |
//! | `deleted/{name}` | the same of a key that was deleted, and until when it is kept |
//! | `destroying/{name}` | the same of a key that is being purged |
//! | `version/{name}/{version}` | one version: its handle, attributes, `key_ops`, tags |
//! | `pending/{name}/{version}` | a version that is being made: all of it but the handle |
//! | `audit/outbox/{number}-{id}` | the event of a change, until the sink has it |
//!
//! `{name}` is folded to lower case. A version's private key is in its handle's blob,
//! sealed by the provider; nothing else here is secret.

mod caller;
mod deleted;
mod event;
mod names;

use std::borrow::Cow;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::action::Action;
use super::attributes::{Attributes, Tags};
use super::clock::UnixTime;
use super::id::{KeyName, KeyVersion};
use super::release_policy::{ReleasePolicy, ReleaseWire};
use super::rotation_policy::{PolicyWire, RotationPolicy};
use crate::alg::{KeyOp, KeySpec, OpSet};
use crate::encoding::hex::sixteen_bytes;
use crate::error::{Error, ErrorKind};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::Jwk;

use caller::CallerWire;
pub(super) use deleted::{DELETED, DESTROYING, DeletedRecord, deleted_record, destroying_record};
pub(super) use event::{OUTBOX, decode_event, encode_event, outbox_record};
pub(super) use names::{
    KEYS, PENDING, VERSIONS, key_record, pending_of, pending_record, version_record, versions_of,
};

/// The format that this version of the crate writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// More than most records take, so that their bytes are not moved while they are written.
const USUAL_LEN: usize = 1024;

/// A name and the version that an unversioned request means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyRecord {
    pub(super) name: KeyName,
    pub(super) current: KeyVersion,
    pub(super) policy: Option<RotationPolicy>,
    /// Of all versions: whoever may release one may release the next.
    pub(super) release_policy: Option<ReleasePolicy>,
    /// The version of which it was last said that it soon expires.
    pub(super) told_near: Option<KeyVersion>,
    /// The version of which it was last said that it has expired.
    pub(super) told_expired: Option<KeyVersion>,
}

/// Everything about a version but where its key is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VersionFacts {
    pub(super) name: KeyName,
    pub(super) version: KeyVersion,
    pub(super) ops: OpSet,
    pub(super) attributes: Attributes,
    pub(super) tags: Tags,
}

/// A usable version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VersionRecord {
    pub(super) facts: VersionFacts,
    pub(super) handle: KeyHandle,
}

/// A version that a provider was asked to make; it may or may not have done so.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PendingRecord {
    pub(super) action: Action,
    /// Who asked for it: its event may be written by another process.
    pub(super) caller: Option<Caller>,
    pub(super) facts: VersionFacts,
    pub(super) provider: ProviderId,
    pub(super) id: ProviderKeyId,
    pub(super) spec: KeySpec,
    /// The version in whose place it is to be the current one, whatever happens between.
    pub(super) replaces: Option<KeyVersion>,
    /// What the key is to have with it; `None` leaves it as it is.
    pub(super) release_policy: Option<ReleasePolicy>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyWire {
    format: u32,
    name: String,
    current: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_policy: Option<PolicyWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release_policy: Option<ReleaseWire>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_near: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_expired: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsWire {
    name: String,
    version: String,
    key_ops: Vec<Cow<'static, str>>,
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    created: u64,
    updated: u64,
    exportable: bool,
    tags: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VersionWire {
    format: u32,
    facts: FactsWire,
    provider: String,
    key_id: String,
    spec: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    blob: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingWire {
    format: u32,
    action: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caller: Option<CallerWire>,
    facts: FactsWire,
    provider: String,
    key_id: String,
    spec: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release_policy: Option<ReleaseWire>,
}

pub(super) fn corrupt() -> Error {
    ErrorKind::Corrupt { what: "record" }.into()
}

/// What was written is not what is read: every failure is the same one.
fn read<T, E>(result: Result<T, E>) -> Result<T, Error> {
    result.map_err(|_| corrupt())
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], format: fn(&T) -> u32) -> Result<T, Error> {
    let wire = read(serde_json::from_slice(bytes))?;
    if format(&wire) != FORMAT {
        return Err(corrupt());
    }
    Ok(wire)
}

fn encode<T: Serialize>(wire: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(USUAL_LEN);
    read(serde_json::to_writer(&mut out, wire))?;
    Ok(out)
}

impl KeyRecord {
    pub(super) fn new(name: KeyName, current: KeyVersion) -> Self {
        KeyRecord {
            name,
            current,
            policy: None,
            release_policy: None,
            told_near: None,
            told_expired: None,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&KeyWire::of(self))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode::<KeyWire>(bytes, |wire| wire.format)?.read()
    }
}

impl KeyWire {
    pub(super) fn of(record: &KeyRecord) -> Self {
        KeyWire {
            format: FORMAT,
            name: record.name.as_str().into(),
            current: record.current.to_string(),
            rotation_policy: record.policy.as_ref().map(PolicyWire::from),
            release_policy: record.release_policy.as_ref().map(ReleaseWire::from),
            told_near: record.told_near.map(|version| version.to_string()),
            told_expired: record.told_expired.map(|version| version.to_string()),
        }
    }

    pub(super) fn read(self) -> Result<KeyRecord, Error> {
        Ok(KeyRecord {
            name: read(self.name.parse())?,
            current: read(self.current.parse())?,
            policy: read(
                self.rotation_policy
                    .map(RotationPolicy::try_from)
                    .transpose(),
            )?,
            release_policy: read_release(self.release_policy)?,
            told_near: read_version(self.told_near)?,
            told_expired: read_version(self.told_expired)?,
        })
    }
}

impl VersionRecord {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&VersionWire::of(self))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode::<VersionWire>(bytes, |wire| wire.format)?.read()
    }
}

impl VersionWire {
    pub(super) fn of(record: &VersionRecord) -> Self {
        let VersionRecord { facts, handle } = record;
        VersionWire {
            format: FORMAT,
            facts: FactsWire::of(facts),
            provider: handle.provider().as_str().into(),
            key_id: handle.id().to_string(),
            spec: handle.spec().name().into(),
            public: handle.public().map(Jwk::to_json),
            blob: Base64UrlUnpadded::encode_string(handle.blob()),
        }
    }

    pub(super) fn read(self) -> Result<VersionRecord, Error> {
        let spec = read(self.spec.parse::<KeySpec>())?;
        let public = self.public.map(|jwk| Jwk::from_json(jwk.as_bytes()));
        let handle = KeyHandle::new(
            read(ProviderId::new(&self.provider))?,
            read_key_id(&self.key_id)?,
            spec,
            read(public.transpose())?,
            read(Base64UrlUnpadded::decode_vec(&self.blob))?,
        );
        Ok(VersionRecord {
            facts: self.facts.read()?,
            handle: read(handle)?,
        })
    }
}

impl PendingRecord {
    /// The key that it names.
    pub(super) fn check(&self, made: KeyHandle) -> Result<KeyHandle, Error> {
        as_asked(made, (&self.provider, self.id, self.spec))
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&PendingWire {
            format: FORMAT,
            action: self.action.name().into(),
            caller: self.caller.as_ref().map(CallerWire::of),
            facts: FactsWire::of(&self.facts),
            provider: self.provider.as_str().into(),
            key_id: self.id.to_string(),
            spec: self.spec.name().into(),
            replaces: self.replaces.map(|version| version.to_string()),
            release_policy: self.release_policy.as_ref().map(ReleaseWire::from),
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire = decode::<PendingWire>(bytes, |wire| wire.format)?;
        let made_by = [
            Action::Create,
            Action::Import,
            Action::Rotate,
            Action::RotateIfDue,
            Action::Restore,
        ];
        let action = made_by
            .into_iter()
            .find(|action| action.name() == wire.action);
        Ok(PendingRecord {
            action: action.ok_or_else(corrupt)?,
            caller: wire.caller.map(CallerWire::read).transpose()?,
            facts: wire.facts.read()?,
            provider: read(ProviderId::new(&wire.provider))?,
            id: read_key_id(&wire.key_id)?,
            spec: read(wire.spec.parse())?,
            replaces: read_version(wire.replaces)?,
            release_policy: read_release(wire.release_policy)?,
        })
    }
}

/// The key that was asked for, and not another one that a provider answers with.
pub(super) fn as_asked(
    made: KeyHandle,
    asked: (&ProviderId, ProviderKeyId, KeySpec),
) -> Result<KeyHandle, Error> {
    if (made.provider(), made.id(), made.spec()) != asked {
        return Err(ErrorKind::FaultDetected.into());
    }
    Ok(made)
}

fn read_release(wire: Option<ReleaseWire>) -> Result<Option<ReleasePolicy>, Error> {
    read(wire.map(ReleasePolicy::try_from).transpose())
}

fn read_version(version: Option<String>) -> Result<Option<KeyVersion>, Error> {
    read(version.map(|version| version.parse()).transpose())
}

fn read_key_id(id: &str) -> Result<ProviderKeyId, Error> {
    let bytes = sixteen_bytes(id).ok_or_else(corrupt)?;
    Ok(ProviderKeyId::from_bytes(bytes))
}

impl FactsWire {
    fn of(facts: &VersionFacts) -> Self {
        let Attributes {
            enabled,
            nbf,
            exp,
            created,
            updated,
            exportable,
        } = facts.attributes;
        let tags = facts.tags.iter();
        FactsWire {
            name: facts.name.as_str().into(),
            version: facts.version.to_string(),
            key_ops: facts.ops.iter().map(|op| op.name().into()).collect(),
            enabled,
            nbf: nbf.map(|time| time.0),
            exp: exp.map(|time| time.0),
            created: created.0,
            updated: updated.0,
            exportable,
            tags: tags
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    fn read(self) -> Result<VersionFacts, Error> {
        let ops = self.key_ops.iter().map(|op| op.parse::<KeyOp>());
        Ok(VersionFacts {
            name: read(self.name.parse())?,
            version: read(self.version.parse())?,
            ops: read(ops.collect::<Result<OpSet, Error>>())?,
            attributes: Attributes {
                enabled: self.enabled,
                nbf: self.nbf.map(UnixTime),
                exp: self.exp.map(UnixTime),
                created: UnixTime(self.created),
                updated: UnixTime(self.updated),
                exportable: self.exportable,
            },
            tags: read(Tags::new(self.tags))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> VersionFacts {
        VersionFacts {
            name: "Signing".parse().unwrap(),
            version: KeyVersion::from_bytes([7; 16]),
            ops: OpSet::SIGN_VERIFY.with(KeyOp::Export),
            attributes: Attributes {
                enabled: false,
                nbf: Some(UnixTime(0)),
                exp: Some(UnixTime(u64::MAX)),
                created: UnixTime(1),
                updated: UnixTime(2),
                exportable: true,
            },
            tags: Tags::new([("team", "payments")]).unwrap(),
        }
    }

    fn version() -> VersionRecord {
        let provider = ProviderId::new("software").unwrap();
        let id = ProviderKeyId::from_bytes([9; 16]);
        let spec = KeySpec::Hmac { bits: 256 };
        VersionRecord {
            facts: facts(),
            handle: KeyHandle::new(provider, id, spec, None, vec![1, 2, 3]).unwrap(),
        }
    }

    #[test]
    fn records_read_back() {
        let record = version();
        let bytes = record.encode().unwrap();
        assert_eq!(VersionRecord::decode(&bytes).unwrap(), record);

        let pending = PendingRecord {
            action: Action::Import,
            caller: Some(Caller::new("alice").unwrap()),
            facts: facts(),
            provider: ProviderId::new("token").unwrap(),
            id: ProviderKeyId::from_bytes([1; 16]),
            spec: KeySpec::Rsa { bits: 3072 },
            replaces: Some(KeyVersion::from_bytes([3; 16])),
            release_policy: Some(release_policy()),
        };
        let bytes = pending.encode().unwrap();
        assert_eq!(PendingRecord::decode(&bytes).unwrap(), pending);

        let mut key = KeyRecord::new("Signing".parse().unwrap(), pending.facts.version);
        let old = key.encode().unwrap();
        assert!(!String::from_utf8(old).unwrap().contains("release_policy"));
        for immutable in [false, true] {
            key.release_policy = Some(release_policy().with_immutable(immutable));
            let bytes = key.encode().unwrap();
            assert_eq!(KeyRecord::decode(&bytes).unwrap(), key);
        }
    }

    /// A record of a release policy that is not understood is not a key without one.
    #[test]
    fn a_release_policy_that_cannot_be_read_is_damage() {
        let mut key = KeyRecord::new("k".parse().unwrap(), KeyVersion::from_bytes([1; 16]));
        key.release_policy = Some(release_policy());
        let text = String::from_utf8(key.encode().unwrap()).unwrap();
        for (from, to) in [
            ("1.0.0", "2.0.0"),
            ("https", "http"),
            ("\"immutable\":false", "\"immutable\":0"),
            ("\"immutable\"", "\"imutable\""),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text);
            assert_eq!(
                KeyRecord::decode(bad.as_bytes()).unwrap_err().kind(),
                corrupt().kind()
            );
        }
    }

    fn release_policy() -> ReleasePolicy {
        let json = br#"{"version":"1.0.0","anyOf":[{"authority":"https://a.example","anyOf":
            [{"claim":"c","equals":true}]}]}"#;
        ReleasePolicy::from_json(json).unwrap()
    }

    #[test]
    fn damaged_records_are_refused() {
        let bytes = version().encode().unwrap();
        for len in 0..bytes.len() {
            let error = VersionRecord::decode(&bytes[..len]).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Corrupt { what: "record" });
        }
        let text = String::from_utf8(bytes).unwrap();
        let future = text.replacen("\"format\":1", "\"format\":2", 1);
        assert!(VersionRecord::decode(future.as_bytes()).is_err());
        let extra = text.replacen('{', "{\"extra\":1,", 1);
        assert!(VersionRecord::decode(extra.as_bytes()).is_err());
    }
}
