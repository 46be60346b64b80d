//! Bytes into every reader of DER and PEM: what one of them takes is the same key after
//! each of the ways to write it.
//!
//! Encrypted PKCS #8 is tried where it asks for little work.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::jwk::{Jwk, SecretJwk};
use strongroom::{Error, KeySpec};

const PASSWORD: &[u8] = b"password";

/// Whether the costs in an encrypted key are next to nothing: up to the limits they are
/// seconds of work, and the fuzzer would wait for it. Costs are INTEGERs at the beginning;
/// those of one byte are cheap. (After 0x0D a 2 is part of the identifier of a hash.)
fn is_cheap(der: &[u8]) -> bool {
    let head = der.get(..110).unwrap_or(der);
    let costly = |triple: &[u8]| matches!(triple, [before, 2, 2..=8] if *before != 0x0D);
    !head.windows(3).any(costly)
}

fn public(key: Jwk) {
    let der = key.to_spki_der().expect("a public key has SPKI");
    same(&key, Jwk::from_spki_der(&der));
    let pem = key.to_spki_pem().expect("PEM of it");
    same(&key, Jwk::from_pem(pem.as_bytes()));
    if let KeySpec::Rsa { .. } = key.spec().expect("a kind") {
        let der = key.to_pkcs1_der().expect("an RSA key has PKCS #1");
        same(&key, Jwk::from_pkcs1_der(&der));
        let pem = key.to_pkcs1_pem().expect("PEM of it");
        same(&key, Jwk::from_pem(pem.as_bytes()));
    } else {
        assert!(key.to_pkcs1_der().is_err());
    }
    same(&key, Jwk::from_json(key.to_json().as_bytes()));
}

fn private(key: SecretJwk) {
    let pem = key.to_pkcs8_pem_exposing_secret().expect("PKCS #8");
    same(&key, SecretJwk::from_pem(pem.expose()));
    if let KeySpec::Rsa { .. } = key.public().spec().expect("a kind") {
        // In PKCS #8 is PKCS #1, and each reading tests the primes for a long while.
        assert!(key.to_pkcs1_pem_exposing_secret().is_ok());
        assert!(key.to_sec1_der_exposing_secret().is_err());
    } else {
        let der = key.to_sec1_der_exposing_secret().expect("SEC 1");
        same(&key, SecretJwk::from_sec1_der(der.expose()));
        let pem = key.to_sec1_pem_exposing_secret().expect("PEM of it");
        same(&key, SecretJwk::from_pem(pem.expose()));
        let json = key.to_json_exposing_secret();
        same(&key, SecretJwk::from_json(json.expose()));
        assert!(key.to_pkcs1_der_exposing_secret().is_err());
    }
    public(key.public().clone());
}

/// Secrets are compared and never printed: a crash report is public.
fn same<T: PartialEq>(key: &T, read: Result<T, Error>) {
    assert!(read.is_ok_and(|read| read == *key), "another key");
}

fuzz_target!(|data: &[u8]| {
    for read in [Jwk::from_spki_der, Jwk::from_pkcs1_der, Jwk::from_pem] {
        if let Ok(key) = read(data) {
            public(key);
        }
    }
    for read in [
        SecretJwk::from_pkcs8_der,
        SecretJwk::from_pkcs1_der,
        SecretJwk::from_sec1_der,
        SecretJwk::from_pem,
    ] {
        if let Ok(key) = read(data) {
            private(key);
        }
    }
    if is_cheap(data)
        && let Ok(key) = SecretJwk::from_encrypted_pkcs8_der(data, PASSWORD)
    {
        private(key);
    }
});
