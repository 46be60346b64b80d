//! Rotation on demand and by policy.

use strongroom::vault::{
    Action, KeyOptions, KeyUpdate, RotationPolicy, Tags, Tier, Trigger, UnixTime,
};
use strongroom::{Curve, Error, ErrorKind, KeySpec, OpSet, Rule, SignAlg};

use crate::support::{Bench, DAY, NOW, Token, kind};

/// `(rotate, notify, expiryTime)`; a trigger is `+` after creation or `-` before expiry.
fn policy(rotate: &str, notify: &str, expiry: &str) -> Result<RotationPolicy, Error> {
    let trigger = |text: &str| match text.split_at(1) {
        ("+", duration) => Trigger::after_create(duration),
        (_, duration) => Trigger::before_expiry(duration),
    };
    let mut policy = RotationPolicy::new();
    if !rotate.is_empty() {
        policy = policy.rotate(trigger(rotate)?);
    }
    if !notify.is_empty() {
        policy = policy.notify(trigger(notify)?);
    }
    if !expiry.is_empty() {
        policy = policy.expiry_time(expiry.parse()?);
    }
    Ok(policy)
}

fn managed() -> Bench {
    Bench::with(|builder| builder.tier(Tier::ManagedHsm).hsm_provider(Token::hsm()))
}

/// Rotate, Notify, `expiryTime`: allowed in Key Vault, in a Managed HSM?
#[rustfmt::skip]
const POLICIES: &[(&str, &str, &str, bool, bool)] = &[
    ("",       "",      "",     true,  true), // clears
    ("+P90D",  "",      "",     true,  false),
    ("+P7D",   "",      "",     true,  false),
    ("+P6D",   "",      "",     false, false),
    ("+PT168H","",      "",     true,  false),
    ("+PT167H","",      "",     false, false),
    ("",       "",      "P28D", true,  true),
    ("",       "",      "P27D", false, false),
    ("",       "",      "P1M",  true,  true), // 28 days at least
    ("+P28D",  "",      "P2Y",  true,  true),
    ("+P27D",  "",      "P2Y",  true,  false),
    ("+P1M",   "",      "P2Y",  true,  true),
    ("+P83D",  "",      "P90D", true,  true), // seven days before expiry
    ("+P84D",  "",      "P90D", false, true),
    ("+P91D",  "",      "P90D", false, false),
    ("-P30D",  "",      "",     false, false),
    ("-P30D",  "",      "P90D", true,  true),
    ("-P7D",   "",      "P90D", true,  true),
    ("-P6D",   "",      "P90D", false, true),
    ("-P62D",  "",      "P90D", true,  true),
    ("-P63D",  "",      "P90D", true,  false),
    ("-P83D",  "",      "P90D", true,  false),
    ("-P84D",  "",      "P90D", false, false),
    ("",       "-P30D", "",     true,  false),
    ("+P90D",  "-P10D", "P1Y",  true,  false),
    ("",       "+P30D", "P1Y",  false, false),
];

#[test]
fn policies_under_the_rules_of_each_product() {
    let (vault, managed) = (Bench::new(), managed());
    for bench in [&vault, &managed] {
        bench
            .vault
            .create("k", Curve::P256, &KeyOptions::new())
            .unwrap();
    }
    for (rotate, notify, expiry, in_vault, in_managed) in POLICIES.iter().copied() {
        for (bench, allowed) in [(&vault, in_vault), (&managed, in_managed)] {
            let policy = policy(rotate, notify, expiry).unwrap();
            let set = bench.vault.set_rotation_policy("k", &policy);
            let what = format!("{rotate} {notify} {expiry} {:?}", bench.vault.tier());
            assert_eq!(set.is_ok(), allowed, "{what}: {set:?}");
            if let Err(error) = set {
                assert_eq!(error.kind().service().status, 400, "{what}");
            }
        }
    }
}

