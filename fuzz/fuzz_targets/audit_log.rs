//! Verifying an audit log: whoever has no key makes no line, and nothing harms the reader.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::internal::verify_audit_log;

fuzz_target!(|bytes: &[u8]| {
    // Without the key nothing but the empty log, and the beginning of a line, is a log.
    if let Ok(lines) = verify_audit_log(bytes, [7; 32]) {
        assert_eq!(lines, 0);
        assert!(!bytes.contains(&b'\n'));
    }
});
