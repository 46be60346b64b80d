//! Stores that earlier versions of the crate wrote.

use super::*;

/// What stands in the store of each format.
fn fill(store: &RedbStore) {
    store
        .commit(&[insert("a", b"1"), insert("b", &[2; 5000]), insert("c", b"")])
        .unwrap();
    let c = revision(store, "c");
    store
        .commit(&[
            Change::replace("a".into(), 1, b"one".to_vec()),
            Change::remove("c".into(), c),
        ])
        .unwrap();
}

fn assert_filled(store: &RedbStore) {
    assert_eq!(value(store, "a").unwrap(), b"one");
    assert_eq!(value(store, "b").unwrap(), [2; 5000]);
    assert_eq!((revision(store, "a"), revision(store, "b")), (2, 1));
    assert_eq!(value(store, "c"), None);
}

#[test]
fn a_store_of_format_1_is_read_and_goes_on() {
    let directory = Directory::new();
    let path = directory.path("store");
    fs::write(&path, include_bytes!("format-1.redb")).unwrap();
    damage::private(&path);
    for round in 0..2 {
        let store = RedbStore::open(&path, &key()).unwrap();
        assert_filled(&store);
        assert_eq!(store.verify().unwrap().records, 2 + round);
        store.commit(&[insert(&round.to_string(), b"")]).unwrap();
    }
}

/// The file that this leaves in `target/tmp` is the one to keep as `format-N.redb`, when there
/// is a new format.
#[test]
fn a_store_that_is_written_now_holds_what_those_do_that_are_kept() {
    let directory = Directory::new();
    let store = directory.store("store");
    fill(&store);
    store.compact().unwrap();
    assert_filled(&store);
    drop(store);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("format.redb");
    fs::copy(directory.path("store"), kept).unwrap();
}
