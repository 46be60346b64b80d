//! Signing with a provider and no vault: the layer below, for those who have their own
//! rules.
//!
//! A provider is mechanism without policy: no `enabled`, no `nbf` and `exp`, no
//! `key_ops`, no audit. What remains is the fit gate: a request that exists is one that
//! the key can serve.
//!
//! ```text
//! cargo run --example provider_alone
//! ```

use strongroom::fit::{SignRequest, VerifyRequest};
use strongroom::provider::NewKey;
use strongroom::software::{SealingKey, Software};
use strongroom::{Curve, Error, KeyHandle, KeyProvider, ProviderKeyId, SignAlg, public};

fn main() -> Result<(), Error> {
    // The sealing key is what every software key is sealed under; a service keeps it in
    // its secret store, or in an HSM.
    let provider = Software::builder()
        .sealing_key(SealingKey::random()?)
        .build()?;

    // The caller chooses the id, so that the key can be found again.
    let new = NewKey::new(
        ProviderKeyId::from_bytes(*b"key number 00001"),
        Curve::P256.into(),
    )?;
    let key = provider.generate(&new)?;

    // A handle is data: with `Software` its blob is the sealed key. Keep it anywhere.
    let kept = (
        key.provider().clone(),
        key.id(),
        key.public().cloned(),
        key.blob().to_vec(),
    );
    let (id, key_id, public_half, blob) = kept;
    let key = KeyHandle::new(id, key_id, new.spec(), public_half, blob)?;

    let request = SignRequest::for_message(&key, SignAlg::Es256, b"message")?;
    let signature = provider.sign(&request)?;

    // Verification needs the public half alone, and so no provider.
    let request =
        VerifyRequest::for_message(&key, SignAlg::Es256, b"message", signature.as_bytes())?;
    public::verify(&request)?;
    println!(
        "{} bytes of signature, verified with the public half",
        signature.as_bytes().len()
    );

    // What does not fit is refused before any backend is asked.
    let error = SignRequest::for_message(&key, SignAlg::Rs256, b"message").err();
    println!(
        "{}",
        error.map_or_else(|| "not refused".into(), |error| error.to_string())
    );
    Ok(())
}
