//! Random lives of keys, against a simple model of what a vault promises: after each step,
//! jumps of time and restarts among them, everything that can be asked is answered as the model
//! says, on the store in memory and on the one in a file.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use strongroom::software::{SealingKey, Software};
use strongroom::store::MemoryStore;
use strongroom::vault::{
    BackupKey, Clock, KeyOptions, KeyUpdate, KeyVersion, ManualClock, NoAudit, ReleasePolicy,
    RotationPolicy, Store, Trigger, UnixTime, Vault,
};
use strongroom::{Denial, Error, ErrorKind, KeySpec, Rule, SignAlg};

const START: UnixTime = UnixTime(1_750_000_000);
const DAY: u64 = 86_400;
const RETENTION: u64 = 10;
const NAMES: [&str; 3] = ["a", "B-b", "c"];
const MAC: KeySpec = KeySpec::Hmac { bits: 256 };

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    Rotate(usize),
    Enable(usize, bool),
    /// Days after which a version is replaced; 0 clears the policy.
    Policy(usize, u8),
    /// A release policy, and whether it is to be kept for ever.
    Release(usize, u8, bool),
    Delete(usize),
    Recover(usize),
    Purge(usize),
    Backup(usize),
    Restore,
    PurgeDue,
    RotateDue,
    Pass(u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        4 => name.clone().prop_map(Step::Create),
        2 => name.clone().prop_map(Step::Rotate),
        2 => (name.clone(), any::<bool>()).prop_map(|(n, on)| Step::Enable(n, on)),
        2 => (name.clone(), prop_oneof![Just(0_u8), 7..30_u8]).prop_map(|(n, d)| Step::Policy(n, d)),
        2 => (name.clone(), 0..3_u8, prop::bool::weighted(0.3)).prop_map(|(n, v, fixed)| Step::Release(n, v, fixed)),
        3 => name.clone().prop_map(Step::Delete),
        2 => name.clone().prop_map(Step::Recover),
        1 => name.clone().prop_map(Step::Purge),
        2 => name.prop_map(Step::Backup),
        2 => Just(Step::Restore),
        2 => Just(Step::PurgeDue),
        3 => Just(Step::RotateDue),
        3 => (0..20_u8).prop_map(Step::Pass),
        2 => Just(Step::Restart),
    ]
}

#[derive(Clone)]
struct Version {
    id: KeyVersion,
    enabled: bool,
    created: UnixTime,
    /// What it signs `message` to, as it has from the first.
    mac: Vec<u8>,
}

#[derive(Clone)]
struct Entry {
    versions: Vec<Version>,
    /// The last made is the current one.
    policy: u8,
    release: Option<(u8, bool)>,
    deleted: Option<UnixTime>,
}

struct Run<'a> {
    vault: Vault,
    open: &'a dyn Fn(Arc<ManualClock>) -> Vault,
    clock: Arc<ManualClock>,
    model: BTreeMap<usize, Entry>,
    backup: Option<(usize, Vec<u8>, Entry)>,
    domain: BackupKey,
}

