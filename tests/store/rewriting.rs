//! Compacting, and changing the key.

use super::*;

/// A store of three hundred records, half of which are removed again.
fn worn(directory: &Directory) -> RedbStore {
    let store = directory.store("store");
    let some: Vec<Change> = (0..300)
        .map(|at| insert(&format!("record/{at:03}"), &[7; 300]))
        .collect();
    let revision = store.commit(&some).unwrap();
    let half: Vec<Change> = (0..300)
        .step_by(2)
        .map(|at| Change::remove(format!("record/{at:03}"), revision))
        .collect();
    store.commit(&half).unwrap();
    store
}

#[test]
fn what_was_removed_is_gone_from_the_file_after_compacting() {
    let directory = Directory::new();
    let path = directory.path("store");
    let store = worn(&directory);
    let at = store
        .commit(&[insert("purged", b"blob"), insert("kept", b"blob")])
        .unwrap();
    drop(store);
    let (purged, kept) = (stored(&path, "purged"), stored(&path, "kept"));
    let store = RedbStore::open(&path, &key()).unwrap();
    let last = store
        .commit(&[Change::remove("purged".into(), at)])
        .unwrap();
    let before = fs::read(&path).unwrap();
    assert!(
        contains(&before, &purged),
        "it was gone already: the test shows nothing"
    );

    store.compact().unwrap();
    let after = fs::read(&path).unwrap();
    for part in [&purged[..], b"purged", &purged[8..40], &purged[40..72]] {
        assert!(!contains(&after, part));
    }
    assert!(contains(&after, &kept));
    assert!(after.len() <= before.len());
    // And all else is as it was, for whoever has the store open and after.
    assert_eq!(store.revision(), last);
    assert_eq!(revision(&store, "kept"), at);
    assert_eq!(store.verify().unwrap().records, 151);
    store.commit(&[insert("more", b"")]).unwrap();
    drop(store);
    let store = RedbStore::open(&path, &key()).unwrap();
    assert_eq!(store.verify().unwrap().records, 152);
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
}

/// The old file's bytes are zeros, for whoever has it open still.
#[cfg(unix)]
#[test]
fn the_old_file_is_erased() {
    use std::io::Read;
    let directory = Directory::new();
    let store = worn(&directory);
    let mut old = fs::File::open(directory.path("store")).unwrap();
    store.compact().unwrap();
    let mut bytes = Vec::new();
    old.read_to_end(&mut bytes).unwrap();
    assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 0));
    // Not so a copy that somebody wanted.
    fs::hard_link(directory.path("store"), directory.path("backup")).unwrap();
    store.compact().unwrap();
    let backup = RedbStore::open(directory.path("backup"), &key()).unwrap();
    assert_eq!(backup.verify().unwrap().records, 150);
}

#[test]
fn after_resealing_the_old_key_opens_nothing() {
    let directory = Directory::new();
    let path = directory.path("store");
    let store = worn(&directory);
    let at = store.commit(&[insert("a", b"1")]).unwrap();
    drop(store);
    fs::copy(&path, directory.path("copy")).unwrap();
    let old = stored(&path, "a");
    let store = RedbStore::open(&path, &key()).unwrap();
    let new = SealingKey::from_bytes([9; 32]);
    store.reseal(&new, None).unwrap();
    assert_eq!(value(&store, "a").unwrap(), b"1");
    assert_eq!(revision(&store, "a"), at);
    store.commit(&[insert("b", b"2")]).unwrap();
    drop(store);
    assert!(RedbStore::open(&path, &key()).is_err());
    let store = RedbStore::open(&path, &new).unwrap();
    assert_eq!(store.verify().unwrap().records, 152);
    drop(store);
    // A record from before does not open among those from after.
    put(&path, "a", &old);
    let store = RedbStore::open(&path, &new).unwrap();
    assert_eq!(kind(store.get("a")), corrupt("record"));
    // The copy does, with the key that it was made under: as the documentation says.
    let copy = RedbStore::open(directory.path("copy"), &key()).unwrap();
    assert_eq!(value(&copy, "a").unwrap(), b"1");
}

#[test]
fn a_rewriting_that_cannot_be_done_leaves_the_store_as_it_was() {
    let directory = Directory::new();
    let store = worn(&directory);
    // Where the new file would go, there is something that cannot be removed.
    fs::create_dir(directory.path("store.draft")).unwrap();
    assert!(store.compact().is_err());
    assert!(
        store
            .reseal(&SealingKey::from_bytes([9; 32]), None)
            .is_err()
    );
    assert_eq!(store.verify().unwrap().records, 150);
    fs::remove_dir(directory.path("store.draft")).unwrap();
    // One that a crash left is removed, by the next opening or the next rewriting.
    fs::write(directory.path("store.draft"), b"left over").unwrap();
    store.compact().unwrap();
    drop(store);
    fs::write(directory.path("store.draft"), b"left over").unwrap();
    let store = RedbStore::open(directory.path("store"), &key()).unwrap();
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1);
    assert_eq!(store.verify().unwrap().records, 150);
}

/// Readers and writers meet a store that is being rewritten, and lose nothing.
#[test]
fn a_store_is_rewritten_under_load() {
    let directory = Directory::new();
    let store = worn(&directory);
    store.commit(&[insert("n", b"\0")]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in 1..=20 {
                let at = revision(&store, "n");
                let change = Change::replace("n".into(), at, vec![step]);
                store.commit(&[change]).unwrap();
            }
        });
        for round in 0..4 {
            store.compact().unwrap();
            let key = SealingKey::from_bytes([round; 32]);
            store.reseal(&key, None).unwrap();
        }
    });
    assert_eq!(value(&store, "n").unwrap(), [20]);
    assert_eq!(store.verify().unwrap().records, 151);
}
