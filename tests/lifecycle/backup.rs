//! Backup and restore.

use std::sync::Arc;

use strongroom::store::MemoryStore;
use strongroom::vault::{
    Action, BackupForm, BackupKey, KeyOptions, KeyUpdate, NoAudit, RotationPolicy, Store, Tags,
    Tier, Trigger, Vault,
};
use strongroom::{Curve, EncryptAlg, EncryptParams, ErrorKind, KeySpec, Rule, SignAlg};

use crate::support::{Bench, DAY, NOW, Token, domain, kind, software};

#[test]
fn a_key_comes_back_with_all_that_it_had() {
    let from = Bench::new();
    let tags = Tags::new([("team", "payments")]).unwrap();
    let options = KeyOptions::new()
        .tags(tags)
        .exp(NOW.plus(90 * DAY))
        .exportable(true);
    let mut signed = Vec::new();
    for _ in 0..3 {
        let key = from.vault.create("Signing", Curve::P384, &options).unwrap();
        signed.push((
            key.id().unwrap(),
            key.sign(SignAlg::Es384, b"m").unwrap().value,
        ));
        from.pass(60);
    }
    let policy = RotationPolicy::new().rotate(Trigger::after_create("P60D").unwrap());
    let policy = from.vault.set_rotation_policy("signing", &policy).unwrap();
    let first = from.vault.get_by_id(&signed[0].0).unwrap();
    first.update(&KeyUpdate::new().enabled(false)).unwrap();

    let backup = from.vault.backup("SIGNING", &domain()).unwrap();
    assert_eq!(backup.versions.len(), 3);
    assert!(
        backup
            .versions
            .iter()
            .all(|(_, form)| *form == BackupForm::Wrapped)
    );

    let to = Bench::new();
    let current = to.vault.restore(&backup.blob, &domain()).unwrap();
    assert_eq!(current.id().unwrap(), signed[2].0);
    assert_eq!(current.name().as_str(), "Signing");
    for (id, signature) in &signed {
        let (old, new) = (
            from.vault.get_by_id(id).unwrap(),
            to.vault.get_by_id(id).unwrap(),
        );
        assert_eq!(new.attributes().unwrap(), old.attributes().unwrap());
        assert_eq!(new.tags().unwrap(), old.tags().unwrap());
        assert_eq!(new.ops().unwrap(), old.ops().unwrap());
        assert_eq!(new.jwk().unwrap().to_json(), old.jwk().unwrap().to_json());
        if old.attributes().unwrap().enabled {
            new.verify(SignAlg::Es384, b"m", signature.as_bytes())
                .unwrap();
            let again = new.sign(SignAlg::Es384, b"m").unwrap().value;
            old.verify(SignAlg::Es384, b"m", again.as_bytes()).unwrap();
        }
    }
    assert_eq!(to.vault.rotation_policy("signing").unwrap(), policy);

    // Independent of the original from now on.
    from.vault.delete("signing").unwrap();
    from.vault.purge("signing").unwrap();
    current.sign(SignAlg::Es384, b"m").unwrap();
    from.vault.restore(&backup.blob, &domain()).unwrap();
}

