//! The two forms of an ECDSA signature.
//!
//! JWA, Key Vault and PKCS #11 use `r || s` of fixed width (IEEE P1363; RFC 7518
//! section 3.4). X.509, TLS and OpenSSL use `ECDSA-Sig-Value` in DER (RFC 3279 section
//! 2.2.3). A signature that is converted has `r` and `s` in `1..n`; whether it verifies
//! is another question.

use crate::alg::Curve;
use crate::error::{Error, Rule};

/// From `r || s` to DER.
///
/// # Errors
/// [`Rule::Length`] or [`Rule::OutOfRange`] for `signature`.
///
/// ```
/// use strongroom::Curve;
/// use strongroom::encoding::ecdsa_sig;
///
/// let der = ecdsa_sig::to_der(Curve::P256, &[0x81; 64])?;
/// assert_eq!(der[..6], [0x30, 70, 0x02, 33, 0x00, 0x81]);
/// assert_eq!(ecdsa_sig::to_p1363(Curve::P256, &der)?, [0x81; 64]);
/// # Ok::<(), strongroom::Error>(())
/// ```
pub fn to_der(curve: Curve, p1363: &[u8]) -> Result<Vec<u8>, Error> {
    let expected = 2 * curve.field_len();
    if p1363.len() != expected {
        let rule = Rule::Length {
            expected,
            actual: p1363.len(),
        };
        return Err(Error::invalid("signature", rule));
    }
    let der: Result<Vec<u8>, ecdsa::Error> = match curve {
        Curve::P256 => {
            p256::ecdsa::Signature::from_slice(p1363).map(|s| s.to_der().as_bytes().into())
        }
        Curve::P384 => {
            p384::ecdsa::Signature::from_slice(p1363).map(|s| s.to_der().as_bytes().into())
        }
        Curve::P521 => {
            p521::ecdsa::Signature::from_slice(p1363).map(|s| s.to_der().as_bytes().into())
        }
        Curve::P256K => {
            k256::ecdsa::Signature::from_slice(p1363).map(|s| s.to_der().as_bytes().into())
        }
    };
    der.map_err(|_| Error::invalid("signature", Rule::OutOfRange))
}

/// From DER to `r || s`.
///
/// Strict: integers are minimal and positive, lengths are in their shortest form, and
/// nothing follows.
///
/// # Errors
/// [`Rule::Encoding`] for `signature`, also where `r` or `s` is outside `1..n`.
pub fn to_p1363(curve: Curve, der: &[u8]) -> Result<Vec<u8>, Error> {
    let p1363: Result<Vec<u8>, ecdsa::Error> = match curve {
        Curve::P256 => p256::ecdsa::Signature::from_der(der).map(|s| s.to_bytes().to_vec()),
        Curve::P384 => p384::ecdsa::Signature::from_der(der).map(|s| s.to_bytes().to_vec()),
        Curve::P521 => p521::ecdsa::Signature::from_der(der).map(|s| s.to_bytes().to_vec()),
        Curve::P256K => k256::ecdsa::Signature::from_der(der).map(|s| s.to_bytes().to_vec()),
    };
    p1363.map_err(|_| Error::invalid("signature", Rule::Encoding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_on_every_curve() {
        for curve in Curve::ALL {
            for first in [0x00, 0x01, 0x7F] {
                let mut p1363 = vec![0x5A; 2 * curve.field_len()];
                // P-521's top byte holds one bit.
                p1363[0] = first.min(1);
                p1363[curve.field_len()] = if *curve == Curve::P521 { 0 } else { first };
                let der = to_der(*curve, &p1363).unwrap();
                assert_eq!(to_p1363(*curve, &der).unwrap(), p1363);
            }
        }
    }

    #[test]
    fn numbers_out_of_range_and_wrong_lengths() {
        for curve in Curve::ALL {
            let width = curve.field_len();
            for wrong in [vec![0; 2 * width], vec![0xFF; 2 * width]] {
                assert!(to_der(*curve, &wrong).is_err());
            }
            for len in [0, width, 2 * width - 1, 2 * width + 1] {
                assert!(to_der(*curve, &vec![1; len]).is_err());
            }
        }
    }

    #[test]
    fn der_is_strict() {
        let good = [0x30, 6, 2, 1, 1, 2, 1, 1];
        assert!(to_p1363(Curve::P256, &good).is_ok());
        let wrong: &[&[u8]] = &[
            &[],
            &[0x30, 0],
            &[0x30, 6, 2, 1, 1, 2, 1],             // cut off
            &[0x30, 6, 2, 1, 1, 2, 1, 1, 0],       // a byte behind
            &[0x30, 7, 2, 1, 1, 2, 1, 1, 0],       // a byte inside, behind
            &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],    // long form of a short length
            &[0x30, 7, 2, 2, 0, 1, 2, 1, 1],       // a needless zero
            &[0x30, 6, 2, 1, 0x81, 2, 1, 1],       // negative
            &[0x30, 6, 2, 1, 0, 2, 1, 1],          // r = 0
            &[0x30, 6, 2, 1, 1, 2, 1, 0],          // s = 0
            &[0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0], // indefinite length
            &[0x31, 6, 2, 1, 1, 2, 1, 1],          // a set
            &[0x30, 3, 2, 1, 1],                   // r alone
        ];
        for der in wrong {
            assert!(to_p1363(Curve::P256, der).is_err(), "{der:02x?}");
        }
    }
}
