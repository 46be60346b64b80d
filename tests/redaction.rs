//! No public type, error or audit event prints a secret.
//!
//! Keys whose private numbers are known, plaintexts, passwords and sealing keys go
//! through everything that can hold or touch them, and whatever `{:?}`, `{:#?}` and
//! `{}` then say is searched for them, in every encoding that [`Detector`] knows.
//!
//! [`TYPES`] says of each public type whether it is shown here or why it need not be. A
//! type that is in `src/` and not in the list fails, and so does one that the list
//! wants shown and nothing shows.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

mod canary;

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64ct::{Base64, Base64Unpadded, Base64UrlUnpadded, Encoding};
use canary::Canary;
use strongroom::encoding::PasswordKdf;
use strongroom::fit::{
    DecryptInPlaceRequest, DecryptRequest, EncryptInPlaceRequest, EncryptRequest, SignRequest,
    UnwrapRequest, VerifyRequest, WrapRequest,
};
use strongroom::jwk::{Jwk, JwkSet, PublicKey, RsaCrt, SecretJwk, SetEntry};
use strongroom::provider::{NewKey, ProviderRng, WrappedKey, WrappingKey};
use strongroom::software::{PassphraseCosts, SealingHeader, SealingKey, Software};
use strongroom::store::MemoryStore;
use strongroom::vault::{
    BackupKey, Change, Key, KeyOptions, KeyUpdate, LegacyPolicy, MemoryAudit, SignInput, SignItem,
    Store, Vault, VerifyItem,
};
use strongroom::{
    Ciphertext, Curve, DecryptParams, EncryptAlg, EncryptParams, Error, ErrorKind, KeyHandle,
    KeyProvider, KeySpec, OpSet, SecretBytes, SignAlg, Signature, WrapAlg,
};

// ---------------------------------------------------------------------------
// The list

