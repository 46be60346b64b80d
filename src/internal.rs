//! For this crate's own tests and fuzz targets: not API, and may change at any time.

use crypto_bigint::BoxedUint;

use crate::jwk;

/// The test that the primes of an imported RSA key must pass, for a big-endian integer
/// of any length. 2 does not pass: no RSA key has it.
#[must_use]
pub fn is_prime(candidate: &[u8]) -> bool {
    let bits = u32::try_from(8 * candidate.len()).unwrap_or(u32::MAX);
    jwk::is_prime(&BoxedUint::from_be_slice_truncated(candidate, bits))
}