#[test]
fn the_wire_form_is_the_services_and_echoes_durations() {
    let json = br#"{"id":"https://v/keys/k/rotationpolicy","lifetimeActions":[
        {"trigger":{"timeAfterCreate":"PT2160H"},"action":{"type":"rotate"}},
        {"trigger":{"timeBeforeExpiry":"P30D"},"action":{"type":"NOTIFY"}}],
        "attributes":{"expiryTime":"P1Y10D","created":1,"updated":2}}"#;
    let policy = RotationPolicy::from_json(json).unwrap();
    assert_eq!(policy.created(), None, "that is the vault's to say");
    let bench = Bench::new();
    bench
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let set = bench.vault.set_rotation_policy("k", &policy).unwrap();
    let expected = format!(
        "{{\"lifetimeActions\":[\
         {{\"trigger\":{{\"timeAfterCreate\":\"PT2160H\"}},\"action\":{{\"type\":\"Rotate\"}}}},\
         {{\"trigger\":{{\"timeBeforeExpiry\":\"P30D\"}},\"action\":{{\"type\":\"Notify\"}}}}],\
         \"attributes\":{{\"expiryTime\":\"P1Y10D\",\"created\":{NOW},\"updated\":{NOW}}}}}"
    );
    assert_eq!(set.to_json(), expected);
    for wrong in [
        "",
        "[]",
        r#"{"lifetimeActions":[{"trigger":{},"action":{"type":"Rotate"}}]}"#,
        r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D","timeBeforeExpiry":"P9D"},
            "action":{"type":"Rotate"}}]}"#,
        r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"Burn"}}]}"#,
        r#"{"lifetimeActions":[{"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"Rotate"}},
            {"trigger":{"timeAfterCreate":"P9D"},"action":{"type":"ROTATE"}}]}"#,
        r#"{"attributes":{"expiryTime":"9 days"}}"#,
    ] {
        assert!(
            RotationPolicy::from_json(wrong.as_bytes()).is_err(),
            "{wrong}"
        );
    }
    let cleared = RotationPolicy::from_json(br#"{"lifetimeActions":[],"attributes":{}}"#).unwrap();
    assert!(cleared.is_empty());
    bench.pass(5);
    let again = bench.vault.set_rotation_policy("k", &policy).unwrap();
    assert_eq!(
        (again.created(), again.updated()),
        (Some(NOW), Some(NOW.plus(5)))
    );
    let cleared = bench.vault.set_rotation_policy("k", &cleared).unwrap();
    let by_default = RotationPolicy::new().notify(Trigger::before_expiry("P30D").unwrap());
    assert_eq!(
        cleared, by_default,
        "what a vault answers when nothing is set"
    );
    assert_eq!(bench.vault.rotation_policy("k").unwrap(), by_default);
    assert_eq!(
        kind(bench.vault.rotation_policy("none")),
        ErrorKind::NotFound
    );
}

#[test]
fn rotation_on_demand_makes_the_same_kind_of_key_anew() {
    let bench = Bench::new();
    let options = KeyOptions::new()
        .ops(OpSet::SIGN_VERIFY)
        .exp(NOW.plus(DAY))
        .tags(Tags::new([("team", "payments")]).unwrap());
    let first = bench.vault.create("K", Curve::P521, &options).unwrap();
    bench.pass(60);
    let second = bench.vault.rotate("k").unwrap();
    assert_eq!(second.spec().unwrap(), KeySpec::Ec(Curve::P521));
    assert_eq!(second.ops().unwrap(), OpSet::SIGN_VERIFY);
    assert_eq!(second.tags().unwrap(), first.tags().unwrap());
    let attributes = second.attributes().unwrap();
    assert_eq!((attributes.created, attributes.exp), (NOW.plus(60), None));
    assert_ne!(
        second.jwk().unwrap().to_json(),
        first.jwk().unwrap().to_json()
    );
    assert_eq!(
        bench.vault.latest("k").unwrap().id().unwrap(),
        second.id().unwrap()
    );
    first
        .sign(SignAlg::Es512, b"m")
        .expect("the old one is still one");

    let yearly = policy("", "", "P1Y").unwrap();
    bench.vault.set_rotation_policy("k", &yearly).unwrap();
    let third = bench.vault.rotate("k").unwrap();
    assert_eq!(
        third.attributes().unwrap().exp,
        Some(NOW.plus(60 + 365 * DAY))
    );
    assert_eq!(kind(bench.vault.rotate("none")), ErrorKind::NotFound);
    bench.vault.delete("k").unwrap();
    assert_eq!(kind(bench.vault.rotate("k")), ErrorKind::NotFound);
}

#[test]
fn a_managed_hsm_wants_a_policy_before_it_rotates() {
    let bench = managed();
    bench
        .vault
        .create("k", Curve::P256, &KeyOptions::new())
        .unwrap();
    let refused = bench.vault.rotate("k");
    let missing = ErrorKind::Invalid {
        field: "rotationpolicy",
        rule: Rule::Missing,
    };
    assert_eq!(kind(refused), missing);
    assert!(bench.vault.rotation_policy("k").unwrap().is_empty());
    let yearly = policy("+P28D", "", "P1Y").unwrap();
    bench.vault.set_rotation_policy("k", &yearly).unwrap();
    bench.vault.rotate("k").unwrap();
}

#[test]
fn what_is_due_is_rotated_once() {
    let bench = Bench::new();
    let vault = &bench.vault;
    for name in ["after", "before", "never", "stopped"] {
        let options = KeyOptions::new().exp(NOW.plus(90 * DAY));
        vault.create(name, Curve::P256, &options).unwrap();
    }
    vault
        .set_rotation_policy("after", &policy("+P60D", "", "P90D").unwrap())
        .unwrap();
    vault
        .set_rotation_policy("before", &policy("-P20D", "", "P90D").unwrap())
        .unwrap();
    vault
        .set_rotation_policy("stopped", &policy("+P60D", "", "P90D").unwrap())
        .unwrap();
    let stopped = vault.latest("stopped").unwrap();
    stopped.update(&KeyUpdate::new().enabled(false)).unwrap();
    let due = |day: u64| {
        let done = vault.rotate_due(NOW.plus(day * DAY)).unwrap();
        assert!(done.failed.is_empty());
        let names = done.rotated.iter().map(|id| id.name().to_string());
        names.collect::<Vec<_>>()
    };
    assert!(due(59).is_empty());
    assert_eq!(due(60), ["after"]);
    assert!(due(60).is_empty(), "the new version is not due");
    assert_eq!(due(70), ["before"]);
    // The new version lives by the time that the sweep went by.
    let new = vault.latest("after").unwrap().attributes().unwrap();
    assert_eq!(new.created, NOW.plus(60 * DAY));
    assert_eq!(new.exp, Some(NOW.plus(150 * DAY)));
    assert_eq!(due(120), ["after"]);
    let events = bench.audit.events();
    let rotations = events
        .iter()
        .filter(|event| event.action == Action::RotateIfDue);
    assert_eq!(rotations.count(), 3);
}

