//! Bad input to the vault, and limits. (Keys are in `tests/jwk`, signatures and
//! ciphertexts in `tests/software`.)
#![allow(clippy::expect_used, clippy::unwrap_used)]

use strongroom::fit::{MAX_DATA_LEN, MAX_KEY_MATERIAL_LEN};
use strongroom::jwk::{Jwk, SecretJwk};
use strongroom::provider::NewKey;
use strongroom::vault::{KeyOptions, UnixTime, Vault};
use strongroom::{
    Curve, DecryptParams, EncryptAlg, EncryptParams, Error, ErrorKind, KeySpec, Op, OpSet,
    ProviderKeyId, Rule, SignAlg, WrapAlg,
};

fn vault() -> Vault {
    strongroom::in_memory().unwrap()
}

#[track_caller]
fn refused<T>(result: Result<T, Error>, field: &'static str, rule: Rule) {
    let error = result.err().expect("is refused");
    assert_eq!(*error.kind(), ErrorKind::Invalid { field, rule });
    assert!(error.is_caller_fault());
    assert_eq!(error.kind().service().status, 400);
}

#[test]
fn algorithms_that_do_not_fit_are_refused() {
    let vault = vault();
    let ec = vault.create("ec", Curve::P384, &KeyOptions::new()).unwrap();
    let mac = vault
        .create("mac", KeySpec::Hmac { bits: 256 }, &KeyOptions::new())
        .unwrap();
    for (key, alg) in [
        (&ec, SignAlg::Es256),
        (&ec, SignAlg::Es256K),
        (&ec, SignAlg::Rs256),
        // A public key is no HMAC secret (the RS256-to-HS256 confusion).
        (&ec, SignAlg::Hs256),
        (&mac, SignAlg::Es256),
        // The key is shorter than the digest (RFC 7518 section 3.2).
        (&mac, SignAlg::Hs384),
    ] {
        let error = key.sign(alg, b"m").unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unfit { .. }),
            "{alg}: {error}"
        );
        let error = key.verify(alg, b"m", &[0; 64]).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unfit { .. }),
            "{alg}: {error}"
        );
    }
    for name in [
        "none", "", "None", "es256", "ES256 ", " ES256", "RS1", "HS256\0",
    ] {
        refused(name.parse::<SignAlg>(), "alg", Rule::UnknownName);
    }
    // None is taken from a message: no call reads one from there.
}

#[test]
fn operations_that_a_kind_cannot_have_are_refused() {
    let vault = vault();
    let only = |op| KeyOptions::new().ops(OpSet::from_iter([op]));
    refused(
        vault.create("k", Curve::P256, &only(Op::Encrypt)),
        "key_ops",
        Rule::NotWithKey,
    );
    let hmac = KeySpec::Hmac { bits: 256 };
    refused(
        vault.create("k", hmac, &only(Op::WrapKey)),
        "key_ops",
        Rule::NotWithKey,
    );
    let import = KeyOptions::new().ops(OpSet::EMPTY.with(strongroom::alg::KeyOp::Import));
    refused(
        vault.create("k", Curve::P256, &import),
        "key_ops",
        Rule::NotWithKey,
    );
    assert!(
        vault.list(None, None).unwrap().items.is_empty(),
        "nothing was made"
    );

    // An empty set allows nothing.
    let none = KeyOptions::new().ops(OpSet::EMPTY);
    let key = vault.create("k", Curve::P256, &none).unwrap();
    assert!(key.sign(SignAlg::Es256, b"m").unwrap_err().is_denied());
    assert!(
        key.verify(SignAlg::Es256, b"m", &[0; 64])
            .unwrap_err()
            .is_denied()
    );
}

#[test]
fn private_and_public_keys_do_not_mix() {
    let private = br#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}"#;
    refused(Jwk::from_json(private), "k", Rule::Private);
    let vault = vault();
    let key = SecretJwk::from_json(private).unwrap();
    let key = vault.import("k", &key, &KeyOptions::new()).unwrap();
    assert!(!key.jwk().unwrap().to_json().contains("\"k\""));
    refused(
        SecretJwk::from_json(br#"{"kty":"oct"}"#),
        "k",
        Rule::Missing,
    );
}

#[test]
fn odd_names_are_refused_and_case_tells_none_apart() {
    let vault = vault();
    let long = "a".repeat(128);
    let options = KeyOptions::new();
    refused(vault.create("", Curve::P256, &options), "name", Rule::Empty);
    refused(
        vault.create(&long, Curve::P256, &options),
        "name",
        Rule::TooLong(127),
    );
    let huge = "a".repeat(64 * 1024);
    refused(
        vault.create(&huge, Curve::P256, &options),
        "name",
        Rule::TooLong(127),
    );
    for name in [
        "../../etc/passwd",
        "a\0b",
        "a\nb",
        "a\u{202E}b",
        "a\u{1b}[31m",
        "caf\u{e9}",
        "cafe\u{301}",
        "a b",
        "a_b",
    ] {
        refused(
            vault.create(name, Curve::P256, &options),
            "name",
            Rule::Character,
        );
        refused(vault.latest(name), "name", Rule::Character);
        // A name that was refused is in no error either: it may hold terminal escapes.
        let error = vault.latest(name).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(name));
    }
    // Twins in case are one name.
    vault.create("Twin", Curve::P256, &options).unwrap();
    vault.create("tWIN", Curve::P256, &options).unwrap();
    assert_eq!(vault.list(None, None).unwrap().items.len(), 1);
    assert_eq!(vault.versions("twin", None, None).unwrap().items.len(), 2);
}

