//! Records in one file, which survive the process and the power.

mod error;
mod file;
mod header;
mod medium;
mod record;
mod rewrite;
mod set;
mod tables;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadableDatabase};

use self::error::{Failure, Place, guarded, unavailable};
use self::file::Draft;
use self::header::Header;
pub use self::medium::Medium;
use self::record::{State, StoreKeys};
use self::tables::{Check, RECORDS, Tables};
use crate::error::{Error, ErrorKind};
use crate::seal::{SealingHeader, SealingKey};
use crate::vault::{Change, Record, Store, Verified};

/// Records in one file, sealed: a durable [`Store`].
///
/// A commit returns when what it changed is on the disk, whole; a crash or a power cut
/// leaves all of it or nothing. Records are read when they are asked for, so neither the
/// time to open a store nor the memory that it takes grows with what is in it.
///
/// # What is protected
/// Each value is sealed by an AEAD that commits to its key, bound to its store, its record
/// key and its revision. A record that was altered, exchanged with another or taken from
/// another store does not open: [`Corrupt`](ErrorKind::Corrupt), with the record's key as
/// the error's source. One that was put back to an older state, taken away or put back
/// after it had been removed is found by [`verify`](Store::verify), which reads everything.
/// Record keys, among them the names of keys, the number of records and their lengths are
/// not hidden. A file that is put back as a whole is not noticed.
///
/// # One process at a time
/// The file is locked: opening it twice is [`Unavailable`](ErrorKind::Unavailable). It must
/// be a regular file of the user who opens it, closed to others, on a local file system.
///
/// # After a disk failed
/// A commit that fails with [`Unavailable`](ErrorKind::Unavailable) may be there or not when
/// the store is opened again, as a whole. Until then the store refuses everything: what is
/// in the system's memory and what is on the disk are no longer known to be the same.
///
/// ```
/// use strongroom::seal::SealingKey;
/// use strongroom::store::RedbStore;
/// use strongroom::vault::{Change, Store};
/// # let directory = std::env::temp_dir().join(format!("strongroom-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory).unwrap();
/// # let path = directory.join("keys.redb");
/// # let _ = std::fs::remove_file(&path);
///
/// let key = SealingKey::from_bytes([7; 32]); // 32 random bytes, kept elsewhere
/// let store = RedbStore::create(&path, &key)?;
/// store.commit(&[Change::insert("a".into(), b"1".to_vec())])?;
/// drop(store);
///
/// let store = RedbStore::open(&path, &key)?;
/// assert_eq!(&*store.get("a")?.unwrap().value, b"1");
/// assert_eq!(store.verify()?.records, 1);
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), strongroom::Error>(())
/// ```
pub struct RedbStore {
    inner: RwLock<Inner>,
    revision: AtomicU64,
    /// A write failed, or the engine panicked.
    failed: AtomicBool,
    /// `None` on a [`Medium`] that is no file.
    path: Option<PathBuf>,
}

struct Inner {
    /// `None` only between an exchange that failed and the end of the store.
    database: Option<Database>,
    keys: Arc<StoreKeys>,
    /// As of the last commit. Locked by whoever commits.
    state: Mutex<State>,
}

impl RedbStore {
    /// Makes a new store, empty, in a file that only its owner may read and write.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if there is anything at the path, and
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub fn create(path: impl AsRef<Path>, key: &SealingKey) -> Result<Self, Error> {
        RedbStore::create_at(path.as_ref(), key, None)
    }

