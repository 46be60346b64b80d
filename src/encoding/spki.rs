//! Public keys as `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).

use der::asn1::BitStringRef;
use spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};

use super::oid::{self, KeyKind};
use super::{decode, encode, not_with_key, pkcs1};
use crate::error::{Error, Rule};
use crate::jwk::{EcPublic, Jwk, PublicKey};

/// Its name in errors.
const WHOLE: &str = "spki";

impl Jwk {
    /// Reads a `SubjectPublicKeyInfo`: RSA (RFC 3279 section 2.3.1), or EC on a named
    /// curve with an uncompressed point (RFC 5480 section 2).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `spki`, its `algorithm` or
    /// `parameters`, or for a member of the key.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let info: SubjectPublicKeyInfoRef<'_> = decode(WHOLE, der)?;
        let kind = KeyKind::read(&info.algorithm)?;
        let key = info.subject_public_key.as_bytes();
        let key = key.ok_or_else(|| Error::invalid(WHOLE, Rule::Encoding))?;
        match kind {
            KeyKind::Rsa => pkcs1::read_public(key).map(PublicKey::Rsa).map(Jwk::new),
            KeyKind::Ec(curve) => EcPublic::from_sec1(curve, key)
                .map(PublicKey::Ec)
                .map(Jwk::new),
        }
    }

    /// Writes a `SubjectPublicKeyInfo`. `kid`, `key_ops` and the like have no place in it.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `kty` if the key is symmetric.
    pub fn to_spki_der(&self) -> Result<Vec<u8>, Error> {
        match self.key() {
            PublicKey::Rsa(key) => write(oid::rsa(), &pkcs1::write_public(key)?),
            PublicKey::Ec(key) => {
                let curve = oid::curve_oid(key.curve());
                write(oid::ec(&curve), key.sec1())
            }
            PublicKey::Oct(_) => Err(not_with_key()),
        }
    }
}

fn write(algorithm: spki::AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Vec<u8>, Error> {
    let key = BitStringRef::from_bytes(key).map_err(|_| Error::invalid(WHOLE, Rule::Encoding))?;
    encode(
        WHOLE,
        &SubjectPublicKeyInfo {
            algorithm,
            subject_public_key: key,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::Curve;
    use crate::jwk::SecretJwk;

    #[test]
    fn every_curve_round_trips_and_nothing_may_follow() {
        for curve in Curve::ALL {
            let key = SecretJwk::from_ec_scalar(*curve, &vec![1; curve.field_len()]).unwrap();
            let mut der = key.public().to_spki_der().unwrap();
            assert_eq!(&Jwk::from_spki_der(&der).unwrap(), key.public());
            for len in 0..der.len() {
                assert!(Jwk::from_spki_der(&der[..len]).is_err());
            }
            der.push(0);
            assert!(Jwk::from_spki_der(&der).is_err());
        }
    }

    #[test]
    fn compressed_points_and_symmetric_keys_are_refused() {
        let key = SecretJwk::from_ec_scalar(Curve::P256, &[1; 32]).unwrap();
        let PublicKey::Ec(point) = key.public().key() else {
            unreachable!()
        };
        let (x, y) = point.coordinates();
        let compressed = [&[2 + y[31] % 2][..], x].concat();
        let oid = oid::curve_oid(Curve::P256);
        let error = Jwk::from_spki_der(&write(oid::ec(&oid), &compressed).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`point` is not correctly encoded");
        assert!(
            SecretJwk::from_oct(&[1; 16])
                .unwrap()
                .public()
                .to_spki_der()
                .is_err()
        );
    }
}