#[test]
fn more_than_the_limits_is_refused() {
    let vault = vault();
    // Zero pages: nothing is read before the length is refused, so nothing is allocated.
    let over = vec![0; MAX_DATA_LEN + 1];
    let aes = vault
        .create("aes", KeySpec::Aes { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let limit = Rule::TooLong(MAX_DATA_LEN);
    let none = EncryptParams::none();
    refused(aes.sign(SignAlg::Hs256, &over), "message", limit);
    refused(aes.verify(SignAlg::Hs256, &over, &[]), "message", limit);
    refused(
        aes.encrypt(EncryptAlg::A256Gcm, &over, none),
        "plaintext",
        limit,
    );
    refused(
        aes.encrypt(EncryptAlg::A256Gcm, b"", none.with_aad(&over)),
        "aad",
        limit,
    );
    let params = DecryptParams::none().with_iv(&[0; 12]).with_tag(&[0; 16]);
    refused(
        aes.decrypt(EncryptAlg::A256Gcm, &over, params),
        "ciphertext",
        limit,
    );
    let with_aad = params.with_aad(&over);
    refused(
        aes.decrypt(EncryptAlg::A256Gcm, b"", with_aad),
        "aad",
        limit,
    );
    let material = &over[..MAX_KEY_MATERIAL_LEN + 8];
    refused(
        aes.wrap_key(WrapAlg::A256Kw, material),
        "value",
        Rule::TooLong(MAX_KEY_MATERIAL_LEN),
    );
    let error = aes.unwrap_key(WrapAlg::A256Kw, &over).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::DecryptFailed);
    let jwk = &over[..strongroom::jwk::MAX_JWK_LEN + 1];
    refused(
        Jwk::from_json(jwk),
        "jwk",
        Rule::TooLong(strongroom::jwk::MAX_JWK_LEN),
    );
}

#[test]
fn sizes_that_nobody_should_have_are_refused() {
    let vault = vault();
    for bits in [0, 1, 1023, 1024, 2047, 2049, 3000, 8192, 16384, u32::MAX] {
        let options = KeyOptions::new();
        refused(
            vault.create("k", KeySpec::Rsa { bits }, &options),
            "key_size",
            Rule::Size,
        );
        refused(
            vault.create("k", KeySpec::Aes { bits }, &options),
            "key_size",
            Rule::Size,
        );
        let id = ProviderKeyId::from_bytes([0; 16]);
        refused(
            NewKey::new(id, KeySpec::Hmac { bits }),
            "key_size",
            Rule::Size,
        );
    }
    assert!(vault.list(None, None).unwrap().items.is_empty());
}

#[test]
fn times_at_the_ends_of_time_are_compared() {
    let vault = vault();
    let ends = [UnixTime(0), UnixTime(u64::MAX)];
    for nbf in ends {
        for exp in ends {
            let options = KeyOptions::new().nbf(nbf).exp(exp);
            let key = match vault.create("k", Curve::P256, &options) {
                Ok(key) => key,
                Err(error) => {
                    assert!(nbf > exp);
                    let rule = Rule::Contradicts("exp");
                    assert_eq!(*error.kind(), ErrorKind::Invalid { field: "nbf", rule });
                    continue;
                }
            };
            let inside = nbf == UnixTime(0) && exp == UnixTime(u64::MAX);
            assert_eq!(key.sign(SignAlg::Es256, b"m").is_ok(), inside);
        }
    }
}

#[test]
fn what_is_not_offered_is_named() {
    let vault = vault();
    let key = vault
        .create("k", KeySpec::Aes { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let mut buffer = [0; 16];
    let error = key
        .encrypt_in_place(EncryptAlg::A256Cbc, &mut buffer, b"")
        .unwrap_err();
    assert!(error.is_denied(), "legacy comes first");
    let error = "RSNULL".parse::<SignAlg>().unwrap_err();
    assert_eq!(error.to_string(), "not offered: with RSNULL");
}

#[test]
fn nothing_at_all_is_signed_and_encrypted() {
    let vault = vault();
    let ec = vault.create("ec", Curve::P256, &KeyOptions::new()).unwrap();
    let signature = ec.sign(SignAlg::Es256, b"").unwrap().value;
    ec.verify(SignAlg::Es256, b"", signature.as_bytes())
        .unwrap();
    let aes = vault
        .create("aes", KeySpec::Aes { bits: 256 }, &KeyOptions::new())
        .unwrap();
    let mac = aes.sign(SignAlg::Hs256, b"").unwrap().value;
    aes.verify(SignAlg::Hs256, b"", mac.as_bytes()).unwrap();
    let sealed = aes
        .encrypt(EncryptAlg::A256Gcm, b"", EncryptParams::none())
        .unwrap()
        .value;
    let opened = aes
        .decrypt(EncryptAlg::A256Gcm, sealed.as_bytes(), sealed.params())
        .unwrap();
    assert!(opened.value.is_empty());
    let mut nothing = [];
    let sealed = aes
        .encrypt_in_place(EncryptAlg::A256Gcm, &mut nothing, b"")
        .unwrap()
        .value;
    let params = DecryptParams::none()
        .with_iv(&sealed.iv)
        .with_tag(&sealed.tag);
    aes.decrypt_in_place(EncryptAlg::A256Gcm, &mut nothing, params)
        .unwrap();
}
