//! A vault on a token: what is in the token, and what a crash leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom::pkcs11::Pkcs11;
use strongroom::provider::{Capabilities, KeyProvider, NewKey};
use strongroom::store::MemoryStore;
use strongroom::vault::{KeyOptions, NoAudit, Store, Vault};
use strongroom::{
    Curve, Error, ErrorKind, KeyHandle, KeySpec, ProviderId, ProviderKeyId, SignAlg, Signature,
};

use super::store::dying;
use super::support::{logged_in, new_key, open, refusal, sign};
use super::token::Token;

const P256: KeySpec = KeySpec::Ec(Curve::P256);

fn vault(provider: Arc<dyn KeyProvider>, store: Arc<dyn Store>) -> Vault {
    Vault::builder()
        .provider(provider)
        .store(store)
        .audit(Arc::new(NoAudit))
        .build()
        .unwrap()
}

fn assert_signs(vault: &Vault, name: &str) {
    let key = vault.latest(name).unwrap();
    let signature = key.sign(SignAlg::Es256, b"m").unwrap().value;
    key.verify(SignAlg::Es256, b"m", signature.as_bytes())
        .unwrap();
}

#[test]
fn keys_outlive_the_process_that_made_them() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let store = Arc::new(MemoryStore::new());
    let first = vault(Arc::new(open(&token)), store.clone());
    first.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    assert_signs(&first, "k");
    drop(first);

    let hsm = Arc::new(open(&token));
    let second = vault(hsm.clone(), store);
    assert_signs(&second, "k");

    // The token's copy is the only one.
    let [key] = hsm.keys().unwrap().try_into().expect("one key");
    hsm.destroy(&key.handle).unwrap();
    assert_eq!(hsm.find(&key.handle.id()).unwrap(), None);
    if let Some(left) = logged_in(&token, &["--list-objects"]) {
        assert_eq!(left.trim(), "", "the public half too");
    }
    let gone = second.latest("k").unwrap().sign(SignAlg::Es256, b"m");
    assert_eq!(refusal(gone), ErrorKind::NotFound);
    hsm.destroy(&key.handle).unwrap();
}

/// What `pkcs11-tool` shows of keys that were made here.
#[test]
fn keys_are_made_as_promised() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = open(&token);
    let labelled = |id, spec, label: &str| new_key(id, spec).with_label(label);
    hsm.generate(&labelled(0x11, P256, "made here")).unwrap();
    hsm.generate(&new_key(0x22, P256)).unwrap();
    let aes = KeySpec::Aes { bits: 256 };
    hsm.generate(&labelled(0x33, aes, "aes")).unwrap();
    let exportable = labelled(0x44, P256, "exportable").with_exportable(true);
    hsm.generate(&exportable).unwrap();
    let outside = strongroom::jwk::SecretJwk::from_ec_scalar(Curve::P256, &[7; 32]).unwrap();
    hsm.import(&outside, &labelled(0x55, P256, "imported"))
        .unwrap();
    let Some(shown) = logged_in(&token, &["--list-objects"]) else {
        return;
    };
    // An object's lines begin with a line that is not indented.
    let mut objects: Vec<String> = Vec::new();
    for line in shown.lines() {
        match objects.last_mut() {
            Some(object) if line.starts_with(' ') => {
                object.push('\n');
                object.push_str(line);
            }
            _ => objects.push(line.to_owned()),
        }
    }
    let of = |class: &str, label: &str| -> (String, String) {
        let mut found = objects.iter().filter(|object| {
            let has = |line: &str| line.trim().strip_prefix("label:").map(str::trim) == Some(label);
            object.starts_with(class) && object.lines().any(has)
        });
        let object = found
            .next()
            .unwrap_or_else(|| panic!("no {label}: {shown}"));
        assert_eq!(found.next(), None, "{label}");
        let field = |name: &str| {
            let mut lines = object.lines().map(str::trim);
            let value = lines.find_map(|line| line.strip_prefix(name));
            value.unwrap_or_default().trim().to_owned()
        };
        (field("ID:"), field("Access:"))
    };
    let sealed = "sensitive, always sensitive, never extractable, local";
    for (class, label, id, access) in [
        ("Private", "made here", 0x11, sealed),
        ("Secret", "aes", 0x33, sealed),
        (
            "Private",
            "exportable",
            0x44,
            "sensitive, always sensitive, extractable, local",
        ),
        ("Private", "imported", 0x55, "sensitive"),
    ] {
        let id = format!("{id:02x}").repeat(16);
        assert_eq!(of(class, label), (id.clone(), access.to_owned()), "{label}");
        if class == "Private" {
            assert_eq!(of("Public", label).0, id, "{label}");
        }
    }
    // A label for people where none was given.
    assert!(shown.contains("label:      strongroom "), "{shown}");
    assert_eq!(objects.len(), 9, "and nothing of the probe: {shown}");
}

/// A token whose process dies after it made a key, or before it could say so.
#[derive(Debug)]
struct Dying {
    hsm: Pkcs11,
    dies: AtomicBool,
}

impl KeyProvider for Dying {
    fn id(&self) -> &ProviderId {
        self.hsm.id()
    }
    fn capabilities(&self) -> Arc<Capabilities> {
        self.hsm.capabilities()
    }
    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        let key = self.hsm.generate(new)?;
        assert!(!self.dies.load(Ordering::SeqCst), "the process dies here");
        Ok(key)
    }
    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        self.hsm.find(id)
    }
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.hsm.destroy(key)
    }
    fn sign(&self, request: &strongroom::fit::SignRequest<'_>) -> Result<Signature, Error> {
        self.hsm.sign(request)
    }
    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.hsm.random(out)
    }
    fn health(&self) -> strongroom::provider::Health {
        self.hsm.health()
    }
}

#[test]
fn what_a_dead_process_made_is_found_in_the_token() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let store = Arc::new(MemoryStore::new());
    let dying = Dying {
        hsm: open(&token),
        dies: AtomicBool::new(true),
    };
    let first = vault(Arc::new(dying), store.clone());
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        first.create("k", Curve::P256, &KeyOptions::new())
    }));
    assert!(died.is_err());
    drop(first);

    let hsm = Arc::new(open(&token));
    assert_eq!(hsm.keys().unwrap().len(), 1);
    let second = vault(hsm.clone(), store);
    assert_signs(&second, "k");
    assert!(second.settle().unwrap().is_empty());
    assert_eq!(hsm.keys().unwrap().len(), 1);
}

/// No key is left in the token that the vault does not know, and the other way round.
#[test]
fn a_crash_between_token_and_store_is_settled() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = Arc::new(open(&token));
    for commits in 0..4 {
        let inner = Arc::new(MemoryStore::new());
        let dying = dying(inner.clone(), commits);
        let first = vault(hsm.clone(), Arc::new(dying));
        let created = first.create("k", Curve::P256, &KeyOptions::new());
        let second = vault(hsm.clone(), inner.clone());
        assert!(second.settle().unwrap().is_empty());
        let keys = hsm.keys().unwrap();
        match second.latest("k") {
            Ok(_) => {
                assert_signs(&second, "k");
                assert_eq!(keys.len(), 1, "{commits} commits");
            }
            Err(error) => {
                assert_eq!(*error.kind(), ErrorKind::NotFound);
                assert!(created.is_err());
                assert_eq!(keys.len(), 0, "{commits} commits");
            }
        }
        assert!(inner.scan("pending/", None, 9).unwrap().is_empty());
        for key in keys {
            sign(&hsm, &key.handle, SignAlg::Es256).unwrap();
            hsm.destroy(&key.handle).unwrap();
        }
    }
}
