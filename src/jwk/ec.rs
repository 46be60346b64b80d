//! Elliptic-curve keys: points that are on their curve (RFC 7518 section 6.2).

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::integer;
use crate::alg::Curve;
use crate::engine::ec::{self as engine, Path, PublicTable};
use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// A public point, on its curve by construction and not the identity (the invalid-curve
/// attack reads a private key off points that are not).
///
/// ```
/// use strongroom::Curve;
/// use strongroom::jwk::{EcPublic, PublicKey, SecretJwk};
/// let key = SecretJwk::from_ec_scalar(Curve::P256, &[7; 32])?;
/// if let PublicKey::Ec(point) = key.public().key() {
///     let (x, y) = point.coordinates();
///     assert_eq!(point.sec1(), [&[4], x, y].concat());
///     assert_eq!(*point, EcPublic::from_sec1(Curve::P256, point.sec1())?);
/// }
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EcPublic {
    curve: Curve,
    /// Uncompressed.
    point: Box<[u8]>,
    pub(crate) precomputed: Precomputed,
}

/// What verifying has computed from a point and keeps with it: no part of its value.
#[derive(Clone, Default)]
pub(crate) struct Precomputed(pub(crate) OnceLock<Arc<PublicTable>>);

impl PartialEq for Precomputed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Precomputed {}

/// Runs the same expression for each curve with its crate named `$module`.
macro_rules! each_curve {
    ($curve:expr, $module:ident => $body:expr) => {
        match $curve {
            $crate::alg::Curve::P256 => {
                use p256 as $module;
                $body
            }
            $crate::alg::Curve::P384 => {
                use p384 as $module;
                $body
            }
            $crate::alg::Curve::P521 => {
                use p521 as $module;
                $body
            }
            $crate::alg::Curve::P256K => {
                use k256 as $module;
                $body
            }
        }
    };
}

pub(crate) use each_curve;

/// The first byte of an uncompressed point (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

impl EcPublic {
    /// Builds a point from its two coordinates, each exactly as wide as the field.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `x` or `y`.
    pub fn from_coordinates(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, Error> {
        let width = curve.field_len();
        for (field, coordinate) in [("x", x), ("y", y)] {
            if coordinate.len() != width {
                let rule = Rule::Length {
                    expected: width,
                    actual: coordinate.len(),
                };
                return Err(Error::invalid(field, rule));
            }
        }
        let mut point = Vec::with_capacity(1 + 2 * width);
        point.push(UNCOMPRESSED);
        point.extend_from_slice(x);
        point.extend_from_slice(y);
        EcPublic::from_sec1(curve, &point).map_err(|_| Error::invalid("x", Rule::NotOnCurve))
    }

    /// Reads an uncompressed SEC 1 point. Compressed and hybrid forms are refused: a
    /// key has one spelling.
    ///
    /// # Errors
    /// [`Rule::Encoding`] or [`Rule::NotOnCurve`] for `point`.
    pub fn from_sec1(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        if point.len() != 1 + 2 * curve.field_len() || point.first() != Some(&UNCOMPRESSED) {
            return Err(Error::invalid("point", Rule::Encoding));
        }
        let on_curve = each_curve!(curve, module =>
            module::ecdsa::VerifyingKey::from_sec1_bytes(point).map(drop));
        on_curve.map_err(|_| Error::invalid("point", Rule::NotOnCurve))?;
        Ok(EcPublic {
            curve,
            point: point.into(),
            precomputed: Precomputed::default(),
        })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point, uncompressed (SEC 1 section 2.3.3): `04 || x || y`.
    #[must_use]
    pub fn sec1(&self) -> &[u8] {
        &self.point
    }

    /// The two coordinates, each as wide as the field.
    #[must_use]
    pub fn coordinates(&self) -> (&[u8], &[u8]) {
        // Behind the first byte.
        let both = self.point.get(1..).unwrap_or_default();
        both.split_at_checked(self.curve.field_len())
            .unwrap_or_default()
    }
}

impl fmt::Debug for EcPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcPublic({})", self.curve)
    }
}

/// A private scalar: in `1..n`, as wide as the field, erased on drop.
#[derive(Debug, PartialEq)]
pub struct EcSecret {
    pub(crate) d: SecretBytes,
}

impl EcSecret {
    /// Takes a scalar of exactly the field's width (RFC 7518 section 6.2.2.1; the
    /// curve crates would take shorter ones) and computes its public point: by the engine, or
    /// where that has no answer by the curve crate, which knows every case.
    pub(crate) fn from_scalar(curve: Curve, d: &[u8]) -> Result<(Self, EcPublic), Error> {
        if d.len() != curve.field_len() {
            let rule = Rule::Length {
                expected: curve.field_len(),
                actual: d.len(),
            };
            return Err(Error::invalid("d", rule));
        }
        let point = engine::public_point(Path::best(kernel(curve)), d);
        let public = match point.map(|(x, y)| EcPublic::from_coordinates(curve, &x, &y)) {
            Some(Ok(public)) => public,
            _ => point_by_crate(curve, d)?,
        };
        let secret = EcSecret {
            d: SecretBytes::copy_of(d),
        };
        Ok((secret, public))
    }

