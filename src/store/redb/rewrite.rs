//! Writing the whole store anew: what was deleted is then nowhere in the file.
//!
//! The new file is written beside the old one, made durable and renamed into its place. A
//! crash leaves one of them, whole. In place it could not be done: the engine does not say
//! which bytes of a file are free.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::error::{self, Failure, Place, corrupt_at, guarded};
use super::file::Draft;
use super::header::Header;
use super::record::{State, StoreKeys};
use super::set::SetHash;
use super::tables::{self, Check, RECORDS, Tables};
use super::{Inner, RedbStore, close};
use crate::error::Error;
use crate::seal::{SealingHeader, SealingKey};

/// About how many bytes of records are written in one transaction of the draft: the engine
/// keeps what is not committed in memory.
const BATCH: usize = 8 << 20;

impl RedbStore {
    /// Writes the store anew under another key, from which point on the old key opens
    /// nothing of it. A header that was kept in the file goes; the new key's is kept if it
    /// is given.
    ///
    /// Copies of the file that were made before (backups, snapshots) are still opened by
    /// the old key: destroy that too. Everything else waits meanwhile, and the disk must
    /// have room for a second file. It is all done, or nothing is.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if anything in the store is not as it was written:
    /// it is then as it was. [`Unavailable`](crate::ErrorKind::Unavailable): it is as it was, or,
    /// if the disk failed at the exchange of the files, has to be opened again, with the key of
    /// whichever file is there then.
    pub fn reseal(&self, key: &SealingKey, header: Option<&SealingHeader>) -> Result<(), Error> {
        self.rewrite(Some((key, header)))
    }

    /// Writes the store anew, without what was deleted and replaced, and overwrites the old
    /// file with zeros before it is freed, unless it has another name (a hard link).
    ///
    /// What a disk does below is its own affair: flash memory and file systems that copy on
    /// write keep what was overwritten for a while. Whoever needs certainty
    /// [reseals](RedbStore::reseal) and destroys the old key. Otherwise as
    /// [`reseal`](RedbStore::reseal).
    ///
    /// # Errors
    /// As [`reseal`](RedbStore::reseal); [`Unavailable`](crate::ErrorKind::Unavailable) also if
    /// the store was written anew, and the old file could not be overwritten.
    pub fn compact(&self) -> Result<(), Error> {
        self.rewrite(None)
    }

    fn rewrite(&self, new: Option<(&SealingKey, Option<&SealingHeader>)>) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Err(error::unavailable().into());
        };
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        self.check_usable()?;
        let old = File::options().write(true).open(path).map_err(error::io)?;
        let (draft, new_file) = Draft::of_successor(path)?;
        let (database, keys, state) = guarded(|| inner.copy_to(new_file, new))?;
        if let Err(error) = draft.replace(path) {
            // Perhaps renamed and perhaps not, if it was the directory that failed.
            self.failed.store(true, Ordering::Release);
            close(Some(database));
            return Err(error);
        }
        close(inner.database.replace(database));
        inner.keys = keys;
        inner.state = Mutex::new(state);
        match (erase(old), new) {
            // Nothing opens it any more.
            (Err(_), Some(_)) | (Ok(()), _) => Ok(()),
            (Err(failed), None) => Err(error::io(failed)),
        }
    }
}

/// Writes zeros over a file that is about to be freed.
fn erase(mut file: File) -> io::Result<()> {
    let metadata = file.metadata()?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) != 0 {
        return Ok(());
    }
    let zeros = [0; 1 << 16];
    let mut left = metadata.len();
    while left > 0 {
        let chunk = usize::try_from(left).unwrap_or(usize::MAX);
        let chunk = zeros.get(..chunk).unwrap_or(&zeros);
        file.write_all(chunk)?;
        left -= u64::try_from(chunk.len()).unwrap_or(left);
    }
    file.sync_data()
}

impl Inner {
    /// A new database with everything of this one in it.
    fn copy_to(
        &self,
        file: File,
        new: Option<(&SealingKey, Option<&SealingHeader>)>,
    ) -> Result<(Database, Arc<StoreKeys>, State), Error> {
        let database = tables::of_file(file, Check::Trust)?;
        let keys = match new {
            Some((key, _)) => Arc::new(StoreKeys::new(key, *self.keys.id())),
            None => Arc::clone(&self.keys),
        };
        let old = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State {
            records: 0,
            set: SetHash::default(),
            ..*old
        };
        let mut checked = state;
        let read = self.database()?.begin_read().map_err(Failure::from)?;
        let table = read.open_table(RECORDS).map_err(Failure::from)?;
        let mut rest = table.iter().map_err(Failure::from)?;
        loop {
            let write = tables::begin_write(&database)?;
            let mut room = BATCH;
            {
                let mut tables = Tables::open(&write)?;
                while room > 0 {
                    let Some(item) = rest.next() else { break };
                    let (key, stored) = item.map_err(Failure::from)?;
                    checked.add(self.keys.element(key.value(), stored.value()));
                    let key = tables::key_of(key.value())?;
                    let (revision, value) = self.keys.open(key, stored.value())?;
                    let sealed = match new {
                        Some(_) => keys.seal(key, revision, &value)?,
                        None => stored.value().to_vec(),
                    };
                    state.add(keys.element(key.as_bytes(), &sealed));
                    tables.put(key, Some(&sealed))?;
                    room = room.saturating_sub(key.len() + sealed.len());
                }
            }
            write.commit().map_err(Failure::from)?;
            if room > 0 {
                break;
            }
        }
        // Not made good: whoever took a record away would have it confirmed.
        if checked != *old {
            return Err(corrupt_at("set of records", Place::Set));
        }
        let write = tables::begin_write(&database)?;
        {
            let mut tables = Tables::open(&write)?;
            match new {
                Some((key, header)) => tables.put_header(&Header::of(key, &keys), header)?,
                None => tables.copy_headers(self.database()?)?,
            }
            tables.put_state(&keys.seal_state(&state)?)?;
        }
        write.commit().map_err(Failure::from)?;
        Ok((database, keys, state))
    }
}
