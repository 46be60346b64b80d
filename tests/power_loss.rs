//! The power goes, at every point at which it can.
//!
//! A disk that keeps apart what was written and what is durable stands under a store. It
//! records what the store does to it; then, for each point of the record, it gives what
//! may be found after a power cut there: with all that was not yet synchronised lost, with
//! all of it there, with the last write torn, with any other part of it, in any order.
//! In each the store must open, hold everything that was acknowledged, and nothing that was
//! not, save the one commit that was under way, as a whole.
//!
//! SIGKILL finds none of this: what a process has written the system still writes. That is
//! `tests/crash.rs`.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use strongroom::internal::{Medium, store_on_medium};
use strongroom::seal::SealingKey;
use strongroom::store::RedbStore;
use strongroom::vault::{Change, Store};
use strongroom::{Error, ErrorKind};

/// What a disk is asked to do.
#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Resize(usize),
    Sync,
}

/// Everything that happened, and the bytes as a reader sees them.
#[derive(Debug, Default)]
struct Record {
    bytes: Vec<u8>,
    steps: Vec<Step>,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Fault {
    /// How many bytes the disk has, if it is small.
    room: Option<usize>,
    /// Fails the synchronisation after so many more.
    sync: Option<usize>,
    /// Fails the write after so many more.
    write: Option<usize>,
    /// Says that it synchronises, and does not.
    deaf: bool,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Record>>);

impl Disk {
    fn holding(bytes: Vec<u8>) -> Self {
        let disk = Disk::default();
        disk.0.lock().unwrap().bytes = bytes;
        disk
    }

