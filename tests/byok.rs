//! Bring your own key: the `.byok` file, and keys that come and go wrapped, in software and
//! between software and a token. The blobs of other implementations are in `interop.rs`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;
#[cfg(feature = "pkcs11")]
#[path = "common/token.rs"]
mod token;

use std::sync::LazyLock;

use aes_kw::KwpAes256;
use aes_kw::cipher::KeyInit;
use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding};
use common::{invalid, refusal, vault};
use rsa::rand_core::UnwrapErr;
use rsa::traits::PaddingScheme;
use rsa::{BoxedUint, Oaep, RsaPublicKey};
use sha1::Sha1;
use strongroom::alg::{KeyOp, TransferAlg};
use strongroom::encoding::{ByokBlob, TransferKind};
use strongroom::jwk::{Jwk, PublicKey, SecretJwk};
use strongroom::provider::{NewKey, WrappedKey, WrappingKey};
use strongroom::public::wrap_for_import;
use strongroom::software::Software;
use strongroom::vault::{Key, KeyOptions, KeyUpdate, Vault};
use strongroom::{
    Curve, Denial, Error, ErrorKind, KeyHandle, KeyProvider, KeySpec, Op, OpSet, ProviderKeyId,
    Rule, SignAlg, WrapAlg,
};

const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };
const P256: KeySpec = KeySpec::Ec(Curve::P256);
const CKM: TransferAlg = TransferAlg::CkmRsaAesKeyWrap;

/// Made once: RSA keys are slow to make.
static PRIVATE: LazyLock<SecretJwk> = LazyLock::new(|| {
    let pem = include_bytes!("../examples/data/rsa-2048-private.pem");
    SecretJwk::from_pem(pem).expect("an RSA key")
});

fn import_only() -> OpSet {
    OpSet::from_iter([KeyOp::Import])
}

fn kek(vault: &Vault) -> Key {
    let options = KeyOptions::new().ops(import_only());
    vault.import("kek", &PRIVATE, &options).expect("a KEK")
}

fn ec(curve: Curve) -> SecretJwk {
    let mut scalar = vec![0; curve.field_len()];
    getrandom::fill(&mut scalar[2..]).unwrap();
    SecretJwk::from_ec_scalar(curve, &scalar).unwrap()
}

fn id(number: u8) -> ProviderKeyId {
    ProviderKeyId::from_bytes([number; 16])
}

fn new(number: u8, spec: KeySpec) -> NewKey {
    NewKey::new(id(number), spec).unwrap()
}

fn blob(kek: &Key, key: &SecretJwk) -> ByokBlob {
    wrap_for_import(&kek.jwk().unwrap(), CKM, key).unwrap()
}

fn failed<T>(result: Result<T, Error>, what: &str) {
    match result {
        Err(error) => assert_eq!(*error.kind(), ErrorKind::DecryptFailed, "{what}"),
        Ok(_) => panic!("{what}: accepted"),
    }
}

fn is_not_offered<T>(result: Result<T, Error>) -> bool {
    matches!(refusal(result), ErrorKind::NotOffered { .. })
}

// --- The file --------------------------------------------------------------------------------

const FILE: &str = r#"{"schema_version":"1.0.0","header":{"kid":"https://vault.example/keys/kek/00000000000000000000000000000000","alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},"ciphertext":"q6ur","generator":"a tool"}"#;

#[test]
fn a_file_is_read_and_written_back_the_same() {
    let blob = ByokBlob::from_json(FILE.as_bytes()).unwrap();
    assert_eq!(
        blob.kid(),
        "https://vault.example/keys/kek/00000000000000000000000000000000"
    );
    assert_eq!(blob.enc(), CKM);
    assert_eq!(blob.ciphertext(), [0xAB; 3]);
    assert_eq!(blob.generator(), Some("a tool"));
    assert_eq!(blob.to_json(), FILE);
}

