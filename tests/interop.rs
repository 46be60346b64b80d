//! Another implementation's opinion, both ways: what it makes is read here, and what is
//! made here is read there.
//!
//! The peer is `tests/interop/peer.py` over OpenSSL and jwcrypto. Keys, messages and
//! lengths are random; the seed of what is ours is printed, and `STRONGROOM_SEED` sets
//! it. The peer's own keys come from no seed: a failing test prints their public parts.
//!
//! `STRONGROOM_PYTHON` names the interpreter, else `python3` is tried. Where neither has
//! the packages of `tests/interop/requirements.txt` the tests are skipped, and say so,
//! unless `STRONGROOM_REQUIRE_PEERS=1`: then they fail.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use common::{
    Object, adopt_public, b64u, flipped, fresh_name, import, import_hmac, invalid, refusal,
    to_b64u, vault,
};
use serde_json::{Value, json};
use strongroom::alg::{EncryptScheme, KeyOp, SignScheme, TransferAlg, WrapScheme};
use strongroom::encoding::{ByokBlob, PasswordKdf, TransferKind};
use strongroom::jwk::{CurveNames, Jwk, SecretJwk};
use strongroom::public::wrap_for_import;
use strongroom::vault::{Key, KeyOptions, Vault};
use strongroom::{
    Curve, DecryptParams, Digest, EncryptAlg, EncryptParams, ErrorKind, KeySpec, OpSet, Rule,
    SignAlg, WrapAlg,
};

// --- The peer --------------------------------------------------------------------------