enum Why {
    /// Shown below, with secrets in or near it.
    Shown,
    /// Holds nothing that could be secret.
    Plain(&'static str),
    /// A unit test beside it shows it: no public function gives one out, or only with a feature.
    Inside,
}
use Why::{Inside, Plain, Shown};

const NAME: Why = Plain("a name of an algorithm, an operation or a choice");
/// Shown where the feature is on.
const IN_PKCS11: Why = if cfg!(feature = "pkcs11") {
    Shown
} else {
    Inside
};
const FACTS: Why = Plain("facts about algorithms and backends, the same for all keys");

#[rustfmt::skip]
const TYPES: &[(&str, Why)] = &[
    // alg
    ("Alg", NAME), ("Curve", NAME), ("EncryptAlg", NAME), ("EncryptScheme", NAME),
    ("EncryptRow", FACTS), ("Hash", NAME), ("KeyOp", NAME), ("KeySpec", NAME), ("Op", NAME),
    ("OpSet", NAME), ("SignAlg", NAME), ("SignScheme", NAME), ("SignRow", FACTS),
    ("Standing", NAME), ("TransferAlg", NAME), ("TransferRow", FACTS), ("WrapAlg", NAME), ("WrapScheme", NAME), ("WrapRow", FACTS),
    ("HashValue", Shown), ("Digest", Shown),
    // audit
    ("AuditKey", Inside), ("JsonLinesAudit", Plain("a path and a policy")), ("SyncPolicy", NAME), ("TracingAudit", Plain("holds nothing")),
    ("VerifiedLog", Plain("a number of lines")),
    // conformance
    ("Check", FACTS), ("Coverage", FACTS),
    ("Subject", Plain("keys that the suite makes for itself")),
    // encoding
    ("PasswordKdf", NAME), ("TransferKind", NAME),
    ("ByokBlob", Plain("a wrapped key, which travels in the open, and of it the length")),
    // error
    ("AccessRule", NAME), ("Error", Shown), ("ErrorKind", Shown), ("Denial", NAME),
    ("Rule", Plain("numbers that are limits or lengths, and no text of a caller")),
    ("ServiceAnswer", Shown),
    // fit
    ("Ciphertext", Shown), ("DecryptParams", Shown), ("EncryptParams", Shown),
    ("DecryptRequest", Shown), ("EncryptRequest", Shown), ("DecryptInPlaceRequest", Shown),
    ("EncryptInPlaceRequest", Shown), ("SignRequest", Shown), ("VerifyRequest", Shown),
    ("UnwrapRequest", Shown), ("WrapRequest", Shown), ("Signature", Shown),
    ("Sealed", Plain("an IV and a tag, which travel with the ciphertext")),
    ("SignData", Plain("prints the name of a hash, or a length")),
    // handle
    ("KeyHandle", Shown), ("ProviderId", Shown),
    ("ProviderKeyId", Plain("an id, which is no secret and stands in records")),
    // jwk
    ("Jwk", Shown), ("JwkSet", Shown), ("SetEntry", Shown), ("Meta", Shown),
    ("PublicKey", Shown), ("RsaPublic", Shown), ("EcPublic", Shown), ("Thumbprint", Shown),
    ("SecretJwk", Shown), ("RsaCrt", Shown), ("CurveNames", NAME),
    ("SecretKey", Inside), ("RsaSecret", Inside), ("EcSecret", Inside), ("OctSecret", Inside),
    // pkcs11
    ("ObjectType", NAME), ("Pkcs11Uri", Inside), ("PinSource", IN_PKCS11),
    ("Calls", NAME), ("SplitPolicy", NAME),
    ("Pkcs11", Plain("prints its Builder's fields; tests/pkcs11_tokens.rs shows one")),
    ("TokenKey", Plain("a label, and a handle, which is shown as such")),
    // provider
    ("Capabilities", FACTS), ("Capability", FACTS), ("Place", NAME), ("Health", NAME),
    ("NewKey", Shown), ("ProviderRng", Shown), ("WrappedKey", Shown), ("WrappingKey", Shown),
    // seal
    ("SealingKey", Shown), ("SealingHeader", Shown),
    ("PassphraseCosts", Plain("three numbers that stand in the header")),
    // secret
    ("SecretBytes", Shown),
    // software
    ("Software", Shown), ("Builder", Shown), ("AesPath", Plain("for vectors alone; prints nothing at all")),
    // store
    ("MemoryStore", Shown), ("RedbStore", Plain("a path and a revision; its keys print their ids")),
    // vault
    ("AccessModel", NAME), ("DataAction", NAME), ("Permission", NAME), ("Role", NAME),
    ("Caller", Plain("who asks; no secret is told as one")),
    ("RoleAssignment", Plain("who holds which role, and where")), ("Scope", NAME),
    ("Vault", Shown), ("VaultBuilder", Shown), ("Key", Shown), ("Keyed", Shown),
    ("SignInput", Shown), ("SignItem", Shown), ("VerifyItem", Shown),
    ("Unsettled", Plain("a record's key, and an error, which is shown as such")),
    ("Page", Shown), ("KeyItem", Shown), ("VersionItem", Shown), ("Record", Shown),
    ("Verified", Plain("two numbers")), ("Change", Shown), ("MemoryAudit", Shown), ("AuditEvent", Shown), ("EventId", Plain("random, and no secret")), ("Action", Shown),
    ("Target", Shown), ("Outcome", Shown), ("NoAudit", Plain("holds nothing")),
    ("KeyId", Shown), ("KeyName", Shown), ("KeyVersion", Shown), ("VaultHost", Shown),
    ("IsoDuration", Plain("a duration")), ("RotationPolicy", Plain("durations")),
    ("ReleasePolicy", Plain("what attestation tokens must claim; anybody may know")),
    ("Rotated", Plain("identifiers, records' keys, and errors, which are shown as such")),
    ("Trigger", Plain("a duration")), ("Backup", Shown), ("BackupForm", NAME), ("BackupKey", Shown),
    ("DeletedKey", Shown), ("PurgeProtection", NAME),
    ("RecoveryLevel", NAME),
    ("Purged", Plain("names, records' keys, and errors, which are shown as such")), ("KeyType", NAME), ("Tier", NAME), ("Attributes", Shown), ("Tags", Shown), ("KeyOptions", Shown), ("KeyUpdate", Shown),
    ("LegacyPolicy", NAME), ("SystemClock", Plain("holds nothing")),
    ("ManualClock", Plain("a time")), ("UnixTime", Plain("a time")),
];

// ---------------------------------------------------------------------------
// The detector

/// Bytes of a secret in a row that count as a leak.
const WINDOW: usize = 6;

/// Finds secrets in text: as text, with escapes, in hexadecimal of either case with any
/// punctuation, in base64 of either alphabet at any offset, and as lists of numbers; from
/// the first byte to the last and the other way round.
#[derive(Default)]
struct Detector {
    raw: HashMap<Vec<u8>, String>,
    hex: HashMap<Vec<u8>, String>,
    base64: HashMap<Vec<u8>, String>,
}

/// Base64 characters in a row that count as a leak: as many bits as `WINDOW`.
const BASE64_WINDOW: usize = WINDOW * 8 / 6;

impl Detector {
    fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(
            secret.len() >= 16,
            "{name}: too short to be told from chance"
        );
        let reversed: Vec<u8> = secret.iter().rev().copied().collect();
        for (way, bytes) in [("", secret), (" reversed", &reversed)] {
            let name = format!("{name}{way}");
            for window in bytes.windows(WINDOW).filter(|window| is_telling(window)) {
                self.raw.insert(window.to_vec(), name.clone());
                self.hex.insert(hex(window).into_bytes(), name.clone());
            }
            for offset in 0..3 {
                let Some(rest) = bytes.get(offset..) else {
                    continue;
                };
                let whole = &rest[..rest.len() / 3 * 3];
                for text in [
                    Base64Unpadded::encode_string(whole),
                    Base64UrlUnpadded::encode_string(whole),
                ] {
                    for window in text.as_bytes().windows(BASE64_WINDOW) {
                        if is_telling(window) {
                            self.base64.insert(window.to_vec(), name.clone());
                        }
                    }
                }
            }
        }
    }

    /// What is in the text, and in which encoding.
    fn find(&self, text: &str) -> Option<String> {
        let hit = |map: &HashMap<Vec<u8>, String>, bytes: &[u8], window, encoding| {
            let mut windows = bytes.windows(window);
            let name = windows.find_map(|window| map.get(window))?;
            Some(format!("{name} ({encoding})"))
        };
        let alphanumeric = |c: &char| c.is_ascii_alphanumeric();
        let dense: String = text.chars().filter(alphanumeric).collect();
        // `0x` of a list of hexadecimal numbers would stand between the digits.
        let bare = text.replace("0x", "").replace("\\x", "");
        let bare: String = bare.chars().filter(alphanumeric).collect();
        let tight: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let hexes = [dense.to_ascii_lowercase(), bare.to_ascii_lowercase()];
        hit(&self.raw, text.as_bytes(), WINDOW, "as it is")
            .or_else(|| hit(&self.raw, &unescaped(text), WINDOW, "escaped"))
            .or_else(|| hit(&self.raw, &numbers(text), WINDOW, "as numbers"))
            .or_else(|| {
                hexes
                    .iter()
                    .find_map(|hexes| hit(&self.hex, hexes.as_bytes(), 2 * WINDOW, "hexadecimal"))
            })
            .or_else(|| hit(&self.base64, tight.as_bytes(), BASE64_WINDOW, "base64"))
    }
}

