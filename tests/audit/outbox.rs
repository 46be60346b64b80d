//! A change and its event are one: with sinks and stores that fail, and processes that die, at
//! each point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use strongroom::audit::JsonLinesAudit;
use strongroom::fit::{SignRequest, Signature};
use strongroom::provider::{Capabilities, Health, KeyProvider, NewKey};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::access::{AccessModel, Caller, Permission, Role, Scope};
use strongroom::vault::{
    Action, AuditEvent, AuditSink, BackupKey, Key, KeyOptions, KeyUpdate, ManualClock, NoAudit,
    Outcome, Record, RotationPolicy, SignInput, SignItem, Store, Tags, Target, Trigger, UnixTime,
    Vault, VaultBuilder,
};
use strongroom::{
    Curve, EncryptAlg, Error, ErrorKind, KeyHandle, KeySpec, Op, ProviderId, ProviderKeyId, SignAlg,
};

use crate::common::refusal;
use crate::store::{Through, dying};
use crate::{Fault, Path, key};

const NOW: UnixTime = UnixTime(1_750_000_000);
const DAY: u64 = 86_400;

/// A sink that knows no event again, and fails when it is told to: each time, or at one call.
#[derive(Debug, Default)]
struct Sink {
    given: Mutex<Vec<AuditEvent>>,
    fault: Mutex<Fault>,
    at: Mutex<Option<usize>>,
    calls: AtomicUsize,
}

impl AuditSink for Sink {
    fn record(&self, event: &AuditEvent) -> Result<(), Error> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let fails = self.at.lock().unwrap().is_none_or(|at| at == call);
        let fault = if fails { self.fault() } else { Fault::None };
        let failed = Err(ErrorKind::Unavailable { what: "sink" }.into());
        if fault == Fault::Before {
            return failed;
        }
        self.given.lock().unwrap().push(event.clone());
        if fault == Fault::After {
            return failed;
        }
        Ok(())
    }
}

impl Sink {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn events(&self) -> Vec<AuditEvent> {
        self.given.lock().unwrap().clone()
    }

    /// Those of changes, once each.
    fn changes(&self) -> Vec<AuditEvent> {
        let mut seen = BTreeSet::new();
        let mut events = self.events();
        events.retain(|event| {
            let reads = matches!(event.action, Action::Use(_) | Action::List | Action::Get);
            event.outcome == Outcome::Success && !reads && seen.insert(event.id)
        });
        events
    }
}

/// A provider of which keys may be left behind, as of a token.
#[derive(Debug)]
struct Keeping(Arc<Software>);

impl KeyProvider for Keeping {
    fn id(&self) -> &ProviderId {
        self.0.id()
    }
    fn capabilities(&self) -> Arc<Capabilities> {
        let offers = Capabilities::clone(&self.0.capabilities());
        offers.with_keys_in_handles(false).into()
    }
    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        self.0.generate(new)
    }
    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        self.0.find(id)
    }
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.0.destroy(key)
    }
    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        self.0.sign(request)
    }
    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.0.random(out)
    }
    fn health(&self) -> Health {
        self.0.health()
    }
}

/// What outlives a process, and vaults on it.
struct World {
    provider: Arc<Software>,
    store: Arc<MemoryStore>,
    sink: Arc<Sink>,
}

impl World {
    fn new() -> Self {
        World {
            provider: Arc::new(Software::ephemeral().unwrap()),
            store: Arc::default(),
            sink: Arc::default(),
        }
    }

    fn builder(&self) -> VaultBuilder {
        Vault::builder()
            .host("vault.example")
            .provider(self.provider.clone())
            .store(self.store.clone())
            .audit(self.sink.clone())
            .clock(Arc::new(ManualClock::at(NOW)))
    }

    fn open(&self) -> Vault {
        self.builder().build().unwrap()
    }

    /// One whose store dies after so many commits, and whose provider may leave keys behind.
    fn dying(&self, commits: usize) -> VaultBuilder {
        self.builder()
            .provider(Arc::new(Keeping(self.provider.clone())))
            .store(Arc::new(dying(self.store.clone(), commits)))
    }

