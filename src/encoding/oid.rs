//! The object identifiers of keys: which algorithm, which curve.

use der::Tagged;
use der::asn1::{AnyRef, ObjectIdentifier};
use spki::{AlgorithmIdentifier, AlgorithmIdentifierRef};

use crate::alg::Curve;
use crate::error::{Error, Rule};

/// `rsaEncryption` (RFC 8017 appendix C).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const P256K: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

/// What an algorithm identifier says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    Ec(Curve),
}

/// The identifier of a curve (RFC 5480 section 2.1.1.1, SEC 2 appendix A.2).
pub(super) fn curve_oid(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P256 => P256,
        Curve::P384 => P384,
        Curve::P521 => P521,
        Curve::P256K => P256K,
    }
}

/// A curve as `CKA_EC_PARAMS` has it: the DER of its identifier (PKCS #11 v3.1 section 6.3.3).
#[cfg(feature = "pkcs11")]
pub(crate) fn ec_parameters(curve: Curve) -> Result<Vec<u8>, Error> {
    let encoded = der::Encode::to_der(&curve_oid(curve));
    encoded.map_err(|_| Error::invalid("crv", Rule::Encoding))
}

/// The curve of an identifier.
pub(super) fn curve(oid: ObjectIdentifier) -> Result<Curve, Error> {
    let known = Curve::ALL.iter().find(|curve| curve_oid(**curve) == oid);
    known
        .copied()
        .ok_or_else(|| Error::invalid("crv", Rule::Unsupported))
}

impl KeyKind {
    /// Reads an identifier. RSA keys restricted to PSS or OAEP have identifiers of
    /// their own (RFC 4055) and are not supported: a JWK cannot say what they say.
    pub(super) fn read(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, Error> {
        let parameters = algorithm.parameters;
        match algorithm.oid {
            // "The parameters field MUST have ASN.1 type NULL" (RFC 3279 section 2.3.1).
            RSA if parameters == Some(AnyRef::NULL) => Ok(KeyKind::Rsa),
            RSA => Err(Error::invalid("parameters", Rule::Encoding)),
            EC => {
                let parameters = parameters.ok_or_else(|| Error::invalid("crv", Rule::Missing))?;
                if parameters.tag() != der::Tag::ObjectIdentifier {
                    return Err(Error::invalid("crv", Rule::Unsupported));
                }
                let oid = parameters.decode_as::<ObjectIdentifier>();
                curve(oid.map_err(|_| Error::invalid("crv", Rule::Encoding))?).map(KeyKind::Ec)
            }
            _ => Err(Error::invalid("algorithm", Rule::Unsupported)),
        }
    }
}

/// The identifier of RSA keys.
pub(super) fn rsa() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifier {
        oid: RSA,
        parameters: Some(AnyRef::NULL),
    }
}

/// The identifier of EC keys on the curve that `curve` identifies.
pub(super) fn ec(curve: &ObjectIdentifier) -> AlgorithmIdentifierRef<'_> {
    AlgorithmIdentifier {
        oid: EC,
        parameters: Some(curve.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_back() {
        assert_eq!(KeyKind::read(&rsa()).unwrap(), KeyKind::Rsa);
        for known in Curve::ALL {
            let oid = curve_oid(*known);
            assert_eq!(KeyKind::read(&ec(&oid)).unwrap(), KeyKind::Ec(*known));
        }
    }

    #[test]
    fn pss_keys_and_missing_parameters_are_refused() {
        let pss = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
        for (oid, parameters) in [
            (pss, Some(AnyRef::NULL)),
            (RSA, None),
            (EC, None),
            (EC, Some(AnyRef::NULL)),
        ] {
            assert!(KeyKind::read(&AlgorithmIdentifier { oid, parameters }).is_err());
        }
    }
}
