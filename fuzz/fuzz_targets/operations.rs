//! One operation through a vault with a fixed key of every kind: any algorithm on any
//! key with any parameters. It may be refused, and then as what it is; what was signed,
//! wrapped or encrypted verifies, unwraps and decrypts.
//!
//! RSA has one size, the smallest, and its private operations are slow: this target is
//! for the checks around them.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use strongroom::alg::EncryptScheme;
use strongroom::jwk::SecretJwk;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{Key, KeyOptions, LegacyPolicy, NoAudit, Vault};
use strongroom::{
    Curve, DecryptParams, Digest, EncryptAlg, EncryptParams, Error, ErrorKind, KeySpec, OpSet,
    SignAlg, WrapAlg,
};

/// RFC 7515 appendix A.2.1.
const RSA: &[u8] = include_bytes!("../corpus/jwk/rfc7515-a2-rsa-private");

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| keys().expect("the keys are imported"));

fn keys() -> Result<Vec<Key>, Error> {
    let vault = Vault::builder()
        .host("vault.example")
        .provider(Arc::new(Software::ephemeral()?))
        .store(Arc::new(MemoryStore::new()))
        .audit(Arc::new(NoAudit))
        .legacy(LegacyPolicy::allow_all())
        .build()?;
    let mut keys = Vec::new();
    let mut import = |key: &SecretJwk, options: &KeyOptions| {
        let key = vault.import(&format!("key-{}", keys.len()), key, options);
        key.map(|key| keys.push(key))
    };
    import(&SecretJwk::from_json(RSA)?, &KeyOptions::new())?;
    for curve in Curve::ALL {
        let mut d = vec![7; curve.field_len()];
        d[0] = 0;
        import(&SecretJwk::from_ec_scalar(*curve, &d)?, &KeyOptions::new())?;
    }
    for (octets, ops) in [
        (16, OpSet::SIX_VERBS),
        (24, OpSet::SIX_VERBS),
        (32, OpSet::SIX_VERBS),
        (32, OpSet::SIGN_VERIFY),
        (48, OpSet::SIGN_VERIFY),
        (64, OpSet::SIGN_VERIFY),
    ] {
        let key = SecretJwk::from_oct(&vec![9; octets])?;
        import(&key, &KeyOptions::new().ops(ops))?;
    }
    Ok(keys)
}

/// What a caller may be told. Anything else is a fault of ours.
fn refused(error: &Error, spec: KeySpec, fits: bool) {
    match error.kind() {
        ErrorKind::Unfit { .. } => assert!(!fits, "refused as unfit, and fits"),
        ErrorKind::Invalid { .. } => assert!(fits, "looked at before the fit"),
        // A key that cannot do any of the verb's algorithms has no such operation.
        ErrorKind::Denied(_) => assert!(spec.verbs() != OpSet::SIX_VERBS && !fits),
        ErrorKind::BadSignature | ErrorKind::DecryptFailed => assert!(fits),
        other => panic!("{other:?}"),
    }
}

fn bytes<'a>(input: &mut Unstructured<'a>) -> arbitrary::Result<&'a [u8]> {
    let len = input.arbitrary_len::<u8>()?;
    input.bytes(len.min(1024))
}

fn maybe<'a>(input: &mut Unstructured<'a>) -> arbitrary::Result<Option<&'a [u8]>> {
    if input.arbitrary()? {
        return Ok(None);
    }
    // Mostly a length that is accepted, so that the fuzzer gets past the checks.
    let len = *input.choose(&[0, 1, 12, 16, 16, 12, 16, 17, 100])?;
    input.bytes(len).map(Some)
}