#[test]
fn what_expires_is_said_once_for_each_version() {
    let bench = Bench::new();
    let vault = &bench.vault;
    let options = KeyOptions::new().exp(NOW.plus(90 * DAY));
    let first = vault.create("default", Curve::P256, &options).unwrap();
    vault.create("ten", Curve::P256, &options).unwrap();
    vault
        .set_rotation_policy("ten", &policy("", "-P10D", "").unwrap())
        .unwrap();
    vault
        .create("endless", Curve::P256, &KeyOptions::new())
        .unwrap();
    let told = |day: u64| {
        let done = vault.rotate_due(NOW.plus(day * DAY)).unwrap();
        let names = |ids: &[strongroom::vault::KeyId]| -> Vec<String> {
            ids.iter().map(|id| id.name().to_string()).collect()
        };
        (names(&done.near_expiry), names(&done.expired))
    };
    let none = || Vec::<String>::new();
    assert_eq!(told(59), (none(), none()));
    assert_eq!(told(60), (vec!["default".into()], none()));
    assert_eq!(told(61), (none(), none()), "no repeats");
    assert_eq!(told(80), (vec!["ten".into()], none()));
    assert_eq!(told(90), (none(), vec!["default".into(), "ten".into()]));
    assert_eq!(told(91), (none(), none()));
    let events = bench.audit.events();
    let notices: Vec<_> = events
        .iter()
        .filter(|event| event.action.name().ends_with("EventGridNotification"))
        .collect();
    assert_eq!(notices.len(), 4);
    assert_eq!(
        notices[0].target.to_string(),
        first.id().unwrap().to_string()
    );
    // A new version expires anew.
    let again = KeyOptions::new().exp(NOW.plus(200 * DAY));
    vault.create("default", Curve::P256, &again).unwrap();
    assert_eq!(told(171), (vec!["default".into()], none()));
}

#[test]
fn many_that_find_a_rotation_due_make_one() {
    let token = Token::hsm();
    let bench = Bench::with(|builder| builder.provider(token.clone()));
    let vault = &bench.vault;
    let names: Vec<String> = (0..4).map(|n| format!("k{n}")).collect();
    for name in &names {
        vault.create(name, Curve::P256, &KeyOptions::new()).unwrap();
        vault
            .set_rotation_policy(name, &policy("+P30D", "", "").unwrap())
            .unwrap();
    }
    for round in 1..=3 {
        let now = UnixTime(NOW.0 + round * 30 * DAY);
        let made: usize = std::thread::scope(|scope| {
            let sweep = || vault.rotate_due(now).unwrap().rotated.len();
            let workers: Vec<_> = (0..6).map(|_| scope.spawn(sweep)).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap())
                .sum()
        });
        assert_eq!(made, names.len(), "round {round}");
        let versions = usize::try_from(round).unwrap() + 1;
        for name in &names {
            assert_eq!(
                vault.versions(name, None, None).unwrap().items.len(),
                versions
            );
        }
        assert_eq!(
            token.ids().len(),
            names.len() * versions,
            "no key is left over"
        );
    }
}

#[test]
fn many_on_one_name_lose_no_version_and_leave_no_key() {
    let token = Token::hsm();
    let bench = Bench::with(|builder| builder.provider(token.clone()));
    let vault = &bench.vault;
    let acknowledged: usize = std::thread::scope(|scope| {
        let work = |worker: usize| {
            let mut made = 0;
            for round in 0..12 {
                let done = match (worker + round) % 6 {
                    0 | 1 => vault.create("k", Curve::P256, &KeyOptions::new()).map(drop),
                    2 | 3 => vault.rotate("k").map(drop),
                    4 => {
                        let _ = vault.delete("k");
                        continue;
                    }
                    _ => {
                        let _ = vault.recover("k");
                        continue;
                    }
                };
                made += usize::from(done.is_ok());
            }
            made
        };
        let workers: Vec<_> = (0..4).map(|n| scope.spawn(move || work(n))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    let _ = vault.recover("k");
    let mut listed = 0;
    let mut after = None;
    loop {
        let page = vault.versions("k", after, None).unwrap();
        listed += page.items.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, acknowledged);
    assert_eq!(token.ids().len(), listed);
    vault
        .latest("k")
        .unwrap()
        .sign(SignAlg::Es256, b"m")
        .unwrap();
}