#[test]
fn the_request_member_is_read_in_both_alphabets_with_and_without_padding() {
    // `?` and `>` in the right places make `/` and `+`.
    let file = FILE.replace("a tool", "???>>>~~~");
    let blob = ByokBlob::from_json(file.as_bytes()).unwrap();
    for more in ["", " ", "  "] {
        let file = format!("{file}{more}");
        for text in [
            Base64::encode_string(file.as_bytes()),
            Base64Unpadded::encode_string(file.as_bytes()),
            Base64Url::encode_string(file.as_bytes()),
            Base64UrlUnpadded::encode_string(file.as_bytes()),
        ] {
            assert_eq!(ByokBlob::from_key_hsm(&text).unwrap(), blob);
        }
    }
    assert_eq!(ByokBlob::from_key_hsm(&blob.to_key_hsm()).unwrap(), blob);
    for text in ["", "*", "e30===", "e3 0", "e30=e30="] {
        let (field, _) = invalid(ByokBlob::from_key_hsm(text));
        assert_eq!(field, "key_hsm", "{text}");
    }
    let long = "A".repeat(200_000);
    let rule = Rule::TooLong(ByokBlob::MAX_LEN);
    assert_eq!(invalid(ByokBlob::from_key_hsm(&long)), ("key_hsm", rule));
}

#[test]
fn every_other_file_is_refused_and_says_where() {
    let cases = [
        ("\"1.0.0\"", "\"1.0\"", "schema_version", Rule::Unsupported),
        ("\"1.0.0\"", "1", "key_hsm", Rule::Syntax),
        ("\"dir\"", "\"RSA-OAEP\"", "alg", Rule::Unsupported),
        ("CKM_RSA_AES_KEY_WRAP", "A256KW", "enc", Rule::UnknownName),
        ("\"q6ur\"", "\"q6u\"", "ciphertext", Rule::Base64Url),
        ("\"q6ur\"", "\"q6u+\"", "ciphertext", Rule::Base64Url),
        ("\"q6ur\"", "\"\"", "ciphertext", Rule::Empty),
        (
            ",\"generator\"",
            ",\"more\":1,\"generator\"",
            "key_hsm",
            Rule::Syntax,
        ),
        (
            "\"alg\":\"dir\",",
            "\"alg\":\"dir\",\"zip\":\"x\",",
            "key_hsm",
            Rule::Syntax,
        ),
        (
            "\"alg\":\"dir\",",
            "\"alg\":\"dir\",\"alg\":\"dir\",",
            "key_hsm",
            Rule::Syntax,
        ),
        ("\"alg\":\"dir\",", "", "alg", Rule::Missing),
        ("\"ciphertext\":\"q6ur\",", "", "ciphertext", Rule::Missing),
        (
            "\"schema_version\":\"1.0.0\",",
            "",
            "schema_version",
            Rule::Missing,
        ),
        ("}", "", "key_hsm", Rule::Syntax),
    ];
    for (from, to, field, rule) in cases {
        let file = FILE.replacen(from, to, 1);
        assert_ne!(file, FILE);
        let result = ByokBlob::from_json(file.as_bytes());
        assert_eq!(invalid(result), (field, rule), "{file}");
    }
    let trailing = format!("{FILE}{{}}");
    assert_eq!(
        invalid(ByokBlob::from_json(trailing.as_bytes())).0,
        "key_hsm"
    );
    let padded = FILE.to_owned() + &" ".repeat(ByokBlob::MAX_LEN);
    assert_eq!(invalid(ByokBlob::from_json(padded.as_bytes())).0, "key_hsm");
    assert_eq!(
        invalid(ByokBlob::new("", CKM, vec![1])),
        ("kid", Rule::Empty)
    );
    assert_eq!(
        invalid(ByokBlob::new(&"k".repeat(1025), CKM, vec![1])).0,
        "kid"
    );
}

#[test]
fn what_makes_a_blob_asks_for_a_key_that_opens_it() {
    let target = ec(Curve::P256);
    let mut kek = PRIVATE.public().clone();
    assert_eq!(
        invalid(wrap_for_import(&kek, CKM, &target)),
        ("kid", Rule::Missing)
    );
    kek.meta_mut()
        .set_kid(Some("https://vault.example/keys/kek/00"));
    assert!(wrap_for_import(&kek, CKM, &target).is_ok());
    kek.meta_mut().set_key_ops(Some(OpSet::SIX_VERBS));
    assert_eq!(
        invalid(wrap_for_import(&kek, CKM, &target)),
        ("key_ops", Rule::Unexpected)
    );
    assert_eq!(
        invalid(wrap_for_import(target.public(), CKM, &target)).0,
        "kty"
    );
}

// --- Import into a vault ---------------------------------------------------------------------

