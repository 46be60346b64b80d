//! The moduli of eight lanes, and Montgomery's reduction (1985) of columns, ten at a time.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the numbers of digits, which all numbers of a call share"
)]

use zeroize::Zeroize;

use super::columns::{BLOCK, LANES, Row, Rows, add_rows_and};
use super::single::Wide;
use crate::engine::lanes::{self, MASK52, V};

/// The moduli of the lanes, as [`Wide`] has them.
pub(super) struct Moduli {
    n: Rows,
    n0: Row,
    pub(super) enter: Rows,
    pub(super) one: Rows,
}

impl Moduli {
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(super) fn new<const W: usize>(wide: &[&Wide<W>; LANES]) -> Self {
        let len = wide[0].len();
        let mut n0 = Row([0; LANES]);
        let [mut n, mut enter, mut one] = [(); 3].map(|()| Rows::zero(len));
        for (lane, wide) in wide.iter().enumerate() {
            n0.0[lane] = wide.n0();
            let lanes = [&mut n, &mut enter, &mut one];
            for (rows, digits) in lanes.into_iter().zip(wide.numbers()) {
                let digits = digits.0.as_flattened();
                let pairs = rows.0.iter_mut().zip(digits);
                pairs.for_each(|(row, digit)| row.0[lane] = *digit);
            }
        }
        Moduli { n, n0, enter, one }
    }

    pub(super) fn len(&self) -> usize {
        self.n.0.len()
    }

    /// The columns divided by `R`, modulo `n`, below `2 n`.
    ///
    /// A column is the sum of at most `2 x 80` halves of products, each below `2^52`, and of as many
    /// in the reduction: below `2^61`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(super) fn reduce(&self, digits: &mut [Row], t: &mut [Row]) {
        let last = self.len() - BLOCK;
        for at in (0..last).step_by(BLOCK) {
            clear_block(self, &mut t[at..], |t, at, column| {
                lanes::store(column, &mut t[at].0);
            });
        }
        // What is whole now is carried at once, beside the products.
        let (mask, mut carry) = (lanes::splat(MASK52), lanes::splat(0));
        clear_block(self, &mut t[last..], |_, j, column| {
            let sum = lanes::add(column, carry);
            carry = lanes::shr::<52>(sum);
            lanes::store(lanes::and(sum, mask), &mut digits[j].0);
        });
    }
}

impl Drop for Moduli {
    fn drop(&mut self) {
        self.n0.0.zeroize();
    }
}

/// Adds the multiple of `n` that makes the first block of columns zero, and what they carry
/// to the column behind them; gives those behind the block to `put`, as [`add_rows_and`] does.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn clear_block(m: &Moduli, t: &mut [Row], put: impl FnMut(&mut [Row], usize, V)) {
    let (zero, mask) = (lanes::splat(0), lanes::splat(MASK52));
    let n0 = lanes::load(&m.n0.0);
    let mut n = [zero; BLOCK];
    let mut columns = [zero; BLOCK];
    let mut factor = [Row([0; LANES]); BLOCK];
    for r in 0..BLOCK {
        n[r] = lanes::load(&m.n.0[r].0);
        columns[r] = lanes::load(&t[r].0);
    }
    // As in `add_rows`, with the factor found on the way.
    for (j, digit) in factor.iter_mut().enumerate() {
        let q = lanes::madd_lo(zero, columns[0], n0);
        lanes::store(q, &mut digit.0);
        let mut above = lanes::load(&t[j + BLOCK].0);
        // What makes the low bits zero carries, unless they are zero.
        let carry = lanes::shr::<52>(lanes::add(columns[0], mask));
        // The next turn waits for this one's second column alone.
        let high = lanes::madd_hi(carry, n[0], q);
        for r in 1..BLOCK {
            columns[r] = lanes::madd_lo(columns[r], n[r], q);
        }
        columns[1] = lanes::add(columns[1], high);
        for r in 2..BLOCK {
            columns[r] = lanes::madd_hi(columns[r], n[r - 1], q);
        }
        above = lanes::madd_hi(above, n[BLOCK - 1], q);
        let [_, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
        columns = [c1, c2, c3, c4, c5, c6, c7, c8, c9, above];
    }
    for r in 0..BLOCK {
        lanes::store(columns[r], &mut t[BLOCK + r].0);
    }
    add_rows_and(&mut t[BLOCK..], m.len(), &m.n.0[BLOCK..], &factor, put);
}
