//! The vault's own behaviour, on a provider double that can fail at each step, and on
//! the software backend.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use strongroom::jwk::SecretJwk;
use strongroom::provider::{Capabilities, Health, NewKey};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    Action, AuditEvent, AuditSink, Change, KeyOptions, KeyUpdate, LegacyPolicy, ManualClock,
    MemoryAudit, NoAudit, Outcome, SignInput, SignItem, Store, Tags, Target, UnixTime, Vault,
    VerifyItem,
};
use strongroom::{
    Curve, Denial, Digest, EncryptAlg, EncryptParams, Error, ErrorKind, Hash, KeyHandle,
    KeyProvider, KeySpec, Op, OpSet, ProviderId, ProviderKeyId, Rule, SignAlg, Signature, WrapAlg,
};

#[path = "common/store.rs"]
mod store;

use store::dying;

/// A provider that keeps the keys it makes, as a token does, and can be told to fail.
#[derive(Debug)]
struct Double {
    inner: Software,
    made: Mutex<Vec<KeyHandle>>,
    /// Makes the key, then fails, as if the process had died before the answer.
    dies_after_making: AtomicBool,
    fails_to_make: AtomicBool,
    /// Makes the key and says that it did not.
    answers_too_late: AtomicBool,
    unreachable: AtomicBool,
    hsm: AtomicBool,
    /// What others do while a key is being made.
    meanwhile: Mutex<Option<Meanwhile>>,
}

struct Meanwhile(Box<dyn Fn() + Send>);

impl std::ops::Deref for Meanwhile {
    type Target = dyn Fn() + Send;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Double {
    fn new() -> Arc<Self> {
        Arc::new(Double {
            inner: Software::ephemeral().unwrap(),
            made: Mutex::default(),
            dies_after_making: AtomicBool::new(false),
            fails_to_make: AtomicBool::new(false),
            answers_too_late: AtomicBool::new(false),
            unreachable: AtomicBool::new(false),
            hsm: AtomicBool::new(false),
            meanwhile: Mutex::default(),
        })
    }
}

fn unavailable() -> Error {
    ErrorKind::Unavailable { what: "double" }.into()
}

impl KeyProvider for Double {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }
    fn capabilities(&self) -> Arc<Capabilities> {
        let offers = Capabilities::clone(&self.inner.capabilities());
        let offers = offers.with_hsm(self.hsm.load(Ordering::SeqCst));
        Arc::new(offers.with_keys_in_handles(false))
    }
    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        if self.fails_to_make.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        let handle = self.inner.generate(new)?;
        self.made.lock().unwrap().push(handle.clone());
        if self.dies_after_making.load(Ordering::SeqCst) {
            panic!("the process dies here");
        }
        if self.answers_too_late.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        if let Some(meanwhile) = &*self.meanwhile.lock().unwrap() {
            meanwhile();
        }
        Ok(handle)
    }
    fn import(&self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Error> {
        self.inner.import(key, new)
    }
    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        let made = self.made.lock().unwrap();
        Ok(made.iter().find(|handle| handle.id() == *id).cloned())
    }
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.made
            .lock()
            .unwrap()
            .retain(|made| made.id() != key.id());
        self.inner.destroy(key)
    }
    fn sign(&self, request: &strongroom::fit::SignRequest<'_>) -> Result<Signature, Error> {
        self.inner.sign(request)
    }
    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.inner.random(out)
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
}

/// A sink that can be told to fail.
#[derive(Debug, Default)]
struct FailingAudit {
    fails: AtomicBool,
}

impl AuditSink for FailingAudit {
    fn record(&self, _: &AuditEvent) -> Result<(), Error> {
        match self.fails.load(Ordering::SeqCst) {
            true => Err(unavailable()),
            false => Ok(()),
        }
    }
}

struct Parts {
    vault: Vault,
    store: Arc<MemoryStore>,
    audit: Arc<MemoryAudit>,
    clock: Arc<ManualClock>,
}