fn sign(key: &Key, spec: KeySpec, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let alg = *input.choose(SignAlg::ALL)?;
    let fits = alg.fits(spec);
    let forged = bytes(input)?;
    if input.arbitrary()? {
        let hash = input.choose(SignAlg::ALL)?.row().hash;
        let digest = hash.hash(bytes(input)?);
        let digest = Digest::new(hash, digest.as_bytes()).expect("of its length");
        match key.sign_digest(alg, digest) {
            Ok(signed) => {
                assert!(fits && hash == alg.row().hash);
                let signature = signed.value.as_bytes();
                key.verify_digest(alg, digest, signature).expect("ours");
            }
            Err(error) => refused(&error, spec, fits),
        }
        let forged = key.verify_digest(alg, digest, forged);
        refused(&forged.expect_err("a forgery"), spec, fits);
        return Ok(());
    }
    let message = bytes(input)?;
    match key.sign(alg, message) {
        Ok(signed) => {
            assert!(fits);
            let signature = signed.value.as_bytes();
            key.verify(alg, message, signature).expect("ours");
        }
        Err(error) => refused(&error, spec, fits),
    }
    let forged = key.verify(alg, message, forged);
    refused(&forged.expect_err("a forgery"), spec, fits);
    Ok(())
}

fn wrap(key: &Key, spec: KeySpec, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let alg = *input.choose(WrapAlg::ALL)?;
    let fits = alg.fits(spec);
    let (material, forged) = (bytes(input)?, bytes(input)?);
    match key.wrap_key(alg, material) {
        Ok(wrapped) => {
            assert!(fits);
            let opened = key.unwrap_key(alg, &wrapped.value).expect("ours");
            assert!(opened.value.expose() == material, "another key");
        }
        Err(error) => refused(&error, spec, fits),
    }
    match key.unwrap_key(alg, forged) {
        Ok(_) => assert!(alg == WrapAlg::Rsa15, "a forgery unwrapped"),
        Err(error) => refused(&error, spec, fits),
    }
    Ok(())
}

/// Whether a made-up ciphertext is told from a real one.
fn authenticates(alg: EncryptAlg) -> bool {
    use EncryptScheme::{Gcm, Oaep};
    matches!(alg.row().scheme, Gcm(_) | Oaep(_))
}

fn encrypt(key: &Key, spec: KeySpec, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let alg = *input.choose(EncryptAlg::ALL)?;
    let fits = alg.fits(spec);
    let (iv, tag, aad) = (maybe(input)?, maybe(input)?, maybe(input)?);
    let (plaintext, forged) = (bytes(input)?, bytes(input)?);

    let mut params = EncryptParams::none();
    (params.iv, params.aad) = (iv, aad);
    match key.encrypt(alg, plaintext, params) {
        Ok(encrypted) => {
            assert!(fits);
            let mut params = encrypted.value.params();
            params.aad = aad;
            let opened = key.decrypt(alg, encrypted.value.as_bytes(), params);
            let opened = opened.expect("ours").value;
            // Zeros that fill up a block are not told from content.
            let filled = opened
                .expose()
                .strip_prefix(plaintext)
                .expect("the plaintext");
            assert!(filled.len() < 16 && filled.iter().all(|byte| *byte == 0));
        }
        Err(error) => refused(&error, spec, fits),
    }

    let mut buffer = plaintext.to_vec();
    match key.encrypt_in_place(alg, &mut buffer, aad.unwrap_or_default()) {
        Ok(sealed) => {
            let (iv, tag) = (sealed.value.iv, sealed.value.tag);
            let params = DecryptParams::none().with_iv(&iv).with_tag(&tag);
            let params = params.with_aad(aad.unwrap_or_default());
            key.decrypt_in_place(alg, &mut buffer, params)
                .expect("ours");
        }
        Err(error) => refused(&error, spec, fits),
    }
    assert!(buffer == plaintext, "in place");

    let mut params = DecryptParams::none();
    (params.iv, params.tag, params.aad) = (iv, tag, aad);
    match key.decrypt(alg, forged, params) {
        Ok(_) => assert!(!authenticates(alg), "a forgery decrypted"),
        Err(error) => refused(&error, spec, fits),
    }
    let mut buffer = forged.to_vec();
    match key.decrypt_in_place(alg, &mut buffer, params) {
        Ok(_) => panic!("a forgery decrypted"),
        Err(error) => refused(&error, spec, fits),
    }
    assert!(buffer == forged, "changed although it failed");
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let input = &mut input;
    // An input that ends too early is none.
    let _ = (|| {
        let key = input.choose(&KEYS)?;
        let spec = key.spec().expect("it is there");
        match input.int_in_range(0..=2)? {
            0 => sign(key, spec, input),
            1 => wrap(key, spec, input),
            _ => encrypt(key, spec, input),
        }
    })();
});