    /// The same, with the header that its sealing key is opened from kept in the file, so
    /// that the file and a passphrase (or a token) are all that is needed.
    ///
    /// ```
    /// use strongroom::seal::{PassphraseCosts, SealingHeader};
    /// use strongroom::store::RedbStore;
    /// # let directory = std::env::temp_dir().join(format!("strongroom-doch-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory).unwrap();
    /// # let path = directory.join("keys.redb");
    /// # let _ = std::fs::remove_file(&path);
    ///
    /// let costs = PassphraseCosts::default();
    /// let (header, key) = SealingHeader::from_passphrase(b"correct horse", costs)?;
    /// drop(RedbStore::create_with_header(&path, &header, &key)?);
    ///
    /// let header = RedbStore::sealing_header(&path)?.unwrap();
    /// let key = header.open_with_passphrase(b"correct horse")?;
    /// let store = RedbStore::open(&path, &key)?;
    /// # std::fs::remove_dir_all(&directory).unwrap();
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`create`](RedbStore::create).
    pub fn create_with_header(
        path: impl AsRef<Path>,
        header: &SealingHeader,
        key: &SealingKey,
    ) -> Result<Self, Error> {
        RedbStore::create_at(path.as_ref(), key, Some(header))
    }

    /// Opens a store.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if there is no such file or somebody has it
    /// open; [`Misconfigured`](ErrorKind::Misconfigured) for a wrong key, a format of a
    /// later release, and a file that is no store's file to trust (a link, another user's,
    /// open to others); [`Corrupt`](ErrorKind::Corrupt).
    pub fn open(path: impl AsRef<Path>, key: &SealingKey) -> Result<Self, Error> {
        let path = path.as_ref();
        let database = open_file(path, Check::Trust)?;
        file::remove_draft(path);
        RedbStore::of(database, key, Some(path.into()))
    }

    /// Opens a store whose file may have been altered, by a failing disk or by somebody:
    /// checks the structure of the file and then [verifies](Store::verify) what is in it,
    /// which takes as long as reading it twice.
    ///
    /// [`open`](RedbStore::open) takes the structure of the file on trust, as it must if it
    /// is not to read everything. Values are authenticated either way. But writing into a
    /// file whose structure was altered can end the process: the engine panics where it
    /// meets what it never wrote, and not everywhere can that be caught.
    ///
    /// # Errors
    /// As [`open`](RedbStore::open), and [`Corrupt`](ErrorKind::Corrupt) for everything that
    /// [`verify`](Store::verify) finds.
    pub fn open_verified(path: impl AsRef<Path>, key: &SealingKey) -> Result<Self, Error> {
        let path = path.as_ref();
        let database = open_file(path, Check::Structure)?;
        file::remove_draft(path);
        let store = RedbStore::of(database, key, Some(path.into()))?;
        store.verify_all()?;
        Ok(store)
    }

    /// The header that is kept in a store's file, if one is. Nothing of it is authenticated
    /// before it is opened.
    ///
    /// # Errors
    /// As [`open`](RedbStore::open).
    pub fn sealing_header(path: impl AsRef<Path>) -> Result<Option<SealingHeader>, Error> {
        let database = open_file(path.as_ref(), Check::Trust)?;
        let header = guarded(|| tables::sealing_header(&database));
        close(Some(database));
        header
    }

    fn create_at(
        path: &Path,
        key: &SealingKey,
        header: Option<&SealingHeader>,
    ) -> Result<Self, Error> {
        let (draft, file) = Draft::of_new(path)?;
        let database = guarded(|| tables::of_file(file, Check::Trust))?;
        let store = RedbStore::initialised(database, key, header, Some(path.into()))?;
        draft.publish(path)?;
        Ok(store)
    }

    fn initialised(
        database: Database,
        key: &SealingKey,
        header: Option<&SealingHeader>,
        path: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let (plain, keys) = Header::new(key)?;
        let state = State::default();
        guarded(|| tables::initialise(&database, &plain, header, &keys.seal_state(&state)?))?;
        Ok(RedbStore::with(database, keys, state, path))
    }

    /// The store in a database that has one.
    fn of(database: Database, key: &SealingKey, path: Option<PathBuf>) -> Result<Self, Error> {
        let opened = guarded(|| tables::unlock(&database, key));
        match opened {
            Ok((keys, state)) => Ok(RedbStore::with(database, keys, state, path)),
            Err(error) => {
                close(Some(database));
                Err(error)
            }
        }
    }

    fn with(database: Database, keys: StoreKeys, state: State, path: Option<PathBuf>) -> Self {
        RedbStore {
            inner: RwLock::new(Inner {
                database: Some(database),
                keys: Arc::new(keys),
                state: Mutex::new(state),
            }),
            revision: AtomicU64::new(state.revision),
            failed: AtomicBool::new(false),
            path,
        }
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Inner>, Error> {
        self.check_usable()?;
        Ok(self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn check_usable(&self) -> Result<(), Error> {
        if self.failed.load(Ordering::Acquire) {
            let said = "an earlier write failed; the store must be opened again";
            return Err(Error::with_source(unavailable(), Place::Said(said)));
        }
        Ok(())
    }

    /// Runs what writes. After a failure of it nothing is certain any more.
    fn writing<T>(&self, run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let result = guarded(run);
        if let Err(error) = &result
            && !matches!(
                error.kind(),
                ErrorKind::Conflict | ErrorKind::Invalid { .. } | ErrorKind::Randomness
            )
        {
            self.failed.store(true, Ordering::Release);
        }
        result
    }
}

impl Inner {
    fn database(&self) -> Result<&Database, Error> {
        self.database.as_ref().ok_or_else(|| unavailable().into())
    }

    fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        let read = self.database()?.begin_read().map_err(Failure::from)?;
        let table = read.open_table(RECORDS).map_err(Failure::from)?;
        let Some(stored) = table.get(key.as_bytes()).map_err(Failure::from)? else {
            return Ok(None);
        };
        self.record(key, stored.value()).map(Some)
    }

    /// What `of` makes of each record of a range.
    fn range<T>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        of: impl Fn(&str, &[u8]) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let read = self.database()?.begin_read().map_err(Failure::from)?;
        let table = read.open_table(RECORDS).map_err(Failure::from)?;
        let start = after.filter(|after| *after >= prefix).unwrap_or(prefix);
        let range = table.range(start.as_bytes()..).map_err(Failure::from)?;
        let mut found = Vec::new();
        for item in range {
            let (key, stored) = item.map_err(Failure::from)?;
            let key = tables::key_of(key.value())?;
            if !key.starts_with(prefix) || found.len() >= limit {
                break;
            }
            if after.is_some_and(|after| key <= after) {
                continue;
            }
            found.push(of(key, stored.value())?);
        }
        Ok(found)
    }

    fn record(&self, key: &str, stored: &[u8]) -> Result<Record, Error> {
        let (revision, value) = self.keys.open(key, stored)?;
        let value = value.into();
        Ok(Record { revision, value })
    }

    /// Checks every change against what is there, makes them, and brings the set's hash up
    /// to date; `state` then says what was committed.
    fn commit(&self, changes: &[Change], state: &mut State) -> Result<(), Error> {
        let write = tables::begin_write(self.database()?)?;
        let mut next = State {
            revision: state.revision + 1,
            ..*state
        };
        {
            let mut tables = Tables::open(&write)?;
            for change in changes {
                let stored = tables.get(&change.key)?;
                // Opened and not only compared: whoever could put a revision beside another
                // value would have it replaced, and its number taken out of the set's hash.
                let stored = stored.map(|stored| self.keys.open(&change.key, &stored));
                if stored.transpose()?.map(|(revision, _)| revision) != change.expect {
                    return Err(ErrorKind::Conflict.into());
                }
            }
            for change in changes {
                let key = change.key.as_bytes();
                let sealed = match &change.value {
                    Some(value) => Some(self.keys.seal(&change.key, next.revision, value)?),
                    None => None,
                };
                if let Some(sealed) = &sealed {
                    next.add(self.keys.element(key, sealed));
                }
                if let Some(old) = tables.put(&change.key, sealed.as_deref())? {
                    next.remove(self.keys.element(key, &old));
                }
            }
            tables.put_state(&self.keys.seal_state(&next)?)?;
        }
        write.commit().map_err(Failure::from)?;
        *state = next;
        Ok(())
    }
}

