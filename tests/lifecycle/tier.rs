//! The tier tables, cell by cell.

use std::sync::Arc;

use strongroom::jwk::SecretJwk;
use strongroom::provider::Health;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    Change, KeyOptions, KeyType, NoAudit, SignInput, SignItem, Store, Tier, Vault,
};
use strongroom::{Curve, Error, ErrorKind, KeyProvider, KeySpec, OpSet, Rule, SignAlg};

use crate::support::{Bench, Token, kind, software};

fn vault(tier: Option<Tier>) -> Vault {
    let bench = Bench::with(|builder| match tier {
        None => builder
            .software_provider(software())
            .hsm_provider(Token::hsm()),
        Some(tier) => {
            let builder = builder.tier(tier);
            let builder = match tier.has_software() {
                true => builder.software_provider(software()),
                false => builder,
            };
            match tier.has_hsm() {
                true => builder.hsm_provider(Token::hsm()),
                false => builder,
            }
        }
    });
    bench.vault
}

/// What a tier makes of a `kty`.
#[derive(Debug, PartialEq)]
enum Answer {
    Gets(&'static str),
    Unsupported,
    NoHardware,
}

use Answer::{Gets, NoHardware, Unsupported};
use Tier::{ManagedHsm, Premium, Standard};

#[rustfmt::skip]
const TYPES: &[(Tier, &str, Answer)] = &[
    (Standard,   "RSA",     Gets("RSA")),
    (Standard,   "RSA-HSM", NoHardware),
    (Standard,   "EC",      Gets("EC")),
    (Standard,   "EC-HSM",  NoHardware),
    (Standard,   "oct",     Unsupported),
    (Standard,   "oct-HSM", NoHardware),

    (Premium,    "RSA",     Gets("RSA")),
    (Premium,    "RSA-HSM", Gets("RSA-HSM")),
    (Premium,    "EC",      Gets("EC")),
    (Premium,    "EC-HSM",  Gets("EC-HSM")),
    (Premium,    "oct",     Unsupported),
    (Premium,    "oct-HSM", Gets("oct-HSM")),

    (ManagedHsm, "RSA",     Gets("RSA-HSM")),
    (ManagedHsm, "RSA-HSM", Gets("RSA-HSM")),
    (ManagedHsm, "EC",      Gets("EC-HSM")),
    (ManagedHsm, "EC-HSM",  Gets("EC-HSM")),
    (ManagedHsm, "oct",     Gets("oct-HSM")),
    (ManagedHsm, "oct-HSM", Gets("oct-HSM")),
];

fn answer(created: Result<strongroom::vault::Key, Error>) -> Answer {
    let error = match created {
        Ok(key) => {
            let json = key.jwk().unwrap().to_json();
            let mut all = KeyType::ALL.iter().map(|kty| kty.name());
            let is = |kty: &&str| json.contains(&format!("\"kty\":\"{kty}\""));
            return Gets(all.find(is).unwrap());
        }
        Err(error) => error,
    };
    let service = error.kind().service();
    assert_eq!((service.status, service.code), (400, "BadParameter"));
    match error.kind() {
        ErrorKind::KeyTypeNotSupported { kty } => {
            assert_eq!(service.inner, Some("KeyTypeNotSupported"));
            assert_eq!(error.to_string(), format!("Invalid kty value: {kty}"));
            Unsupported
        }
        ErrorKind::HardwareNotAllowed => {
            let text = "Hardware key operation not allowed on standard vault";
            assert_eq!(error.to_string(), text);
            NoHardware
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_tier_takes_the_types_that_it_has() {
    assert_eq!(TYPES.len(), Tier::ALL.len() * KeyType::ALL.len());
    for (tier, kty, expected) in TYPES {
        let vault = vault(Some(*tier));
        let kty: KeyType = kty.parse().unwrap();
        let spec = kty.spec(None, None, None).unwrap();
        let options = KeyOptions::new().hsm(kty.is_hsm());
        let created = vault.create("k", spec, &options);
        assert_eq!(answer(created), *expected, "{tier} {kty}");
    }
}

#[test]
fn import_is_under_the_same_table() {
    for (tier, kty, expected) in TYPES {
        let vault = vault(Some(*tier));
        let members = match kty.trim_end_matches("-HSM") {
            "EC" => {
                r#""crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI""#
            }
            "oct" => r#""k":"AAECAwQFBgcICQoLDA0ODw""#,
            _ => continue,
        };
        let jwk = format!(r#"{{"kty":"{kty}",{members}}}"#);
        let jwk = SecretJwk::from_json(jwk.as_bytes()).unwrap();
        let imported = vault.import("k", &jwk, &KeyOptions::new());
        assert_eq!(answer(imported), *expected, "{tier} {kty}");
    }
}

/// Sizes and curves: which tiers have them, `hsm` asked for where the tier needs that.
#[rustfmt::skip]
const SIZES: &[(KeySpec, bool, bool, bool)] = &[
    // kind                         Standard Premium Managed HSM
    (KeySpec::Rsa { bits: 2048 },   true,  true,  true),
    (KeySpec::Rsa { bits: 3072 },   true,  true,  true),
    (KeySpec::Rsa { bits: 4096 },   true,  true,  true),
    (KeySpec::Ec(Curve::P256),      true,  true,  true),
    (KeySpec::Ec(Curve::P384),      true,  true,  true),
    (KeySpec::Ec(Curve::P521),      true,  true,  true),
    (KeySpec::Ec(Curve::P256K),     true,  true,  true),
    (KeySpec::Aes { bits: 128 },    false, true,  true),
    (KeySpec::Aes { bits: 192 },    false, true,  true),
    (KeySpec::Aes { bits: 256 },    false, true,  true),
    (KeySpec::Hmac { bits: 256 },   false, true,  true),
    (KeySpec::Hmac { bits: 384 },   false, false, true),
    (KeySpec::Hmac { bits: 512 },   false, false, true),
];

#[test]
fn each_tier_has_the_sizes_that_it_has() {
    assert_eq!(SIZES.len(), KeySpec::ALL.len());
    for (spec, standard, premium, managed) in SIZES {
        for (tier, has) in [
            (Standard, standard),
            (Premium, premium),
            (ManagedHsm, managed),
        ] {
            if matches!(spec, KeySpec::Rsa { bits: 3072.. }) && tier != ManagedHsm {
                continue; // Slow, and nothing is decided there.
            }
            let vault = vault(Some(tier));
            let options = KeyOptions::new().hsm(tier == Premium && spec.is_symmetric());
            let created = vault.create("k", *spec, &options);
            assert_eq!(created.is_ok(), *has, "{tier} {spec}");
        }
    }
    for tier in Tier::ALL {
        let small = vault(Some(*tier)).create("k", KeySpec::Rsa { bits: 1024 }, &KeyOptions::new());
        assert!(matches!(
            kind(small),
            ErrorKind::Invalid {
                field: "key_size",
                rule: Rule::Size
            }
        ));
    }
}

#[test]
fn a_request_that_says_no_more_than_kty_has_the_services_defaults() {
    for (kty, spec, ops) in [
        (
            "RSA",
            KeySpec::Rsa { bits: 2048 },
            "sign verify wrapKey unwrapKey encrypt decrypt",
        ),
        ("EC", KeySpec::Ec(Curve::P256), "sign verify"),
        (
            "oct",
            KeySpec::Aes { bits: 256 },
            "sign verify wrapKey unwrapKey encrypt decrypt deriveKey",
        ),
    ] {
        let kty: KeyType = kty.parse().unwrap();
        assert_eq!(kty.spec(None, None, None).unwrap(), spec);
        let key = vault(Some(ManagedHsm))
            .create("k", spec, &KeyOptions::new())
            .unwrap();
        assert_eq!(key.ops().unwrap().to_string(), ops);
    }
    let aes = KeySpec::Aes { bits: 256 };
    let premium = vault(Some(Premium))
        .create("k", aes, &KeyOptions::new().hsm(true))
        .unwrap();
    assert_eq!(premium.ops().unwrap(), OpSet::SIX_VERBS);
}

#[test]
fn kty_names_a_kind_of_key() {
    let spec = |kty: &str, bits, crv, ops| kty.parse::<KeyType>()?.spec(bits, crv, ops);
    assert_eq!(
        spec("RSA-HSM", Some(4096), None, None).unwrap(),
        KeySpec::Rsa { bits: 4096 }
    );
    assert_eq!(
        spec("EC", None, Some(Curve::P521), None).unwrap(),
        KeySpec::Ec(Curve::P521)
    );
    assert_eq!(
        spec("EC", Some(256), None, None).unwrap(),
        KeySpec::Ec(Curve::P256)
    );
    let mac = Some(OpSet::SIGN_VERIFY);
    assert_eq!(
        spec("oct-HSM", Some(512), None, mac).unwrap(),
        KeySpec::Hmac { bits: 512 }
    );
    assert_eq!(
        spec("oct", None, None, Some(OpSet::EMPTY)).unwrap(),
        KeySpec::Aes { bits: 256 }
    );
    for (kty, bits, crv) in [
        ("RSA", Some(1024), None),
        ("RSA", None, Some(Curve::P256)),
        ("EC", Some(384), None),
        ("oct", Some(512), None),
        ("rsa", None, None),
        ("OKP", None, None),
        ("", None, None),
    ] {
        assert!(
            spec(kty, bits, crv, None).unwrap_err().is_caller_fault(),
            "{kty}"
        );
    }
    for kty in KeyType::ALL {
        assert_eq!(kty.to_string().parse::<KeyType>().unwrap(), *kty);
    }
}

#[test]
fn two_providers_without_a_tier_hold_what_is_asked_of_each() {
    let hsm = Token::hsm();
    let bench = Bench::with(|builder| {
        builder
            .software_provider(software())
            .hsm_provider(hsm.clone())
    });
    let aes = KeySpec::Aes { bits: 128 };
    let soft = bench.vault.create("soft", aes, &KeyOptions::new()).unwrap();
    assert!(hsm.ids().is_empty());
    let hard = bench
        .vault
        .create("hard", Curve::P256, &KeyOptions::new().hsm(true))
        .unwrap();
    assert_eq!(hsm.ids().len(), 1);
    assert!(!soft.jwk().unwrap().meta().is_hsm());
    assert!(hard.jwk().unwrap().meta().is_hsm());
    // A key found in either may be taken over.
    let handle = hsm.keys.lock().unwrap()[0].clone();
    bench
        .vault
        .adopt("again", &handle, &KeyOptions::new())
        .unwrap();
    assert_eq!(bench.vault.health(), Health::Up);
}

#[test]
fn a_batch_over_two_providers_keeps_its_order() {
    let vault = vault(Some(Premium));
    let soft = vault
        .create("soft", Curve::P256, &KeyOptions::new())
        .unwrap();
    let hard = vault
        .create("hard", Curve::P256, &KeyOptions::new().hsm(true))
        .unwrap();
    let messages: Vec<[u8; 1]> = (0..7).map(|n| [n]).collect();
    let items: Vec<_> = messages
        .iter()
        .map(|message| {
            let key = if message[0] % 2 == 0 { &soft } else { &hard };
            let item = SignItem {
                alg: SignAlg::Es256,
                input: SignInput::Message(message),
            };
            (key, item)
        })
        .collect();
    let signed = vault.sign_batch(&items);
    assert_eq!(signed.len(), 7);
    for ((key, _), (message, signed)) in items.iter().zip(messages.iter().zip(signed)) {
        let signed = signed.unwrap();
        assert_eq!(signed.key, key.id().unwrap());
        key.verify(SignAlg::Es256, message, signed.value.as_bytes())
            .unwrap();
    }
}

#[test]
fn a_tier_is_not_built_from_providers_that_it_cannot_have() {
    let soft = || -> Arc<dyn KeyProvider> { software() };
    let hard = || -> Arc<dyn KeyProvider> { Token::hsm() };
    let base = || {
        Vault::builder()
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
    };
    let builders = [
        base(),
        base().tier(Premium).provider(soft()),
        base().provider(soft()).hsm_provider(hard()),
        base()
            .tier(Standard)
            .software_provider(soft())
            .hsm_provider(hard()),
        base()
            .tier(ManagedHsm)
            .software_provider(soft())
            .hsm_provider(hard()),
        base().tier(ManagedHsm).hsm_provider(soft()),
        base().tier(Standard).software_provider(hard()),
        base()
            .software_provider(Token::new("same", false))
            .hsm_provider(Token::new("same", true)),
    ];
    for builder in builders {
        let shown = format!("{builder:?}");
        assert!(
            matches!(kind(builder.build()), ErrorKind::Misconfigured { .. }),
            "{shown}"
        );
    }
    // One of two is enough: what would live in the other is not offered.
    let half = base()
        .tier(Premium)
        .software_provider(soft())
        .build()
        .unwrap();
    half.create("k", Curve::P256, &KeyOptions::new()).unwrap();
    let hard = half.create("k", Curve::P256, &KeyOptions::new().hsm(true));
    assert!(matches!(kind(hard), ErrorKind::NotOffered { .. }));
    // Nor is hardware where the only provider is none.
    let one = base().provider(soft()).build().unwrap();
    let hard = one.create("k", Curve::P256, &KeyOptions::new().hsm(true));
    assert!(matches!(kind(hard), ErrorKind::NotOffered { .. }));
}

#[test]
fn a_managed_hsm_has_a_hundred_versions_of_a_key_and_five_thousand_keys() {
    let hsm = Token::hsm();
    let bench = Bench::with(|builder| builder.tier(ManagedHsm).hsm_provider(hsm.clone()));
    let vault = &bench.vault;
    let full = |created: Result<strongroom::vault::Key, Error>| match kind(created) {
        ErrorKind::Invalid {
            field,
            rule: Rule::TooLong(most),
        } => (field, most),
        other => panic!("{other:?}"),
    };
    vault
        .create("key-0", Curve::P256, &KeyOptions::new())
        .unwrap();
    let handle = hsm.keys.lock().unwrap()[0].clone();
    let adopt = |name: &str| vault.adopt(name, &handle, &KeyOptions::new());
    for _ in 1..100 {
        adopt("key-0").unwrap();
    }
    assert_eq!(full(adopt("KEY-0")), ("versions", 100));
    let created = vault.create("key-0", Curve::P256, &KeyOptions::new());
    assert_eq!(full(created), ("versions", 100));
    assert_eq!(hsm.ids().len(), 1, "refused before the HSM was asked");

    // Straight into the store: each adoption counts what is there.
    let (name, record) = bench.store.scan("key/", None, 1).unwrap().remove(0);
    for n in 1..4999 {
        let copy = Change::insert(format!("{name}-{n}"), record.value.to_vec());
        bench.store.commit(&[copy]).unwrap();
    }
    adopt("last").unwrap();
    assert_eq!(full(adopt("one-too-many")), ("keys", 5000));
    adopt("last").expect("another version is no other key");
}

#[test]
fn of_many_who_want_the_last_version_one_gets_it() {
    let bench = Bench::with(|builder| builder.tier(ManagedHsm).hsm_provider(Token::hsm()));
    let create = || bench.vault.create("k", Curve::P256, &KeyOptions::new());
    (0..96).for_each(|_| drop(create().unwrap()));
    let made: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..3).filter(|_| create().is_ok()).count()))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert_eq!(made, 4);
}
