//! The suite that every backend must pass, exported so that others can run it on theirs.
//!
//! A backend is right if a vault cannot tell it from another one, except by what it
//! offers. The checks go through every algorithm, every kind of key and every operation,
//! ask the backend's own table which of them it offers, and then hold it to it: all that
//! is offered works, in both directions and together with the public half in software;
//! all else is refused by name; everything altered or forged fails, and nothing can be
//! learnt from how.
//!
//! # Running it
//! In a test of the crate that has the backend, with the feature `conformance` of this
//! one switched on for tests:
//!
//! ```
//! use strongroom::conformance;
//! # fn main() {}
//! # mod backend {
//! # pub fn open() -> impl strongroom::KeyProvider { Software::ephemeral().unwrap() }
//! # use strongroom::software::Software;
//! # }
//!
//! // One `#[test]` for each check: `token::signatures_verify` and so on.
//! conformance::suite!(token, backend::open());
//! ```
//!
//! The second argument is an expression for a [`Fixture`], evaluated once. A provider is
//! one. Where something must be left out, say so, with the reason, which stands in the
//! output:
//!
//! ```
//! use strongroom::conformance::{self, Fixture};
//! use strongroom::{KeyProvider, KeySpec};
//! # use strongroom::{Curve, software::Software};
//!
//! struct Token(Box<dyn KeyProvider>);
//!
//! impl Fixture for Token {
//!     fn provider(&self) -> &dyn KeyProvider {
//!         &*self.0
//!     }
//!
//!     fn leave_out(&self, spec: KeySpec) -> Option<&'static str> {
//!         match spec {
//!             KeySpec::Rsa { bits: 3072.. } => Some("the token takes a minute for one key"),
//! #           spec if spec != KeySpec::Ec(Curve::P256) => Some("for brevity"),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! # let provider = Box::new(Software::ephemeral()?);
//! let coverage = conformance::run(Token(provider));
//! println!("{coverage}");
//! # assert_eq!((coverage.exercised(), coverage.refused()), (2, 0));
//! # Ok::<(), strongroom::Error>(())
//! ```
//!
//! Give the suite a token of its own: it makes keys labelled `strongroom conformance`, and
//! a run that is cut short leaves them behind.
//!
//! # What it cannot show
//! That a computation takes the same time whatever the secret, that randomness is
//! random, and that a key cannot be had in another way. And it tests a backend that is
//! well: how it falls and gets up again is for its own tests.
// A library of assertions: ending the test is what it is for, and its input is its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout
)]

pub mod basics;
pub mod batches;
pub mod coverage;
pub mod encryption;
pub mod handles;
mod keys;
pub mod known;
#[macro_use]
mod macros;
mod malformed;
pub mod refusals;
pub mod signing;
mod store;
mod subject;
mod vectors;
pub mod wrapping;

use std::fmt;

use crate::alg::KeySpec;
use crate::provider::KeyProvider;

pub use coverage::{Coverage, Outcome};
pub use store::check_store;
pub use subject::Subject;

/// A backend, and what the suite has to know about it.
pub trait Fixture: Send + Sync {
    /// The backend, the same one each time.
    fn provider(&self) -> &dyn KeyProvider;

    /// Why no keys of this kind are to be made, if so: it takes too long, or the token
    /// has no room. What is offered for them is then not tested.
    fn leave_out(&self, spec: KeySpec) -> Option<&'static str> {
        let _ = spec;
        None
    }

    /// Why the check of this name is not to be run, if so.
    fn leave_out_check(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }
}

impl<P: KeyProvider> Fixture for P {
    fn provider(&self) -> &dyn KeyProvider {
        self
    }
}

/// One check of the suite.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Check {
    /// Its name, which is that of the function.
    pub name: &'static str,
    /// Panics if the backend fails it.
    pub run: fn(&Subject),
}

impl Check {
    /// For the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, run: fn(&Subject)) -> Self {
        Check { name, run }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.name)
    }
}

/// Runs every check, destroys the keys that they made, and tells what was covered.
///
/// # Panics
/// If the backend fails a check.
pub fn run(fixture: impl Fixture + 'static) -> Coverage {
    let subject = Subject::new(fixture);
    let coverage = Coverage::of(&subject);
    for check in CHECKS {
        subject.perform(check);
    }
    coverage
}

/// The list as a constant.
macro_rules! table {
    ($($topic:ident $check:ident,)*) => {
        /// Every check of the suite.
        pub const CHECKS: &[Check] = &[
            $(Check { name: stringify!($check), run: $topic::$check },)*
        ];
    };
}

__conformance_checks!(table);

#[doc(hidden)]
pub use __conformance_checks as __checks;
#[doc(inline)]
pub use __conformance_suite as suite;
#[doc(hidden)]
pub use __conformance_tests as __tests;

/// What counts as large, in bytes.
const LARGE: usize = 1 << 20;
