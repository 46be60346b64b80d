//! Every published vector of `tests/vectors`, decided through the public API.
//!
//! A case is either run, or refused for a reason that is asserted: the key sizes of RFC
//! 4231 for one are not offered. None is skipped. `FILES` has the counts, and a vector
//! that is added to a file or lost from it fails the test.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;

use std::collections::BTreeMap;

use common::{
    Object, adopt_public, b64u, flipped, hex, import, import_hmac, import_json, import_oct,
    invalid, refusal, vault, vector_file,
};
use serde_json::Value;
use strongroom::jwk::{Jwk, JwkSet, PublicKey, SecretJwk, SetEntry};
use strongroom::vault::{Key, KeyOptions, Vault};
use strongroom::{
    Curve, DecryptParams, Digest, EncryptAlg, EncryptParams, ErrorKind, Hash, KeySpec, Rule,
    SignAlg, WrapAlg, internal,
};

/// Every file, its cases, and how many of them end in a refusal.
const FILES: &[(&str, usize, usize)] = &[
    ("cfrg_rsa_guidance.json", 36, 0),
    ("rfc3394.json", 6, 0),
    // No size of key is offered as such; the MACs are checked with equal keys.
    ("rfc4231.json", 21, 21),
    ("rfc5649.json", 2, 0),
    // Digests of another hash than the curve's.
    ("rfc6979.json", 18, 12),
    ("rfc7515.json", 4, 0),
    ("rfc7517.json", 5, 0),
    // Ten malformed keys, of which the two RSA ones with leading zeros are accepted; the
    // HMAC keys of appendix B, which are half as long as section 3.2 asks; the keys below
    // the minimum of section 3.2.
    ("rfc7518.json", 21, 8 + 3 + 3),
    ("rfc7520.json", 36, 0),
    // The key type OKP.
    ("rfc7638.json", 11, 1),
    ("service.json", 4, 0),
    ("sp800_38a.json", 3, 0),
];

/// How a case ended. Either way it was decided by assertions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything in it is as published.
    Agrees,
    /// Something in it is refused, for the reason that was asserted.
    Refused,
}
use Outcome::{Agrees, Refused};

/// Runs every case of a file and compares the counts with `FILES`.
fn run(file: &str, mut decide: impl FnMut(&Object) -> Outcome) {
    /// Says which case failed.
    struct Name(String);
    impl Drop for Name {
        fn drop(&mut self) {
            if std::thread::panicking() {
                println!("the case is {}", self.0);
            }
        }
    }

    let row = FILES.iter().find(|(name, ..)| *name == file);
    let (_, expected, expected_refused) = *row.expect("a row in FILES");
    let cases = vector_file(file).list("cases");
    assert_eq!(cases.len(), expected, "{file} has another number of cases");
    let (mut ran, mut refused) = (0, 0);
    let mut kinds = BTreeMap::<String, usize>::new();
    for case in &cases {
        let _name = Name(format!("{file}, {}", case.text("name")));
        let kind = case.0.get("kind").and_then(Value::as_str).unwrap_or("all");
        *kinds.entry(kind.to_owned()).or_default() += 1;
        if decide(case) == Refused {
            refused += 1;
        }
        ran += 1;
    }
    println!("{file}: {ran} cases, {refused} end in a refusal, by kind {kinds:?}");
    assert_eq!((ran, refused), (expected, expected_refused), "{file}");
}

#[test]
fn every_file_is_in_the_table() {
    let mut found: Vec<String> = std::fs::read_dir(common::VECTORS)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    found.sort();
    let listed: Vec<&str> = FILES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(found, listed);
    let cases: usize = FILES.iter().map(|(_, cases, _)| cases).sum();
    assert_eq!(cases, 167, "as tests/vectors/README.md says");
}

// --- Signatures ------------------------------------------------------------------------

#[test]
fn rfc7515_signatures() {
    let vault = vault();
    run("rfc7515.json", |case| signature(&vault, case));
}

