//! What is in the file: two tables, and how they are begun and opened.

use std::fs::File;

use redb::backends::FileBackend;
use redb::{
    Builder, Database, Durability, ReadableDatabase, StorageBackend, Table, TableDefinition,
    WriteTransaction,
};

use super::error::{Failure, Place, corrupt_at};
use super::header::{FORMAT, Header, damaged};
use super::record::{State, StoreKeys};
use crate::error::Error;
use crate::seal::{SealingHeader, SealingKey};

/// Every record, by its key. Bytes and not text: of text the engine takes for granted
/// that it is UTF-8.
pub(super) const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// What there is one of.
const STORE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store");

/// In [`STORE`]: a [`Header`].
const HEADER: &[u8] = b"header";
/// In [`STORE`]: a [`SealingHeader`], if one is kept.
const SEALING: &[u8] = b"sealing";
/// In [`STORE`]: a [`State`], sealed.
const STATE: &[u8] = b"state";

/// The most memory for pages of the file.
const CACHE: usize = 32 << 20;

/// Brings a store from the format at its index + 1 to the next one, in the transaction that
/// then writes the new header.
type Upgrade = fn(&mut Tables<'_>, &StoreKeys) -> Result<(), Error>;

/// From each older format. There is none yet.
const UPGRADES: &[Upgrade] = &[];

/// How far the structure of a file is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// As far as reading it needs.
    Trust,
    /// Not at all: every checksum is computed, and the list of free pages made anew.
    Structure,
}

pub(super) fn of_file(file: File, check: Check) -> Result<Database, Error> {
    database(FileBackend::new(file).map_err(Failure::from)?, check)
}

/// Opens a database, or begins one on what is empty.
pub(super) fn database(backend: impl StorageBackend, check: Check) -> Result<Database, Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder.set_check_integrity_on_open(check == Check::Structure);
    let database = builder.create_with_backend(backend);
    Ok(database.map_err(Failure::from)?)
}

/// Begins a change that is durable when it is committed, and whole.
///
/// In two phases: with one, the engine decides after a crash by a checksum that anybody can
/// compute which of two states is the newer whole one. The second lets it know, and lets it
/// keep the list of free pages with each commit, so that opening after a crash needs no
/// walk through the file.
pub(super) fn begin_write(database: &Database) -> Result<WriteTransaction, Error> {
    let mut write = database.begin_write().map_err(Failure::from)?;
    let durable = write.set_durability(Durability::Immediate);
    durable.map_err(Failure::from)?;
    write.set_quick_repair(true);
    Ok(write)
}

/// Whether nothing was ever committed.
pub(super) fn is_empty(database: &Database) -> Result<bool, Error> {
    let read = database.begin_read().map_err(Failure::from)?;
    let mut tables = read.list_tables().map_err(Failure::from)?;
    Ok(tables.next().is_none())
}

/// The first commit.
pub(super) fn initialise(
    database: &Database,
    header: &Header,
    sealing: Option<&SealingHeader>,
    state: &[u8],
) -> Result<(), Error> {
    let write = begin_write(database)?;
    {
        let mut tables = Tables::open(&write)?;
        tables.put_header(header, sealing)?;
        tables.put_state(state)?;
    }
    write.commit().map_err(Failure::from)?;
    Ok(())
}

/// The keys and the state of the store in a database, brought to the current format.
pub(super) fn unlock(database: &Database, key: &SealingKey) -> Result<(StoreKeys, State), Error> {
    let header = single(database, HEADER)?.ok_or_else(damaged)?;
    let header = Header::from_bytes(&header)?;
    let keys = header.open(key)?;
    if header.format < FORMAT {
        upgrade(database, &header, key, &keys)?;
    }
    let state = single(database, STATE)?.ok_or_else(damaged)?;
    let state = keys.open_state(&state)?;
    Ok((keys, state))
}

pub(super) fn sealing_header(database: &Database) -> Result<Option<SealingHeader>, Error> {
    let sealing = single(database, SEALING)?;
    sealing
        .map(|bytes| SealingHeader::from_bytes(&bytes))
        .transpose()
}

/// A record key as it is in the file.
pub(super) fn key_of(bytes: &[u8]) -> Result<&str, Error> {
    let said = "a record's key is no text";
    std::str::from_utf8(bytes).map_err(|_| corrupt_at("record", Place::Said(said)))
}

/// All upgrades that are due, in one commit: a crash leaves the old format or the new one.
fn upgrade(
    database: &Database,
    header: &Header,
    key: &SealingKey,
    keys: &StoreKeys,
) -> Result<(), Error> {
    let write = begin_write(database)?;
    {
        let mut tables = Tables::open(&write)?;
        let done = usize::try_from(header.format.saturating_sub(1)).unwrap_or(usize::MAX);
        for upgrade in UPGRADES.iter().skip(done) {
            upgrade(&mut tables, keys)?;
        }
        tables.put_header(&Header::of(key, keys), None)?;
    }
    write.commit().map_err(Failure::from)?;
    Ok(())
}

fn single(database: &Database, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let read = database.begin_read().map_err(Failure::from)?;
    let table = match read.open_table(STORE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Err(damaged()),
        Err(error) => return Err(Failure::from(error).into()),
    };
    let value = table.get(key).map_err(Failure::from)?;
    Ok(value.map(|value| value.value().to_vec()))
}

/// Both tables in a change.
pub(super) struct Tables<'a> {
    records: Table<'a, &'static [u8], &'static [u8]>,
    store: Table<'a, &'static [u8], &'static [u8]>,
}

impl<'a> Tables<'a> {
    pub(super) fn open(write: &'a WriteTransaction) -> Result<Self, Error> {
        Ok(Tables {
            records: write.open_table(RECORDS).map_err(Failure::from)?,
            store: write.open_table(STORE).map_err(Failure::from)?,
        })
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        use redb::ReadableTable;
        let stored = self.records.get(key.as_bytes()).map_err(Failure::from)?;
        Ok(stored.map(|stored| stored.value().to_vec()))
    }

    /// Writes a record or removes it; answers with what was there.
    pub(super) fn put(
        &mut self,
        key: &str,
        stored: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let old = match stored {
            Some(stored) => self.records.insert(key.as_bytes(), stored),
            None => self.records.remove(key.as_bytes()),
        };
        Ok(old.map_err(Failure::from)?.map(|old| old.value().to_vec()))
    }

    pub(super) fn put_state(&mut self, sealed: &[u8]) -> Result<(), Error> {
        self.store.insert(STATE, sealed).map_err(Failure::from)?;
        Ok(())
    }

    /// The headers of another store.
    pub(super) fn copy_headers(&mut self, from: &Database) -> Result<(), Error> {
        for key in [HEADER, SEALING] {
            if let Some(header) = single(from, key)? {
                let inserted = self.store.insert(key, header.as_slice());
                inserted.map_err(Failure::from)?;
            }
        }
        Ok(())
    }

    /// Without a sealing header the one that is there stays.
    pub(super) fn put_header(
        &mut self,
        header: &Header,
        sealing: Option<&SealingHeader>,
    ) -> Result<(), Error> {
        let header = header.to_bytes();
        let inserted = self.store.insert(HEADER, header.as_slice());
        inserted.map_err(Failure::from)?;
        if let Some(sealing) = sealing {
            let sealing = sealing.to_bytes();
            let inserted = self.store.insert(SEALING, sealing.as_slice());
            inserted.map_err(Failure::from)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_way_from_every_older_format() {
        assert_eq!(UPGRADES.len() + 1, usize::try_from(FORMAT).unwrap());
    }
}
