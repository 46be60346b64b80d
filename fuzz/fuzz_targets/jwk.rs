//! JWK text in, canonical text out: whatever is accepted is written so that it
//! is read again, and the second writing is the first one byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::jwk::{Jwk, SecretJwk};

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = Jwk::from_json(data) {
        let text = key.to_json();
        let again = Jwk::from_json(text.as_bytes()).expect("our own public JWK is read");
        assert!(key == again, "a public JWK changed on the way through JSON");
        assert_eq!(text, again.to_json(), "writing is not canonical");
    }
    if let Ok(key) = SecretJwk::from_json(data) {
        let text = key.to_json_exposing_secret();
        let again = SecretJwk::from_json(text.expose()).expect("our own private JWK is read");
        // Secrets are compared and never printed: a crash report is public.
        assert!(
            key == again,
            "a private JWK changed on the way through JSON"
        );
    }
});