    fn all(&self) -> Vec<(String, Record)> {
        self.store.scan("", None, 10_000).unwrap()
    }

    fn waiting(&self) -> usize {
        waiting(&*self.store)
    }

    /// Makes one change while the sink fails, and looks for its event.
    fn change(&self, action: Action, vault: &Vault, change: impl FnOnce() -> Result<(), Error>) {
        let name = action.name();
        assert_eq!(self.waiting(), 0, "{name}");
        let before = self.sink.events().len();
        self.sink.fail(Fault::Before);
        change().unwrap_or_else(|error| panic!("{name}: {error}: the change stands"));
        assert_eq!(self.waiting(), 1, "{name}");
        let stands = self.all();
        let next = vault.create("next", Curve::P256, &KeyOptions::new());
        assert_eq!(refusal(next), ErrorKind::Audit, "{name}");
        assert_eq!(
            self.all(),
            stands,
            "{name}: what is refused changes nothing"
        );
        assert_eq!(self.sink.events().len(), before, "{name}");
        self.sink.fail(Fault::None);
        vault.list(None, None).unwrap();
        let events = self.sink.events();
        let actions: Vec<_> = events[before..].iter().map(|event| event.action).collect();
        assert_eq!(actions, [action, Action::List]);
        assert_eq!(events[before].outcome, Outcome::Success);
        assert_eq!(self.waiting(), 0, "{name}");
    }
}

fn waiting(store: &dyn Store) -> usize {
    store.scan("audit/outbox/", None, 1000).unwrap().len()
}

fn create(vault: &Vault, name: &str) -> Result<Key, Error> {
    vault.create(name, Curve::P256, &KeyOptions::new())
}

#[test]
fn each_kind_of_change_is_committed_with_its_event() {
    let world = World::new();
    let vault = world.open();
    let change = |action, change: &dyn Fn() -> Result<(), Error>| {
        world.change(action, &vault, change);
    };
    let options = KeyOptions::new();
    change(Action::Create, &|| create(&vault, "k").map(drop));
    let jwk = br#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}"#;
    let jwk = strongroom::jwk::SecretJwk::from_json(jwk).unwrap();
    change(Action::Import, &|| {
        vault.import("i", &jwk, &options).map(drop)
    });
    let id = ProviderKeyId::from_bytes([1; 16]);
    let new = NewKey::new(id, KeySpec::Ec(Curve::P256)).unwrap();
    let handle = world.provider.generate(&new).unwrap();
    change(Action::Adopt, &|| {
        vault.adopt("a", &handle, &options).map(drop)
    });
    let key = vault.latest("k").unwrap();
    change(Action::Update, &|| {
        let tags = Tags::new([("a", "b")]).unwrap();
        key.update(&KeyUpdate::new().tags(tags)).map(drop)
    });
    change(Action::Reseal, &|| key.reseal().map(drop));
    change(Action::Rotate, &|| vault.rotate("k").map(drop));
    let monthly = RotationPolicy::new().rotate(Trigger::after_create("P1M").unwrap());
    change(Action::SetRotationPolicy, &|| {
        vault.set_rotation_policy("k", &monthly).map(drop)
    });
    change(Action::RotateIfDue, &|| {
        let done = vault.rotate_due(NOW.plus(32 * DAY))?;
        assert_eq!(done.rotated.len(), 1);
        Ok(())
    });
    let expires = KeyOptions::new().exp(NOW.plus(20 * DAY));
    vault.create("e", Curve::P256, &expires).unwrap();
    change(Action::NearExpiry, &|| {
        assert_eq!(vault.rotate_due(NOW)?.near_expiry.len(), 1);
        Ok(())
    });
    change(Action::Expired, &|| {
        assert_eq!(vault.rotate_due(NOW.plus(21 * DAY))?.expired.len(), 1);
        Ok(())
    });
    let domain = BackupKey::random().unwrap();
    let backup = vault.backup("k", &domain).unwrap();
    change(Action::Delete, &|| vault.delete("k").map(drop));
    change(Action::Recover, &|| vault.recover("k").map(drop));
    vault.delete("k").unwrap();
    change(Action::Purge, &|| vault.purge("k"));
    change(Action::Restore, &|| {
        vault.restore(&backup.blob, &domain).map(drop)
    });
    vault.delete("k").unwrap();
    change(Action::Purge, &|| {
        assert_eq!(vault.purge_due(NOW.plus(91 * DAY))?.purged.len(), 1);
        Ok(())
    });
    let (role, at) = (Role::CryptoOfficer, Scope::Vault);
    change(Action::RoleAssignmentCreate, &|| {
        vault.assign_role("bob", role, &at)
    });
    change(Action::RoleAssignmentDelete, &|| {
        vault.unassign_role("bob", role, &at)
    });
    let policies = world.builder().access(AccessModel::Policies);
    let vault = policies.build().unwrap();
    world.change(Action::AccessPolicySet, &vault, || {
        vault.set_access_policy("bob", &[Permission::Sign])
    });
}