/// `jwk`, `signing_input` and `signature_b64u`: verified; made again where the algorithm
/// gives the same signature each time; and ours verified where it does not.
fn signature(vault: &Vault, case: &Object) -> Outcome {
    let key = import_json(vault, &case.object("jwk"));
    let alg: SignAlg = case.parse("alg");
    let input = case.text("signing_input").as_bytes();
    let published = case.octets("signature");

    key.verify(alg, input, &published).expect("it verifies");
    let digest = alg.row().hash.hash(input);
    if case.text("alg").starts_with("HS") {
        // A MAC over the digest is another one than over the message.
        let by_digest = key.verify_digest(alg, digest.as_digest(), &published);
        assert_eq!(refusal(by_digest), ErrorKind::BadSignature);
    } else {
        let by_digest = key.verify_digest(alg, digest.as_digest(), &published);
        by_digest.expect("it verifies from the digest");
    }
    rejects_alterations(&key, alg, input, &published);

    let ours = key.sign(alg, input).expect("it signs").value;
    if case.bool("deterministic") {
        assert_eq!(ours.as_bytes(), published, "signed again");
    } else {
        assert_ne!(ours.as_bytes(), published, "a nonce or salt used twice");
        key.verify(alg, input, ours.as_bytes()).expect("ours");
    }
    Agrees
}

fn rejects_alterations(key: &Key, alg: SignAlg, input: &[u8], signature: &[u8]) {
    let bad = |input: &[u8], signature: &[u8]| {
        let answer = key.verify(alg, input, signature);
        assert_eq!(refusal(answer), ErrorKind::BadSignature);
    };
    for place in [0, signature.len() / 2, signature.len() - 1] {
        bad(input, &flipped(signature, place));
    }
    bad(&flipped(input, 3), signature);
    bad(input, &signature[..signature.len() - 1]);
    bad(input, &[signature, &[0]].concat());
    bad(input, &[]);
}

/// A MAC with a key that has no offered size: refused as it stands, in every form; and
/// right under a key that HMAC cannot tell from it. RFC 2104 section 2 fills a key up
/// with zeros to the block of the hash, and hashes one that is longer.
fn mac_with_equal_key(vault: &Vault, alg: SignAlg, key: &[u8], message: &[u8]) -> Vec<u8> {
    let hash = alg.row().hash;
    let block = if hash == Hash::Sha256 { 64 } else { 128 };
    let mut equal = if key.len() > block {
        hash.hash(key).as_bytes().to_vec()
    } else {
        key.to_vec()
    };
    assert!(equal.len() <= hash.len());
    equal.resize(hash.len(), 0);
    let key = import_hmac(vault, &equal);
    let mac = key.sign(alg, message).expect("it signs").value.into_bytes();
    key.verify(alg, message, &mac).expect("it verifies");
    let short = key.verify(alg, message, &mac[..mac.len() / 2]);
    assert_eq!(refusal(short), ErrorKind::BadSignature, "half a MAC");
    mac
}

#[test]
fn rfc4231_hmac() {
    let vault = vault();
    run("rfc4231.json", |case| {
        let (key, message) = (case.octets("key"), case.octets("message"));
        let alg: SignAlg = case.parse("alg");
        assert_eq!(key.len(), case.len("key_octets"));
        assert!([4, 20, 25, 131].contains(&key.len()));
        assert_eq!(invalid(SecretJwk::from_oct(&key)), ("k", Rule::Size));

        let mac = mac_with_equal_key(&vault, alg, &key, &message);
        let published = case.octets("mac");
        assert_eq!(mac[..published.len()], published);
        assert_eq!(case.bool("truncated"), published.len() < mac.len());
        Refused
    });
}

