//! ECDSA with the public point (FIPS 186-5 section 6.4.2).

use signature::hazmat::PrehashVerifier;

use crate::jwk::{EcPoint, EcPublic};

/// Checks `r || s`, each exactly as wide as the field (RFC 7518 section 3.4): a DER
/// form or another width is a bad signature. `r` and `s` outside `1..n` are refused
/// while reading (all-zero signatures verified elsewhere: CVE-2022-21449).
pub(super) fn verify(point: &EcPublic, digest: &[u8], signature: &[u8]) -> bool {
    match &point.0 {
        EcPoint::P256(key) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        EcPoint::P384(key) => p384::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        EcPoint::P521(key) => p521::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        // RFC 8812 has no low-s rule and other signers do not follow one; the curve
        // crate refuses a high s, so it is brought down first. (r, s) and (r, n - s)
        // are valid or invalid together.
        EcPoint::P256K(key) => k256::ecdsa::Signature::from_slice(signature)
            .map(|signature| signature.normalize_s())
            .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
    }
}
