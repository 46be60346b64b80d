//! A process that dies before or after each call of its provider and each commit of its store:
//! what is found at the next opening is whole or absent, and no key is in the token unnamed.

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom::jwk::SecretJwk;
use strongroom::seal::SealingKey;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    BackupKey, Key, KeyOptions, ManualClock, NoAudit, RotationPolicy, Store, Trigger, Vault,
};
use strongroom::{Curve, Error, SignAlg};

use crate::support::{DAY, Fuse, NOW, Token, mortal};

/// More calls than anything here makes.
const MOST_CALLS: usize = 40;

fn open(token: Arc<Token>, store: Arc<dyn Store>) -> Result<Vault, Error> {
    Vault::builder()
        .provider(token)
        .store(store)
        .audit(Arc::new(NoAudit))
        .clock(Arc::new(ManualClock::at(NOW)))
        .build()
}

fn versions(vault: &Vault, name: &str) -> BTreeSet<String> {
    let listed = vault.versions(name, None, None);
    let items = listed.map(|page| page.items).unwrap_or_default();
    items
        .iter()
        .map(|item| item.id.version().to_string())
        .collect()
}

/// Runs `act` in processes that die at each of their calls, and `check` after each in one
/// that lives; the second is given what the first ended with.
fn at_each_call<T>(
    prepare: impl Fn(&Vault),
    act: impl Fn(&Vault) -> Result<T, Error>,
    check: impl Fn(&Vault, Result<T, Error>),
) {
    let mut survived = 0;
    for after in [false, true] {
        for calls in 1..=MOST_CALLS {
            let token = Token::hsm();
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            prepare(&open(token.clone(), store.clone()).unwrap());

            let fuse = Fuse::at(calls, after);
            let mortal = mortal(store.clone(), fuse.clone());
            let dying = open(token.reconnect(fuse.clone()), Arc::new(mortal));
            let done = dying.and_then(|vault| act(&vault));
            if !fuse.has_blown() {
                survived += 1;
                assert!(done.is_ok(), "nothing went wrong");
            }

            // The next process. Reading alone must find everything in order.
            let vault = open(token.clone(), store.clone()).unwrap();
            assert!(vault.settle().unwrap().is_empty());
            for unsettled in ["pending/", "destroying/"] {
                assert!(store.scan(unsettled, None, 1).unwrap().is_empty());
            }
            let named = store.scan("version/", None, 100).unwrap().len();
            assert_eq!(
                token.ids().len(),
                named,
                "{calls} {after}: a key without a record"
            );
            assert!(vault.unlisted().unwrap().is_empty());
            check(&vault, done);
        }
    }
    assert!(survived > 0, "each was cut short: MOST_CALLS is too low");
    assert!(survived < 2 * MOST_CALLS, "none was cut short");
}

fn make(vault: &Vault) -> Result<Key, Error> {
    vault.create("k", Curve::P256, &KeyOptions::new())
}

/// The acknowledged key is there; an unacknowledged one is whole or absent.
fn is_whole_or_absent(vault: &Vault, made: Result<Key, Error>) {
    let current = vault.latest("k");
    match made {
        Ok(key) => {
            let id = key.name().clone();
            assert_eq!(*current.unwrap().name(), id);
            assert_eq!(versions(vault, "k").len(), 1);
        }
        Err(_) => {
            assert!(versions(vault, "k").len() <= 1);
            if let Ok(key) = current {
                key.sign(SignAlg::Es256, b"m").unwrap();
            }
        }
    }
}

#[test]
fn create() {
    at_each_call(|_| (), make, is_whole_or_absent);
}