#[test]
fn rfc6979_deterministic_ecdsa() {
    let vault = vault();
    run("rfc6979.json", |case| {
        let curve: Curve = case.parse("curve");
        let x = case.octets("x");
        let key = SecretJwk::from_ec_scalar(curve, &x).expect("a scalar");
        let PublicKey::Ec(public) = key.public().key() else {
            panic!("no point");
        };
        let point = (case.octets("ux"), case.octets("uy"));
        assert_eq!(public.coordinates(), (&*point.0, &*point.1));

        let (hash, alg) = match (case.text("hash"), curve) {
            ("SHA-256", _) => (Hash::Sha256, SignAlg::Es256),
            ("SHA-384", _) => (Hash::Sha384, SignAlg::Es384),
            ("SHA-512", _) => (Hash::Sha512, SignAlg::Es512),
            other => panic!("{other:?}"),
        };
        let message = case.text("message").as_bytes();
        let digest = hash.hash(message);
        let signature = [case.octets("r"), case.octets("s")].concat();
        let key = import(&vault, &key);
        if alg.fits(curve.into()) {
            let ours = internal::sign_deterministic(curve, &x, digest.as_bytes());
            assert_eq!(ours.expect("it signs"), signature);
            key.verify(alg, message, &signature).expect("it verifies");
            let hedged = key.sign(alg, message).expect("it signs").value;
            assert_ne!(
                hedged.as_bytes(),
                signature,
                "the vault mixes randomness in"
            );
            rejects_alterations(&key, alg, message, &signature);
            return Agrees;
        }
        // JWS ties a hash to each curve (RFC 7518 section 3.4). The algorithm of the
        // hash does not fit the curve, nor the digest the algorithm of the curve.
        let unfit = ErrorKind::Unfit {
            alg: alg.row().name,
            key: KeySpec::from(curve).name(),
        };
        let own = SignAlg::ALL.iter().find(|own| own.fits(curve.into()));
        let own = *own.expect("one for each curve");
        let digest = digest.as_digest();
        assert_eq!(refusal(key.sign_digest(alg, digest)), unfit);
        assert_eq!(refusal(key.verify_digest(alg, digest, &signature)), unfit);
        let other_hash = ("digest", Rule::NotWithAlgorithm);
        assert_eq!(invalid(key.sign_digest(own, digest)), other_hash);
        let verified = key.verify_digest(own, digest, &signature);
        assert_eq!(invalid(verified), other_hash);
        Refused
    });
}

// --- Encryption and wrapping -------------------------------------------------------------

/// A*KW and KWP: wrapped byte for byte as published, and unwrapped.
fn aes_wrap(key: &Key, alg: WrapAlg, material: &[u8], wrapped: &[u8]) {
    let ours = key.wrap_key(alg, material).expect("it wraps").value;
    assert_eq!(ours, wrapped, "wrapped with {alg}");
    let opened = key.unwrap_key(alg, wrapped).expect("it unwraps").value;
    assert_eq!(opened.expose(), material, "unwrapped with {alg}");
    for place in 0..wrapped.len() {
        let altered = key.unwrap_key(alg, &flipped(wrapped, place));
        assert_eq!(refusal(altered), ErrorKind::DecryptFailed);
    }
}

#[test]
fn rfc3394_key_wrap() {
    let vault = vault();
    run("rfc3394.json", |case| {
        let key = import_oct(&vault, &case.octets("kek"));
        let (material, wrapped) = (case.octets("data"), case.octets("ciphertext"));
        for alg in [case.parse("alg"), WrapAlg::CkmAesKeyWrap] {
            aes_wrap(&key, alg, &material, &wrapped);
        }
        let padded = key.unwrap_key(WrapAlg::CkmAesKeyWrapPad, &wrapped);
        assert_eq!(refusal(padded), ErrorKind::DecryptFailed);
        Agrees
    });
}

