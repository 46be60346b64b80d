//! Release policies: what is read is written in one form, no longer than it came, and read
//! again as the same policy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::vault::ReleasePolicy;

fuzz_target!(|data: &[u8]| {
    if let Ok(policy) = ReleasePolicy::from_json(data) {
        let written = policy.to_json();
        assert!(written.len() <= data.len(), "longer than it came");
        assert!(written.starts_with(r#"{"version":"1.0.0","anyOf":[{"#));
        round_trip(&policy);
        round_trip(&policy.with_immutable(true));
    }
    if let Ok(policy) = ReleasePolicy::from_member_json(data) {
        round_trip(&policy);
    }
});

fn round_trip(policy: &ReleasePolicy) {
    let json = policy.to_json();
    let again = ReleasePolicy::from_json(json.as_bytes()).expect("our own policy is read");
    assert_eq!(again.to_json(), json, "writing is not canonical");
    assert_eq!(again.with_immutable(policy.is_immutable()), *policy);
    let member = policy.to_member_json();
    let again = ReleasePolicy::from_member_json(member.as_bytes());
    assert_eq!(again.expect("our own member is read"), *policy);
}
