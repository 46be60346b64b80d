//! Keys that are in their handles, which are made in one commit: who is first, what is refused, and
//! what is left of that.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use strongroom::fit::SignRequest;
use strongroom::provider::{Capabilities, Health, NewKey};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    Change, Key, KeyOptions, NoAudit, ReleasePolicy, Store, Tier, Vault, VaultBuilder,
};
use strongroom::{
    Curve, Error, ErrorKind, KeyHandle, KeyProvider, KeySpec, ProviderId, ProviderKeyId, Rule,
    SecretBytes, SignAlg, Signature,
};

use crate::store::Through;
use crate::support::{Token, domain};

/// An HSM of which the handles are the keys, wrapped by it.
#[derive(Default)]
struct Wrapping {
    made: AtomicUsize,
    destroyed: Mutex<Vec<ProviderKeyId>>,
    answers_with_another: AtomicBool,
    /// After how many keys, made or restored, it restores none.
    refuses_after: Mutex<Option<usize>>,
    /// What is done once, while a key is made.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    inner: Option<Software>,
}

impl std::fmt::Debug for Wrapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wrapping")
    }
}

impl Wrapping {
    fn new() -> Arc<Self> {
        let inner = Some(Software::ephemeral().unwrap());
        Arc::new(Wrapping {
            inner,
            ..Wrapping::default()
        })
    }

    fn inner(&self) -> &Software {
        self.inner.as_ref().unwrap()
    }

    /// Counts a key, and does what is to be done meanwhile; how many there were before.
    fn begin(&self) -> usize {
        let made = self.made.fetch_add(1, SeqCst);
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        made
    }

    fn destroyed(&self) -> Vec<ProviderKeyId> {
        self.destroyed.lock().unwrap().clone()
    }
}

impl KeyProvider for Wrapping {
    fn id(&self) -> &ProviderId {
        self.inner().id()
    }
    fn capabilities(&self) -> Arc<Capabilities> {
        let offers = Capabilities::clone(&self.inner().capabilities());
        assert!(offers.keys_in_handles());
        offers.with_hsm(true).into()
    }
    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        self.begin();
        if self.answers_with_another.load(SeqCst) {
            let another = ProviderKeyId::from_bytes([9; 16]);
            return self.inner().generate(&NewKey::new(another, new.spec())?);
        }
        self.inner().generate(new)
    }
    fn find(&self, _: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        Ok(None)
    }
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.destroyed.lock().unwrap().push(key.id());
        self.inner().destroy(key)
    }
    fn back_up(&self, key: &KeyHandle, under: &SecretBytes) -> Result<Option<Vec<u8>>, Error> {
        self.inner().back_up(key, under)
    }
    fn restore(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let made = self.begin();
        if self
            .refuses_after
            .lock()
            .unwrap()
            .is_some_and(|most| made >= most)
        {
            return Err(ErrorKind::Unavailable { what: "token" }.into());
        }
        self.inner().restore(wrapped, under, new)
    }
    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        self.inner().sign(request)
    }
    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.inner().random(out)
    }
    fn health(&self) -> Health {
        Health::Up
    }
}

fn builder(provider: &Arc<Wrapping>, store: Arc<dyn Store>) -> VaultBuilder {
    Vault::builder()
        .hsm_provider(provider.clone())
        .tier(Tier::ManagedHsm)
        .store(store)
        .audit(Arc::new(NoAudit))
}

fn make(vault: &Vault) -> Result<Key, Error> {
    vault.create("k", KeySpec::Ec(Curve::P256), &KeyOptions::new())
}

fn count(store: &dyn Store, prefix: &str) -> usize {
    store.scan(prefix, None, 1000).unwrap().len()
}

#[test]
fn another_key_than_was_asked_for_is_refused() {
    let (provider, store) = (Wrapping::new(), Arc::new(MemoryStore::new()));
    let vault = builder(&provider, store.clone()).build().unwrap();
    provider.answers_with_another.store(true, SeqCst);
    let refused = make(&vault).unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::FaultDetected);
    assert_eq!(count(&*store, ""), 0);
}

