//! Deleting, recovering and purging.

use strongroom::vault::{
    Action, Clock, Key, KeyOptions, KeyUpdate, NoAudit, Outcome, PurgeProtection, RecoveryLevel,
    Store, Tags, Tier, UnixTime, Vault,
};
use strongroom::{Curve, Denial, ErrorKind, SignAlg};

use crate::support::{Bench, DAY, NOW, Token, kind, software};

fn create(vault: &Vault, name: &str) -> Key {
    vault.create(name, Curve::P256, &KeyOptions::new()).unwrap()
}

#[test]
fn a_deleted_key_does_nothing_and_comes_back_as_it_was() {
    let bench = Bench::new();
    let vault = &bench.vault;
    let options = KeyOptions::new().tags(Tags::new([("team", "payments")]).unwrap());
    let first = vault.create("Signing", Curve::P256, &options).unwrap();
    let second = vault.create("signing", Curve::P256, &options).unwrap();
    let floating = vault.latest("signing").unwrap();
    let signature = first.sign(SignAlg::Es256, b"m").unwrap();
    let jwk = second.jwk().unwrap();

    let deleted = vault.delete("SIGNING").unwrap();
    assert_eq!(deleted.name.as_str(), "Signing");
    assert_eq!(
        deleted.recovery_id,
        "https://vault.example/deletedkeys/Signing"
    );
    assert_eq!(
        (deleted.deleted_date, deleted.scheduled_purge_date),
        (NOW, NOW.plus(7_776_000))
    );
    assert_eq!(deleted.jwk.to_json(), jwk.to_json());
    assert_eq!(deleted.tags.get("team"), Some("payments"));
    assert_eq!(vault.deleted("signing").unwrap(), deleted);
    assert_eq!(vault.list_deleted(None, None).unwrap().items, [deleted]);

    // Whoever holds it, and whatever is asked.
    for key in [&first, &second, &floating] {
        assert_eq!(kind(key.sign(SignAlg::Es256, b"m")), ErrorKind::NotFound);
        assert_eq!(kind(key.jwk()), ErrorKind::NotFound);
        assert_eq!(kind(key.update(&KeyUpdate::new())), ErrorKind::NotFound);
        assert_eq!(kind(key.reseal()), ErrorKind::NotFound);
    }
    assert_eq!(kind(vault.latest("signing")), ErrorKind::NotFound);
    assert_eq!(kind(vault.get_by_id(&signature.key)), ErrorKind::NotFound);
    assert_eq!(
        kind(vault.versions("signing", None, None)),
        ErrorKind::NotFound
    );
    assert_eq!(kind(vault.delete("signing")), ErrorKind::NotFound);
    assert!(vault.list(None, None).unwrap().items.is_empty());

    // And the name is taken.
    let taken = vault
        .create("signing", Curve::P256, &KeyOptions::new())
        .unwrap_err();
    let answer = taken.kind().service();
    assert_eq!((answer.status, answer.code), (409, "Conflict"));
    assert_eq!(answer.inner, Some("ObjectIsDeletedButRecoverable"));
    assert!(
        taken
            .to_string()
            .contains("currently in a deleted but recoverable state")
    );

    let back = vault.recover("signing").unwrap();
    assert_eq!(back.id().unwrap(), second.id().unwrap());
    first
        .verify(SignAlg::Es256, b"m", signature.value.as_bytes())
        .unwrap();
    assert_eq!(
        floating.sign(SignAlg::Es256, b"m").unwrap().key,
        second.id().unwrap()
    );
    assert_eq!(
        vault.versions("signing", None, None).unwrap().items.len(),
        2
    );
    assert_eq!(kind(vault.recover("signing")), ErrorKind::NotFound);
    assert_eq!(kind(vault.deleted("signing")), ErrorKind::NotFound);
    assert_eq!(
        kind(vault.purge("signing")),
        ErrorKind::NotFound,
        "only what is deleted"
    );
}

