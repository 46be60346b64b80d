//! What holds for all inputs.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use strongroom::alg::KeyOp;
use strongroom::encoding::ecdsa_sig;
use strongroom::jwk::{Jwk, JwkSet, SecretJwk};
use strongroom::{Curve, OpSet};

fn curve() -> impl Strategy<Value = Curve> {
    prop::sample::select(Curve::ALL)
}

/// Below the order of every curve: P-521's top byte holds one bit, the others start low.
fn below_order(curve: Curve) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), curve.field_len()).prop_map(|mut bytes| {
        bytes[0] = 0;
        bytes[5] |= 1;
        bytes
    })
}

fn ec_key() -> impl Strategy<Value = SecretJwk> {
    curve().prop_flat_map(|curve| {
        below_order(curve).prop_map(move |d| SecretJwk::from_ec_scalar(curve, &d).unwrap())
    })
}

fn oct_key() -> impl Strategy<Value = SecretJwk> {
    let len = prop::sample::select(vec![16usize, 24, 32, 48, 64]);
    len.prop_flat_map(|len| vec(any::<u8>(), len))
        .prop_map(|k| SecretJwk::from_oct(&k).unwrap())
}

fn ops() -> impl Strategy<Value = Option<OpSet>> {
    let some = prop::sample::subsequence(KeyOp::ALL, 0..=KeyOp::ALL.len());
    prop::option::of(some.prop_map(OpSet::from_iter))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_round_trips(
        mut key in prop_oneof![ec_key(), oct_key()],
        kid in prop::option::of(".*"),
        ops in ops(),
        hsm: bool,
    ) {
        key.meta_mut().set_kid(kid.as_deref()).set_key_ops(ops).set_hsm(hsm);
        let json = key.to_json_exposing_secret();
        let again = SecretJwk::from_json(json.expose()).unwrap();
        prop_assert!(again == key);
        prop_assert!(again.to_json_exposing_secret() == json);
        let public = key.public().to_json();
        prop_assert_eq!(Jwk::from_json(public.as_bytes()).unwrap().to_json(), public);
    }

    #[test]
    fn unknown_members_come_back(members in hash_map("[^a-z]{1,8}", ".*", 0..8)) {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let list = members.iter().map(|(name, text)| format!("{}:{}", quoted(name), quoted(text)));
        let list: Vec<String> = std::iter::once(r#""kty":"oct""#.to_owned()).chain(list).collect();
        let json = format!("{{{}}}", list.join(","));
        prop_assert_eq!(Jwk::from_json(json.as_bytes()).unwrap().to_json(), json);
    }

    #[test]
    fn der_and_pem_round_trip(key in ec_key()) {
        let pkcs8 = key.to_pkcs8_der_exposing_secret().unwrap();
        prop_assert!(SecretJwk::from_pkcs8_der(pkcs8.expose()).unwrap() == key);
        let sec1 = key.to_sec1_der_exposing_secret().unwrap();
        prop_assert!(SecretJwk::from_sec1_der(sec1.expose()).unwrap() == key);
        let pem = key.to_sec1_pem_exposing_secret().unwrap();
        prop_assert!(SecretJwk::from_pem(pem.expose()).unwrap() == key);
        let spki = key.public().to_spki_der().unwrap();
        prop_assert!(Jwk::from_spki_der(&spki).unwrap() == *key.public());
        let pem = key.public().to_spki_pem().unwrap();
        prop_assert!(Jwk::from_pem(pem.as_bytes()).unwrap() == *key.public());
    }

    #[test]
    fn signatures_round_trip(
        (curve, r, s) in curve().prop_flat_map(|c| (Just(c), below_order(c), below_order(c))),
    ) {
        let p1363 = [r, s].concat();
        let der = ecdsa_sig::to_der(curve, &p1363).unwrap();
        prop_assert_eq!(ecdsa_sig::to_p1363(curve, &der).unwrap(), p1363);
    }

    #[test]
    fn nothing_panics(bytes in vec(any::<u8>(), 0..200), text in r#"[{}\[\]",:a-z0-9\\]{0,80}"#) {
        for input in [&bytes[..], text.as_bytes()] {
            let _ = (Jwk::from_json(input), SecretJwk::from_json(input), JwkSet::from_json(input));
            let _ = (Jwk::from_spki_der(input), SecretJwk::from_pkcs8_der(input));
            let _ = (SecretJwk::from_sec1_der(input), SecretJwk::from_pkcs1_der(input));
            let _ = (Jwk::from_pem(input), ecdsa_sig::to_p1363(Curve::P256, input));
        }
    }

    #[test]
    fn a_changed_byte_is_refused_or_read(key in ec_key(), at in any::<prop::sample::Index>(), to: u8) {
        let mut der = key.to_pkcs8_der_exposing_secret().unwrap();
        let at = at.index(der.len());
        der.expose_mut()[at] = to;
        if let Ok(read) = SecretJwk::from_pkcs8_der(der.expose()) {
            prop_assert!(read == key);
        }
    }
}