fn parts(provider: Arc<dyn KeyProvider>) -> Parts {
    let store = Arc::new(MemoryStore::new());
    let audit = Arc::new(MemoryAudit::new(1000));
    let clock = Arc::new(ManualClock::at(UnixTime(1_000_000)));
    let vault = Vault::builder()
        .host("vault.example")
        .provider(provider)
        .store(store.clone())
        .audit(audit.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    Parts {
        vault,
        store,
        audit,
        clock,
    }
}

fn open(provider: Arc<dyn KeyProvider>, store: Arc<dyn Store>) -> Vault {
    Vault::builder()
        .provider(provider)
        .store(store)
        .audit(Arc::new(NoAudit))
        .build()
        .unwrap()
}

fn kind(error: Error) -> ErrorKind {
    error.kind().clone()
}

#[track_caller]
fn assert_invalid<T: std::fmt::Debug>(result: Result<T, Error>, field: &str, rule: Rule) {
    match kind(result.unwrap_err()) {
        ErrorKind::Invalid {
            field: got_field,
            rule: got_rule,
        } => assert_eq!((got_field, got_rule), (field, rule)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_stays_and_latest_moves_on() {
    let vault = strongroom::in_memory().unwrap();
    let first = vault
        .create("Signing", Curve::P256, &KeyOptions::new())
        .unwrap();
    let latest = vault.latest("signing").unwrap();
    let old = latest.sign(SignAlg::Es256, b"m").unwrap();
    assert_eq!(old.key, first.id().unwrap());

    let second = vault
        .create("SIGNING", Curve::P256, &KeyOptions::new())
        .unwrap();
    assert_ne!(first.id().unwrap(), second.id().unwrap());
    let new = latest.sign(SignAlg::Es256, b"m").unwrap();
    assert_eq!(new.key, second.id().unwrap());
    assert_eq!(
        new.key.name().as_str(),
        "Signing",
        "the first spelling is kept"
    );

    // What the old version signed is verified by the version that the result named.
    let by_id = vault.get_by_id(&old.key).unwrap();
    by_id
        .verify(SignAlg::Es256, b"m", old.value.as_bytes())
        .unwrap();
    let wrong = latest.verify(SignAlg::Es256, b"m", old.value.as_bytes());
    assert_eq!(kind(wrong.unwrap_err()), ErrorKind::BadSignature);
    let version = old.key.version().to_string().to_uppercase();
    assert_eq!(
        vault.get("sIGNING", &version).unwrap().id().unwrap(),
        old.key
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let vault = strongroom::in_memory().unwrap();
    vault.create("a", Curve::P256, &KeyOptions::new()).unwrap();
    let none = "0".repeat(32);
    assert_eq!(kind(vault.latest("b").unwrap_err()), ErrorKind::NotFound);
    assert_eq!(
        kind(vault.get("a", &none).unwrap_err()),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(vault.versions("b", None, None).unwrap_err()),
        ErrorKind::NotFound
    );
    let update = vault.update("a", &none, &KeyUpdate::new());
    assert_eq!(kind(update.unwrap_err()), ErrorKind::NotFound);
    let elsewhere = format!("https://other.example/keys/a/{none}")
        .parse()
        .unwrap();
    assert_eq!(
        kind(vault.get_by_id(&elsewhere).unwrap_err()),
        ErrorKind::NotFound
    );
    assert_invalid(vault.latest("a/b").map(|_| ()), "name", Rule::Character);
    assert_invalid(
        vault.get("a", "abc").map(|_| ()),
        "version",
        Rule::Length {
            expected: 32,
            actual: 3,
        },
    );
}

#[test]
fn defaults_are_the_services() {
    let vault = strongroom::in_memory().unwrap();
    let cases: [(KeySpec, OpSet); 4] = [
        (KeySpec::Rsa { bits: 2048 }, OpSet::SIX_VERBS),
        (Curve::P256.into(), OpSet::SIGN_VERIFY),
        (KeySpec::Aes { bits: 256 }, OpSet::SIX_VERBS),
        (KeySpec::Hmac { bits: 512 }, OpSet::SIGN_VERIFY),
    ];
    for (spec, ops) in cases {
        let key = vault.create("k", spec, &KeyOptions::new()).unwrap();
        assert_eq!(key.ops().unwrap(), ops, "{spec}");
        let attributes = key.attributes().unwrap();
        assert!(attributes.enabled && attributes.nbf.is_none() && attributes.exp.is_none());
        assert!(!attributes.exportable);
        assert_eq!(attributes.created, attributes.updated);
    }
}

#[test]
fn the_jwk_names_its_version_and_holds_no_secret() {
    let vault = strongroom::in_memory().unwrap();
    let key = vault.create("k", Curve::P384, &KeyOptions::new()).unwrap();
    let jwk = key.jwk().unwrap();
    assert_eq!(
        jwk.meta().kid(),
        Some(key.id().unwrap().to_string().as_str())
    );
    assert_eq!(jwk.meta().key_ops(), Some(OpSet::SIGN_VERIFY));
    let json = jwk.to_json();
    assert!(
        json.contains("\"kty\":\"EC\"") && !json.contains("\"d\""),
        "{json}"
    );

    let key = vault
        .create("s", KeySpec::Aes { bits: 128 }, &KeyOptions::new())
        .unwrap();
    let json = key.jwk().unwrap().to_json();
    assert!(
        json.contains("\"kty\":\"oct\"") && !json.contains("\"k\""),
        "{json}"
    );
}

#[test]
fn import_chooses_the_kind_by_key_ops() {
    let vault = strongroom::in_memory().unwrap();
    let oct = |json: &str| SecretJwk::from_json(json.as_bytes()).unwrap();
    let k = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let plain = oct(&format!(r#"{{"kty":"oct","k":"{k}"}}"#));
    let mac = oct(&format!(
        r#"{{"kty":"oct","k":"{k}","key_ops":["sign","verify"]}}"#
    ));

    let key = vault.import("a", &plain, &KeyOptions::new()).unwrap();
    assert_eq!(key.spec().unwrap(), KeySpec::Aes { bits: 256 });
    let key = vault.import("b", &mac, &KeyOptions::new()).unwrap();
    assert_eq!(key.spec().unwrap(), KeySpec::Hmac { bits: 256 });
    assert_eq!(key.ops().unwrap(), OpSet::SIGN_VERIFY);
    let options = KeyOptions::new().ops(OpSet::SIGN_VERIFY);
    let key = vault.import("c", &plain, &options).unwrap();
    assert_eq!(key.spec().unwrap(), KeySpec::Hmac { bits: 256 });

    // HS* fits an AES key as well, in software.
    let aes = vault.latest("a").unwrap();
    let tag = aes.sign(SignAlg::Hs256, b"m").unwrap().value;
    key.verify(SignAlg::Hs256, b"m", tag.as_bytes()).unwrap();
}

#[test]
fn adopting_needs_a_key_of_this_provider() {
    let provider = Arc::new(Software::ephemeral().unwrap());
    let vault = parts(provider.clone()).vault;
    let id = ProviderKeyId::from_bytes([3; 16]);
    let handle = provider
        .generate(&NewKey::new(id, Curve::P256.into()).unwrap())
        .unwrap();
    let key = vault.adopt("k", &handle, &KeyOptions::new()).unwrap();
    let signature = key.sign(SignAlg::Es256, b"m").unwrap().value;
    key.verify(SignAlg::Es256, b"m", signature.as_bytes())
        .unwrap();

    let other = ProviderId::new("other").unwrap();
    let foreign = KeyHandle::new(other, id, handle.spec(), handle.public().cloned(), vec![]);
    let adopted = vault.adopt("f", &foreign.unwrap(), &KeyOptions::new());
    assert_invalid(adopted.map(|_| ()), "provider", Rule::Inconsistent);
}

#[test]
fn a_disabled_key_stops_at_once_for_everyone_who_holds_it() {
    let vault = strongroom::in_memory().unwrap();
    let key = vault.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    let held = key.clone();
    let signature = held.sign(SignAlg::Es256, b"m").unwrap().value;
    let version = key.id().unwrap().version().to_string();
    vault
        .update("k", &version, &KeyUpdate::new().enabled(false))
        .unwrap();
    assert_eq!(
        held.sign(SignAlg::Es256, b"m").unwrap_err().denial(),
        Some(Denial::Disabled)
    );
    let verified = held.verify(SignAlg::Es256, b"m", signature.as_bytes());
    assert_eq!(verified.unwrap_err().denial(), Some(Denial::Disabled));
    vault
        .update("k", &version, &KeyUpdate::new().enabled(true))
        .unwrap();
    held.verify(SignAlg::Es256, b"m", signature.as_bytes())
        .unwrap();
}

#[test]
fn expired_keys_still_read_what_they_made() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    let options = KeyOptions::new().exp(UnixTime(1_000_010));
    let key = p
        .vault
        .create("k", KeySpec::Aes { bits: 256 }, &options)
        .unwrap();
    let sealed = key
        .encrypt(EncryptAlg::A256Gcm, b"m", EncryptParams::none())
        .unwrap()
        .value;
    p.clock.set(UnixTime(1_000_010));
    let denied = key.encrypt(EncryptAlg::A256Gcm, b"m", EncryptParams::none());
    assert_eq!(denied.unwrap_err().denial(), Some(Denial::Expired));
    let opened = key
        .decrypt(EncryptAlg::A256Gcm, sealed.as_bytes(), sealed.params())
        .unwrap();
    assert_eq!(opened.value.expose(), b"m");
    // A clock that goes back does not revive what policy decides by it alone; it decides.
    p.clock.set(UnixTime(0));
    assert!(
        key.encrypt(EncryptAlg::A256Gcm, b"m", EncryptParams::none())
            .is_ok()
    );
}

#[test]
fn updates_change_what_they_name() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    let tags = Tags::new([("team", "a"), ("cost", "1")]).unwrap();
    let options = KeyOptions::new()
        .tags(tags.clone())
        .exp(UnixTime(2_000_000));
    let key = p.vault.create("k", Curve::P256, &options).unwrap();
    let version = key.id().unwrap().version().to_string();
    p.clock.set(UnixTime(1_000_500));

    let update = KeyUpdate::new().ops(OpSet::from_iter([Op::Verify]));
    let key = p.vault.update("k", &version, &update).unwrap();
    let attributes = key.attributes().unwrap();
    assert_eq!(attributes.updated, UnixTime(1_000_500));
    assert_eq!(attributes.created, UnixTime(1_000_000));
    assert_eq!(attributes.exp, Some(UnixTime(2_000_000)));
    assert_eq!(key.tags().unwrap(), tags);
    assert_eq!(
        key.sign(SignAlg::Es256, b"m").unwrap_err().denial(),
        Some(Denial::NotInKeyOps)
    );
    let new_tags = Tags::new([("only", "this")]).unwrap();
    p.vault
        .update("k", &version, &KeyUpdate::new().tags(new_tags.clone()))
        .unwrap();
    assert_eq!(key.tags().unwrap(), new_tags);

    let wrong = KeyUpdate::new()
        .ops(OpSet::from_iter([Op::Encrypt]))
        .enabled(false);
    assert_invalid(
        p.vault.update("k", &version, &wrong).map(|_| ()),
        "key_ops",
        Rule::NotWithKey,
    );
    assert!(
        key.attributes().unwrap().enabled,
        "a refused update changes nothing"
    );
}

#[test]
fn legacy_algorithms_wait_for_configuration() {
    let provider = Arc::new(Software::ephemeral().unwrap());
    let store = Arc::new(MemoryStore::new());
    let vault = open(provider.clone(), store.clone());
    let key = vault
        .create("k", KeySpec::Aes { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let iv = [7; 16];
    let params = EncryptParams::none().with_iv(&iv);
    let denied = key
        .encrypt(EncryptAlg::A256CbcPad, b"m", params)
        .unwrap_err();
    assert_eq!(denied.denial(), Some(Denial::Legacy));

    let allowed = Vault::builder()
        .provider(provider)
        .store(store)
        .audit(Arc::new(NoAudit))
        .legacy(LegacyPolicy::deny_all().allow_producing(EncryptAlg::A256CbcPad))
        .build()
        .unwrap();
    let key = allowed.latest("k").unwrap();
    let sealed = key
        .encrypt(EncryptAlg::A256CbcPad, b"m", params)
        .unwrap()
        .value;
    let denied = key.decrypt(EncryptAlg::A256CbcPad, sealed.as_bytes(), sealed.params());
    assert_eq!(denied.unwrap_err().denial(), Some(Denial::Legacy));
}

#[test]
fn listing_goes_page_by_page() {
    let vault = strongroom::in_memory().unwrap();
    for n in 0..30 {
        vault
            .create(&format!("key-{n:02}"), Curve::P256, &KeyOptions::new())
            .unwrap();
    }
    let first = vault.list(None, None).unwrap();
    assert_eq!(first.items.len(), 25);
    let second = vault.list(first.next.as_ref(), None).unwrap();
    assert_eq!(second.items.len(), 5);
    assert!(second.next.is_none());
    let mut names: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|i| i.name.to_string())
        .collect();
    names.dedup();
    assert_eq!(names.len(), 30);
    assert_eq!(first.items[0].id, "https://vault.localhost/keys/key-00");
    for max in [0, 26, usize::MAX] {
        assert_invalid(vault.list(None, Some(max)), "maxresults", Rule::OutOfRange);
    }
    // Exactly full: there is no next page.
    let all = vault.list(first.next.as_ref(), Some(5)).unwrap();
    assert!(all.next.is_none());

    for _ in 0..3 {
        vault
            .create("key-00", Curve::P256, &KeyOptions::new())
            .unwrap();
    }
    let versions = vault.versions("KEY-00", None, Some(3)).unwrap();
    assert_eq!(versions.items.len(), 3);
    let rest = vault.versions("key-00", versions.next, Some(3)).unwrap();
    assert_eq!(rest.items.len(), 1);
}

#[test]
fn creation_that_dies_in_the_provider_is_completed_at_the_next_open() {
    let double = Double::new();
    let store = Arc::new(MemoryStore::new());
    let vault = open(double.clone(), store.clone());
    double.dies_after_making.store(true, Ordering::SeqCst);
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        vault.create("k", Curve::P256, &KeyOptions::new())
    }));
    assert!(died.is_err());
    assert_eq!(kind(vault.latest("k").unwrap_err()), ErrorKind::NotFound);

    // While the provider does not answer, nothing is decided.
    double.unreachable.store(true, Ordering::SeqCst);
    let vault = open(double.clone(), store.clone());
    let open_still = vault.settle().unwrap();
    assert_eq!(open_still.len(), 1);
    assert!(open_still[0].record.starts_with("pending/k/"));
    assert_eq!(
        *open_still[0].error.kind(),
        ErrorKind::Unavailable { what: "double" }
    );

    double.unreachable.store(false, Ordering::SeqCst);
    let vault = open(double.clone(), store);
    let key = vault.latest("k").unwrap();
    let signature = key.sign(SignAlg::Es256, b"m").unwrap().value;
    key.verify(SignAlg::Es256, b"m", signature.as_bytes())
        .unwrap();
    assert!(vault.settle().unwrap().is_empty());
}

#[test]
fn creation_that_the_provider_refuses_leaves_nothing() {
    let double = Double::new();
    let store = Arc::new(MemoryStore::new());
    let vault = open(double.clone(), store.clone());
    double.fails_to_make.store(true, Ordering::SeqCst);
    let refused = vault.create("k", Curve::P256, &KeyOptions::new());
    assert_eq!(
        kind(refused.unwrap_err()),
        ErrorKind::Unavailable { what: "double" }
    );
    assert!(store.scan("", None, 100).unwrap().is_empty());
}

#[test]
fn a_provider_that_answers_too_late_keeps_no_key_behind() {
    let double = Double::new();
    let store = Arc::new(MemoryStore::new());
    let vault = open(double.clone(), store.clone());
    double.answers_too_late.store(true, Ordering::SeqCst);
    assert!(vault.create("k", Curve::P256, &KeyOptions::new()).is_err());
    assert!(double.made.lock().unwrap().is_empty(), "destroyed again");
    assert!(store.scan("", None, 100).unwrap().is_empty());

    // Where it cannot be asked, the record stays and is settled later.
    double.unreachable.store(true, Ordering::SeqCst);
    assert!(vault.create("k", Curve::P256, &KeyOptions::new()).is_err());
    assert_eq!(vault.settle().unwrap().len(), 1);
    double.unreachable.store(false, Ordering::SeqCst);
    assert!(vault.settle().unwrap().is_empty());
    vault.latest("k").unwrap();
}

#[test]
fn what_a_crash_left_does_not_come_before_what_was_made_since() {
    let double = Double::new();
    let p = parts(double.clone());
    double.answers_too_late.store(true, Ordering::SeqCst);
    double.unreachable.store(true, Ordering::SeqCst);
    assert!(
        p.vault
            .create("k", Curve::P256, &KeyOptions::new())
            .is_err()
    );
    double.answers_too_late.store(false, Ordering::SeqCst);
    let current = p
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    double.unreachable.store(false, Ordering::SeqCst);
    assert!(p.vault.settle().unwrap().is_empty());
    assert_eq!(
        p.vault.latest("k").unwrap().id().unwrap(),
        current.id().unwrap()
    );
    assert_eq!(p.vault.versions("k", None, None).unwrap().items.len(), 2);
    let created = p.audit.events();
    let created = created
        .iter()
        .filter(|event| event.action == Action::Create);
    let outcomes: Vec<_> = created.map(|event| event.outcome.clone()).collect();
    let failed = Outcome::Failed(ErrorKind::Unavailable { what: "double" });
    assert_eq!(outcomes, [failed, Outcome::Success, Outcome::Success]);
}

#[test]
fn settling_leaves_alone_what_is_being_made() {
    let double = Double::new();
    let vault = open(double.clone(), Arc::new(MemoryStore::new()));
    let other = vault.clone();
    let settles = Meanwhile(Box::new(move || {
        assert!(other.settle().unwrap().is_empty())
    }));
    *double.meanwhile.lock().unwrap() = Some(settles);
    let key = vault.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    assert_eq!(vault.versions("k", None, None).unwrap().items.len(), 1);
    key.sign(SignAlg::Es256, b"m").unwrap();
}

#[test]
fn a_version_that_another_opener_settled_meanwhile_is_still_created() {
    let double = Double::new();
    let store = Arc::new(MemoryStore::new());
    let vault = open(double.clone(), store.clone());
    let (provider, records) = (double.clone(), store.clone());
    let opens = Meanwhile(Box::new(move || {
        drop(open(provider.clone(), records.clone()))
    }));
    *double.meanwhile.lock().unwrap() = Some(opens);
    let key = vault.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    assert_eq!(vault.latest("k").unwrap().id().unwrap(), key.id().unwrap());
}

#[test]
fn one_damaged_record_does_not_hide_the_others() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    for name in ["a", "b", "c"] {
        p.vault
            .create(name, Curve::P256, &KeyOptions::new())
            .unwrap();
    }
    let damage = |prefix: &str| {
        let (key, record) = p.store.scan(prefix, None, 1).unwrap().remove(0);
        p.store
            .commit(&[Change::replace(key.clone(), record.revision, b"?".to_vec())])
            .unwrap();
        key
    };
    damage("version/b/");
    let page = p.vault.list(None, Some(2)).unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.damaged, ["key/b"]);
    let rest = p.vault.list(page.next.as_ref(), Some(2)).unwrap();
    assert_eq!(rest.items[0].name.as_str(), "c");
    let versions = p.vault.versions("b", None, None).unwrap();
    assert_eq!((versions.items.len(), versions.damaged.len()), (0, 1));

    let pending = Change::insert("pending/x/y".into(), b"?".to_vec());
    p.store.commit(&[pending]).unwrap();
    let unsettled = p.vault.settle().unwrap();
    assert_eq!(unsettled[0].record, "pending/x/y");
    assert_eq!(
        *unsettled[0].error.kind(),
        ErrorKind::Corrupt { what: "record" }
    );
    let again = open(Arc::new(Software::ephemeral().unwrap()), p.store.clone());
    assert_eq!(again.list(None, None).unwrap().items.len(), 2);
}

#[test]
fn keys_in_hardware_say_so() {
    let double = Double::new();
    double.hsm.store(true, Ordering::SeqCst);
    let vault = open(double, Arc::new(MemoryStore::new()));
    for (spec, kty) in [
        (KeySpec::Ec(Curve::P256), "\"kty\":\"EC-HSM\""),
        (KeySpec::Aes { bits: 256 }, "\"kty\":\"oct-HSM\""),
    ] {
        let key = vault.create("k", spec, &KeyOptions::new()).unwrap();
        let json = key.jwk().unwrap().to_json();
        assert!(json.contains(kty), "{json}");
    }
}

#[test]
fn resealing_moves_a_version_to_the_current_sealing_key() {
    use strongroom::software::SealingKey;
    let (old, new) = ([1; 32], [2; 32]);
    let store = Arc::new(MemoryStore::new());
    let under = |key| Software::new(SealingKey::from_bytes(key)).unwrap();
    let vault = open(Arc::new(under(old)), store.clone());
    let id = vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap()
        .id()
        .unwrap();

    let both = Software::builder()
        .sealing_key(SealingKey::from_bytes(new))
        .older_sealing_key(SealingKey::from_bytes(old))
        .build()
        .unwrap();
    let vault = open(Arc::new(both), store.clone());
    assert_eq!(vault.latest("k").unwrap().reseal().unwrap(), id);

    let vault = open(Arc::new(under(new)), store.clone());
    vault
        .latest("k")
        .unwrap()
        .sign(SignAlg::Es256, b"m")
        .unwrap();
    let vault = open(Arc::new(under(old)), store);
    let error = vault
        .latest("k")
        .unwrap()
        .sign(SignAlg::Es256, b"m")
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Corrupt { what: "sealed key" });
}

