//! ECDSA by each path of the engine, alone and in a batch, against the curve crates: the same
//! signatures and the same verdicts. The input is a curve, a private scalar, a digest and what to make of
//! the signature.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom::jwk::{PublicKey, SecretJwk};
use strongroom::{Curve, internal};

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let curve = [Curve::P256, Curve::P384, Curve::P256K, Curve::P521][usize::from(*first) % 4];
    let width = curve.field_len();
    let (Some(d), Some(digest)) = (data.get(..width), data.get(width..2 * width)) else {
        return;
    };
    // No hash is longer.
    let digest = &digest[..width.min(64)];
    let Ok(secret) = SecretJwk::from_ec_scalar(curve, d) else {
        return;
    };
    let PublicKey::Ec(key) = secret.public().key() else {
        unreachable!("an EC key");
    };
    let signatures = internal::sign_every_way(curve, d, digest).expect("a private key signs");
    let signature = &signatures[0];
    assert!(signatures.iter().all(|other| other == signature));
    assert_eq!(
        internal::verify_every_way(key, digest, signature),
        [true; 3]
    );
    // A change to it, or another in its place.
    let rest = &data[2 * width..];
    let mut changed = signature.clone();
    match *rest {
        [at, mask] => changed[usize::from(at) % (2 * width)] ^= mask,
        _ => changed = rest.to_vec(),
    }
    let [alone, every_way, by_crate] = internal::verify_every_way(key, digest, &changed);
    assert!(alone == by_crate && every_way == by_crate);
});