/// A running peer. It ends when its input does, that is when this is dropped.
struct Peer {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The interpreter, if one has the packages.
fn python() -> Option<String> {
    static PYTHON: LazyLock<Option<String>> = LazyLock::new(|| {
        let named = env::var("STRONGROOM_PYTHON").ok();
        let required = env::var("STRONGROOM_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        let python = named.clone().unwrap_or_else(|| "python3".to_owned());
        let probe = Command::new(&python)
            .args(["-c", "import cryptography, jwcrypto"])
            .stderr(Stdio::null())
            .status();
        if probe.is_ok_and(|status| status.success()) {
            return Some(python);
        }
        assert!(
            !required && named.is_none(),
            "{python} does not run or lacks the packages of tests/interop/requirements.txt"
        );
        None
    });
    PYTHON.clone()
}

impl Peer {
    fn start(python: &str) -> Peer {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Peer {
            requests: child.stdin.take(),
            answers,
            child,
        }
    }

    /// The whole answer, `ok` or not.
    fn ask(&mut self, request: &Value) -> Object {
        let requests = self.requests.as_mut().expect("its input");
        writeln!(requests, "{request}").expect("the request is sent");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        Object(serde_json::from_str(&line).expect("the answer is JSON"))
    }

    /// The answer to a request that can be answered.
    fn answer(&mut self, request: &Value) -> Object {
        let answer = self.ask(request);
        let refused = || panic!("{}: {}", request["do"], answer.text("error"));
        assert!(answer.bool("ok") || refused());
        answer
    }

    /// Whether a request is refused, as a decryption that fails.
    fn refuses(&mut self, request: &Value) -> bool {
        !self.ask(request).bool("ok")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

// --- One test's surroundings -------------------------------------------------------------

/// SplitMix64: for messages and lengths, and for keys that protect nothing.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `most`.
    fn up_to(&mut self, most: usize) -> usize {
        let bound = u64::try_from(most).unwrap() + 1;
        usize::try_from(self.next() % bound).unwrap()
    }

    fn octets(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// Of a random length up to `most`; the ends of the range are likelier than others.
    fn message(&mut self, most: usize) -> Vec<u8> {
        let len = match self.up_to(7) {
            0 => 0,
            1 => most,
            _ => self.up_to(most),
        };
        self.octets(len)
    }
}

/// A peer, a vault, randomness, and what to print if the test fails.
struct Bench {
    peer: Peer,
    vault: Vault,
    random: Random,
    seed: u64,
    doing: RefCell<String>,
}

impl Bench {
    /// `None`, aloud, without a peer. `test` makes each test's stream of its own.
    fn set_up(test: &str) -> Option<Bench> {
        let Some(python) = python() else {
            // Past the test harness, which shows what is printed by failed tests alone.
            let said = writeln!(
                std::io::stderr(),
                "SKIPPED: {test}: no Python with `cryptography` and `jwcrypto`; \
                 see tests/interop/requirements.txt and STRONGROOM_PYTHON"
            );
            said.expect("standard error");
            return None;
        };
        static SEED: LazyLock<u64> = LazyLock::new(|| match env::var("STRONGROOM_SEED") {
            Ok(seed) => seed.parse().expect("STRONGROOM_SEED is a number"),
            Err(_) => getrandom::u64().expect("a seed"),
        });
        let mix = |seed: u64, byte: u8| seed.rotate_left(5) ^ u64::from(byte);
        let mut peer = Peer::start(&python);
        let versions = peer.answer(&json!({"do": "versions"}));
        println!("STRONGROOM_SEED={} with {}", *SEED, versions.0);
        Some(Bench {
            peer,
            vault: vault(),
            random: Random(test.bytes().fold(*SEED, mix)),
            seed: *SEED,
            doing: RefCell::default(),
        })
    }

    /// Notes what is tried, and with which key: its public half, or that it is symmetric
    /// (then it follows from the seed).
    fn note(&self, what: &str, key: &SecretJwk) {
        *self.doing.borrow_mut() = format!("{what} with {}", key.public().to_json());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let doing = self.doing.borrow();
            println!("STRONGROOM_SEED={}: failed at {doing}", self.seed);
        }
    }
}

// --- Keys ------------------------------------------------------------------------------

/// The formats of an RSA and of an EC private key, and of every public half.
const OF_RSA: &[&str] = &[
    "pkcs1-der",
    "pkcs1-pem",
    "pkcs1-public-der",
    "pkcs1-public-pem",
];
const OF_EC: &[&str] = &["sec1-der", "sec1-pem"];
const OF_BOTH: &[&str] = &[
    "jwk",
    "pkcs8-der",
    "pkcs8-pem",
    "pkcs8-enc-der",
    "pkcs8-enc-pem",
    "spki-der",
    "spki-pem",
];
const PASSWORD: &str = "correct horse battery staple, \u{fc}ber alles";

fn formats(spec: KeySpec) -> Vec<&'static str> {
    let own = match spec {
        KeySpec::Rsa { .. } => OF_RSA,
        KeySpec::Ec(_) => OF_EC,
        _ => return vec!["jwk"],
    };
    OF_BOTH.iter().chain(own).copied().collect()
}

/// What the peer calls this kind of key.
fn peer_spec(spec: KeySpec) -> String {
    match spec {
        KeySpec::Aes { bits } | KeySpec::Hmac { bits } => format!("oct-{bits}"),
        _ => spec.name().to_owned(),
    }
}

/// Private keys made by the peer, each with all its formats. RSA ones are made once for
/// all tests, because that takes a second.
fn made_there(bench: &mut Bench, spec: KeySpec) -> (SecretJwk, Object) {
    static RSA: Mutex<Vec<(KeySpec, Object)>> = Mutex::new(Vec::new());
    let mut kept = RSA.lock().expect("no test failed here");
    let found = kept.iter().find(|(kept, _)| *kept == spec);
    let made = found.map(|(_, made)| made.clone()).unwrap_or_else(|| {
        bench.peer.answer(&json!({
            "do": "generate", "spec": peer_spec(spec),
            "formats": formats(spec), "password": PASSWORD,
        }))
    });
    if matches!(spec, KeySpec::Rsa { .. }) && !kept.iter().any(|(kept, _)| *kept == spec) {
        kept.push((spec, made.clone()));
    }
    let jwk = made.object("jwk");
    let key = SecretJwk::from_json(jwk.json().as_bytes());
    (key.expect("the peer's JWK is read"), made)
}

/// A private key that is made here: RSA by the peer alone.
fn made_here(bench: &mut Bench, spec: KeySpec) -> SecretJwk {
    match spec {
        KeySpec::Rsa { .. } => made_there(bench, spec).0,
        KeySpec::Ec(curve) => loop {
            let mut d = bench.random.octets(curve.field_len());
            if curve == Curve::P521 {
                d[0] &= 1;
            }
            if bench.random.up_to(3) == 0 {
                // Leading zeros: where widths go wrong.
                d[..2].fill(0);
            }
            if let Ok(key) = SecretJwk::from_ec_scalar(curve, &d) {
                return key;
            }
        },
        spec => SecretJwk::from_oct(&bench.random.octets(spec.byte_len())).expect("a key"),
    }
}

/// Imports a key as this kind: a symmetric JWK does not tell what it is for.
fn import_as(bench: &Bench, key: &SecretJwk, spec: KeySpec) -> Key {
    let key = if let KeySpec::Hmac { .. } = spec {
        let k = b64u(Object(private_jwk(key)).text("k"));
        import_hmac(&bench.vault, &k)
    } else {
        import(&bench.vault, key)
    };
    assert_eq!(key.spec().unwrap(), spec);
    key
}

/// A private key as the peer takes it: in DER if there is one, because it checks an RSA
/// key once then, and three times in a JWK.
fn wire(key: &SecretJwk) -> Value {
    match key.to_pkcs8_der_exposing_secret() {
        Ok(der) => json!({"format": "pkcs8-der", "data": to_b64u(der.expose())}),
        Err(_) => json!({"format": "jwk", "data": private_jwk(key)}),
    }
}

fn private_jwk(key: &SecretJwk) -> Value {
    serde_json::from_slice(key.to_json_exposing_secret().expose()).unwrap()
}

/// A public key as the peer takes it.
fn public_wire(key: &Jwk) -> Value {
    let jwk: Value = serde_json::from_str(&key.to_json()).unwrap();
    json!({"format": "jwk", "data": jwk})
}

/// The half of the key that checks and encrypts, as the peer takes it.
fn checking_half(key: &SecretJwk, spec: KeySpec) -> Value {
    if spec.is_symmetric() {
        return wire(key);
    }
    public_wire(key.public())
}

/// The octets of a format, in text or base64url.
fn raw(format: &str, data: &Value) -> Vec<u8> {
    match data {
        Value::String(text) if format.ends_with("-pem") => text.as_bytes().to_vec(),
        Value::String(text) => b64u(text),
        jwk => jwk.to_string().into_bytes(),
    }
}

enum Read {
    Private(SecretJwk),
    Public(Jwk),
}

/// Reads a key of the peer in this format.
fn read(format: &str, octets: &[u8]) -> Read {
    let password = PASSWORD.as_bytes();
    let private = match format {
        "jwk" => SecretJwk::from_json(octets),
        "pkcs8-der" => SecretJwk::from_pkcs8_der(octets),
        "pkcs8-enc-der" => SecretJwk::from_encrypted_pkcs8_der(octets, password),
        "pkcs8-enc-pem" => SecretJwk::from_encrypted_pem(octets, password),
        "sec1-der" => SecretJwk::from_sec1_der(octets),
        "pkcs1-der" => SecretJwk::from_pkcs1_der(octets),
        "pkcs8-pem" | "sec1-pem" | "pkcs1-pem" => SecretJwk::from_pem(octets),
        _ => {
            let public = match format {
                "spki-der" => Jwk::from_spki_der(octets),
                "pkcs1-public-der" => Jwk::from_pkcs1_der(octets),
                "spki-pem" | "pkcs1-public-pem" => Jwk::from_pem(octets),
                other => panic!("{other}"),
            };
            return Read::Public(public.expect(format));
        }
    };
    Read::Private(private.expect(format))
}

/// Writes a key in this format.
fn write(format: &str, key: &SecretJwk, kdf: PasswordKdf) -> Vec<u8> {
    let (public, password) = (key.public(), PASSWORD.as_bytes());
    let text = |text: Result<String, _>| text.map(String::into_bytes);
    let secret = match format {
        "jwk" => Ok(key.to_json_exposing_secret()),
        "pkcs8-der" => key.to_pkcs8_der_exposing_secret(),
        "pkcs8-pem" => key.to_pkcs8_pem_exposing_secret(),
        "sec1-der" => key.to_sec1_der_exposing_secret(),
        "sec1-pem" => key.to_sec1_pem_exposing_secret(),
        "pkcs1-der" => key.to_pkcs1_der_exposing_secret(),
        "pkcs1-pem" => key.to_pkcs1_pem_exposing_secret(),
        _ => {
            let written = match format {
                "pkcs8-enc-der" => key.to_encrypted_pkcs8_der(password, kdf),
                "pkcs8-enc-pem" => text(key.to_encrypted_pkcs8_pem(password, kdf)),
                "spki-der" => public.to_spki_der(),
                "spki-pem" => text(public.to_spki_pem()),
                "pkcs1-public-der" => public.to_pkcs1_der(),
                "pkcs1-public-pem" => text(public.to_pkcs1_pem()),
                other => panic!("{other}"),
            };
            return written.expect(format);
        }
    };
    secret.expect(format).expose().to_vec()
}

/// Octets as the peer takes them in this format.
fn data(format: &str, octets: &[u8]) -> Value {
    if format == "jwk" {
        serde_json::from_slice(octets).unwrap()
    } else if format.ends_with("-pem") {
        str::from_utf8(octets).unwrap().into()
    } else {
        to_b64u(octets).into()
    }
}

// --- The tests: keys -----------------------------------------------------------------------

#[test]
fn keys_made_there_are_read_here() {
    let Some(mut bench) = Bench::set_up("keys_made_there_are_read_here") else {
        return;
    };
    let mut count = 0;
    for spec in KeySpec::ALL.iter().copied() {
        let (key, made) = made_there(&mut bench, spec);
        bench.note("reading", &key);
        import_as(&bench, &key, spec);
        for format in formats(spec) {
            let octets = raw(format, made.object("keys").get(format));
            match read(format, &octets) {
                Read::Private(same) => assert!(same == key, "{format} is another key"),
                Read::Public(same) => assert_eq!(&same, key.public(), "{format}"),
            }
            // There is one way to write each of them, but for salts and JSON.
            if !format.contains("-enc-") && format != "jwk" {
                let ours = write(format, &key, PasswordKdf::default());
                assert!(ours == octets, "{format} is written in another way there");
            }
            count += 1;
        }
        // Under a wrong password nothing opens, and nothing but an error comes out.
        if !spec.is_symmetric() {
            let der = raw("pkcs8-enc-der", made.object("keys").get("pkcs8-enc-der"));
            let wrong = SecretJwk::from_encrypted_pkcs8_der(&der, b"wrong");
            let (field, rule) = invalid(wrong);
            assert_eq!((field, rule), ("password", Rule::Password));
        }
    }
    println!("{count} keys made there and read here");
    assert_eq!(count, 3 * (7 + 4) + 4 * (7 + 2) + 6);
}

#[test]
fn keys_made_here_are_read_there() {
    let Some(mut bench) = Bench::set_up("keys_made_here_are_read_there") else {
        return;
    };
    let mut count = 0;
    for spec in KeySpec::ALL.iter().copied() {
        let key = made_here(&mut bench, spec);
        bench.note("writing", &key);
        let whole = private_jwk(&key);
        let half = (!spec.is_symmetric()).then(|| public_wire(key.public())["data"].clone());
        for format in formats(spec) {
            let kdfs = match format.contains("-enc-") {
                true => &[PasswordKdf::Scrypt, PasswordKdf::Pbkdf2][..],
                false => &[PasswordKdf::Scrypt],
            };
            for kdf in kdfs {
                let octets = write(format, &key, *kdf);
                let answer = bench.peer.answer(&json!({
                    "do": "convert", "formats": [],
                    "key": {
                        "format": format, "data": data(format, &octets), "password": PASSWORD,
                    },
                }));
                let public = format.starts_with("spki") || format.contains("public");
                let expected = if public {
                    half.as_ref().unwrap()
                } else {
                    &whole
                };
                assert!(
                    answer.get("jwk") == expected,
                    "{format} is another key there"
                );
                count += 1;
            }
        }
    }
    // Keys that the vault made: their public halves are valid to others.
    let specs = [KeySpec::Rsa { bits: 2048 }];
    let curves = Curve::ALL.iter().map(|curve| KeySpec::Ec(*curve));
    for spec in specs.into_iter().chain(curves) {
        let made = bench.vault.create(&fresh_name(), spec, &KeyOptions::new());
        let public = Jwk::new(made.unwrap().jwk().unwrap().key().clone());
        let spki = data("spki-der", &public.to_spki_der().unwrap());
        for key in [
            public_wire(&public),
            json!({"format": "spki-der", "data": spki}),
        ] {
            let request = json!({"do": "convert", "formats": ["spki-der"], "key": key});
            let answer = bench.peer.answer(&request);
            assert_eq!(*answer.get("jwk"), public_wire(&public)["data"]);
            assert_eq!(*answer.object("keys").get("spki-der"), spki);
            count += 1;
        }
    }
    println!("{count} keys made here and read there");
    assert_eq!(count, 3 * (7 + 2 + 4) + 4 * (7 + 2 + 2) + 6 + 10);
}

#[test]
fn thumbprints_agree() {
    let Some(mut bench) = Bench::set_up("thumbprints_agree") else {
        return;
    };
    let mut count = 0;
    for spec in KeySpec::ALL.iter().copied() {
        for _ in 0..3 {
            let key = made_here(&mut bench, spec);
            bench.note("thumbprint", &key);
            // The name is hashed as it is spelled there, and here as it is registered.
            let text = key.to_json_exposing_secret_with(CurveNames::Rfc);
            let jwk: Value = serde_json::from_slice(text.expose()).unwrap();
            let answer = bench.peer.answer(&json!({
                "do": "thumbprint", "key": {"format": "jwk", "data": jwk},
            }));
            assert_eq!(
                answer.text("thumbprint"),
                key.thumbprint().unwrap().to_string()
            );
            if !spec.is_symmetric() {
                let public = key.public().thumbprint().unwrap();
                assert_eq!(answer.text("thumbprint"), public.to_string());
            }
            count += 1;
        }
    }
    println!("{count} thumbprints agree");
}

// --- The tests: operations -------------------------------------------------------------------

/// How many random inputs each pair of algorithm and key gets; a private RSA operation
/// takes a while.
fn rounds(spec: KeySpec) -> usize {
    match spec {
        KeySpec::Rsa { bits: 2048 } => 3,
        KeySpec::Rsa { bits: 3072 } => 2,
        KeySpec::Rsa { .. } => 1,
        _ => 6,
    }
}

#[test]
fn signatures_both_ways() {
    let Some(mut bench) = Bench::set_up("signatures_both_ways") else {
        return;
    };
    let (mut count, mut seen) = (0, BTreeSet::new());
    for spec in KeySpec::ALL.iter().copied() {
        let secret = made_here(&mut bench, spec);
        let key = import_as(&bench, &secret, spec);
        let (whole, half) = (wire(&secret), checking_half(&secret, spec));
        for alg in SignAlg::ALL.iter().copied().filter(|alg| alg.fits(spec)) {
            bench.note(&format!("{alg}"), &secret);
            for _ in 0..rounds(spec) {
                let message = bench.random.message(300);
                sign_both_ways(&mut bench, alg, &key, (&whole, &half), &message);
                count += 1;
            }
            if !spec.is_symmetric() {
                // Whoever has the public half alone verifies the same.
                let message = bench.random.message(300);
                let signature = key.sign(alg, &message).unwrap().value;
                let public = adopt_public(&bench.vault, secret.public());
                let verified = public.verify(alg, &message, signature.as_bytes());
                verified.expect("with the public half");
            }
            seen.insert(alg);
        }
    }
    println!(
        "{count} messages signed both ways with {} algorithms",
        seen.len()
    );
    assert_eq!(seen.len(), SignAlg::ALL.len());
}

fn sign_both_ways(
    bench: &mut Bench,
    alg: SignAlg,
    key: &Key,
    (whole, half): (&Value, &Value),
    message: &[u8],
) {
    let row = alg.row();
    let (name, hmac) = (row.name, row.scheme == SignScheme::Hmac);
    let digest = row.hash.hash(message);
    let digest = Digest::new(row.hash, digest.as_bytes()).unwrap();
    // What the peer is to take for the message: over a digest HS* authenticates its octets.
    let as_message = json!({"message": to_b64u(message)});
    let as_digest = match hmac {
        true => json!({"message": to_b64u(digest.as_bytes())}),
        false => json!({"digest": to_b64u(digest.as_bytes())}),
    };
    let by_message = key.sign(alg, message).expect("signed").value;
    let by_digest = key.sign_digest(alg, digest).expect("signed").value;
    for (signed, signature) in [(&as_message, &by_message), (&as_digest, &by_digest)] {
        let signature = signature.as_bytes();
        for (octets, valid) in [
            (signature.to_vec(), true),
            (flipped(signature, bench.random.up_to(1000)), false),
        ] {
            let request = json!({
                "do": "verify", "alg": name, "key": half, "signature": to_b64u(&octets),
            });
            let answer = bench.peer.answer(&with(request, signed));
            assert_eq!(answer.bool("valid"), valid, "ours, there, {signed}");
        }
    }
    for (signed, digested) in [(&as_message, false), (&as_digest, true)] {
        let request = with(json!({"do": "sign", "alg": name, "key": whole}), signed);
        let signature = bench.peer.answer(&request).octets_of("signature");
        let verify = |signature: &[u8]| match digested {
            true => key.verify_digest(alg, digest, signature),
            false => key.verify(alg, message, signature),
        };
        verify(&signature).expect("theirs, here");
        let altered = flipped(&signature, bench.random.up_to(1000));
        assert_eq!(refusal(verify(&altered)), ErrorKind::BadSignature);
        // Both of these have one signature for each message.
        if hmac || row.scheme == SignScheme::Pkcs1v15 {
            let ours = if digested { &by_digest } else { &by_message };
            assert_eq!(ours.as_bytes(), signature);
        }
    }
}

/// The members of both.
fn with(mut request: Value, more: &Value) -> Value {
    let request_members = request.as_object_mut().unwrap();
    request_members.extend(more.as_object().unwrap().clone());
    request
}

impl Object {
    /// The peer's octets are base64url under the plain name.
    fn octets_of(&self, member: &str) -> Vec<u8> {
        b64u(self.text(member))
    }
}

#[test]
fn encryption_both_ways() {
    let Some(mut bench) = Bench::set_up("encryption_both_ways") else {
        return;
    };
    let (mut count, mut seen) = (0, BTreeSet::new());
    for spec in KeySpec::ALL.iter().copied() {
        let secret = made_here(&mut bench, spec);
        let key = import_as(&bench, &secret, spec);
        for alg in EncryptAlg::ALL.iter().copied().filter(|alg| alg.fits(spec)) {
            bench.note(&format!("{alg}"), &secret);
            for _ in 0..rounds(spec) {
                let most = match alg.row().scheme {
                    EncryptScheme::Oaep(hash) => spec.byte_len() - 2 * hash.len() - 2,
                    EncryptScheme::Pkcs1v15 => spec.byte_len() - 11,
                    _ => 300,
                };
                let plaintext = bench.random.message(most);
                encrypt_both_ways(&mut bench, alg, &key, &secret, &plaintext);
                count += 1;
            }
            seen.insert(alg);
        }
    }
    println!(
        "{count} texts encrypted both ways with {} algorithms",
        seen.len()
    );
    assert_eq!(seen.len(), EncryptAlg::ALL.len());
}

fn encrypt_both_ways(
    bench: &mut Bench,
    alg: EncryptAlg,
    key: &Key,
    secret: &SecretJwk,
    plaintext: &[u8],
) {
    let (row, spec) = (alg.row(), key.spec().unwrap());
    let (whole, half) = (wire(secret), checking_half(secret, spec));
    let zero_filled = matches!(row.scheme, EncryptScheme::Cbc(_));
    let gcm = matches!(row.scheme, EncryptScheme::Gcm(_));
    let cbc = zero_filled || matches!(row.scheme, EncryptScheme::CbcPad(_));
    let mut expected = plaintext.to_vec();
    if zero_filled {
        // Nothing to encrypt is refused here, and an empty ciphertext there.
        if plaintext.is_empty() {
            let iv = [0; 16];
            let params = EncryptParams::none().with_iv(&iv);
            let refused = key.encrypt(alg, plaintext, params);
            assert_eq!(invalid(refused), ("plaintext", Rule::Empty));
            return;
        }
        // The zeros that fill the last block stay, on both sides.
        expected.resize(plaintext.len().next_multiple_of(16), 0);
    }
    let (iv, aad) = (bench.random.octets(16), bench.random.message(40));

    // Ours, there.
    let mut params = EncryptParams::none();
    if cbc {
        params = params.with_iv(&iv);
    }
    if gcm {
        params = params.with_aad(&aad);
    }
    let ours = key
        .encrypt(alg, plaintext, params)
        .expect("encrypted")
        .value;
    let mut request = json!({
        "do": "decrypt", "alg": row.name, "key": whole, "ciphertext": to_b64u(ours.as_bytes()),
    });
    for (member, octets) in [("iv", ours.iv()), ("tag", ours.tag())] {
        if let Some(octets) = octets {
            request[member] = to_b64u(octets).into();
        }
    }
    if gcm {
        request["aad"] = to_b64u(&aad).into();
    }
    let opened = bench.peer.answer(&request).octets_of("plaintext");
    assert!(opened == expected, "ours, there");
    if gcm {
        let altered = flipped(ours.tag().unwrap(), bench.random.up_to(1000));
        request["tag"] = to_b64u(&altered).into();
        assert!(bench.peer.refuses(&request), "an altered tag, there");
    }

    // Theirs, here.
    let mut request = json!({
        "do": "encrypt", "alg": row.name, "key": half, "plaintext": to_b64u(plaintext),
    });
    if cbc {
        request["iv"] = to_b64u(&iv).into();
    }
    if gcm {
        request["aad"] = to_b64u(&aad).into();
    }
    let answer = bench.peer.answer(&request);
    let ciphertext = answer.octets_of("ciphertext");
    let (iv, tag) = match (cbc, gcm) {
        (false, false) => (None, None),
        (true, _) => (Some(answer.octets_of("iv")), None),
        (_, true) => (Some(answer.octets_of("iv")), Some(answer.octets_of("tag"))),
    };
    let mut params = DecryptParams::none();
    if let Some(iv) = &iv {
        params = params.with_iv(iv);
    }
    if let Some(tag) = &tag {
        params = params.with_tag(tag).with_aad(&aad);
    }
    let opened = key.decrypt(alg, &ciphertext, params).expect("theirs, here");
    assert!(opened.value.expose() == expected, "theirs, here");
    if cbc {
        assert_eq!(
            ours.as_bytes(),
            ciphertext,
            "the same IV, the same ciphertext"
        );
    }
    if let Some(tag) = &tag {
        let altered = flipped(tag, bench.random.up_to(1000));
        let refused = key.decrypt(alg, &ciphertext, params.with_tag(&altered));
        assert_eq!(refusal(refused), ErrorKind::DecryptFailed);
        let mut buffer = plaintext.to_vec();
        let sealed = key.encrypt_in_place(alg, &mut buffer, &aad).unwrap().value;
        let opened = bench.peer.answer(&json!({
            "do": "decrypt", "alg": row.name, "key": whole, "ciphertext": to_b64u(&buffer),
            "iv": to_b64u(&sealed.iv), "tag": to_b64u(&sealed.tag), "aad": to_b64u(&aad),
        }));
        assert!(
            opened.octets_of("plaintext") == plaintext,
            "in place, there"
        );
    }
    if matches!(row.scheme, EncryptScheme::Oaep(_)) {
        let altered = flipped(&ciphertext, 8 * bench.random.up_to(1000));
        let refused = key.decrypt(alg, &altered, DecryptParams::none());
        assert_eq!(refusal(refused), ErrorKind::DecryptFailed);
    }
}

#[test]
fn wrapping_both_ways() {
    let Some(mut bench) = Bench::set_up("wrapping_both_ways") else {
        return;
    };
    let (mut count, mut seen) = (0, BTreeSet::new());
    for spec in KeySpec::ALL.iter().copied() {
        let secret = made_here(&mut bench, spec);
        let key = import_as(&bench, &secret, spec);
        let (whole, half) = (wire(&secret), checking_half(&secret, spec));
        for alg in WrapAlg::ALL.iter().copied().filter(|alg| alg.fits(spec)) {
            bench.note(&format!("{alg}"), &secret);
            for _ in 0..rounds(spec) {
                let material = match alg.row().scheme {
                    WrapScheme::Oaep(hash) => {
                        bench.random.message(spec.byte_len() - 2 * hash.len() - 2)
                    }
                    WrapScheme::Pkcs1v15 => bench.random.message(spec.byte_len() - 11),
                    WrapScheme::AesKw(_) => {
                        let semiblocks = 2 + bench.random.up_to(40);
                        bench.random.octets(8 * semiblocks)
                    }
                    _ => {
                        let len = 1 + bench.random.up_to(320);
                        bench.random.octets(len)
                    }
                };
                let wrapped = key.wrap_key(alg, &material).expect("wrapped").value;
                let request = |what: &str, key: &Value, member: &str, octets: &[u8]| json!({"do": what, "alg": alg.row().name, "key": key, member: to_b64u(octets)});
                let ours = request("unwrap", &whole, "ciphertext", &wrapped);
                let opened = bench.peer.answer(&ours).octets_of("plaintext");
                assert!(opened == material, "ours, there");

                let theirs = request("wrap", &half, "plaintext", &material);
                let theirs = bench.peer.answer(&theirs).octets_of("ciphertext");
                let opened = key.unwrap_key(alg, &theirs).expect("theirs, here");
                assert!(opened.value.expose() == material, "theirs, here");

                let altered = flipped(&wrapped, 8 * bench.random.up_to(1000) + 1);
                if spec.is_symmetric() {
                    assert_eq!(wrapped, theirs, "wrapping is deterministic");
                    let request = request("unwrap", &whole, "ciphertext", &altered);
                    assert!(bench.peer.refuses(&request), "altered, there");
                }
                if alg == WrapAlg::Rsa15 {
                    // The same made-up key is only promised within one implementation,
                    // but both follow one draft.
                    let request = request("unwrap", &whole, "ciphertext", &altered);
                    let made_up = bench.peer.ask(&request);
                    let ours = key.unwrap_key(alg, &altered);
                    match ours {
                        Ok(ours) => {
                            let made_up = made_up.octets_of("plaintext");
                            assert!(ours.value.expose() == made_up, "another made-up key");
                        }
                        // Not below the modulus: refused by both before any padding.
                        Err(error) => {
                            assert_eq!(*error.kind(), ErrorKind::DecryptFailed);
                            assert!(!made_up.bool("ok"));
                        }
                    }
                } else {
                    let refused = key.unwrap_key(alg, &altered);
                    assert_eq!(refusal(refused), ErrorKind::DecryptFailed);
                }
                count += 1;
            }
            seen.insert(alg);
        }
    }
    println!(
        "{count} keys wrapped both ways with {} algorithms",
        seen.len()
    );
    assert_eq!(seen.len(), WrapAlg::ALL.len());
}

/// JWS is all of it: header, base64url, the signing input and the signature's form.
#[test]
fn jws_both_ways() {
    let Some(mut bench) = Bench::set_up("jws_both_ways") else {
        return;
    };
    let (mut count, mut seen) = (0, BTreeSet::new());
    for spec in KeySpec::ALL.iter().copied() {
        let secret = made_here(&mut bench, spec);
        let key = import_as(&bench, &secret, spec);
        for alg in SignAlg::ALL.iter().copied().filter(|alg| alg.fits(spec)) {
            bench.note(&format!("JWS {alg}"), &secret);
            let name = alg.row().name;
            let payload = bench.random.message(200);

            let header = json!({"alg": name, "kid": key.id().unwrap().to_string()});
            let header = to_b64u(header.to_string().as_bytes());
            let input = format!("{header}.{}", to_b64u(&payload));
            let signature = key.sign(alg, input.as_bytes()).expect("signed").value;
            let jws = format!("{input}.{}", to_b64u(signature.as_bytes()));
            let half = checking_half(&secret, spec);
            let request = json!({"do": "jws_verify", "alg": name, "key": half, "jws": jws});
            let answer = bench.peer.answer(&request);
            assert!(answer.bool("valid"), "ours, there");
            assert_eq!(answer.octets_of("payload"), payload);
            let kid = key.id().unwrap().to_string();
            assert_eq!(answer.object("header").text("kid"), kid);

            let made = bench.peer.answer(&json!({
                "do": "jws_sign", "alg": name, "key": wire(&secret),
                "payload": to_b64u(&payload), "header": {"typ": "JWT"},
            }));
            let (input, signature) = made.text("jws").rsplit_once('.').unwrap();
            let (header, body) = input.split_once('.').unwrap();
            assert_eq!(b64u(body), payload);
            let header = Object(serde_json::from_slice(&b64u(header)).unwrap());
            assert_eq!((header.text("alg"), header.text("typ")), (name, "JWT"));
            let verified = key.verify(alg, input.as_bytes(), &b64u(signature));
            verified.expect("theirs, here");
            let altered = flipped(input.as_bytes(), bench.random.up_to(1000));
            let refused = key.verify(alg, &altered, &b64u(signature));
            assert_eq!(refusal(refused), ErrorKind::BadSignature);
            count += 1;
            seen.insert(alg);
        }
    }
    println!("{count} JWS both ways with {} algorithms", seen.len());
    assert_eq!(seen.len(), SignAlg::ALL.len());
}

// --- Keys wrapped for transfer -----------------------------------------------------------

/// The OAEP hashes that the peer has a name for.
const TRANSFERS: [(TransferAlg, &str); 2] = [
    (TransferAlg::CkmRsaAesKeyWrap, "RSA-OAEP"),
    (TransferAlg::RsaAesKeyWrap256, "RSA-OAEP-256"),
];

/// What travels: PKCS #8 as the maker writes it, or the bytes of a symmetric key.
fn travelling(key: &SecretJwk) -> Vec<u8> {
    match key.to_pkcs8_der_exposing_secret() {
        Ok(der) => der.expose().to_vec(),
        Err(_) => b64u(Object(private_jwk(key)).text("k")),
    }
}

fn kind_of(spec: KeySpec) -> TransferKind {
    match spec {
        KeySpec::Rsa { .. } => TransferKind::Rsa,
        KeySpec::Ec(curve) => TransferKind::Ec(curve),
        _ => TransferKind::Oct,
    }
}

#[test]
fn wrapped_keys_of_the_peer_are_imported_and_ours_are_opened_there() {
    let Some(mut bench) = Bench::set_up("wrapped_keys_of_the_peer_are_imported") else {
        return;
    };
    let (kek_jwk, _) = made_there(&mut bench, KeySpec::Rsa { bits: 3072 });
    let import_only = KeyOptions::new().ops(OpSet::from_iter([KeyOp::Import]));
    let kek = bench.vault.import("kek", &kek_jwk, &import_only).unwrap();
    let kid = kek.id().unwrap().to_string();
    let specs = KeySpec::ALL
        .iter()
        .filter(|spec| !matches!(spec, KeySpec::Hmac { .. }));
    let mut count = 0;
    for spec in specs {
        let (key, made) = made_there(&mut bench, *spec);
        bench.note("transfer", &key);
        let oct = spec.is_symmetric();
        let form = |key: &SecretJwk| match oct {
            true => travelling(key),
            // As the peer writes it, which is not as we do: OpenSSL puts the point in.
            false => b64u(made.object("keys").text("pkcs8-der")),
        };
        for (enc, oaep) in TRANSFERS {
            let aes = bench.random.octets(32);
            let sealed = bench.peer.answer(&json!({
                "do": "wrap", "alg": oaep, "key": public_wire(kek_jwk.public()),
                "plaintext": to_b64u(&aes),
            }));
            let aes_key = json!({"format": "jwk", "data": {"kty": "oct", "k": to_b64u(&aes)}});
            let wrapped = bench.peer.answer(&json!({
                "do": "wrap", "alg": "CKM_AES_KEY_WRAP_PAD", "key": aes_key,
                "plaintext": to_b64u(&form(&key)),
            }));
            let blob = [sealed, wrapped]
                .map(|part| b64u(part.text("ciphertext")))
                .concat();
            let blob = ByokBlob::new(&kid, enc, blob).unwrap();
            let name = fresh_name();
            let imported =
                bench
                    .vault
                    .import_byok(&name, kind_of(*spec), &blob, &KeyOptions::new());
            let imported = imported.unwrap_or_else(|error| panic!("{spec} {enc}: {error}"));
            assert_eq!(imported.spec().unwrap(), *spec);
            if !oct {
                assert_eq!(imported.jwk().unwrap().key(), key.public().key());
            }

            let ours = wrap_for_import(&kek.jwk().unwrap(), enc, &key).unwrap();
            let (sealed, wrapped) = ours.ciphertext().split_at(3072 / 8);
            let aes = bench.peer.answer(&json!({
                "do": "unwrap", "alg": oaep, "key": wire(&kek_jwk), "ciphertext": to_b64u(sealed),
            }));
            let aes = b64u(aes.text("plaintext"));
            assert_eq!(aes.len(), 32);
            let aes = json!({"format": "jwk", "data": {"kty": "oct", "k": to_b64u(&aes)}});
            let opened = bench.peer.answer(&json!({
                "do": "unwrap", "alg": "CKM_AES_KEY_WRAP_PAD", "key": aes,
                "ciphertext": to_b64u(wrapped),
            }));
            assert_eq!(b64u(opened.text("plaintext")), travelling(&key));
            count += 1;
        }
    }
    assert_eq!(count, 2 * 10);
}
