//! A process that works on a durable store is killed at any moment, again and again.
//!
//! `STRONGROOM_CRASH_ROUNDS=500 cargo test --release --test crash`; 20 rounds where the
//! variable is not set.
//!
//! This program starts itself as a child, which makes keys and new versions, imports, rotates,
//! reseals, updates, deletes, recovers and purges them and compacts the store, and says before
//! and after each what it does, over a pipe. It is killed by SIGKILL after a random time. Then the
//! store is opened and compared: each change that the child said was done is there; the one that
//! it had begun is there as a whole or not at all; there is nothing else. And the audit log is as
//! it was written, and has one event for each change that is there, and none for what is not. The
//! same store and log go through all rounds.
//!
//! A process that is killed leaves what it wrote to the system, so a synchronisation that
//! was forgotten does not show here: it does in `tests/power_loss.rs`.
#![cfg(unix)]
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use strongroom::audit::{AuditKey, JsonLinesAudit, SyncPolicy};
use strongroom::jwk::SecretJwk;
use strongroom::seal::SealingKey;
use strongroom::software::Software;
use strongroom::store::RedbStore;
use strongroom::vault::{AuditSink, Key, KeyOptions, KeyUpdate, NoAudit, Store, Tags, Vault};
use strongroom::{Curve, KeySpec, SignAlg};

/// The store to work on, for the child.
const PATH: &str = "STRONGROOM_CRASH_PATH";
/// Where its numbers begin, for the child.
const SEED: &str = "STRONGROOM_CRASH_SEED";
/// What the child's own lines begin with: the test harness writes some too.
const MARK: &str = "@ ";
/// The number of the change that made a version what it is.
const TAG: &str = "change";
/// The test that is run again as the child.
const TEST: &str = "what_was_acknowledged_survives_sigkill";

/// A change: its number, what is done, and to which name and version.
#[derive(Clone, Debug)]
struct Step {
    number: u64,
    verb: String,
    name: String,
    version: String,
}

/// What must be in the vault.
#[derive(Default)]
struct Model {
    /// The change that made each version what it is, by name and version.
    versions: BTreeMap<(String, String), u64>,
    /// Each name's current version.
    current: BTreeMap<String, String>,
    /// The names that are deleted, and not purged.
    deleted: BTreeSet<String>,
    /// The audit log's events so far.
    events: BTreeSet<String>,
}