/// Not the same few bytes again and again, which are found everywhere.
fn is_telling(window: &[u8]) -> bool {
    window.iter().collect::<BTreeSet<_>>().len() > 2
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The numbers below 256 in a text, whatever stands between them.
fn numbers(text: &str) -> Vec<u8> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The text with `\xNN`, `\u{N}`, `\n` and the like undone.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let escaped = if c == '\\' { rest.chars().next() } else { None };
        match escaped {
            Some('x') if rest.len() > 2 && rest.is_char_boundary(3) => {
                match u8::from_str_radix(&rest[1..3], 16) {
                    Ok(byte) => {
                        out.push(byte);
                        rest = &rest[3..];
                    }
                    Err(_) => out.push(b'\\'),
                }
            }
            Some('u') if rest.contains('}') => {
                let end = rest.find('}').unwrap();
                let code = rest
                    .get(2..end)
                    .and_then(|code| u32::from_str_radix(code, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(c) => {
                        out.extend_from_slice(c.to_string().as_bytes());
                        rest = &rest[end + 1..];
                    }
                    None => out.push(b'\\'),
                }
            }
            Some(mark @ ('n' | 'r' | 't' | '0' | '\\' | '"' | '\'')) => {
                let meant = match mark {
                    'n' => b'\n',
                    'r' => b'\r',
                    't' => b'\t',
                    '0' => 0,
                    '\\' => b'\\',
                    '"' => b'"',
                    _ => b'\'',
                };
                out.push(meant);
                rest = &rest[1..];
            }
            _ => out.extend_from_slice(c.to_string().as_bytes()),
        }
    }
    out
}

#[test]
fn the_detector_finds_what_is_there() {
    let secret = canary::bytes("control", 32);
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let text = b"correct horse battery \"staple\"\n";
    let mut detector = Detector::default();
    detector.add("secret", &secret);
    detector.add("text", text);
    let spaced: Vec<String> = secret.iter().map(|byte| format!("{byte:02X}")).collect();
    let found = [
        hex(&secret),
        hex(&secret).to_uppercase(),
        hex(&reversed),
        hex(&secret[13..20]),
        spaced.join(":"),
        spaced.join(" "),
        format!("{secret:?}"),
        format!("{secret:#?}"),
        format!("{secret:x?}"),
        format!("{secret:#04x?}"),
        format!("{reversed:?}"),
        format!("Key {{ d: Some({:?}) }}", &secret[3..12]),
        Base64::encode_string(&secret),
        Base64UrlUnpadded::encode_string(&secret),
        Base64UrlUnpadded::encode_string(&secret[1..]),
        Base64UrlUnpadded::encode_string(&[b"prefix".as_slice(), &secret[..11]].concat()),
        Base64::encode_string(&reversed),
        secret.escape_ascii().to_string(),
        format!("{:?}", String::from_utf8_lossy(text)),
        format!("password {} is wrong", String::from_utf8_lossy(text)),
        text.escape_ascii().to_string(),
        format!("{text:?}"),
        hex(text),
        Base64::encode_string(text),
    ];
    for text in found {
        assert!(detector.find(&text).is_some(), "not found in {text}");
    }
    let other = canary::bytes("another", 64);
    let absent = [
        "the key is disabled".to_owned(),
        hex(&other),
        format!("{other:?}"),
        Base64::encode_string(&other),
        hex(&secret[..WINDOW - 1]),
    ];
    for text in absent {
        assert_eq!(detector.find(&text), None, "{text}");
    }
}

// ---------------------------------------------------------------------------
// Showing

/// Shows things and remembers of what types they were.
struct Screen {
    detector: Detector,
    shown: BTreeMap<String, usize>,
    leaks: BTreeSet<String>,
}

impl Screen {
    fn debug<T: Debug + ?Sized>(&mut self, value: &T) {
        self.text(type_name::<T>(), &format!("{value:?}"));
        self.text(type_name::<T>(), &format!("{value:#?}"));
    }

    fn display<T: Debug + Display + ?Sized>(&mut self, value: &T) {
        self.debug(value);
        self.text(type_name::<T>(), &format!("{value}"));
        self.text(type_name::<T>(), &format!("{value:#}"));
    }

    fn error(&mut self, error: &Error) {
        self.display(error);
        self.display(error.kind());
        self.debug(&error.kind().service());
        let mut source = error.source();
        while let Some(error) = source {
            self.text("the source of an error", &format!("{error}"));
            self.text("the source of an error", &format!("{error:?}"));
            self.text("the source of an error", &format!("{error:#?}"));
            source = error.source();
        }
    }

    /// The error, or the key if what was damaged does not matter.
    fn secret(&mut self, result: Result<SecretJwk, Error>) {
        match result {
            Ok(key) => self.debug(&key),
            Err(error) => self.error(&error),
        }
    }

    fn outcome<T: Debug>(&mut self, result: Result<T, Error>) {
        match result {
            Ok(value) => self.debug(&value),
            Err(error) => self.error(&error),
        }
    }

