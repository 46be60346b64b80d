//! The moduli of eight lanes, and Montgomery's reduction (1985) of columns.
//!
//! Ten columns at a time are cleared by a multiple of `n` ([`clear_block`]). While forty digits or
//! more are to go, twenty are folded instead ([`fold`]): the number `q` that they make is worth
//! `q (2^-1040 mod n)` beside the columns above them. That takes as many multiplications, but its
//! factors are known beforehand, and [`add_pair`] saves a quarter of them.
//!
//! A fold adds less than `2^1040 n`, of which the twenty digits or more that are cleared after it
//! leave less than `n`. So numbers between operations are below `3 n`, and `a b / R` of two such
//! is next to nothing: `R` is at least `2^16 n`. Below `2 n` is what no fold had a part in.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the numbers of digits, which all numbers of a call share"
)]

use zeroize::Zeroize;

use super::columns::{BLOCK, Halves, LANES, PAIR, Row, Rows, add_pair, add_rows_and};
use super::single::Wide;
use crate::engine::lanes::{self, MASK52, V};

/// The moduli of the lanes, as [`Wide`] has them.
pub(super) struct Moduli {
    n: Rows,
    n0: Row,
    pub(super) enter: Rows,
    pub(super) one: Rows,
    fold: Rows,
    /// Those of the [`Halves`] of `fold`.
    fold_sums: Rows,
}

impl Moduli {
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(super) fn new<const W: usize>(wide: &[&Wide<W>; LANES]) -> Self {
        let len = wide[0].len();
        let mut n0 = Row([0; LANES]);
        let [mut n, mut enter, mut one, mut fold] = [(); 4].map(|()| Rows::zero(len));
        for (lane, wide) in wide.iter().enumerate() {
            n0.0[lane] = wide.n0();
            let lanes = [&mut n, &mut enter, &mut one, &mut fold];
            for (rows, digits) in lanes.into_iter().zip(wide.numbers()) {
                let digits = digits.0.as_flattened();
                let pairs = rows.0.iter_mut().zip(digits);
                pairs.for_each(|(row, digit)| row.0[lane] = *digit);
            }
        }
        let pairs = fold.0.as_chunks::<PAIR>().0;
        let mut fold_sums = Rows::zero(pairs.len() * Halves::SUM);
        let sums = fold_sums.0.chunks_exact_mut(Halves::SUM);
        for (pair, sum) in pairs.iter().zip(sums) {
            Halves::new(pair, sum);
        }
        Moduli {
            n,
            n0,
            enter,
            one,
            fold,
            fold_sums,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.n.0.len()
    }

    /// The columns divided by `R`, modulo `n`: below `2 n` and a little.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(super) fn reduce(&self, digits: &mut [Row], t: &mut [Row], room: &mut [Row]) {
        let mut at = 0;
        while at + 2 * PAIR <= self.len() {
            fold(self, &mut t[at..], room);
            at += PAIR;
        }
        self.clear(at, digits, t);
    }

    /// The same, of columns from `from` on: those below it are folded. Below `2 n` if none is.
    ///
    /// In units of `2^52`, columns begin in `-660..662`, each of up to three folds adds two of
    /// `-40..42`, and each of up to eight blocks one of `0..20` and a carry: far from `2^63`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(super) fn clear(&self, from: usize, digits: &mut [Row], t: &mut [Row]) {
        let last = self.len() - BLOCK;
        for at in (from..last).step_by(BLOCK) {
            clear_block(self, &mut t[at..], |t, at, column| {
                lanes::store(column, &mut t[at].0);
            });
        }
        // What is whole now is carried at once, beside the products.
        let (mask, mut carry) = (lanes::splat(MASK52), lanes::splat(0));
        clear_block(self, &mut t[last..], |_, j, column| {
            let sum = lanes::add(column, carry);
            carry = lanes::sar::<52>(sum);
            lanes::store(lanes::and(sum, mask), &mut digits[j].0);
        });
    }
}

impl Drop for Moduli {
    fn drop(&mut self) {
        self.n0.0.zeroize();
    }
}

/// Adds to the columns above the first twenty what those are worth modulo `n`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn fold(m: &Moduli, t: &mut [Row], room: &mut [Row]) {
    let (q, t) = t.split_at_mut(PAIR);
    let (mask, mut carry) = (lanes::splat(MASK52), lanes::splat(0));
    for row in &mut *q {
        let sum = lanes::add(lanes::load(&row.0), carry);
        carry = lanes::sar::<52>(sum);
        lanes::store(lanes::and(sum, mask), &mut row.0);
    }
    let first = lanes::add(lanes::load(&t[0].0), carry);
    lanes::store(first, &mut t[0].0);

    let (sum, room) = room.split_at_mut(Halves::SUM);
    let q = Halves::new(q, sum);
    let pairs = m.fold.0.as_chunks::<PAIR>().0.iter();
    let pairs = pairs.zip(m.fold_sums.0.chunks_exact(Halves::SUM));
    for (i, (digits, sum)) in pairs.enumerate() {
        add_pair(&mut t[i * PAIR..], q, Halves::with_sum(digits, sum), room);
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
        let carry = lanes::sar::<52>(lanes::add(columns[0], mask));
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