#[test]
fn every_kind_of_key_comes_in_under_every_algorithm() {
    let vault = vault();
    let kek = kek(&vault).jwk().unwrap();
    let mut cases = vec![(TransferKind::Rsa, PRIVATE.public().clone(), None)];
    for curve in Curve::ALL {
        let key = ec(*curve);
        cases.push((TransferKind::Ec(*curve), key.public().clone(), Some(key)));
    }
    for (at, (kind, public, key)) in cases.iter().enumerate() {
        for enc in TransferAlg::ALL {
            let key = key.as_ref().unwrap_or(&PRIVATE);
            let blob = wrap_for_import(&kek, *enc, key).unwrap();
            let again = wrap_for_import(&kek, *enc, key).unwrap();
            assert_ne!(blob, again, "its AES key is its own");
            let blob = ByokBlob::from_key_hsm(&blob.to_key_hsm()).unwrap();
            let name = format!("target-{at}");
            let made = vault.import_byok(&name, *kind, &blob, &KeyOptions::new());
            let made = made.unwrap_or_else(|error| panic!("{kind:?} {enc}: {error}"));
            assert_eq!(made.jwk().unwrap().key(), public.key());
            let spec = made.spec().unwrap();
            let alg = *SignAlg::ALL.iter().find(|alg| alg.fits(spec)).unwrap();
            let signed = made.sign(alg, b"message").unwrap();
            made.verify(alg, b"message", signed.value.as_bytes())
                .unwrap();
        }
    }
    for len in [16, 24, 32] {
        let key = SecretJwk::from_oct(&vec![7; len]).unwrap();
        let blob = wrap_for_import(&kek, CKM, &key).unwrap();
        assert_eq!(blob.ciphertext().len(), 256 + len + 8);
        let made = vault.import_byok("oct", TransferKind::Oct, &blob, &KeyOptions::new());
        let made = made.unwrap();
        let (wrapped, by) = (&[9; 16], WrapAlg::CkmAesKeyWrap);
        let ours = made.wrap_key(by, wrapped).unwrap();
        let plain = vault.import("plain", &key, &KeyOptions::new()).unwrap();
        assert_eq!(plain.wrap_key(by, wrapped).unwrap().value, ours.value);
    }
    let mac = KeyOptions::new().ops(OpSet::SIGN_VERIFY);
    let key = SecretJwk::from_oct(&[7; 64]).unwrap();
    let blob = wrap_for_import(&kek, CKM, &key).unwrap();
    let made = vault
        .import_byok("mac", TransferKind::Oct, &blob, &mac)
        .unwrap();
    assert_eq!(made.spec().unwrap(), KeySpec::Hmac { bits: 512 });
}

#[test]
fn a_kek_is_for_import_alone_and_nothing_else_is_a_kek() {
    let vault = vault();
    let kek = kek(&vault);
    let blob = blob(&kek, &ec(Curve::P256));
    let options = KeyOptions::new();
    let kind = TransferKind::Ec(Curve::P256);
    let import = |blob: &ByokBlob| vault.import_byok("target", kind, blob, &options);

    // For nothing else.
    let denied = ErrorKind::Denied(Denial::NotInKeyOps);
    assert_eq!(refusal(kek.sign(SignAlg::Ps256, b"m")), denied);
    assert_eq!(refusal(kek.wrap_key(WrapAlg::RsaOaep256, b"m")), denied);
    assert_eq!(
        refusal(kek.unwrap_key(WrapAlg::RsaOaep, &blob.ciphertext()[..256])),
        denied
    );
    let more = KeyUpdate::new().ops(import_only().with(Op::UnwrapKey));
    assert_eq!(invalid(kek.update(&more)).0, "key_ops");
    assert_eq!(
        invalid(kek.update(&KeyUpdate::new().ops(OpSet::SIX_VERBS))).0,
        "key_ops"
    );

    // And nothing else is one.
    let other = vault.import("other", &PRIVATE, &KeyOptions::new()).unwrap();
    let for_kid = |kid: &str| ByokBlob::new(kid, CKM, blob.ciphertext().to_vec()).unwrap();
    let for_other = for_kid(&other.id().unwrap().to_string());
    assert_eq!(refusal(import(&for_other)), denied);
    let kid = kek.id().unwrap().to_string();
    let foreign = for_kid(&kid.replace("vault.example", "other.example"));
    assert_eq!(refusal(import(&foreign)), ErrorKind::NotFound);
    let absent = for_kid(&kid.replace("/kek/", "/absent/"));
    assert_eq!(refusal(import(&absent)), ErrorKind::NotFound);
    assert_eq!(invalid(import(&for_kid("kek"))).0, "kid");

    // Disabled, it opens nothing; enabled again, it does.
    kek.update(&KeyUpdate::new().enabled(false)).unwrap();
    assert_eq!(refusal(import(&blob)), ErrorKind::Denied(Denial::Disabled));
    kek.update(&KeyUpdate::new().enabled(true)).unwrap();
    assert!(vault.latest("target").is_err(), "nothing was made");
    import(&blob).unwrap();
}

