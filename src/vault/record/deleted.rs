//! The record of a deleted key: what its name's record was, and until when.

use serde::{Deserialize, Serialize};

use super::caller::CallerWire;
use super::{FORMAT, KeyRecord, KeyWire, decode, encode, read};
use crate::error::Error;
use crate::vault::access::Caller;
use crate::vault::clock::UnixTime;
use crate::vault::id::KeyName;
use crate::vault::recovery::{Recovery, RecoveryLevel};

pub(in crate::vault) const DELETED: &str = "deleted/";
pub(in crate::vault) const DESTROYING: &str = "destroying/";

pub(in crate::vault) fn deleted_record(name: &KeyName) -> String {
    [DELETED, name.folded()].concat()
}

pub(in crate::vault) fn destroying_record(name: &KeyName) -> String {
    [DESTROYING, name.folded()].concat()
}

/// A key that was deleted and is kept, or one that is being destroyed.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::vault) struct DeletedRecord {
    pub(in crate::vault) key: KeyRecord,
    pub(in crate::vault) deleted: UnixTime,
    /// As it was promised when the key was deleted, whatever the vault promises now.
    pub(in crate::vault) recovery: Recovery,
    /// Who has it destroyed, if it is being destroyed.
    pub(in crate::vault) purged_by: Option<Caller>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeletedWire {
    format: u32,
    key: KeyWire,
    deleted_date: u64,
    recoverable_days: u32,
    recovery_level: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purged_by: Option<CallerWire>,
}

impl DeletedRecord {
    /// When it is to be purged.
    pub(in crate::vault) fn purge_date(&self) -> UnixTime {
        self.recovery.purge_date(self.deleted)
    }

    pub(in crate::vault) fn encode(&self) -> Result<Vec<u8>, Error> {
        encode(&DeletedWire {
            format: FORMAT,
            key: KeyWire::of(&self.key),
            deleted_date: self.deleted.0,
            recoverable_days: self.recovery.days,
            recovery_level: self.recovery.level.name().into(),
            purged_by: self.purged_by.as_ref().map(CallerWire::of),
        })
    }

    pub(in crate::vault) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire = decode::<DeletedWire>(bytes, |wire| wire.format)?;
        Ok(DeletedRecord {
            key: wire.key.read()?,
            deleted: UnixTime(wire.deleted_date),
            recovery: Recovery {
                days: wire.recoverable_days,
                level: read(wire.recovery_level.parse::<RecoveryLevel>())?,
            },
            purged_by: wire.purged_by.map(CallerWire::read).transpose()?,
        })
    }
}
