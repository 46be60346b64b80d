//! Keys that everybody knows, to be looked for where they must not be.
#![allow(dead_code)]

use sha2::{Digest as _, Sha512};
use strongroom::Curve;
use strongroom::jwk::SecretJwk;

/// A private key with the secret numbers that are in it.
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    pub(crate) jwk: SecretJwk,
    /// The same as JSON.
    pub(crate) json: Vec<u8>,
    /// Names and bytes, big-endian.
    pub(crate) parts: Vec<(String, Vec<u8>)>,
}

impl Canary {
    pub(crate) fn new(name: &'static str, jwk: SecretJwk, parts: Vec<(String, Vec<u8>)>) -> Self {
        let json = jwk.to_json_exposing_secret().expose().to_vec();
        Canary {
            name,
            jwk,
            json,
            parts,
        }
    }
}

/// Bytes that look random and are the same on every run.
pub(crate) fn bytes(label: &str, len: usize) -> Vec<u8> {
    let blocks = (0..=len / 64).flat_map(|at| Sha512::digest(format!("canary {label} {at}")));
    blocks.take(len).collect()
}

/// One key of each kind.
pub(crate) fn all() -> Vec<Canary> {
    let mut all = vec![rsa()];
    all.extend([Curve::P256, Curve::P384, Curve::P521, Curve::P256K].map(ec));
    all.extend([16, 24, 32, 48, 64].map(oct));
    all
}

/// The RSA key of RFC 7517 appendix C.1.
pub(crate) fn rsa() -> Canary {
    let vectors = include_str!("../vectors/rfc7517.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
    let cases = vectors["cases"].as_array().expect("cases");
    let case = cases.iter().find(|case| case["name"] == "C.1");
    let json = case.expect("C.1")["jwk"].clone();
    let parts = ["d", "p", "q", "dp", "dq", "qi"].map(|name| {
        let text = json[name].as_str().expect("a private member");
        (format!("rsa {name}"), base64url(text))
    });
    let jwk = SecretJwk::from_json(json.to_string().as_bytes()).expect("a good key");
    Canary::new("rsa", jwk, parts.into())
}

pub(crate) fn ec(curve: Curve) -> Canary {
    let mut d = bytes(curve.name(), curve.field_len());
    if curve == Curve::P521 {
        d[0] = 0;
    }
    let jwk = SecretJwk::from_ec_scalar(curve, &d).expect("in range");
    Canary::new(curve.name(), jwk, vec![(format!("{} d", curve.name()), d)])
}

pub(crate) fn oct(len: usize) -> Canary {
    let name = match len {
        16 => "oct 128",
        24 => "oct 192",
        32 => "oct 256",
        48 => "oct 384",
        _ => "oct 512",
    };
    let k = bytes(name, len);
    let jwk = SecretJwk::from_oct(&k).expect("a good length");
    Canary::new(name, jwk, vec![(format!("{name} k"), k)])
}

pub(crate) fn base64url(text: &str) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(text).expect("base64url")
}

/// The id of a key in a test.
pub(crate) fn id(label: &str) -> strongroom::ProviderKeyId {
    let bytes = Sha512::digest(format!("id {label}"));
    strongroom::ProviderKeyId::from_bytes(*bytes.first_chunk().expect("64 bytes"))
}