    fn text(&mut self, of: &str, text: &str) {
        let head = of.split('<').next().unwrap_or(of);
        let name = head.rsplit("::").next().unwrap_or(head);
        let name = name.trim_start_matches(['&', '(']).to_owned();
        if let Some(found) = self.detector.find(text) {
            self.leaks.insert(format!("{name} shows {found}"));
        }
        *self.shown.entry(name).or_default() += 1;
    }
}

#[test]
fn nothing_shows_a_secret() {
    let mut screen = Screen {
        detector: Detector::default(),
        shown: BTreeMap::new(),
        leaks: BTreeSet::new(),
    };
    let canaries = canary::all();
    for (name, part) in canaries.iter().flat_map(|canary| &canary.parts) {
        screen.detector.add(name, part);
    }
    let others = Others::new();
    for (name, bytes) in others.all() {
        screen.detector.add(name, bytes);
    }

    keys(&mut screen, &canaries);
    sets(&mut screen, &canaries);
    damaged_keys(&mut screen, &canaries);
    backends(&mut screen, &canaries, &others);
    #[cfg(feature = "pkcs11")]
    tokens(&mut screen, &others);
    for canary in &canaries {
        requests(&mut screen, canary, &others);
    }
    vaults(&mut screen, &canaries, &others);

    let total: usize = screen.shown.values().sum();
    println!("{total} texts of {} types", screen.shown.len());
    assert!(screen.leaks.is_empty(), "{:#?}", screen.leaks);
    for (name, why) in TYPES {
        let shown = screen.shown.contains_key(*name);
        match why {
            Shown => assert!(shown, "{name} is to be shown, and was not"),
            Plain(reason) => assert!(!reason.is_empty()),
            Inside => assert!(!shown, "{name} can be shown after all: list it as Shown"),
        }
    }
}

/// Secrets that are no keys.
struct Others {
    plaintext: Vec<u8>,
    message: Vec<u8>,
    password: Vec<u8>,
    sealing: [u8; 32],
}

impl Others {
    fn new() -> Self {
        Others {
            plaintext: canary::bytes("plaintext", 32),
            message: canary::bytes("message", 48),
            password: b"Tr0ub4dor & 3 \"quoted\" zebras".to_vec(),
            sealing: *canary::bytes("sealing", 32).first_chunk().unwrap(),
        }
    }