/// What has become of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    InUse,
    Deleted,
    Gone,
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Ok(path) = std::env::var(PATH) {
        work(Path::new(&path));
        return;
    }
    let rounds = std::env::var("STRONGROOM_CRASH_ROUNDS").map_or(20, |n| n.parse().unwrap());
    let seed = std::env::var("STRONGROOM_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("STRONGROOM_SEED={seed}");
    let mut numbers = Numbers(seed);
    let directory = std::env::temp_dir().join(format!("strongroom-crash-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("store");
    drop(RedbStore::create(&path, &key()).unwrap());
    let (mut model, mut done, mut cut_off, mut waited) = (Model::default(), 0, 0, 0);
    for round in 0..rounds {
        let what = format!("seed {seed}, round {round}");
        let (acknowledged, begun) = run_and_kill(&path, &mut numbers);
        done += acknowledged.len();
        cut_off += usize::from(begun.is_some());
        for step in &acknowledged {
            model.apply(step);
        }
        waited += waiting(&open(&path));
        settle(&path, &what);
        let came = model.compare(&path, begun.as_ref(), &what);
        model.compare_log(&path, &acknowledged, begun.as_ref(), came, &what);
    }
    fs::remove_dir_all(&directory).unwrap();
    let events = model.events.len();
    println!("{rounds} rounds: {done} changes acknowledged, {cut_off} cut off");
    println!("{events} events, {waited} of them left waiting by a process that was killed");
    assert!(done + cut_off > rounds / 2, "the child hardly worked");
}

/// Starts the child, lets it work for a while, kills it; what it said it had done, and what
/// it had begun.
fn run_and_kill(path: &Path, numbers: &mut Numbers) -> (Vec<Step>, Option<Step>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .env(PATH, path)
        .env(SEED, numbers.next(u64::MAX).to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (ready, is_ready) = mpsc::channel();
    let reader = thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let own = lines.filter_map(|line| line.strip_prefix(MARK).map(str::to_owned));
        own.inspect(|_| {
            // Nobody listens after the first.
            let _ = ready.send(());
        })
        .collect::<Vec<String>>()
    });
    // Now and then it is killed while it starts.
    if numbers.next(8) != 0 {
        is_ready.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    thread::sleep(Duration::from_micros(numbers.next(300_000)));
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let (mut done, mut begun) = (Vec::new(), None);
    for line in reader.join().unwrap() {
        let words: Vec<&str> = line.split(' ').collect();
        let [when, number, verb, name, version, "."] = words[..] else {
            continue; // That it is ready.
        };
        let step = Step {
            number: number.parse().unwrap(),
            verb: verb.into(),
            name: name.into(),
            version: version.into(),
        };
        if when == "done" {
            begun = None;
            done.push(step);
        } else {
            begun = Some(step);
        }
    }
    (done, begun)
}

impl Model {
    fn apply(&mut self, step: &Step) {
        let place = (step.name.clone(), step.version.clone());
        match &*step.verb {
            "compact" => {}
            "delete" => self.move_to(&step.name, Place::Deleted),
            "recover" => self.move_to(&step.name, Place::InUse),
            "purge" => self.move_to(&step.name, Place::Gone),
            "update" => {
                let known = self.versions.insert(place, step.number);
                assert!(known.is_some(), "{step:?}");
            }
            "reseal" => assert!(self.versions.contains_key(&place), "{step:?}"),
            // A rotated version has the tags of the one before.
            "rotate" => {
                let number = self.current_number(&step.name);
                self.versions.insert(place, number);
                self.current.insert(step.name.clone(), step.version.clone());
            }
            _ => {
                self.versions.insert(place, step.number);
                self.current.insert(step.name.clone(), step.version.clone());
            }
        }
    }

    /// The change that made a name's current version what it is.
    fn current_number(&self, name: &str) -> u64 {
        let version = self.current[name].clone();
        self.versions[&(name.to_owned(), version)]
    }

    fn move_to(&mut self, name: &str, place: Place) {
        match place {
            Place::InUse => {
                self.deleted.remove(name);
            }
            Place::Deleted => {
                self.deleted.insert(name.to_owned());
            }
            Place::Gone => {
                self.deleted.remove(name);
                self.current.remove(name);
                self.versions.retain(|(of, _), _| of != name);
            }
        }
    }

    /// Compares what became of each name, and takes over what the change that had begun did.
    /// Answers with whether it did anything.
    fn compare_names(
        &mut self,
        in_use: &BTreeSet<String>,
        deleted: &BTreeSet<String>,
        begun: Option<&Step>,
        what: &str,
    ) -> bool {
        let mut came = false;
        assert!(in_use.is_disjoint(deleted), "{what}");
        let unknown: Vec<_> = deleted
            .iter()
            .filter(|name| !self.current.contains_key(*name))
            .collect();
        assert!(unknown.is_empty(), "{what}: {unknown:?} came from nowhere");
        for name in self.current.keys().cloned().collect::<Vec<_>>() {
            let expected = match self.deleted.contains(&name) {
                true => Place::Deleted,
                false => Place::InUse,
            };
            let found = match (in_use.contains(&name), deleted.contains(&name)) {
                (true, _) => Place::InUse,
                (_, true) => Place::Deleted,
                _ => Place::Gone,
            };
            let under_way = begun.is_some_and(|begun| {
                let moves = [
                    ("delete", Place::InUse, Place::Deleted),
                    ("recover", Place::Deleted, Place::InUse),
                    ("purge", Place::Deleted, Place::Gone),
                ];
                begun.name == name && moves.contains(&(&*begun.verb, expected, found))
            });
            assert!(
                found == expected || under_way,
                "{what}: {name} was {expected:?} and is {found:?}"
            );
            came |= found != expected;
            self.move_to(&name, found);
        }
        came
    }

    /// Compares the store with the model, and takes over what the change that had begun did.
    /// Answers with whether it did anything.
    fn compare(&mut self, path: &Path, begun: Option<&Step>, what: &str) -> bool {
        let vault = vault(open(path), Arc::new(NoAudit));
        let (mut found, deleted) = (everything(&vault), deleted(&vault));
        let in_use = found.keys().map(|(name, _)| name.clone()).collect();
        let mut came = self.compare_names(&in_use, &deleted, begun, what);
        // The versions of a deleted key show again when it is recovered.
        let hidden = self.versions.iter();
        let hidden = hidden.filter(|((name, _), _)| deleted.contains(name));
        found.extend(hidden.map(|(place, number)| (place.clone(), *number)));
        for (place, number) in &self.versions {
            let Some(there) = found.get(place) else {
                panic!("{what}: {place:?} of change {number} is lost");
            };
            let updated = begun.is_some_and(|begun| {
                begun.verb == "update" && begun.version == place.1 && begun.number == *there
            });
            assert!(there == number || updated, "{what}: {place:?}: {there}");
            came |= there != number;
        }
        let new: Vec<_> = found
            .iter()
            .filter(|(place, _)| !self.versions.contains_key(*place))
            .collect();
        assert!(
            new.len() <= 1,
            "{what}: more than one change at once: {new:?}"
        );
        for (place, number) in &new {
            let made = begun.is_some_and(|begun| {
                let number_of_new = match &*begun.verb {
                    "create" | "import" => begun.number,
                    "rotate" => self.current_number(&begun.name),
                    _ => return false,
                };
                begun.name == place.0 && number_of_new == **number
            });
            came = true;
            assert!(made, "{what}: {place:?} came from nowhere");
            self.current.insert(place.0.clone(), place.1.clone());
            try_out(&vault.get(&place.0, &place.1).unwrap());
        }
        self.versions = found;
        let in_use = |(name, _): &(&String, &String)| !deleted.contains(*name);
        for (name, version) in self.current.iter().filter(in_use) {
            let latest = vault.latest(name).unwrap();
            assert_eq!(
                latest.id().unwrap().version().to_string(),
                *version,
                "{what}"
            );
            try_out(&latest);
        }
        came
    }

    /// Compares the lines that came since the last round with what was done in this one.
    fn compare_log(
        &mut self,
        path: &Path,
        done: &[Step],
        begun: Option<&Step>,
        came: bool,
        what: &str,
    ) {
        let log = log_of(path);
        let verified = JsonLinesAudit::verify_file(&log, &audit_key(), &*open(path)).unwrap();
        assert!(!verified.torn, "{what}");
        let mut said: BTreeMap<(String, String), usize> = BTreeMap::new();
        let text = fs::read_to_string(&log).unwrap();
        for line in text.lines().skip(self.events.len()) {
            let line: Value = serde_json::from_str(line).unwrap();
            let member = |name: &str| line[name].as_str().unwrap().to_owned();
            assert!(self.events.insert(member("eventId")), "{what}: {line}");
            if line["resultType"] == "Success" {
                let place = (member("operationName"), member("id"));
                *said.entry(place).or_default() += 1;
            }
        }
        assert_eq!(u64::try_from(self.events.len()).unwrap(), verified.lines);
        for step in done.iter().filter(|step| step.verb != "compact") {
            let place = (step.event().to_owned(), step.target());
            let left = said.get_mut(&place).filter(|left| **left > 0);
            *left.unwrap_or_else(|| panic!("{what}: {step:?} has no event")) -= 1;
        }
        said.retain(|(event, _), left| *left > 0 && STEPS.iter().any(|step| step.1 == event));
        let Some(begun) = begun.filter(|begun| begun.verb != "compact") else {
            assert!(said.is_empty(), "{what}: {said:?} was not done");
            return;
        };
        let of_begun = |(event, id): &(String, String)| {
            let name = id.split("/keys/").nth(1).unwrap().split('/').next();
            event == begun.event() && name == Some(&begun.name)
        };
        let found: usize = said.values().sum();
        assert!(said.keys().all(of_begun), "{what}: {said:?} was not done");
        match &*begun.verb {
            // Whether it was done does not show.
            "reseal" => assert!(found <= 1, "{what}"),
            _ => assert_eq!(found, usize::from(came), "{what}: {begun:?} {said:?}"),
        }
    }
}

/// What the child does, and the name of its event.
const STEPS: [(&str, &str); 8] = [
    ("create", "KeyCreate"),
    ("import", "KeyImport"),
    ("rotate", "KeyRotate"),
    ("reseal", "KeyReseal"),
    ("update", "KeyUpdate"),
    ("delete", "KeyDelete"),
    ("recover", "KeyRecover"),
    ("purge", "KeyPurge"),
];

impl Step {
    fn event(&self) -> &'static str {
        STEPS.iter().find(|step| step.0 == self.verb).unwrap().1
    }

    /// The `id` of its event.
    fn target(&self) -> String {
        let Step { name, version, .. } = self;
        match &*self.verb {
            "delete" | "recover" | "purge" => format!("/keys/{name}"),
            _ => format!("https://vault.localhost/keys/{name}/{version}"),
        }
    }
}

/// How many events the process that was killed left behind.
fn waiting(store: &RedbStore) -> usize {
    store.scan("audit/outbox/", None, 10).unwrap().len()
}

/// What comes first in the next process.
fn settle(path: &Path, what: &str) {
    let store = open(path);
    let vault = audited(path, store.clone());
    assert!(vault.settle().unwrap().is_empty(), "{what}");
    vault.verify_store().unwrap();
    assert_eq!(waiting(&store), 0, "{what}");
}

/// Every version and the change that made it what it is.
fn everything(vault: &Vault) -> BTreeMap<(String, String), u64> {
    let mut all = BTreeMap::new();
    let mut after = None;
    loop {
        let keys = vault.list(after.as_ref(), None).unwrap();
        assert!(keys.damaged.is_empty());
        for key in keys.items {
            let mut after = None;
            loop {
                let versions = vault.versions(key.name.as_str(), after, None).unwrap();
                assert!(versions.damaged.is_empty());
                for item in versions.items {
                    let tag = item.tags.iter().find(|(name, _)| *name == TAG).unwrap();
                    let place = (key.name.to_string(), item.id.version().to_string());
                    all.insert(place, tag.1.parse().unwrap());
                }
                after = versions.next;
                if after.is_none() {
                    break;
                }
            }
        }
        after = keys.next;
        if after.is_none() {
            return all;
        }
    }
}

fn deleted(vault: &Vault) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut after = None;
    loop {
        let page = vault.list_deleted(after.as_ref(), None).unwrap();
        assert!(page.damaged.is_empty());
        all.extend(page.items.iter().map(|key| key.name.to_string()));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

fn try_out(key: &Key) {
    let alg = match key.spec().unwrap() {
        KeySpec::Ec(_) => SignAlg::Es256,
        _ => SignAlg::Hs256,
    };
    let signature = key.sign(alg, b"message").unwrap();
    let signature = signature.value.as_bytes();
    key.verify(alg, b"message", signature).unwrap();
}

// ---------------------------------------------------------------------------
// The child

/// Works until it is killed.
fn work(path: &Path) {
    let store = open(path);
    let vault = audited(path, store.clone());
    // Looks up without an event, to have more time for changes.
    let looks = self::vault(store.clone(), Arc::new(NoAudit));
    let mut numbers = Numbers(std::env::var(SEED).unwrap().parse().unwrap());
    let mut out = std::io::stdout();
    out.write_all(format!("{MARK}ready\n").as_bytes()).unwrap();
    out.flush().unwrap();
    let mut say = |when: &str, step: &Step| {
        let Step {
            number,
            verb,
            name,
            version,
        } = step;
        // One write each: a line is there as a whole or was never acknowledged.
        let line = format!("{MARK}{when} {number} {verb} {name} {version} .\n");
        out.write_all(line.as_bytes()).unwrap();
        out.flush().unwrap();
    };
    let jwk = SecretJwk::from_json(
        br#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","key_ops":["sign","verify"]}"#,
    )
    .unwrap();
    loop {
        let number = numbers.next(u64::MAX >> 1);
        let name = format!("key-{}", numbers.next(9));
        let tags = Tags::new([(TAG, number.to_string())]).unwrap();
        let options = KeyOptions::new().tags(tags.clone());
        let mut step = Step {
            number,
            verb: String::new(),
            name,
            version: "-".into(),
        };
        let choice = numbers.next(16);
        let is_deleted = looks.deleted(&step.name).is_ok();
        let verb = match choice {
            0 => "compact",
            1..=6 if is_deleted => "recover",
            _ if is_deleted => "purge",
            1..=3 => "import",
            4..=6 => "create",
            // What is below needs a key.
            _ if looks.latest(&step.name).is_err() => continue,
            7 | 8 => "delete",
            9 | 10 => "rotate",
            11 | 12 => "reseal",
            _ => "update",
        };
        step.verb = verb.into();
        if matches!(verb, "update" | "reseal") {
            let key = looks.latest(&step.name).unwrap();
            step.version = key.id().unwrap().version().to_string();
        }
        say("begin", &step);
        let made = match verb {
            "compact" => store.compact().map(|()| None),
            "recover" => vault.recover(&step.name).map(|_| None),
            "purge" => vault.purge(&step.name).map(|()| None),
            "delete" => vault.delete(&step.name).map(|_| None),
            "import" => vault.import(&step.name, &jwk, &options).map(Some),
            "rotate" => vault.rotate(&step.name).map(Some),
            "reseal" => {
                let key = vault.refer(&step.name, Some(step.version.parse().unwrap()));
                key.unwrap().reseal().map(|_| None)
            }
            "create" => vault.create(&step.name, Curve::P256, &options).map(Some),
            _ => {
                let update = KeyUpdate::new().tags(tags);
                let updated = vault.update(&step.name, &step.version, &update);
                updated.map(|_| None)
            }
        };
        if let Some(made) = made.unwrap() {
            step.version = made.id().unwrap().version().to_string();
        }
        say("done", &step);
    }
}

fn key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

fn audit_key() -> AuditKey {
    AuditKey::from_bytes([9; 32])
}

fn open(path: &Path) -> Arc<RedbStore> {
    Arc::new(RedbStore::open(path, &key()).unwrap())
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("jsonl")
}

/// A vault with its log, whose head is in the vault's own store.
fn audited(path: &Path, store: Arc<RedbStore>) -> Vault {
    let log = JsonLinesAudit::open(log_of(path), audit_key(), store.clone()).unwrap();
    // What is killed leaves to the system what it wrote.
    vault(store, Arc::new(log.with_sync(SyncPolicy::BySystem)))
}

fn vault(store: Arc<RedbStore>, audit: Arc<dyn AuditSink>) -> Vault {
    Vault::builder()
        .provider(Arc::new(Software::new(key()).unwrap()))
        .store(store)
        .audit(audit)
        .build()
        .unwrap()
}

struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}