#[test]
fn purging_frees_the_name_and_destroys_the_key_at_the_provider() {
    let token = Token::hsm();
    let bench = Bench::with(|builder| builder.provider(token.clone()));
    let vault = &bench.vault;
    let (one, two) = (create(vault, "k"), create(vault, "k"));
    let other = create(vault, "other");
    assert_eq!(token.ids().len(), 3);
    vault.delete("k").unwrap();
    assert_eq!(token.ids().len(), 3, "kept for recovery");
    vault.purge("K").unwrap();
    assert_eq!(token.ids().len(), 1);
    for key in [one, two] {
        assert_eq!(kind(key.sign(SignAlg::Es256, b"m")), ErrorKind::NotFound);
    }
    assert_eq!(kind(vault.recover("k")), ErrorKind::NotFound);
    let left = bench.store.scan("", None, 100).unwrap();
    let left: Vec<_> = left
        .iter()
        .map(|(key, _)| key.split('/').next().unwrap())
        .collect();
    assert_eq!(left, ["key", "version"]);
    other.sign(SignAlg::Es256, b"m").unwrap();
    create(vault, "k").sign(SignAlg::Es256, b"m").unwrap();
}

#[test]
fn what_is_due_is_purged_and_nothing_before() {
    let bench = Bench::with(|builder| builder.provider(software()).soft_delete_days(7));
    let vault = &bench.vault;
    for name in ["a", "b", "c"] {
        create(vault, name);
        vault.delete(name).unwrap();
        bench.pass(DAY);
    }
    // A day apart: a is due after seven days, b after eight.
    for (at, due) in [
        (7 * DAY - 1, &[][..]),
        (7 * DAY, &["a"]),
        (9 * DAY, &["b", "c"]),
    ] {
        let swept = vault.purge_due(NOW.plus(at)).unwrap();
        let names: Vec<_> = swept.purged.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, due, "{at}");
        assert!(swept.failed.is_empty());
    }
    let swept = vault.purge_due(UnixTime(u64::MAX)).unwrap();
    assert!(swept.purged.is_empty());
}

#[test]
fn one_that_cannot_be_purged_does_not_keep_the_others() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        create(&bench.vault, name);
        create(&bench.vault, name);
        bench.vault.delete(name).unwrap();
    }
    let (key, found) = bench.store.scan("version/b/", None, 1).unwrap().remove(0);
    let damaged = strongroom::vault::Change::replace(key, found.revision, b"?".to_vec());
    bench.store.commit(&[damaged]).unwrap();
    let swept = bench.vault.purge_due(NOW.plus(90 * DAY)).unwrap();
    assert_eq!(swept.purged.len(), 2);
    assert_eq!(swept.failed.len(), 1);
    assert_eq!(swept.failed[0].0, "deleted/b");
    // The other version of the same key is destroyed.
    let left = bench.store.scan("version/", None, 10).unwrap();
    assert_eq!(left.len(), 1);
    // Beyond recovery all the same, and reported for as long as it is there.
    let again = bench.vault.recover("b").unwrap_err();
    assert_eq!(*again.kind(), ErrorKind::BeingDeleted);
    assert_eq!(again.kind().service().inner, Some("ObjectIsBeingDeleted"));
    assert_eq!(
        kind(bench.vault.create("b", Curve::P256, &KeyOptions::new())),
        ErrorKind::BeingDeleted
    );
    assert_eq!(bench.vault.settle().unwrap()[0].record, "destroying/b");
}

#[rustfmt::skip]
const LEVELS: &[(u32, PurgeProtection, &str)] = &[
    (90, PurgeProtection::Off,          "Recoverable+Purgeable"),
    (90, PurgeProtection::On,           "Recoverable"),
    (90, PurgeProtection::Subscription, "Recoverable+ProtectedSubscription"),
    (7,  PurgeProtection::Off,          "CustomizedRecoverable+Purgeable"),
    (89, PurgeProtection::Off,          "CustomizedRecoverable+Purgeable"),
    (7,  PurgeProtection::On,           "CustomizedRecoverable"),
    (89, PurgeProtection::Subscription, "CustomizedRecoverable+ProtectedSubscription"),
];

