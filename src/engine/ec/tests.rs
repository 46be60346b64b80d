//! Signatures and verdicts against the curve crates, by every path that the processor has, over
//! random, edge and hostile operands.
#![allow(clippy::as_conversions, clippy::cast_possible_truncation)]

use ::p256::elliptic_curve::PrimeField;
use ::p256::elliptic_curve::ops::Reduce;
use ::p256::elliptic_curve::scalar::IsHigh;
use ::p256::elliptic_curve::sec1::ToSec1Point;
use ecdsa::signature::hazmat::PrehashVerifier;

use super::{Curve, Path, SignInput, VerifyInput, constants};
use crate::engine::{ec, limbs};

/// A generator that gives the same numbers each time (xorshift64*).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Random bytes, or bytes with long runs of ones and zeros, which is where carries go far.
    pub(super) fn bytes(&mut self, out: &mut [u8]) {
        if self.next().is_multiple_of(2) {
            return out.iter_mut().for_each(|byte| *byte = self.next() as u8);
        }
        let mut value = 0;
        for byte in out {
            if self.next().is_multiple_of(4) {
                value = [0, 0xFF, 0x80, 0x01][self.next() as usize % 4];
            }
            *byte = value;
        }
    }
}

/// The tests of a curve against its crate.
macro_rules! against_the_crate {
    ($module:ident, $curve:ident, $bytes:literal) => {
        mod $module {
            use ::$module::{FieldBytes, ProjectivePoint, Scalar};

            use super::*;

            const CURVE: Curve = Curve::$curve;
            const N: [u64; usize::div_ceil($bytes, 8)] = constants::parse(constants::$curve.n, 64);

            fn reduce(bytes: &[u8; $bytes]) -> Scalar {
                let mut bytes = *bytes;
                if CURVE == Curve::P521 {
                    // That of the crate wants less than twice the order.
                    bytes[0] &= 1;
                }
                <Scalar as Reduce<FieldBytes>>::reduce(&bytes.into())
            }

            fn bytes(scalar: &Scalar) -> [u8; $bytes] {
                scalar.to_repr().into()
            }

            fn nonce(k: &Scalar) -> Vec<u8> {
                let mut nonce = vec![0; CURVE.nonce_len()];
                let at = nonce.len() - $bytes;
                nonce[at..].copy_from_slice(&bytes(k));
                nonce
            }

            /// Scalars at which a recoding goes wrong.
            fn scalars() -> Vec<Scalar> {
                let one = Scalar::ONE;
                let two = one + one;
                let mut scalars = vec![one, two, two + one, -one, -two, -two - one];
                let mut power = one;
                for _ in 1..8 * $bytes {
                    power += power;
                    scalars.extend([power, power - one, -power]);
                }
                let mut numbers = Numbers(9);
                for _ in 0..50 {
                    let mut bytes = [0; $bytes];
                    numbers.bytes(&mut bytes);
                    scalars.push(reduce(&bytes));
                }
                scalars.retain(|scalar| *scalar != Scalar::ZERO);
                scalars
            }

            /// FIPS 186-5 section 6.4.1 with the crate's scalars and points.
            fn signature(d: &Scalar, digest: &[u8; $bytes], k: &Scalar) -> Vec<u8> {
                let point = (ProjectivePoint::GENERATOR * k).to_affine();
                let x = point.to_sec1_point(false).x().copied().unwrap();
                let r = reduce(&x.into());
                let mut s = k.invert().unwrap() * (reduce(digest) + r * d);
                if CURVE == Curve::P256K && s.is_high().into() {
                    s = -s;
                }
                [bytes(&r), bytes(&s)].concat()
            }

            fn digest(i: usize, numbers: &mut Numbers) -> [u8; $bytes] {
                let mut digest = match i % 7 {
                    0 => [0; $bytes],
                    1 => [0xFF; $bytes],
                    _ => [i as u8; $bytes],
                };
                if i % 7 > 2 {
                    numbers.bytes(&mut digest);
                }
                // No hash is longer.
                digest[..usize::saturating_sub($bytes, 64)].fill(0);
                digest
            }

            #[test]
            fn signatures_are_those_of_the_crate() {
                for path in Path::all(CURVE) {
                    let scalars = scalars();
                    let mut numbers = Numbers(10);
                    let mut cases = Vec::new();
                    for (i, k) in scalars.iter().enumerate() {
                        let d = scalars[(i * 37 + 5) % scalars.len()];
                        let digest = digest(i, &mut numbers);
                        cases.push((bytes(&d), digest, nonce(k), signature(&d, &digest, k)));
                    }
                    // Each kind of batch: vectors, what is left over, one at a time.
                    let mut at = 0;
                    for len in [1, 2, 3, 7, 8, 9, 10, 11, 16, 63, 64, 65, 75]
                        .iter()
                        .cycle()
                    {
                        let some = &cases[at..cases.len().min(at + len)];
                        let inputs: Vec<_> = some
                            .iter()
                            .map(|(d, digest, nonce, _)| SignInput { d, digest, nonce })
                            .collect();
                        let signed = ec::sign_all(path, &inputs);
                        assert_eq!(signed.len(), some.len());
                        for ((.., expected), signed) in some.iter().zip(signed) {
                            assert_eq!(signed.as_ref(), Some(expected));
                        }
                        at += some.len();
                        if at == cases.len() {
                            break;
                        }
                    }
                }
            }

            #[test]
            fn nonces_are_reduced() {
                for path in Path::all(CURVE) {
                    let five = nonce(&(0..5).map(|_| Scalar::ONE).sum::<Scalar>());
                    // n + 5, and n times a power of two, + 5: the same as 5.
                    let (mut above, mut far) = (five.clone(), vec![0; five.len()]);
                    let mut n5 = N;
                    n5[0] += 5;
                    limbs::to_be(&n5, &mut above);
                    limbs::to_be(&N, &mut far[..$bytes]);
                    *far.last_mut().unwrap() += 5;
                    let (d, digest) = ([1; $bytes], [4; 32]);
                    let sign = |nonce: &[u8]| {
                        let (d, digest) = (&d, &digest);
                        ec::sign_all(path, &[SignInput { d, digest, nonce }]).remove(0)
                    };
                    assert!(sign(&five).is_some());
                    assert_eq!(sign(&above), sign(&five));
                    // Not where the five would be added into the order.
                    if five.len() > $bytes {
                        assert_eq!(sign(&far), sign(&five));
                    }
                }
            }

            /// What cannot be a signature is none, and does not disturb its neighbours.
            #[test]
            fn what_has_no_signature_is_told_apart() {
                for path in Path::all(CURVE) {
                    let one = nonce(&Scalar::ONE);
                    let (zero, mut order) = (vec![0; one.len()], vec![0; one.len()]);
                    limbs::to_be(&N, &mut order);
                    // With k = 1 and d = 1: s = z + r, which is zero for z = n - r.
                    let d = bytes(&Scalar::ONE);
                    let r = signature(&Scalar::ONE, &[0; $bytes], &Scalar::ONE);
                    let no_s = bytes(&-reduce(r[..$bytes].try_into().unwrap()));
                    let other = [9; $bytes];
                    let input = |nonce, digest| SignInput {
                        d: &d,
                        digest,
                        nonce,
                    };
                    let batch = [
                        input(&one, &other),
                        input(&zero, &other),
                        input(&order, &other),
                        input(&one, &no_s),
                        input(&one, &other),
                    ];
                    let signed = ec::sign_all(path, &batch);
                    assert!(signed[0].is_some() && signed[0] == signed[4]);
                    assert_eq!(signed[1..4], [None, None, None]);
                    for input in batch {
                        let alone = ec::sign_all(path, &[input]);
                        let good = input.nonce == one && input.digest == other;
                        assert_eq!(alone[0].is_some(), good);
                    }
                }
            }

            #[test]
            fn verdicts_are_those_of_the_crate() {
                for path in Path::all(CURVE) {
                    let scalars = scalars();
                    let mut numbers = Numbers(11);
                    let keys: Vec<_> = scalars
                        .iter()
                        .step_by(29)
                        .map(|d| {
                            (
                                d,
                                ::$module::ecdsa::SigningKey::from_bytes(&d.to_repr()).unwrap(),
                            )
                        })
                        .collect();
                    let points: Vec<_> = keys
                        .iter()
                        .map(|(_, key)| key.verifying_key().to_sec1_point(false))
                        .collect();
                    let points: Vec<_> = points
                        .iter()
                        .map(|point| point.as_bytes()[1..].split_at($bytes))
                        .collect();
                    let tables = ec::tables(path, &points);
                    assert_eq!(tables.len(), keys.len());
                    let mut cases = Vec::new();
                    for i in 0..140 {
                        let key = i % keys.len();
                        let digest = digest(i, &mut numbers);
                        let k = scalars[(i * 41 + 3) % scalars.len()];
                        let mut signature = signature(keys[key].0, &digest, &k);
                        let (half, end) = ($bytes, 2 * $bytes);
                        match i % 10 {
                            0 => signature[i % end] ^= 1 << (i % 8),
                            1 => signature[..half].fill(0),
                            2 => signature[half..].fill(0),
                            3 => limbs::to_be(&N, &mut signature[..half]),
                            4 => signature.truncate(end - 1),
                            5 => signature.rotate_left(half),
                            _ => {}
                        }
                        let crates = ::$module::ecdsa::Signature::from_slice(&signature).is_ok_and(
                            |signature| {
                                // That of secp256k1 would refuse a high s.
                                let signature = signature.normalize_s();
                                let key = keys[key].1.verifying_key();
                                key.verify_prehash(&digest, &signature).is_ok()
                            },
                        );
                        cases.push((key, digest, signature, crates));
                    }
                    assert!(cases.iter().filter(|(.., good)| *good).count() > 50);
                    let mut at = 0;
                    for len in [1, 2, 3, 8, 9, 10, 64, 65].iter().cycle() {
                        let some = &cases[at..cases.len().min(at + len)];
                        let inputs: Vec<_> = some
                            .iter()
                            .map(|(key, digest, signature, _)| VerifyInput {
                                key: &tables[*key],
                                digest,
                                signature,
                            })
                            .collect();
                        let verdicts = ec::verify_all_vartime(path, &inputs);
                        assert_eq!(verdicts.len(), some.len());
                        for (i, ((.., good), verdict)) in some.iter().zip(verdicts).enumerate() {
                            // Keys such as 1 and 2 are where exceptions come from.
                            assert!(verdict.is_none_or(|verdict| verdict == *good), "{}", at + i);
                        }
                        at += some.len();
                        if at == cases.len() {
                            break;
                        }
                    }
                }
            }

            /// u1 G + u2 Q is infinity, which the formulas cannot tell from an exception; or
            /// u1 is zero, or both terms are equal, which they can.
            #[test]
            fn infinity_is_told_and_not_guessed() {
                for path in Path::all(CURVE) {
                    let d = reduce(&[7; $bytes]);
                    let key = ::$module::ecdsa::SigningKey::from_bytes(&d.to_repr()).unwrap();
                    let point = key.verifying_key().to_sec1_point(false);
                    let tables = ec::tables(path, &[point.as_bytes()[1..].split_at($bytes)]);
                    let r = reduce(&[5; $bytes]);
                    for (z, expected) in [
                        (-(r * d), None),
                        (r * d, Some(false)),
                        (Scalar::ZERO, Some(false)),
                    ] {
                        let digest = bytes(&z);
                        let signature = [bytes(&r), bytes(&Scalar::ONE)].concat();
                        let input = VerifyInput {
                            key: &tables[0],
                            digest: &digest,
                            signature: &signature,
                        };
                        assert_eq!(ec::verify_all_vartime(path, &[input]), [expected]);
                        let good = reduce(&[6; $bytes]);
                        let good_signature = self::signature(&d, &[1; $bytes], &good);
                        let fine = VerifyInput {
                            key: &tables[0],
                            digest: &[1; $bytes],
                            signature: &good_signature,
                        };
                        let verdicts = ec::verify_all_vartime(path, &[fine, input, fine, fine]);
                        assert_eq!(verdicts, [Some(true), expected, Some(true), Some(true)]);
                    }
                }
            }
        }
    };
}

against_the_crate!(p256, P256, 32);
against_the_crate!(k256, P256K, 32);
against_the_crate!(p384, P384, 48);
against_the_crate!(p521, P521, 66);