#[test]
fn refusals_of_names_are_events_too() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    let _ = p.vault.create("a b", Curve::P256, &KeyOptions::new());
    let _ = p.vault.latest("a b");
    let _ = p.vault.get("a", "?");
    let _ = p.vault.update("a b", "?", &KeyUpdate::new());
    let _ = p.vault.versions("a b", None, None);
    let _ = p
        .vault
        .create("a", KeySpec::Rsa { bits: 5 }, &KeyOptions::new());
    let events = p.audit.events();
    let names: Vec<_> = events.iter().map(|event| event.action.name()).collect();
    let expected = [
        "KeyCreate",
        "KeyGet",
        "KeyGet",
        "KeyUpdate",
        "KeyListVersions",
        "KeyCreate",
    ];
    assert_eq!(names, expected);
    assert!(
        events
            .iter()
            .all(|event| matches!(event.outcome, Outcome::Failed(_)))
    );
}

#[test]
fn a_crash_at_each_commit_leaves_a_key_whole_or_absent() {
    for commits in 0..4 {
        let double = Double::new();
        let inner = Arc::new(MemoryStore::new());
        let dying = dying(inner.clone(), commits);
        let vault = open(double.clone(), Arc::new(dying));
        let created = vault.create("k", Curve::P256, &KeyOptions::new());

        let vault = open(double, inner.clone());
        assert!(vault.settle().unwrap().is_empty());
        let after = vault.latest("k");
        match created {
            Ok(key) => assert_eq!(
                after.unwrap().id().unwrap().version(),
                key.id().unwrap().version()
            ),
            Err(_) => match after {
                Ok(key) => drop(key.sign(SignAlg::Es256, b"m").unwrap()),
                Err(error) => assert_eq!(kind(error), ErrorKind::NotFound),
            },
        }
        assert!(inner.scan("pending/", None, 9).unwrap().is_empty());
    }
}

