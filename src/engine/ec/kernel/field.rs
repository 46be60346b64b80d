//! Arithmetic modulo a prime, eight numbers at a time.
//!
//! An [`Fe`] has a number in each lane: `L` limbs of 52 bits, least first, carried (each
//! limb below 2^52, so that the multiplier reads it whole), and not negative. It need not be
//! below the modulus `m`; functions say how large their operands may be and their results
//! are, in multiples of `m`. All that bounds follow from: `m <= R / 16`, and a product of
//! `a < x m` and `b < y m` leaves the reduction below `(x y / 16 + 1) m`.

use super::modulus::{Modulus, times};
use crate::engine::erase::Plain;
use crate::engine::lanes::{
    MASK52, Mask, V, add, and, blend, equal, has_bits, madd_hi, madd_lo, sar, shl, shr, splat,
    sub as minus, swap as swap_lanes,
};

#[derive(Clone, Copy)]
pub(crate) struct Fe<const L: usize>(pub(crate) [V; L]);

// SAFETY: vectors of integers.
unsafe impl<const L: usize> Plain for Fe<L> {}

/// The columns of a double-width product of up to eight limbs, not carried. A column gets at
/// most `4 L` halves of products from two multiplications and `2 L` from the reduction, each
/// below 2^52, and the carry of its neighbour: at `L = 8` less than 2^58.
type Columns = [V; 16];

/// The same number in all lanes.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn broadcast<const L: usize>(limbs: &[u64; L]) -> Fe<L> {
    let mut all = [splat(0); L];
    for i in 0..L {
        all[i] = splat(limbs[i]);
    }
    Fe(all)
}

/// `a b / R`: below `(x y / 16 + 1) m` for `a < x m` and `b < y m`, while that is below `R`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn mul<M: Modulus<L>, const L: usize>(a: &Fe<L>, b: &Fe<L>) -> Fe<L> {
    let mut columns = [splat(0); 16];
    product(&mut columns, a, b);
    carry(reduce::<M, L>(columns))
}

/// `a^2 / R`, bounded as [`mul`].
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn square<M: Modulus<L>, const L: usize>(a: &Fe<L>) -> Fe<L> {
    carry(reduce::<M, L>(square_product(a)))
}

/// `(a b + c d) / R` with one reduction: below `((x y + u v) / 16 + 1) m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn mul_add<M: Modulus<L>, const L: usize>(
    a: &Fe<L>,
    b: &Fe<L>,
    c: &Fe<L>,
    d: &Fe<L>,
) -> Fe<L> {
    let mut columns = [splat(0); 16];
    product(&mut columns, a, b);
    product(&mut columns, c, d);
    carry(reduce::<M, L>(columns))
}

/// `(a^2 + c d) / R` with one reduction, bounded as [`mul_add`].
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn square_add<M: Modulus<L>, const L: usize>(a: &Fe<L>, c: &Fe<L>, d: &Fe<L>) -> Fe<L> {
    let mut columns = square_product(a);
    product(&mut columns, c, d);
    carry(reduce::<M, L>(columns))
}

/// `a + b`: the bounds add up.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn sum<const L: usize>(a: &Fe<L>, b: &Fe<L>) -> Fe<L> {
    let mut limbs = a.0;
    for i in 0..L {
        limbs[i] = add(limbs[i], b.0[i]);
    }
    carry(limbs)
}

/// `a - b + K m`: below `(x + K) m`, for `b < K m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn sub<M: Modulus<L>, const L: usize, const K: u64>(a: &Fe<L>, b: &Fe<L>) -> Fe<L> {
    let multiple = const { times(&M::M, K) };
    let mut limbs = a.0;
    for i in 0..L {
        limbs[i] = add(minus(limbs[i], b.0[i]), splat(multiple[i]));
    }
    carry(limbs)
}

/// `K m - a - b`, for `a + b < K m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn negated_sum<M: Modulus<L>, const L: usize, const K: u64>(
    a: &Fe<L>,
    b: &Fe<L>,
) -> Fe<L> {
    let multiple = const { times(&M::M, K) };
    let mut limbs = a.0;
    for i in 0..L {
        limbs[i] = minus(splat(multiple[i]), add(limbs[i], b.0[i]));
    }
    carry(limbs)
}

/// `K m - a`, for `a <= K m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn negate<M: Modulus<L>, const L: usize, const K: u64>(a: &Fe<L>) -> Fe<L> {
    negate_if::<M, L, K>(!0, a)
}

/// `K m - a` in the lanes of the mask, `a` elsewhere, for `a <= K m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn negate_if<M: Modulus<L>, const L: usize, const K: u64>(
    mask: Mask,
    a: &Fe<L>,
) -> Fe<L> {
    let multiple = const { times(&M::M, K) };
    let mut limbs = a.0;
    for i in 0..L {
        limbs[i] = blend(mask, minus(splat(multiple[i]), limbs[i]), limbs[i]);
    }
    carry(limbs)
}

