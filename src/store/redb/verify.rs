//! Reading everything, to find what reading one record cannot show.

use std::sync::PoisonError;

use redb::{ReadableDatabase, ReadableTable};

use super::error::{Failure, Place, corrupt_at, guarded};
use super::record::State;
use super::set::SetHash;
use super::tables::RECORDS;
use super::{Inner, RedbStore};
use crate::error::Error;
use crate::vault::Verified;

/// How many damaged records an error names.
const NAMED: usize = 8;

impl RedbStore {
    /// Opens each record, and compares the hash of the set with the one that was last
    /// written. Commits wait meanwhile; reads do not.
    pub(super) fn verify_all(&self) -> Result<Verified, Error> {
        let inner = self.read()?;
        guarded(|| inner.verify())
    }
}

impl Inner {
    fn verify(&self) -> Result<Verified, Error> {
        // Held all the while: no commit may change the one and not yet the other.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.database()?.begin_read().map_err(Failure::from)?;
        let table = read.open_table(RECORDS).map_err(Failure::from)?;
        let mut found = State {
            records: 0,
            set: SetHash::default(),
            ..*state
        };
        let (mut damaged, mut named) = (0, Vec::new());
        for item in table.iter().map_err(Failure::from)? {
            let (key, stored) = item.map_err(Failure::from)?;
            found.add(self.keys.element(key.value(), stored.value()));
            let name = String::from_utf8_lossy(key.value());
            let is_ours = std::str::from_utf8(key.value())
                .is_ok_and(|key| self.keys.open(key, stored.value()).is_ok());
            if !is_ours {
                damaged += 1;
                if named.len() < NAMED {
                    named.push(name.into_owned());
                }
            }
        }
        if damaged > 0 {
            return Err(corrupt_at("record", Place::Records(named, damaged)));
        }
        if found != *state {
            return Err(corrupt_at("set of records", Place::Set));
        }
        Ok(Verified {
            records: found.records,
            revision: found.revision,
        })
    }
}