#[test]
fn many_threads_making_versions_of_one_name_lose_none() {
    let vault = strongroom::in_memory().unwrap();
    let made: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let create = |_| vault.create("k", Curve::P256, &KeyOptions::new());
                    (0..5)
                        .map(create)
                        .map(|key| key.unwrap().id().unwrap().version())
                        .collect()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|w| -> Vec<_> { w.join().unwrap() })
            .collect()
    });
    let listed = vault.versions("k", None, None).unwrap().items;
    let mut listed: Vec<_> = listed.iter().map(|item| item.id.version()).collect();
    let mut made = made;
    made.sort();
    listed.sort();
    assert_eq!(made, listed);
    assert!(made.contains(&vault.latest("k").unwrap().id().unwrap().version()));
}

#[test]
fn a_record_put_in_another_ones_place_is_refused() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    let a = p
        .vault
        .create("a", Curve::P256, &KeyOptions::new())
        .unwrap();
    let b = p
        .vault
        .create("b", Curve::P256, &KeyOptions::new())
        .unwrap();
    let key = |key: &strongroom::vault::Key| {
        let id = key.id().unwrap();
        format!("version/{}/{}", id.name(), id.version())
    };
    let (from, to) = (key(&a), key(&b));
    let value = p.store.get(&from).unwrap().unwrap().value.to_vec();
    let revision = p.store.get(&to).unwrap().unwrap().revision;
    p.store
        .commit(&[Change::replace(to.clone(), revision, value)])
        .unwrap();
    let refused = b.sign(SignAlg::Es256, b"m");
    assert_eq!(
        kind(refused.unwrap_err()),
        ErrorKind::Corrupt { what: "record" }
    );

    let revision = p.store.get(&to).unwrap().unwrap().revision;
    p.store
        .commit(&[Change::replace(to, revision, b"{}".to_vec())])
        .unwrap();
    let refused = b.sign(SignAlg::Es256, b"m");
    assert_eq!(
        kind(refused.unwrap_err()),
        ErrorKind::Corrupt { what: "record" }
    );
    a.sign(SignAlg::Es256, b"m")
        .expect("others are still readable");
}

