//! The catalogue of bad inputs: number, input, and the (field, rule) it must answer with.

use strongroom::jwk::{Jwk, JwkSet, MAX_JWK_LEN, MAX_MEMBERS, SecretJwk, SetEntry};
use strongroom::{Error, ErrorKind, Rule};

use crate::keys;
use crate::object::{Object, base64url, bytes, ec, ec_secret, oct, rsa, rsa_numbers, rsa_secret};

type Row = (u32, String, &'static str, Rule);

fn refused<T>(read: impl Fn(&[u8]) -> Result<T, Error>, rows: &[Row]) {
    for (number, json, field, rule) in rows {
        let Err(error) = read(json.as_bytes()) else {
            panic!("{number}: accepted {json:.200}");
        };
        let expected = ErrorKind::Invalid { field, rule: *rule };
        assert_eq!(*error.kind(), expected, "{number}: {json:.200}");
        assert!(
            std::error::Error::source(&error).is_none(),
            "{number}: has a source"
        );
    }
}

fn row(number: u32, json: impl Into<String>, field: &'static str, rule: Rule) -> Row {
    (number, json.into(), field, rule)
}

#[test]
fn a_json() {
    let good = rsa().json();
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let twice = |object: Object, text: &str| object.json().replacen('{', &format!("{{{text},"), 1);
    let many: Vec<String> = (0..MAX_MEMBERS).map(|i| format!("\"m{i}\":1")).collect();
    let mut rows = vec![
        row(1, twice(rsa(), r#""kty":"RSA""#), "kty", Rule::Duplicate),
        row(1, twice(rsa(), r#""n":"AQAB""#), "n", Rule::Duplicate),
        row(1, twice(oct(16), r#""k":"AQAB""#), "k", Rule::Duplicate),
        row(2, twice(rsa(), r#""\u006e":"AQAB""#), "n", Rule::Duplicate),
        row(3, twice(rsa(), r#""zz":1,"zz":1"#), "jwk", Rule::Duplicate),
        row(
            3,
            rsa().with("zz", r#"{"a":1,"a":2}"#).json(),
            "jwk",
            Rule::Duplicate,
        ),
        row(4, format!("{good}{good}"), "jwk", Rule::Syntax),
        row(4, format!("{good} x"), "jwk", Rule::Syntax),
        row(7, format!("\u{feff}{good}"), "jwk", Rule::Syntax),
        row(
            7,
            rsa().with("kid", "\"\\ud800\"").json(),
            "kid",
            Rule::Syntax,
        ),
        row(
            7,
            rsa().with("zz", "\"\\udc00\"").json(),
            "jwk",
            Rule::Syntax,
        ),
        row(7, rsa().with("zz", "\"\u{1}\"").json(), "jwk", Rule::Syntax),
        row(8, deep("[", "]"), "jwk", Rule::Syntax),
        row(8, deep("{\"a\":", "}"), "jwk", Rule::TooLong(MAX_JWK_LEN)),
        row(
            8,
            rsa().with("zz", &deep("[", "]")).json(),
            "jwk",
            Rule::Syntax,
        ),
        row(
            9,
            format!("{{{}}}", many.join(",")).replace('}', ",\"z\":1}"),
            "jwk",
            Rule::TooLong(256),
        ),
        row(
            10,
            " ".repeat(MAX_JWK_LEN + 1),
            "jwk",
            Rule::TooLong(MAX_JWK_LEN),
        ),
        row(11, good.replace("kty", "KTY"), "kty", Rule::Missing),
        row(
            11,
            rsa().text("kty", "rsa").json(),
            "kty",
            Rule::UnknownName,
        ),
        row(
            11,
            rsa().text("kty", "RSA ").json(),
            "kty",
            Rule::UnknownName,
        ),
        row(12, rsa().without(&["kty"]).json(), "kty", Rule::Missing),
        row(12, rsa().text("kty", "").json(), "kty", Rule::Empty),
        row(12, rsa().with("kty", "7").json(), "kty", Rule::Syntax),
        row(12, rsa().with("kty", "null").json(), "kty", Rule::Syntax),
        row(
            12,
            rsa().text("kty", "OKP").json(),
            "kty",
            Rule::UnknownName,
        ),
        row(13, rsa().with("n", "123").json(), "n", Rule::Syntax),
        row(13, rsa().with("n", "null").json(), "n", Rule::Syntax),
        row(13, rsa().with("kid", "5").json(), "kid", Rule::Syntax),
        row(
            13,
            rsa().text("key_ops", "sign").json(),
            "key_ops",
            Rule::Syntax,
        ),
        row(
            13,
            rsa().with("key_ops", "[1]").json(),
            "key_ops",
            Rule::Syntax,
        ),
        row(13, rsa().with("alg", "{}").json(), "alg", Rule::Syntax),
    ];
    for text in ["[]", "\"\"", "7", "null", "", "  ", "true"] {
        rows.push(row(5, text, "jwk", Rule::Syntax));
    }
    for text in [
        "{",
        "{\"kty\"",
        "{\"kty\":\"oct\",}",
        "{/**/}",
        "{'kty':'oct'}",
        "{\"a\":NaN}",
    ] {
        rows.push(row(6, text, "jwk", Rule::Syntax));
    }
    for len in 1..good.len() {
        assert!(
            Jwk::from_json(&good.as_bytes()[..len]).is_err(),
            "6: cut at {len}"
        );
    }
    refused(Jwk::from_json, &rows);
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for wrong in [
        &utf16[..],
        b"{\"kid\":\"\xff\"}",
        b"{\"kid\":\"\xc0\x80\"}",
        b"{\"kid\":\"\xed\xa0\x80\"}",
    ] {
        assert!(Jwk::from_json(wrong).is_err(), "7");
    }
}

#[test]
fn b_base64url() {
    let wrong = [
        "AQAB=",
        "AQ==",
        "AQ+B",
        "AQ/B",
        "AQ AB",
        "AQAB\\n",
        "A",
        "AQABA",
        "AR",
        "\u{e9}AQB",
        "\\u0041QAB",
    ];
    let rows: Vec<Row> = wrong
        .iter()
        .flat_map(|text| {
            [
                row(15, rsa().text("e", text).json(), "e", Rule::Base64Url),
                row(15, ec().text("x", text).json(), "x", Rule::Base64Url),
                row(15, oct(16).text("k", text).json(), "k", Rule::Base64Url),
                row(15, ec_secret().text("d", text).json(), "d", Rule::Base64Url),
            ]
        })
        .collect();
    refused(SecretJwk::from_json, &rows);
    refused(
        SecretJwk::from_json,
        &[
            row(21, rsa().text("n", "").json(), "n", Rule::Empty),
            row(21, oct(16).text("k", "").json(), "k", Rule::Empty),
        ],
    );
    let zeros = rsa().text(
        "n",
        &base64url(&[&[0, 0], &bytes(keys::RSA_N)[..]].concat()),
    );
    let zeros = Jwk::from_json(zeros.text("e", "AAEAAQ").json().as_bytes()).unwrap();
    assert_eq!(zeros.to_json(), rsa().json(), "22");
}

#[test]
fn c_rsa_public() {
    let e = |bytes: &[u8]| rsa().text("e", &base64url(bytes)).json();
    let n = |bytes: &[u8]| rsa().text("n", &base64url(bytes)).json();
    let modulus = bytes(keys::RSA_N);
    let sized = |bits: usize| {
        let mut bytes = vec![0xFF; bits.div_ceil(8)];
        bytes[0] >>= bytes.len() * 8 - bits;
        n(&bytes)
    };
    let even = [&modulus[..255], &[2]].concat();
    refused(
        Jwk::from_json,
        &[
            row(23, rsa().without(&["n"]).json(), "n", Rule::Missing),
            row(23, rsa().without(&["e"]).json(), "e", Rule::Missing),
            row(24, e(&[0]), "e", Rule::OutOfRange),
            row(24, e(&[1]), "e", Rule::SmallExponent),
            row(25, e(&[2]), "e", Rule::Even),
            row(25, e(&[1, 0, 0]), "e", Rule::Even),
            row(26, e(&[3]), "e", Rule::SmallExponent),
            row(26, e(&[17]), "e", Rule::SmallExponent),
            row(27, e(&[2, 0, 0, 0, 1]), "e", Rule::LargeExponent),
            row(27, e(&[0xFF; 32]), "e", Rule::LargeExponent),
            row(27, e(&modulus), "e", Rule::LargeExponent),
            row(28, n(&[0]), "n", Rule::OutOfRange),
            row(28, n(&[1]), "n", Rule::Size),
            row(28, n(&even), "n", Rule::Even),
            row(29, sized(512), "n", Rule::Size),
            row(29, sized(1024), "n", Rule::Size),
            row(29, sized(2047), "n", Rule::Size),
            row(29, sized(2049), "n", Rule::Size),
            row(29, sized(2056), "n", Rule::Size),
            row(30, sized(16_392), "n", Rule::TooLong(1024)),
            row(
                31,
                rsa().text("n", keys::SMALL_FACTOR_N).json(),
                "n",
                Rule::SmallFactor,
            ),
        ],
    );
}

#[test]
fn d_rsa_private() {
    let set = |name: &str, value: &[u8]| rsa_secret().text(name, &base64url(value)).json();
    let bumped = |text: &str| {
        let mut value = bytes(text);
        *value.last_mut().unwrap() ^= 2;
        value
    };
    let [other_n, ..] = keys::OTHER_RSA;
    let swapped = rsa_secret().text("p", keys::RSA_Q).text("q", keys::RSA_P);
    let swapped = swapped.text("dp", keys::RSA_DQ).text("dq", keys::RSA_DP);
    let minimal = |d: &[u8]| rsa().text("d", &base64url(d)).json();
    refused(
        SecretJwk::from_json,
        &[
            row(34, rsa().json(), "d", Rule::Missing),
            row(34, set("d", &[0]), "d", Rule::OutOfRange),
            row(34, set("d", &[1]), "d", Rule::OutOfRange),
            row(34, set("d", &bumped(keys::RSA_D)), "d", Rule::Inconsistent),
            row(34, minimal(&bumped(keys::RSA_D)), "d", Rule::Inconsistent),
            row(34, set("d", &[0xFF; 257]), "d", Rule::OutOfRange),
            row(35, set("p", &[1]), "p", Rule::OutOfRange),
            row(
                35,
                rsa_secret().text("p", keys::RSA_Q).json(),
                "p",
                Rule::TooClose,
            ),
            row(36, rsa_numbers(keys::COMPOSITE).json(), "p", Rule::NotPrime),
            row(
                36,
                rsa_numbers(keys::HALF_COMPOSITE).json(),
                "q",
                Rule::NotPrime,
            ),
            row(
                37,
                set("dp", &bumped(keys::RSA_DP)),
                "dp",
                Rule::Inconsistent,
            ),
            row(
                37,
                set("dq", &bumped(keys::RSA_DQ)),
                "dq",
                Rule::Inconsistent,
            ),
            row(
                37,
                set("qi", &bumped(keys::RSA_QI)),
                "qi",
                Rule::Inconsistent,
            ),
            row(37, swapped.json(), "qi", Rule::Inconsistent),
            row(38, rsa_secret().without(&["p"]).json(), "p", Rule::Missing),
            row(38, rsa_secret().without(&["q"]).json(), "q", Rule::Missing),
            row(
                38,
                rsa_secret().without(&["dp"]).json(),
                "dp",
                Rule::Missing,
            ),
            row(
                38,
                rsa_secret().without(&["dq"]).json(),
                "dq",
                Rule::Missing,
            ),
            row(
                38,
                rsa_secret().without(&["qi"]).json(),
                "qi",
                Rule::Missing,
            ),
            row(
                38,
                rsa_secret().without(&["p", "q"]).json(),
                "p",
                Rule::Missing,
            ),
            row(
                39,
                rsa_secret().with("oth", "[]").json(),
                "oth",
                Rule::Unsupported,
            ),
            row(40, minimal(&[1, 0, 3]), "d", Rule::SmallPrivateExponent),
            row(
                41,
                rsa_secret().text("n", other_n).json(),
                "n",
                Rule::Inconsistent,
            ),
            row(42, rsa_numbers(keys::CLOSE).json(), "p", Rule::TooClose),
        ],
    );
    let close = rsa_numbers(keys::CLOSE).without(&["p", "q", "dp", "dq", "qi"]);
    assert!(
        SecretJwk::from_json(close.json().as_bytes()).is_err(),
        "42: without its primes"
    );
    for name in ["p", "q"] {
        let json = set(
            name,
            &bumped(if name == "p" {
                keys::RSA_P
            } else {
                keys::RSA_Q
            }),
        );
        assert!(SecretJwk::from_json(json.as_bytes()).is_err(), "35: {name}");
    }
}

#[test]
fn e_ec() {
    let length = |actual| Rule::Length {
        expected: 32,
        actual,
    };
    let (x, y) = (bytes(keys::EC_X), bytes(keys::EC_Y));
    let set = |name: &str, value: &[u8]| ec_secret().text(name, &base64url(value)).json();
    let point = [&[4], &x[..], &y[..]].concat();
    let crv = |name: &str| ec_secret().text("crv", name).json();
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let past = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552");
    let field = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    // The point negated is on the curve, and is another key's.
    let negated: Vec<u8> = minus(&field, &y);
    refused(
        SecretJwk::from_json,
        &[
            row(
                43,
                ec_secret().without(&["crv"]).json(),
                "crv",
                Rule::Missing,
            ),
            row(43, crv("p-256"), "crv", Rule::UnknownName),
            row(43, crv("P-192"), "crv", Rule::UnknownName),
            row(43, crv("Ed25519"), "crv", Rule::UnknownName),
            row(43, crv("P-256 "), "crv", Rule::UnknownName),
            row(44, crv("P-256K"), "x", Rule::NotOnCurve),
            row(
                44,
                ec_secret().text("x", keys::P521_X).json(),
                "x",
                length(66),
            ),
            row(45, set("y", &x), "x", Rule::NotOnCurve),
            row(
                46,
                ec().text("x", &base64url(&[0; 32]))
                    .text("y", &base64url(&[0; 32]))
                    .json(),
                "x",
                Rule::NotOnCurve,
            ),
            row(46, set("x", &field), "x", Rule::NotOnCurve),
            row(47, set("x", &x[1..]), "x", length(31)),
            row(47, set("y", &y[1..]), "y", length(31)),
            row(47, set("y", &[&[0], &y[..]].concat()), "y", length(33)),
            row(48, ec_secret().without(&["y"]).json(), "y", Rule::Missing),
            row(48, set("x", &point), "x", length(65)),
            row(49, set("d", &[0; 32]), "d", Rule::OutOfRange),
            row(49, set("d", &order), "d", Rule::OutOfRange),
            row(49, set("d", &past), "d", Rule::OutOfRange),
            row(49, set("d", &[0xFF; 32]), "d", Rule::OutOfRange),
            row(50, set("d", &[7; 31]), "d", length(31)),
            row(50, set("d", &[7; 24]), "d", length(24)),
            row(50, set("d", &[7; 33]), "d", length(33)),
            row(51, set("d", &[7; 32]), "d", Rule::Inconsistent),
            row(51, set("y", &negated), "d", Rule::Inconsistent),
            row(51, ec().json(), "d", Rule::Missing),
        ],
    );
}

#[test]
fn f_oct() {
    let alg = |bytes, alg: &str| oct(bytes).text("alg", alg).json();
    refused(
        SecretJwk::from_json,
        &[
            row(55, r#"{"kty":"oct"}"#, "k", Rule::Missing),
            row(56, alg(16, "A256KW"), "alg", Rule::NotWithKey),
            row(56, alg(32, "A128KW"), "alg", Rule::NotWithKey),
            row(57, alg(16, "HS256"), "alg", Rule::NotWithKey),
            row(57, alg(48, "HS512"), "alg", Rule::NotWithKey),
            row(58, oct(1025).json(), "k", Rule::Size),
            row(58, oct(17).json(), "k", Rule::Size),
            row(58, oct(1 << 20).json(), "jwk", Rule::TooLong(MAX_JWK_LEN)),
        ],
    );
    // 59: a key of zeros is a key.
    assert!(SecretJwk::from_oct(&[0; 32]).is_ok());
}

#[test]
fn g_meaning() {
    let alg = |alg: &str| ec().text("alg", alg).json();
    let ops = |json: &str| ec().with("key_ops", json);
    refused(
        Jwk::from_json,
        &[
            row(60, alg("ES384"), "alg", Rule::NotWithKey),
            row(60, alg("RS256"), "alg", Rule::NotWithKey),
            row(
                60,
                rsa().text("alg", "ES256").json(),
                "alg",
                Rule::NotWithKey,
            ),
            row(61, alg("HS256"), "alg", Rule::NotWithKey),
            row(
                61,
                rsa().text("alg", "HS256").json(),
                "alg",
                Rule::NotWithKey,
            ),
            row(62, alg("none"), "alg", Rule::UnknownName),
            row(62, alg("NONE"), "alg", Rule::UnknownName),
            row(62, alg(""), "alg", Rule::Empty),
            row(62, alg("es256"), "alg", Rule::UnknownName),
            row(62, alg(" ES256"), "alg", Rule::Character),
            row(
                65,
                ops(r#"["sign"]"#).text("use", "enc").json(),
                "use",
                Rule::Contradicts("key_ops"),
            ),
            row(
                65,
                ops(r#"["deriveKey"]"#).text("use", "sig").json(),
                "use",
                Rule::Contradicts("key_ops"),
            ),
            row(
                65,
                ops(r#"["encrypt"]"#).text("alg", "ES256").json(),
                "alg",
                Rule::Contradicts("key_ops"),
            ),
            row(
                65,
                ec().text("use", "enc").text("alg", "ES256").json(),
                "alg",
                Rule::Contradicts("use"),
            ),
            row(
                66,
                ops(r#"["sign","verify","sign"]"#).json(),
                "key_ops",
                Rule::Duplicate,
            ),
            row(
                66,
                ops(r#"["zap","zap"]"#).json(),
                "key_ops",
                Rule::Duplicate,
            ),
            row(68, ec().text("n", "AQAB").json(), "n", Rule::NotWithKey),
            row(
                68,
                rsa().text("crv", "P-256").json(),
                "crv",
                Rule::NotWithKey,
            ),
            row(
                68,
                rsa().text("pub", "AQAB").json(),
                "pub",
                Rule::NotWithKey,
            ),
            row(69, ec_secret().json(), "d", Rule::Private),
            row(69, rsa_secret().json(), "d", Rule::Private),
            row(69, oct(16).json(), "k", Rule::Private),
            row(69, ec().text("k", "AQAB").json(), "k", Rule::Private),
            row(69, ec().text("priv", "AQAB").json(), "priv", Rule::Private),
        ],
    );
    refused(
        SecretJwk::from_json,
        &[
            row(
                68,
                ec_secret().text("k", "AQAB").json(),
                "k",
                Rule::NotWithKey,
            ),
            row(
                68,
                ec_secret().text("p", "AQAB").json(),
                "p",
                Rule::NotWithKey,
            ),
            row(68, oct(16).text("d", "AQAB").json(), "d", Rule::NotWithKey),
            row(
                68,
                rsa_secret().text("k", "AQAB").json(),
                "k",
                Rule::NotWithKey,
            ),
        ],
    );
    // 64: what could lead to another key is kept as text and never looked at.
    let linked = ec()
        .text("x5u", "https://example.org/")
        .with("x5c", "[\"!\"]")
        .json();
    assert_eq!(Jwk::from_json(linked.as_bytes()).unwrap().to_json(), linked);
    // 67: no operation is allowed, which is not the same as no word about it.
    let none = Jwk::from_json(ops("[]").json().as_bytes()).unwrap();
    assert!(none.meta().key_ops().is_some_and(|ops| ops.is_empty()));
    // 70: nothing private on the way out.
    for secret in [rsa_secret(), ec_secret(), oct(32)] {
        let key = SecretJwk::from_json(secret.json().as_bytes()).unwrap();
        assert!(Jwk::from_json(key.public().to_json().as_bytes()).is_ok());
        let shown = format!("{key:?} {:?} {:?}", key.public(), key.public().meta());
        for canary in [keys::RSA_D, keys::EC_D, &base64url(&[0x5A; 32])] {
            assert!(!shown.contains(canary) && !key.public().to_json().contains(canary));
        }
    }
}

#[test]
fn g_sets() {
    let set = |keys: &[String]| format!("{{\"keys\":[{}]}}", keys.join(","));
    let named = |object: Object| object.text("kid", "1").json();
    refused(
        JwkSet::from_json,
        &[
            row(
                71,
                set(&[named(ec()), named(rsa())]),
                "kid",
                Rule::Duplicate,
            ),
            row(12, r#"{"keys":7}"#, "keys", Rule::Syntax),
        ],
    );
    // 12: an unknown type is passed over; 71: a secret in a public set is no key of it.
    let mixed = set(&[ec().text("kty", "NEW").json(), oct(32).json(), named(ec())]);
    let mixed = JwkSet::from_json(mixed.as_bytes()).unwrap();
    let [
        SetEntry::Unknown { .. },
        SetEntry::Invalid { error, .. },
        SetEntry::Key(_),
    ] = mixed.entries()
    else {
        panic!("{mixed:?}");
    };
    assert_eq!(
        *error.kind(),
        ErrorKind::Invalid {
            field: "k",
            rule: Rule::Private
        }
    );
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = a.to_vec();
    let mut borrow = false;
    for (to, b) in out.iter_mut().zip(b).rev() {
        let (first, lent) = to.overflowing_sub(*b);
        let (second, again) = first.overflowing_sub(u8::from(borrow));
        (*to, borrow) = (second, lent || again);
    }
    out
}
