//! Multiples of a point that are computed once, and how a scalar picks among them.
//!
//! An odd scalar `k` of `b` bits is a sum of odd digits, `k = sum d_i 2^(w i)`, with
//! `d_i = ((k >> w i) | 1) mod 2^(w + 1) - 2^w`, and the highest digit without the
//! subtraction (Joye and Tunstall, "Exponent recoding and regular exponentiation algorithms",
//! 2009). Each digit is read off the bits, and none is zero. The digits are cut into blocks, and
//! the table holds the odd multiples of the lowest power of each block: with a block for each
//! digit nothing is left to double, with fewer the table is smaller and soon made.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_cmpeq_epi64, _mm256_set1_epi64x, _mm256_setzero_si256,
};
#[cfg(target_arch = "x86_64")]
use std::mem::transmute;

use super::curve::Curve;
use super::field::{Fe, Mask};
use super::modulus::Modulus;
use super::point::{Affine, Point, to_affine};
#[cfg(target_arch = "x86_64")]
use crate::engine::cpu::has_avx2;
use crate::engine::limbs::{self, mask};

/// The odd multiples 1, 3, ... of `2^(w p j) P`, for each block `j` of `p` digits of `w` bits.
pub(crate) struct Table<C: Curve<L>, const L: usize> {
    width: usize,
    positions: usize,
    /// `2^(w - 1)` for each block.
    multiples: Vec<Affine<C, L>>,
}

/// The bits of a digit of the generator's multiples: 37 digits and 150 KB for P-256, 55 and 340 KB
/// for P-384, 75 and 690 KB for P-521. One more would save an eighth of the additions, and have
/// three quarters more read.
const BASE_WIDTH: usize = 7;

/// 4 KB for a key of P-256, 6 KB of P-384, 9 KB of P-521.
const KEY_WIDTH: usize = 4;
const KEY_BLOCKS: usize = 8;

/// The table of the generator, made when it is first asked for.
pub(crate) fn base_table<C: Curve<L>, const L: usize>() -> &'static Table<C, L> {
    C::kept_table().get_or_init(|| {
        let [x, y] = C::GENERATOR.map(|coordinate| Fe::new(&coordinate));
        Table::new(&Affine { x, y }, BASE_WIDTH, usize::MAX)
    })
}

/// The table of a key.
pub(crate) fn key_table<C: Curve<L>, const L: usize>(point: &Affine<C, L>) -> Table<C, L> {
    Table::new(point, KEY_WIDTH, KEY_BLOCKS)
}

/// `2^(step i) P` and its double, one after the other, for `i < count`.
pub(crate) fn powers<C: Curve<L>, const L: usize>(
    point: &Affine<C, L>,
    step: usize,
    count: usize,
) -> Vec<Affine<C, L>> {
    let mut power = point.to_point();
    let mut powers = Vec::new();
    for i in 0..count {
        if i > 0 {
            (1..step).for_each(|_| power.double());
        }
        powers.push(power);
        power.double();
        powers.push(power);
    }
    to_affine(&powers)
}

impl<C: Curve<L>, const L: usize> Table<C, L> {
    /// With no more than so many blocks. The point must be on the curve, and so of its order.
    fn new(point: &Affine<C, L>, width: usize, blocks: usize) -> Self {
        let digits = C::Order::BITS.div_ceil(width);
        let positions = digits.div_ceil(blocks);
        let powers = powers(point, width * positions, digits.div_ceil(positions));
        let mut multiples = Vec::new();
        for power in powers.chunks(2) {
            let mut multiple = power[0].to_point();
            multiples.push(multiple);
            for _ in 1..1 << (width - 1) {
                multiple += &power[1];
                multiples.push(multiple);
            }
        }
        Table {
            width,
            positions,
            multiples: to_affine(&multiples),
        }
    }

    /// `k P` for an odd `k`, and where the mask is set `-k P`.
    ///
    /// For a table with a block for each digit, no addition meets the exceptions of the
    /// formulas: before digit `i` the sum, as an integer, is odd and below `2^(w i)` and the
    /// multiple to add is not below it, so they differ; and below the highest digit no sum or
    /// difference reaches the order. With the highest digit added the sum is `k`; the difference
    /// can be the order for one value of `k`. That one gives `ZZ = 0`, which is treated as `r = 0`
    /// is, and as rare.
    pub(crate) fn multiply(&self, k: &[u64; L], flip: Mask) -> Point<C, L> {
        self.sum(None, k, flip, pick)
    }

