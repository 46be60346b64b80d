//! Any bytes as the sealed form of a key: nothing opens but what was sealed, as the kind
//! of key that it was sealed as, and every other answer is the same error.
//!
//! The first byte picks the kind of key. The rest is the blob, or, if the second byte is
//! odd, what is done to a good one: a place and a byte to put there, any number of times.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom::fit::{
    DecryptRequest, EncryptParams, EncryptRequest, SignRequest, UnwrapRequest, WrapRequest,
};
use strongroom::provider::{KeyProvider, NewKey};
use strongroom::software::Software;
use strongroom::{
    Curve, EncryptAlg, Error, ErrorKind, KeyHandle, KeySpec, ProviderKeyId, SignAlg, WrapAlg,
};

const SPECS: [KeySpec; 4] = [
    KeySpec::Ec(Curve::P256),
    KeySpec::Ec(Curve::P521),
    KeySpec::Aes { bits: 256 },
    KeySpec::Hmac { bits: 512 },
];

static BENCH: LazyLock<(Software, Vec<KeyHandle>)> = LazyLock::new(|| {
    let software = Software::ephemeral().expect("a backend");
    let make = |(index, spec): (usize, &KeySpec)| {
        let id = ProviderKeyId::from_bytes([u8::try_from(index).expect("few"); 16]);
        let new = NewKey::new(id, *spec).expect("an offered kind");
        software.generate(&new).expect("a key")
    };
    let handles = SPECS.iter().enumerate().map(make).collect();
    (software, handles)
});

/// Every use of a key that needs its private half.
fn use_it(software: &Software, key: &KeyHandle) -> Vec<Result<(), Error>> {
    let mut results = Vec::new();
    for alg in SignAlg::ALL.iter().filter(|alg| alg.fits(key.spec())) {
        let request = SignRequest::for_message(key, *alg, b"message").expect("it fits");
        results.push(software.sign(&request).map(|_| ()));
    }
    if let KeySpec::Aes { .. } = key.spec() {
        let (gcm, wrap) = (EncryptAlg::A256Gcm, WrapAlg::A256Kw);
        let request = EncryptRequest::new(key, gcm, b"text", EncryptParams::none());
        results.push(software.encrypt(&request.expect("it fits")).map(|_| ()));
        let params = strongroom::DecryptParams::none().with_iv(&[0; 12]);
        let request = DecryptRequest::new(key, gcm, b"text", params.with_tag(&[0; 16]));
        results.push(software.decrypt(&request.expect("it fits")).map(|_| ()));
        let request = WrapRequest::new(key, wrap, &[0; 32]).expect("it fits");
        results.push(software.wrap_key(&request).map(|_| ()));
        let request = UnwrapRequest::new(key, wrap, &[0; 40]).expect("it fits");
        results.push(software.unwrap_key(&request).map(|_| ()));
    }
    results.push(software.reseal(key).map(|_| ()));
    results
}

fuzz_target!(|data: &[u8]| {
    let [kind, how, rest @ ..] = data else {
        return;
    };
    let (software, handles) = &*BENCH;
    let good = &handles[usize::from(*kind) % handles.len()];
    let mut blob = rest.to_vec();
    if how % 2 == 1 {
        blob = good.blob().to_vec();
        for change in rest.chunks_exact(2) {
            let place = usize::from(change[0]) % blob.len();
            blob[place] = change[1];
        }
    }
    let unchanged = blob == good.blob();
    let public = good.public().cloned();
    let provider = good.provider().clone();
    let key = KeyHandle::new(provider, good.id(), good.spec(), public, blob);
    let corrupt = ErrorKind::Corrupt { what: "sealed key" };
    for result in use_it(software, &key.expect("a handle is any bytes")) {
        match result {
            // A made-up ciphertext does not decrypt with any key.
            Ok(()) => assert!(unchanged, "a changed blob opened"),
            Err(error) if unchanged => assert_eq!(*error.kind(), ErrorKind::DecryptFailed),
            Err(error) => assert_eq!(*error.kind(), corrupt),
        }
    }
});