#[test]
fn rfc5649_key_wrap_with_padding() {
    let vault = vault();
    run("rfc5649.json", |case| {
        let key = import_oct(&vault, &case.octets("kek"));
        let (material, wrapped) = (case.octets("data"), case.octets("ciphertext"));
        aes_wrap(&key, case.parse("alg"), &material, &wrapped);
        let plain = key.unwrap_key(WrapAlg::CkmAesKeyWrap, &wrapped);
        assert_eq!(refusal(plain), ErrorKind::DecryptFailed);
        let odd = key.wrap_key(WrapAlg::CkmAesKeyWrap, &material);
        assert!(matches!(invalid(odd).0, "value"), "no whole semi-blocks");
        Agrees
    });
}

/// A*CBC and A*CBCPAD: encrypted byte for byte as published, and decrypted.
fn aes_cbc(vault: &Vault, case: &Object) {
    let key = import_oct(vault, &case.octets("key"));
    let alg: EncryptAlg = case.parse("alg");
    let (plaintext, iv) = (case.octets("plaintext"), case.octets("iv"));
    let published = case.octets("ciphertext");
    let params = EncryptParams::none().with_iv(&iv);
    let ours = key.encrypt(alg, &plaintext, params).expect("it encrypts");
    assert_eq!(ours.value.as_bytes(), published);
    assert_eq!(ours.value.iv(), Some(iv.as_slice()));
    let params = DecryptParams::none().with_iv(&iv);
    let opened = key.decrypt(alg, &published, params).expect("it decrypts");
    assert_eq!(opened.value.expose(), plaintext);
}

/// A*GCM: decrypted, both ways of asking. The IV is not ours to choose, so encrypting is
/// checked by decrypting.
fn aes_gcm(vault: &Vault, case: &Object) {
    let key = import_oct(vault, &case.octets("key"));
    let alg: EncryptAlg = case.parse("alg");
    let [iv, aad, tag] = ["iv", "aad", "tag"].map(|member| case.octets(member));
    let (plaintext, ciphertext) = (case.octets("plaintext"), case.octets("ciphertext"));
    let params = DecryptParams::none().with_iv(&iv).with_tag(&tag);
    let params = params.with_aad(&aad);
    let opened = key.decrypt(alg, &ciphertext, params).expect("it decrypts");
    assert_eq!(opened.value.expose(), plaintext);
    let mut buffer = ciphertext.clone();
    let opened = key.decrypt_in_place(alg, &mut buffer, params);
    opened.expect("it decrypts in place");
    assert_eq!(buffer, plaintext);

    let (bad_tag, bad_aad) = (flipped(&tag, 5), [aad.as_slice(), &[0]].concat());
    for params in [params.with_tag(&bad_tag), params.with_aad(&bad_aad)] {
        let altered = key.decrypt(alg, &ciphertext, params);
        assert_eq!(refusal(altered), ErrorKind::DecryptFailed);
    }

    let params = EncryptParams::none().with_aad(&aad);
    let ours = key.encrypt(alg, &plaintext, params).expect("it encrypts");
    let params = ours.value.params().with_aad(&aad);
    let opened = key.decrypt(alg, ours.value.as_bytes(), params);
    assert_eq!(opened.expect("ours").value.expose(), plaintext);
    let params = EncryptParams::none().with_iv(&iv);
    let chosen = key.encrypt(alg, &plaintext, params);
    assert_eq!(invalid(chosen), ("iv", Rule::NotWithAlgorithm));
}

#[test]
fn sp800_38a_cbc() {
    let vault = vault();
    run("sp800_38a.json", |case| {
        aes_cbc(&vault, case);
        Agrees
    });
}

