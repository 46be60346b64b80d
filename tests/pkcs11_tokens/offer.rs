//! Tokens that can do little, and rules that take away more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use strongroom::alg::Alg;
use strongroom::conformance::{self, Fixture};
use strongroom::fit::{DecryptRequest, EncryptRequest, SignRequest};
use strongroom::jwk::SecretJwk;
use strongroom::pkcs11::{PinSource, Pkcs11, SplitPolicy};
use strongroom::provider::{KeyProvider, Place};
use strongroom::{
    Curve, EncryptAlg, EncryptParams, Error, ErrorKind, KeyHandle, KeySpec, Op, SecretBytes,
    SignAlg,
};

use super::support::{builder, new_key, open, refusal, shimmed, sign, unpinned};
use super::token::Token;

const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };

fn not_offered(op: &'static str, alg: &'static str, spec: KeySpec) -> ErrorKind {
    let key = spec.name();
    ErrorKind::NotOffered { op, alg, key }
}

fn round_trip(hsm: &Pkcs11, key: &KeyHandle, alg: EncryptAlg) -> Result<(), Error> {
    let request = EncryptRequest::new(key, alg, b"text", EncryptParams::none()).unwrap();
    let sealed = hsm.encrypt(&request)?;
    let request = DecryptRequest::new(key, alg, sealed.as_bytes(), sealed.params()).unwrap();
    assert_eq!(hsm.decrypt(&request)?.expose(), b"text");
    Ok(())
}

/// Everything that this crate uses but CKM_RSA_PKCS_KEY_PAIR_GEN and CKM_RSA_PKCS.
const ALL_BUT_RSA_PKCS: &str = "0x3,0x9,0xd,0x1040,0x1041,0x1080,0x1082,0x1085,0x1087,0x2109,\
                                0x210a,0x210b,0x251,0x261,0x271,0x350";

#[test]
fn a_token_that_only_signs_with_rsa() {
    shimmed(&[("P11SHIM_HIDE", ALL_BUT_RSA_PKCS)], |_, token| {
        let hsm = open(token);
        let capabilities = hsm.capabilities();
        let mut seen = BTreeSet::new();
        for row in capabilities.rows() {
            let place = match row.op {
                Op::Sign => Place::Inside,
                _ => Place::Public,
            };
            assert_eq!(row.place, place, "{row:?}");
            seen.insert(format!("{} {} {}", row.op, row.alg, row.spec));
        }
        let mut expected = BTreeSet::new();
        for op in [Op::Sign, Op::Verify] {
            for alg in [SignAlg::Rs256, SignAlg::Rs384, SignAlg::Rs512] {
                for bits in [2048, 3072, 4096] {
                    let spec = KeySpec::Rsa { bits };
                    expected.insert(format!("{op} {} {spec}", Alg::from(alg)));
                }
            }
        }
        assert_eq!(seen, expected);

        let key = hsm.generate(&new_key(1, RSA)).unwrap();
        for alg in [SignAlg::Rs256, SignAlg::Rs384, SignAlg::Rs512] {
            sign(&hsm, &key, alg).unwrap();
        }
        // The rest is refused with what it was.
        assert_eq!(
            refusal(sign(&hsm, &key, SignAlg::Ps256)),
            not_offered("sign", "PS256", RSA)
        );
        let oaep = EncryptAlg::RsaOaep256;
        let request = EncryptRequest::new(&key, oaep, b"text", EncryptParams::none()).unwrap();
        assert_eq!(
            refusal(hsm.encrypt(&request)),
            not_offered("encrypt", "RSA-OAEP-256", RSA)
        );
        let bytes = [0; 256];
        let request = DecryptRequest::new(&key, oaep, &bytes, Default::default()).unwrap();
        assert_eq!(
            refusal(hsm.decrypt(&request)),
            not_offered("decrypt", "RSA-OAEP-256", RSA)
        );
        for spec in KeySpec::ALL {
            let is_rsa = matches!(spec, KeySpec::Rsa { .. });
            assert_eq!(capabilities.can_generate(*spec), is_rsa, "{spec}");
            if !is_rsa {
                assert_eq!(
                    refusal(hsm.generate(&new_key(2, *spec))),
                    not_offered("generate", "", *spec)
                );
            }
        }
        assert!(capabilities.is_hsm());
    });
}