// --- What is wrong with a blob ---------------------------------------------------------------

fn sealed(to: &Jwk, aes: &[u8]) -> Vec<u8> {
    let PublicKey::Rsa(key) = to.key() else {
        panic!("an RSA key");
    };
    let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
    let key = RsaPublicKey::new(number(&key.n()), number(&key.e())).unwrap();
    let rng = &mut UnwrapErr(getrandom::SysRng);
    Oaep::<Sha1>::new().encrypt(rng, &key, aes).unwrap()
}

fn kwp(aes: [u8; 32], material: &[u8]) -> Vec<u8> {
    let mut wrapped = vec![0; material.len().next_multiple_of(8) + 8];
    let kek = KwpAes256::new(&aes.into());
    kek.wrap_key(material, &mut wrapped).unwrap();
    wrapped
}

fn pkcs8(key: &SecretJwk) -> Vec<u8> {
    let der = key.to_pkcs8_der_exposing_secret().unwrap();
    der.expose().to_vec()
}

/// A KEK in software, and a blob with this inside.
fn software_kek(software: &Software) -> KeyHandle {
    let new = new(1, RSA).with_ops(import_only()).unwrap();
    software.import(&PRIVATE, &new).unwrap()
}

#[test]
fn whatever_is_wrong_with_a_blob_has_one_face() {
    let software = Software::ephemeral().unwrap();
    let kek = software_kek(&software);
    let to = PRIVATE.public();
    let target = ec(Curve::P256);
    let inside = |material: &[u8]| [sealed(to, &[7; 32]), kwp([7; 32], material)].concat();
    let good = inside(&pkcs8(&target));
    let import = |blob: &[u8], spec: KeySpec| {
        let blob = WrappedKey::from_bytes(blob.to_vec());
        software.import_wrapped(&kek, &blob, &new(2, spec))
    };
    for at in 0..good.len() {
        let mut blob = good.clone();
        blob[at] ^= 1 << (at % 8);
        failed(import(&blob, P256), &format!("flipped at {at}"));
    }
    for len in 0..good.len() {
        if len % 8 == 0 || len < 300 {
            failed(import(&good[..len], P256), &format!("cut to {len}"));
        }
    }
    for more in [1, 7, 8, 16, 9000] {
        let long = [good.as_slice(), &vec![0; more]].concat();
        failed(import(&long, P256), &format!("longer by {more}"));
    }
    for len in [0, 1, 15, 16, 17, 24, 31, 33, 64, 200] {
        let blob = [sealed(to, &vec![7; len]), kwp([7; 32], &pkcs8(&target))].concat();
        failed(import(&blob, P256), &format!("an AES key of {len} bytes"));
    }
    let cases = [
        (
            "another AES key",
            [sealed(to, &[8; 32]), kwp([7; 32], &pkcs8(&target))].concat(),
        ),
        ("the parts exchanged", [&good[256..], &good[..256]].concat()),
        ("no PKCS #8", inside(&[0x30; 138])),
        ("the scalar alone", inside(&[1; 32])),
        ("an RSA key", inside(&pkcs8(&PRIVATE))),
        ("PKCS #8 cut off", inside(&pkcs8(&target)[..100])),
        (
            "PKCS #8 and more",
            inside(&[pkcs8(&target), vec![0]].concat()),
        ),
        (
            "SEC 1",
            inside(target.to_sec1_der_exposing_secret().unwrap().expose()),
        ),
    ];
    for (what, blob) in cases {
        failed(import(&blob, P256), what);
    }
    failed(import(&inside(&pkcs8(&target)), RSA), "an EC key");
    // Another hash in OAEP.
    let sha256 = WrappedKey::from_bytes(good.clone()).with_alg(TransferAlg::RsaAesKeyWrap256);
    failed(
        software.import_wrapped(&kek, &sha256, &new(2, P256)),
        "SHA-256",
    );
    // What is whole, and not what was announced.
    let p384 = inside(&pkcs8(&ec(Curve::P384)));
    assert_eq!(invalid(import(&p384, P256)), ("crv", Rule::Inconsistent));
    let rsa = inside(&pkcs8(&PRIVATE));
    let bits = KeySpec::Rsa { bits: 3072 };
    assert_eq!(
        invalid(import(&rsa, bits)),
        ("key_size", Rule::Inconsistent)
    );
    let aes = KeySpec::Aes { bits: 256 };
    let short = inside(&[1; 16]);
    assert_eq!(
        invalid(import(&short, aes)),
        ("key_size", Rule::Inconsistent)
    );
    failed(import(&inside(&[1; 31]), aes), "31 bytes");
    import(&good, P256).unwrap();
}