/// RSA1_5 with implicit rejection: a wrong padding gives the published made-up message.
#[test]
fn cfrg_rsa_guidance() {
    let vault = vault();
    let file = vector_file("cfrg_rsa_guidance.json");
    let mut keys = BTreeMap::new();
    run("cfrg_rsa_guidance.json", |case| {
        let name = case.text("key");
        let key = keys.entry(name.to_owned()).or_insert_with(|| {
            let forms = file.object("keys").object(name);
            let key = SecretJwk::from_json(forms.object("jwk").json().as_bytes());
            let key = key.expect("the JWK is read");
            let same = SecretJwk::from_pem(forms.text("pkcs8_pem").as_bytes());
            assert!(key == same.expect("the PEM is read"), "two forms, two keys");
            import(&vault, &key)
        });
        let bits = u32::try_from(case.len("bits")).unwrap();
        assert_eq!(key.spec().unwrap(), KeySpec::Rsa { bits });
        let (ciphertext, plaintext) = (case.octets("ciphertext"), case.octets("plaintext"));
        let opened = key.decrypt(EncryptAlg::Rsa15, &ciphertext, DecryptParams::none());
        let opened = opened.expect("decryption never fails").value;
        assert!(
            opened.expose() == plaintext,
            "valid: {}",
            case.bool("valid")
        );
        let opened = key.unwrap_key(WrapAlg::Rsa15, &ciphertext);
        let opened = opened.expect("unwrapping never fails").value;
        assert!(
            opened.expose() == plaintext,
            "valid: {}",
            case.bool("valid")
        );
        Agrees
    });
}

/// An RSA algorithm: the published key unwraps (and decrypts, which is the same
/// computation), and one that we wrap comes back.
fn rsa_unwrap(vault: &Vault, case: &Object) {
    let key = import_json(vault, &case.object("jwk"));
    let (wrapped, cek) = (case.octets("encrypted_key"), case.octets("cek"));
    let alg: WrapAlg = case.parse("alg");
    let opened = key.unwrap_key(alg, &wrapped).expect("it unwraps").value;
    assert_eq!(opened.expose(), cek);
    let opened = key.decrypt(case.parse("alg"), &wrapped, DecryptParams::none());
    assert_eq!(opened.expect("it decrypts").value.expose(), cek);
    let ours = key.wrap_key(alg, &cek).expect("it wraps").value;
    assert_ne!(ours, wrapped, "padding used twice");
    let opened = key.unwrap_key(alg, &ours).expect("ours").value;
    assert_eq!(opened.expose(), cek);
}

// --- JWK -------------------------------------------------------------------------------

/// A JWK of a document: read, written with the same members, and read again. A private
/// one is no public one.
fn reads_and_writes(jwk: &Object, private: bool) {
    let text = jwk.json();
    if !private {
        let key = Jwk::from_json(text.as_bytes()).expect("the JWK is read");
        assert_eq!(json(key.to_json().as_bytes()), jwk.0);
        assert!(Jwk::from_json(key.to_json().as_bytes()).unwrap() == key);
        let secret = SecretJwk::from_json(text.as_bytes());
        assert_eq!(invalid(secret), ("d", Rule::Missing));
        return;
    }
    let key = SecretJwk::from_json(text.as_bytes()).expect("the JWK is read");
    let written = key.to_json_exposing_secret();
    assert_eq!(json(written.expose()), jwk.0);
    assert!(SecretJwk::from_json(written.expose()).unwrap() == key);
    let (member, rule) = invalid(Jwk::from_json(text.as_bytes()));
    assert!(["d", "k"].contains(&member) && rule == Rule::Private);
    let public = json(key.public().to_json().as_bytes());
    for (name, value) in public.as_object().unwrap() {
        assert_eq!(value, jwk.get(name));
    }
    for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(public.get(member).is_none(), "{member} is published");
    }
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("what we write is JSON")
}

