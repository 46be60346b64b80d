//! The conformance suite on the software backend, on a backend that offers little, and
//! on backends that are wrong: a suite that cannot fail shows nothing.
//!
//! Run with `cargo test --features conformance --test conformance`.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "conformance/broken.rs"]
mod broken;
#[path = "conformance/sign_only.rs"]
mod sign_only;

use strongroom::conformance::{self, CHECKS, Check, Coverage, Fixture, Outcome, Subject};
use strongroom::software::Software;
use strongroom::{KeyProvider, KeySpec};

use broken::{Broken, Fault};
use sign_only::SignOnly;

conformance::suite!(software, Software::ephemeral().expect("a backend"));
conformance::suite!(rsa_signing_token, SignOnly::new());

/// The suite asks the table, so a row that gets lost would go unnoticed there.
#[test]
fn software_offers_everything() {
    let software = Software::ephemeral().expect("a backend");
    assert_eq!(software.capabilities().rows().len(), 130);
    let coverage = Coverage::of(&Subject::new(Small(software)));
    assert_eq!(
        (coverage.exercised(), coverage.refused()),
        (42, 0),
        "{coverage}"
    );
}

#[test]
fn a_token_that_signs_with_rsa_alone_is_covered_as_that() {
    let coverage = conformance::run(SignOnly::new());
    let inside = |outcome: &Outcome| matches!(outcome, Outcome::Exercised(_));
    let offered: Vec<_> = coverage.rows().filter(|row| inside(&row.3)).collect();
    let names: Vec<_> = offered.iter().map(|row| row.1.name()).collect();
    assert_eq!(names, ["RS256", "RS256", "PS256", "PS256"], "{coverage}");
    // Six signatures' other four, and both operations of three ways each to wrap and
    // encrypt.
    assert_eq!(coverage.refused(), 2 * 4 + 2 * 6, "{coverage}");
    assert_eq!(
        coverage.rows().count(),
        offered.len() + coverage.refused() + coverage.left_out()
    );
}

/// What `Fixture::leave_out` leaves: one kind of key of each family.
struct Small(Software);

impl Fixture for Small {
    fn provider(&self) -> &dyn KeyProvider {
        &self.0
    }

    fn leave_out(&self, spec: KeySpec) -> Option<&'static str> {
        broken::all_but_one_of_each_family(spec)
    }
}

/// The same fixture without a fault passes everything: what fails below is the fault.
#[test]
fn without_a_fault_the_wrapper_passes() {
    let coverage = conformance::run(Broken::new(Fault::None));
    assert_eq!(coverage.refused(), 0, "{coverage}");
}

/// Every fault is caught by the check that is there for it.
#[test]
fn every_fault_is_caught() {
    let mut missed = Vec::new();
    for (fault, caught_by) in broken::FAULTS {
        let subject = Subject::new(Broken::new(*fault));
        for name in *caught_by {
            if !is_caught(&subject, check(name)) {
                missed.push(format!("{fault:?} passes {name}"));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
#[should_panic(expected = "must fail as BadSignature")]
fn a_backend_that_accepts_any_signature_fails() {
    conformance::run(Broken::new(Fault::AcceptsAnySignature));
}

#[test]
#[should_panic(expected = "decrypt")]
fn a_backend_that_tells_why_decryption_failed_fails() {
    conformance::run(Broken::new(Fault::TellsPaddingFromTag));
}

fn is_caught(subject: &Subject, check: &Check) -> bool {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (check.run)(subject)));
    outcome.is_err()
}

fn check(name: &str) -> &'static Check {
    let found = CHECKS.iter().find(|check| check.name == name);
    found.unwrap_or_else(|| panic!("no check is named {name}"))
}