    fn all(&self) -> [(&'static str, &[u8]); 4] {
        [
            ("plaintext", &self.plaintext),
            ("message", &self.message),
            ("password", &self.password),
            ("sealing key", &self.sealing),
        ]
    }
}

fn keys(screen: &mut Screen, canaries: &[Canary]) {
    for canary in canaries {
        let jwk = &canary.jwk;
        screen.debug(jwk);
        let public = jwk.public();
        screen.debug(public);
        screen.debug(public.meta());
        screen.debug(public.key());
        match public.key() {
            PublicKey::Rsa(key) => screen.debug(key),
            PublicKey::Ec(key) => screen.debug(key),
            _ => {}
        }
        screen.outcome(public.thumbprint());
        // A symmetric key's thumbprint covers the key: it is a hash of a secret that
        // may be shown, and holds none of its bytes.
        screen.outcome(jwk.thumbprint());
        screen.text("JSON of a Jwk", &public.to_json());
        for (name, _) in PRIVATE {
            let member = format!("\"{name}\":");
            assert!(
                !public.to_json().contains(&member),
                "{}: {name}",
                canary.name
            );
        }
        for pem in [public.to_spki_pem(), public.to_pkcs1_pem()] {
            match pem {
                Ok(pem) => screen.text("PEM of a Jwk", &pem),
                Err(error) => screen.error(&error),
            }
        }
        screen.debug(&jwk.to_json_exposing_secret());
        for (_, part) in &canary.parts {
            screen.debug(&SecretBytes::copy_of(part));
            screen.debug(&[SecretBytes::copy_of(part)]);
        }
    }
    let parts = &canaries[0].parts;
    let part = |at: usize| parts[at].1.as_slice();
    screen.debug(&RsaCrt {
        p: part(1),
        q: part(2),
        dp: part(3),
        dq: part(4),
        qi: part(5),
    });
}

/// The private members of every key type, and whether they are integers of RSA.
const PRIVATE: [(&str, bool); 8] = [
    ("d", true),
    ("p", true),
    ("q", true),
    ("dp", true),
    ("dq", true),
    ("qi", true),
    ("oth", false),
    ("k", false),
];

/// Private keys where public ones are due, of known and unknown kinds.
fn sets(screen: &mut Screen, canaries: &[Canary]) {
    let mut list = Vec::new();
    for canary in canaries {
        let json = String::from_utf8(canary.json.clone()).unwrap();
        screen.outcome(Jwk::from_json(json.as_bytes()));
        for kty in ["RSA", "EC", "oct"] {
            let renamed = json.replace(&format!("\"kty\":\"{kty}\""), "\"kty\":\"OKP\"");
            screen.outcome(Jwk::from_json(renamed.as_bytes()));
            list.push(renamed);
        }
        let nested = format!(r#"{{"kty":"oct","x-old":{json}}}"#);
        screen.outcome(Jwk::from_json(nested.as_bytes()));
        list.push(nested);
    }
    let whole = format!(r#"{{"keys":[{}],"x-private":{}}}"#, list.join(","), list[0]);
    let set = JwkSet::from_json(whole.as_bytes()).expect("broken keys do not sink a set");
    screen.debug(&set);
    for entry in set.entries() {
        screen.debug(entry);
        match entry {
            SetEntry::Key(key) => {
                screen.debug(&**key);
                screen.debug(key.meta());
            }
            SetEntry::Invalid { error, .. } => screen.error(error),
            _ => {}
        }
    }
    screen.outcome(JwkSet::from_json(&whole.as_bytes()[..whole.len() - 1]));
}

/// Keys that are damaged in every form in which they are read.
fn damaged_keys(screen: &mut Screen, canaries: &[Canary]) {
    let password = Others::new().password;
    for canary in canaries {
        // Each damaged RSA key costs tests for primality.
        let rsa = canary.name == "rsa";
        let steps = if rsa { 12 } else { 120 };
        let json = String::from_utf8(canary.json.clone()).unwrap();
        for damaged in damages(json.as_bytes(), steps) {
            screen.secret(SecretJwk::from_json(&damaged));
            screen.outcome(Jwk::from_json(&damaged));
        }
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&json).unwrap();
        let telling = |name: &str| !rsa || ["n", "d", "p", "qi"].contains(&name);
        for (name, value) in object.iter().filter(|(name, _)| telling(name)) {
            for other in swapped(name, value, &object) {
                screen.secret(SecretJwk::from_json(other.as_bytes()));
                screen.outcome(Jwk::from_json(other.as_bytes()));
            }
        }
        for (_, part) in &canary.parts {
            screen.secret(SecretJwk::from_oct(part));
            screen.secret(SecretJwk::from_oct(&part[..15]));
            for curve in Curve::ALL {
                screen.secret(SecretJwk::from_ec_scalar(*curve, part));
            }
            screen.secret(SecretJwk::from_rsa_components(part, &[1, 0, 1], part, None));
        }
        let jwk = &canary.jwk;
        type Read = fn(&[u8]) -> Result<SecretJwk, Error>;
        let forms: [(Result<SecretBytes, Error>, Read); 6] = [
            (
                jwk.to_pkcs8_der_exposing_secret(),
                SecretJwk::from_pkcs8_der,
            ),
            (jwk.to_pkcs8_pem_exposing_secret(), SecretJwk::from_pem),
            (
                jwk.to_pkcs1_der_exposing_secret(),
                SecretJwk::from_pkcs1_der,
            ),
            (jwk.to_pkcs1_pem_exposing_secret(), SecretJwk::from_pem),
            (jwk.to_sec1_der_exposing_secret(), SecretJwk::from_sec1_der),
            (jwk.to_sec1_pem_exposing_secret(), SecretJwk::from_pem),
        ];
        for (form, read) in forms {
            let form = match form {
                Ok(form) => form,
                Err(error) => {
                    screen.error(&error);
                    continue;
                }
            };
            for damaged in damages(form.expose(), steps / 2) {
                screen.secret(read(&damaged));
                screen.secret(SecretJwk::from_pem(&damaged));
                screen.outcome(Jwk::from_pem(&damaged));
                screen.outcome(Jwk::from_spki_der(&damaged));
                screen.secret(SecretJwk::from_encrypted_pkcs8_der(&damaged, &password));
            }
        }
        if canary.name == "P-256" {
            let kdf = PasswordKdf::Scrypt;
            let encrypted = jwk.to_encrypted_pkcs8_pem(&password, kdf).unwrap();
            let wrong = &password[1..];
            screen.secret(SecretJwk::from_encrypted_pem(encrypted.as_bytes(), wrong));
            screen.secret(SecretJwk::from_encrypted_pem(
                encrypted.as_bytes(),
                &password,
            ));
            screen.secret(SecretJwk::from_encrypted_pem(&password, &password));
            screen.secret(SecretJwk::from_pem(encrypted.as_bytes()));
        }
    }
}

/// Truncated, with a byte changed, and with one inserted, at places all over.
fn damages(bytes: &[u8], steps: usize) -> Vec<Vec<u8>> {
    let stride = (bytes.len() / steps).max(1);
    let mut out = Vec::new();
    for (count, at) in (0..bytes.len()).step_by(stride).enumerate() {
        let mut damaged = bytes.to_vec();
        match count % 4 {
            0 => damaged.truncate(at),
            1 => damaged[at] ^= 1 << (count % 7),
            2 => damaged.insert(at, b'"'),
            _ => damaged[at] = b'\\',
        }
        out.push(damaged);
    }
    out
}

/// The object with this member spelled, typed, placed or valued otherwise.
fn swapped(
    name: &str,
    value: &serde_json::Value,
    object: &serde_json::Map<String, serde_json::Value>,
) -> Vec<String> {
    let with = |other: serde_json::Value| {
        let mut changed = object.clone();
        changed.insert(name.to_owned(), other);
        serde_json::Value::Object(changed).to_string()
    };
    let text = value.as_str().unwrap_or_default();
    let mut out = vec![
        with(serde_json::json!([value])),
        with(serde_json::json!({ "secret": value })),
        with(serde_json::json!(12_345_678_901_234_u64)),
        with(serde_json::json!(format!("{text}="))),
        with(serde_json::json!(format!("{text} "))),
        with(serde_json::json!(text.get(4..).unwrap_or_default())),
    ];
    // As a name, twice, and in place of the others.
    let whole = serde_json::Value::Object(object.clone()).to_string();
    let rest = &whole[1..];
    out.push(format!("{{{}:1,{rest}", serde_json::json!(text)));
    out.push(format!("{{\"{name}\":{value},{rest}"));
    out.push(format!("{{\"{name}\":{value}{value},{rest}"));
    // A `kid` is a name, and printed whatever somebody writes there.
    for secret in ["d", "k", "p"].iter().filter(|_| name != "kid") {
        if let Some(secret) = object.get(*secret) {
            out.push(with(secret.clone()));
        }
    }
    out
}

fn new_key(canary: &Canary, ops: Option<OpSet>) -> NewKey {
    let spec = canary.jwk.spec_for(ops).unwrap();
    NewKey::new(canary::id(canary.name), spec)
        .unwrap()
        .with_label("a label")
}

fn backends(screen: &mut Screen, canaries: &[Canary], others: &Others) {
    let sealing = || SealingKey::from_bytes(others.sealing);
    screen.debug(&sealing());
    let builder = Software::builder().sealing_key(sealing());
    let builder = builder.older_sealing_key(SealingKey::from_bytes([1; 32]));
    screen.debug(&builder);
    screen.debug(&builder.build().unwrap());
    screen.outcome(SealingKey::from_secret(SecretBytes::copy_of(
        &others.sealing[1..],
    )));
    screen.outcome(
        Software::builder()
            .ephemeral()
            .sealing_key(sealing())
            .build(),
    );

    let costs = PassphraseCosts::new(PassphraseCosts::MIN_MEMORY_KIB, 1, 1).unwrap();
    let (header, key) = SealingHeader::from_passphrase(&others.password, costs).unwrap();
    screen.debug(&header);
    screen.debug(&key);
    screen.outcome(header.open_with_passphrase(&others.password[1..]));
    screen.outcome(header.open_with_passphrase(b""));
    screen.outcome(SealingHeader::from_bytes(&others.sealing));
    screen.outcome(SealingHeader::from_bytes(&header.to_bytes()[1..]));

    let software = Software::new(sealing()).unwrap();
    for canary in canaries {
        let new = new_key(canary, None);
        screen.debug(&new);
        let handle = software.import(&canary.jwk, &new).unwrap();
        screen.debug(&handle);
        screen.display(handle.provider());
        screen.debug(&WrappingKey::Own(&handle));
        screen.debug(&WrappingKey::Public(canary.jwk.public()));
        screen.outcome(software.reseal(&handle));
        let other = Software::new(SealingKey::from_bytes([2; 32])).unwrap();
        screen.outcome(other.reseal(&handle));
        // Damaged blobs: cut, and changed in every part.
        let blob = handle.blob();
        for at in (0..blob.len()).step_by(9) {
            let mut changed = blob.to_vec();
            changed[at] ^= 1;
            for blob in [changed, blob[..at].to_vec()] {
                let damaged = KeyHandle::new(
                    handle.provider().clone(),
                    handle.id(),
                    handle.spec(),
                    handle.public().cloned(),
                    blob,
                );
                let damaged = damaged.unwrap();
                screen.debug(&damaged);
                screen.outcome(software.reseal(&damaged));
            }
        }
        let wrong = NewKey::new(canary::id("wrong"), KeySpec::Hmac { bits: 384 }).unwrap();
        screen.outcome(software.import(&canary.jwk, &wrong));
        screen.outcome(software.export_wrapped(&handle, &WrappingKey::Own(&handle)));
        let blob = WrappedKey::from_bytes(canary.parts[0].1.clone());
        screen.debug(&blob);
        screen.outcome(software.import_wrapped(&handle, &blob, &wrong));
    }
    screen.debug(&software);
    screen.debug(&ProviderRng::new(&software));
    let provider: Arc<dyn KeyProvider> = Arc::new(software);
    screen.debug(&provider);
}

/// What is known of a token before it is opened, and how opening fails. The PIN is in a
/// value, in a URI, and in what a callback says.
#[cfg(feature = "pkcs11")]
fn tokens(screen: &mut Screen, others: &Others) {
    use strongroom::pkcs11::{PinSource, Pkcs11};

    let pin = PinSource::value(&others.password);
    screen.debug(&pin);
    let password = others.password.clone();
    let asked = PinSource::callback(move || Ok(SecretBytes::copy_of(&password)));
    screen.debug(&asked);
    for pin in [pin, asked] {
        let builder = Pkcs11::builder().pin(pin).token_label("dev");
        screen.debug(&builder);
        screen.outcome(builder.clone().open());
        screen.outcome(builder.module("/nonexistent/module.so").open());
    }
    let encoded: String = others
        .password
        .iter()
        .map(|b| format!("%{b:02x}"))
        .collect();
    for uri in [
        format!("pkcs11:token=dev?module-path=/nonexistent/module.so&pin-value={encoded}"),
        format!("pkcs11:token=dev?pin-value={encoded}&pin-value={encoded}"),
        format!("pkcs11:token=dev?pin-value={encoded}&pin-source=/pin"),
        format!("pkcs11:pin-value={encoded}"),
        format!("pkcs11:token=dev?module-path=relative&pin-value={encoded}"),
    ] {
        screen.outcome(Pkcs11::from_uri(&uri));
        screen.outcome(Pkcs11::open(&uri));
    }
}

/// All requests that a key fits, made, shown and run, and then with damaged inputs.
fn requests(screen: &mut Screen, canary: &Canary, others: &Others) {
    let software = Software::ephemeral().unwrap();
    let mac = OpSet::SIGN_VERIFY;
    for ops in [None, Some(mac)] {
        // No MAC key is as short as the shortest AES keys.
        if canary.jwk.spec_for(ops).is_err() {
            continue;
        }
        let new = new_key(canary, ops);
        let handle = software.import(&canary.jwk, &new).unwrap();
        let plaintext = others.plaintext.as_slice();
        for alg in SignAlg::ALL {
            match SignRequest::for_message(&handle, *alg, &others.message) {
                Ok(request) => {
                    screen.debug(&request);
                    let signature = software.sign(&request).unwrap();
                    signing(screen, &handle, *alg, &software, &signature, others);
                }
                Err(error) => screen.error(&error),
            }
        }
        for alg in EncryptAlg::ALL {
            let iv = [5; 16];
            for params in [
                EncryptParams::none(),
                EncryptParams::none().with_iv(&iv),
                EncryptParams::none().with_aad(plaintext),
            ] {
                screen.debug(&params);
                let request = match EncryptRequest::new(&handle, *alg, plaintext, params) {
                    Ok(request) => request,
                    Err(error) => {
                        screen.error(&error);
                        continue;
                    }
                };
                screen.debug(&request);
                match software.encrypt(&request) {
                    Ok(sealed) => decrypting(screen, &handle, *alg, &software, &sealed),
                    Err(error) => screen.error(&error),
                }
            }
            let mut buffer = plaintext.to_vec();
            match EncryptInPlaceRequest::new(&handle, *alg, &mut buffer, plaintext) {
                Ok(mut request) => {
                    screen.debug(&request);
                    screen.outcome(software.encrypt_in_place(&mut request));
                }
                Err(error) => screen.error(&error),
            }
            let params = DecryptParams::none().with_iv(&iv[..12]).with_tag(&iv);
            match DecryptInPlaceRequest::new(&handle, *alg, &mut buffer, params) {
                Ok(mut request) => {
                    screen.debug(&request);
                    screen.outcome(software.decrypt_in_place(&mut request));
                }
                Err(error) => screen.error(&error),
            }
        }
        for alg in WrapAlg::ALL {
            match WrapRequest::new(&handle, *alg, plaintext) {
                Ok(request) => {
                    screen.debug(&request);
                    let wrapped = software.wrap_key(&request).unwrap();
                    for damaged in std::iter::once(wrapped.clone()).chain(damages(&wrapped, 6)) {
                        match UnwrapRequest::new(&handle, *alg, &damaged) {
                            Ok(request) => {
                                screen.debug(&request);
                                screen.outcome(software.unwrap_key(&request));
                            }
                            Err(error) => screen.error(&error),
                        }
                    }
                }
                Err(error) => screen.error(&error),
            }
        }
    }
}

fn signing(
    screen: &mut Screen,
    handle: &KeyHandle,
    alg: SignAlg,
    software: &Software,
    signature: &Signature,
    others: &Others,
) {
    screen.debug(signature);
    let digest = alg.row().hash.hash(&others.message);
    screen.debug(&digest);
    screen.debug(&digest.as_digest());
    let mut secret_mac = Detector::default();
    secret_mac.add("signature", signature.as_bytes());
    let verify = VerifyRequest::for_message(handle, alg, &others.message, signature.as_bytes());
    let verify = verify.unwrap();
    let item = VerifyItem {
        alg,
        input: SignInput::Message(&others.message),
        signature: signature.as_bytes(),
    };
    // A MAC is what somebody else may have to guess.
    for text in [
        format!("{signature:?}"),
        format!("{verify:?}"),
        format!("{verify:#?}"),
        format!("{item:?}"),
    ] {
        assert_eq!(secret_mac.find(&text), None, "{text}");
    }
    screen.debug(&verify);
    screen.debug(&item);
    for damaged in damages(signature.as_bytes(), 5) {
        let verify = VerifyRequest::for_message(handle, alg, &others.message, &damaged);
        screen.outcome(software.verify(&verify.unwrap()));
    }
}

fn decrypting(
    screen: &mut Screen,
    handle: &KeyHandle,
    alg: EncryptAlg,
    software: &Software,
    sealed: &Ciphertext,
) {
    screen.debug(sealed);
    screen.debug(&sealed.params());
    let good = sealed.as_bytes().to_vec();
    for bytes in std::iter::once(good.clone()).chain(damages(&good, 6)) {
        match DecryptRequest::new(handle, alg, &bytes, sealed.params()) {
            Ok(request) => {
                screen.debug(&request);
                screen.outcome(software.decrypt(&request));
            }
            Err(error) => screen.error(&error),
        }
    }
}

/// A full run on the record.
fn vaults(screen: &mut Screen, canaries: &[Canary], others: &Others) {
    let audit = Arc::new(MemoryAudit::new(100_000));
    let store = Arc::new(MemoryStore::new());
    let software = Software::new(SealingKey::from_bytes(others.sealing)).unwrap();
    let builder = Vault::builder()
        .host("vault.example")
        .provider(Arc::new(software))
        .store(store.clone())
        .audit(audit.clone())
        .legacy(LegacyPolicy::allow_all());
    screen.debug(&builder);
    let vault = builder.build().unwrap();
    for canary in canaries {
        for (suffix, ops) in [("", None), ("-mac", Some(OpSet::SIGN_VERIFY))] {
            let name = format!("{}{suffix}", canary.name.replace(' ', "-"));
            let options = match ops {
                Some(ops) => KeyOptions::new().ops(ops),
                None => KeyOptions::new(),
            };
            screen.debug(&options);
            match vault.import(&name, &canary.jwk, &options) {
                Ok(key) => uses(screen, &vault, &key, others),
                Err(error) => screen.error(&error),
            }
        }
    }
    let disabled = KeyOptions::new().enabled(false);
    let disabled = vault
        .import("disabled", &canaries[1].jwk, &disabled)
        .unwrap();
    uses(screen, &vault, &disabled, others);
    screen.outcome(vault.get("no-such-key", &"0".repeat(32)));
    screen.outcome(vault.list(None, None));
    for item in vault.list(None, None).unwrap().items {
        screen.debug(&item);
        let versions = vault.versions(&item.name.to_string(), None, None).unwrap();
        screen.debug(&versions);
        versions.items.iter().for_each(|item| screen.debug(item));
    }
    screen.debug(&vault);
    screen.debug(&store);
    screen.debug(&*store);
    for (key, record) in store.scan("", None, 1000).unwrap() {
        screen.debug(&record);
        screen.debug(&Change::insert(key, others.plaintext.clone()));
    }
    let domain = BackupKey::from_bytes([0xB5; 32]);
    screen.debug(&domain);
    screen.outcome(vault.backup("disabled", &domain));
    let backup = vault.backup("disabled", &domain).unwrap();
    screen.outcome(vault.restore(&backup.blob, &domain));
    screen.outcome(vault.restore(&backup.blob[1..], &domain));
    screen.outcome(vault.delete("disabled"));
    screen.outcome(vault.list_deleted(None, None));
    screen.outcome(vault.recover("disabled"));
    screen.outcome(vault.purge("disabled"));
    screen.outcome(vault.settle());
    screen.debug(&*audit);
    let events = audit.events();
    assert!(events.len() > 500, "{} events", events.len());
    for event in events {
        screen.debug(&event);
        screen.display(&event.action);
        screen.display(&event.target);
        screen.debug(&event.outcome);
    }
}

fn uses(screen: &mut Screen, vault: &Vault, key: &Key, others: &Others) {
    let (plaintext, message) = (others.plaintext.as_slice(), others.message.as_slice());
    screen.debug(key);
    screen.display(key.name());
    let id = key.id().unwrap();
    screen.display(&id);
    screen.display(&id.version());
    screen.display(vault.host());
    screen.outcome(key.attributes());
    screen.outcome(key.tags());
    screen.outcome(key.jwk());
    for alg in SignAlg::ALL {
        let input = SignInput::Message(message);
        screen.debug(&input);
        screen.debug(&SignItem { alg: *alg, input });
        let signed = key.sign(*alg, message);
        if let Ok(signed) = &signed {
            screen.outcome(key.verify(*alg, message, signed.value.as_bytes()));
            screen.outcome(key.verify(*alg, plaintext, signed.value.as_bytes()));
        }
        screen.outcome(signed);
    }
    for alg in EncryptAlg::ALL {
        let iv = [6; 16];
        for params in [EncryptParams::none(), EncryptParams::none().with_iv(&iv)] {
            let sealed = key.encrypt(*alg, plaintext, params);
            if let Ok(sealed) = &sealed {
                let params = sealed.value.params();
                screen.outcome(key.decrypt(*alg, sealed.value.as_bytes(), params));
                let mut damaged = sealed.value.as_bytes().to_vec();
                damaged[0] ^= 1;
                screen.outcome(key.decrypt(*alg, &damaged, params));
            }
            screen.outcome(sealed);
        }
        let mut buffer = plaintext.to_vec();
        screen.outcome(key.encrypt_in_place(*alg, &mut buffer, message));
    }
    for alg in WrapAlg::ALL {
        let wrapped = key.wrap_key(*alg, plaintext);
        if let Ok(wrapped) = &wrapped {
            screen.outcome(key.unwrap_key(*alg, &wrapped.value));
            screen.outcome(key.unwrap_key(*alg, &wrapped.value[1..]));
        }
        screen.outcome(wrapped);
    }
    let update = KeyUpdate::new().ops(key.ops().unwrap());
    screen.debug(&update);
    let version = id.version().to_string();
    screen.outcome(vault.update(&key.name().to_string(), &version, &update));
}

// ---------------------------------------------------------------------------
// The list against the sources

#[test]
fn every_public_type_is_in_the_list() {
    let mut found = BTreeMap::new();
    public_types(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    assert!(found.len() > 60, "only {} public types found", found.len());
    let listed: BTreeSet<&str> = TYPES.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed.len(), TYPES.len(), "a type is listed twice");
    let missing: Vec<_> = found
        .iter()
        .filter(|(name, _)| !listed.contains(name.as_str()))
        .map(|(name, file)| format!("{name} ({file})"))
        .collect();
    assert!(
        missing.is_empty(),
        "public types that TYPES does not have; show them, or say why they hold no secret: {missing:?}"
    );
    let gone: Vec<_> = listed
        .iter()
        .filter(|name| !found.contains_key(**name))
        .collect();
    assert!(
        gone.is_empty(),
        "types in TYPES that src/ does not have: {gone:?}"
    );
}

/// The names behind `pub struct`, `pub enum` and `pub union`, outside of test modules.
fn public_types(dir: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            public_types(&path, found);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for line in text.lines().map(str::trim_start) {
            let kinds = ["pub struct ", "pub enum ", "pub union "];
            if let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = rest[..end.unwrap_or(rest.len())].to_owned();
                found.insert(name, path.display().to_string());
            }
        }
    }
}

#[test]
fn cryptographic_failures_have_no_source() {
    for kind in [ErrorKind::BadSignature, ErrorKind::DecryptFailed] {
        let secret = String::from_utf8(Others::new().password).unwrap();
        let error = Error::with_source(kind, secret);
        assert!(error.source().is_none());
    }
}