#[test]
fn every_use_is_recorded_with_its_outcome() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    let key = p
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let id = key.id().unwrap();
    let signature = key.sign(SignAlg::Es256, b"seven b").unwrap().value;
    let _ = key.verify(SignAlg::Es256, b"other", signature.as_bytes());
    let _ = key.sign(SignAlg::Es384, b"m");
    let _ = key.wrap_key(WrapAlg::A256Kw, &[0; 32]);
    let _ = p.vault.latest("none");
    let _ = p.vault.list(None, None);
    let version = id.version().to_string();
    let _ = p.vault.update("k", &version, &KeyUpdate::new());

    let seen: Vec<_> = p.audit.events();
    let row = |event: &AuditEvent| {
        (
            event.action.name(),
            event.target.to_string(),
            event.bytes_in,
            event.outcome.clone(),
        )
    };
    let kid = id.to_string();
    let unfit = ErrorKind::Unfit {
        alg: "ES384",
        key: "P-256",
    };
    let expected = [
        ("KeyCreate", kid.clone(), 0, Outcome::Success),
        ("KeySign", kid.clone(), 7, Outcome::Success),
        (
            "KeyVerify",
            kid.clone(),
            5,
            Outcome::Failed(ErrorKind::BadSignature),
        ),
        ("KeySign", kid.clone(), 1, Outcome::Failed(unfit)),
        (
            "KeyWrap",
            kid.clone(),
            32,
            Outcome::Denied(Denial::NotInKeyOps),
        ),
        (
            "KeyGet",
            "none".into(),
            0,
            Outcome::Failed(ErrorKind::NotFound),
        ),
        ("KeyList", "vault".into(), 0, Outcome::Success),
        ("KeyUpdate", kid, 0, Outcome::Success),
    ];
    assert_eq!(seen.iter().map(row).collect::<Vec<_>>(), expected);
    assert!(seen.iter().all(|event| event.time == UnixTime(1_000_000)));
    assert_eq!(seen[1].action, Action::Use(Op::Sign));
    assert_eq!(seen[1].alg, Some(SignAlg::Es256.into()));
    assert_eq!(seen[6].target, Target::Vault);
}