/// A name that is deleted, or purged, when the new version of it has been planned.
#[test]
fn a_name_that_is_deleted_meanwhile_gets_no_version() {
    let json = br#"{"version":"1.0.0","anyOf":[{"authority":"https://a.example",
        "anyOf":[{"claim":"c","equals":true}]}]}"#;
    let policy = ReleasePolicy::from_json(json).unwrap();
    let with_policy = KeyOptions::new().exportable(true).release_policy(policy);
    for (options, is_there, purges) in [
        (KeyOptions::new(), true, false),
        (KeyOptions::new(), false, false),
        (KeyOptions::new(), true, true),
        (with_policy.clone(), true, false),
        (with_policy, true, true),
    ] {
        let has_policy = options != KeyOptions::new();
        let (provider, inner) = (Wrapping::new(), Arc::new(MemoryStore::new()));
        let other = builder(&provider, inner.clone()).build().unwrap();
        let create = move |vault: &Vault| vault.create("k", Curve::P256, &options).unwrap();
        let first = is_there.then(|| create(&other));
        let armed = AtomicBool::new(true);
        let store = Through::new(inner.clone(), move |store, changes| {
            let publishes = |change: &Change| change.key.starts_with("version/");
            if changes.iter().any(publishes) && armed.swap(false, SeqCst) {
                if !is_there {
                    create(&other);
                }
                other.delete("k").unwrap();
                if purges {
                    other.purge("k").unwrap();
                }
            }
            store.commit(changes)
        });
        let vault = builder(&provider, Arc::new(store)).build().unwrap();
        let made = make(&vault);
        // Of the first version, which is kept or purged, and the second, which is made or refused.
        let (kept, destroyed) = match (purges, has_policy) {
            (false, _) => {
                assert_eq!(*made.unwrap_err().kind(), ErrorKind::Deleted);
                assert!(first.is_none_or(|key| key.spec().is_err()));
                (1, 1)
            }
            (true, false) => {
                assert!(made.is_ok(), "the name is free again");
                (1, 1)
            }
            // It was to be exportable, as the key had a policy, which is gone.
            (true, true) => {
                let (field, rule) = ("release_policy", Rule::Missing);
                assert_eq!(
                    *made.unwrap_err().kind(),
                    ErrorKind::Invalid { field, rule }
                );
                (0, 2)
            }
        };
        assert_eq!(count(&*inner, "version/"), kept);
        assert_eq!(count(&*inner, "pending/"), 0);
        assert_eq!(provider.destroyed().len(), destroyed);
    }
}

#[test]
fn limits_hold_and_are_asked_before_the_work() {
    let (provider, store) = (Wrapping::new(), Arc::new(MemoryStore::new()));
    let vault = builder(&provider, store.clone()).build().unwrap();
    let most = Tier::ManagedHsm.most_versions().unwrap();
    for _ in 1..most {
        make(&vault).unwrap();
    }
    let is_full = |made: Result<Key, Error>| {
        let full = Rule::TooLong(most);
        let field = "versions";
        assert_eq!(
            *made.unwrap_err().kind(),
            ErrorKind::Invalid { field, rule: full }
        );
    };
    // While one is made for which there is room, another one takes it.
    let other = vault.clone();
    *provider.meanwhile.lock().unwrap() = Some(Box::new(move || drop(make(&other).unwrap())));
    is_full(make(&vault));
    assert_eq!(count(&*store, "version/"), most);
    assert_eq!(provider.destroyed().len(), 1);
    let made = provider.made.load(SeqCst);
    is_full(make(&vault));
    assert_eq!(provider.made.load(SeqCst), made);
}