#[test]
fn while_an_event_waits_nothing_is_done() {
    let world = World::new();
    let vault = world.open();
    let key = create(&vault, "k").unwrap();
    let aes = vault.create("aes", KeySpec::Aes { bits: 256 }, &KeyOptions::new());
    let aes = aes.unwrap();
    let domain = BackupKey::random().unwrap();
    let blob = vault.backup("k", &domain).unwrap().blob;
    vault
        .assign_role("alice", Role::CryptoUser, &Scope::Keys)
        .unwrap();
    create(&vault, "gone").unwrap();
    let alice = Caller::new("alice").unwrap().with_correlation_id("c1");
    let alice = vault.as_caller(alice.unwrap());
    world.sink.fail(Fault::Before);
    alice.delete("gone").unwrap();

    let (stands, given) = (world.all(), world.sink.events().len());
    let item = SignItem {
        alg: SignAlg::Es256,
        input: SignInput::Message(b"m"),
    };
    let mut buffer = *b"content";
    let on = KeyUpdate::new().enabled(true);
    let refused: Vec<(&str, Result<(), Error>)> = vec![
        ("sign", key.sign(SignAlg::Es256, b"m").map(drop)),
        (
            "verify",
            key.verify(SignAlg::Es256, b"m", &[1; 64]).map(drop),
        ),
        ("in place", {
            let sealed = aes.encrypt_in_place(EncryptAlg::A256Gcm, &mut buffer, b"");
            sealed.map(drop)
        }),
        (
            "a caller",
            alice
                .refer("k", None)
                .unwrap()
                .sign(SignAlg::Es256, b"m")
                .map(drop),
        ),
        ("batch", key.sign_batch(&[item, item]).remove(1).map(drop)),
        ("get", vault.latest("k").map(drop)),
        ("list", vault.list(None, None).map(drop)),
        ("versions", vault.versions("k", None, None).map(drop)),
        ("random", vault.random_bytes(8).map(drop)),
        ("backup", vault.backup("k", &domain).map(drop)),
        ("restore", vault.restore(&blob, &domain).map(drop)),
        ("create", create(&vault, "k").map(drop)),
        ("update", key.update(&on).map(drop)),
        ("reseal", key.reseal().map(drop)),
        ("rotate", vault.rotate("k").map(drop)),
        ("rotate due", vault.rotate_due(NOW).map(drop)),
        ("delete", vault.delete("k").map(drop)),
        ("recover", vault.recover("gone").map(drop)),
        ("purge", vault.purge("gone")),
        ("purge due", vault.purge_due(NOW.plus(91 * DAY)).map(drop)),
        ("settle", vault.settle().map(drop)),
        ("unlisted", vault.unlisted().map(drop)),
        ("verify store", vault.verify_store().map(drop)),
        ("no name", vault.latest("?").map(drop)),
        (
            "role",
            vault.assign_role("bob", Role::CryptoUser, &Scope::Keys),
        ),
        ("build", world.builder().build().map(drop)),
    ];
    for (what, result) in refused {
        let error = result.expect_err(what);
        assert_eq!(*error.kind(), ErrorKind::Audit, "{what}");
        // Items of a batch share one failure, and its kind is what each of them is told.
        let why = std::error::Error::source(&error).map(|why| why.to_string());
        assert!(why.is_none_or(|why| why.contains("sink")), "{what}");
    }
    assert_eq!(&buffer, b"content");
    assert_eq!(world.all(), stands);
    assert_eq!(world.sink.events().len(), given);

    // And goes on when the sink does, with who it was.
    world.sink.fail(Fault::None);
    key.sign(SignAlg::Es256, b"m").unwrap();
    let events = world.sink.events();
    let [deleted, signed] = &events[given..] else {
        panic!("{events:?}");
    };
    assert_eq!(deleted.action, Action::Delete);
    assert_eq!(deleted.target, Target::Name("gone".parse().unwrap()));
    assert_eq!(deleted.caller.as_ref(), alice.caller());
    let caller = deleted.caller.as_ref().unwrap();
    assert_eq!(caller.correlation_id(), Some("c1"));
    assert_eq!(deleted.time, NOW);
    assert!(!deleted.duration.is_zero());
    assert_eq!(signed.action, Action::Use(Op::Sign));
}