#[test]
fn a_sink_that_fails_withholds_the_result() {
    let audit = Arc::new(FailingAudit::default());
    let vault = Vault::builder()
        .provider(Arc::new(Software::ephemeral().unwrap()))
        .store(Arc::new(MemoryStore::new()))
        .audit(audit.clone())
        .build()
        .unwrap();
    let key = vault
        .create("k", KeySpec::Aes { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let mut buffer = *b"large payload";
    let sealed = key
        .encrypt_in_place(EncryptAlg::A256Gcm, &mut buffer, b"")
        .unwrap()
        .value;

    audit.fails.store(true, Ordering::SeqCst);
    let error = key.sign(SignAlg::Hs256, b"m").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Audit);
    assert!(!error.is_retryable(), "it may have been done");
    assert!(std::error::Error::source(&error).is_some());
    let params = strongroom::DecryptParams::none()
        .with_iv(&sealed.iv)
        .with_tag(&sealed.tag);
    let mut withheld = buffer;
    let error = key
        .decrypt_in_place(EncryptAlg::A256Gcm, &mut withheld, params)
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Audit);
    assert_eq!(withheld, [0; 13], "the plaintext is not left behind");
    assert_eq!(kind(vault.list(None, None).unwrap_err()), ErrorKind::Audit);
    let item = SignItem {
        alg: SignAlg::Hs256,
        input: SignInput::Message(b"m"),
    };
    for result in key.sign_batch(&[item, item]) {
        assert_eq!(kind(result.unwrap_err()), ErrorKind::Audit);
    }

    audit.fails.store(false, Ordering::SeqCst);
    key.decrypt_in_place(EncryptAlg::A256Gcm, &mut buffer, params)
        .unwrap();
    assert_eq!(&buffer, b"large payload");
}

