//! The contract of a store, on each store; and what the durable one does with files that
//! were altered, exchanged, put back, cut, or are none of its own.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(unix)]
#[path = "common/own_process.rs"]
mod own_process;

#[path = "store/damage.rs"]
mod damage;
#[path = "store/files.rs"]
mod files;
#[path = "store/formats.rs"]
mod formats;
#[path = "store/rewriting.rs"]
mod rewriting;

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use strongroom::conformance::check_store;
use strongroom::seal::SealingKey;
use strongroom::software::Software;
use strongroom::store::{MemoryStore, RedbStore};
use strongroom::vault::{Change, KeyOptions, NoAudit, Store, Vault};
use strongroom::{Curve, Error, ErrorKind, SignAlg};

/// A directory of the test's own, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("strongroom-store-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A new store in it.
    fn store(&self, name: &str) -> RedbStore {
        RedbStore::create(self.path(name), &key()).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

fn insert(key: &str, value: &[u8]) -> Change {
    Change::insert(key.into(), value.to_vec())
}

fn value(store: &dyn Store, key: &str) -> Option<Vec<u8>> {
    store.get(key).unwrap().map(|record| record.value.to_vec())
}

fn revision(store: &dyn Store, key: &str) -> u64 {
    store.get(key).unwrap().unwrap().revision
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().expect("an error").kind().clone()
}

fn corrupt(what: &'static str) -> ErrorKind {
    ErrorKind::Corrupt { what }
}

/// What the error's source says.
fn detail(error: &Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

fn vault(store: Arc<dyn Store>) -> Vault {
    Vault::builder()
        .provider(Arc::new(Software::new(key()).unwrap()))
        .store(store)
        .audit(Arc::new(NoAudit))
        .build()
        .unwrap()
}

#[test]
fn the_memory_store_keeps_the_contract() {
    check_store(MemoryStore::new);
}

#[test]
fn the_durable_store_keeps_the_contract() {
    let directory = Directory::new();
    let count = AtomicU32::new(0);
    check_store(|| directory.store(&count.fetch_add(1, Ordering::Relaxed).to_string()));
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let directory = Directory::new();
    let path = directory.path("store");
    let store = RedbStore::create(&path, &key()).unwrap();
    assert!(store.is_durable());
    let first = store
        .commit(&[insert("a", b"1"), insert("b", b"2")])
        .unwrap();
    let second = store.commit(&[Change::remove("a".into(), first)]).unwrap();
    drop(store);
    let store = RedbStore::open(&path, &key()).unwrap();
    assert_eq!(store.revision(), second);
    assert_eq!(value(&store, "a"), None);
    assert_eq!(value(&store, "b").unwrap(), b"2");
    assert_eq!(revision(&store, "b"), first);
    // Revisions go on where they were.
    let third = store.commit(&[insert("a", b"1")]).unwrap();
    assert!(third > second);
    let verified = store.verify().unwrap();
    assert_eq!((verified.records, verified.revision), (2, third));
}

/// One key for both: what the store seals and what the backend seals never mix.
#[test]
fn a_vault_lives_in_it() {
    let directory = Directory::new();
    let path = directory.path("store");
    let first = vault(Arc::new(RedbStore::create(&path, &key()).unwrap()));
    let made = first
        .create("signing", Curve::P256, &KeyOptions::new())
        .unwrap();
    let signature = made.sign(SignAlg::Es256, b"message").unwrap();
    assert!(first.verify_store().unwrap().records >= 2);
    drop((first, made));

    let again = vault(Arc::new(RedbStore::open(&path, &key()).unwrap()));
    let key = again.get_by_id(&signature.key).unwrap();
    let signature = signature.value.as_bytes();
    key.verify(SignAlg::Es256, b"message", signature).unwrap();
    key.sign(SignAlg::Es256, b"message").unwrap();
}

/// What is damaged is named; whatever is not can be listed, got, used and changed.
#[test]
fn a_damaged_record_stops_its_own_key_alone() {
    use strongroom::vault::{Clock, KeyName, SystemClock};

    let directory = Directory::new();
    let path = directory.path("store");
    let first = vault(Arc::new(RedbStore::create(&path, &key()).unwrap()));
    let make = |name: &str| first.create(name, Curve::P256, &KeyOptions::new()).unwrap();
    for name in ["a", "b", "c", "d", "gone", "kept"] {
        make(name);
    }
    let version_of_d = make("d").id().unwrap().version();
    first.delete("gone").unwrap();
    first.delete("kept").unwrap();
    let version_of_c = make("c").id().unwrap().version();
    drop(first);

    let spoil = |name: &str| {
        let mut stored = stored(&path, name);
        *stored.last_mut().unwrap() ^= 1;
        put(&path, name, &stored);
    };
    let version_of_c = format!("version/c/{version_of_c}");
    for name in ["key/b", "deleted/gone", &version_of_c] {
        spoil(name);
    }
    put(&path, "pending/x/00000000000000000000000000000000", b"?");

    // It opens, and says what is left open.
    let vault = vault(Arc::new(RedbStore::open(&path, &key()).unwrap()));
    let unsettled = vault.settle().unwrap();
    assert_eq!(unsettled.len(), 1);
    assert!(unsettled[0].record.starts_with("pending/x/"));
    let error = &unsettled[0].error;
    assert_eq!(*error.kind(), corrupt("record"));
    assert!(detail(error).contains("pending/x/"), "{error:?}");

    // Lists name it, page by page.
    let mut names = Vec::new();
    let mut damaged = Vec::new();
    let mut after: Option<KeyName> = None;
    loop {
        let page = vault.list(after.as_ref(), Some(1)).unwrap();
        names.extend(page.items.iter().map(|item| item.name.to_string()));
        damaged.extend(page.damaged);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "d"]);
    assert_eq!(damaged, ["key/b", "key/c"]);
    let deleted = vault.list_deleted(None, None).unwrap();
    assert_eq!(deleted.items.len(), 1);
    assert_eq!(deleted.damaged, ["deleted/gone"]);
    let versions = vault.versions("c", None, None).unwrap();
    assert_eq!(
        (versions.items.len(), versions.damaged),
        (1, vec![version_of_c.clone()])
    );

    // The others go on.
    let sign = |key: strongroom::vault::Key| key.sign(SignAlg::Es256, b"m");
    sign(vault.latest("a").unwrap()).unwrap();
    sign(vault.get("d", &version_of_d.to_string()).unwrap()).unwrap();
    sign(
        vault
            .get("c", &versions.items[0].id.version().to_string())
            .unwrap(),
    )
    .unwrap();
    vault.create("a", Curve::P256, &KeyOptions::new()).unwrap();
    vault
        .create("new", Curve::P256, &KeyOptions::new())
        .unwrap();
    assert_eq!(kind(vault.latest("b")), corrupt("record"));
    assert_eq!(kind(vault.latest("c")), corrupt("record"));
    assert_eq!(
        kind(vault.create("b", Curve::P256, &KeyOptions::new())),
        corrupt("record")
    );

    // So do the sweeps.
    let later = SystemClock.now().plus(91 * 86_400);
    let purged = vault.purge_due(later).unwrap();
    assert_eq!((purged.purged.len(), purged.failed.len()), (1, 1));
    assert_eq!(purged.failed[0].0, "deleted/gone");
    let failed = vault.rotate_due(later).unwrap().failed;
    let failed: Vec<_> = failed.into_iter().map(|(record, _)| record).collect();
    assert_eq!(failed, ["key/b", "key/c"]);
}

/// The file shows keys of records. It shows nothing of their values, in whatever form.
#[test]
fn values_are_nowhere_in_the_file() {
    let directory = Directory::new();
    let store = directory.store("store");
    let secret = b"a value that is easily found again";
    let mut at = store.commit(&[insert("a name", secret)]).unwrap();
    for _ in 0..20 {
        at = store
            .commit(&[Change::replace("a name".into(), at, secret.to_vec())])
            .unwrap();
    }
    drop(store);
    let bytes = fs::read(directory.path("store")).unwrap();
    assert!(contains(&bytes, b"a name"));
    assert!(!contains(&bytes, secret));
    assert!(!contains(&bytes, &secret[..12]));
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|at| at == needle)
}

/// The file without the store's help, as whoever can write to it sees it.
fn engine<T>(path: &Path, run: impl FnOnce(&redb::WriteTransaction) -> T) -> T {
    let database = redb::Database::open(path).unwrap();
    let write = database.begin_write().unwrap();
    let result = run(&write);
    write.commit().unwrap();
    result
}

const RECORDS: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("records");
const STORE: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("store");

fn stored(path: &Path, key: &str) -> Vec<u8> {
    engine(path, |write| {
        let table = write.open_table(RECORDS).unwrap();
        redb::ReadableTable::get(&table, key.as_bytes())
            .unwrap()
            .unwrap()
            .value()
            .to_vec()
    })
}

fn put(path: &Path, key: &str, stored: &[u8]) {
    engine(path, |write| {
        let mut table = write.open_table(RECORDS).unwrap();
        table.insert(key.as_bytes(), stored).unwrap();
    });
}