/// A sink that fails at one of its calls, before or after it took the event: whoever asks again
/// gets everything done once, and each change has one event, however often it was given.
#[test]
fn a_sink_may_fail_at_any_call() {
    for fault in [Fault::Before, Fault::After] {
        for at in 0.. {
            let world = World::new();
            *world.sink.at.lock().unwrap() = Some(at);
            world.sink.fail(fault);
            let again = |what: &dyn Fn() -> Result<(), Error>| {
                for _ in 0..2 {
                    match what() {
                        Err(error) if *error.kind() == ErrorKind::Audit => {}
                        done => return done.unwrap(),
                    }
                }
                panic!("refused twice");
            };
            let vault = world.open();
            let key = || vault.refer("k", None).unwrap();
            again(&|| create(&vault, "k").map(drop));
            again(&|| key().sign(SignAlg::Es256, b"m").map(drop));
            again(&|| key().update(&KeyUpdate::new().enabled(true)).map(drop));
            again(&|| vault.rotate("k").map(drop));
            again(&|| vault.list(None, None).map(drop));
            again(&|| vault.delete("k").map(drop));
            again(&|| vault.recover("k").map(drop));
            again(&|| vault.list(None, None).map(drop));
            let changes = world.sink.changes();
            let actions: Vec<_> = changes.iter().map(|event| event.action).collect();
            let expected = [
                Action::Create,
                Action::Update,
                Action::Rotate,
                Action::Delete,
                Action::Recover,
            ];
            assert_eq!(actions, expected, "{fault:?} at {at}");
            world.sink.fail(Fault::None);
            assert_eq!(vault.versions("k", None, None).unwrap().items.len(), 2);
            assert_eq!(world.waiting(), 0);
            if world.sink.calls.load(Ordering::SeqCst) < at {
                assert!(at > 8, "none was met");
                break;
            }
        }
    }
}

#[test]
fn what_waited_when_the_process_died_comes_first_and_with_its_id() {
    for fault in [Fault::Before, Fault::After] {
        let world = World::new();
        let vault = world.open();
        create(&vault, "k").unwrap();
        world.sink.fail(fault);
        vault.delete("k").unwrap();
        assert_eq!(refusal(world.builder().build()), ErrorKind::Audit);
        drop(vault);
        let before = world.sink.changes();
        world.sink.fail(Fault::None);
        let vault = world.open();
        let after = world.sink.changes();
        assert_eq!(world.waiting(), 0, "before anything was asked");
        let last = after.last().unwrap();
        assert_eq!((last.action, after.len()), (Action::Delete, 2));
        if fault == Fault::After {
            assert_eq!(before, after, "given again as it was, and known by its id");
        }
        vault.recover("k").unwrap();
    }
}

