//! A multiple of the generator for one scalar, its digits spread over the lanes.
//!
//! The digits are those of `table.rs`, but of five bits: so few lanes are busy with additions
//! that reading the tables is what takes the time, and theirs are a third of the size, 70 KB for
//! P-256. Lane by lane they hold the multiples of eight digits, so that one comparison picks
//! in all lanes.

use super::curve::Curve;
use super::field::{Fe, select};
use super::point::{Affine, Point, add_affine, from_affine, negate_affine_if, select_point};
use super::table::{Digit, generator, infinity, odd_multiples, powers, side_by_side};
use crate::engine::lanes::{
    Mask, V, blend, equal, load, or, pick16, shl_each, shr_each, splat, sub,
};

/// The bits of a digit.
const WIDTH: usize = 5;
/// The odd multiples 1, 3, ... 31.
const ENTRIES: usize = 1 << (WIDTH - 1);

pub(crate) struct SpreadTable<const L: usize>(Vec<Round<L>>);

/// Eight digits, one in each lane.
struct Round<const L: usize> {
    /// In which limb of the scalar a digit begins, and at which bit of it.
    limb: V,
    shift: V,
    /// The lanes that have a digit, and the one that has the highest.
    present: Mask,
    highest: Mask,
    /// `2 e + 1` times what the digit counts.
    multiples: Vec<Affine<L>>,
}

/// `sum + k G` in the sum of all lanes, for an odd scalar below the order that stands in each
/// of them; with `-k` in the lanes of `flip`, which are all or none.
///
/// Exceptions are those of [`add_base`](super::table::add_base), also in the sum over the lanes:
/// sums over disjoint sets of digits are never equal or opposite as integers, for the lowest
/// digit of both is odd; and only in the last addition can a difference reach the order, again
/// for one value of `k`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn add_base_spread<C: Curve<L>, const L: usize>(
    mut sum: Option<Point<L>>,
    k: &Fe<L>,
    flip: Mask,
) -> Point<L> {
    let table = C::kept_spread_table().get_or_init(|| make_table::<C, L>());
    let mut limbs = splat(0);
    for (i, limb) in k.0.iter().enumerate() {
        limbs = blend(1 << i, *limb, limbs);
    }
    for round in &table.0 {
        let digit = Digit::from_bits(round.bits(limbs), WIDTH, round.highest);
        let multiple = round.pick(digit.index);
        let multiple = negate_affine_if::<C::Field, L>(digit.negative ^ flip, &multiple);
        match &mut sum {
            None => sum = Some(from_affine::<C::Field, L>(&multiple)),
            Some(sum) if round.present == !0 => add_affine::<C::Field, L>(sum, &multiple),
            Some(sum) => {
                let before = *sum;
                add_affine::<C::Field, L>(sum, &multiple);
                *sum = select_point(round.present, sum, &before);
            }
        }
    }
    sum.unwrap_or(from_affine::<C::Field, L>(&infinity()))
}

impl<const L: usize> Round<L> {
    /// The bits of each lane's digit and some above it, of a scalar with a limb in each lane.
    #[inline]
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn bits(&self, limbs: V) -> V {
        let low = pick16(self.limb, limbs, splat(0));
        // One more: `x - !0` is `x + 1`.
        let high = pick16(sub(self.limb, splat(u64::MAX)), limbs, splat(0));
        let low = shr_each(low, self.shift);
        or(low, shl_each(high, sub(splat(52), self.shift)))
    }

    /// In each lane the multiple that its index says. Reads all, whatever the index.
    #[inline]
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn pick(&self, index: V) -> Affine<L> {
        let mut picked = infinity();
        for (multiple, e) in self.multiples.iter().zip(0..) {
            let here = equal(index, splat(e));
            picked.x = select(here, &multiple.x, &picked.x);
            picked.y = select(here, &multiple.y, &picked.y);
        }
        picked
    }
}

#[cold]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn make_table<C: Curve<L>, const L: usize>() -> SpreadTable<L> {
    let digits = (8 * C::BYTES).div_ceil(WIDTH);
    let powers = powers::<C, L>(&generator::<C, L>(), WIDTH, digits);
    let mut rounds = Vec::with_capacity(digits.div_ceil(8));
    for (some, first) in powers.chunks(8).zip((0..).step_by(8)) {
        let (base, twice) = side_by_side(some);
        let bit = |lane: usize| WIDTH * (first + lane);
        rounds.push(Round {
            limb: load(&std::array::from_fn(|lane| bit(lane) as u64 / 52)),
            shift: load(&std::array::from_fn(|lane| bit(lane) as u64 % 52)),
            present: (0..some.len()).fold(0, |lanes, lane| lanes | (1 << lane)),
            highest: (0..8)
                .filter(|lane| first + lane + 1 == digits)
                .fold(0, |lanes, lane| lanes | (1 << lane)),
            multiples: odd_multiples::<C::Field, L>(&base, &twice, ENTRIES),
        });
    }
    SpreadTable(rounds)
}