/// A backup of two versions, of which nothing is left but this.
fn backup() -> Vec<u8> {
    let software = Arc::new(Software::ephemeral().unwrap());
    let vault = Vault::builder().provider(software);
    let vault = vault.store(Arc::new(MemoryStore::new()));
    let vault = vault.audit(Arc::new(NoAudit)).build().unwrap();
    make(&vault).unwrap();
    vault.rotate("k").unwrap();
    vault.backup("k", &domain()).unwrap().blob
}

/// A vault with the provider, in front of a store of which the commits are counted, and what is
/// done instead of the one that publishes.
fn watched(
    provider: &Arc<Wrapping>,
    instead: impl Fn(&dyn Store, &[Change]) -> Result<u64, Error> + Send + Sync + 'static,
) -> (Vault, Arc<MemoryStore>, Arc<AtomicUsize>) {
    let (inner, commits) = (Arc::new(MemoryStore::new()), Arc::new(AtomicUsize::new(0)));
    let counted = commits.clone();
    let store = Through::new(inner.clone(), move |store, changes| {
        counted.fetch_add(1, SeqCst);
        match changes.iter().any(|it| it.key.starts_with("version/")) {
            true => instead(store, changes),
            false => store.commit(changes),
        }
    });
    let vault = Vault::builder().provider(provider.clone());
    let vault = vault.store(Arc::new(store)).audit(Arc::new(NoAudit));
    (vault.build().unwrap(), inner, commits)
}

#[test]
fn a_backup_is_restored_in_one_commit() {
    let provider = Wrapping::new();
    let (vault, store, commits) = watched(&provider, |store, changes| store.commit(changes));
    let before = commits.load(SeqCst);
    let key = vault.restore(&backup(), &domain()).unwrap();
    assert_eq!(commits.load(SeqCst) - before, 1);
    assert_eq!(count(&*store, "version/"), 2);
    assert_eq!(count(&*store, "pending/"), 0);
    key.sign(SignAlg::Es256, b"m").unwrap();
}

/// A name that is taken when its keys have been restored, and a commit of which nobody knows whether
/// the store has it.
#[test]
fn restored_keys_go_where_the_store_refuses_them_and_stay_where_it_may_have_them() {
    for (refuses, has_it) in [(true, false), (false, true), (false, false)] {
        let provider = Wrapping::new();
        let (vault, store, _) = watched(&provider, move |store, changes| {
            if refuses {
                let taken = Change::insert("key/k".into(), b"taken".to_vec());
                store.commit(&[taken]).unwrap();
            }
            if refuses || has_it {
                store.commit(changes)?;
            }
            Err(ErrorKind::Unavailable { what: "disk" }.into())
        });
        let error = vault.restore(&backup(), &domain()).unwrap_err();
        let expected = match refuses {
            true => ErrorKind::Exists,
            false => ErrorKind::Unavailable { what: "disk" },
        };
        assert_eq!(*error.kind(), expected);
        assert_eq!(provider.made.load(SeqCst), 2);
        assert_eq!(provider.destroyed().len(), if refuses { 2 } else { 0 });
        assert_eq!(count(&*store, "version/"), if has_it { 2 } else { 0 });
        assert_eq!(count(&*store, "pending/"), 0);
    }
}

#[test]
fn of_a_backup_of_which_the_second_key_cannot_be_restored_the_first_is_not_kept() {
    let provider = Wrapping::new();
    let (vault, store, commits) = watched(&provider, |store, changes| store.commit(changes));
    let before = commits.load(SeqCst);
    *provider.refuses_after.lock().unwrap() = Some(1);
    let error = vault.restore(&backup(), &domain()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable { what: "token" });
    assert_eq!(commits.load(SeqCst), before);
    assert_eq!(count(&*store, ""), 0);
    assert_eq!(provider.destroyed().len(), 1);
}