#[test]
fn without_a_sink_nothing_is_kept_and_nothing_is_lost() {
    let world = World::new();
    let no_sink = || world.builder().audit(Arc::new(NoAudit)).build().unwrap();
    create(&no_sink(), "quiet").unwrap();
    assert_eq!(world.waiting(), 0);
    let vault = world.open();
    world.sink.fail(Fault::Before);
    create(&vault, "k").unwrap();
    drop(vault);
    let vault = no_sink();
    vault.delete("quiet").unwrap();
    assert_eq!(world.waiting(), 1, "for a vault with a sink");
    world.sink.fail(Fault::None);
    drop(world.open());
    let actions: Vec<_> = world.sink.changes().iter().map(|it| it.action).collect();
    assert_eq!(actions, [Action::Create]);
}

#[test]
fn a_damaged_event_is_said_and_not_passed_over() {
    let world = World::new();
    let change = strongroom::vault::Change::insert("audit/outbox/0".into(), b"{}".to_vec());
    world.store.commit(&[change]).unwrap();
    let error = world.builder().build().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Audit);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("record"), "{why}");
}

/// A commit of which the answer is lost: the caller is told of a failure, and that is an event;
/// that it was done all the same is another.
#[test]
fn a_commit_whose_answer_is_lost_has_its_event() {
    let world = World::new();
    create(&world.open(), "k").unwrap();
    let lose = |store: &dyn Store, changes: &[strongroom::vault::Change]| {
        let of_change = changes.iter().any(|it| it.key.starts_with("deleted/"));
        let done = store.commit(changes)?;
        match of_change {
            true => Err(ErrorKind::Unavailable { what: "store" }.into()),
            false => Ok(done),
        }
    };
    let store = Arc::new(Through::new(world.store.clone(), lose));
    let vault = world.builder().store(store).build().unwrap();
    let result = vault.delete("k");
    assert_eq!(refusal(result), ErrorKind::Unavailable { what: "store" });
    vault.deleted("k").unwrap();
    let events = world.sink.events();
    let [.., failed, deleted, _] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        (failed.action, deleted.action),
        (Action::Delete, Action::Delete)
    );
    assert!(matches!(failed.outcome, Outcome::Failed(_)));
    assert_eq!(deleted.outcome, Outcome::Success);
    assert_ne!(failed.id, deleted.id);
}

#[test]
fn what_never_came_to_be_is_said_before_it_is_forgotten() {
    let world = World::new();
    // Its key was never made: the process died after the first commit.
    let quiet = world.dying(1).audit(Arc::new(NoAudit));
    assert!(create(&quiet.build().unwrap(), "k").is_err());
    let pending = || world.store.scan("pending/", None, 9).unwrap().len();
    assert_eq!(pending(), 1);
    world.sink.fail(Fault::Before);
    let vault = world.open();
    assert_eq!(pending(), 1, "as long as it cannot be said");
    world.sink.fail(Fault::None);
    assert!(vault.settle().unwrap().is_empty());
    assert_eq!(pending(), 0);
    let events = world.sink.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].outcome, Outcome::Failed(ErrorKind::NotFound));
}

/// What a process did not live to do is done by the next one, for the caller who asked for it.
#[test]
fn what_is_settled_later_is_its_callers() {
    let world = World::new();
    let vault = world.open();
    create(&vault, "k").unwrap();
    vault.delete("k").unwrap();
    for role in [Role::CryptoUser, Role::CryptoOfficer] {
        vault.assign_role("alice", role, &Scope::Vault).unwrap();
    }
    drop(vault);
    let alice = || Caller::new("alice").unwrap();
    let dies_after = |commits| {
        let vault = world.dying(commits).build().unwrap();
        vault.as_caller(alice())
    };
    assert!(create(&dies_after(1), "new").is_err());
    // The first of its commits settles what the one before left.
    assert!(dies_after(2).purge("k").is_err());
    drop(world.open());
    let events = world.sink.events();
    let by = |action: Action, wanted: fn(&Outcome) -> bool| {
        let last = events
            .iter()
            .rfind(|it| it.action == action && wanted(&it.outcome));
        last.unwrap().caller.clone()
    };
    let purged = by(Action::Purge, |outcome| *outcome == Outcome::Success);
    assert_eq!(purged, Some(alice()));
    let created = by(Action::Create, |outcome| {
        *outcome == Outcome::Failed(ErrorKind::NotFound)
    });
    assert_eq!(created, Some(alice()));
}