/// Of a key that is in its handle nothing can be left behind: it takes one commit, before which it
/// is absent and after which it is whole.
#[test]
fn create_of_a_key_in_its_handle() {
    let software = Arc::new(Software::new(SealingKey::from_bytes([7; 32])).unwrap());
    let open = |store: Arc<dyn Store>| {
        let vault = Vault::builder().provider(software.clone()).store(store);
        vault.audit(Arc::new(NoAudit)).build().unwrap()
    };
    for (calls, after) in [(1, false), (1, true), (2, false)] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let fuse = Fuse::at(calls, after);
        let made = make(&open(Arc::new(mortal(store.clone(), fuse.clone()))));
        assert_eq!(fuse.has_blown(), calls == 1, "one commit");
        assert_eq!(made.is_err(), calls == 1);
        let vault = open(store.clone());
        assert!(vault.settle().unwrap().is_empty());
        assert_eq!(vault.latest("k").is_ok(), after || calls == 2);
        is_whole_or_absent(&vault, made);
        assert!(store.scan("pending/", None, 1).unwrap().is_empty());
    }
}

#[test]
fn import() {
    let jwk = br#"{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
    let jwk = SecretJwk::from_json(jwk).unwrap();
    let import = |vault: &Vault| vault.import("k", &jwk, &KeyOptions::new());
    at_each_call(|_| (), import, is_whole_or_absent);
}

#[test]
fn another_version() {
    let prepare = |vault: &Vault| drop(make(vault).unwrap());
    at_each_call(prepare, make, |vault, made| {
        let count = versions(vault, "k").len();
        match made {
            Ok(_) => assert_eq!(count, 2),
            Err(_) => assert!((1..=2).contains(&count)),
        }
        vault
            .latest("k")
            .unwrap()
            .sign(SignAlg::Es256, b"m")
            .unwrap();
    });
}

#[test]
fn delete_and_recover() {
    let prepare = |vault: &Vault| drop(make(vault).unwrap());
    let act = |vault: &Vault| {
        vault.delete("k")?;
        vault.recover("k")
    };
    at_each_call(prepare, act, |vault, done| {
        if done.is_ok() || vault.deleted("k").is_err() {
            vault
                .latest("k")
                .unwrap()
                .sign(SignAlg::Es256, b"m")
                .unwrap();
        } else {
            assert!(vault.latest("k").is_err());
            vault.recover("k").unwrap();
        }
    });
}

#[test]
fn purge() {
    let prepare = |vault: &Vault| {
        (0..3).for_each(|_| drop(make(vault).unwrap()));
        vault.delete("k").unwrap();
    };
    at_each_call(
        prepare,
        |vault| vault.purge("k"),
        |vault, done| {
            // Kept whole, or gone whole.
            match vault.recover("k") {
                Ok(key) => {
                    assert!(done.is_err());
                    assert_eq!(versions(vault, "k").len(), 3);
                    key.sign(SignAlg::Es256, b"m").unwrap();
                }
                Err(_) => drop(make(vault).unwrap()),
            }
        },
    );
}

#[test]
fn purge_of_what_another_crash_left() {
    // A version that was half-made when the key was deleted goes with the others.
    for after in [false, true] {
        let token = Token::hsm();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let vault = open(token.clone(), store.clone()).unwrap();
        make(&vault).unwrap();
        // Dies around generation: the pending record is there, the key perhaps.
        let fuse = Fuse::at(2, after);
        let inner = store.clone();
        let mortal = mortal(inner, fuse.clone());
        let dying = open(token.reconnect(fuse), Arc::new(mortal)).unwrap();
        assert!(make(&dying).is_err());
        assert_eq!(store.scan("pending/", None, 9).unwrap().len(), 1);
        vault.delete("k").unwrap();
        vault.purge("k").unwrap();
        assert!(token.ids().is_empty());
        assert!(store.scan("", None, 9).unwrap().is_empty());
    }
}