impl Store for RedbStore {
    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        let inner = self.read()?;
        guarded(|| inner.get(key))
    }

    fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Record)>, Error> {
        let inner = self.read()?;
        let record = |key: &str, stored: &[u8]| Ok((key.to_owned(), inner.record(key, stored)?));
        guarded(|| inner.range(prefix, after, limit, record))
    }

    fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, Error> {
        let inner = self.read()?;
        guarded(|| inner.range(prefix, after, limit, |key, _| Ok(key.to_owned())))
    }

    fn commit(&self, changes: &[Change]) -> Result<u64, Error> {
        let inner = self.read()?;
        let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Again, now that no other commit runs: the one before may have failed.
        self.check_usable()?;
        self.writing(|| inner.commit(changes, &mut state))?;
        // Last, so that whoever sees the new revision sees the new records.
        self.revision.store(state.revision, Ordering::Release);
        Ok(state.revision)
    }

    fn verify(&self) -> Result<Verified, Error> {
        self.verify_all()
    }

    fn is_durable(&self) -> bool {
        true
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        let revision = self.revision.load(Ordering::Relaxed);
        write!(f, "RedbStore({}, revision {revision})", path.display())
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        close(inner.database.take());
    }
}

/// A store on a medium; a new one where nothing was ever committed, be it that the power
/// went before.
pub(crate) fn on_medium(medium: impl Medium, key: &SealingKey) -> Result<RedbStore, Error> {
    let database = guarded(|| tables::database(medium::Backend(medium), Check::Trust))?;
    if guarded(|| tables::is_empty(&database))? {
        return RedbStore::initialised(database, key, None, None);
    }
    RedbStore::of(database, key, None)
}

/// For the fuzzer: what the file's values go through when they are read.
pub(crate) fn read_parts(
    key: &SealingKey,
    header: &[u8],
    state: &[u8],
    (name, stored): (&str, &[u8]),
) -> Result<(u64, Vec<u8>), Error> {
    let keys = Header::from_bytes(header)?.open(key)?;
    keys.open_state(state)?;
    keys.open(name, stored)
}

/// For the fuzzer: header, state and a record that [`read_parts`] reads.
pub(crate) fn write_parts(
    key: &SealingKey,
    (name, revision, value): (&str, u64, &[u8]),
) -> Result<[Vec<u8>; 3], Error> {
    let (header, keys) = Header::new(key)?;
    let state = keys.seal_state(&State::default())?;
    Ok([header.to_bytes(), state, keys.seal(name, revision, value)?])
}

/// Opens and locks the file at a path.
fn open_file(path: &Path, check: Check) -> Result<Database, Error> {
    let file = file::open(path)?;
    let metadata = file.metadata().map_err(error::io)?;
    let database = guarded(|| tables::of_file(file, check))?;
    if !file::is_current(path, &metadata) {
        close(Some(database));
        let said = "the file was exchanged while it was opened";
        return Err(Error::with_source(unavailable(), Place::Said(said)));
    }
    Ok(database)
}

/// Ends a database, which on a damaged file may be one more occasion to panic.
fn close(database: Option<Database>) {
    let _ = guarded(|| {
        drop(database);
        Ok(())
    });
}