    /// Like [`EcSecret::from_scalar`] for a scalar that must belong to this point.
    pub(crate) fn for_public(public: &EcPublic, d: &[u8]) -> Result<Self, Error> {
        let (x, y) = public.coordinates();
        let path = Path::best(kernel(public.curve()));
        let is_its = match engine::is_public_point(path, d, (x, y)) {
            Some(is_its) => is_its,
            None => EcSecret::from_scalar(public.curve(), d)?.1 == *public,
        };
        match is_its {
            true => Ok(EcSecret {
                d: SecretBytes::copy_of(d),
            }),
            false => Err(Error::invalid("d", Rule::Inconsistent)),
        }
    }
}

fn point_by_crate(curve: Curve, d: &[u8]) -> Result<EcPublic, Error> {
    let point: Result<Vec<u8>, _> = each_curve!(curve, module =>
        module::ecdsa::SigningKey::from_slice(d)
            .map(|key| key.verifying_key().to_sec1_point(false).as_bytes().into()));
    let point = point.map_err(|_| Error::invalid("d", Rule::OutOfRange))?;
    EcPublic::from_sec1(curve, &point)
}

/// The engine's name of a curve.
pub(crate) fn kernel(curve: Curve) -> engine::Curve {
    match curve {
        Curve::P256 => engine::Curve::P256,
        Curve::P384 => engine::Curve::P384,
        Curve::P521 => engine::Curve::P521,
        Curve::P256K => engine::Curve::P256K,
    }
}

/// An integer below the order, brought to the field's width: DER writers differ in
/// whether they pad (RFC 5915 section 3 asks for it, not all do).
pub(crate) fn scalar_to_width(curve: Curve, d: &[u8]) -> Result<SecretBytes, Error> {
    integer::fixed("d", d, curve.field_len())
}

#[cfg(test)]
mod tests {
    use crypto_bigint::U1024;

    use super::*;
    use crate::engine::ec::SignInput;
    use crate::error::ErrorKind;

    fn integer_of(hex: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }

    /// The scalars for which the last addition of a multiplication is of a point and its negative,
    /// or itself: those whose odd digits are the ones of `n`, but in one of the two last summands
    /// of the other sign; and `n` less them. The last summand is the highest digit, or every
    /// second, second two or second four of digits that were spread over eight lanes; and the
    /// digits have any width that a table may have.
    fn exceptions(curve: Curve) -> Vec<Vec<u8>> {
        let order = engine::Curve::order(kernel(curve));
        let order = U1024::from_be_hex(&format!("{order:0>256}"));
        let bits = usize::try_from(order.bits()).unwrap();
        let mut scalars = vec![];
        for width in 4..9 {
            let count = bits.div_ceil(width);
            let in_lanes = [1, 2, 4].map(|bit| (0..count).filter(|i| i & bit != 0).collect());
            for last in [vec![count - 1]].into_iter().chain(in_lanes) {
                let [mut positive, mut negative] = [U1024::ZERO; 2];
                for i in 0..count {
                    let digits = (order >> (width * i)).to_words()[0] | 1;
                    // d + 2^width, but for the highest.
                    let digit = digits & ((2 << width) - 1);
                    let is_negative = i + 1 < count && digit >> width == 0;
                    let low = digit & ((1 << width) - 1);
                    let magnitude = if is_negative { (1 << width) - low } else { low };
                    let sum = match is_negative == last.contains(&i) {
                        true => &mut positive,
                        false => &mut negative,
                    };
                    *sum = sum.wrapping_add(&(U1024::from(magnitude) << (width * i)));
                }
                let (less, more) = (positive.min(negative), positive.max(negative));
                let number = more.wrapping_sub(&less);
                if number < order {
                    scalars.extend([number, order.wrapping_sub(&number)]);
                }
            }
        }
        scalars.sort();
        scalars.dedup();
        let width = curve.field_len();
        let bytes = |number: &U1024| number.to_be_bytes().as_ref()[128 - width..].to_vec();
        scalars.iter().map(bytes).collect()
    }

