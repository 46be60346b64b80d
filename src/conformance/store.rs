//! What every [`Store`] must do, for those who write one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::error::ErrorKind;
use crate::vault::{Change, Record, Store};

/// Tries a store on the contract of [`Store`]. `make` gives an empty one each time.
///
/// # Panics
/// With what is wrong, as a test does.
///
/// ```
/// use strongroom::{conformance, store::MemoryStore};
/// conformance::check_store(MemoryStore::new);
/// ```
pub fn check_store<S: Store>(make: impl Fn() -> S) {
    type Check = fn(&dyn Store);
    let checks: [(&str, Check); 9] = [
        ("what is written is read", what_is_written_is_read),
        ("expectations are kept", expectations_are_kept),
        ("a commit is all or nothing", a_commit_is_all_or_nothing),
        (
            "expectations are of the state before",
            expectations_are_of_the_state_before,
        ),
        ("no revision comes back", no_revision_comes_back),
        ("scans are sorted and bounded", scans_are_sorted_and_bounded),
        ("scans are bytewise", scans_are_bytewise),
        ("sizes", any_size_is_kept),
        ("threads lose nothing", threads_lose_nothing),
    ];
    for (name, check) in checks {
        let store = make();
        assert!(
            store.scan("", None, 1).unwrap_or_default().is_empty(),
            "not empty"
        );
        println!("store: {name}");
        check(&store);
        if let Err(error) = store.verify() {
            let untold = matches!(error.kind(), ErrorKind::NotOffered { .. });
            assert!(untold, "{name}: the store does not verify: {error}");
        }
    }
}

fn what_is_written_is_read(store: &dyn Store) {
    assert_eq!(get(store, "a"), None);
    let before = store.revision();
    let revision = commit(store, &[insert("a", b"1"), insert("b", b"")]);
    assert_ne!(
        store.revision(),
        before,
        "the store's revision did not change"
    );
    assert_eq!(read(store, "a"), (revision, b"1".to_vec()));
    assert_eq!(read(store, "b"), (revision, Vec::new()));
    let replaced = commit(
        store,
        &[Change::replace("a".into(), revision, b"2".to_vec())],
    );
    assert_eq!(read(store, "a"), (replaced, b"2".to_vec()));
    assert_eq!(read(store, "b").0, revision, "a record that did not change");
    commit(store, &[Change::remove("a".into(), replaced)]);
    assert_eq!(get(store, "a"), None);
    assert_eq!(read(store, "b").0, revision);
}

fn expectations_are_kept(store: &dyn Store) {
    let revision = commit(store, &[insert("a", b"1")]);
    for change in [
        insert("a", b"2"),
        Change::replace("a".into(), revision + 1, b"2".to_vec()),
        Change::replace("b".into(), revision, b"2".to_vec()),
        Change::remove("a".into(), revision + 1),
        Change::remove("b".into(), revision),
    ] {
        conflicts(store, &[change]);
    }
    assert_eq!(read(store, "a"), (revision, b"1".to_vec()));
    // To expect that there is nothing and to leave it so is no change, and allowed.
    let none = Change {
        key: "b".into(),
        expect: None,
        value: None,
    };
    commit(store, &[none]);
    assert_eq!(get(store, "b"), None);
}

fn a_commit_is_all_or_nothing(store: &dyn Store) {
    let revision = commit(store, &[insert("a", b"1"), insert("c", b"1")]);
    let before = store.revision();
    conflicts(
        store,
        &[
            insert("b", b"2"),
            Change::remove("a".into(), revision),
            insert("c", b"2"),
        ],
    );
    assert_eq!(store.revision(), before, "a conflict changed the revision");
    assert_eq!(get(store, "b"), None);
    assert_eq!(read(store, "a"), (revision, b"1".to_vec()));
}

fn expectations_are_of_the_state_before(store: &dyn Store) {
    // Twice the same key in one commit: both are compared with what was there before, and
    // the last one stands.
    let revision = commit(store, &[insert("a", b"1"), insert("a", b"2")]);
    assert_eq!(read(store, "a"), (revision, b"2".to_vec()));
    conflicts(
        store,
        &[insert("b", b"1"), Change::remove("b".into(), revision + 1)],
    );
}

fn no_revision_comes_back(store: &dyn Store) {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let revision = commit(store, &[insert("a", b"1")]);
        assert!(!seen.contains(&revision), "{revision} was there before");
        seen.push(revision);
        commit(store, &[Change::remove("a".into(), revision)]);
    }
}