/// A key made outside, for tokens that take none.
fn outside() -> SecretJwk {
    SecretJwk::from_ec_scalar(Curve::P256, &[7; 32]).unwrap()
}

/// As in FIPS mode: no key enters in the clear.
#[test]
fn a_token_that_takes_no_keys_in_the_clear() {
    let everything_else = |hsm: &Pkcs11| {
        let spec = KeySpec::Ec(Curve::P256);
        assert_eq!(
            refusal(hsm.import(&outside(), &new_key(1, spec))),
            not_offered("import", "", spec)
        );
        assert_eq!(hsm.find(&new_key(1, spec).id()).unwrap(), None);
        let ec = hsm.generate(&new_key(2, spec)).unwrap();
        sign(hsm, &ec, SignAlg::Es256).unwrap();
        let rsa = hsm.generate(&new_key(3, RSA)).unwrap();
        sign(hsm, &rsa, SignAlg::Ps256).unwrap();
        round_trip(hsm, &rsa, EncryptAlg::RsaOaep256).unwrap();
        let aes = hsm.generate(&new_key(4, KeySpec::Aes { bits: 256 }));
        round_trip(hsm, &aes.unwrap(), EncryptAlg::A256Gcm).unwrap();
    };
    // Refused for keys that stay alone, so that it shows when one is to stay.
    shimmed(&[("P11SHIM_NO_IMPORT", "1")], |_, token| {
        everything_else(&open(token));
    });
}

/// Refused for all keys, so that it shows when the token is tried.
#[test]
fn a_token_that_takes_no_key_at_all() {
    shimmed(&[], |shim, token| {
        shim.plan("C_CreateObject=CKR_TEMPLATE_INCONSISTENT");
        let hsm = open(token);
        let capabilities = hsm.capabilities();
        for spec in KeySpec::ALL {
            assert!(!capabilities.can_import(*spec), "{spec}");
        }
        let spec = KeySpec::Ec(Curve::P256);
        assert_eq!(
            refusal(hsm.import(&outside(), &new_key(1, spec))),
            not_offered("import", "", spec)
        );
        for (id, alg) in [(1, SignAlg::Es256), (2, SignAlg::Es512)] {
            let curve = if id == 1 { Curve::P256 } else { Curve::P521 };
            let key = hsm.generate(&new_key(id, KeySpec::Ec(curve))).unwrap();
            sign(&hsm, &key, alg).unwrap();
        }
        let rsa = hsm.generate(&new_key(3, RSA)).unwrap();
        sign(&hsm, &rsa, SignAlg::Rs256).unwrap();
        round_trip(&hsm, &rsa, EncryptAlg::RsaOaep256).unwrap();
        let aes = KeySpec::Aes { bits: 256 };
        round_trip(
            &hsm,
            &hsm.generate(&new_key(4, aes)).unwrap(),
            EncryptAlg::A256Gcm,
        )
        .unwrap();
        // Without a known answer nobody knows what the token means by it.
        let wraps = capabilities.rows().iter();
        let wraps = wraps.filter(|row| row.spec == aes && matches!(row.alg, Alg::Wrap(_)));
        assert_eq!(wraps.count(), 0);
    });
}

#[test]
fn a_token_that_splits_nothing() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = builder(&token).split(SplitPolicy::Deny).open().unwrap();
    let capabilities = hsm.capabilities();
    let rows = capabilities.rows();
    assert!(rows.iter().all(|row| row.place != Place::Split));
    let key = hsm.generate(&new_key(1, RSA)).unwrap();
    round_trip(&hsm, &key, EncryptAlg::RsaOaep).unwrap();
    for (alg, name) in [
        (EncryptAlg::RsaOaep256, "RSA-OAEP-256"),
        (EncryptAlg::Rsa15, "RSA1_5"),
    ] {
        let refused = refusal(round_trip(&hsm, &key, alg));
        assert_eq!(refused, not_offered("encrypt", name, RSA));
        let bytes = [1; 256];
        let request = DecryptRequest::new(&key, alg, &bytes, Default::default()).unwrap();
        let refused = refusal(hsm.decrypt(&request));
        assert_eq!(refused, not_offered("decrypt", name, RSA));
    }
    sign(&hsm, &key, SignAlg::Ps512).unwrap();
}