#[test]
fn verifying_the_store_is_an_event_whichever_way_it_ends() {
    let world = World::new();
    world.open().verify_store().unwrap();
    // This one cannot.
    let store = Through::new(world.store.clone(), |store, changes| store.commit(changes));
    let vault = world.builder().store(Arc::new(store)).build().unwrap();
    assert!(vault.verify_store().is_err());
    let caller = Caller::new("mallory").unwrap();
    assert!(vault.as_caller(caller).verify_store().is_err());
    let events = world.sink.events();
    assert!(events.iter().all(|it| it.action == Action::VerifyStore));
    let outcomes: Vec<_> = events.iter().map(|it| &it.outcome).collect();
    assert!(matches!(
        outcomes[..],
        [
            Outcome::Success,
            Outcome::Failed(ErrorKind::NotOffered { .. }),
            Outcome::Forbidden { .. }
        ]
    ));
}

/// A change by the name of its event, and how it shows that it was made.
type Step = (
    &'static str,
    fn(&Vault) -> Result<(), Error>,
    fn(&Vault) -> bool,
);

/// What is done in the life that ends.
const STEPS: [Step; 6] = [
    (
        "KeyUpdate",
        |vault| {
            let tags = Tags::new([("a", "b")])?;
            let key = vault.refer("a", None)?;
            key.update(&KeyUpdate::new().tags(tags)).map(drop)
        },
        |vault| vault.latest("a").unwrap().tags().unwrap().iter().count() == 1,
    ),
    (
        "KeyCreate",
        |vault| create(vault, "b").map(drop),
        |vault| vault.latest("b").is_ok() || vault.deleted("b").is_ok(),
    ),
    (
        "KeyRotate",
        |vault| vault.rotate("a").map(drop),
        |vault| vault.versions("a", None, None).unwrap().items.len() == 2,
    ),
    (
        "KeyDelete",
        |vault| vault.delete("b").map(drop),
        |vault| vault.deleted("b").is_ok(),
    ),
    (
        "KeyPurge",
        |vault| vault.purge("b"),
        |vault| vault.deleted("b").is_err(),
    ),
    (
        "RoleAssignmentCreate",
        |vault| vault.assign_role("bob", Role::CryptoUser, &Scope::Keys),
        |vault| vault.role_assignments(&Scope::Keys).unwrap().len() == 1,
    ),
];

