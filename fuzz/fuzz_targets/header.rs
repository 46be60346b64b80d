//! The stored form of a sealing header: what is read is written back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::software::SealingHeader;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = SealingHeader::from_bytes(bytes) {
        assert_eq!(header.to_bytes(), bytes);
    }
});