#[test]
fn recovery_levels_and_what_they_allow() {
    for (days, protection, level) in LEVELS.iter().copied() {
        let bench = Bench::with(|builder| {
            let builder = builder.provider(software());
            builder.soft_delete_days(days).purge_protection(protection)
        });
        let vault = &bench.vault;
        let level: RecoveryLevel = level.parse().unwrap();
        assert_eq!(
            (vault.recovery_level(), vault.recoverable_days()),
            (level, days)
        );
        create(vault, "k");
        let deleted = vault.delete("k").unwrap();
        assert_eq!(
            (deleted.recovery_level, deleted.recoverable_days),
            (level, days)
        );
        let time = u64::from(days) * DAY;
        assert_eq!(deleted.scheduled_purge_date, NOW.plus(time));
        bench.pass(time - 1);
        if level.can_purge() {
            vault.purge("k").unwrap();
            continue;
        }
        let refused = vault.purge("k").unwrap_err();
        assert_eq!(refused.denial(), Some(Denial::PurgeProtected));
        assert_eq!(refused.kind().service().status, 403);
        vault.deleted("k").unwrap();
        bench.pass(1);
        vault.purge("k").expect("its time is over");
    }
    for level in RecoveryLevel::ALL {
        assert_eq!(level.to_string().parse::<RecoveryLevel>().unwrap(), *level);
    }
    for days in [0, 6, 91, u32::MAX] {
        let built = Vault::builder()
            .provider(software())
            .store(std::sync::Arc::new(strongroom::store::MemoryStore::new()))
            .audit(std::sync::Arc::new(NoAudit))
            .soft_delete_days(days)
            .build();
        assert!(
            matches!(kind(built), ErrorKind::Misconfigured { .. }),
            "{days}"
        );
    }
}

#[test]
fn protection_outlives_the_vault_that_promised_it() {
    let provider = software();
    let protected = Bench::with(|builder| {
        builder
            .provider(provider.clone())
            .purge_protection(PurgeProtection::On)
    });
    create(&protected.vault, "k");
    protected.vault.delete("k").unwrap();
    let reopened = Vault::builder()
        .provider(provider)
        .store(protected.store.clone())
        .audit(std::sync::Arc::new(NoAudit))
        .clock(protected.clock.clone())
        .soft_delete_days(7)
        .build()
        .unwrap();
    protected.pass(30 * DAY);
    let refused = reopened.purge("k").unwrap_err();
    assert_eq!(refused.denial(), Some(Denial::PurgeProtected));
    assert!(
        reopened
            .purge_due(protected.clock.now())
            .unwrap()
            .purged
            .is_empty()
    );
    reopened.recover("k").unwrap();
}

#[test]
fn deleted_keys_are_listed_page_by_page() {
    let bench = Bench::new();
    for n in 0..5 {
        let name = format!("k-{n}");
        create(&bench.vault, &name);
        bench.vault.delete(&name).unwrap();
    }
    let first = bench.vault.list_deleted(None, Some(3)).unwrap();
    assert_eq!(first.items.len(), 3);
    let rest = bench
        .vault
        .list_deleted(first.next.as_ref(), Some(3))
        .unwrap();
    assert_eq!(rest.items.len(), 2);
    assert!(rest.next.is_none());
    assert!(bench.vault.list_deleted(None, Some(26)).is_err());
}

#[test]
fn the_end_of_a_key_is_on_the_record() {
    let bench = Bench::new();
    let vault = &bench.vault;
    create(vault, "k");
    vault.delete("k").unwrap();
    vault.deleted("k").unwrap();
    vault.list_deleted(None, None).unwrap();
    vault.recover("k").unwrap();
    vault.delete("k").unwrap();
    vault.purge("k").unwrap();
    let _ = vault.purge("k");
    let _ = vault.delete("a b");
    let events = bench.audit.events();
    let names: Vec<_> = events
        .iter()
        .skip(1)
        .map(|event| event.action.name())
        .collect();
    let expected = [
        "KeyDelete",
        "KeyGetDeleted",
        "KeyListDeleted",
        "KeyRecover",
        "KeyDelete",
        "KeyPurge",
        "KeyPurge",
        "KeyDelete",
    ];
    assert_eq!(names, expected);
    let last = &events[events.len() - 2];
    assert_eq!(last.action, Action::Purge);
    assert_eq!(last.outcome, Outcome::Failed(ErrorKind::NotFound));
}

#[test]
fn deleted_keys_count_as_keys_of_the_pool() {
    let hsm = Token::hsm();
    let bench = Bench::with(|builder| builder.tier(Tier::ManagedHsm).hsm_provider(hsm));
    create(&bench.vault, "k");
    bench.vault.delete("k").unwrap();
    let (_, record) = bench.store.scan("deleted/", None, 1).unwrap().remove(0);
    for n in 1..5000 {
        let copy =
            strongroom::vault::Change::insert(format!("deleted/k-{n}"), record.value.to_vec());
        bench.store.commit(&[copy]).unwrap();
    }
    let full = bench.vault.create("new", Curve::P256, &KeyOptions::new());
    assert!(matches!(
        kind(full),
        ErrorKind::Invalid { field: "keys", .. }
    ));
    bench.vault.purge("k").unwrap();
    create(&bench.vault, "new");
}
