//! Key identifiers and their parts: what is read is written so that it is read again as
//! the same, and nothing that could escape its place in a URL or a path gets through.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use strongroom::Error;
use strongroom::vault::{KeyId, KeyName, KeyVersion, VaultHost};

fn round_trip<T>(text: &str) -> Option<T>
where
    T: FromStr<Err = Error> + Display + Debug + PartialEq,
{
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    let again: T = written.parse().expect("our own text is read");
    assert_eq!(value, again);
    assert_eq!(written, again.to_string(), "writing is not canonical");
    assert!(
        written.eq_ignore_ascii_case(text),
        "{text} became {written}"
    );
    Some(value)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Some(name) = round_trip::<KeyName>(text) {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        assert!(name.as_str().bytes().all(allowed));
        assert!((1..=KeyName::MAX_LEN).contains(&name.as_str().len()));
        assert_eq!(name.folded(), name.as_str().to_ascii_lowercase());
    }
    if let Some(version) = round_trip::<KeyVersion>(text) {
        assert_eq!(KeyVersion::from_bytes(*version.as_bytes()), version);
    }
    if let Some(host) = round_trip::<VaultHost>(text) {
        assert!(!host.as_str().contains(['/', '@', '?', '#', '%', ' ', '\\']));
    }
    if let Some(id) = round_trip::<KeyId>(text) {
        let parts = KeyId::new(id.host().clone(), id.name().clone(), id.version());
        assert_eq!(parts, id);
        assert_eq!(id.to_string().matches('/').count(), 5);
    }
});