#[test]
fn every_kind_of_key_travels() {
    let (from, to) = (Bench::new(), Bench::new());
    for spec in KeySpec::ALL.iter().copied() {
        if matches!(spec, KeySpec::Rsa { bits: 3072.. }) {
            continue; // Slow, and the same as the smaller one.
        }
        let name = format!("k-{}", spec.name().to_lowercase());
        let key = from.vault.create(&name, spec, &KeyOptions::new()).unwrap();
        let backup = from.vault.backup(&name, &domain()).unwrap();
        let back = to.vault.restore(&backup.blob, &domain()).unwrap();
        assert_eq!(back.spec().unwrap(), spec);
        match spec {
            KeySpec::Aes { bits } => {
                let alg = [
                    EncryptAlg::A128Gcm,
                    EncryptAlg::A192Gcm,
                    EncryptAlg::A256Gcm,
                ];
                let alg = alg[usize::try_from(bits / 64 - 2).unwrap()];
                let sealed = key
                    .encrypt(alg, b"m", EncryptParams::default())
                    .unwrap()
                    .value;
                let bytes = sealed.as_bytes();
                let opened = back.decrypt(alg, bytes, sealed.params()).unwrap();
                assert_eq!(opened.value.expose(), b"m");
            }
            _ => {
                let alg = SignAlg::ALL.iter().find(|alg| alg.fits(spec)).unwrap();
                let signature = key.sign(*alg, b"m").unwrap().value;
                back.verify(*alg, b"m", signature.as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn a_taken_name_is_not_restored_over() {
    let bench = Bench::new();
    bench
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let backup = bench.vault.backup("k", &domain()).unwrap();
    let over = bench.vault.restore(&backup.blob, &domain()).unwrap_err();
    assert_eq!(*over.kind(), ErrorKind::Exists);
    assert_eq!(
        (over.kind().service().status, over.kind().service().code),
        (409, "Conflict")
    );
    bench.vault.delete("k").unwrap();
    let over = bench.vault.restore(&backup.blob, &domain());
    assert_eq!(kind(over), ErrorKind::Deleted);
    assert_eq!(
        kind(bench.vault.backup("k", &domain())),
        ErrorKind::NotFound
    );
    bench.vault.purge("k").unwrap();
    bench.vault.restore(&backup.blob, &domain()).unwrap();
    let actions: Vec<_> = bench
        .audit
        .events()
        .iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(
        actions
            .iter()
            .filter(|action| **action == Action::Restore)
            .count(),
        3
    );
}

#[test]
fn a_foreign_cut_or_altered_blob_is_refused_before_anything_is_written() {
    let from = Bench::new();
    from.vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let blob = from.vault.backup("k", &domain()).unwrap().blob;
    let token = Token::hsm();
    let to = Bench::with(|builder| builder.provider(token.clone()));
    let refuse = |blob: &[u8], under: &BackupKey| {
        let refused = to.vault.restore(blob, under).unwrap_err();
        assert_eq!(*refused.kind(), ErrorKind::MalformedBackup);
        let answer = refused.kind().service();
        assert_eq!((answer.status, answer.code), (400, "MalformedBackupBlob"));
    };
    refuse(&blob, &BackupKey::from_bytes([8; 32]));
    for at in 0..blob.len() {
        let mut altered = blob.clone();
        altered[at] ^= 1 << (at % 8);
        refuse(&altered, &domain());
        if at % 7 == 0 {
            refuse(&blob[..at], &domain());
        }
    }
    refuse(&[blob.as_slice(), &[0]].concat(), &domain());
    assert!(to.store.scan("", None, 1).unwrap().is_empty());
    assert!(token.ids().is_empty());
    // The blob says nothing of what is in it. What is looked for is too long to be there by chance.
    let text = String::from_utf8_lossy(&blob);
    let version = from.vault.latest("k").unwrap().id().unwrap().version();
    assert!(!text.contains("version") && !text.contains(&version.to_string()));
    let shown = format!("{:?}", from.vault.backup("k", &domain()).unwrap());
    assert!(shown.contains("bytes") && shown.len() < 200, "{shown}");
}

#[test]
fn a_key_that_stays_in_its_token_travels_as_a_reference() {
    let token = Token::hsm();
    let from = Bench::with(|builder| builder.provider(token.clone()));
    let key = from
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let backup = from.vault.backup("k", &domain()).unwrap();
    let version = key.id().unwrap().version();
    assert_eq!(backup.versions, [(version, BackupForm::Reference)]);

    // Another vault on the same token.
    let to = Bench::with(|builder| builder.provider(token.clone()));
    to.vault
        .restore(&backup.blob, &domain())
        .unwrap()
        .sign(SignAlg::Es256, b"m")
        .unwrap();
    assert_eq!(token.ids().len(), 1);
    // One on another token, and one without any.
    let elsewhere = Bench::with(|builder| builder.provider(Token::hsm()));
    assert_eq!(
        kind(elsewhere.vault.restore(&backup.blob, &domain())),
        ErrorKind::NotFound
    );
    let nowhere = Bench::new().vault.restore(&backup.blob, &domain());
    assert_eq!(kind(nowhere), ErrorKind::Unavailable { what: "provider" });
    assert!(elsewhere.store.scan("", None, 1).unwrap().is_empty());
}

#[test]
fn a_key_that_its_token_gives_out_moves_to_another() {
    let (one, other) = (Token::generous(), Token::generous());
    let from = Bench::with(|builder| builder.tier(Tier::ManagedHsm).hsm_provider(one));
    let key = from
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let backup = from.vault.backup("k", &domain()).unwrap();
    assert_eq!(backup.versions[0].1, BackupForm::Wrapped);
    let to = Bench::with(|builder| builder.tier(Tier::ManagedHsm).hsm_provider(other.clone()));
    let back = to.vault.restore(&backup.blob, &domain()).unwrap();
    assert_eq!(other.ids().len(), 1);
    let signature = back.sign(SignAlg::Es256, b"m").unwrap().value;
    key.verify(SignAlg::Es256, b"m", signature.as_bytes())
        .unwrap();
    // A key of an HSM does not come back in software where there is a choice.
    let standard =
        Bench::with(|builder| builder.tier(Tier::Standard).software_provider(software()));
    let refused = standard.vault.restore(&backup.blob, &domain());
    assert_eq!(kind(refused), ErrorKind::HardwareNotAllowed);
}

#[test]
fn five_hundred_versions_and_no_more() {
    let provider = software();
    let from = Bench::with(|builder| builder.provider(provider.clone()));
    let key = from
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let (name, record) = from.store.scan("version/", None, 1).unwrap().remove(0);
    let id = key.id().unwrap().version().to_string();
    let value = String::from_utf8(record.value.to_vec()).unwrap();
    let mut copy = |n: usize| {
        let version = format!("{n:032x}");
        let insert = strongroom::vault::Change::insert(
            name.replace(&id, &version),
            value.replace(&id, &version).into_bytes(),
        );
        from.store.commit(&[insert]).unwrap();
    };
    (1..500).for_each(&mut copy);
    let backup = from.vault.backup("k", &domain()).unwrap();
    assert_eq!(backup.versions.len(), 500);
    copy(500);
    let full = from.vault.backup("k", &domain());
    let too_many = ErrorKind::Invalid {
        field: "versions",
        rule: Rule::TooLong(500),
    };
    assert_eq!(kind(full), too_many);
    let managed = Bench::with(|builder| {
        builder
            .tier(Tier::ManagedHsm)
            .hsm_provider(Token::generous())
    });
    let most = ErrorKind::Invalid {
        field: "versions",
        rule: Rule::TooLong(100),
    };
    assert_eq!(kind(managed.vault.restore(&backup.blob, &domain())), most);
}

#[test]
fn a_backup_outlives_the_sealing_key_of_its_vault() {
    use strongroom::software::{SealingKey, Software};
    let vault = |sealing: u8| {
        let provider = Software::new(SealingKey::from_bytes([sealing; 32])).unwrap();
        Vault::builder()
            .provider(Arc::new(provider))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
            .build()
            .unwrap()
    };
    let from = vault(1);
    let key = from
        .create("k", KeySpec::Rsa { bits: 2048 }, &KeyOptions::new())
        .unwrap();
    let backup = from.backup("k", &domain()).unwrap();
    let back = vault(2).restore(&backup.blob, &domain()).unwrap();
    let signature = back.sign(SignAlg::Ps256, b"m").unwrap().value;
    key.verify(SignAlg::Ps256, b"m", signature.as_bytes())
        .unwrap();
}
