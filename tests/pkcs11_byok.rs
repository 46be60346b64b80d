//! Keys that come to a token and leave it in wrapped form. The blobs are made, and opened, by
//! the crates `rsa` and `aes-kw`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "common/own_process.rs"]
mod own_process;
#[path = "common/shim.rs"]
mod shim;
#[path = "common/token.rs"]
mod token;

use std::path::Path;
use std::time::Duration;

use aes_kw::KwpAes256;
use aes_kw::cipher::KeyInit;
use rsa::rand_core::UnwrapErr;
use rsa::traits::{PaddingScheme, PrivateKeyParts, PublicKeyParts};
use rsa::{BoxedUint, Oaep, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;

use shim::Shim;
use strongroom::alg::KeyOp;
use strongroom::fit::{SignRequest, VerifyRequest};
use strongroom::jwk::{Jwk, PublicKey, SecretJwk};
use strongroom::pkcs11::Pkcs11;
use strongroom::provider::{KeyProvider, NewKey, WrappedKey, WrappingKey};
use strongroom::{
    Curve, Error, ErrorKind, KeyHandle, KeySpec, OpSet, ProviderKeyId, Rule, SignAlg,
};
use token::Token;

const LIMIT: Duration = Duration::from_secs(120);
const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };
const AES: KeySpec = KeySpec::Aes { bits: 256 };
const HMAC: KeySpec = KeySpec::Hmac { bits: 256 };
const KEK: u8 = 1;
const TARGET: u8 = 2;
const EC: [(Curve, SignAlg); 4] = [
    (Curve::P256, SignAlg::Es256),
    (Curve::P384, SignAlg::Es384),
    (Curve::P521, SignAlg::Es512),
    (Curve::P256K, SignAlg::Es256K),
];

fn open(token: &Token, module: &Path) -> Pkcs11 {
    let builder = Pkcs11::builder()
        .module(module)
        .token_label(&token.label)
        .pin_value(token.pin.as_bytes());
    let builder = match &token.init {
        Some(init) => builder.init_string(init),
        None => builder,
    };
    builder.open().expect("the token opens")
}

fn id(number: u8) -> ProviderKeyId {
    ProviderKeyId::from_bytes([number; 16])
}

fn new(number: u8, spec: KeySpec) -> NewKey {
    NewKey::new(id(number), spec).unwrap()
}

/// A key as the service has it for this: for `import` and nothing else.
fn kek(hsm: &Pkcs11) -> KeyHandle {
    let new = new(KEK, RSA).with_ops(OpSet::from_iter([KeyOp::Import]));
    hsm.generate(&new.unwrap()).expect("an RSA key")
}

// --- Blobs by other hands ------------------------------------------------------------------

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn public_key(jwk: &Jwk) -> RsaPublicKey {
    let PublicKey::Rsa(key) = jwk.key() else {
        panic!("an RSA key");
    };
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    RsaPublicKey::new(number(&key.n()), number(&key.e())).expect("a public key")
}

fn sealed(to: &Jwk, aes: &[u8]) -> Vec<u8> {
    let oaep = Oaep::<Sha1>::new();
    oaep.encrypt(&mut rng(), &public_key(to), aes).unwrap()
}

fn kwp(aes: [u8; 32], material: &[u8]) -> Vec<u8> {
    let mut wrapped = vec![0; material.len().next_multiple_of(8) + 8];
    let kek = KwpAes256::new(&aes.into());
    kek.wrap_key(material, &mut wrapped).unwrap();
    wrapped
}

fn wrapped(to: &KeyHandle, material: &[u8]) -> WrappedKey {
    let (aes, to) = ([7; 32], to.public().unwrap());
    WrappedKey::from_bytes([sealed(to, &aes), kwp(aes, material)].concat())
}

/// What is in a blob, by the private key that it was made for.
fn opened(by: &RsaPrivateKey, blob: &WrappedKey) -> Vec<u8> {
    let (sealed, wrapped) = blob.as_bytes().split_at(256);
    let oaep = Oaep::<Sha1>::new();
    let aes = oaep.decrypt(Some(&mut rng()), by, sealed).unwrap();
    let aes: [u8; 32] = aes.as_slice().try_into().expect("a key of 256 bits");
    let mut material = vec![0; wrapped.len()];
    let kek = KwpAes256::new(&aes.into());
    kek.unwrap_key(wrapped, &mut material).unwrap().to_vec()
}

