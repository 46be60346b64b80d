//! What is not offered, and what does not fit.

use super::encryption::{IV, is_cbc, is_gcm};
use super::handles::works;
use super::subject::{Case, Subject, must, must_fail};
use crate::alg::{Alg, EncryptAlg, KeySpec, Op, SignAlg, WrapAlg, WrapScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{
    DecryptInPlaceRequest, DecryptParams, DecryptRequest, EncryptInPlaceRequest, EncryptParams,
    EncryptRequest, SignRequest, UnwrapRequest, VerifyRequest, WrapRequest,
};
use crate::handle::KeyHandle;
use crate::provider::{not_offered, unsupported};

/// The table agrees with itself: its rows fit, each operation is one of its algorithm's,
/// and a kind of key that it has rows for is one that can exist.
pub fn the_table_is_sound(subject: &Subject) {
    let offers = subject.provider().capabilities();
    for row in offers.rows() {
        let (op, alg, spec) = (row.op, row.alg, row.spec);
        assert!(spec.check().is_ok(), "{spec} is not a kind of key");
        assert!(alg.fits(spec), "{alg} does not fit {spec} and is offered");
        assert!(
            alg.ops().contains(&op),
            "{op} is no operation of {alg} and is offered"
        );
    }
    let odd = KeySpec::Rsa { bits: 1024 };
    assert!(
        !offers.can_generate(odd),
        "{odd} is not a kind of key and is offered"
    );
}

/// Whatever fits and is not in the table is refused as not offered, with the names of
/// exactly that operation, algorithm and kind of key.
///
/// What needs the public half alone (verifying with RSA and EC keys, encrypting and
/// wrapping with RSA keys) is served by the trait itself and may work nevertheless; a
/// vault refuses it by the table.
pub fn what_is_not_offered_is_refused_by_name(subject: &Subject) {
    for (alg, key) in pairs(subject, true) {
        for op in alg.ops() {
            if !subject.offers(op, alg, key.spec()) {
                is_refused(subject, op, alg, &key);
            }
        }
    }
}

/// An algorithm with a kind of key that it does not fit gets no request.
pub fn what_does_not_fit_is_refused_at_the_gate(subject: &Subject) {
    for (alg, key) in pairs(subject, false) {
        let unfit = ErrorKind::Unfit {
            alg: alg.name(),
            key: key.spec().name(),
        };
        for op in alg.ops() {
            must_fail(op.name(), alg, attempt(subject, op, alg, &key), &unfit);
        }
        if let Alg::Encrypt(alg) = alg {
            let (params, buffer) = (decrypt_params(alg), &mut [0; 32]);
            let request = EncryptInPlaceRequest::new(&key, alg, buffer, b"").map(drop);
            must_fail("encrypt in place", alg, request, &unfit);
            let request = DecryptInPlaceRequest::new(&key, alg, buffer, params).map(drop);
            must_fail("decrypt in place", alg, request, &unfit);
        }
    }
}

/// A kind of key that cannot be generated or imported is refused as not offered.
pub fn keys_that_cannot_be_made_are_refused(subject: &Subject) {
    let offers = subject.provider().capabilities();
    for spec in KeySpec::ALL {
        let new = subject.new_key(*spec);
        if !offers.can_generate(*spec) {
            let kind = not_offered("generate", *spec);
            must_fail(
                "generate",
                spec,
                subject.provider().generate(&new),
                kind.kind(),
            );
        }
        if !offers.can_import(*spec) {
            let kind = not_offered("import", *spec);
            let result = subject.provider().import(&subject.fresh(*spec), &new);
            must_fail("import", spec, result, kind.kind());
        }
    }
}

/// A private key is imported as the kind that it is, and refused as any other.
pub fn imports_of_another_kind_are_refused(subject: &Subject) {
    let offers = subject.provider().capabilities();
    let importable = || KeySpec::ALL.iter().filter(|spec| offers.can_import(**spec));
    for spec in importable().filter(|spec| subject.key(**spec).is_ok()) {
        let jwk = subject.fresh(*spec);
        for other in importable() {
            // Symmetric keys of one length are told apart by what they are for.
            let alike = spec.is_symmetric() && other.is_symmetric() && spec.bits() == other.bits();
            if spec == other || alike {
                continue;
            }
            let result = subject.provider().import(&jwk, &subject.new_key(*other));
            let refused = match &result {
                Ok(_) => false,
                Err(error) => matches!(error.kind(), ErrorKind::Invalid { .. }),
            };
            assert!(refused, "{spec}: imported as {other}: {result:?}");
        }
        let key = subject.import(&jwk, *spec);
        assert!(key.spec() == *spec, "{spec}: imported as {}", key.spec());
        let public = jwk.public().key();
        let same = key.public().is_none_or(|own| own.key() == public);
        assert!(same, "{spec}: imported with another public half");
        works(subject, &key);
        must("destroy", spec, subject.provider().destroy(&key));
    }
}

/// A request for what is not offered is refused by name; see the check.
pub(super) fn is_refused(subject: &Subject, op: Op, alg: Alg, key: &KeyHandle) {
    let case = Case {
        alg,
        key: key.clone(),
    };
    let result = attempt(subject, op, alg, key);
    let public = matches!(op, Op::Verify | Op::Encrypt | Op::WrapKey);
    if public && !key.spec().is_symmetric() {
        let served = match &result {
            Ok(()) => true,
            Err(error) => *error.kind() == ErrorKind::BadSignature,
        };
        if served {
            return;
        }
    }
    must_fail(op.name(), &case, result, unsupported(op, alg, key).kind());
}

/// Tries an operation with input of a plausible form.
fn attempt(subject: &Subject, op: Op, alg: Alg, key: &KeyHandle) -> Result<(), Error> {
    let provider = subject.provider();
    match alg {
        Alg::Sign(alg) if op == Op::Sign => {
            let request = SignRequest::for_message(key, alg, b"a message")?;
            provider.sign(&request).map(drop)
        }
        Alg::Sign(alg) => {
            let signature = vec![0x55; signature_len(alg, key.spec())];
            let request = VerifyRequest::for_message(key, alg, b"a message", &signature)?;
            provider.verify(&request)
        }
        Alg::Wrap(alg) if op == Op::WrapKey => {
            let request = WrapRequest::new(key, alg, &[7; 16])?;
            provider.wrap_key(&request).map(drop)
        }
        Alg::Wrap(alg) => {
            let wrapped = vec![0x55; wrapped_len(alg, key.spec())];
            let request = UnwrapRequest::new(key, alg, &wrapped)?;
            provider.unwrap_key(&request).map(drop)
        }
        Alg::Encrypt(alg) if op == Op::Encrypt => {
            let mut params = EncryptParams::none();
            params.iv = is_cbc(alg).then_some(&IV);
            let request = EncryptRequest::new(key, alg, b"a plaintext", params)?;
            provider.encrypt(&request).map(drop)
        }
        Alg::Encrypt(alg) => {
            let len = if key.spec().is_symmetric() {
                32
            } else {
                key.spec().byte_len()
            };
            let ciphertext = vec![0x55; len];
            let request = DecryptRequest::new(key, alg, &ciphertext, decrypt_params(alg))?;
            provider.decrypt(&request).map(drop)
        }
    }
}

fn decrypt_params(alg: EncryptAlg) -> DecryptParams<'static> {
    if is_gcm(alg) {
        return DecryptParams::none().with_iv(&IV[..12]).with_tag(&IV);
    }
    let mut params = DecryptParams::none();
    params.iv = is_cbc(alg).then_some(&IV);
    params
}

fn signature_len(alg: SignAlg, spec: KeySpec) -> usize {
    match spec {
        KeySpec::Rsa { .. } => spec.byte_len(),
        KeySpec::Ec(curve) => 2 * curve.field_len(),
        _ => alg.row().hash.len(),
    }
}

fn wrapped_len(alg: WrapAlg, spec: KeySpec) -> usize {
    match alg.row().scheme {
        WrapScheme::AesKw(_) | WrapScheme::AesKwp => 24,
        WrapScheme::Oaep(_) | WrapScheme::Pkcs1v15 => spec.byte_len(),
    }
}

/// Every algorithm with every key that there is and that it fits, or does not.
fn pairs(subject: &Subject, fits: bool) -> Vec<(Alg, KeyHandle)> {
    let keys = subject.keys();
    let pairs = Alg::all().flat_map(|alg| keys.iter().map(move |key| (alg, key)));
    let wanted = pairs.filter(|(alg, key)| alg.fits(key.spec()) == fits);
    wanted.map(|(alg, key)| (alg, key.clone())).collect()
}
