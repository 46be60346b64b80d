//! Multiples of a point that are computed once, and how a secret scalar picks among them.
//!
//! An odd scalar `k` of `b` bits is a sum of odd digits, `k = sum d_i 2^(w i)`, with
//! `d_i = ((k >> w i) | 1) mod 2^(w + 1) - 2^w`, and the highest digit without the
//! subtraction (Joye and Tunstall, "Exponent recoding and regular exponentiation algorithms",
//! 2009). Each digit is read off the bits, none is zero, and the table holds the odd
//! multiples of `2^(w i) P`.

use super::curve::Curve;
use super::field::{Fe, broadcast, mul, negate_if, reduce_once, square};
use super::invert::invert_all;
use super::limbs::{gather, scatter};
use super::modulus::Modulus;
use super::point::{Affine, Point, add_affine, double, from_affine, negate_affine_if};
use crate::engine::lanes::{
    Mask, V, and, blend, has_bits, load, or, pick16, shl_by, shr, shr_by, splat, xor,
};

/// The bits of a digit of the generator's multiples.
const WIDTH: usize = 7;
/// The odd multiples 1, 3, ... 127.
const ENTRIES: usize = 1 << (WIDTH - 1);

/// The multiples of the generator, one [`Window`] for each digit: 189 KB for P-256.
pub(crate) struct BaseTable<const L: usize>(Vec<Window<L>>);

/// Limb `i` of the coordinates of 64 points: point `e` in lane `e % 8` of vector `e / 8`.
struct Window<const L: usize> {
    x: [[V; ENTRIES / 8]; L],
    y: [[V; ENTRIES / 8]; L],
}

/// `sum + k G` for eight scalars, odd and below the order, with `-k` in the lanes of `flip`.
///
/// Without a sum to begin with, no addition meets the exceptions of the formulas: before digit
/// `i` the sum, as an integer, is odd and below `2^(7 i)` and the multiple to add is not below
/// it, so they differ; and below the highest digit no sum or difference reaches the order.
/// With the highest digit added the sum is `k`; the difference can be the order for one value
/// of `k`. That one gives `ZZ = 0`, which is treated as `r = 0` is, and as rare.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn add_base<C: Curve<L>, const L: usize>(
    mut sum: Option<Point<L>>,
    k: &Fe<L>,
    flip: Mask,
) -> Point<L> {
    let table = base_table::<C, L>();
    for (i, window) in table.0.iter().enumerate() {
        let digit = Digit::of::<L>(k, WIDTH, i, i + 1 == table.0.len());
        let multiple = pick(window, digit.index);
        let multiple = negate_affine_if::<C::Field, L>(digit.negative ^ flip, &multiple);
        match &mut sum {
            None => sum = Some(from_affine::<C::Field, L>(&multiple)),
            Some(sum) => add_affine::<C::Field, L>(sum, &multiple),
        }
    }
    sum.unwrap_or(from_affine::<C::Field, L>(&infinity()))
}

/// `u` or `n - u`, whichever is odd, and the lanes of the second.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn odd<C: Curve<L>, const L: usize>(u: &Fe<L>) -> (Fe<L>, Mask) {
    let even = !has_bits(u.0[0], 1);
    (negate_if::<C::Order, L, 1>(even, u), even)
}

/// A digit of the scalar in each lane.
pub(crate) struct Digit {
    /// Which odd multiple: `(|d| - 1) / 2`.
    pub(crate) index: V,
    pub(crate) negative: Mask,
}

impl Digit {
    /// Digit `i` of `width` bits, of odd scalars below `2^(52 L)`.
    #[inline]
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(crate) fn of<const L: usize>(k: &Fe<L>, width: usize, i: usize, highest: bool) -> Digit {
        let (limb, shift) = (width * i / 52, width * i % 52);
        let mut bits = shr_by(k.0[limb], shift);
        if limb + 1 < L {
            bits = or(bits, shl_by(k.0[limb + 1], 52 - shift));
        }
        Digit::from_bits(bits, width, if highest { !0 } else { 0 })
    }

    /// From the bits of scalars, the lowest of the digit first; of the highest digit in the
    /// lanes of `highest`.
    #[inline]
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(crate) fn from_bits(bits: V, width: usize, highest: Mask) -> Digit {
        // d + 2^width, which is odd; its bit `width` says that d is positive.
        let low = (1 << width) - 1;
        let negative = !has_bits(bits, 1 << width) & !highest;
        let magnitude = and(blend(negative, xor(bits, splat(low)), bits), splat(low));
        Digit {
            index: shr::<1>(magnitude),
            negative,
        }
    }
}

/// In each lane the point that its index says. Reads the whole window, whatever the index.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pick<const L: usize>(window: &Window<L>, index: V) -> Affine<L> {
    let (bit4, bit5) = (has_bits(index, 16), has_bits(index, 32));
    let mut point = infinity();
    for i in 0..L {
        for (limb, entries) in [
            (&mut point.x.0[i], &window.x[i]),
            (&mut point.y.0[i], &window.y[i]),
        ] {
            let [a, b, c, d, e, f, g, h] = *entries;
            let low = blend(bit4, pick16(index, c, d), pick16(index, a, b));
            let high = blend(bit4, pick16(index, g, h), pick16(index, e, f));
            *limb = blend(bit5, high, low);
        }
    }
    point
}

