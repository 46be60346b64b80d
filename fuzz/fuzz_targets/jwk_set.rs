//! JWK Set text in, canonical text out: what is read is written so that it is read
//! again as the same set, less the entries that were no keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::jwk::{JwkSet, SetEntry};

fuzz_target!(|data: &[u8]| {
    let Ok(set) = JwkSet::from_json(data) else {
        return;
    };
    let text = set.to_json();
    let again = JwkSet::from_json(text.as_bytes()).expect("our own set is read");
    assert_eq!(text, again.to_json(), "writing is not canonical");

    let keys: Vec<_> = set.keys().collect();
    assert!(keys.iter().copied().eq(again.keys()), "a key changed");
    for key in keys {
        if let Some(kid) = key.meta().kid() {
            assert!(set.find(kid) == Some(key), "found another key");
        }
    }
    let written = |entry: &&SetEntry| !matches!(entry, SetEntry::Invalid { .. });
    let kept = set.entries().iter().filter(written).count();
    assert_eq!(again.entries().len(), kept, "an entry was lost or came up");
    assert!(again.entries().iter().all(|entry| written(&entry)));
    assert!(set.unknown().eq(again.unknown()), "a member changed");
});
