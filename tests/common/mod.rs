//! What several test files share: vector files, decoding, a vault that allows
//! everything, ways to get a key into it.
#![allow(dead_code, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;
use strongroom::jwk::{Jwk, SecretJwk};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{Key, KeyOptions, LegacyPolicy, NoAudit, Vault};
use strongroom::{Error, ErrorKind, KeyHandle, OpSet, ProviderId, ProviderKeyId, Rule};

/// The folder of the vector files.
pub(crate) const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");

/// A JSON object whose members are read by name; what is absent or of another type
/// fails the test.
#[derive(Clone, Debug)]
pub(crate) struct Object(pub(crate) Value);

impl Object {
    pub(crate) fn get(&self, member: &str) -> &Value {
        let value = self.0.get(member);
        value.unwrap_or_else(|| panic!("no member `{member}`"))
    }

    pub(crate) fn object(&self, member: &str) -> Object {
        Object(self.get(member).clone())
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        let text = self.get(member).as_str();
        text.unwrap_or_else(|| panic!("`{member}` is no text"))
    }

    pub(crate) fn bool(&self, member: &str) -> bool {
        let value = self.get(member).as_bool();
        value.unwrap_or_else(|| panic!("`{member}` is no boolean"))
    }

    pub(crate) fn len(&self, member: &str) -> usize {
        let len = self.get(member).as_u64().and_then(|n| n.try_into().ok());
        len.unwrap_or_else(|| panic!("`{member}` is no length"))
    }

    pub(crate) fn list(&self, member: &str) -> Vec<Object> {
        let list = self.get(member).as_array();
        let list = list.unwrap_or_else(|| panic!("`{member}` is no list"));
        list.iter().cloned().map(Object).collect()
    }

    /// The octets of `member_hex` or `member_b64u`, whichever is there.
    pub(crate) fn octets(&self, member: &str) -> Vec<u8> {
        let hexadecimal = format!("{member}_hex");
        if self.0.get(&hexadecimal).is_some() {
            return hex(self.text(&hexadecimal));
        }
        b64u(self.text(&format!("{member}_b64u")))
    }

    /// The name of an algorithm, a curve or the like, parsed.
    pub(crate) fn parse<T: std::str::FromStr<Err = Error>>(&self, member: &str) -> T {
        let text = self.text(member);
        text.parse()
            .unwrap_or_else(|error| panic!("`{member}` {text}: {error}"))
    }

    pub(crate) fn json(&self) -> String {
        self.0.to_string()
    }
}

/// Reads a file of `tests/vectors`.
pub(crate) fn vector_file(name: &str) -> Object {
    let path = format!("{VECTORS}/{name}");
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Object(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half an octet");
    let digit = |digit: &u8| {
        let value = char::from(*digit).to_digit(16);
        u8::try_from(value.expect("a hexadecimal digit")).expect("below 16")
    };
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| pair.iter().fold(0, |byte, d| byte * 16 + digit(d)))
        .collect()
}

pub(crate) fn b64u(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).expect("base64url without padding")
}

pub(crate) fn to_b64u(octets: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(octets)
}

/// A vault with keys in software and in memory, and every legacy algorithm allowed.
pub(crate) fn vault() -> Vault {
    let vault = Vault::builder()
        .host("vault.example")
        .provider(Arc::new(Software::ephemeral().expect("a backend")))
        .store(Arc::new(MemoryStore::new()))
        .audit(Arc::new(NoAudit))
        .legacy(LegacyPolicy::allow_all())
        .build();
    vault.expect("a vault")
}

/// A name that no other key of this process has.
pub(crate) fn fresh_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Imports a key under a name of its own.
pub(crate) fn import(vault: &Vault, key: &SecretJwk) -> Key {
    let key = vault.import(&fresh_name(), key, &KeyOptions::new());
    key.expect("the key is imported")
}

/// Imports a symmetric key for signing and verifying alone: as an HMAC key.
pub(crate) fn import_hmac(vault: &Vault, k: &[u8]) -> Key {
    let key = SecretJwk::from_oct(k).expect("an offered size");
    let options = KeyOptions::new().ops(OpSet::SIGN_VERIFY);
    let key = vault.import(&fresh_name(), &key, &options);
    key.expect("the key is imported")
}

/// Imports a symmetric key for everything that its size allows.
pub(crate) fn import_oct(vault: &Vault, k: &[u8]) -> Key {
    import(vault, &SecretJwk::from_oct(k).expect("an offered size"))
}

pub(crate) fn import_json(vault: &Vault, jwk: &Object) -> Key {
    let key = SecretJwk::from_json(jwk.json().as_bytes());
    import(vault, &key.expect("the JWK is read"))
}

/// A key of which the public half alone is at hand: it verifies, encrypts and wraps.
pub(crate) fn adopt_public(vault: &Vault, jwk: &Jwk) -> Key {
    let public = Jwk::new(jwk.key().clone());
    let handle = KeyHandle::new(
        ProviderId::new(Software::DEFAULT_ID).expect("a name"),
        ProviderKeyId::from_bytes([0; 16]),
        jwk.spec().expect("a kind"),
        Some(public),
        Vec::new(),
    );
    let handle = handle.expect("a handle");
    let key = vault.adopt(&fresh_name(), &handle, &KeyOptions::new());
    key.expect("the key is adopted")
}

/// The field and the rule of a refusal.
pub(crate) fn invalid<T>(result: Result<T, Error>) -> (&'static str, Rule) {
    match result.err().map(|error| error.kind().clone()) {
        Some(ErrorKind::Invalid { field, rule }) => (field, rule),
        Some(other) => panic!("refused, but as {other:?}"),
        None => panic!("accepted"),
    }
}

/// The kind of a refusal.
pub(crate) fn refusal<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Err(error) => error.kind().clone(),
        Ok(_) => panic!("accepted"),
    }
}

/// The octets with one bit flipped, at a place that follows from `place`.
pub(crate) fn flipped(octets: &[u8], place: usize) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let len = octets.len();
    if let Some(octet) = octets.get_mut(place.checked_rem(len).unwrap_or_default()) {
        *octet ^= 1 << (place % 8);
    }
    octets
}
