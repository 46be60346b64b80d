//! Backups of a token's keys: those that may leave travel wrapped by the token, the others as
//! references to it.

use std::sync::Arc;

use strongroom::pkcs11::Pkcs11;
use strongroom::provider::KeyProvider;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{BackupForm, BackupKey, Key, KeyOptions, NoAudit, Vault};
use strongroom::{
    Curve, EncryptAlg, EncryptParams, Error, ErrorKind, KeySpec, Rule, SecretBytes, SignAlg,
    WrapAlg,
};

use super::own_process;
use super::support::{LIMIT, builder, new_key, open, refusal};
use super::token::Token;

fn vault(provider: Arc<dyn KeyProvider>) -> Vault {
    Vault::builder()
        .provider(provider)
        .store(Arc::new(MemoryStore::new()))
        .audit(Arc::new(NoAudit))
        .build()
        .unwrap()
}

fn domain() -> BackupKey {
    BackupKey::from_bytes([9; 32])
}

fn open_nss(token: &Token) -> Pkcs11 {
    let init = token.init.as_deref().expect("softokn wants a string");
    builder(token).init_string(init).open().unwrap()
}

const SPECS: [KeySpec; 4] = [
    KeySpec::Ec(Curve::P256),
    KeySpec::Ec(Curve::P384),
    KeySpec::Rsa { bits: 2048 },
    KeySpec::Aes { bits: 256 },
];

/// What one of them makes, the other one takes.
fn assert_same(one: &Key, other: &Key, spec: KeySpec) {
    let alg = match spec {
        KeySpec::Ec(Curve::P384) => SignAlg::Es384,
        KeySpec::Ec(_) => SignAlg::Es256,
        KeySpec::Rsa { .. } => SignAlg::Rs256,
        _ => {
            let sealed = one.encrypt(EncryptAlg::A256Gcm, b"plain", EncryptParams::none());
            let sealed = sealed.unwrap().value;
            let opened = other.decrypt(EncryptAlg::A256Gcm, sealed.as_bytes(), sealed.params());
            assert_eq!(opened.unwrap().value.expose(), b"plain");
            return;
        }
    };
    let signature = one.sign(alg, b"message").unwrap().value;
    other.verify(alg, b"message", signature.as_bytes()).unwrap();
    if matches!(spec, KeySpec::Rsa { .. }) {
        let wrapped = one.wrap_key(WrapAlg::RsaOaep256, &[5; 32]).unwrap().value;
        let material = other.unwrap_key(WrapAlg::RsaOaep256, &wrapped).unwrap();
        assert_eq!(material.value.expose(), [5; 32]);
    }
}

/// NSS wraps by RFC 5649, and takes RSA and symmetric keys back.
#[test]
fn exportable_keys_come_back_in_a_token_and_in_software() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else { return };
        let hsm = Arc::new(open_nss(&token));
        let (from, to) = (vault(hsm.clone()), vault(hsm.clone()));
        let software = vault(Arc::new(Software::ephemeral().unwrap()));
        for (at, spec) in SPECS.into_iter().enumerate() {
            let name = format!("k{at}");
            let options = KeyOptions::new().exportable(true);
            let key = from.create(&name, spec, &options).unwrap();
            let version = key.id().unwrap().version();
            let backup = from.backup(&name, &domain()).unwrap();
            if matches!(spec, KeySpec::Ec(_)) {
                // It asks for a point that nobody outside knows.
                assert_eq!(backup.versions, [(version, BackupForm::Reference)]);
                continue;
            }
            assert_eq!(backup.versions, [(version, BackupForm::Wrapped)]);
            let there = hsm.keys().unwrap().len();
            for vault in [&to, &software] {
                let back = vault.restore(&backup.blob, &domain()).unwrap();
                assert_eq!(back.id().unwrap().version(), version);
                assert_same(&key, &back, spec);
                assert_same(&back, &key, spec);
                // It may leave from there too.
                let again = vault.backup(&name, &domain()).unwrap();
                assert_eq!(again.versions, [(version, BackupForm::Wrapped)]);
            }
            assert_eq!(hsm.keys().unwrap().len(), there + 1, "a key of its own");
        }
    });
}

#[test]
fn keys_that_may_not_leave_stay() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else { return };
        assert_all_stay(&vault(Arc::new(open_nss(&token))), &KeyOptions::new());
    });
}

/// SoftHSM fills up with zeros before it wraps: what it gave out would come back as another key.
#[test]
fn keys_stay_in_a_token_that_wraps_otherwise() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let options = KeyOptions::new().exportable(true);
    assert_all_stay(&vault(Arc::new(open(&token))), &options);
}

fn assert_all_stay(vault: &Vault, options: &KeyOptions) {
    for (at, spec) in SPECS.into_iter().enumerate() {
        let name = format!("k{at}");
        let key = vault.create(&name, spec, options).unwrap();
        let backup = vault.backup(&name, &domain()).unwrap();
        let version = key.id().unwrap().version();
        assert_eq!(backup.versions, [(version, BackupForm::Reference)]);
    }
}

/// What an altered blob, another key or another kind gives, and that nothing stays of it.
#[test]
fn what_is_no_wrapped_key_is_refused_and_leaves_nothing() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else { return };
        let hsm = open_nss(&token);
        let [right, wrong] = [[3; 32], [4; 32]].map(|bytes: [u8; 32]| SecretBytes::copy_of(&bytes));
        let specs = [KeySpec::Rsa { bits: 2048 }, KeySpec::Aes { bits: 256 }];
        for spec in specs {
            let exportable = new_key(1, spec).with_exportable(true);
            let key = hsm.generate(&exportable).unwrap();
            let wrapped = hsm.back_up(&key, &right).unwrap().expect("it may leave");
            hsm.destroy(&key).unwrap();
            let mut altered = wrapped.clone();
            altered[9] ^= 1;
            let cut = &wrapped[..wrapped.len() - 4];
            for (blob, under) in [(&altered[..], &right), (&wrapped, &wrong), (cut, &right)] {
                let refused = refusal(hsm.restore(blob, under, &new_key(2, spec)));
                assert_eq!(refused, ErrorKind::DecryptFailed, "{spec:?}");
            }
            let shorter = hsm.restore(&wrapped[..wrapped.len() - 8], &right, &new_key(2, spec));
            let expected = match spec.is_symmetric() {
                // A length tells how long a symmetric key is.
                true => Error::invalid("key_size", Rule::Inconsistent),
                false => ErrorKind::DecryptFailed.into(),
            };
            assert_eq!(refusal(shorter), *expected.kind(), "{spec:?}");
            for other in SPECS.into_iter().filter(|other| *other != spec) {
                let refused = hsm.restore(&wrapped, &right, &new_key(2, other));
                assert!(refused.is_err(), "{spec:?} as {other:?}");
            }
            assert_eq!(hsm.keys().unwrap().len(), 0, "{spec:?}");
            let back = hsm.restore(&wrapped, &right, &new_key(2, spec)).unwrap();
            assert_eq!(back.public(), key.public());
            hsm.destroy(&back).unwrap();
        }
    });
}
