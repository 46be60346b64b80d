//! Wrapping and unwrapping of key material.

use super::malformed;
use super::subject::{Case, Subject, must, must_fail, sample};
use crate::alg::{KeySpec, Op, WrapAlg, WrapScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{UnwrapRequest, WrapRequest};
use crate::provider::ProviderRng;
use crate::public;
use crate::secret::SecretBytes;

/// Material of every length that an algorithm takes comes back; what is wrapped is as
/// long as the standard says, and different from the material.
pub fn wrapped_keys_unwrap(subject: &Subject) {
    for case in subject.wrapping(Op::WrapKey) {
        for len in lengths(&case) {
            let material = sample(len);
            let wrapped = must("wrap", &case, wrap(subject, &case, &material));
            assert_eq!(
                wrapped.len(),
                wrapped_len(&case, len),
                "{case}: the length of {len} bytes when wrapped"
            );
            if subject.offers(Op::UnwrapKey, case.alg, case.spec()) {
                let unwrapped = must("unwrap", &case, unwrap(subject, &case, &wrapped));
                assert!(
                    unwrapped.expose() == material,
                    "{case}: {len} bytes came back changed"
                );
            }
        }
    }
}

/// What was wrapped in software with the public half, the backend unwraps.
pub fn keys_wrapped_in_software_unwrap(subject: &Subject) {
    for case in subject.wrapping(Op::UnwrapKey) {
        if case.spec().is_symmetric() {
            continue;
        }
        for len in lengths(&case) {
            let material = sample(len);
            let wrapped = wrap_in_software(subject, &case, &material);
            let unwrapped = must("unwrap", &case, unwrap(subject, &case, &wrapped));
            assert!(
                unwrapped.expose() == material,
                "{case}: {len} bytes came back changed"
            );
        }
    }
}

/// AES key wrap gives the same each time, RSA never does.
pub fn wrappings_repeat_where_they_must(subject: &Subject) {
    for case in subject.wrapping(Op::WrapKey) {
        let material = sample(32);
        let [one, two] = [(); 2].map(|()| must("wrap", &case, wrap(subject, &case, &material)));
        match case.spec() {
            KeySpec::Rsa { .. } => assert!(one != two, "{case}: the padding is not random"),
            _ => assert!(one == two, "{case}: two wrappings differ"),
        }
    }
}

/// A wrapped key that was altered in any way does not unwrap.
pub fn altered_wrapped_keys_are_refused(subject: &Subject) {
    for malformed in malformed::wrapped_keys(subject) {
        let (what, alg) = (malformed.what, malformed.case);
        must_fail(&what, alg, malformed.result, &ErrorKind::DecryptFailed);
    }
}

/// Material of lengths that the algorithm cannot take is refused before it is wrapped:
/// some tokens fill up with zeros in silence.
pub fn material_of_other_lengths_is_refused(subject: &Subject) {
    for case in subject.wrapping(Op::WrapKey) {
        let wrong: &[usize] = match case.alg.row().scheme {
            WrapScheme::AesKw(_) => &[0, 1, 7, 8, 15, 17, 20, 31],
            WrapScheme::AesKwp => &[0],
            _ => &[512, 600],
        };
        for len in wrong {
            let result = wrap(subject, &case, &sample(*len));
            let refused = result.is_err_and(|error| {
                matches!(error.kind(), ErrorKind::Invalid { field: "value", .. })
            });
            assert!(refused, "{case}: {len} bytes were not refused");
        }
    }
}

pub(super) fn wrap(
    subject: &Subject,
    case: &Case<WrapAlg>,
    material: &[u8],
) -> Result<Vec<u8>, Error> {
    let request = WrapRequest::new(&case.key, case.alg, material)?;
    subject.provider().wrap_key(&request)
}

pub(super) fn wrap_in_software(
    subject: &Subject,
    case: &Case<WrapAlg>,
    material: &[u8],
) -> Vec<u8> {
    let request = must(
        "a request to wrap",
        case,
        WrapRequest::new(&case.key, case.alg, material),
    );
    let rng = &mut ProviderRng::new(subject.provider());
    must("wrap in software", case, public::wrap_key(&request, rng))
}

pub(super) fn unwrap(
    subject: &Subject,
    case: &Case<WrapAlg>,
    wrapped: &[u8],
) -> Result<SecretBytes, Error> {
    let request = UnwrapRequest::new(&case.key, case.alg, wrapped)?;
    subject.provider().unwrap_key(&request)
}

/// Lengths at the edges of what the algorithm takes.
fn lengths(case: &Case<WrapAlg>) -> Vec<usize> {
    let modulus = case.spec().byte_len();
    match case.alg.row().scheme {
        WrapScheme::AesKw(_) => vec![16, 24, 32, 64, 1024],
        WrapScheme::AesKwp => vec![1, 7, 8, 9, 16, 20, 31, 32, 66, 1217],
        WrapScheme::Oaep(hash) => vec![1, 16, 32, modulus - 2 * hash.len() - 2],
        WrapScheme::Pkcs1v15 => vec![1, 16, 32, modulus - 11],
    }
}

fn wrapped_len(case: &Case<WrapAlg>, material: usize) -> usize {
    match case.alg.row().scheme {
        WrapScheme::AesKw(_) => material + 8,
        WrapScheme::AesKwp => material.next_multiple_of(8) + 8,
        WrapScheme::Oaep(_) | WrapScheme::Pkcs1v15 => case.spec().byte_len(),
    }
}
