//! Hooks for this crate's own tests and fuzz targets, and for nobody else: whatever is
//! here may change or go without notice.

use crypto_bigint::BoxedUint;

use crate::alg::Curve;
use crate::error::Error;
use crate::jwk::{self, EcSecret};

/// The test that the primes of an imported RSA key must pass, for a big-endian integer
/// of any length. 2 does not pass: no RSA key has it.
#[must_use]
pub fn is_prime(candidate: &[u8]) -> bool {
    let bits = u32::try_from(8 * candidate.len()).unwrap_or(u32::MAX);
    let candidate = BoxedUint::from_be_slice_truncated(candidate, bits);
    jwk::is_prime(&candidate).is_ok_and(|prime| prime)
}

/// An ECDSA signature with the nonce of RFC 6979 and no randomness: `r || s`, and a low
/// s on P-256K. The nonce is made with the curve's own hash, whatever made the digest.
///
/// Not for use: one faulty signature beside a good one of the same digest gives the key
/// away. The software backend mixes randomness in.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for `d`.
pub fn sign_deterministic(curve: Curve, d: &[u8], digest: &[u8]) -> Result<Vec<u8>, Error> {
    let (_, public) = EcSecret::from_scalar(curve, d)?;
    crate::software::sign_deterministic(&public, d, digest)
}
