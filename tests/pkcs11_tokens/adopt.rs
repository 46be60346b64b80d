//! Keys that somebody else made.

use std::sync::Arc;

use strongroom::fit::{DecryptRequest, EncryptRequest};
use strongroom::provider::KeyProvider;
use strongroom::store::MemoryStore;
use strongroom::vault::{KeyOptions, NoAudit, Vault};
use strongroom::{Curve, EncryptAlg, EncryptParams, ErrorKind, KeySpec, SignAlg};

use super::support::{logged_in, make, open, refusal, sign};
use super::token::Token;

const P256: &str = "EC:prime256v1";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// By an id of any length and by label, and what has no id.
#[test]
fn keys_of_others_are_adopted_and_used() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let ids = [
        ("one", "01"),
        ("sixteen", "000102030405060708090a0b0c0d0e0f"),
        ("twenty", "000102030405060708090a0b0c0d0e0f10111213"),
    ];
    for (label, id) in ids {
        if make(&token, P256, label, Some(id)).is_none() {
            return;
        }
    }
    make(&token, P256, "no id", None).unwrap();
    make(&token, "RSA:2048", "rsa", Some("02")).unwrap();
    make(&token, "AES:32", "aes", Some("03")).unwrap();

    let hsm = open(&token);
    for (label, id) in ids {
        let by_id = hsm.adopt_by_id(&bytes(id)).unwrap();
        assert_eq!(by_id, hsm.adopt_by_label(label).unwrap(), "{label}");
        assert_eq!(by_id.spec(), KeySpec::Ec(Curve::P256));
        sign(&hsm, &by_id, SignAlg::Es256).unwrap();
        let is_own = by_id.id().as_bytes().as_slice() == bytes(id);
        assert_eq!(is_own, id.len() == 32, "CKA_ID is the id if it can be");
    }
    let nameless = hsm.adopt_by_label("no id").unwrap();
    sign(&hsm, &nameless, SignAlg::Es256).unwrap();
    let rsa = hsm.adopt_by_id(&[2]).unwrap();
    assert_eq!(rsa.spec(), KeySpec::Rsa { bits: 2048 });
    sign(&hsm, &rsa, SignAlg::Ps256).unwrap();
    let aes = hsm.adopt_by_id(&[3]).unwrap();
    assert_eq!(aes.spec(), KeySpec::Aes { bits: 256 });
    let params = EncryptParams::none();
    let request = EncryptRequest::new(&aes, EncryptAlg::A256Gcm, b"text", params).unwrap();
    let sealed = hsm.encrypt(&request).unwrap();
    let request = DecryptRequest::new(
        &aes,
        EncryptAlg::A256Gcm,
        sealed.as_bytes(),
        sealed.params(),
    );
    assert_eq!(hsm.decrypt(&request.unwrap()).unwrap().expose(), b"text");

    // All of them are listed, by the same handles.
    let listed = hsm.keys().unwrap();
    let mut labels: Vec<_> = listed.iter().map(|key| key.label.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["aes", "no id", "one", "rsa", "sixteen", "twenty"]);
    for key in &listed {
        assert_eq!(key.handle, hsm.adopt_by_label(&key.label).unwrap());
    }

    // Through a vault, and by another provider later on.
    let store = Arc::new(MemoryStore::new());
    let vault = |hsm| {
        Vault::builder()
            .provider(Arc::new(hsm))
            .store(store.clone())
            .audit(Arc::new(NoAudit))
            .build()
            .unwrap()
    };
    let first = vault(hsm);
    for key in &listed {
        let name = key.label.replace(' ', "-");
        first.adopt(&name, &key.handle, &KeyOptions::new()).unwrap();
    }
    drop(first);
    let second = vault(open(&token));
    for name in ["one", "sixteen", "twenty", "no-id"] {
        let key = second.latest(name).unwrap();
        let signature = key.sign(SignAlg::Es256, b"m").unwrap().value;
        key.verify(SignAlg::Es256, b"m", signature.as_bytes())
            .unwrap();
    }
}