fn scans_are_sorted_and_bounded(store: &dyn Store) {
    for key in ["k/b", "k/a", "l/a", "k/c", "j/z"] {
        commit(store, &[insert(key, key.as_bytes())]);
    }
    let keys = |prefix: &str, after, limit| -> Vec<String> {
        let found = must(store.scan(prefix, after, limit));
        let own = found
            .iter()
            .all(|(key, record)| *record.value == *key.as_bytes());
        assert!(own, "a scan gave a record under another's key");
        let found: Vec<String> = found.into_iter().map(|(key, _)| key).collect();
        assert_eq!(must(store.keys(prefix, after, limit)), found);
        found
    };
    assert_eq!(keys("k/", None, 9), ["k/a", "k/b", "k/c"]);
    assert_eq!(keys("k/", None, 2), ["k/a", "k/b"]);
    assert_eq!(keys("k/", Some("k/b"), 9), ["k/c"]);
    assert_eq!(
        keys("k/", Some("k/b0"), 9),
        ["k/c"],
        "after a key that is not there"
    );
    assert_eq!(
        keys("k/", Some("a"), 1),
        ["k/a"],
        "after a key before the prefix"
    );
    assert_eq!(keys("k/", Some("k/c"), 9), [""; 0]);
    assert_eq!(keys("k/", Some("z"), 9), [""; 0]);
    assert_eq!(keys("k/", None, 0), [""; 0]);
    assert_eq!(keys("m", None, 9), [""; 0]);
    assert_eq!(keys("", None, 9).len(), 5);
}

fn scans_are_bytewise(store: &dyn Store) {
    // By the bytes of UTF-8, in which no other order is hidden.
    let keys = ["A", "B", "a", "a/", "a0", "\u{e9}", "\u{ffff}", "\u{1f600}"];
    for key in keys.iter().rev() {
        commit(store, &[insert(key, b"")]);
    }
    let found = must(store.scan("", None, 99))
        .into_iter()
        .map(|(key, _)| key);
    assert_eq!(found.collect::<Vec<_>>(), keys);
}

fn any_size_is_kept(store: &dyn Store) {
    for len in [0, 1, 4095, 4096, 4097, 1 << 20] {
        let value: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
        let key = format!("size/{len}");
        commit(store, &[insert(&key, &value)]);
        assert_eq!(read(store, &key).1, value);
    }
    let many: Vec<Change> = (0..1000)
        .map(|at| insert(&format!("many/{at:04}"), &[7; 100]))
        .collect();
    let revision = commit(store, &many);
    let found = must(store.scan("many/", None, 2000));
    assert_eq!(found.len(), many.len());
    assert!(found.iter().all(|(_, record)| record.revision == revision));
}

fn threads_lose_nothing(store: &dyn Store) {
    const THREADS: u64 = 4;
    const STEPS: u64 = 8;
    commit(store, &[insert("n", &0_u64.to_be_bytes())]);
    let done = AtomicBool::new(false);
    let number = |record: &Record| {
        let bytes = record.value.as_ref().try_into().unwrap_or_default();
        u64::from_be_bytes(bytes)
    };
    thread::scope(|scope| {
        let count = || {
            for _ in 0..STEPS {
                loop {
                    let Some(record) = get(store, "n") else {
                        panic!("the record is gone");
                    };
                    let value = (number(&record) + 1).to_be_bytes().to_vec();
                    let change = Change::replace("n".into(), record.revision, value);
                    match store.commit(&[change]) {
                        Ok(_) => break,
                        Err(error) => assert_eq!(*error.kind(), ErrorKind::Conflict),
                    }
                }
            }
        };
        // Whoever reads after the revision has changed sees what changed it.
        let watcher = scope.spawn(|| {
            let (mut last, mut revision) = (0, 0);
            while !done.load(Ordering::Acquire) {
                let now = store.revision();
                let Some(record) = get(store, "n") else {
                    panic!("the record is gone");
                };
                assert!(number(&record) >= last, "time went back");
                assert!(now >= revision || now != revision);
                (last, revision) = (number(&record), now);
            }
        });
        let counters: Vec<_> = (0..THREADS).map(|_| scope.spawn(count)).collect();
        let ended: Vec<_> = counters
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        done.store(true, Ordering::Release);
        assert!(watcher.join().is_ok() && ended.iter().all(Result::is_ok));
    });
    let counted = get(store, "n").map(|record| number(&record));
    assert_eq!(counted, Some(THREADS * STEPS), "an increment was lost");
}

fn insert(key: &str, value: &[u8]) -> Change {
    Change::insert(key.into(), value.to_vec())
}

fn commit(store: &dyn Store, changes: &[Change]) -> u64 {
    must(store.commit(changes))
}

fn conflicts(store: &dyn Store, changes: &[Change]) {
    match store.commit(changes) {
        Ok(_) => panic!("{changes:?} should conflict"),
        Err(error) => assert_eq!(*error.kind(), ErrorKind::Conflict),
    }
}

fn get(store: &dyn Store, key: &str) -> Option<Record> {
    must(store.get(key))
}

fn read(store: &dyn Store, key: &str) -> (u64, Vec<u8>) {
    let Some(record) = get(store, key) else {
        panic!("`{key}` is not there");
    };
    (record.revision, record.value.to_vec())
}

fn must<T>(result: Result<T, crate::error::Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error:?}"),
    }
}
