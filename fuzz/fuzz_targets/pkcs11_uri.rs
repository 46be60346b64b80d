//! `pkcs11:` URIs: what is read is shown so that it is read again as the same, less the
//! PIN, and in one spelling.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::pkcs11::Pkcs11Uri;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(mut uri) = text.parse::<Pkcs11Uri>() else {
        return;
    };
    assert!(text.len() <= Pkcs11Uri::MAX_LEN);
    assert_eq!(uri.pin_source().is_some(), uri.pin_file().is_some());
    let shown = uri.to_string();
    assert!(shown.is_ascii());
    uri.take_pin_value();
    assert_eq!(uri.to_string(), shown, "the PIN changed what is shown");
    // What is shown may be longer: an `id` is encoded as a whole.
    if shown.len() <= Pkcs11Uri::MAX_LEN {
        let again: Pkcs11Uri = shown.parse().expect("our own URI is read");
        assert!(again == uri, "a URI changed");
        assert_eq!(again.to_string(), shown, "writing is not canonical");
    }
});
