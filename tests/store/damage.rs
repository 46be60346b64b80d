//! Files that are not what was written.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// A store with three records, closed.
pub(super) fn three(directory: &Directory) -> PathBuf {
    let store = directory.store("store");
    store
        .commit(&[insert("a", b"1"), insert("b", b"2"), insert("c", b"3")])
        .unwrap();
    directory.path("store")
}

#[test]
fn an_edited_record_is_named_and_the_others_are_read() {
    let directory = Directory::new();
    let path = three(&directory);
    let good = stored(&path, "b");
    // Revision, salt, commitment, value, tag; then cuts.
    let mut bad: Vec<Vec<u8>> = [0, 7, 8, 40, 72, good.len() - 1]
        .iter()
        .map(|at| {
            let mut bytes = good.clone();
            bytes[*at] ^= 1;
            bytes
        })
        .collect();
    bad.extend([0, 7, 8, 71, good.len() - 1].map(|len| good[..len].to_vec()));
    for bad in bad {
        put(&path, "b", &bad);
        let store = RedbStore::open(&path, &key()).unwrap();
        let error = store.get("b").unwrap_err();
        assert_eq!(*error.kind(), corrupt("record"));
        assert_eq!(detail(&error), "`b`");
        assert_eq!(value(&store, "a").unwrap(), b"1");
        assert_eq!(kind(store.scan("", None, 9)), corrupt("record"));
        // Which it is, the keys and each of them tell.
        assert_eq!(store.keys("", None, 9).unwrap(), ["a", "b", "c"]);
        assert_eq!(store.keys("", Some("a"), 1).unwrap(), ["b"]);
        assert_eq!(store.scan("c", None, 9).unwrap().len(), 1);
        // It is not written over either, and nothing that comes with it is.
        let over = Change::replace("b".into(), 1, b"2".to_vec());
        assert_eq!(
            kind(store.commit(&[insert("d", b""), over])),
            corrupt("record")
        );
        drop(store);
        let store = RedbStore::open(&path, &key()).unwrap();
        assert_eq!(value(&store, "d"), None);
        let error = store.verify().unwrap_err();
        assert_eq!(*error.kind(), corrupt("record"));
        assert_eq!(detail(&error), "1 in all: `b`");
    }
}

#[test]
fn records_do_not_open_in_each_others_place() {
    let directory = Directory::new();
    let path = three(&directory);
    let (a, b) = (stored(&path, "a"), stored(&path, "b"));
    put(&path, "a", &b);
    put(&path, "b", &a);
    let store = RedbStore::open(&path, &key()).unwrap();
    for name in ["a", "b"] {
        let error = store.get(name).unwrap_err();
        assert_eq!(*error.kind(), corrupt("record"));
        assert_eq!(detail(&error), format!("`{name}`"));
    }
    assert_eq!(detail(&store.verify().unwrap_err()), "2 in all: `a` `b`");
}

#[test]
fn records_of_another_store_do_not_open() {
    let (here, there) = (Directory::new(), Directory::new());
    let (path, other) = (three(&here), three(&there));
    put(&path, "a", &stored(&other, "a"));
    let store = RedbStore::open(&path, &key()).unwrap();
    assert_eq!(kind(store.get("a")), corrupt("record"));
}

/// An older state of a record is authentic: reading it shows nothing. All of them together
/// show it.
#[test]
fn a_record_that_was_put_back_is_found() {
    let directory = Directory::new();
    let path = three(&directory);
    let old = stored(&path, "a");
    let store = RedbStore::open(&path, &key()).unwrap();
    store
        .commit(&[Change::replace("a".into(), 1, b"disabled".to_vec())])
        .unwrap();
    drop(store);
    put(&path, "a", &old);
    assert_set_differs(&path);
    assert_eq!(
        value(&RedbStore::open(&path, &key()).unwrap(), "a").unwrap(),
        b"1"
    );
}

#[test]
fn a_record_that_was_removed_or_came_back_is_found() {
    let directory = Directory::new();
    let path = three(&directory);
    let old = stored(&path, "a");
    engine(&path, |write| {
        write
            .open_table(RECORDS)
            .unwrap()
            .remove(b"a".as_slice())
            .unwrap();
    });
    assert_set_differs(&path);
    put(&path, "a", &old);
    let store = RedbStore::open(&path, &key()).unwrap();
    store.verify().unwrap();
    store.commit(&[Change::remove("a".into(), 1)]).unwrap();
    drop(store);
    put(&path, "a", &old);
    assert_set_differs(&path);
}