fn pkcs8(key: &SecretJwk) -> Vec<u8> {
    key.to_pkcs8_der_exposing_secret()
        .unwrap()
        .expose()
        .to_vec()
}

// --- Keys ----------------------------------------------------------------------------------

fn rsa_pair() -> (RsaPrivateKey, SecretJwk) {
    let key = RsaPrivateKey::new(&mut rng(), 2048).unwrap();
    let bytes = |number: &BoxedUint| number.to_be_bytes().to_vec();
    let (n, e, d) = (bytes(key.n().as_ref()), bytes(key.e()), bytes(key.d()));
    let jwk = SecretJwk::from_rsa_components(&n, &e, &d, None).unwrap();
    (key, jwk)
}

/// A scalar that is no other's.
fn ec_key(curve: Curve) -> SecretJwk {
    let mut scalar = vec![0; curve.field_len()];
    getrandom::fill(&mut scalar[2..]).unwrap();
    SecretJwk::from_ec_scalar(curve, &scalar).unwrap()
}

/// That it is the key it should be, wherever it is: its signature verifies under the original's
/// public half.
fn check_signs(hsm: &Pkcs11, key: &KeyHandle, original: &Jwk, alg: SignAlg) {
    assert_eq!(key.public().map(Jwk::key), Some(original.key()));
    let signed = SignRequest::for_message(key, alg, b"message").unwrap();
    let signature = hsm.sign(&signed).expect("it signs");
    let verify = VerifyRequest::for_message(key, alg, b"message", signature.as_bytes());
    strongroom::public::verify(&verify.unwrap()).expect("a good signature");
}

/// Neither half is there.
fn check_absent(hsm: &Pkcs11, spec: KeySpec, case: &str) {
    assert!(hsm.find(&id(TARGET)).unwrap().is_none(), "{case}");
    // A public half that was left would be one of two now.
    if !spec.is_symmetric() {
        let made = hsm.generate(&new(TARGET, spec)).expect(case);
        hsm.destroy(&made).unwrap();
    }
}

fn is_not_offered(result: Result<impl Sized, Error>) -> bool {
    result.is_err_and(|error| matches!(error.kind(), ErrorKind::NotOffered { .. }))
}

/// Takes over a key of each kind that can sign, and uses it.
fn take_over(hsm: &Pkcs11, kek: &KeyHandle, curves: &[(Curve, SignAlg)]) {
    let (_, rsa) = rsa_pair();
    let mut cases = vec![(RSA, rsa, SignAlg::Ps256)];
    cases.extend(
        curves
            .iter()
            .map(|(curve, alg)| (KeySpec::Ec(*curve), ec_key(*curve), *alg)),
    );
    for (spec, original, alg) in cases {
        let blob = wrapped(kek, &pkcs8(&original));
        let made = hsm.import_wrapped(kek, &blob, &new(TARGET, spec));
        let made = made.unwrap_or_else(|error| panic!("{spec:?}: {error}"));
        assert_eq!(made.spec(), spec);
        check_signs(hsm, &made, original.public(), alg);
        let found = hsm.find(&id(TARGET)).unwrap().expect("it is there");
        assert_eq!(found, made);
        check_signs(hsm, &found, original.public(), alg);
        hsm.destroy(&made).unwrap();
        check_absent(hsm, spec, "destroyed");
    }
}

// --- Tests ---------------------------------------------------------------------------------

#[test]
fn softhsm_takes_over_keys_in_two_steps() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = open(&token, &token.module);
    let kek = kek(&hsm);
    take_over(&hsm, &kek, &EC);
    // It does not tell the size of an unwrapped key, so nobody could find it again.
    for spec in [AES, HMAC] {
        let result = hsm.import_wrapped(&kek, &wrapped(&kek, &[1; 32]), &new(TARGET, spec));
        assert!(is_not_offered(result));
        check_absent(&hsm, spec, "not offered");
    }
    assert_eq!(hsm.keys().unwrap().len(), 1);
}

#[test]
fn a_wrong_blob_leaves_nothing() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = open(&token, &token.module);
    let kek = kek(&hsm);
    wrong_blobs(&hsm, &kek);
}