/// RSA keys of one size will do: the suite runs on the others elsewhere.
struct Small(Pkcs11);

impl Fixture for Small {
    fn provider(&self) -> &dyn KeyProvider {
        &self.0
    }

    fn leave_out(&self, spec: KeySpec) -> Option<&'static str> {
        matches!(spec, KeySpec::Rsa { bits: 3072.. }).then_some("as RSA-2048")
    }
}

/// The suite again, with `C_Verify` and the token's own encryption.
#[test]
fn public_work_inside_passes_the_suite() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = builder(&token).public_in_token(true).open().unwrap();
    let inside = |op: Op, alg: Alg, spec: KeySpec| {
        assert_eq!(
            hsm.capabilities().supports(op, alg, spec),
            Some(Place::Inside)
        );
    };
    inside(Op::Verify, SignAlg::Es256.into(), KeySpec::Ec(Curve::P256));
    inside(Op::Verify, SignAlg::Ps384.into(), RSA);
    inside(Op::Encrypt, EncryptAlg::RsaOaep.into(), RSA);
    println!("{}", conformance::run(Small(hsm)));
}

/// `CKA_ALWAYS_AUTHENTICATE`: each use wants the PIN.
#[test]
fn keys_that_want_the_pin_each_time() {
    let settings = [("P11SHIM_ALWAYS_AUTH", "1"), ("P11SHIM_PIN", "1234")];
    shimmed(&settings, |shim, token| {
        assert_eq!(token.pin, "1234");
        let asked = Arc::new(AtomicUsize::new(0));
        let wrong = Arc::new(AtomicBool::new(false));
        let ask = PinSource::callback({
            let (asked, wrong) = (Arc::clone(&asked), Arc::clone(&wrong));
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                let pin = match wrong.load(Ordering::SeqCst) {
                    false => "1234",
                    true => "4321",
                };
                Ok(SecretBytes::copy_of(pin.as_bytes()))
            }
        });
        let hsm = unpinned(token).pin(ask).open().unwrap();
        let rsa = hsm.generate(&new_key(1, RSA)).unwrap();
        let ec = hsm.generate(&new_key(2, KeySpec::Ec(Curve::P256))).unwrap();

        let before = asked.load(Ordering::SeqCst);
        sign(&hsm, &ec, SignAlg::Es256).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), before + 1);
        for alg in [SignAlg::Rs256, SignAlg::Ps384] {
            sign(&hsm, &rsa, alg).unwrap();
        }
        for alg in [
            EncryptAlg::RsaOaep,
            EncryptAlg::RsaOaep256,
            EncryptAlg::Rsa15,
        ] {
            round_trip(&hsm, &rsa, alg).unwrap();
        }
        assert_eq!(shim.stats().pin_errors(), 0);

        // A wrong PIN is sent once.
        wrong.store(true, Ordering::SeqCst);
        let before = asked.load(Ordering::SeqCst);
        for _ in 0..5 {
            let refused = refusal(sign(&hsm, &ec, SignAlg::Es256));
            assert_eq!(refused, ErrorKind::LoginRefused);
        }
        assert_eq!(shim.stats().pin_errors(), 1);
        assert_eq!(asked.load(Ordering::SeqCst), before + 1);

        wrong.store(false, Ordering::SeqCst);
        hsm.allow_login();
        sign(&hsm, &ec, SignAlg::Es256).unwrap();
        assert_eq!(shim.stats().pin_errors(), 1);
    });
}

/// A signature is still two calls of the module where no PIN is wanted.
#[test]
fn a_signature_is_two_calls() {
    shimmed(&[], |shim, token| {
        let hsm = open(token);
        let key = hsm.generate(&new_key(1, KeySpec::Ec(Curve::P256))).unwrap();
        sign(&hsm, &key, SignAlg::Es256).unwrap();
        shim.reset();
        let request = SignRequest::for_message(&key, SignAlg::Es256, b"m").unwrap();
        hsm.sign(&request).unwrap();
        assert_eq!(shim.stats().all_calls(), 2);
    });
}
