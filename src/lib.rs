#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! From the bottom up; each is usable without those above it.
//!
//! * [`alg`]: operations, algorithms, kinds of key, and the facts about them.
//! * [`jwk`]: JSON Web Keys. [`encoding`]: DER and PEM, and signatures in DER.
//! * [`fit`]: requests that fit their key, and results.
//! * [`public`]: what a public key can do. [`provider`]: the trait of a backend.
//! * [`seal`]: how keys and records are sealed at rest.
//! * [`software`]: the backend in this process. `pkcs11`: the one in a token.
//! * [`vault`]: names, versions, rules, the record. [`store`]: where records are kept.
//! [`audit`]: a log that shows what was done to it.

// The library is silent; examples and benchmarks are not.
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(not(test), warn(clippy::string_slice))]

pub mod alg;
pub mod audit;
#[cfg(feature = "conformance")]
pub mod conformance;
#[doc = include_str!("../DESIGN.md")]
pub mod design {}
pub mod encoding;
#[allow(unsafe_code)]
mod engine;
mod error;
/// So that what it shows is compiled.
#[cfg(all(doctest, feature = "conformance", feature = "pkcs11"))]
#[doc = include_str!("../docs/hardware.md")]
mod hardware {}
pub mod fit;
mod handle;
#[doc(hidden)]
pub mod internal;
pub mod jwk;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
pub mod provider;
pub mod public;
pub mod seal;
mod secret;
mod simple;
pub mod software;
pub mod store;
pub mod vault;

pub use alg::{Curve, Digest, EncryptAlg, Hash, HashValue, KeySpec, Op, OpSet, SignAlg, WrapAlg};
pub use error::{AccessRule, Denial, Error, ErrorKind, Rule, ServiceAnswer};
pub use fit::{Ciphertext, DecryptParams, EncryptParams, Signature};
pub use handle::{KeyHandle, ProviderId, ProviderKeyId};
pub use provider::KeyProvider;
pub use secret::SecretBytes;
pub use simple::in_memory;
