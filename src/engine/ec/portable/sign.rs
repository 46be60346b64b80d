//! ECDSA signatures (FIPS 186-5 section 6.4.1).

use std::hint::black_box;

use super::curve::Curve;
use super::field::{Fe, Mask, invert_both};
use super::modulus::Modulus;
use super::point::{Affine, Point};
use super::table::base_table;
use crate::engine::ec::SignInput;
use crate::engine::limbs::{self, mask};

/// `r || s`, or nothing where the nonce, `r` or `s` is zero and another nonce is to be taken.
///
/// Not inlined: what it leaves on the stack is below its caller, who erases it.
#[inline(never)]
pub(crate) fn sign<C: Curve<L>, const L: usize>(input: &SignInput<'_>) -> Option<Vec<u8>> {
    let k = nonce(input.nonce);
    // k or n - k: the points have the same x.
    let (odd, _) = odd(&k);
    signature(input, &k, &base_table::<C, L>().multiply(&odd, 0))
}

/// From the point of the nonce to the signature.
fn signature<C: Curve<L>, const L: usize>(
    input: &SignInput<'_>,
    k: &Fe<C::Order, L>,
    point: &Point<C, L>,
) -> Option<Vec<u8>> {
    let (zz, k_inverse) = invert_both(&point.zz, k);
    let r = Fe::<C::Order, L>::new(&(point.x * zz).number());
    let (d, z) = (Fe::new(&leading(input.d)), Fe::new(&leading(input.digest)));
    let s = (z + r * d) * k_inverse;
    let s = if C::LOW_S { lower(&s) } else { s };
    // As one answer: a compiler would ask for each.
    let good = black_box(!(k.is_zero() | r.is_zero() | s.is_zero()));
    good.then(|| {
        let mut bytes = vec![0; 2 * C::BYTES];
        let (first, second) = bytes.split_at_mut(C::BYTES);
        limbs::to_be(&r.number(), first);
        limbs::to_be(&s.number(), second);
        bytes
    })
}

/// The point of a scalar: big-endian `x` and `y`; nothing unless the scalar is in `1..n`, and as
/// wide as the order, nor of the two that the formulas cannot multiply by. Not inlined, as above.
#[inline(never)]
pub(crate) fn public_point<C: Curve<L>, const L: usize>(d: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let point = multiple::<C, L>(d)?;
    // ZZ / ZZZ is 1 / Z, and its square 1 / ZZ.
    let zzz = point.zzz.inverse();
    let z = point.zz * zzz;
    let (x, y) = (point.x * z.square(), point.y * zzz);
    Some(coordinates(&Affine::<C, L> { x, y }))
}

/// Whether this is the point of a scalar, for which nothing is inverted; and nothing as above. Not
/// inlined, as above.
#[inline(never)]
pub(crate) fn is_public_point<C: Curve<L>, const L: usize>(
    d: &[u8],
    of: &Affine<C, L>,
) -> Option<bool> {
    let point = multiple::<C, L>(d)?;
    let (x, y) = (of.x * point.zz - point.x, of.y * point.zzz - point.y);
    Some(black_box(x.is_zero() & y.is_zero()))
}

/// `d G`.
fn multiple<C: Curve<L>, const L: usize>(d: &[u8]) -> Option<Point<C, L>> {
    let number: [u64; L] = limbs::from_be(d).filter(|_| d.len() == C::BYTES)?;
    let is_below = limbs::less(&number, &C::Order::M) == 1;
    let is_zero = limbs::equal(&number, &[0; L]) == 1;
    if !black_box(is_below & !is_zero) {
        return None;
    }
    let (odd, flipped) = odd(&Fe::<C::Order, L>::new(&number));
    let point = base_table::<C, L>().multiply(&odd, flipped);
    (!black_box(point.zz.is_zero())).then_some(point)
}

/// Big-endian.
pub(crate) fn coordinates<C: Curve<L>, const L: usize>(point: &Affine<C, L>) -> (Vec<u8>, Vec<u8>) {
    let bytes = |coordinate: &Fe<C::Field, L>| {
        let mut bytes = vec![0; C::BYTES];
        limbs::to_be(&coordinate.number(), &mut bytes);
        bytes
    };
    (bytes(&point.x), bytes(&point.y))
}

/// The number in as many leading bytes as the limbs have room for.
pub(crate) fn leading<const L: usize>(bytes: &[u8]) -> [u64; L] {
    let bytes = bytes.get(..8 * L).unwrap_or(bytes);
    limbs::from_be(bytes).unwrap_or([0; L])
}

/// `u` or `n - u`, whichever is odd, as a number, and where it is the second.
pub(crate) fn odd<M: Modulus<L>, const L: usize>(u: &Fe<M, L>) -> ([u64; L], Mask) {
    let mut odd = u.number();
    let even = mask(!odd[0] & 1);
    // n - u is -u + n: two's complement where it is wanted.
    odd.iter_mut().for_each(|limb| *limb ^= even);
    let mut one = [0; L];
    one[0] = even & 1;
    limbs::add(&mut odd, &one);
    limbs::add_if(&mut odd, &M::M, even & 1);
    (odd, even)
}

/// `s` or `n - s`, whichever is less.
fn lower<M: Modulus<L>, const L: usize>(s: &Fe<M, L>) -> Fe<M, L> {
    // 2 s is even; less n, which is where it is above n, it is odd.
    s.negate_if(mask((*s + *s).number()[0] & 1))
}

/// A nonce of up to 1024 bits, reduced: as many as two numbers have room for.
fn nonce<M: Modulus<L>, const L: usize>(nonce: &[u8]) -> Fe<M, L> {
    let all: [u64; 16] = leading(nonce);
    let mut halves = [[0; L]; 2];
    let limbs = halves.as_flattened_mut().iter_mut();
    limbs.zip(all).for_each(|(to, from)| *to = from);
    Fe::wide(&halves[0], &halves[1])
}