/// The difference stays, whatever is committed after it.
#[test]
fn commits_do_not_cover_it_up() {
    let directory = Directory::new();
    let path = three(&directory);
    let old = stored(&path, "a");
    let store = RedbStore::open(&path, &key()).unwrap();
    store
        .commit(&[Change::replace("a".into(), 1, b"disabled".to_vec())])
        .unwrap();
    drop(store);
    put(&path, "a", &old);
    let store = RedbStore::open(&path, &key()).unwrap();
    store
        .commit(&[Change::replace("a".into(), 1, b"enabled".to_vec())])
        .unwrap();
    store.commit(&[insert("z", b"")]).unwrap();
    assert_eq!(kind(store.verify()), corrupt("set of records"));
    assert_eq!(kind(store.compact()), corrupt("set of records"));
    assert_eq!(kind(store.reseal(&key(), None)), corrupt("set of records"));
    // What could not be rewritten goes on as it was.
    assert_eq!(value(&store, "a").unwrap(), b"enabled");
}

/// The older state of the store does not fit the newer records, nor does another store's.
#[test]
fn the_state_cannot_be_put_back_alone() {
    let directory = Directory::new();
    let path = three(&directory);
    let state = |path: &Path| {
        engine(path, |write| {
            let table = write.open_table(STORE).unwrap();
            let state = redb::ReadableTable::get(&table, b"state".as_slice()).unwrap();
            state.unwrap().value().to_vec()
        })
    };
    let set_state = |bytes: &[u8]| {
        engine(&path, |write| {
            let mut table = write.open_table(STORE).unwrap();
            table.insert(b"state".as_slice(), bytes).unwrap();
        });
    };
    let old = state(&path);
    let store = RedbStore::open(&path, &key()).unwrap();
    store.commit(&[insert("d", b"4")]).unwrap();
    drop(store);
    let new = state(&path);
    set_state(&old);
    assert_set_differs(&path);
    for bad in [
        &new[..new.len() - 1],
        &[],
        &state(&three(&Directory::new())),
    ] {
        set_state(bad);
        assert_eq!(kind(RedbStore::open(&path, &key())), corrupt("store state"));
    }
    set_state(&new);
    RedbStore::open(&path, &key()).unwrap().verify().unwrap();
}

/// All that the store has in the file. The engine writes to its own pages whenever it opens one.
fn contents(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    engine(path, |write| {
        for table in [STORE, RECORDS] {
            let table = write.open_table(table).unwrap();
            for entry in redb::ReadableTable::iter(&table).unwrap() {
                let (key, value) = entry.unwrap();
                all.push((key.value().to_vec(), value.value().to_vec()));
            }
        }
    });
    all
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let directory = Directory::new();
    let path = three(&directory);
    engine(&path, |write| {
        let mut table = write.open_table(STORE).unwrap();
        let header = b"srst\0\0\0\x02 and whatever that has".as_slice();
        table.insert(b"header".as_slice(), header).unwrap();
    });
    let before = contents(&path);
    assert!(before.len() > 3, "header and records");
    let error = RedbStore::open(&path, &key()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Misconfigured { .. }));
    assert!(error.to_string().contains("later format"), "{error}");
    assert_eq!(contents(&path), before);
}

#[test]
fn a_wrong_key_is_told_from_damage() {
    let directory = Directory::new();
    let path = three(&directory);
    let wrong = RedbStore::open(&path, &SealingKey::from_bytes([8; 32])).unwrap_err();
    assert!(matches!(wrong.kind(), ErrorKind::Misconfigured { .. }));
    assert!(wrong.to_string().contains("another key"), "{wrong}");
    RedbStore::open(&path, &key()).unwrap().verify().unwrap();
}

/// What somebody who opens an altered file may see: an error, or what was written, with
/// which he can go on.
fn assert_safe(path: &Path, bytes: &[u8], what: &str) -> bool {
    fs::write(path, bytes).unwrap();
    private(path);
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let store = match RedbStore::open_verified(path, &key()) {
            Ok(store) => store,
            Err(error) => {
                let told = matches!(
                    error.kind(),
                    ErrorKind::Corrupt { .. } | ErrorKind::Misconfigured { .. }
                );
                assert!(told, "{what}: {error:?}");
                return false;
            }
        };
        store.commit(&[insert("d", b"4")]).unwrap();
        assert_eq!(store.verify().unwrap().records, 4, "{what}");
        for (name, expected) in [("a", b"1"), ("b", b"2"), ("c", b"3")] {
            assert_eq!(value(&store, name).unwrap(), expected, "{what}");
        }
        true
    }));
    tried.unwrap_or_else(|_| panic!("{what}: a panic came through"))
}

