//! Hooks for this crate's own tests and fuzz targets, and for nobody else: whatever is
//! here may change or go without notice.

use crate::alg::Curve;
use crate::error::Error;
use crate::jwk::EcSecret;

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