/// A key that goes by its label is deleted by others, and another one gets the label.
#[test]
fn a_key_that_took_a_label_over_is_not_destroyed() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    for (first, second) in [(P256, P256), (P256, "RSA:2048"), ("RSA:2048", "RSA:2048")] {
        if make(&token, first, "label", None).is_none() {
            return;
        }
        let hsm = open(&token);
        let key = hsm.adopt_by_label("label").unwrap();
        let alg = |kind| {
            if kind == P256 {
                SignAlg::Es256
            } else {
                SignAlg::Rs256
            }
        };
        // From here on its object is remembered.
        sign(&hsm, &key, alg(first)).unwrap();
        for class in ["privkey", "pubkey"] {
            let delete = ["--delete-object", "--type", class, "--label", "label"];
            logged_in(&token, &delete).unwrap();
        }
        make(&token, second, "label", None).unwrap();
        hsm.destroy(&key).unwrap();
        let other = hsm.adopt_by_label("label").unwrap();
        assert_ne!(other, key);
        sign(&hsm, &other, alg(second)).unwrap();
        hsm.destroy(&other).unwrap();
        assert_eq!(refusal(hsm.adopt_by_label("label")), ErrorKind::NotFound);
    }
}

#[test]
fn two_keys_with_one_id_or_label_are_neither() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    if make(&token, P256, "one", Some("07")).is_none() {
        return;
    }
    make(&token, P256, "two", Some("07")).unwrap();
    make(&token, P256, "twins", Some("08")).unwrap();
    make(&token, P256, "twins", Some("09")).unwrap();
    make(&token, "AES:32", "aes one", Some("0a")).unwrap();
    make(&token, "AES:32", "aes two", Some("0a")).unwrap();
    make(&token, P256, "alone", Some("0b")).unwrap();
    let hsm = open(&token);
    let twice = ErrorKind::Corrupt {
        what: "token: two keys have one id",
    };
    for id in [7, 10] {
        assert_eq!(refusal(hsm.adopt_by_id(&[id])), twice);
    }
    // The label says which is meant, and the handle could not.
    for label in ["one", "two", "twins", "aes one", "aes two"] {
        assert_eq!(refusal(hsm.adopt_by_label(label)), twice, "{label}");
    }
    sign(&hsm, &hsm.adopt_by_id(&[8]).unwrap(), SignAlg::Es256).unwrap();
    sign(&hsm, &hsm.adopt_by_id(&[9]).unwrap(), SignAlg::Es256).unwrap();
    sign(&hsm, &hsm.adopt_by_label("alone").unwrap(), SignAlg::Es256).unwrap();
    let mut labels: Vec<_> = hsm.keys().unwrap().into_iter().map(|it| it.label).collect();
    labels.sort_unstable();
    assert_eq!(labels, ["alone", "twins", "twins"], "those with a handle");
}

#[test]
fn what_is_not_there_is_not_found() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let Some(other) = Token::softhsm() else {
        return;
    };
    if make(&other, P256, "theirs", Some("01")).is_none() {
        return;
    }
    let (hsm, others) = (open(&token), open(&other));
    assert_eq!(refusal(hsm.adopt_by_id(&[1])), ErrorKind::NotFound);
    assert_eq!(refusal(hsm.adopt_by_label("theirs")), ErrorKind::NotFound);
    assert_eq!(hsm.keys().unwrap().len(), 0);
    assert_eq!(others.keys().unwrap().len(), 1);
    // The other token's handle means nothing here.
    let theirs = others.adopt_by_id(&[1]).unwrap();
    sign(&others, &theirs, SignAlg::Es256).unwrap();
    assert_eq!(
        refusal(sign(&hsm, &theirs, SignAlg::Es256)),
        ErrorKind::NotFound
    );
    assert_eq!(hsm.find(&theirs.id()).unwrap(), None);
}