impl Run<'_> {
    fn take(&mut self, step: Step) {
        let now = self.clock.now();
        match step {
            Step::Create(n) => {
                let options = KeyOptions::new().exportable(true);
                let made = self.vault.create(NAMES[n], MAC, &options);
                match self.model.get(&n).map(|entry| entry.deleted) {
                    Some(Some(_)) => assert_eq!(refusal(made), ErrorKind::Deleted),
                    _ => {
                        let version = self.version(made.unwrap(), now);
                        let entry = self.model.entry(n).or_insert(Entry {
                            versions: Vec::new(),
                            policy: 0,
                            release: None,
                            deleted: None,
                        });
                        entry.versions.push(version);
                    }
                }
            }
            Step::Rotate(n) => {
                let made = self.vault.rotate(NAMES[n]);
                if !self.is_active(n) {
                    return assert_eq!(refusal(made), ErrorKind::NotFound);
                }
                let version = self.version(made.unwrap(), now);
                self.model.get_mut(&n).unwrap().versions.push(version);
            }
            Step::Enable(n, enabled) => {
                let update = KeyUpdate::new().enabled(enabled);
                let updated = self
                    .vault
                    .latest(NAMES[n])
                    .and_then(|key| key.update(&update));
                if !self.is_active(n) {
                    return assert_eq!(refusal(updated), ErrorKind::NotFound);
                }
                updated.unwrap();
                let entry = self.model.get_mut(&n).unwrap();
                entry.versions.last_mut().unwrap().enabled = enabled;
            }
            Step::Policy(n, days) => {
                let mut policy = RotationPolicy::new();
                if days > 0 {
                    policy = policy.rotate(Trigger::after_create(&format!("P{days}D")).unwrap());
                }
                let set = self.vault.set_rotation_policy(NAMES[n], &policy);
                if !self.is_active(n) {
                    return assert_eq!(refusal(set), ErrorKind::NotFound);
                }
                set.unwrap();
                self.model.get_mut(&n).unwrap().policy = days;
            }
            Step::Release(n, value, fixed) => {
                let update = KeyUpdate::new().release_policy(release(value, fixed));
                let updated = self
                    .vault
                    .latest(NAMES[n])
                    .and_then(|key| key.update(&update));
                if !self.is_active(n) {
                    return assert_eq!(refusal(updated), ErrorKind::NotFound);
                }
                let entry = self.model.get_mut(&n).unwrap();
                match entry.release {
                    Some((old, true)) if (old, true) != (value, fixed) => {
                        let field = "release_policy";
                        let rule = Rule::Contradicts("immutable");
                        assert_eq!(refusal(updated), ErrorKind::Invalid { field, rule });
                    }
                    _ => {
                        updated.unwrap();
                        entry.release = Some((value, fixed));
                    }
                }
            }
            Step::Delete(n) => {
                let deleted = self.vault.delete(NAMES[n]);
                if !self.is_active(n) {
                    return assert_eq!(refusal(deleted), ErrorKind::NotFound);
                }
                let due = now.plus(RETENTION * DAY);
                assert_eq!(deleted.unwrap().scheduled_purge_date, due);
                self.model.get_mut(&n).unwrap().deleted = Some(now);
            }
            Step::Recover(n) => {
                let recovered = self.vault.recover(NAMES[n]);
                if !self.is_deleted(n) {
                    return assert_eq!(refusal(recovered), ErrorKind::NotFound);
                }
                recovered.unwrap();
                self.model.get_mut(&n).unwrap().deleted = None;
            }
            Step::Purge(n) => {
                let purged = self.vault.purge(NAMES[n]);
                if !self.is_deleted(n) {
                    return assert_eq!(refusal(purged), ErrorKind::NotFound);
                }
                purged.unwrap();
                self.model.remove(&n);
            }
            Step::Backup(n) => {
                let backup = self.vault.backup(NAMES[n], &self.domain);
                if !self.is_active(n) {
                    return assert_eq!(refusal(backup), ErrorKind::NotFound);
                }
                self.backup = Some((n, backup.unwrap().blob, self.model[&n].clone()));
            }
            Step::Restore => {
                let Some((n, blob, entry)) = self.backup.clone() else {
                    return;
                };
                let restored = self.vault.restore(&blob, &self.domain);
                match self.model.get(&n).map(|entry| entry.deleted) {
                    Some(None) => assert_eq!(refusal(restored), ErrorKind::Exists),
                    Some(Some(_)) => assert_eq!(refusal(restored), ErrorKind::Deleted),
                    None => {
                        restored.unwrap();
                        self.model.insert(n, entry);
                    }
                }
            }
            Step::PurgeDue => {
                let purged = self.vault.purge_due(now).unwrap();
                assert!(purged.failed.is_empty());
                let is_due = |deleted: UnixTime| now >= deleted.plus(RETENTION * DAY);
                let before = self.model.len();
                self.model
                    .retain(|_, entry| !entry.deleted.is_some_and(is_due));
                assert_eq!(purged.purged.len(), before - self.model.len());
            }
            Step::RotateDue => self.rotate_due(now),
            Step::Pass(days) => self.clock.set(now.plus(u64::from(days) * DAY)),
            Step::Restart => {
                // The old vault first: a store's file is open once.
                self.vault = strongroom::in_memory().unwrap();
                self.vault = (self.open)(self.clock.clone());
                assert!(self.vault.settle().unwrap().is_empty());
            }
        }
    }

    fn rotate_due(&mut self, now: UnixTime) {
        let done = self.vault.rotate_due(now).unwrap();
        assert!(done.failed.is_empty());
        let mut rotated: Vec<_> = done.rotated.iter().collect();
        let names: Vec<usize> = self.model.keys().copied().collect();
        for n in names {
            let entry = &self.model[&n];
            let current = entry.versions.last().unwrap();
            let age = u64::from(entry.policy) * DAY;
            let is_due = entry.policy > 0 && now >= current.created.plus(age);
            if !is_due || !current.enabled || entry.deleted.is_some() {
                continue;
            }
            let found = rotated.iter().position(|id| id.name().as_str() == NAMES[n]);
            let id = rotated.remove(found.expect("due, and not rotated"));
            let version = self.version(self.vault.get_by_id(id).unwrap(), now);
            self.model.get_mut(&n).unwrap().versions.push(version);
        }
        assert!(rotated.is_empty(), "rotated without being due: {rotated:?}");
    }

    fn version(&self, key: strongroom::vault::Key, created: UnixTime) -> Version {
        Version {
            id: key.id().unwrap().version(),
            enabled: true,
            created,
            mac: key
                .sign(SignAlg::Hs256, b"message")
                .unwrap()
                .value
                .as_bytes()
                .to_vec(),
        }
    }

    fn is_active(&self, n: usize) -> bool {
        self.model
            .get(&n)
            .is_some_and(|entry| entry.deleted.is_none())
    }

    fn is_deleted(&self, n: usize) -> bool {
        self.model
            .get(&n)
            .is_some_and(|entry| entry.deleted.is_some())
    }

    /// Everything that can be asked.
    fn check(&self) {
        let listed = self.vault.list(None, None).unwrap();
        let active = self.model.values().filter(|entry| entry.deleted.is_none());
        assert_eq!(listed.items.len(), active.count());
        let deleted = self.vault.list_deleted(None, None).unwrap();
        let gone = self.model.values().filter(|entry| entry.deleted.is_some());
        assert_eq!(deleted.items.len(), gone.count());
        assert!(listed.damaged.is_empty() && deleted.damaged.is_empty());
        for (n, name) in NAMES.iter().enumerate() {
            if !self.is_active(n) {
                assert_eq!(refusal(self.vault.latest(name)), ErrorKind::NotFound);
                assert_eq!(self.vault.deleted(name).is_ok(), self.is_deleted(n));
                continue;
            }
            let entry = &self.model[&n];
            let latest = self.vault.latest(name).unwrap().id().unwrap();
            assert_eq!(latest.version(), entry.versions.last().unwrap().id);
            let policy = entry.release.map(|(value, fixed)| release(value, fixed));
            let kept = self.vault.latest(name).unwrap().release_policy();
            assert_eq!(kept.unwrap(), policy);
            let rotates = self
                .vault
                .rotation_policy(name)
                .unwrap()
                .rotates()
                .is_some();
            assert_eq!(rotates, entry.policy > 0);
            self.check_versions(name, entry);
        }
    }

    fn check_versions(&self, name: &str, entry: &Entry) {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = self.vault.versions(name, after, Some(7)).unwrap();
            listed.extend(page.items.iter().map(|item| item.id.version()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = entry.versions.iter().map(|version| version.id).collect();
        expected.sort();
        assert_eq!(listed, expected);
        for version in &entry.versions {
            let key = self.vault.get(name, &version.id.to_string()).unwrap();
            assert_eq!(key.attributes().unwrap().created, version.created);
            let verified = key.verify(SignAlg::Hs256, b"message", &version.mac);
            match version.enabled {
                true => drop(verified.unwrap()),
                false => assert_eq!(verified.unwrap_err().denial(), Some(Denial::Disabled)),
            }
        }
    }
}

fn release(value: u8, fixed: bool) -> ReleasePolicy {
    let json = format!(
        r#"{{"version":"1.0.0","anyOf":[{{"authority":"https://a.example","anyOf":[{{"claim":"c","equals":{value}}}]}}]}}"#
    );
    let policy = ReleasePolicy::from_json(json.as_bytes()).unwrap();
    policy.with_immutable(fixed)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind().clone()
}

fn vault(store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Vault {
    let software = Software::new(SealingKey::from_bytes([1; 32])).unwrap();
    Vault::builder()
        .provider(Arc::new(software))
        .store(store)
        .audit(Arc::new(NoAudit))
        .clock(clock)
        .soft_delete_days(u32::try_from(RETENTION).unwrap())
        .build()
        .unwrap()
}

fn live(steps: Vec<Step>, open: &dyn Fn(Arc<ManualClock>) -> Vault) {
    let clock = Arc::new(ManualClock::at(START));
    let mut run = Run {
        vault: open(clock.clone()),
        open,
        clock,
        model: BTreeMap::new(),
        backup: None,
        domain: BackupKey::from_bytes([7; 32]),
    };
    for step in steps {
        run.take(step);
        run.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_vault_in_memory_is_its_model(steps in prop::collection::vec(step(), 1..60)) {
        let store = Arc::new(MemoryStore::new());
        live(steps, &|clock| vault(store.clone(), clock));
    }
}

#[cfg(feature = "redb")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn a_vault_in_a_file_is_its_model(steps in prop::collection::vec(step(), 1..50)) {
        use strongroom::store::RedbStore;
        use std::sync::atomic::{AtomicU64, Ordering};
        static RUNS: AtomicU64 = AtomicU64::new(0);

        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        let directory = format!("strongroom-model-{}-{run}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("keys.redb");
        let key = SealingKey::from_bytes([2; 32]);
        drop(RedbStore::create(&path, &key).unwrap());
        live(steps, &|clock| {
            let store = RedbStore::open(&path, &key).unwrap();
            store.verify().unwrap();
            vault(Arc::new(store), clock)
        });
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