#[test]
fn only_rsa_keys_of_the_same_backend_unwrap() {
    let software = Software::ephemeral().unwrap();
    let blob = WrappedKey::from_bytes(vec![0; 400]);
    let ec = software.generate(&new(1, P256)).unwrap();
    assert!(is_not_offered(software.import_wrapped(
        &ec,
        &blob,
        &new(2, P256)
    )));
    let other = Software::ephemeral().unwrap();
    let foreign = software_kek(&other);
    let result = software.import_wrapped(&foreign, &blob, &new(2, P256));
    assert_eq!(refusal(result), ErrorKind::Corrupt { what: "sealed key" });
}

// --- Giving out ------------------------------------------------------------------------------

#[test]
fn an_exportable_key_goes_out_and_comes_back() {
    let software = Software::ephemeral().unwrap();
    let kek = software_kek(&software);
    let rsa = software.import(&PRIVATE, &new(3, RSA).with_exportable(true));
    let specs = [
        P256,
        KeySpec::Ec(Curve::P384),
        KeySpec::Ec(Curve::P521),
        KeySpec::Ec(Curve::P256K),
        KeySpec::Aes { bits: 192 },
        KeySpec::Hmac { bits: 384 },
    ];
    let made = specs.map(|spec| software.generate(&new(3, spec).with_exportable(true)));
    for key in made.into_iter().chain([rsa]) {
        let key = key.unwrap();
        for by in [
            WrappingKey::Own(&kek),
            WrappingKey::Public(PRIVATE.public()),
        ] {
            let blob = software.export_wrapped(&key, &by).unwrap();
            let back = software.import_wrapped(&kek, &blob, &new(4, key.spec()));
            let back = back.unwrap();
            assert_eq!(back.public(), key.public());
            // Resealing keeps the permission, and its absence.
            let by = WrappingKey::Own(&kek);
            assert!(
                software
                    .export_wrapped(&software.reseal(&key).unwrap(), &by)
                    .is_ok()
            );
            assert!(is_not_offered(software.export_wrapped(&back, &by)));
        }
    }
}

#[test]
fn a_key_that_was_not_made_exportable_stays() {
    let software = Software::ephemeral().unwrap();
    let kek = software_kek(&software);
    let aes = KeySpec::Aes { bits: 256 };
    let keys = [P256, aes].map(|spec| software.generate(&new(3, spec)).unwrap());
    for key in &keys {
        let by = WrappingKey::Public(PRIVATE.public());
        assert!(is_not_offered(software.export_wrapped(key, &by)));
        let by = WrappingKey::Own(&kek);
        assert!(is_not_offered(software.export_wrapped(key, &by)));
    }
    // And under no key but an RSA key.
    let exportable = software
        .generate(&new(5, aes).with_exportable(true))
        .unwrap();
    let by = WrappingKey::Own(&keys[0]);
    assert!(is_not_offered(software.export_wrapped(&exportable, &by)));
    let by = WrappingKey::Public(keys[0].public().unwrap());
    assert!(is_not_offered(software.export_wrapped(&exportable, &by)));
}

// --- With a token ----------------------------------------------------------------------------

#[cfg(feature = "pkcs11")]
mod with_a_token {
    use super::*;
    use strongroom::fit::{SignRequest, VerifyRequest};
    use strongroom::pkcs11::Pkcs11;
    use strongroom::store::MemoryStore;
    use strongroom::vault::NoAudit;