#[test]
fn rfc7517_keys() {
    let vault = vault();
    run("rfc7517.json", |case| {
        let private = case.bool("private");
        if case.text("kind") == "jwk" {
            let jwk = case.object("jwk");
            reads_and_writes(&jwk, private);
            if private {
                import_json(&vault, &jwk);
            } else {
                adopt_public(&vault, &Jwk::from_json(jwk.json().as_bytes()).unwrap());
            }
            return Agrees;
        }
        assert_eq!(case.text("kind"), "jwk_set");
        let jwks = case.object("jwk_set");
        let set = JwkSet::from_json(jwks.json().as_bytes()).expect("the set is read");
        let keys = jwks.list("keys");
        assert_eq!(set.entries().len(), keys.len());
        for (index, (jwk, entry)) in keys.iter().zip(set.entries()).enumerate() {
            reads_and_writes(jwk, private);
            match entry {
                SetEntry::Key(key) => {
                    assert!(!private);
                    assert_eq!(json(key.to_json().as_bytes()), jwk.0);
                    assert_eq!(set.find(jwk.text("kid")), Some(key.as_ref()));
                    adopt_public(&vault, key);
                }
                // A set is public: it reads no private key, and keeps nothing of one.
                SetEntry::Invalid { index: at, error } => {
                    assert!(private);
                    assert_eq!(*at, index);
                    let kind = error.kind().clone();
                    let rule = Rule::Private;
                    assert!(
                        ["d", "k"]
                            .iter()
                            .any(|field| { kind == ErrorKind::Invalid { field, rule } })
                    );
                    import_json(&vault, jwk);
                }
                other => panic!("{other:?}"),
            }
        }
        if !private {
            assert_eq!(json(set.to_json().as_bytes()), jwks.0);
        }
        Agrees
    });
}

#[test]
fn rfc7518_algorithms() {
    let vault = vault();
    run("rfc7518.json", |case| match case.text("kind") {
        "aes_cbc_pkcs7" => {
            aes_cbc(&vault, case);
            composite_mac(&vault, case);
            Refused
        }
        "ec_width" => {
            ec_width(&vault, case);
            Agrees
        }
        "hmac_key" => {
            hmac_key(&vault, case);
            Refused
        }
        "jwk_form" => jwk_form(case),
        other => panic!("{other}"),
    });
}

/// The MAC half of AES_CBC_HMAC_SHA2: its key is half of what HS* asks.
fn composite_mac(vault: &Vault, case: &Object) {
    let (key, message) = (case.octets("hmac_key"), case.octets("hmac_input"));
    let alg: SignAlg = case.parse("hmac_alg");
    assert_eq!(key.len() * 2, alg.row().hash.len());
    let refused = import_oct(vault, &key).sign(alg, &message);
    let spec = KeySpec::Aes {
        bits: u32::try_from(key.len() * 8).unwrap(),
    };
    let unfit = ErrorKind::Unfit {
        alg: alg.row().name,
        key: spec.name(),
    };
    assert_eq!(refusal(refused), unfit);
    let mac = mac_with_equal_key(vault, alg, &key, &message);
    let tag = case.octets("tag");
    assert_eq!(mac[..tag.len()], tag);
    assert_eq!(tag.len() * 2, mac.len());
}

fn ec_width(vault: &Vault, case: &Object) {
    let curve: Curve = case.parse("crv");
    let alg: SignAlg = case.parse("alg");
    let width = case.len("member_octets");
    let key = vault.create(&common::fresh_name(), curve, &KeyOptions::new());
    let key = key.expect("a key");
    let jwk = Object(json(key.jwk().unwrap().to_json().as_bytes()));
    for member in ["x", "y"] {
        assert_eq!(b64u(jwk.text(member)).len(), width);
    }
    let signature = key.sign(alg, b"wide").expect("it signs").value;
    assert_eq!(signature.as_bytes().len(), case.len("signature_octets"));
    // A scalar with leading zeros is as wide as any other, read and written.
    let mut d = vec![0; width];
    d[width - 1] = 7;
    let small = SecretJwk::from_ec_scalar(curve, &d).expect("a scalar");
    let written = Object(json(small.to_json_exposing_secret().expose()));
    assert_eq!(b64u(written.text("d")), d);
    for wrong in [1, width - 1, width + 1] {
        let mut d = vec![0; wrong];
        d[wrong - 1] = 7;
        let (expected, actual) = (width, wrong);
        let rule = Rule::Length { expected, actual };
        assert_eq!(invalid(SecretJwk::from_ec_scalar(curve, &d)), ("d", rule));
    }
}