    #[test]
    fn what_the_formulas_cannot_multiply_by_has_its_point_all_the_same() {
        for curve in Curve::ALL {
            let kernel = kernel(*curve);
            let mut refused = vec![0; Path::all(kernel).count()];
            for d in exceptions(*curve) {
                let expected = point_by_crate(*curve, &d).unwrap();
                let (_, public) = EcSecret::from_scalar(*curve, &d).unwrap();
                assert!(public == expected, "{curve}");
                let mut nonce = vec![0; kernel.nonce_len() - d.len()];
                nonce.extend_from_slice(&d);
                let input = SignInput {
                    d: &d,
                    digest: &[7; 32],
                    nonce: &nonce,
                };
                for (path, refused) in Path::all(kernel).zip(&mut refused) {
                    let point = engine::public_point(path, &d);
                    let is_it = engine::is_public_point(path, &d, public.coordinates());
                    assert_eq!(is_it, point.as_ref().map(|_| true));
                    // Another nonce is taken then.
                    let signature = engine::sign_one(path, &input);
                    assert_eq!(signature.is_none(), point.is_none(), "{path:?}");
                    match point {
                        Some((x, y)) => {
                            let ours = EcPublic::from_coordinates(*curve, &x, &y).unwrap();
                            assert!(ours == expected, "{path:?}");
                        }
                        None => *refused += 1,
                    }
                }
            }
            assert!(
                refused.iter().all(|count| *count == 2),
                "{curve} {refused:?}"
            );
        }
    }

    /// Coordinates of P-521 leave seven bits free, in which the same number has room once more, and
    /// numbers above it. One spelling alone is a key: bytes are compared, and hashed.
    #[test]
    fn a_coordinate_has_one_spelling() {
        let mut d = [0; 66];
        d[65] = 7;
        let (_, public) = EcSecret::from_scalar(Curve::P521, &d).unwrap();
        let (x, y) = public.coordinates();
        let p = U1024::ONE.shl_vartime(521).wrapping_sub(&U1024::ONE);
        let alias = |coordinate: &[u8]| {
            let mut number = [0; 128];
            number[62..].copy_from_slice(coordinate);
            let sum = U1024::from_be_slice(&number).wrapping_add(&p);
            sum.to_be_bytes().as_ref()[62..].to_vec()
        };
        let with_bit = |coordinate: &[u8], bit: u8| {
            let mut bytes = coordinate.to_vec();
            bytes[0] |= 1 << bit;
            bytes
        };
        let others = |coordinate: &[u8]| {
            let bits = (1..8).map(|bit| with_bit(coordinate, bit));
            bits.chain([alias(coordinate)]).collect::<Vec<_>>()
        };
        let is_refused = |x: &[u8], y: &[u8]| {
            let refused = EcPublic::from_coordinates(Curve::P521, x, y).unwrap_err();
            let (field, rule) = ("x", Rule::NotOnCurve);
            assert_eq!(*refused.kind(), ErrorKind::Invalid { field, rule });
        };
        others(x).iter().for_each(|x| is_refused(x, y));
        others(y).iter().for_each(|y| is_refused(x, y));
        assert!(EcPublic::from_coordinates(Curve::P521, x, y).unwrap() == public);
    }

    #[test]
    fn points_are_those_of_the_crates() {
        for curve in Curve::ALL {
            let (paths, width) = (|| Path::all(kernel(*curve)), curve.field_len());
            let small = |value: u8| {
                let mut d = vec![0; width];
                d[width - 1] = value;
                d
            };
            let mut scalars: Vec<_> = (1..=9).map(small).collect();
            scalars.extend((0..8).map(|i| {
                let mut d = vec![0x5A ^ (1 << i); width];
                d[0] = 0;
                d
            }));
            // The order less one, which has a point, by the crate if not by the formulas.
            let order = engine::Curve::order(kernel(*curve));
            let order = integer_of(&format!("{order:0>width$}", width = 2 * width));
            let mut last = order.clone();
            last[width - 1] -= 1;
            let (_, point) = EcSecret::from_scalar(*curve, &last).unwrap();
            assert!(point == point_by_crate(*curve, &last).unwrap(), "{curve}");
            for (path, d) in paths().flat_map(|path| scalars.iter().map(move |d| (path, d))) {
                let (x, y) = engine::public_point(path, d).unwrap();
                let ours = EcPublic::from_coordinates(*curve, &x, &y).unwrap();
                assert!(ours == point_by_crate(*curve, d).unwrap(), "{path:?}");
                let is_it = |d: &[u8], x: &[u8], y: &[u8]| {
                    engine::is_public_point(path, d, (x, y)).unwrap()
                };
                let mut other = d.clone();
                other[width - 1] ^= 0x10;
                assert!(is_it(d, &x, &y), "{path:?}");
                assert!(!is_it(&other, &x, &y), "{path:?}");
                assert!(!is_it(d, &x, &x) && !is_it(d, &y, &y), "{path:?}");
            }
            for d in [
                vec![0; width],
                vec![0xFF; width],
                vec![1; width - 1],
                vec![1; width + 1],
                order,
            ] {
                assert!(paths().all(|path| engine::public_point(path, &d).is_none()));
                assert!(EcSecret::from_scalar(*curve, &d).is_err());
            }
        }
    }
}
