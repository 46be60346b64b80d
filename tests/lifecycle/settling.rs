//! Settling, and restoring, beside what other threads do and with a store that loses answers.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};

use strongroom::store::MemoryStore;
use strongroom::vault::{Change, KeyOptions, NoAudit, Store, Vault};
use strongroom::{Curve, ErrorKind, KeyProvider, SignAlg};

use crate::store::Through;
use crate::support::{Token, domain, kind};

fn open(token: Arc<dyn KeyProvider>, store: Arc<dyn Store>) -> Vault {
    let builder = Vault::builder().provider(token).store(store);
    builder.audit(Arc::new(NoAudit)).build().unwrap()
}

/// The backup of a key with three versions, all of which travel in it.
fn backup() -> Vec<u8> {
    let vault = open(Token::generous(), Arc::new(MemoryStore::new()));
    for _ in 0..3 {
        vault.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    }
    vault.backup("k", &domain()).unwrap().blob
}

fn makes_the_key(changes: &[Change]) -> bool {
    let is_it = |change: &Change| change.key == "key/k" && change.value.is_some();
    changes.iter().any(is_it)
}

/// What a store does once, when something is read.
type Once = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// The store, and what it does once after a page of pending records was read (`"pending/"`), or
/// before one of them is.
fn watched(store: Through, when: fn(&str) -> bool) -> (Arc<Through>, Once) {
    let once = Once::default();
    let work = Arc::clone(&once);
    let watched = store.watched(move |reading| {
        let work = when(reading).then(|| work.lock().unwrap().take());
        if let Some(work) = work.flatten() {
            work();
        }
    });
    (Arc::new(watched), once)
}

fn signs(vault: &Vault) {
    let key = vault.latest("k").unwrap();
    key.sign(SignAlg::Es256, b"m").unwrap();
}

/// A restoration ends between the page that settling reads and its look at the record: what it
/// restored is nobody's half-made key.
#[test]
fn what_ended_since_the_page_was_read_is_left_alone() {
    let (backup, token) = (backup(), Token::generous());
    // The last commit of the restoration says that it is there, and waits.
    let (arrived, has_arrived) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let may_go = Mutex::new(may_go);
    let inner = Through::new(Arc::new(MemoryStore::new()), move |store, changes| {
        if makes_the_key(changes) {
            arrived.send(()).unwrap();
            may_go.lock().unwrap().recv().unwrap();
        }
        store.commit(changes)
    });
    let (store, after_page) = watched(inner, |reading| reading == "pending/");
    let vault = open(token.clone(), store);
    let restoring = {
        let vault = vault.clone();
        std::thread::spawn(move || vault.restore(&backup, &domain()).map(|_| ()))
    };
    has_arrived.recv().unwrap();
    *after_page.lock().unwrap() = Some(Box::new(move || {
        go.send(()).unwrap();
        restoring.join().unwrap().unwrap();
    }));
    assert!(vault.settle().unwrap().is_empty());
    assert!(after_page.lock().unwrap().is_none(), "it ran");
    assert_eq!(token.ids().len(), 3);
    signs(&vault);
}

/// The store has the commit, and its answer is an error: whoever took the keys back would
/// destroy those of a key that is there.
#[test]
fn a_restoration_whose_last_answer_is_lost_is_not_taken_back() {
    let (backup, token) = (backup(), Token::generous());
    for has_it in [true, false] {
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let lossy = Through::new(inner.clone(), move |store, changes| {
            if !makes_the_key(changes) {
                return store.commit(changes);
            }
            if has_it {
                store.commit(changes)?;
            }
            Err(ErrorKind::Unavailable { what: "disk" }.into())
        });
        let vault = open(token.clone(), Arc::new(lossy));
        let lost = vault.restore(&backup, &domain());
        assert_eq!(kind(lost), ErrorKind::Unavailable { what: "disk" });
        assert_eq!(token.ids().len(), 3, "{has_it}");
        // The next process finds out.
        let vault = open(token.clone(), inner);
        assert!(vault.settle().unwrap().is_empty());
        match has_it {
            true => signs(&vault),
            false => assert_eq!(kind(vault.latest("k")), ErrorKind::NotFound),
        }
        assert_eq!(token.ids().len(), if has_it { 3 } else { 0 });
        if has_it {
            vault.delete("k").unwrap();
            vault.purge("k").unwrap();
        }
    }
}

/// Who purges a name while something of it is being settled would find it back: he is refused.
#[test]
fn what_is_being_settled_is_not_purged_meanwhile() {
    let token = Token::hsm();
    let loses = Arc::new(AtomicBool::new(false));
    let losing = Arc::clone(&loses);
    let inner = Through::new(Arc::new(MemoryStore::new()), move |store, changes| {
        let is_version = |change: &Change| change.key.starts_with("version/");
        if losing.load(SeqCst) && changes.iter().any(is_version) {
            return Err(ErrorKind::Unavailable { what: "disk" }.into());
        }
        store.commit(changes)
    });
    let is_record = |reading: &str| reading.starts_with("pending/") && reading.len() > 8;
    let (store, before_record) = watched(inner, is_record);
    let vault = open(token.clone(), store.clone());
    let make = || vault.create("k", Curve::P256, &KeyOptions::new());
    make().unwrap();
    loses.store(true, SeqCst);
    assert_eq!(kind(make()), ErrorKind::Unavailable { what: "disk" });
    loses.store(false, SeqCst);
    assert_eq!(token.ids().len(), 2);

    let other = vault.clone();
    *before_record.lock().unwrap() = Some(Box::new(move || {
        other.delete("k").unwrap();
        assert_eq!(kind(other.purge("k")), ErrorKind::Conflict);
    }));
    assert!(vault.settle().unwrap().is_empty());
    assert!(before_record.lock().unwrap().is_none(), "it ran");
    // With both versions.
    vault.purge("k").unwrap();
    assert!(token.ids().is_empty());
    assert_eq!(kind(vault.latest("k")), ErrorKind::NotFound);
    assert!(vault.settle().unwrap().is_empty());
    assert!(store.scan("", None, 10).unwrap().is_empty());
}