#[test]
fn a_batch_keeps_order_and_gives_each_item_its_own_result() {
    let p = parts(Arc::new(Software::ephemeral().unwrap()));
    let (vault, other) = (&p.vault, strongroom::in_memory().unwrap());
    let ec = vault.create("ec", Curve::P256, &KeyOptions::new()).unwrap();
    let mac = vault
        .create("mac", KeySpec::Hmac { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let off = KeyOptions::new().enabled(false);
    let off = vault.create("off", Curve::P256, &off).unwrap();
    let foreign = other.create("ec", Curve::P256, &KeyOptions::new()).unwrap();
    let digest = Hash::Sha256.hash(b"two");
    let items = [
        (
            &ec,
            SignItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(b"one"),
            },
        ),
        (
            &foreign,
            SignItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(b"x"),
            },
        ),
        (
            &mac,
            SignItem {
                alg: SignAlg::Hs256,
                input: SignInput::Digest(digest.as_digest()),
            },
        ),
        (
            &off,
            SignItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(b"x"),
            },
        ),
        (
            &ec,
            SignItem {
                alg: SignAlg::Es384,
                input: SignInput::Message(b"x"),
            },
        ),
        (
            &ec,
            SignItem {
                alg: SignAlg::Es256,
                input: SignInput::Digest(digest.as_digest()),
            },
        ),
    ];
    let before = p.audit.events().len();
    let signed = vault.sign_batch(&items);
    assert_eq!(
        p.audit.events().len(),
        before + 5,
        "one event for each item of this vault"
    );
    assert_eq!(signed.len(), items.len());
    let errors: Vec<_> = signed
        .iter()
        .map(|r| r.as_ref().err().map(|e| e.kind().clone()))
        .collect();
    let unfit = ErrorKind::Unfit {
        alg: "ES384",
        key: "P-256",
    };
    assert_eq!(
        errors,
        [
            None,
            Some(ErrorKind::NotFound),
            None,
            Some(ErrorKind::Denied(Denial::Disabled)),
            Some(unfit),
            None
        ]
    );
    let value = |n: usize| signed[n].as_ref().unwrap().value.as_bytes();
    ec.verify(SignAlg::Es256, b"one", value(0)).unwrap();
    mac.verify_digest(SignAlg::Hs256, digest.as_digest(), value(2))
        .unwrap();
    assert_eq!(signed[2].as_ref().unwrap().key, mac.id().unwrap());

    let verify = [
        (
            &ec,
            VerifyItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(b"one"),
                signature: value(0),
            },
        ),
        (
            &ec,
            VerifyItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(b"two"),
                signature: value(0),
            },
        ),
        (
            &ec,
            VerifyItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(b"two"),
                signature: value(5),
            },
        ),
    ];
    let verified: Vec<_> = vault
        .verify_batch(&verify)
        .iter()
        .map(Result::is_ok)
        .collect();
    assert_eq!(verified, [true, false, true]);
    assert!(ec.sign_batch(&[]).is_empty());
}

