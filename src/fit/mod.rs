//! The fit gate: requests that exist are requests that fit.
//!
//! *Can this key run this algorithm on this input?* is asked here and nowhere else. A
//! request has private fields and checking constructors, so a backend that receives
//! one knows that kind of key, algorithm, digest length and parameters agree. (Modules
//! do not check: one signs 20-byte "digests" with a P-256 key, another reports an RSA
//! mechanism on an EC key as a general error.)
//!
//! Inputs whose form is the caller's fault are refused with the field and the rule, and
//! so are an IV, a tag and a CBC ciphertext of impossible lengths, which are public. A
//! signature, an RSA ciphertext or a wrapped key of a wrong length fails as
//! [`ErrorKind::BadSignature`] or [`ErrorKind::DecryptFailed`], like one with a wrong byte.

mod ciphertext;
mod encrypt;
mod in_place;
mod sign;
mod wrap;

pub use ciphertext::{Ciphertext, DecryptParams, EncryptParams, GCM_IV_LEN, GCM_TAG_LEN, Sealed};
pub use encrypt::{DecryptRequest, EncryptRequest};
pub use in_place::{DecryptInPlaceRequest, EncryptInPlaceRequest};
pub use sign::{SignData, SignRequest, Signature, VerifyRequest};
pub use wrap::{UnwrapRequest, WrapRequest};

use crate::alg::{Alg, KeySpec, Op};
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::KeyHandle;

/// The most bytes of message, plaintext, ciphertext or associated data in one call.
pub const MAX_DATA_LEN: usize = 1 << 30;

/// The most bytes of key material in one wrap or unwrap.
pub const MAX_KEY_MATERIAL_LEN: usize = 1 << 16;

#[inline]
fn check_len(field: &'static str, len: usize, max: usize) -> Result<(), Error> {
    if len > max {
        return Err(Error::invalid(field, Rule::TooLong(max)));
    }
    Ok(())
}

#[inline]
fn check_fit(key: &KeyHandle, alg: impl Into<Alg>) -> Result<(), Error> {
    let (alg, spec) = (alg.into(), key.spec());
    if alg.fits(spec) {
        return Ok(());
    }
    Err(unfit(alg, spec))
}

#[cold]
fn unfit(alg: Alg, spec: KeySpec) -> Error {
    let (alg, key) = (alg.name(), spec.name());
    ErrorKind::Unfit { alg, key }.into()
}

/// The error of whoever lacks an operation: the third question, *offer*, answered with no.
pub(crate) fn unsupported(op: Op, alg: impl Into<Alg>, key: &KeyHandle) -> Error {
    let (op, alg, key) = (op.name(), alg.into().name(), key.spec().name());
    ErrorKind::NotOffered { op, alg, key }.into()
}

/// The longest plaintext of RSAES-OAEP (RFC 8017 section 7.1.1) for a modulus and a
/// digest of these lengths, in bytes.
fn max_oaep_len(modulus: usize, digest: usize) -> usize {
    modulus.saturating_sub(2 * digest + 2)
}

/// The longest plaintext of RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1), in bytes.
fn max_pkcs1_len(modulus: usize) -> usize {
    modulus.saturating_sub(11)
}
