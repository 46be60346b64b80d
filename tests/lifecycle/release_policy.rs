//! The grammar of release policies, and whose they may be.

use proptest::prelude::*;
use strongroom::vault::{
    Action, BackupKey, Key, KeyOptions, KeyUpdate, Outcome, ReleasePolicy, Tier, Vault,
};
use strongroom::{Curve, Error, ErrorKind, Rule};

use crate::support::{Bench, Token, kind, software};

/// A policy around these conditions.
fn around(conditions: &str) -> String {
    format!(
        r#"{{"version":"1.0.0","anyOf":[{{"authority":"https://a.example","anyOf":{conditions}}}]}}"#
    )
}

/// A policy with one condition, and this value for the claim `c`.
fn policy(value: &str) -> ReleasePolicy {
    let json = around(&format!(r#"[{{"claim":"c","equals":{value}}}]"#));
    ReleasePolicy::from_json(json.as_bytes()).unwrap()
}

/// What is read, and what is then written.
#[test]
fn good_policies_have_one_form() {
    let plain = around(r#"[{"claim":"sdk-test","equals":"true"}]"#);
    let long = r#"{"version":"1.0.0","anyOf":[{"authority":"https://a.example:8443/x/y?","#;
    assert!(ReleasePolicy::from_json(long.as_bytes()).is_err());
    let mut good = vec![
        (plain.clone(), plain.clone()),
        // The order and white space of a Managed HSM, of people, and of escapes.
        (
            r#"{"anyOf":[{"anyOf":[{"claim":"sdk-test","equals":"true"}],
                "authority":"https://a.example"}],"version":"1.0.0"}"#
                .into(),
            plain.clone(),
        ),
        (
            plain
                .replace(':', " :\n\t")
                .replace("https :\n\t", "https:"),
            plain.clone(),
        ),
        (plain.replace("equals", r"\u0065quals"), plain.clone()),
        (plain.replace("/a", r"\/a"), plain.clone()),
        // The older form.
        (
            around(r#"[{"claim":"sdk-test","condition":"equals","value":"true"}]"#),
            plain.clone(),
        ),
        (
            around(r#"[{"value":1,"condition":"less","claim":"svn"}]"#),
            around(r#"[{"claim":"svn","less":1}]"#),
        ),
    ];
    let deep = (1..ReleasePolicy::MAX_DEPTH)
        .fold(r#"{"claim":"c","equals":1}"#.into(), |inner, _| {
            format!(r#"{{"allOf":[{inner}]}}"#)
        });
    for same in [
        around(r#"[{"claim":"a.b-c.d","equals":true},{"claim":"e","notEquals":false}]"#),
        around(r#"[{"claim":"svn","greaterOrEquals":2},{"claim":"svn","lessOrEquals":7}]"#),
        around(r#"[{"claim":"svn","greater":2},{"claim":"svn","exists":true}]"#),
        // Numbers stay as they are.
        around(r#"[{"claim":"n","equals":1.0},{"claim":"n","equals":-0}]"#),
        around(r#"[{"claim":"n","equals":12345678901234567890123},{"claim":"n","equals":1E+9999}]"#),
        around(r#"[{"claim":"é","equals":"a\"\\\n\u0001ü"}]"#),
        around(r#"[{"claim":"c","equals":""}]"#),
        around(r#"[{"allOf":[{"claim":"c","equals":1},{"anyOf":[{"claim":"d","equals":2}]}]}]"#),
        around(&format!("[{deep}]")),
        plain.replace("https://a.example", "https://[::1]:8443/tenant/v2.0/"),
        plain.replace(r#""anyOf":[{"claim"#, r#""allOf":[{"claim"#),
        r#"{"version":"1.0.0","anyOf":[{"authority":"https://a.example","anyOf":[{"claim":"c","equals":1}]},{"authority":"https://b.example","allOf":[{"claim":"d","equals":1}]}]}"#.into(),
    ] {
        good.push((same.clone(), same));
    }
    for (given, written) in good {
        let read =
            ReleasePolicy::from_json(given.as_bytes()).unwrap_or_else(|e| panic!("{given}: {e}"));
        assert_eq!(read.to_json(), written, "{given}");
        assert!(!read.is_immutable());
        let again = ReleasePolicy::from_json(written.as_bytes()).unwrap();
        assert_eq!(again, read);
    }
}

#[test]
#[rustfmt::skip]
fn bad_policies_are_refused_by_member_and_rule() {
    const MAX: usize = ReleasePolicy::MAX_LEN;
    let claim = |members: &str| around(&format!("[{{{members}}}]"));
    let plain = around(r#"[{"claim":"c","equals":1}]"#);
    let swap = |from: &str, to: &str| {
        assert!(plain.contains(from));
        plain.replace(from, to)
    };
    let deep = (0..ReleasePolicy::MAX_DEPTH)
        .fold(r#"{"claim":"c","equals":1}"#.to_owned(), |inner, _| format!(r#"{{"allOf":[{inner}]}}"#));
    let deepest = "[".repeat(5000) + &"]".repeat(5000);
    let long = format!(r#"{{"claim":"{}","equals":1}}"#, "c".repeat(MAX));
    let many: Vec<String> = (0..300).map(|at| format!(r#""m{at}":1"#)).collect();
    let bad: Vec<(String, &str, Rule)> = vec![
        // The whole.
        (String::new(),                       "release_policy", Rule::Syntax),
        ("null".into(),                       "release_policy", Rule::Syntax),
        (format!("[{plain}]"),                "release_policy", Rule::Syntax),
        (format!("{plain} x"),                "release_policy", Rule::Syntax),
        (plain[..plain.len() - 1].into(),     "release_policy", Rule::Syntax),
        (swap("}]}", "},]}"),                 "release_policy", Rule::Syntax),
        (around(&format!("[{long}]")),        "release_policy", Rule::TooLong(MAX)),
        (format!("{{{}}}", many.join(",")),   "release_policy", Rule::TooLong(256)),
        (swap(r#"{"version""#, r#"{"extra":1,"version""#), "release_policy", Rule::UnknownName),
        (swap(r#"{"version""#, r#"{"allOf":[],"version""#), "allOf", Rule::Unexpected),
        (swap(r#"{"version""#, r#"{"Version":"1.0.0","version""#), "release_policy", Rule::UnknownName),
        (swap(r#"{"version""#, r#"{"x":1,"x":2,"version""#), "release_policy", Rule::Duplicate),
        // version
        (swap(r#""version":"1.0.0","#, ""),   "version", Rule::Missing),
        (swap("1.0.0", "1.0"),                "version", Rule::Unsupported),
        (swap("1.0.0", "2.0.0"),              "version", Rule::Unsupported),
        (swap(r#""1.0.0""#, "1"),             "version", Rule::Syntax),
        (swap(r#""version""#, r#""version":"1.0.0","version""#), "version", Rule::Duplicate),
        // authorities
        (r#"{"version":"1.0.0"}"#.into(),     "anyOf", Rule::Missing),
        (r#"{"version":"1.0.0","anyOf":[]}"#.into(), "anyOf", Rule::Empty),
        (r#"{"version":"1.0.0","anyOf":{}}"#.into(), "anyOf", Rule::Syntax),
        (r#"{"version":"1.0.0","anyOf":[[]]}"#.into(), "authority", Rule::Syntax),
        (r#"{"version":"1.0.0","anyOf":["https://a.example"]}"#.into(), "authority", Rule::Syntax),
        (swap(r#""authority":"https://a.example","#, ""), "authority", Rule::Missing),
        (swap(r#""authority""#, r#""authority":"https://b.example","authority""#), "authority", Rule::Duplicate),
        (swap(r#""authority""#, r#""issuer":1,"authority""#), "authority", Rule::UnknownName),
        (swap(r#""authority""#, r#""claim":"c","authority""#), "claim", Rule::Unexpected),
        (swap(r#""https://a.example""#, "7"), "authority", Rule::Syntax),
        (swap("https://", "http://"),         "authority", Rule::Unsupported),
        (swap("https://", "HTTPS://"),        "authority", Rule::Unsupported),
        (swap("https://a.example", "a.example"), "authority", Rule::Unsupported),
        (swap("https://a.example", ""),       "authority", Rule::Unsupported),
        (swap("https://a.example", "https://"), "authority", Rule::Empty),
        (swap("https://a.example", "https:///x"), "authority", Rule::Empty),
        (swap("https://a.example", "https://:443/"), "authority", Rule::Empty),
        (swap("a.example", "a.example/?x=1"), "authority", Rule::Character),
        (swap("a.example", "a.example/#x"),   "authority", Rule::Character),
        (swap("a.example", "u:p@a.example"),  "authority", Rule::Character),
        (swap("a.example", "a example"),      "authority", Rule::Character),
        (swap("a.example", "ä.example"),      "authority", Rule::Character),
        (swap("a.example", "a.example\\n"),   "authority", Rule::Character),
        // conditions
        (swap(r#","anyOf":[{"claim":"c","equals":1}]"#, ""), "anyOf", Rule::Missing),
        (swap(r#""authority""#, r#""allOf":[{"claim":"c","equals":1}],"authority""#), "anyOf", Rule::Contradicts("allOf")),
        (around("[]"),                        "anyOf", Rule::Empty),
        (around(r#"[{"allOf":[]}]"#),         "allOf", Rule::Empty),
        (around("{}"),                        "anyOf", Rule::Syntax),
        (around("[1]"),                       "claim", Rule::Syntax),
        (around("[{}]"),                      "claim", Rule::Missing),
        (claim(r#""equals":1"#),              "equals", Rule::Unexpected),
        (claim(r#""anyOf":[{"claim":"c","equals":1}],"allOf":[{"claim":"c","equals":1}]"#), "anyOf", Rule::Contradicts("allOf")),
        (claim(r#""anyOf":[{"claim":"c","equals":1}],"claim":"c""#), "anyOf", Rule::Unexpected),
        (claim(r#""authority":"https://b.example","anyOf":[{"claim":"c","equals":1}]"#), "authority", Rule::Unexpected),
        (around(&format!("[{deep}]")),        "allOf", Rule::TooDeep(ReleasePolicy::MAX_DEPTH)),
        (around(&deepest),                    "claim", Rule::Syntax),
        // claims
        (claim(r#""claim":"c""#),             "condition", Rule::Missing),
        (claim(r#""claim":"c","like":"x""#),  "claim", Rule::UnknownName),
        (claim(r#""claim":"c","Equals":"x""#), "claim", Rule::UnknownName),
        (claim(r#""claim":"c","equals":1,"less":2"#), "equals", Rule::Contradicts("less")),
        (claim(r#""claim":"c","equals":1,"equals":2"#), "equals", Rule::Duplicate),
        (claim(r#""claim":"c","claim":"d","equals":2"#), "claim", Rule::Duplicate),
        (claim(r#""claim":"c","equals":1,"allOf":[]"#), "allOf", Rule::Unexpected),
        (claim(r#""claim":"c","equals":1,"value":1"#), "value", Rule::Unexpected),
        (claim(r#""claim":1,"equals":1"#),    "claim", Rule::Syntax),
        (claim(r#""claim":"","equals":1"#),   "claim", Rule::Empty),
        (claim(r#""claim":"a..b","equals":1"#), "claim", Rule::Empty),
        (claim(r#""claim":".a","equals":1"#), "claim", Rule::Empty),
        (claim(r#""claim":"a.","equals":1"#), "claim", Rule::Empty),
        (claim(r#""claim":"a[0]","equals":1"#), "claim", Rule::Character),
        (claim(r#""claim":"a b","equals":1"#), "claim", Rule::Character),
        (claim(r#""claim":"a\u0000","equals":1"#), "claim", Rule::Character),
        (claim(r#""claim":"\ud800","equals":1"#), "claim", Rule::Syntax),
        // values
        (claim(r#""claim":"c","equals":null"#), "equals", Rule::Syntax),
        (claim(r#""claim":"c","equals":[1]"#), "equals", Rule::Syntax),
        (claim(r#""claim":"c","equals":{}"#), "equals", Rule::Syntax),
        (claim(r#""claim":"c","equals":"\udc00""#), "equals", Rule::Syntax),
        (claim(r#""claim":"c","exists":"true""#), "exists", Rule::Syntax),
        (claim(r#""claim":"c","exists":1"#),  "exists", Rule::Syntax),
        // the older form
        (claim(r#""claim":"c","condition":"equals""#), "value", Rule::Missing),
        (claim(r#""claim":"c","value":"true""#), "value", Rule::Unexpected),
        (claim(r#""claim":"c","condition":"is","value":1"#), "condition", Rule::UnknownName),
        (claim(r#""claim":"c","condition":null,"value":1"#), "condition", Rule::Syntax),
        (claim(r#""claim":"c","condition":"equals","value":[]"#), "value", Rule::Syntax),
        (claim(r#""claim":"c","condition":"exists","value":1"#), "value", Rule::Syntax),
        (claim(r#""claim":"c","condition":"equals","value":1,"equals":1"#), "equals", Rule::Unexpected),
        (claim(r#""condition":"equals","value":1"#), "condition", Rule::Unexpected),
    ];
    let mut wrong = Vec::new();
    for (json, field, rule) in bad {
        let read = ReleasePolicy::from_json(json.as_bytes()).map(|it| it.to_json());
        let found = read.map_err(|error| error.kind().clone());
        if found != Err(ErrorKind::Invalid { field, rule }) {
            wrong.push((json.chars().take(200).collect::<String>(), found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        kind(ReleasePolicy::from_json(b"{\"version\":\"\xff\"}")),
        ErrorKind::Invalid { field: "release_policy", rule: Rule::Syntax }
    );
}

/// The member of requests and answers.
#[test]
fn the_member_of_requests_is_read_as_strictly() {
    let policy = policy("true");
    let data = base64url(policy.to_json().as_bytes());
    for immutable in [false, true] {
        let written = policy.clone().with_immutable(immutable).to_member_json();
        let expected = format!(
            r#"{{"contentType":"application/json; charset=utf-8","data":"{data}","immutable":{immutable}}}"#
        );
        assert_eq!(written, expected);
        let read = ReleasePolicy::from_member_json(written.as_bytes()).unwrap();
        assert_eq!(read.is_immutable(), immutable);
        assert_eq!(read.with_immutable(false), policy);
    }
    for good in [
        format!(r#"{{"data":"{data}"}}"#),
        format!(r#"{{"data":"{data}","contentType":"Application/JSON;charset=UTF-8"}}"#),
        format!(r#"{{"data":"{data}","contentType":"application/json"}}"#),
    ] {
        let read = ReleasePolicy::from_member_json(good.as_bytes()).unwrap();
        assert_eq!(read, policy, "{good}");
    }
    let not_json = base64url(b"{}");
    #[rustfmt::skip]
    let bad = [
        ("[]".into(),                                        "release_policy", Rule::Syntax),
        ("{}".into(),                                        "data", Rule::Missing),
        (format!(r#"{{"data":"{data}="}}"#),                 "data", Rule::Base64Url),
        (format!(r#"{{"data":"{data}","data":"{data}"}}"#),  "data", Rule::Duplicate),
        (format!(r#"{{"data":"{not_json}"}}"#),              "version", Rule::Missing),
        (format!(r#"{{"data":"{data}","imutable":true}}"#),  "release_policy", Rule::UnknownName),
        (format!(r#"{{"data":"{data}","immutable":"true"}}"#), "immutable", Rule::Syntax),
        (format!(r#"{{"data":"{data}","immutable":null}}"#), "immutable", Rule::Syntax),
        (format!(r#"{{"data":"{data}","contentType":"text/plain"}}"#), "contentType", Rule::Unsupported),
        (format!(r#"{{"data":"{data}","contentType":"application/json; charset=utf-16"}}"#), "contentType", Rule::Unsupported),
        (format!(r#"{{"data":"{}"}}"#, "A".repeat(24 * 1024)), "release_policy",
            Rule::TooLong(ReleasePolicy::MAX_LEN / 3 * 4 + 1024)),
    ];
    for (json, field, rule) in bad {
        let error = ReleasePolicy::from_member_json(json.as_bytes());
        assert_eq!(kind(error), ErrorKind::Invalid { field, rule }, "{json}");
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64ct::Encoding;
    base64ct::Base64UrlUnpadded::encode_string(bytes)
}

// ---------------------------------------------------------------------------
// Any policy

fn condition() -> impl Strategy<Value = String> {
    let quoted = |text: String| serde_json::Value::from(text).to_string();
    let value = prop_oneof![
        any::<String>().prop_map(quoted),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
    ];
    let operator = prop::sample::select(vec!["equals", "notEquals", "less", "greaterOrEquals"]);
    let claim = (
        "[a-z_-]{1,6}(\\.[a-zA-Z0-9/:]{1,5}){0,3}",
        operator,
        value,
        0..3,
    );
    let claim = claim.prop_map(|(name, operator, value, form)| match form {
        0 => format!(r#"{{"claim":"{name}","{operator}":{value}}}"#),
        1 => format!(r#"{{ "{operator}" : {value} ,"claim":"{name}"}}"#),
        _ => format!(r#"{{"value":{value},"claim":"{name}","condition":"{operator}"}}"#),
    });
    claim.prop_recursive(6, 24, 4, |inner| {
        (prop::collection::vec(inner, 1..4), any::<bool>()).prop_map(|(list, all)| {
            let how = if all { "allOf" } else { "anyOf" };
            format!(r#"{{"{how}":[{}]}}"#, list.join(", "))
        })
    })
}

fn any_policy() -> impl Strategy<Value = String> {
    let list = prop::collection::vec(condition(), 1..4);
    let authority = (
        list,
        "https://[a-z]{1,9}(:[0-9]{1,4})?(/[a-z0-9.]{0,5}){0,3}",
        0..2,
    );
    let authority = authority.prop_map(|(list, url, form)| match form {
        0 => format!(r#"{{"authority":"{url}","allOf":[{}]}}"#, list.join(",")),
        _ => format!(r#"{{"anyOf":[{}],"authority":"{url}"}}"#, list.join("\n,")),
    });
    prop::collection::vec(authority, 1..4)
        .prop_map(|list| format!(r#"{{"anyOf":[{}],"version":"1.0.0"}}"#, list.join(",")))
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(json in any_policy(), immutable: bool) {
        let policy = ReleasePolicy::from_json(json.as_bytes()).unwrap();
        let policy = policy.with_immutable(immutable);
        let written = policy.to_json();
        prop_assert!(written.len() <= json.len());
        let again = ReleasePolicy::from_json(written.as_bytes()).unwrap();
        prop_assert_eq!(again.to_json(), written);
        prop_assert_eq!(again.with_immutable(immutable), policy.clone());
        let member = policy.to_member_json();
        prop_assert_eq!(ReleasePolicy::from_member_json(member.as_bytes()).unwrap(), policy);
    }
}

// ---------------------------------------------------------------------------
// Keys

fn invalid(field: &'static str, rule: Rule) -> ErrorKind {
    ErrorKind::Invalid { field, rule }
}

fn vault(tier: Option<Tier>) -> Vault {
    bench(tier).vault
}

fn bench(tier: Option<Tier>) -> Bench {
    Bench::with(|builder| {
        let builder = match tier {
            Some(tier) => builder.tier(tier),
            None => builder,
        };
        let (software_too, hsm_too) =
            tier.map_or((true, true), |tier| (tier.has_software(), tier.has_hsm()));
        let builder = match software_too {
            true => builder.software_provider(software()),
            false => builder,
        };
        match hsm_too {
            true => builder.hsm_provider(Token::generous()),
            false => builder,
        }
    })
}

fn service(error: &ErrorKind) {
    let answer = error.service();
    assert_eq!((answer.status, answer.code), (400, "BadParameter"));
}

const TIERS: [Option<Tier>; 4] = [
    None,
    Some(Tier::Standard),
    Some(Tier::Premium),
    Some(Tier::ManagedHsm),
];

/// Whether a first version may be: in an HSM or not, exportable or not, with which policy.
#[test]
#[rustfmt::skip]
fn each_tier_has_the_exportable_keys_that_it_has() {
    let contradicts = || Err(invalid("release_policy", Rule::Contradicts("exportable")));
    let standard = || Err(invalid("exportable", Rule::Unsupported));
    let in_software = || Err(invalid("exportable", Rule::NotWithKey));
    let missing = || Err(invalid("release_policy", Rule::Missing));
    let no_hardware = || Err(ErrorKind::HardwareNotAllowed);
    let fixed = || Err(invalid("immutable", Rule::Unsupported));
    let (plain, frozen) = (policy("1"), policy("1").with_immutable(true));
    let (none, plain, frozen) = (None, Some(&plain), Some(&frozen));
    // HSM, exportable, policy:      no tier        Standard        Premium         Managed HSM
    let table = [
        ((false, false, none),   [Ok(()),        Ok(()),         Ok(()),         Ok(())]),
        ((false, false, plain),  [contradicts(), contradicts(),  contradicts(),  contradicts()]),
        ((false, false, frozen), [contradicts(), contradicts(),  contradicts(),  contradicts()]),
        ((false, true,  none),   [Ok(()),        standard(),     in_software(),  missing()]),
        ((false, true,  plain),  [Ok(()),        standard(),     in_software(),  Ok(())]),
        ((false, true,  frozen), [Ok(()),        standard(),     in_software(),  fixed()]),
        ((true,  false, none),   [Ok(()),        no_hardware(),  Ok(()),         Ok(())]),
        ((true,  false, plain),  [contradicts(), no_hardware(),  contradicts(),  contradicts()]),
        ((true,  false, frozen), [contradicts(), no_hardware(),  contradicts(),  contradicts()]),
        ((true,  true,  none),   [Ok(()),        no_hardware(),  missing(),      missing()]),
        ((true,  true,  plain),  [Ok(()),        no_hardware(),  Ok(()),         Ok(())]),
        ((true,  true,  frozen), [Ok(()),        no_hardware(),  Ok(()),         fixed()]),
    ];
    for ((hsm, exportable, policy), expected) in table {
        for (tier, expected) in TIERS.into_iter().zip(expected) {
            let what = format!("{tier:?} {hsm} {exportable} {policy:?}");
            let bench = bench(tier);
            let options = KeyOptions::new().hsm(hsm).exportable(exportable);
            let options = match policy {
                Some(policy) => options.release_policy(policy.clone()),
                None => options,
            };
            let made = bench.vault.create("k", Curve::P256, &options);
            match (made, expected) {
                (Ok(key), Ok(())) => {
                    assert_eq!(key.attributes().unwrap().exportable, exportable, "{what}");
                    assert_eq!(key.release_policy().unwrap().as_ref(), policy, "{what}");
                }
                (Err(error), Err(expected)) => {
                    assert_eq!(*error.kind(), expected, "{what}");
                    service(error.kind());
                    assert!(bench.vault.list(None, None).unwrap().items.is_empty());
                    assert!(bench.vault.settle().unwrap().is_empty());
                    let events = bench.audit.events();
                    let denied = events.iter().find(|event| event.action == Action::Create);
                    assert_eq!(denied.unwrap().outcome, Outcome::Failed(expected), "{what}");
                }
                (made, _) => panic!("{what}: {made:?}"),
            }
        }
    }
}

fn exportable(policy: &ReleasePolicy) -> KeyOptions {
    KeyOptions::new()
        .hsm(true)
        .exportable(true)
        .release_policy(policy.clone())
}

fn made(vault: &Vault, name: &str, options: &KeyOptions) -> Result<Key, Error> {
    vault.create(name, Curve::P256, options)
}

#[test]
fn new_versions_keep_the_keys_policy_or_bring_another() {
    for tier in [None, Some(Tier::Premium), Some(Tier::ManagedHsm)] {
        let vault = vault(tier);
        let (one, two) = (policy("1"), policy("2"));
        let first = made(&vault, "k", &exportable(&one)).unwrap();
        let hsm = KeyOptions::new().hsm(true);
        // Nothing said: as the key has it.
        let second = made(&vault, "k", &hsm).unwrap();
        assert!(second.attributes().unwrap().exportable);
        assert_eq!(second.release_policy().unwrap(), Some(one.clone()));
        let refused = made(&vault, "k", &hsm.clone().exportable(false));
        let expected = invalid("release_policy", Rule::Contradicts("exportable"));
        assert_eq!(kind(refused), expected);
        // Another policy is that of the older versions too.
        made(&vault, "k", &exportable(&two)).unwrap();
        assert_eq!(first.release_policy().unwrap(), Some(two.clone()));
        let yearly = strongroom::vault::RotationPolicy::new().expiry_time("P1Y".parse().unwrap());
        vault.set_rotation_policy("k", &yearly).unwrap();
        let rotated = vault.rotate("k").unwrap();
        assert!(rotated.attributes().unwrap().exportable);
        assert_eq!(rotated.release_policy().unwrap(), Some(two.clone()));
        assert_eq!(vault.versions("k", None, None).unwrap().items.len(), 4);

        // A key that was not made exportable does not become so, where a tier says it.
        made(&vault, "plain", &hsm).unwrap();
        let later = made(&vault, "plain", &exportable(&one));
        match tier {
            None => assert_eq!(later.unwrap().release_policy().unwrap(), Some(one)),
            Some(_) => assert_eq!(kind(later), invalid("exportable", Rule::Unexpected)),
        }
    }
}

#[test]
fn an_immutable_policy_is_kept_for_ever() {
    let expected = invalid("release_policy", Rule::Contradicts("immutable"));
    for tier in [None, Some(Tier::Premium)] {
        let bench = bench(tier);
        let vault = &bench.vault;
        let (one, two) = (policy("1"), policy("2"));
        let frozen = one.clone().with_immutable(true);
        let key = made(vault, "k", &exportable(&one)).unwrap();
        let set = |policy: &ReleasePolicy| {
            let update = KeyUpdate::new().release_policy(policy.clone());
            vault.latest("k").unwrap().update(&update)
        };
        set(&two).unwrap();
        set(&one).unwrap();
        set(&frozen).unwrap();
        assert_eq!(key.release_policy().unwrap(), Some(frozen.clone()));
        // The same again is no change.
        set(&frozen).unwrap();
        made(vault, "k", &exportable(&frozen)).unwrap();
        for other in [&one, &two, &two.clone().with_immutable(true)] {
            let refused = kind(set(other));
            assert_eq!(refused, expected);
            service(&refused);
            let denied = bench.audit.events().pop().unwrap();
            assert_eq!(denied.action, Action::Update);
            assert_eq!(denied.outcome, Outcome::Failed(refused));
            assert_eq!(kind(made(vault, "k", &exportable(other))), expected);
        }
        // What comes with a refused policy is refused too.
        let both = KeyUpdate::new().enabled(false).release_policy(two.clone());
        assert_eq!(kind(vault.latest("k").unwrap().update(&both)), expected);
        assert!(vault.latest("k").unwrap().attributes().unwrap().enabled);
        assert_eq!(vault.versions("k", None, None).unwrap().items.len(), 2);

        // Nor by rotating, deleting and recovering it.
        vault.rotate("k").unwrap();
        let deleted = vault.delete("k").unwrap();
        assert_eq!(deleted.release_policy, Some(frozen.clone()));
        vault.recover("k").unwrap();
        assert_eq!(kind(set(&two)), expected);
        assert_eq!(key.release_policy().unwrap(), Some(frozen));
    }
}

#[test]
fn a_policy_is_the_keys_and_no_versions() {
    let vault = vault(None);
    let (one, two) = (policy("1"), policy("2"));
    let key = made(&vault, "k", &exportable(&one)).unwrap();
    let update = KeyUpdate::new().release_policy(two.clone());
    let pinned = invalid("release_policy", Rule::Contradicts("version"));
    assert_eq!(kind(key.update(&update)), pinned);
    let version = key.id().unwrap().version().to_string();
    assert_eq!(kind(vault.update("k", &version, &update)), pinned);
    assert_eq!(key.release_policy().unwrap(), Some(one));
    vault.latest("k").unwrap().update(&update).unwrap();
    assert_eq!(key.release_policy().unwrap(), Some(two.clone()));

    // Nor one of a key that stays.
    made(&vault, "stays", &KeyOptions::new()).unwrap();
    let stays = vault.latest("stays").unwrap();
    let refused = invalid("release_policy", Rule::Contradicts("exportable"));
    assert_eq!(kind(stays.update(&update)), refused);
    assert_eq!(stays.release_policy().unwrap(), None);
    assert_eq!(
        kind(vault.refer("none", None).unwrap().release_policy()),
        ErrorKind::NotFound
    );
}

#[test]
fn a_managed_hsm_does_not_make_one_immutable() {
    let vault = vault(Some(Tier::ManagedHsm));
    made(&vault, "k", &exportable(&policy("1"))).unwrap();
    let update = KeyUpdate::new().release_policy(policy("1").with_immutable(true));
    let refused = vault.latest("k").unwrap().update(&update);
    assert_eq!(kind(refused), invalid("immutable", Rule::Unsupported));
    let update = KeyUpdate::new().release_policy(policy("2"));
    vault.latest("k").unwrap().update(&update).unwrap();
}

#[test]
fn a_backup_brings_the_policy_back_where_it_may_be() {
    let domain = BackupKey::from_bytes([7; 32]);
    let frozen = policy("1").with_immutable(true);
    let from = vault(Some(Tier::Premium));
    made(&from, "k", &exportable(&policy("1"))).unwrap();
    let mutable = from.backup("k", &domain).unwrap().blob;
    let update = KeyUpdate::new().release_policy(frozen.clone());
    from.latest("k").unwrap().update(&update).unwrap();
    made(&from, "k", &exportable(&frozen)).unwrap();
    let immutable = from.backup("k", &domain).unwrap().blob;

    let free = vault(None);
    made(
        &free,
        "loose",
        &KeyOptions::new().hsm(true).exportable(true),
    )
    .unwrap();
    let loose = free.backup("loose", &domain).unwrap().blob;

    let missing = invalid("release_policy", Rule::Missing);
    let unsupported = invalid("immutable", Rule::Unsupported);
    #[rustfmt::skip]
    let table = [
        // in:                   mutable        immutable                 no policy
        (None,                   None,          None,                     None),
        (Some(Tier::Premium),    None,          None,                     Some(missing.clone())),
        (Some(Tier::ManagedHsm), None,          Some(unsupported),        Some(missing)),
    ];
    for (tier, first, second, third) in table {
        for (blob, expected, name) in [
            (&mutable, first, "k"),
            (&immutable, second, "k"),
            (&loose, third, "loose"),
        ] {
            let to = vault(tier);
            let restored = to.restore(blob, &domain);
            match expected {
                None => {
                    let kept = restored.unwrap().release_policy().unwrap();
                    let from = if name == "k" { &from } else { &free };
                    let mut original = from.latest(name).unwrap().release_policy().unwrap();
                    if std::ptr::eq(blob, &raw const mutable) {
                        original = Some(policy("1"));
                    }
                    assert_eq!(kept, original);
                }
                Some(expected) => {
                    assert_eq!(kind(restored), expected, "{tier:?}");
                    assert!(to.list(None, None).unwrap().items.is_empty());
                    assert!(to.settle().unwrap().is_empty());
                }
            }
        }
    }
    let standard = vault(Some(Tier::Standard)).restore(&mutable, &domain);
    assert_eq!(kind(standard), ErrorKind::HardwareNotAllowed);
}

#[cfg(feature = "redb")]
#[test]
fn a_store_in_a_file_keeps_it() {
    use std::sync::Arc;
    use strongroom::software::{SealingKey, Software};
    use strongroom::store::RedbStore;
    use strongroom::vault::NoAudit;

    let directory = std::env::temp_dir().join(format!("strongroom-release-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("keys.redb");
    let key = SealingKey::from_bytes([2; 32]);
    drop(RedbStore::create(&path, &key).unwrap());
    let open = || {
        let software = Software::new(SealingKey::from_bytes([1; 32])).unwrap();
        Vault::builder()
            .provider(Arc::new(software))
            .store(Arc::new(RedbStore::open(&path, &key).unwrap()))
            .audit(Arc::new(NoAudit))
            .build()
            .unwrap()
    };
    let frozen = policy("1").with_immutable(true);
    let options = KeyOptions::new()
        .exportable(true)
        .release_policy(frozen.clone());
    made(&open(), "k", &options).unwrap();
    let vault = open();
    let latest = vault.latest("k").unwrap();
    assert_eq!(latest.release_policy().unwrap(), Some(frozen));
    let update = KeyUpdate::new().release_policy(policy("2"));
    let refused = invalid("release_policy", Rule::Contradicts("immutable"));
    assert_eq!(kind(latest.update(&update)), refused);
    drop((latest, vault));
    std::fs::remove_dir_all(&directory).unwrap();
}
