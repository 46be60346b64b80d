//! Project Wycheproof's vectors, through the public API: keys are imported into a vault
//! on the software backend, or adopted where the file has a public key alone.
//!
//! Every case of every file of a family is decided. Either the file's result and ours
//! agree, or the case belongs to a class that the family's test states with its reason
//! (another hash, another size of key), and that the case is refused there, and how,
//! is asserted as well. Nothing is skipped. Each file prints what became of its cases
//! and fails if that is not what its table says; in the signature and RSA decryption
//! families a file of a newer release without a line in a table fails too.
//!
//! The columns of the tables: valid and accepted, invalid and refused, refused as
//! outside what this crate offers.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use strongroom::KeyProvider;
use strongroom::software::Software;

#[path = "wycheproof/aead.rs"]
mod aead;
#[path = "wycheproof/aes_paths.rs"]
mod aes_paths;
#[path = "wycheproof/cbc.rs"]
mod cbc;
#[path = "wycheproof/ecdsa.rs"]
mod ecdsa;
#[path = "wycheproof/keywrap.rs"]
mod keywrap;
#[path = "wycheproof/mac.rs"]
mod mac;
#[path = "wycheproof/primality.rs"]
mod primality;
#[path = "wycheproof/rsa_decrypt.rs"]
mod rsa_decrypt;
#[path = "wycheproof/rsa_sign.rs"]
mod rsa_sign;
#[path = "wycheproof/support.rs"]
mod support;

/// The backend that the vectors run on; `tests/pkcs11_wycheproof.rs` has another.
fn provider() -> Arc<dyn KeyProvider> {
    Arc::new(Software::ephemeral().expect("a backend"))
}
