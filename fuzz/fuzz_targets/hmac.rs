//! HMAC-SHA-256 by every path that this processor has, against the RustCrypto crates. The input
//! is a length of the key, and then the key and a message.
#![no_main]

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

fuzz_target!(|data: &[u8]| {
    let Some((len, rest)) = data.split_first() else {
        return;
    };
    let (key, message) = rest.split_at(usize::from(*len).min(rest.len()));
    let other = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    let expected: [u8; 32] = other.chain_update(message).finalize().into_bytes().into();
    for mac in strongroom::internal::hmac_sha256(key, message) {
        assert_eq!(mac, expected);
    }
});