/// Each byte that is not zero, and some of the others, altered; each length, in steps.
#[test]
fn no_damage_gives_wrong_values_or_a_panic() {
    let directory = Directory::new();
    let path = three(&directory);
    let good = fs::read(&path).unwrap();
    let victim = directory.path("victim");
    let (mut flipped, mut cut, mut whole) = (0, 0, 0);
    // Some of them. All take minutes: STRONGROOM_DAMAGE_STEP=1.
    let step = std::env::var("STRONGROOM_DAMAGE_STEP").map_or(61, |step| step.parse().unwrap());
    let interesting = (0..good.len()).filter(|at| good[*at] != 0 || at % 4099 == 0);
    for at in interesting.step_by(step) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        whole += u32::from(assert_safe(&victim, &bytes, &format!("byte {at}")));
        flipped += 1;
    }
    for len in (0..good.len()).step_by(good.len() / 120) {
        let opened = assert_safe(&victim, &good[..len], &format!("length {len}"));
        assert!(!opened, "length {len}");
        cut += 1;
    }
    println!(
        "{} bytes: {flipped} flipped ({whole} without effect), {cut} cut",
        good.len()
    );
    assert!(flipped > 100 && cut > 100);
}

/// What one who opens an altered file on trust meets, step by step; each is told before it is
/// begun, as it may be the last thing that the process does.
#[cfg(unix)]
fn trust(path: &Path, bytes: &[u8], at: usize) {
    let say = |step: &str| println!("{at} {step}");
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    private(path);
    say("open");
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let store = match RedbStore::open(path, &key()) {
            Ok(store) => store,
            Err(_) => return say("refused"),
        };
        say("read");
        let mut missing = false;
        let mut failed = false;
        for (name, expected) in [("a", b"1"), ("b", b"2"), ("c", b"3")] {
            match store.get(name) {
                Ok(Some(record)) if *record.value == *expected => {}
                Ok(Some(_)) => say("WRONG"),
                Ok(None) => missing = true,
                Err(_) => failed = true,
            }
        }
        for (name, record) in store.scan("", None, 9).unwrap_or_default() {
            let expected: &[u8] = match name.as_str() {
                "a" => b"1",
                "b" => b"2",
                "c" => b"3",
                _ => b"?",
            };
            if *record.value != *expected {
                say("WRONG");
            }
        }
        if missing && store.verify().is_ok() {
            say("UNNOTICED");
        }
        say(match (failed, missing) {
            (true, _) => "failed",
            (_, true) => "missing",
            _ => "right",
        });
        say("write");
        let committed = store.commit(&[insert("d", b"4")]).is_ok();
        say(if committed {
            "written"
        } else {
            "refused-write"
        });
        say("close");
        drop(store);
        say("closed");
    }));
    say(if tried.is_ok() { "done" } else { "PANIC" });
}

/// Without checking the structure, a single bit that is altered gives no wrong value either,
/// and ends no process that only reads.
#[cfg(unix)]
#[test]
fn a_file_that_is_taken_on_trust_gives_no_wrong_value() {
    use crate::own_process;
    use std::time::Duration;

    const FROM: &str = "STRONGROOM_DAMAGE_FROM";
    let directory = Directory::new();
    let step = std::env::var("STRONGROOM_DAMAGE_STEP").map_or(61, |step| step.parse().unwrap());
    let run = || {
        let from: usize = std::env::var(FROM).unwrap().parse().unwrap();
        let good = fs::read(three(&directory)).unwrap();
        let interesting = (0..good.len()).filter(|at| good[*at] != 0 || at % 4099 == 0);
        for at in interesting.step_by(step).filter(|at| *at >= from) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            trust(&directory.path("victim"), &bytes, at);
        }
        // Cut short, at each place that is a number beyond the others.
        for len in (0..good.len()).step_by(good.len() / 60) {
            let at = good.len() + len;
            if at >= from {
                trust(&directory.path("victim"), &good[..len], at);
            }
        }
        println!("0 end");
    };
    let mut counts: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
    let mut from = 0;
    loop {
        let variables = [(FROM, &*from.to_string())];
        let Some(outcome) = own_process::attempt_with(&variables, Duration::from_secs(120), run)
        else {
            return;
        };
        let mut last = (0, String::new());
        for line in outcome.output.lines() {
            let Some((at, step)) = line.split_once(' ') else {
                continue;
            };
            let Ok(at) = at.parse::<usize>() else {
                continue;
            };
            assert!(
                !["WRONG", "UNNOTICED", "PANIC"].contains(&step),
                "byte {at}: {step}"
            );
            *counts.entry(step.to_owned()).or_default() += 1;
            last = (at, step.to_owned());
        }
        if last.1 == "end" {
            break;
        }
        // The process ended, or did not go on.
        let ended = format!("ended at {}", last.1);
        assert!(
            ["write", "close"].contains(&&*last.1),
            "byte {}: {ended}",
            last.0
        );
        *counts.entry(ended).or_default() += 1;
        from = last.0 + 1;
    }
    println!("{counts:?}");
    assert!(counts["open"] > 100 && counts["right"] > 20);
}

fn assert_set_differs(path: &Path) {
    let store = RedbStore::open(path, &key()).unwrap();
    let error = store.verify().unwrap_err();
    assert_eq!(*error.kind(), corrupt("set of records"));
}

pub(super) fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}
