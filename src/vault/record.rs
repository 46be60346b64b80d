//! What a vault keeps, and its bytes.
//!
//! Three kinds of record, as JSON with a format number:
//!
//! | key | holds |
//! |---|---|
//! | `key/{name}` | the name as spelled and its current version |
//! | `version/{name}/{version}` | one version: its handle, attributes, `key_ops`, tags |
//! | `pending/{name}/{version}` | a version that is being made: all of it but the handle |
//!
//! `{name}` is folded to lower case. A version's private key is in its handle's blob,
//! sealed by the provider; nothing else here is secret.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::attributes::{Attributes, Tags};
use super::audit::Action;
use super::clock::UnixTime;
use super::id::{KeyName, KeyVersion};
use crate::alg::{KeyOp, KeySpec, OpSet};
use crate::error::{Error, ErrorKind};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::Jwk;

/// The format that this version of the crate writes, and the only one that it reads.
const FORMAT: u32 = 1;

pub(super) const KEYS: &str = "key/";
pub(super) const PENDING: &str = "pending/";

pub(super) fn key_record(name: &KeyName) -> String {
    format!("{KEYS}{}", name.folded())
}

pub(super) fn versions_of(name: &KeyName) -> String {
    format!("version/{}/", name.folded())
}

pub(super) fn version_record(name: &KeyName, version: KeyVersion) -> String {
    format!("version/{}/{version}", name.folded())
}

pub(super) fn pending_record(name: &KeyName, version: KeyVersion) -> String {
    format!("{PENDING}{}/{version}", name.folded())
}

/// A name and the version that an unversioned request means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyRecord {
    pub(super) name: KeyName,
    pub(super) current: KeyVersion,
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
    pub(super) facts: VersionFacts,
    pub(super) provider: ProviderId,
    pub(super) id: ProviderKeyId,
    pub(super) spec: KeySpec,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWire {
    format: u32,
    name: String,
    current: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsWire {
    name: String,
    version: String,
    key_ops: Vec<String>,
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
struct VersionWire {
    format: u32,
    facts: FactsWire,
    provider: String,
    key_id: String,
    spec: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    blob: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingWire {
    format: u32,
    action: String,
    facts: FactsWire,
    provider: String,
    key_id: String,
    spec: String,
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
    read(serde_json::to_vec(wire))
}

impl KeyRecord {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&KeyWire {
            format: FORMAT,
            name: self.name.to_string(),
            current: self.current.to_string(),
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire = decode::<KeyWire>(bytes, |wire| wire.format)?;
        Ok(KeyRecord {
            name: read(wire.name.parse())?,
            current: read(wire.current.parse())?,
        })
    }
}

impl VersionRecord {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&VersionWire {
            format: FORMAT,
            facts: FactsWire::of(&self.facts),
            provider: self.handle.provider().to_string(),
            key_id: self.handle.id().to_string(),
            spec: self.handle.spec().to_string(),
            public: self.handle.public().map(Jwk::to_json),
            blob: Base64UrlUnpadded::encode_string(self.handle.blob()),
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire = decode::<VersionWire>(bytes, |wire| wire.format)?;
        let spec = read(wire.spec.parse::<KeySpec>())?;
        let public = wire.public.map(|jwk| Jwk::from_json(jwk.as_bytes()));
        let handle = KeyHandle::new(
            read(ProviderId::new(&wire.provider))?,
            read_key_id(&wire.key_id)?,
            spec,
            read(public.transpose())?,
            read(Base64UrlUnpadded::decode_vec(&wire.blob))?,
        );
        Ok(VersionRecord {
            facts: wire.facts.read()?,
            handle: read(handle)?,
        })
    }
}

impl PendingRecord {
    /// The key that was asked for, and not another one that a provider answers with.
    pub(super) fn check(&self, made: KeyHandle) -> Result<KeyHandle, Error> {
        let asked = (&self.provider, self.id, self.spec);
        if (made.provider(), made.id(), made.spec()) != asked {
            return Err(ErrorKind::FaultDetected.into());
        }
        Ok(made)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&PendingWire {
            format: FORMAT,
            action: self.action.name().into(),
            facts: FactsWire::of(&self.facts),
            provider: self.provider.to_string(),
            key_id: self.id.to_string(),
            spec: self.spec.to_string(),
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire = decode::<PendingWire>(bytes, |wire| wire.format)?;
        let made_by = [Action::Create, Action::Import];
        let action = made_by
            .into_iter()
            .find(|action| action.name() == wire.action);
        Ok(PendingRecord {
            action: action.ok_or_else(corrupt)?,
            facts: wire.facts.read()?,
            provider: read(ProviderId::new(&wire.provider))?,
            id: read_key_id(&wire.key_id)?,
            spec: read(wire.spec.parse())?,
        })
    }
}

/// A provider's key id has the form of a version: 32 hexadecimal digits.
fn read_key_id(id: &str) -> Result<ProviderKeyId, Error> {
    let id = read(id.parse::<KeyVersion>())?;
    Ok(ProviderKeyId::from_bytes(*id.as_bytes()))
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
            name: facts.name.to_string(),
            version: facts.version.to_string(),
            key_ops: facts.ops.iter().map(|op| op.to_string()).collect(),
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
            facts: facts(),
            provider: ProviderId::new("token").unwrap(),
            id: ProviderKeyId::from_bytes([1; 16]),
            spec: KeySpec::Rsa { bits: 3072 },
        };
        let bytes = pending.encode().unwrap();
        assert_eq!(PendingRecord::decode(&bytes).unwrap(), pending);
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