/// No point: what a place for one holds at first.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn infinity<const L: usize>() -> Affine<L> {
    let zero = broadcast(&[0; L]);
    Affine { x: zero, y: zero }
}

/// The table, made when it is first asked for.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn base_table<C: Curve<L>, const L: usize>() -> &'static BaseTable<L> {
    C::kept_table().get_or_init(|| make_base_table::<C, L>())
}

#[cold]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn make_base_table<C: Curve<L>, const L: usize>() -> BaseTable<L> {
    let generator = generator::<C, L>();
    let windows = (8 * C::BYTES).div_ceil(WIDTH);
    let powers = powers::<C, L>(&generator, WIDTH, windows);
    let mut table = Vec::with_capacity(windows);
    for some in powers.chunks(8) {
        let (base, twice) = side_by_side(some);
        let multiples = odd_multiples::<C::Field, L>(&base, &twice, ENTRIES);
        let xs: Vec<_> = multiples.iter().map(|point| scatter(&point.x)).collect();
        let ys: Vec<_> = multiples.iter().map(|point| scatter(&point.y)).collect();
        for window in 0..some.len() {
            table.push(Window {
                x: window_of(&xs, window),
                y: window_of(&ys, window),
            });
        }
    }
    BaseTable(table)
}

/// In Montgomery form, in all lanes.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn generator<C: Curve<L>, const L: usize>() -> Affine<L> {
    let into = broadcast(&C::Field::R2);
    let [x, y] = C::GENERATOR.map(|coordinate| {
        let entered = mul::<C::Field, L>(&broadcast(&coordinate), &into);
        reduce_once::<C::Field, L>(&entered)
    });
    Affine { x, y }
}

/// From up to eight points and their doubles, each in all lanes, to one in each lane. Where
/// there are fewer, the first stands in other lanes.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn side_by_side<const L: usize>(
    points: &[(Affine<L>, Affine<L>)],
) -> (Affine<L>, Affine<L>) {
    let lane = |i: usize| points.get(i).unwrap_or(&points[0]);
    let one = |fe: &Fe<L>| scatter(fe)[0];
    let base = Affine {
        x: gather(&std::array::from_fn(|i| one(&lane(i).0.x))),
        y: gather(&std::array::from_fn(|i| one(&lane(i).0.y))),
    };
    let twice = Affine {
        x: gather(&std::array::from_fn(|i| one(&lane(i).1.x))),
        y: gather(&std::array::from_fn(|i| one(&lane(i).1.y))),
    };
    (base, twice)
}

/// From a window in each lane to eight entries in eight lanes.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn window_of<const L: usize>(entries: &[[[u64; L]; 8]], lane: usize) -> [[V; ENTRIES / 8]; L] {
    let mut window = [[splat(0); ENTRIES / 8]; L];
    for (limb, vectors) in window.iter_mut().enumerate() {
        for (vector, eight) in vectors.iter_mut().zip(entries.chunks(8)) {
            *vector = load(&std::array::from_fn(|e| eight[e][lane][limb]));
        }
    }
    window
}

/// `2^(step i) P` and its double, for `i < count`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn powers<C: Curve<L>, const L: usize>(
    p: &Affine<L>,
    step: usize,
    count: usize,
) -> Vec<(Affine<L>, Affine<L>)> {
    let mut points = Vec::with_capacity(2 * count);
    let mut point = from_affine::<C::Field, L>(p);
    for i in 0..count {
        if i > 0 {
            for _ in 1..step {
                double::<C, L>(&mut point);
            }
        }
        points.push(point);
        double::<C, L>(&mut point);
        points.push(point);
    }
    let points = to_affine::<C::Field, L>(&points);
    points.chunks(2).map(|two| (two[0], two[1])).collect()
}

/// `P, 3 P, 5 P ...`, for a `P` of large order.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn odd_multiples<M: Modulus<L>, const L: usize>(
    p: &Affine<L>,
    twice: &Affine<L>,
    count: usize,
) -> Vec<Affine<L>> {
    let mut points = Vec::with_capacity(count);
    let mut point = from_affine::<M, L>(p);
    points.push(point);
    for _ in 1..count {
        add_affine::<M, L>(&mut point, twice);
        points.push(point);
    }
    to_affine::<M, L>(&points)
}

/// With coordinates below the modulus.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn to_affine<M: Modulus<L>, const L: usize>(points: &[Point<L>]) -> Vec<Affine<L>> {
    let mut inverses: Vec<_> = points.iter().map(|point| point.zzz).collect();
    invert_all::<M, L>(&mut inverses);
    let mut affine = Vec::with_capacity(points.len());
    for (point, inverse) in points.iter().zip(&inverses) {
        // ZZ / ZZZ is 1 / Z, and its square 1 / ZZ.
        let z = mul::<M, L>(&point.zz, inverse);
        let x = mul::<M, L>(&point.x, &square::<M, L>(&z));
        let y = mul::<M, L>(&point.y, inverse);
        affine.push(Affine {
            x: reduce_once::<M, L>(&x),
            y: reduce_once::<M, L>(&y),
        });
    }
    affine
}
