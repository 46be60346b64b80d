//! EC private keys in the form of SEC 1 (RFC 5915).

use sec1::{EcParameters, EcPrivateKey};

use super::{decode, encode_secret, not_with_key, oid};
use crate::alg::Curve;
use crate::error::{Error, Rule};
use crate::jwk::{EcPublic, EcSecret, PublicKey, SecretJwk, SecretKey, scalar_to_width};
use crate::secret::SecretBytes;

/// Its name in errors.
const WHOLE: &str = "sec1";

impl SecretJwk {
    /// Reads an `ECPrivateKey` that names its curve. Its public key is computed, and
    /// compared if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `sec1`, `crv`, `point` or `d`.
    pub fn from_sec1_der(der: &[u8]) -> Result<Self, Error> {
        read(der, None)
    }

    /// Writes an `ECPrivateKey` with its curve and its public key.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `kty` unless the key is EC.
    pub fn to_sec1_der_exposing_secret(&self) -> Result<SecretBytes, Error> {
        match (self.public().key(), self.secret()) {
            (PublicKey::Ec(public), SecretKey::Ec(secret)) => write(public, secret, true),
            _ => Err(not_with_key()),
        }
    }
}

/// Reads a key on the curve that it names, or that PKCS #8 names around it, and which
/// must be the same if there are both.
pub(super) fn read(der: &[u8], outer: Option<Curve>) -> Result<SecretJwk, Error> {
    let key: EcPrivateKey<'_> = decode(WHOLE, der)?;
    let inner = key.parameters.and_then(EcParameters::named_curve);
    let inner = inner.map(oid::curve).transpose()?;
    let curve = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => {
            return Err(Error::invalid("crv", Rule::Inconsistent));
        }
        (outer, inner) => outer
            .or(inner)
            .ok_or_else(|| Error::invalid("crv", Rule::Missing))?,
    };
    let d = scalar_to_width(curve, key.private_key)?;
    let jwk = SecretJwk::from_ec_scalar(curve, d.expose())?;
    if let Some(point) = key.public_key {
        check_point(&jwk, point)?;
    }
    Ok(jwk)
}

/// Checks a public key that stands beside the private one.
pub(super) fn check_point(jwk: &SecretJwk, point: &[u8]) -> Result<(), Error> {
    match jwk.public().key() {
        PublicKey::Ec(public) if EcPublic::from_sec1(public.curve(), point)? == *public => Ok(()),
        _ => Err(Error::invalid("d", Rule::Inconsistent)),
    }
}

/// Writes a key; inside PKCS #8 the curve stands outside alone.
pub(super) fn write(
    public: &EcPublic,
    secret: &EcSecret,
    with_curve: bool,
) -> Result<SecretBytes, Error> {
    let point = public.sec1();
    let curve = EcParameters::NamedCurve(oid::curve_oid(public.curve()));
    let key = EcPrivateKey {
        private_key: secret.d.expose(),
        parameters: with_curve.then_some(curve),
        public_key: Some(point),
    };
    encode_secret(WHOLE, &key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode;

    fn der(d: &[u8], curve: Option<Curve>, point: Option<&[u8]>) -> Vec<u8> {
        let parameters = curve.map(|curve| EcParameters::NamedCurve(oid::curve_oid(curve)));
        EcPrivateKey {
            private_key: d,
            parameters,
            public_key: point,
        }
        .to_der()
        .unwrap()
    }

    #[test]
    fn scalars_of_other_widths_are_the_same_key() {
        let short = SecretJwk::from_sec1_der(&der(&[7], Some(Curve::P256), None)).unwrap();
        let long =
            SecretJwk::from_sec1_der(&der(&[&[0; 9][..], &[7]].concat(), Some(Curve::P256), None));
        assert_eq!(short, long.unwrap());
        for wrong in [&[][..], &[0; 32], &[0xFF; 32], &[1; 33]] {
            assert!(SecretJwk::from_sec1_der(&der(wrong, Some(Curve::P256), None)).is_err());
        }
    }

    #[test]
    fn curve_and_point_must_agree() {
        let key = SecretJwk::from_ec_scalar(Curve::P256, &[7; 32]).unwrap();
        let other = SecretJwk::from_ec_scalar(Curve::P256, &[8; 32]).unwrap();
        let point = |key: &SecretJwk| match key.public().key() {
            PublicKey::Ec(public) => public.sec1().to_vec(),
            _ => unreachable!(),
        };
        let good = der(&[7; 32], Some(Curve::P256), Some(&point(&key)));
        assert_eq!(SecretJwk::from_sec1_der(&good).unwrap(), key);
        assert_eq!(key.to_sec1_der_exposing_secret().unwrap().expose(), good);
        let bad = der(&[7; 32], Some(Curve::P256), Some(&point(&other)));
        assert!(SecretJwk::from_sec1_der(&bad).is_err());
        assert!(SecretJwk::from_sec1_der(&der(&[7; 32], None, None)).is_err());
        assert!(read(&good, Some(Curve::P256K)).is_err());
        assert!(read(&der(&[7; 32], None, None), Some(Curve::P256)).is_ok());
    }
}