/// RFC 7518 section 3.2: a key as long as the hash, or longer; nothing below.
fn hmac_key(vault: &Vault, case: &Object) {
    let alg: SignAlg = case.parse("alg");
    let minimum = case.len("minimum_key_octets");
    for octets in [16, 24, 32, 48, 64] {
        let key = SecretJwk::from_oct(&vec![7; octets]).expect("an offered size");
        let key = import(vault, &key);
        let signed = key.sign(alg, b"message");
        if octets >= minimum {
            let mac = signed.expect("it signs").value;
            assert_eq!(mac.as_bytes().len(), case.len("mac_octets"));
        } else {
            let kind = refusal(signed);
            assert!(matches!(kind, ErrorKind::Unfit { .. }), "{octets}: {kind}");
        }
    }
    for octets in [minimum - 1, minimum + 1] {
        let odd = SecretJwk::from_oct(&vec![7; octets]);
        assert_eq!(invalid(odd), ("k", Rule::Size));
    }
}

fn jwk_form(case: &Object) -> Outcome {
    let jwk = case.object("jwk");
    let text = jwk.json();
    let private = jwk.0.get("d").is_some();
    if case.bool("conforms") {
        reads_and_writes(&jwk, private);
        return Agrees;
    }
    let read = if private {
        SecretJwk::from_json(text.as_bytes()).map(|key| key.public().clone())
    } else {
        Jwk::from_json(text.as_bytes())
    };
    let length = |actual| Rule::Length {
        expected: 66,
        actual,
    };
    let (field, rule) = match case.text("name") {
        // The one leniency: others write RSA integers with a leading zero (a Java
        // `BigInteger` has one). Read as the integer that it is, and written minimal.
        "6.3.1.1 RSA n with an extra zero octet" | "6.3.1.2 RSA e with an extra zero octet" => {
            let key = read.expect("leading zeros of RSA integers are read");
            let mut minimal = jwk.0.clone();
            for member in ["n", "e"] {
                let octets = b64u(jwk.text(member));
                let first = octets.iter().position(|octet| *octet != 0).unwrap();
                minimal[member] = common::to_b64u(&octets[first..]).into();
            }
            assert_ne!(minimal, jwk.0);
            assert_eq!(json(key.to_json().as_bytes()), minimal);
            let same = Jwk::from_json(minimal.to_string().as_bytes()).unwrap();
            assert_eq!(key.thumbprint().unwrap(), same.thumbprint().unwrap());
            return Agrees;
        }
        "6.2 P-521 x with an extra zero octet" => ("x", length(67)),
        "6.2 P-521 y with an extra zero octet" => ("y", length(67)),
        "6.2 P-521 d with an extra zero octet" => ("d", length(67)),
        "6.2 P-521 x without its leading zero octet" => ("x", length(65)),
        "6.2 P-521 d without its leading zero octet" => ("d", length(65)),
        "2 RSA n with base64 padding" | "2 RSA n in the base64 alphabet" => ("n", Rule::Base64Url),
        "6.2.1 P-521 key labelled P-256" => {
            let (expected, actual) = (32, 66);
            ("x", Rule::Length { expected, actual })
        }
        other => panic!("{other}: decide it"),
    };
    assert_eq!(invalid(read), (field, rule), "{}", case.text("rule"));
    Refused
}

