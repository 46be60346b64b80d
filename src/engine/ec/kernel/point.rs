//! Points in the coordinates XYZZ: `x = X / ZZ`, `y = Y / ZZZ`, `ZZ^3 = ZZZ^2`.
//!
//! Formulas "madd-2008-s", "add-2008-s" and "dbl-2008-s-1" of the Explicit-Formulas Database,
//! with `a = -3` or zero. They do not hold for every pair of points. Adding a point to itself or to
//! its negative, and adding to or doubling the point at infinity, gives `ZZ = ZZZ = 0`, and
//! so does all that is computed from such a result: a wrong sum never looks like a point.
//! Callers look at `ZZ` once, at the end.
//!
//! Throughout, `X, Y < 3 p` and `ZZ, ZZZ < 2 p`, for `p <= R / 16`; the bounds beside the
//! lines are multiples of `p`.

use super::curve::Curve;
use super::field::{
    Fe, broadcast, mul, mul_add, negate, negate_if, negated_sum, select, square, square_add, sub,
    sum, swap,
};
use super::modulus::Modulus;
use crate::engine::lanes::Mask;

/// With `X, Y < 3 p` and `ZZ, ZZZ < 2 p`.
#[derive(Clone, Copy)]
pub(crate) struct Point<const L: usize> {
    pub(crate) x: Fe<L>,
    pub(crate) y: Fe<L>,
    pub(crate) zz: Fe<L>,
    pub(crate) zzz: Fe<L>,
}

/// With both coordinates at most `p`.
#[derive(Clone, Copy)]
pub(crate) struct Affine<const L: usize> {
    pub(crate) x: Fe<L>,
    pub(crate) y: Fe<L>,
}

/// Adds `b` to `a`. In place, as the others below: a point has 1 or 2 KB, and is not moved for
/// nothing.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn add_affine<M: Modulus<L>, const L: usize>(a: &mut Point<L>, b: &Affine<L>) {
    let u = mul::<M, L>(&b.x, &a.zz); // 1.13
    let s = mul::<M, L>(&b.y, &a.zzz); // 1.13
    finish::<M, L>(a, &u, &s);
}

/// Adds to `a` the point with the same denominators and the numerators `u` and `s`, both below
/// 1.4.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn finish<M: Modulus<L>, const L: usize>(a: &mut Point<L>, u: &Fe<L>, s: &Fe<L>) {
    let p = sub::<M, L, 3>(u, &a.x); // 4.4
    let r = sub::<M, L, 3>(s, &a.y); // 4.4
    let pp = square::<M, L>(&p); // 4.4^2 / 16 + 1 = 2.21
    let ppp = mul::<M, L>(&p, &pp); // 1.61
    let q = mul::<M, L>(&a.x, &pp); // 1.42
    // R^2 - PPP - 2 Q, where PPP + 2 Q = PP (P + 2 X1) = PP (U + X1): a product more, and a
    // small number without a step that makes it small.
    a.x = square_add::<M, L>(&r, &pp, &negated_sum::<M, L, 5>(u, &a.x)); // (4.4^2 + 2.21 * 5) / 16 + 1 = 2.91
    a.y = mul_add::<M, L>(
        &r,
        &sub::<M, L, 3>(&q, &a.x), // 4.42
        &ppp,
        &negate::<M, L, 3>(&a.y),
    ); // (4.4 * 4.42 + 1.61 * 3) / 16 + 1 = 2.52
    a.zz = mul::<M, L>(&a.zz, &pp); // 2 * 2.21 / 16 + 1 = 1.28
    a.zzz = mul::<M, L>(&a.zzz, &ppp); // 1.21
}

/// Doubles `a`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn double<C: Curve<L>, const L: usize>(a: &mut Point<L>) {
    let u = sum(&a.y, &a.y); // 6
    let v = square::<C::Field, L>(&u); // 6 * 6 / 16 + 1 = 3.25
    let w = mul::<C::Field, L>(&u, &v); // 2.22
    let s = mul::<C::Field, L>(&a.x, &v); // 1.61
    let x3 = sum(&sum(&a.x, &a.x), &a.x); // 9
    let m = if C::A_IS_ZERO {
        mul::<C::Field, L>(&a.x, &x3) // 3 * 9 / 16 + 1 = 2.69
    } else {
        // 3 X^2 - 3 ZZ^2, as one sum: three times a reduced difference would be too large.
        let zz2 = sum(&a.zz, &a.zz); // 4
        let minus_zz3 = negated_sum::<C::Field, L, 6>(&zz2, &a.zz); // 6
        mul_add::<C::Field, L>(&a.x, &x3, &a.zz, &minus_zz3) // (3 * 9 + 2 * 6) / 16 + 1 = 3.44
    };
    // M^2 - 2 S, where S = X V.
    let minus_x2 = negated_sum::<C::Field, L, 6>(&a.x, &a.x); // 6
    a.x = square_add::<C::Field, L>(&m, &v, &minus_x2); // (3.44^2 + 3.25 * 6) / 16 + 1 = 2.96
    let slope = sub::<C::Field, L, 3>(&s, &a.x); // 4.61
    a.y = mul_add::<C::Field, L>(&m, &slope, &w, &negate::<C::Field, L, 3>(&a.y)); // 2.41
    a.zz = mul::<C::Field, L>(&v, &a.zz); // 1.41
    a.zzz = mul::<C::Field, L>(&w, &a.zzz); // 1.28
}

/// An affine point in these coordinates.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn from_affine<M: Modulus<L>, const L: usize>(a: &Affine<L>) -> Point<L> {
    let one = broadcast(&M::R1);
    Point {
        x: a.x,
        y: a.y,
        zz: one,
        zzz: one,
    }
}

/// `-a` in the lanes of the mask, `a` elsewhere.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn negate_affine_if<M: Modulus<L>, const L: usize>(
    mask: Mask,
    a: &Affine<L>,
) -> Affine<L> {
    Affine {
        x: a.x,
        y: negate_if::<M, L, 1>(mask, &a.y),
    }
}

/// `a` in the lanes of the mask, `b` elsewhere.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn select_point<const L: usize>(mask: Mask, a: &Point<L>, b: &Point<L>) -> Point<L> {
    Point {
        x: select(mask, &a.x, &b.x),
        y: select(mask, &a.y, &b.y),
        zz: select(mask, &a.zz, &b.zz),
        zzz: select(mask, &a.zzz, &b.zzz),
    }
}

/// Adds all eight lanes, in each of them.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn sum_lanes<M: Modulus<L>, const L: usize>(a: &mut Point<L>) {
    add_lanes::<M, L, 4>(a);
    add_lanes::<M, L, 2>(a);
    add_lanes::<M, L, 1>(a);
}

/// In lane `i` the sum of lanes `i` and `i ^ N`. What is computed from one of two points is
/// there in the other's lane.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_lanes<M: Modulus<L>, const L: usize, const N: i64>(a: &mut Point<L>) {
    let (zz, zzz) = (swap::<L, N>(&a.zz), swap::<L, N>(&a.zzz));
    a.x = mul::<M, L>(&a.x, &zz); // 1.38
    a.y = mul::<M, L>(&a.y, &zzz);
    a.zz = mul::<M, L>(&a.zz, &zz); // 1.25
    a.zzz = mul::<M, L>(&a.zzz, &zzz);
    let (other_u, other_s) = (swap::<L, N>(&a.x), swap::<L, N>(&a.y));
    finish::<M, L>(a, &other_u, &other_s);
}
