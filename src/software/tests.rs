//! What needs a look inside: faults in an opened key, and what the cache holds.

use super::*;
use crate::alg::Curve;
use crate::fit::EncryptParams;

const P256: KeySpec = KeySpec::Ec(Curve::P256);

fn new(id: u8, spec: KeySpec) -> NewKey {
    NewKey::new(ProviderKeyId::from_bytes([id; 16]), spec).unwrap()
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn kind<T: fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind().clone()
}

fn corrupt() -> ErrorKind {
    ErrorKind::Corrupt { what: "sealed key" }
}

fn sign(software: &Software, key: &KeyHandle) -> Result<Signature, Error> {
    software.sign(&SignRequest::for_message(key, SignAlg::Es256, b"message")?)
}

/// Everything that is stored takes part in a check: no bit of `d`, `p` or `q` can be
/// wrong in a key that opens.
#[test]
fn a_flipped_bit_in_any_private_number_is_refused() {
    let mut rng = ProviderRng::new(Box::leak(Box::new(Software::ephemeral().unwrap())));
    let (secret, public) = rsa_generate::generate(2048, &mut rng).unwrap();
    let public = Jwk::new(PublicKey::Rsa(public));
    let spec = KeySpec::Rsa { bits: 2048 };
    let payload = material::encode(&SecretKey::Rsa(secret), false);
    assert!(Opened::from_payload(spec, Some(&public), &payload).is_ok());
    for at in [0, 1, 2, 200, 256, 257, 300, 384, 385, 400, 512] {
        let mut flipped = SecretBytes::copy_of(payload.expose());
        flipped.expose_mut()[at] ^= 0x10;
        let opened = Opened::from_payload(spec, Some(&public), &flipped);
        assert_eq!(kind(opened), corrupt(), "byte {at}");
    }
    for len in 0..payload.len() {
        let cut = SecretBytes::copy_of(&payload.expose()[..len]);
        let opened = Opened::from_payload(spec, Some(&public), &cut);
        assert_eq!(kind(opened), corrupt(), "{len} bytes");
    }
}

/// One half of the CRT comes out wrong, as it does from a flipped bit in memory.
#[test]
fn a_fault_in_the_crt_never_leaves() {
    let software = Software::ephemeral().unwrap();
    for bits in [2048, 3072, 4096] {
        let made = software.generate(&new(1, KeySpec::Rsa { bits })).unwrap();
        let payload = software.unseal(&made).unwrap();
        let Some(PublicKey::Rsa(public)) = made.public().map(Jwk::key) else {
            panic!("an RSA key")
        };
        let numbers = material::numbers(&payload).unwrap();
        let mut faulty = rsa::RsaKey::open(public, numbers).unwrap();
        faulty.plant_fault();
        software.cache.evict(made.id());
        software.cache.put(&made, Opened::Rsa(Box::new(faulty)));
        for alg in [SignAlg::Rs256, SignAlg::Ps512] {
            let request = SignRequest::for_message(&made, alg, b"message").unwrap();
            assert_eq!(kind(software.sign(&request)), ErrorKind::FaultDetected);
            let requests: Vec<_> = (0..5)
                .map(|_| SignRequest::for_message(&made, alg, b"message").unwrap())
                .collect();
            for result in software.sign_batch(&requests) {
                assert_eq!(kind(result), ErrorKind::FaultDetected);
            }
        }
        for alg in [crate::alg::WrapAlg::RsaOaep256, crate::alg::WrapAlg::Rsa15] {
            let wrapped = vec![0x42; public.n().len()];
            let request = UnwrapRequest::new(&made, alg, &wrapped).unwrap();
            assert_eq!(
                kind(software.unwrap_key(&request)),
                ErrorKind::DecryptFailed
            );
        }
    }
}

/// A key, and another one's scalar: what a fault leaves of the first.
fn key_and_fault(verify: bool) -> (Software, KeyHandle, Opened) {
    let software = Software::builder()
        .ephemeral()
        .verify_after_sign(verify)
        .build()
        .unwrap();
    let key = software.generate(&new(1, P256)).unwrap();
    let (other, public) = ec::generate(Curve::P256, &software.rng).unwrap();
    let other = ec::EcKey::open(&public, other.d.expose()).unwrap();
    (software, key, Opened::Ec(other))
}

#[test]
fn verify_after_sign_holds_a_faulty_signature_back() {
    for (verify, expected) in [(true, Some(ErrorKind::FaultDetected)), (false, None)] {
        let (software, key, fault) = key_and_fault(verify);
        assert!(sign(&software, &key).is_ok());
        software.cache.evict(key.id());
        software.cache.put(&key, fault);
        let result = sign(&software, &key);
        assert_eq!(result.err().map(|error| error.kind().clone()), expected);
    }
}