#[test]
fn rfc7520_examples() {
    let vault = vault();
    run("rfc7520.json", |case| {
        match case.text("kind") {
            "jwk" => reads_and_writes(&case.object("jwk"), case.bool("private")),
            "signature" => return signature(&vault, case),
            "rsa_unwrap" => rsa_unwrap(&vault, case),
            "aes_wrap" => {
                let key = import_json(&vault, &case.object("jwk"));
                let (wrapped, cek) = (case.octets("encrypted_key"), case.octets("cek"));
                aes_wrap(&key, case.parse("alg"), &cek, &wrapped);
            }
            "aes_gcm" => aes_gcm(&vault, case),
            "aes_cbc_pkcs7" => aes_cbc(&vault, case),
            other => panic!("{other}"),
        }
        Agrees
    });
}

#[test]
fn rfc7638_thumbprints() {
    run("rfc7638.json", |case| {
        let jwk = case.object("jwk");
        let text = jwk.json();
        let published = case.octets("thumbprint_sha256");
        let hashed = Hash::Sha256.hash(case.text("hash_input").as_bytes());
        assert_eq!(hashed.as_bytes(), published, "the vector itself");
        if !case.bool("offered") {
            assert_eq!(jwk.text("kty"), "OKP");
            let read = Jwk::from_json(text.as_bytes());
            assert_eq!(invalid(read), ("kty", Rule::UnknownName));
            let set = JwkSet::from_json(format!(r#"{{"keys":[{text}]}}"#).as_bytes());
            let set = set.expect("a set with a key of an unknown type");
            assert!(matches!(set.entries(), [SetEntry::Unknown { kty, .. }] if kty == "OKP"));
            return Refused;
        }
        let published = if jwk.0.get("crv") == Some(&"P-256K".into()) {
            // Key Vault's name for secp256k1. A thumbprint follows from the key and not
            // from the spelling, so it is that of the registered name (RFC 8812).
            let ours = Jwk::from_json(text.as_bytes()).unwrap().thumbprint();
            assert_ne!(ours.unwrap().as_bytes(), published);
            b64u("FAbORfavhKVAWyiRvTYyQr8dOpfR7Q75_gXzWPmFfMw")
        } else {
            published
        };
        if jwk.0.get("d").is_none() && jwk.0.get("k").is_none() {
            let key = Jwk::from_json(text.as_bytes()).expect("the JWK is read");
            assert_eq!(key.thumbprint().unwrap().as_bytes(), published);
            return Agrees;
        }
        let key = SecretJwk::from_json(text.as_bytes()).expect("the JWK is read");
        assert_eq!(key.thumbprint().unwrap().as_bytes(), published);
        if jwk.text("kty") == "oct" {
            let public = key.public().thumbprint();
            assert_eq!(
                invalid(public),
                ("k", Rule::Missing),
                "it would hash the secret"
            );
        } else {
            assert_eq!(key.public().thumbprint().unwrap().as_bytes(), published);
        }
        Agrees
    });
}

// --- The service -------------------------------------------------------------------------

#[test]
fn what_the_service_made_or_accepted() {
    let vault = vault();
    run("service.json", |case| {
        if case.text("kind") == "aes_gcm" {
            aes_gcm(&vault, case);
            return Agrees;
        }
        assert_eq!(case.text("kind"), "signature_of_digest");
        let jwk = case.object("jwk");
        let alg: SignAlg = case.parse("alg");
        let key = if jwk.0.get("d").is_some() {
            import_json(&vault, &jwk)
        } else {
            adopt_public(&vault, &Jwk::from_json(jwk.json().as_bytes()).unwrap())
        };
        let (digest, signature) = (case.octets("digest"), case.octets("signature"));
        let digest = Digest::new(alg.row().hash, &digest).expect("a digest");
        let verified = key.verify_digest(alg, digest, &signature);
        verified.expect("what the service accepts");
        if case.text("name").contains("high s") {
            assert!(signature[32..] > *p256_half_order(), "a high s");
        }
        let altered = key.verify_digest(alg, digest, &flipped(&signature, 40));
        assert_eq!(refusal(altered), ErrorKind::BadSignature);
        Agrees
    });
}

/// Half of the order of P-256: an s above it is high.
fn p256_half_order() -> Box<[u8]> {
    hex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8").into()
}