/// A process dies before or after each commit to its stores, those of the log's head among them.
/// Each change that is there is in the log, and once.
#[test]
fn a_log_has_each_change_exactly_once_wherever_the_process_dies() {
    for (after, shared) in [(false, true), (true, true), (false, false), (true, false)] {
        let mut died = 0;
        for commits in 0.. {
            let what = format!("after {after}, one store {shared}, {commits} commits");
            let (world, path) = (World::new(), Path::fresh());
            let heads: Arc<dyn Store> = match shared {
                true => world.store.clone(),
                false => Arc::new(MemoryStore::new()),
            };
            let live = |store: Arc<dyn Store>, heads: Arc<dyn Store>| {
                let log = JsonLinesAudit::open(&path.0, key(), heads)?;
                world.builder().store(store).audit(Arc::new(log)).build()
            };
            let first = live(world.store.clone(), heads.clone()).unwrap();
            create(&first, "a").unwrap();
            drop(first);

            let left = Arc::new(AtomicUsize::new(commits));
            let mortal = |inner: Arc<dyn Store>| -> Arc<dyn Store> {
                let left = left.clone();
                Arc::new(Through::new(inner, move |store, changes| {
                    let less = |left: usize| left.checked_sub(1);
                    let lost = || ErrorKind::Unavailable { what: "store" }.into();
                    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
                        Ok(1) if after => store.commit(changes).and(Err(lost())),
                        Ok(_) => store.commit(changes),
                        Err(_) => Err(lost()),
                    }
                }))
            };
            let dying = live(mortal(world.store.clone()), mortal(heads.clone()));
            let mut done = 0;
            if let Ok(vault) = &dying {
                done = STEPS
                    .iter()
                    .take_while(|step| step.1(vault).is_ok())
                    .count();
            }
            drop(dying);

            let vault = live(world.store.clone(), heads.clone()).unwrap();
            assert_eq!(waiting(&*world.store), 0, "{what}");
            let log = JsonLinesAudit::verify_file(&path.0, &key(), &*heads).unwrap();
            assert!(!log.torn);
            let lines = path.lines();
            let lines: Vec<Value> = lines
                .iter()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let ids: BTreeSet<String> = lines.iter().map(|it| it["eventId"].to_string()).collect();
            assert_eq!(ids.len(), lines.len(), "{what}: an event twice");
            for (at, (name, _, is_done)) in STEPS.iter().enumerate() {
                let succeeded = lines
                    .iter()
                    .filter(|line| {
                        line["operationName"] == *name && line["resultType"] == "Success"
                    })
                    .count();
                // One create is of the life before.
                let said = succeeded - usize::from(*name == "KeyCreate");
                match at.cmp(&done) {
                    std::cmp::Ordering::Less => assert_eq!(said, 1, "{what}: {name}"),
                    std::cmp::Ordering::Equal => {
                        assert_eq!(
                            said,
                            usize::from(is_done(&vault)),
                            "{what}: {name}, cut off"
                        );
                    }
                    std::cmp::Ordering::Greater => assert_eq!(said, 0, "{what}: {name}"),
                }
            }
            died += 1;
            if left.load(Ordering::SeqCst) > 0 {
                assert_eq!(done, STEPS.len());
                break;
            }
        }
        assert!(died > 20, "{died}: it hardly died");
    }
}

#[test]
fn many_threads_and_a_sink_that_fails_now_and_then() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 12;
    let world = World::new();
    let vault = world.open();
    let again = |what: &dyn Fn() -> Result<(), Error>| {
        loop {
            match what() {
                Err(error) if *error.kind() == ErrorKind::Audit => thread::yield_now(),
                done => return done.unwrap(),
            }
        }
    };
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (vault, again) = (&vault, &again);
                scope.spawn(move || {
                    let name = format!("k{thread}");
                    again(&|| create(vault, &name).map(drop));
                    let key = || vault.refer(&name, None).unwrap();
                    for _ in 0..ROUNDS {
                        again(&|| key().update(&KeyUpdate::new().enabled(true)).map(drop));
                        again(&|| key().sign(SignAlg::Es256, b"m").map(drop));
                        again(&|| vault.delete(&name).map(drop));
                        again(&|| vault.recover(&name).map(drop));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            for fault in [Fault::Before, Fault::None, Fault::After, Fault::None]
                .into_iter()
                .cycle()
            {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                world.sink.fail(fault);
                thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        is_over.store(true, Ordering::SeqCst);
        ended.into_iter().for_each(|worker| worker.unwrap());
    });
    world.sink.fail(Fault::None);
    vault.list(None, None).unwrap();
    assert_eq!(world.waiting(), 0);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in world.sink.changes() {
        *counts.entry(event.action.name()).or_default() += 1;
    }
    let each = THREADS * ROUNDS;
    let expected = [
        ("KeyCreate", THREADS),
        ("KeyDelete", each),
        ("KeyRecover", each),
        ("KeyUpdate", each),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
}