/// Every class of wrong blob has one face.
fn wrong_blobs(hsm: &Pkcs11, kek: &KeyHandle) {
    let spec = KeySpec::Ec(Curve::P256);
    let to = kek.public().unwrap();
    let target = pkcs8(&ec_key(Curve::P256));
    let good = wrapped(kek, &target).as_bytes().to_vec();
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, blob: Vec<u8>| cases.push((name.to_owned(), blob));
    for at in [
        0,
        1,
        100,
        255,
        256,
        260,
        263,
        264,
        300,
        good.len() - 9,
        good.len() - 1,
    ] {
        let mut blob = good.clone();
        blob[at] ^= 0x10;
        add(&format!("flipped {at}"), blob);
    }
    for len in [0, 1, 16, 255, 256, 264, 272, good.len() - 8, good.len() - 1] {
        add(&format!("truncated to {len}"), good[..len].to_vec());
    }
    for more in [1, 8, 16, 9000] {
        add(
            &format!("extended by {more}"),
            [good.clone(), vec![0; more]].concat(),
        );
    }
    add("swapped", [&good[256..], &good[..256]].concat());
    add("without the first part", good[256..].to_vec());
    let (_, other) = rsa_pair();
    add(
        "for another key",
        [sealed(other.public(), &[7; 32]), kwp([7; 32], &target)].concat(),
    );
    add(
        "under another AES key",
        [sealed(to, &[8; 32]), kwp([7; 32], &target)].concat(),
    );
    for len in [0, 1, 15, 17, 31, 33, 64, 200] {
        let blob = [sealed(to, &vec![7; len]), kwp([7; 32], &target)].concat();
        add(&format!("an AES key of {len} bytes"), blob);
    }
    let inside = |material: &[u8]| [sealed(to, &[7; 32]), kwp([7; 32], material)].concat();
    add("no PKCS #8", inside(&[0x30; 138]));
    add("the scalar alone", inside(&[1; 32]));
    add("an RSA key", inside(&pkcs8(&other)));
    add("PKCS #8 cut off", inside(&target[..target.len() - 3]));
    add("random bytes", {
        let mut bytes = vec![0; good.len()];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    });
    for (name, blob) in cases {
        let result = hsm.import_wrapped(kek, &WrappedKey::from_bytes(blob), &new(TARGET, spec));
        let error = result.expect_err(&name);
        assert_eq!(*error.kind(), ErrorKind::DecryptFailed, "{name}");
        assert!(hsm.find(&id(TARGET)).unwrap().is_none(), "{name}");
    }
    // What is whole, and not what was announced.
    let rsa_target = pkcs8(&other);
    let p384 = pkcs8(&ec_key(Curve::P384));
    let wrong = [
        (KeySpec::Ec(Curve::P256), &p384, "crv"),
        (KeySpec::Ec(Curve::P384), &target, "crv"),
        (KeySpec::Rsa { bits: 3072 }, &rsa_target, "key_size"),
    ];
    for (spec, material, field) in wrong {
        let result = hsm.import_wrapped(kek, &wrapped(kek, material), &new(TARGET, spec));
        let rule = Rule::Inconsistent;
        assert_eq!(
            *result.unwrap_err().kind(),
            ErrorKind::Invalid { field, rule }
        );
        assert!(hsm.find(&id(TARGET)).unwrap().is_none(), "{spec:?}");
    }
    check_absent(hsm, spec, "after all of it");
    assert_eq!(hsm.keys().unwrap().len(), 1);
    let blob = WrappedKey::from_bytes(good);
    hsm.import_wrapped(kek, &blob, &new(TARGET, spec))
        .expect("the good one");
}

#[test]
fn only_a_key_that_may_unwrap_unwraps() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = open(&token, &token.module);
    let signing = new(KEK, RSA).with_ops(OpSet::SIGN_VERIFY).unwrap();
    let signing = hsm.generate(&signing).unwrap();
    let spec = KeySpec::Ec(Curve::P256);
    let blob = wrapped(&signing, &pkcs8(&ec_key(Curve::P256)));
    assert!(is_not_offered(hsm.import_wrapped(
        &signing,
        &blob,
        &new(TARGET, spec)
    )));
    let ec = hsm.generate(&new(3, spec)).unwrap();
    assert!(is_not_offered(hsm.import_wrapped(
        &ec,
        &blob,
        &new(TARGET, spec)
    )));
    check_absent(&hsm, spec, "refused");
    // It would fill up with zeros.
    let exportable = new(4, spec).with_exportable(true);
    let exportable = hsm.generate(&exportable).unwrap();
    let by = WrappingKey::Own(&signing);
    assert!(is_not_offered(hsm.export_wrapped(&exportable, &by)));
}