#[test]
fn a_new_key_is_signed_with_where_signatures_are_verified() {
    for (verify, expected) in [(true, Some(ErrorKind::FaultDetected)), (false, None)] {
        let (software, key, fault) = key_and_fault(verify);
        let result = software.check_pair(&key, &fault);
        assert_eq!(result.err().map(|error| error.kind().clone()), expected);
        // And a scalar that is not the point's opens no key, whatever is verified.
        let (wrong, _) = ec::generate(Curve::P256, &software.rng).unwrap();
        let (_, public) = ec::generate(Curve::P256, &software.rng).unwrap();
        assert!(ec::EcKey::open(&public, wrong.d.expose()).is_err());
    }
}

#[test]
fn a_new_key_is_cached_and_a_destroyed_one_is_not() {
    let software = Software::ephemeral().unwrap();
    let key = software.generate(&new(1, P256)).unwrap();
    assert!(software.cache.holds(key.id()));
    software.destroy(&key).unwrap();
    assert!(!software.cache.holds(key.id()));
    software.destroy(&key).unwrap();
    assert_eq!(software.cache.bytes(), 0);
    assert_eq!(software.find(&key.id()).unwrap(), None);
}

#[test]
fn without_a_cache_everything_still_works() {
    let software = Software::builder().ephemeral().cache_bytes(0);
    let software = software.build().unwrap();
    let key = software.generate(&new(1, P256)).unwrap();
    assert!(sign(&software, &key).is_ok());
    assert_eq!(software.cache.bytes(), 0);
}

#[test]
fn the_cache_stays_within_its_bound() {
    let bound = 20_000;
    let software = Software::builder().ephemeral().cache_bytes(bound);
    let software = software.build().unwrap();
    let keys: Vec<_> = (0..40)
        .map(|id| {
            let key = software.generate(&new(id, KeySpec::Hmac { bits: 256 }));
            assert!(software.cache.bytes() <= bound);
            key.unwrap()
        })
        .collect();
    for key in &keys {
        let request = SignRequest::for_message(key, SignAlg::Hs256, b"message").unwrap();
        assert!(software.sign(&request).is_ok());
        assert!(software.cache.bytes() <= bound);
    }
}

/// The id of a cached key with a blob, a kind or a public half that is not its own.
#[test]
fn a_forged_handle_does_not_reach_a_cached_key() {
    let software = Software::ephemeral().unwrap();
    let key = software.generate(&new(1, P256)).unwrap();
    let other = software.generate(&new(2, P256)).unwrap();
    let forge = |spec, public: Option<&Jwk>, blob: &[u8]| {
        KeyHandle::new(
            software.id.clone(),
            key.id(),
            spec,
            public.cloned(),
            blob.into(),
        )
        .unwrap()
    };
    let hmac = KeySpec::Hmac { bits: 256 };
    for forged in [
        forge(P256, key.public(), b""),
        forge(P256, key.public(), b"srk1"),
        forge(P256, key.public(), other.blob()),
        forge(P256, other.public(), key.blob()),
        forge(P256, other.public(), other.blob()),
    ] {
        assert_eq!(kind(sign(&software, &forged)), corrupt());
    }
    let forged = forge(hmac, None, key.blob());
    let request = SignRequest::for_message(&forged, SignAlg::Hs256, b"message").unwrap();
    assert_eq!(kind(software.sign(&request)), corrupt());
    // And the key itself is none the worse for it.
    assert!(sign(&software, &key).is_ok());
    let copy = forge(P256, key.public(), key.blob());
    assert!(sign(&software, &copy).is_ok());
}

/// Two keys were made under one id: each handle reaches its own.
#[test]
fn the_handle_decides_and_not_the_id() {
    let software = Software::ephemeral().unwrap();
    let spec = KeySpec::Aes { bits: 256 };
    let (one, two) = (
        software.generate(&new(1, spec)).unwrap(),
        software.generate(&new(1, spec)).unwrap(),
    );
    for (mine, other) in [(&one, &two), (&two, &one)] {
        let (alg, none) = (crate::alg::EncryptAlg::A256Gcm, EncryptParams::none());
        let request = EncryptRequest::new(mine, alg, b"plaintext", none).unwrap();
        let sealed = software.encrypt(&request).unwrap();
        let decrypt = |key| {
            let bytes = sealed.as_bytes();
            let request = DecryptRequest::new(key, alg, bytes, sealed.params()).unwrap();
            software.decrypt(&request)
        };
        assert_eq!(decrypt(mine).unwrap().expose(), b"plaintext");
        assert_eq!(kind(decrypt(other)), ErrorKind::DecryptFailed);
    }
}

#[test]
fn debug_shows_no_key() {
    let software = Software::new(SealingKey::from_bytes([0xA5; 32])).unwrap();
    let shown = format!("{software:?}").to_lowercase();
    assert!(
        !shown.contains("a5a5") && !shown.contains("165, 165"),
        "{shown}"
    );
}