    fn open(token: &token::Token) -> Pkcs11 {
        let builder = Pkcs11::builder()
            .module(&token.module)
            .token_label(&token.label)
            .pin_value(token.pin.as_bytes());
        let builder = match &token.init {
            Some(init) => builder.init_string(init),
            None => builder,
        };
        builder.open().expect("the token opens")
    }

    /// A blob made here is taken over by a token's vault, with the same result as in software.
    #[test]
    fn softhsm_takes_over_what_is_made_here() {
        let Some(token) = token::Token::softhsm() else {
            return;
        };
        let vault = Vault::builder()
            .host("hsm.example")
            .provider(std::sync::Arc::new(open(&token)))
            .store(std::sync::Arc::new(MemoryStore::new()))
            .audit(std::sync::Arc::new(NoAudit))
            .build()
            .unwrap();
        let kek = KeyOptions::new().ops(import_only());
        let kek = vault.create("kek", RSA, &kek).unwrap();
        let p384 = ec(Curve::P384);
        let cases = [
            (TransferKind::Rsa, &*PRIVATE, SignAlg::Ps256),
            (TransferKind::Ec(Curve::P384), &p384, SignAlg::Es384),
        ];
        for (kind, key, alg) in cases {
            let blob = blob(&kek, key);
            let made = vault.import_byok("mine", kind, &blob, &KeyOptions::new());
            let made = made.unwrap();
            assert_eq!(made.jwk().unwrap().key(), key.public().key());
            let signed = made.sign(alg, b"message").unwrap();
            made.verify(alg, b"message", signed.value.as_bytes())
                .unwrap();
        }
        let signing = vault.create("signing", RSA, &KeyOptions::new()).unwrap();
        let kid = signing.id().unwrap().to_string();
        let bytes = blob(&kek, &p384).ciphertext().to_vec();
        let wrong = ByokBlob::new(&kid, CKM, bytes.clone()).unwrap();
        let kind = TransferKind::Ec(Curve::P384);
        let result = vault.import_byok("mine", kind, &wrong, &KeyOptions::new());
        assert_eq!(refusal(result), ErrorKind::Denied(Denial::NotInKeyOps));
        let sha256 = TransferAlg::RsaAesKeyWrap256;
        let kid = kek.id().unwrap().to_string();
        let other = ByokBlob::new(&kid, sha256, bytes).unwrap();
        assert!(is_not_offered(vault.import_byok(
            "mine",
            kind,
            &other,
            &KeyOptions::new()
        )));
    }

    /// Software gives out, the token takes in; and back, where the token gives out.
    #[test]
    fn keys_move_between_software_and_tokens() {
        let software = Software::ephemeral().unwrap();
        let here = software_kek(&software);
        let tokens = [token::Token::softhsm(), token::Token::nss()];
        for token in tokens.into_iter().flatten() {
            let hsm = open(&token);
            let there = hsm
                .generate(&new(1, RSA).with_ops(import_only()).unwrap())
                .unwrap();
            let original = new(2, RSA).with_exportable(true);
            let original = software.import(&PRIVATE, &original).unwrap();
            let by = WrappingKey::Public(there.public().unwrap());
            let blob = software.export_wrapped(&original, &by).unwrap();
            let moved = hsm.import_wrapped(&there, &blob, &new(2, RSA).with_exportable(true));
            let moved = moved.unwrap();
            let request = SignRequest::for_message(&moved, SignAlg::Ps256, b"message").unwrap();
            let signed = hsm.sign(&request).unwrap();
            let alg = SignAlg::Ps256;
            let check = VerifyRequest::for_message(&original, alg, b"message", signed.as_bytes());
            software.verify(&check.unwrap()).unwrap();
            let by = WrappingKey::Public(here.public().unwrap());
            match hsm.export_wrapped(&moved, &by) {
                Ok(blob) => {
                    let back = software.import_wrapped(&here, &blob, &new(3, RSA)).unwrap();
                    assert_eq!(back.public(), original.public());
                }
                // SoftHSM's RFC 5649 gives keys out under names of its own.
                Err(error) => assert!(matches!(error.kind(), ErrorKind::NotOffered { .. })),
            }
            hsm.destroy(&moved).unwrap();
            hsm.destroy(&there).unwrap();
        }
    }
}