    /// `sum + k P` for an odd `k`, and where the mask is set `sum - k P`.
    pub(crate) fn add_multiple_vartime(
        &self,
        sum: Option<Point<C, L>>,
        k: &[u64; L],
        flip: Mask,
    ) -> Point<C, L> {
        self.sum(sum, k, flip, |multiples, index| multiples[index as usize])
    }

    #[inline]
    fn sum(
        &self,
        mut sum: Option<Point<C, L>>,
        k: &[u64; L],
        flip: Mask,
        pick: impl Fn(&[Affine<C, L>], u64) -> Affine<C, L>,
    ) -> Point<C, L> {
        let digits = C::Order::BITS.div_ceil(self.width);
        for position in (0..self.positions).rev() {
            if let (true, Some(sum)) = (position + 1 < self.positions, &mut sum) {
                (0..self.width).for_each(|_| sum.double());
            }
            let blocks = self.multiples.chunks(1 << (self.width - 1));
            for (multiples, i) in blocks.zip((position..digits).step_by(self.positions)) {
                let (index, negative) = digit(k, self.width, i, i + 1 == digits);
                let multiple = pick(multiples, index).negate_if(negative ^ flip);
                match &mut sum {
                    None => sum = Some(multiple.to_point()),
                    Some(sum) => *sum += &multiple,
                }
            }
        }
        sum.unwrap_or(Affine::NONE.to_point())
    }
}

/// Digit `i` of an odd number: which odd multiple, `(|d| - 1) / 2`, and whether it is negative.
#[inline]
fn digit<const L: usize>(k: &[u64; L], width: usize, i: usize, highest: bool) -> (u64, Mask) {
    let bits = limbs::bits(k, width * i);
    // d + 2^width, which is odd; its bit `width` says that d is positive.
    let low = (1 << width) - 1;
    let negative = mask(if highest { 0 } else { !(bits >> width) & 1 });
    (((bits ^ negative) & low) >> 1, negative)
}

/// The multiple with this index, of which nothing shows: every one is read.
#[inline]
fn pick<C: Curve<L>, const L: usize>(multiples: &[Affine<C, L>], index: u64) -> Affine<C, L> {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the instructions.
        return unsafe { pick_by_avx2(multiples, index) };
    }
    pick_by_words(multiples, index)
}

/// The same by wider registers: reading takes more of the time than it need otherwise.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn pick_by_avx2<C: Curve<L>, const L: usize>(
    multiples: &[Affine<C, L>],
    index: u64,
) -> Affine<C, L> {
    // Hidden from the compiler, as what masks are made of is.
    let index = _mm256_set1_epi64x(limbs::hidden(index) as i64);
    let one = _mm256_set1_epi64x(1);
    let mut i = _mm256_setzero_si256();
    pick_where(multiples, || {
        let this = _mm256_cmpeq_epi64(i, index);
        i = _mm256_add_epi64(i, one);
        // SAFETY: both are 256 bits of which any are good.
        unsafe { transmute::<__m256i, [Mask; 4]>(this) }
    })
}

fn pick_by_words<C: Curve<L>, const L: usize>(
    multiples: &[Affine<C, L>],
    index: u64,
) -> Affine<C, L> {
    let mut i = 0_u64;
    pick_where(multiples, || {
        // 1 where i = index: both are small.
        let this = mask((i ^ index).wrapping_sub(1) >> 63);
        i += 1;
        [this; 4]
    })
}

/// The one multiple at which the masks, four times the same, are set.
#[inline(always)]
fn pick_where<C: Curve<L>, const L: usize>(
    multiples: &[Affine<C, L>],
    mut next: impl FnMut() -> [Mask; 4],
) -> Affine<C, L> {
    let mut picked = Affine::NONE;
    for multiple in multiples {
        let this = next();
        picked.x.or_masked(&multiple.x, |i| this[i % 4]);
        picked.y.or_masked(&multiple.y, |i| this[(L + i) % 4]);
    }
    picked
}
