//! Tokens as people have them: opened in every way, with keys that others made, with few
//! mechanisms, with keys that want the PIN each time, and under a vault.
//!
//! Run with `cargo test --test pkcs11_tokens`. `pkcs11-tool` makes and shows keys, so that no
//! code of this crate is needed to believe it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "pkcs11_tokens/adopt.rs"]
mod adopt;
#[path = "pkcs11_tokens/backup.rs"]
mod backup;
#[path = "pkcs11_tokens/offer.rs"]
mod offer;
#[path = "pkcs11_tokens/open.rs"]
mod open;
#[path = "common/own_process.rs"]
mod own_process;
#[path = "common/shim.rs"]
mod shim;
#[path = "common/store.rs"]
mod store;
#[path = "pkcs11_tokens/support.rs"]
mod support;
#[path = "common/token.rs"]
mod token;
#[path = "pkcs11_tokens/vault.rs"]
mod vault;