/// Two restore the same backup, of as many versions as are allowed, at once: who is second is told
/// that the name is taken and not that it is full.
#[test]
fn who_restores_what_somebody_else_has_restored_meanwhile_finds_the_name_taken() {
    let most = Tier::ManagedHsm.most_versions().unwrap();
    let provider = Wrapping::new();
    let source = builder(&provider, Arc::new(MemoryStore::new()));
    let source = source.build().unwrap();
    (0..most).for_each(|_| drop(make(&source).unwrap()));
    let backup = source.backup("k", &domain()).unwrap().blob;
    let store = Arc::new(MemoryStore::new());
    let vault = builder(&provider, store.clone()).build().unwrap();
    let (other, same) = (vault.clone(), backup.clone());
    *provider.meanwhile.lock().unwrap() = Some(Box::new(move || {
        other.restore(&same, &domain()).unwrap();
    }));
    let error = vault.restore(&backup, &domain()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Exists);
    assert_eq!(count(&*store, "version/"), most);
    assert_eq!(provider.destroyed().len(), most);
}

#[test]
fn limits_hold_for_what_is_restored_and_are_asked_before_the_work() {
    let (provider, store) = (Wrapping::new(), Arc::new(MemoryStore::new()));
    let vault = builder(&provider, store.clone()).build().unwrap();
    let most = Tier::ManagedHsm.most_keys().unwrap();
    let other_key = |i: usize| Change::insert(format!("key/other-{i}"), b"a key".to_vec());
    let others: Vec<_> = (1..most).map(other_key).collect();
    store.commit(&others).unwrap();
    let is_full = |restored: Result<Key, Error>| {
        let rule = Rule::TooLong(most);
        let field = "keys";
        assert_eq!(
            *restored.unwrap_err().kind(),
            ErrorKind::Invalid { field, rule }
        );
    };
    let backup = backup();
    // While there is room for one the keys are restored, and then another one takes it.
    let takes = store.clone();
    *provider.meanwhile.lock().unwrap() = Some(Box::new(move || {
        takes.commit(&[other_key(most)]).unwrap();
    }));
    is_full(vault.restore(&backup, &domain()));
    assert_eq!(provider.made.load(SeqCst), 2);
    assert_eq!(provider.destroyed().len(), 2);
    is_full(vault.restore(&backup, &domain()));
    assert_eq!(provider.made.load(SeqCst), 2);
    assert_eq!(count(&*store, "version/"), 0);
}

/// Versions in software and in a token, which goes with them or stays where it is.
#[test]
fn of_a_mixture_that_is_refused_only_what_was_restored_goes() {
    for (token, travels) in [(Token::generous(), true), (Token::hsm(), false)] {
        let software = Arc::new(Software::ephemeral().unwrap());
        let vault = |store: Arc<dyn Store>| {
            let vault = Vault::builder().software_provider(software.clone());
            let vault = vault.hsm_provider(token.clone()).store(store);
            vault.audit(Arc::new(NoAudit)).build().unwrap()
        };
        let source = vault(Arc::new(MemoryStore::new()));
        for hsm in [false, true, false] {
            let options = KeyOptions::new().hsm(hsm).exportable(travels && hsm);
            source.create("k", Curve::P256, &options).unwrap();
        }
        let backup = source.backup("k", &domain()).unwrap().blob;
        let before = token.ids();
        assert_eq!(before.len(), 1);
        let inner = Arc::new(MemoryStore::new());
        let store = Through::new(inner.clone(), |store, changes| {
            if changes.iter().any(|it| it.key.starts_with("version/")) {
                let taken = Change::insert("key/k".into(), b"taken".to_vec());
                store.commit(&[taken]).unwrap();
            }
            store.commit(changes)
        });
        let error = vault(Arc::new(store))
            .restore(&backup, &domain())
            .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Exists);
        assert_eq!(token.ids(), before);
        assert_eq!(count(&*inner, "version/"), 0);
        assert_eq!(count(&*inner, "pending/"), 0);
        // Where nothing is in the way, all of it comes.
        let inner = Arc::new(MemoryStore::new());
        vault(inner.clone()).restore(&backup, &domain()).unwrap();
        assert_eq!(count(&*inner, "version/"), 3);
        assert_eq!(token.ids().len(), if travels { 2 } else { 1 });
    }
}