#[test]
fn what_was_half_made_when_its_name_was_deleted_is_recovered_with_it() {
    let token = Token::hsm();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = open(token.clone(), store.clone()).unwrap();
    let first = make(&vault).unwrap().id().unwrap();
    let fuse = Fuse::at(2, true);
    let inner = store.clone();
    let mortal = mortal(inner, fuse.clone());
    let dying = open(token.reconnect(fuse), Arc::new(mortal)).unwrap();
    assert!(make(&dying).is_err());
    vault.delete("k").unwrap();
    assert!(vault.settle().unwrap().is_empty());
    assert!(
        vault.latest("k").is_err(),
        "settling does not bring a deleted key back"
    );
    vault.recover("k").unwrap();
    assert_eq!(versions(&vault, "k").len(), 2);
    assert_eq!(vault.latest("k").unwrap().id().unwrap(), first);
}

#[test]
fn rotation() {
    let prepare = |vault: &Vault| {
        make(vault).unwrap();
        let monthly = RotationPolicy::new().rotate(Trigger::after_create("P28D").unwrap());
        vault.set_rotation_policy("k", &monthly).unwrap();
    };
    let due = NOW.plus(28 * DAY);
    let act = |vault: &Vault| {
        let done = vault.rotate_due(due)?;
        match done.failed.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(done.rotated.len()),
        }
    };
    at_each_call(prepare, act, |vault, done| {
        // Whether or not it was told of: after the next sweep there are two, and one is new.
        let again = vault.rotate_due(due).unwrap();
        assert!(again.failed.is_empty());
        if done.is_ok() {
            assert!(again.rotated.is_empty());
        }
        assert_eq!(versions(vault, "k").len(), 2);
        let current = vault.latest("k").unwrap();
        assert_eq!(current.attributes().unwrap().created, due);
        current.sign(SignAlg::Es256, b"m").unwrap();
    });
}

#[test]
fn rotation_on_demand() {
    let prepare = |vault: &Vault| drop(make(vault).unwrap());
    at_each_call(
        prepare,
        |vault| vault.rotate("k"),
        |vault, done| {
            let count = versions(vault, "k").len();
            assert!(count == 2 || (count == 1 && done.is_err()));
            vault
                .latest("k")
                .unwrap()
                .sign(SignAlg::Es256, b"m")
                .unwrap();
        },
    );
}

#[test]
fn restore() {
    let domain = BackupKey::from_bytes([7; 32]);
    let token = Token::generous();
    let vault = open(token, Arc::new(MemoryStore::new())).unwrap();
    (0..3).for_each(|_| drop(make(&vault).unwrap()));
    let backup = vault.backup("k", &domain).unwrap().blob;
    at_each_call(
        |_| (),
        |vault| vault.restore(&backup, &domain),
        |vault, done| {
            let count = versions(vault, "k").len();
            assert!(count == 3 || (count == 0 && done.is_err()));
            match vault.latest("k") {
                Ok(key) => drop(key.sign(SignAlg::Es256, b"m").unwrap()),
                // The backup is still good.
                Err(_) => drop(vault.restore(&backup, &domain).unwrap()),
            }
        },
    );
}

#[test]
fn a_key_that_no_record_names_is_listed_and_left_alone() {
    let token = Token::hsm();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vault = open(token.clone(), store).unwrap();
    let mine = make(&vault).unwrap();
    assert!(vault.unlisted().unwrap().is_empty());
    // Made by a vault whose store is lost.
    let lost = open(token.clone(), Arc::new(MemoryStore::new())).unwrap();
    lost.create("lost", Curve::P256, &KeyOptions::new())
        .unwrap();
    let unlisted = vault.unlisted().unwrap();
    assert_eq!(unlisted.len(), 1);
    assert!(vault.settle().unwrap().is_empty());
    vault.delete("k").unwrap();
    vault.purge("k").unwrap();
    assert!(mine.sign(SignAlg::Es256, b"m").is_err());
    assert_eq!(token.ids(), [unlisted[0].id()], "nobody deleted it");
    let adopted = vault
        .adopt("found", &unlisted[0], &KeyOptions::new())
        .unwrap();
    adopted.sign(SignAlg::Es256, b"m").unwrap();
    assert!(vault.unlisted().unwrap().is_empty());
}