/// A token whose module is behind the shim.
fn behind_shim(token: &Token) -> Shim {
    let shim = Shim::load(&Shim::build());
    let module = token.module.to_str().expect("a path that is text");
    shim.set("P11SHIM_MODULE", module);
    shim
}

#[test]
fn the_one_mechanism_is_used_where_it_is() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::softhsm() else {
            return;
        };
        let shim = behind_shim(&token);
        shim.set("P11SHIM_RSA_AES", "1");
        let hsm = open(&token, shim.path());
        let kek = kek(&hsm);
        take_over(&hsm, &kek, &EC);
        wrong_blobs(&hsm, &kek);
        shim.reset();
        let blob = wrapped(&kek, &pkcs8(&ec_key(Curve::P384)));
        let made = hsm.import_wrapped(&kek, &blob, &new(3, KeySpec::Ec(Curve::P384)));
        made.expect("a key");
        assert_eq!(shim.stats().calls("C_UnwrapKey"), 1);
    });
}

#[test]
fn a_fault_on_the_way_in_makes_one_key_or_none() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::softhsm() else {
            return;
        };
        let shim = behind_shim(&token);
        let hsm = open(&token, shim.path());
        let kek = kek(&hsm);
        let spec = KeySpec::Ec(Curve::P256);
        let original = ec_key(Curve::P256);
        let blob = wrapped(&kek, &pkcs8(&original));
        let functions = [
            "C_UnwrapKey@1",
            "C_UnwrapKey@2",
            "C_CreateObject@1",
            "C_SignInit@1",
            "C_Sign@2",
            "C_Sign@3",
            "C_DestroyObject@1",
            "C_FindObjectsInit@1",
            "C_FindObjectsInit@2",
            "C_GetAttributeValue@2",
            "C_GetAttributeValue@4",
        ];
        let faults = [
            "0x30",
            "after:0x30",
            "after:0xb3",
            "close",
            "closeall",
            "logout",
            "finalize",
        ];
        for function in functions {
            for fault in faults {
                let plan = format!("{function}={fault}");
                shim.plan(&plan);
                let result = hsm.import_wrapped(&kek, &blob, &new(TARGET, spec));
                assert!(shim.stats().faults() > 0, "{plan}");
                shim.plan("");
                shim.reset();
                match result {
                    Ok(made) => {
                        check_signs(&hsm, &made, original.public(), SignAlg::Es256);
                        hsm.destroy(&made).unwrap();
                    }
                    Err(error) => {
                        let lost = fault.ends_with("0x30");
                        assert!(lost, "{plan}: {error} is put right by doing it again");
                    }
                }
                check_absent(&hsm, spec, &plan);
                assert_eq!(hsm.keys().unwrap().len(), 1, "{plan}");
            }
        }
    });
}

#[test]
fn the_tokens_trouble_is_not_the_blobs_fault() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::softhsm() else {
            return;
        };
        let shim = behind_shim(&token);
        let hsm = open(&token, shim.path());
        let kek = kek(&hsm);
        let spec = KeySpec::Ec(Curve::P256);
        let blob = wrapped(&kek, &pkcs8(&ec_key(Curve::P256)));
        // CKR_DEVICE_MEMORY, CKR_TOKEN_WRITE_PROTECTED; and a public half that is not taken.
        for plan in [
            "C_UnwrapKey=0x31",
            "C_UnwrapKey=0xe2",
            "C_CreateObject=0x30",
        ] {
            shim.plan(plan);
            let result = hsm.import_wrapped(&kek, &blob, &new(TARGET, spec));
            assert!(result.unwrap_err().is_retryable(), "{plan}");
            shim.plan("");
            check_absent(&hsm, spec, plan);
        }
    });
}