#[test]
fn hmac_over_a_message_and_over_its_digest_differ() {
    let vault = strongroom::in_memory().unwrap();
    let key = vault
        .create("k", KeySpec::Hmac { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let digest = Hash::Sha256.hash(b"m");
    let message = key.sign(SignAlg::Hs256, b"m").unwrap().value;
    let over_digest = key
        .sign_digest(SignAlg::Hs256, digest.as_digest())
        .unwrap()
        .value;
    assert_ne!(message, over_digest);
    key.verify(SignAlg::Hs256, digest.as_bytes(), over_digest.as_bytes())
        .unwrap();
}

#[test]
fn the_wrong_digest_is_refused_by_name() {
    let vault = strongroom::in_memory().unwrap();
    let key = vault.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    let digest = Digest::new(Hash::Sha384, &[0; 48]).unwrap();
    assert_invalid(
        key.sign_digest(SignAlg::Es256, digest).map(|_| ()),
        "digest",
        Rule::NotWithAlgorithm,
    );
    assert_invalid(
        key.verify_digest(SignAlg::Es256, digest, &[0; 64])
            .map(|_| ()),
        "digest",
        Rule::NotWithAlgorithm,
    );
}

#[test]
fn a_vault_is_not_built_from_parts_that_cannot_work() {
    let missing = Vault::builder().build().unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::Misconfigured { .. }));

    #[derive(Debug)]
    struct Durable(MemoryStore);
    impl Store for Durable {
        fn revision(&self) -> u64 {
            self.0.revision()
        }
        fn get(&self, key: &str) -> Result<Option<strongroom::vault::Record>, Error> {
            self.0.get(key)
        }
        fn scan(
            &self,
            prefix: &str,
            after: Option<&str>,
            limit: usize,
        ) -> Result<Vec<(String, strongroom::vault::Record)>, Error> {
            self.0.scan(prefix, after, limit)
        }
        fn commit(&self, changes: &[Change]) -> Result<u64, Error> {
            self.0.commit(changes)
        }
        fn is_durable(&self) -> bool {
            true
        }
    }
    let lost = Vault::builder()
        .provider(Arc::new(Software::ephemeral().unwrap()))
        .store(Arc::new(Durable(MemoryStore::new())))
        .audit(Arc::new(NoAudit))
        .build();
    assert!(matches!(
        lost.unwrap_err().kind(),
        ErrorKind::Misconfigured { .. }
    ));
    let host = Vault::builder()
        .provider(Arc::new(Software::ephemeral().unwrap()))
        .store(Arc::new(MemoryStore::new()))
        .audit(Arc::new(NoAudit))
        .host("evil/../host")
        .build();
    assert_invalid(host.map(|_| ()), "host", Rule::Character);
}