    fn steps(&self) -> usize {
        self.0.lock().unwrap().steps.len()
    }
}

/// Counts down; true when it is at its end.
fn due(left: &mut Option<usize>) -> bool {
    match left {
        Some(0) => {
            *left = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

impl Medium for Disk {
    fn size(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.lock().unwrap().bytes.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let record = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        let found = record.bytes.get(from..from + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn resize(&self, len: u64) -> io::Result<()> {
        let mut record = self.0.lock().unwrap();
        let len = usize::try_from(len).unwrap();
        if record.fault.room.is_some_and(|room| len > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        record.bytes.resize(len, 0);
        record.steps.push(Step::Resize(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut record = self.0.lock().unwrap();
        if due(&mut record.fault.sync) {
            return Err(io::Error::other("the disk failed"));
        }
        if !record.fault.deaf {
            record.steps.push(Step::Sync);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut record = self.0.lock().unwrap();
        let at = usize::try_from(offset).unwrap();
        if due(&mut record.fault.write) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        apply(&mut record.bytes, at, data);
        record.steps.push(Step::Write(at, data.to_vec()));
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

/// The smallest part of a write that is there or not.
const SECTOR: usize = 512;

/// Where the steps begin that no synchronisation has made durable.
fn synced_before(steps: &[Step], end: usize) -> usize {
    let last = steps[..end]
        .iter()
        .rposition(|step| matches!(step, Step::Sync));
    last.map_or(0, |at| at + 1)
}

/// What may be found after a power cut before step `end`: `keep` says of each sector that
/// was written since the last synchronisation, and of each change of length, whether it
/// reached the disk.
fn after_power_cut(
    steps: &[Step],
    end: usize,
    mut keep: impl FnMut(usize, usize) -> bool,
) -> Vec<u8> {
    let synced = synced_before(steps, end);
    let mut bytes = Vec::new();
    for step in &steps[..synced] {
        match step {
            Step::Write(at, data) => apply(&mut bytes, *at, data),
            Step::Resize(len) => bytes.resize(*len, 0),
            Step::Sync => {}
        }
    }
    for (index, step) in steps.iter().enumerate().take(end).skip(synced) {
        match step {
            Step::Write(at, data) => {
                for (sector, part) in data.chunks(SECTOR).enumerate() {
                    if keep(index, sector) {
                        apply(&mut bytes, at + sector * SECTOR, part);
                    }
                }
            }
            Step::Resize(len) => {
                if keep(index, 0) {
                    bytes.resize(*len, 0);
                }
            }
            Step::Sync => unreachable!("the last one is before these"),
        }
    }
    bytes
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

type Content = BTreeMap<String, Vec<u8>>;

fn key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

fn content(store: &dyn Store) -> Result<Content, Error> {
    let found = store.scan("", None, usize::MAX)?;
    let found = found.into_iter();
    Ok(found
        .map(|(key, record)| (key, record.value.to_vec()))
        .collect())
}

/// One commit of the workload: what a vault does when it makes, updates, rotates and
/// deletes keys. Tells the content after it, too.
fn next_commit(store: &dyn Store, round: usize, numbers: &mut Numbers) -> (Vec<Change>, Content) {
    let mut after = content(store).unwrap();
    let mut changes = Vec::new();
    for _ in 0..=numbers.next() % 3 {
        let name = format!("key/{}", numbers.next() % 7);
        if changes.iter().any(|change: &Change| change.key == name) {
            continue;
        }
        let found = store.get(&name).unwrap();
        let expect = found.as_ref().map(|found| found.revision);
        let value = match found {
            Some(_) if numbers.next().is_multiple_of(3) => None,
            _ => {
                let len = 1 + usize::try_from(numbers.next() % 3000).unwrap();
                Some([round.to_be_bytes().as_slice(), &vec![7; len]].concat())
            }
        };
        match &value {
            Some(value) => after.insert(name.clone(), value.clone()),
            None => after.remove(&name),
        };
        changes.push(Change {
            key: name,
            expect,
            value,
        });
    }
    (changes, after)
}

/// Opens what is left and compares it with what may be there.
fn assert_survives(bytes: Vec<u8>, before: &Content, after: Option<&Content>, what: &str) {
    let disk = Disk::holding(bytes);
    let store = match store_on_medium(disk.clone(), &key()) {
        Ok(store) => store,
        Err(error) => panic!("{what}: the store does not open: {error:?}"),
    };
    let found = content(&store).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert!(
        found == *before || Some(&found) == after,
        "{what}: found {:?}",
        found.keys()
    );
    store
        .verify()
        .unwrap_or_else(|error| panic!("{what}: {error:?}"));
    // And it goes on from there.
    let change = Change::insert("after the cut".into(), b"1".to_vec());
    store.commit(&[change]).unwrap();
    drop(store);
    let store = store_on_medium(disk, &key()).unwrap();
    assert_eq!(content(&store).unwrap().len(), found.len() + 1, "{what}");
}

#[test]
fn nothing_is_lost_at_any_point_of_a_power_cut() {
    let seed = std::env::var("STRONGROOM_SEED").map_or(1, |seed| seed.parse().unwrap());
    let commits = if cfg!(debug_assertions) { 12 } else { 60 };
    println!("STRONGROOM_SEED={seed}");
    let mut numbers = Numbers(seed);
    let disk = Disk::default();
    let store = store_on_medium(disk.clone(), &key()).unwrap();
    // The number of steps after which each content was acknowledged, the empty one first.
    let mut acknowledged = vec![(disk.steps(), Content::new())];
    for round in 0..commits {
        let (changes, after) = next_commit(&store, round, &mut numbers);
        store.commit(&changes).unwrap();
        acknowledged.push((disk.steps(), after));
    }
    drop(store);
    let steps = disk.0.lock().unwrap().steps.clone();
    let (mut cuts, mut states) = (0, 0);
    // From where the store has come to be: a file takes its name only then.
    for end in acknowledged[0].0..=steps.len() {
        let done = acknowledged.iter().rposition(|(at, _)| *at <= end).unwrap();
        let before = &acknowledged[done].1;
        let after = acknowledged.get(done + 1).map(|(_, content)| content);
        let mut check = |way: &str, bytes: Vec<u8>| {
            let what = format!("seed {seed}, step {end} of {}, {way}", steps.len());
            assert_survives(bytes, before, after, &what);
            states += 1;
        };
        check("all lost", after_power_cut(&steps, end, |_, _| false));
        check("all there", after_power_cut(&steps, end, |_, _| true));
        // What was under way when the power went is the last of them, torn.
        let torn = |index: usize, sector: usize| index + 1 < end || sector == 0;
        check("last torn", after_power_cut(&steps, end, torn));
        let alone = |index: usize, _: usize| index + 1 == end;
        check("last alone", after_power_cut(&steps, end, alone));
        for _ in 0..3 {
            check(
                "some sectors",
                after_power_cut(&steps, end, |_, _| numbers.coin()),
            );
        }
        cuts += 1;
    }
    println!("{commits} commits, {cuts} points, {states} states");
    assert!(cuts > commits * 4);
}

/// What the test above is worth: on a disk that only says that it synchronises, it finds
/// the store gone or old.
#[test]
fn a_synchronisation_that_does_nothing_is_found() {
    let disk = Disk::default();
    let store = store_on_medium(disk.clone(), &key()).unwrap();
    disk.0.lock().unwrap().fault.deaf = true;
    store
        .commit(&[Change::insert("a".into(), b"1".to_vec())])
        .unwrap();
    let steps = disk.0.lock().unwrap().steps.clone();
    let bytes = after_power_cut(&steps, steps.len(), |_, _| false);
    let store = store_on_medium(Disk::holding(bytes), &key()).unwrap();
    assert!(store.get("a").unwrap().is_none());
}

/// A disk that fails at the n-th write or synchronisation, or is full: the commit says so,
/// the store refuses to go on, and what is found afterwards is the state before or after
/// that commit.
#[test]
fn a_disk_that_fails_loses_nothing_that_was_acknowledged() {
    type Make = fn(usize) -> Fault;
    let faults: [(&str, Make); 2] = [
        ("sync", |after| Fault {
            sync: Some(after),
            ..Fault::default()
        }),
        ("write", |after| Fault {
            write: Some(after),
            ..Fault::default()
        }),
    ];
    let mut failed = 0;
    for (name, fault) in faults {
        for after in 0..40 {
            let mut numbers = Numbers(u64::try_from(after).unwrap());
            let disk = Disk::default();
            let store = store_on_medium(disk.clone(), &key()).unwrap();
            let mut known = Content::new();
            disk.0.lock().unwrap().fault = fault(after);
            for round in 0..20 {
                let (changes, next) = next_commit(&store, round, &mut numbers);
                let Err(error) = store.commit(&changes) else {
                    known = next;
                    continue;
                };
                let what = format!("{name} {after}, commit {round}");
                assert_given_up(&store, &error, &what);
                drop(store);
                let steps = disk.0.lock().unwrap().steps.clone();
                let read = disk.0.lock().unwrap().bytes.clone();
                // As the system's memory has it, and as a power cut then leaves it.
                assert_survives(read, &known, Some(&next), &what);
                for keep in [false, true] {
                    let bytes = after_power_cut(&steps, steps.len(), |_, _| keep);
                    assert_survives(bytes, &known, Some(&next), &what);
                }
                failed += 1;
                break;
            }
        }
    }
    println!("{failed} failures");
    assert!(failed > 60);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let disk = Disk::default();
    let store = store_on_medium(disk.clone(), &key()).unwrap();
    let room = disk.0.lock().unwrap().bytes.len() + (1 << 20);
    disk.0.lock().unwrap().fault.room = Some(room);
    let mut known = Content::new();
    let error = loop {
        let name = format!("key/{}", known.len());
        let value = vec![7; 50_000];
        match store.commit(&[Change::insert(name.clone(), value.clone())]) {
            Ok(_) => known.insert(name, value),
            Err(error) => break error,
        };
        assert!(known.len() < 1000, "the disk never got full");
    };
    assert_given_up(&store, &error, "full");
    drop(store);
    disk.0.lock().unwrap().fault.room = None;
    let bytes = disk.0.lock().unwrap().bytes.clone();
    assert!(known.len() > 5);
    assert_survives(bytes, &known, None, "full");
}

fn assert_given_up(store: &RedbStore, error: &Error, what: &str) {
    let unavailable = ErrorKind::Unavailable { what: "store" };
    assert_eq!(*error.kind(), unavailable, "{what}: {error:?}");
    let change = Change::insert("more".into(), b"1".to_vec());
    for refused in [
        store.commit(&[change]).map(|_| ()),
        store.get("key/0").map(|_| ()),
        store.scan("", None, 1).map(|_| ()),
        store.verify().map(|_| ()),
    ] {
        assert_eq!(*refused.unwrap_err().kind(), unavailable, "{what}");
    }
}