/// Both ways on NSS, between it and the other implementation.
fn both_ways(hsm: &Pkcs11) {
    let kek = kek(hsm);
    take_over(hsm, &kek, &[]);
    let (private, jwk) = rsa_pair();
    let outside = WrappingKey::Public(jwk.public());
    let own = WrappingKey::Own(&kek);

    let (_, rsa) = rsa_pair();
    let exportable = new(TARGET, RSA).with_exportable(true);
    let blob = wrapped(&kek, &pkcs8(&rsa));
    let made = hsm.import_wrapped(&kek, &blob, &exportable).unwrap();
    let blob = hsm.export_wrapped(&made, &outside).unwrap();
    assert_eq!(
        SecretJwk::from_pkcs8_der(&opened(&private, &blob)).unwrap(),
        rsa
    );
    let blob = hsm.export_wrapped(&made, &own).unwrap();
    hsm.destroy(&made).unwrap();
    let back = hsm.import_wrapped(&kek, &blob, &exportable).unwrap();
    check_signs(hsm, &back, rsa.public(), SignAlg::Rs256);
    hsm.destroy(&back).unwrap();

    // An EC key goes out; in, the token asks for a point that nobody here knows.
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let spec = KeySpec::Ec(curve);
        let ec = hsm
            .generate(&new(TARGET, spec).with_exportable(true))
            .unwrap();
        let blob = hsm.export_wrapped(&ec, &outside).unwrap();
        let secret = SecretJwk::from_pkcs8_der(&opened(&private, &blob)).unwrap();
        assert_eq!(secret.public().key(), ec.public().unwrap().key());
        hsm.destroy(&ec).unwrap();
        let blob = wrapped(&kek, &pkcs8(&secret));
        assert!(is_not_offered(hsm.import_wrapped(
            &kek,
            &blob,
            &new(TARGET, spec)
        )));
    }

    for spec in [AES, HMAC] {
        let exportable = new(TARGET, spec).with_exportable(true);
        let material: Vec<u8> = (0..32).collect();
        let blob = wrapped(&kek, &material);
        let made = hsm.import_wrapped(&kek, &blob, &exportable).unwrap();
        assert_eq!(made.spec(), spec);
        let blob = hsm.export_wrapped(&made, &outside).unwrap();
        assert_eq!(opened(&private, &blob), material);
        assert_eq!(blob.as_bytes().len(), 256 + 40);
        hsm.destroy(&made).unwrap();
        for size in [16, 24, 31, 33, 48] {
            let blob = wrapped(&kek, &vec![1; size]);
            let result = hsm.import_wrapped(&kek, &blob, &exportable);
            let (field, rule) = ("key_size", Rule::Inconsistent);
            let kind = result.unwrap_err().kind().clone();
            // Of 31 bytes the blob looks like one of 32, and the token may be who refuses.
            let refused = size == 31 && kind == ErrorKind::DecryptFailed;
            assert!(
                refused || kind == ErrorKind::Invalid { field, rule },
                "{size}"
            );
            assert!(hsm.find(&id(TARGET)).unwrap().is_none());
        }
    }

    // The module itself would give it out.
    for spec in [RSA, KeySpec::Ec(Curve::P256), AES] {
        let kept = hsm.generate(&new(TARGET, spec)).unwrap();
        assert!(
            is_not_offered(hsm.export_wrapped(&kept, &outside)),
            "{spec:?}"
        );
        assert!(is_not_offered(hsm.export_wrapped(&kept, &own)), "{spec:?}");
        hsm.destroy(&kept).unwrap();
    }
    // RFC 5649 alone is another format, and EC keys wrap nothing.
    let exportable = new(TARGET, AES).with_exportable(true);
    let exportable = hsm.generate(&exportable).unwrap();
    let ec = hsm.generate(&new(3, KeySpec::Ec(Curve::P256))).unwrap();
    for by in [&exportable, &ec] {
        let by = WrappingKey::Own(by);
        assert!(is_not_offered(hsm.export_wrapped(&exportable, &by)));
    }
    assert_eq!(hsm.keys().unwrap().len(), 3);
}

#[test]
fn nss_gives_out_what_it_takes_in() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else { return };
        both_ways(&open(&token, &token.module));
    });
}

#[test]
fn the_one_mechanism_gives_out_what_it_takes_in() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else { return };
        let shim = behind_shim(&token);
        shim.set("P11SHIM_RSA_AES", "1");
        let hsm = open(&token, shim.path());
        both_ways(&hsm);
        shim.reset();
        let made = new(4, AES).with_exportable(true);
        let made = hsm.generate(&made).unwrap();
        let (_, jwk) = rsa_pair();
        hsm.export_wrapped(&made, &WrappingKey::Public(jwk.public()))
            .unwrap();
        assert_eq!(shim.stats().calls("C_WrapKey"), 1);
    });
}
