//! Project Wycheproof's vectors in a token: the same decisions and the same tables as in
//! software (`tests/wycheproof.rs`), with the keys imported into SoftHSM. So where the two
//! backends differ in a single case, one of the two programs fails.
//!
//! What is done inside: AES-GCM, AES-CBC, key wrap, HMAC, and OAEP with SHA-1. OAEP with SHA-256
//! and RSA1_5 are the token's raw operation and padding of our own. What SoftHSM does not offer
//! (padding key wrap, the wrapping half) is asserted to be refused.
//!
//! The signature files have public keys alone, which no token is asked to hold: they are
//! verified in software, whichever backend has the key, and `tests/wycheproof.rs` does that.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use strongroom::KeyProvider;
use strongroom::pkcs11::Pkcs11;
use strongroom::software::Software;
use token::Token;

#[path = "wycheproof/aead.rs"]
mod aead;
#[path = "wycheproof/cbc.rs"]
mod cbc;
#[path = "wycheproof/keywrap.rs"]
mod keywrap;
#[path = "wycheproof/mac.rs"]
mod mac;
#[path = "wycheproof/rsa_decrypt.rs"]
mod rsa_decrypt;
#[path = "wycheproof/support.rs"]
#[allow(dead_code, reason = "the signature files need more of it")]
mod support;
#[path = "common/token.rs"]
mod token;

/// A token for each test: SoftHSM looks at all objects of a token to find one. Where it is not
/// installed, which is said aloud, the backend is software.
fn provider() -> Arc<dyn KeyProvider> {
    static TOKENS: Mutex<BTreeMap<String, Arc<dyn KeyProvider>>> = Mutex::new(BTreeMap::new());
    let thread = thread::current();
    let test = thread.name().expect("a test's thread has its name");
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    let provider = tokens.entry(test.to_owned()).or_insert_with(|| {
        let Some(token) = Token::softhsm() else {
            return Arc::new(Software::ephemeral().expect("a backend"));
        };
        let builder = Pkcs11::builder()
            .module(&token.module)
            .token_label(&token.label)
            .pin_value(token.pin.as_bytes());
        Arc::new(builder.open().expect("the token opens"))
    });
    Arc::clone(provider)
}
