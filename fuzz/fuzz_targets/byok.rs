//! The `.byok` file: no input does harm, and what is read is written so that it reads the
//! same, as a file and as the member of a request. What is inside never imports by chance.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::encoding::{ByokBlob, TransferKind};
use strongroom::{Curve, KeySpec};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(blob) = ByokBlob::from_json(bytes) {
        same(&blob);
    }
    let text = str::from_utf8(bytes).ok();
    if let Some(Ok(blob)) = text.map(ByokBlob::from_key_hsm) {
        same(&blob);
    }
});

fn same(blob: &ByokBlob) {
    assert!(ByokBlob::from_json(blob.to_json().as_bytes()).is_ok_and(|read| read == *blob));
    assert!(ByokBlob::from_key_hsm(&blob.to_key_hsm()).is_ok_and(|read| read == *blob));
    let kek = KeySpec::Rsa { bits: 2048 };
    for kind in [
        TransferKind::Rsa,
        TransferKind::Ec(Curve::P256),
        TransferKind::Oct,
    ] {
        if let Ok(spec) = blob.spec(kind, kek, None) {
            assert!(spec.check().is_ok());
        }
    }
}
