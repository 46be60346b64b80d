//! The conformance suite, unchanged, on tokens; and the same keys in a token and in software.
//!
//! Run with `cargo test --all-features --test pkcs11`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "pkcs11/both_ways.rs"]
mod both_ways;
#[path = "common/token.rs"]
mod token;

use strongroom::KeySpec;
use strongroom::conformance::{self, Coverage, Fixture, Outcome};
use strongroom::pkcs11::Pkcs11;
use strongroom::provider::{KeyProvider, Place};
use token::Token;

fn open(token: &Token) -> Pkcs11 {
    let builder = Pkcs11::builder()
        .module(&token.module)
        .token_label(&token.label)
        .pin_value(token.pin.as_bytes());
    let builder = match &token.init {
        Some(init) => builder.init_string(init),
        None => builder,
    };
    builder.open().expect("the token opens")
}

/// Runs the suite, shows what was covered, and counts what is inside, split, and refused.
fn covered(fixture: impl Fixture + 'static) -> [usize; 3] {
    let coverage: Coverage = conformance::run(fixture);
    println!("{coverage}");
    let rows = |wanted: Outcome| coverage.rows().filter(|row| row.3 == wanted).count();
    [
        rows(Outcome::Exercised(Place::Inside)),
        rows(Outcome::Exercised(Place::Split)),
        coverage.refused(),
    ]
}

/// What the two tokens are known to do, so that a row that gets lost is noticed.
#[test]
fn softhsm_passes_the_suite() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    // OAEP with SHA-256 and RSA1_5 are split. Refused: HS256 with an AES key, and padding key
    // wrap in the one direction that SoftHSM does wrongly.
    assert_eq!(covered(open(&token)), [70, 12, 5]);
}

/// RSA keys in an NSS token cost a password-based decryption for each use. In the debug profile
/// one size is enough, as the release profile runs them all.
struct Nss(Pkcs11);

impl Fixture for Nss {
    fn provider(&self) -> &dyn KeyProvider {
        &self.0
    }

    fn leave_out(&self, spec: KeySpec) -> Option<&'static str> {
        let large = matches!(spec, KeySpec::Rsa { bits: 3072.. });
        (large && cfg!(debug_assertions))
            .then_some("NSS derives a key from the PIN for each use of an RSA key")
    }
}

#[test]
fn nss_passes_the_suite() {
    let Some(token) = Token::nss() else { return };
    // Of RSA 6 signatures and, inside too, 6 decryptions a size. There is no P-256K.
    let sizes = if cfg!(debug_assertions) { 1 } else { 3 };
    assert_eq!(covered(Nss(open(&token))), [51 + 12 * sizes, 0, 2]);
}

#[test]
fn softhsm_and_software_understand_each_other() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let token = open(&token);
    let rows = both_ways::exchange(&token, KeySpec::ALL);
    // Each operation that the token offers was on the token's side once.
    assert_eq!(rows, both_ways::both_ops(&token, KeySpec::ALL));
}

#[test]
fn nss_and_software_understand_each_other() {
    let Some(token) = Token::nss() else { return };
    let token = open(&token);
    let quick = |spec: &KeySpec| !matches!(spec, KeySpec::Rsa { bits: 3072.. });
    let specs: Vec<_> = KeySpec::ALL.iter().copied().filter(quick).collect();
    let rows = both_ways::exchange(&token, &specs);
    assert_eq!(rows, both_ways::both_ops(&token, &specs));
}