/// `a` modulo `m`, for `a < 2 m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn reduce_once<M: Modulus<L>, const L: usize>(a: &Fe<L>) -> Fe<L> {
    let mut limbs = a.0;
    for i in 0..L {
        limbs[i] = minus(limbs[i], splat(M::M[i]));
    }
    let reduced = carry(limbs);
    // The sign, which the highest limb took in.
    select(has_bits(reduced.0[L - 1], 1 << 63), a, &reduced)
}

/// From Montgomery form to the number itself, below `m`. Any `a` will do: `a / R` is below
/// one, and `m` is all that the reduction adds.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn from_montgomery<M: Modulus<L>, const L: usize>(a: &Fe<L>) -> Fe<L> {
    let mut columns = [splat(0); 16];
    columns[..L].copy_from_slice(&a.0);
    reduce_once::<M, L>(&carry(reduce::<M, L>(columns)))
}

/// The lanes that are zero: not that are `m`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn is_zero<const L: usize>(a: &Fe<L>) -> Mask {
    let mut zero = equal(a.0[0], splat(0));
    for limb in &a.0[1..] {
        zero &= equal(*limb, splat(0));
    }
    zero
}

/// `a` in the lanes of the mask, `b` elsewhere.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn select<const L: usize>(mask: Mask, a: &Fe<L>, b: &Fe<L>) -> Fe<L> {
    let mut limbs = a.0;
    for i in 0..L {
        limbs[i] = blend(mask, limbs[i], b.0[i]);
    }
    Fe(limbs)
}

/// Lane `i` from lane `i ^ N`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn swap<const L: usize, const N: i64>(a: &Fe<L>) -> Fe<L> {
    let mut limbs = a.0;
    for limb in &mut limbs {
        *limb = swap_lanes::<N>(*limb);
    }
    Fe(limbs)
}

/// Adds `a b` to the columns.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn product<const L: usize>(columns: &mut Columns, a: &Fe<L>, b: &Fe<L>) {
    for i in 0..L {
        for j in 0..L {
            columns[i + j] = madd_lo(columns[i + j], a.0[i], b.0[j]);
            columns[i + j + 1] = madd_hi(columns[i + j + 1], a.0[i], b.0[j]);
        }
    }
}

/// `a^2`: what occurs twice is computed once. It is the columns that are doubled, for a
/// doubled limb would not fit the multiplier.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn square_product<const L: usize>(a: &Fe<L>) -> Columns {
    let mut columns = [splat(0); 16];
    for i in 0..L {
        for j in i + 1..L {
            columns[i + j] = madd_lo(columns[i + j], a.0[i], a.0[j]);
            columns[i + j + 1] = madd_hi(columns[i + j + 1], a.0[i], a.0[j]);
        }
    }
    for column in &mut columns[1..2 * L] {
        *column = shl::<1>(*column);
    }
    for i in 0..L {
        columns[2 * i] = madd_lo(columns[2 * i], a.0[i], a.0[i]);
        columns[2 * i + 1] = madd_hi(columns[2 * i + 1], a.0[i], a.0[i]);
    }
    columns
}

/// Montgomery's reduction, a limb a step: adds the multiple of `m` that makes the lowest
/// column zero modulo 2^52, and passes on what is above. The result is not carried.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn reduce<M: Modulus<L>, const L: usize>(mut columns: Columns) -> [V; L] {
    for i in 0..L {
        if M::N0 == 1 {
            // The multiple is the column itself, q. Adding q m is adding q (m + 1) and taking
            // q away, which is what leaves zero; the limbs of m + 1 are mostly zero.
            let q = columns[i];
            columns[i + 1] = add(columns[i + 1], shr::<52>(q));
            for j in 1..L {
                if M::M1[j] != 0 {
                    columns[i + j] = madd_lo(columns[i + j], q, splat(M::M1[j]));
                    columns[i + j + 1] = madd_hi(columns[i + j + 1], q, splat(M::M1[j]));
                }
            }
        } else {
            let q = madd_lo(splat(0), columns[i], splat(M::N0));
            let lowest = madd_lo(columns[i], q, splat(M::M[0]));
            columns[i + 1] = add(columns[i + 1], shr::<52>(lowest));
            columns[i + 1] = madd_hi(columns[i + 1], q, splat(M::M[0]));
            for j in 1..L {
                columns[i + j] = madd_lo(columns[i + j], q, splat(M::M[j]));
                columns[i + j + 1] = madd_hi(columns[i + j + 1], q, splat(M::M[j]));
            }
        }
    }
    let mut limbs = [splat(0); L];
    limbs.copy_from_slice(&columns[L..2 * L]);
    limbs
}

/// Brings limbs, which may be negative, below 2^52. A number that is negative as a whole
/// keeps its sign in the highest limb.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn carry<const L: usize>(mut limbs: [V; L]) -> Fe<L> {
    for i in 0..L - 1 {
        limbs[i + 1] = add(limbs[i + 1], sar::<52>(limbs[i]));
        limbs[i] = and(limbs[i], splat(MASK52));
    }
    Fe(limbs)
}
