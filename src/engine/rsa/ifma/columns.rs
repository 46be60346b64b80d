//! Products of eight pairs of numbers side by side, in columns: what comes together in each
//! digit's place, before anything is carried from one to the next.
//!
//! Ten digits of one factor stay in registers, and the columns that they reach move past them as
//! the other factor's digits come by ([`add_rows`]). All lengths are multiples of ten.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the numbers of digits, which all numbers of a call share"
)]

use crate::engine::erase::{Plain, erase};
use crate::engine::lanes::{self, V};

/// How many go side by side.
pub(in crate::engine::rsa) const LANES: usize = 8;

/// Digits that stay in registers.
pub(super) const BLOCK: usize = 10;

/// A digit of each lane, below `2^52`, or a column. Aligned, so that no load crosses a line of
/// the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Row(pub(super) [u64; LANES]);

// SAFETY: an array of integers.
unsafe impl Plain for Row {}

/// Digits of each lane, the least first; erased when they are dropped.
pub(super) struct Rows(pub(super) Vec<Row>);

impl Rows {
    pub(super) fn zero(len: usize) -> Self {
        Rows(vec![Row([0; LANES]); len])
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        erase(&mut self.0);
    }
}

/// `t = a b`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(super) fn product(t: &mut [Row], a: &[Row], b: &[Row]) {
    let mut filled = 0;
    for (i, block) in b.as_chunks().0.iter().enumerate() {
        add_rows(&mut t[i * BLOCK..], filled, a, block);
        filled = a.len();
    }
}

/// `t = a a`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(super) fn square(t: &mut [Row], a: &[Row]) {
    // Each pair of digits once, twice that, and the squares.
    let blocks = a.as_chunks().0;
    for (i, block) in blocks.iter().enumerate() {
        let at = i * BLOCK;
        // With what is below it. The block before has not come as far.
        let filled = at.saturating_sub(BLOCK);
        add_rows(&mut t[at..], filled, &a[..at], block);
    }
    for (i, block) in blocks.iter().enumerate() {
        add_square(&mut t[2 * i * BLOCK..], block, i + 1 == blocks.len());
    }
}

/// Adds a digit times a block to the columns. The least is whole then and leaves them; `above`
/// comes in.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn turn(columns: &mut [V; BLOCK], digit: V, block: &[V; BLOCK], above: V) -> V {
    for r in 0..BLOCK {
        columns[r] = lanes::madd_lo(columns[r], digit, block[r]);
    }
    for r in 1..BLOCK {
        columns[r] = lanes::madd_hi(columns[r], digit, block[r - 1]);
    }
    let above = lanes::madd_hi(above, digit, block[BLOCK - 1]);
    // Spelled out, so that the columns stay in registers.
    let [least, c1, c2, c3, c4, c5, c6, c7, c8, c9] = *columns;
    *columns = [c1, c2, c3, c4, c5, c6, c7, c8, c9, above];
    least
}

/// `t += a block`, in the first `a.len() + BLOCK` columns. Of those only the first `filled` hold
/// anything; the others are not read.
#[inline(never)]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_rows(t: &mut [Row], filled: usize, a: &[Row], block: &[Row; BLOCK]) {
    add_rows_and(t, filled, a, block, |t, at, column| {
        lanes::store(column, &mut t[at].0);
    });
}

/// The same, but each column is given to `put` once it is whole, from the least on.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(super) fn add_rows_and(
    t: &mut [Row],
    filled: usize,
    a: &[Row],
    block: &[Row; BLOCK],
    mut put: impl FnMut(&mut [Row], usize, V),
) {
    let (zero, block) = (lanes::splat(0), load_block(block));
    let mut columns = [zero; BLOCK];
    if filled > 0 {
        for r in 0..BLOCK {
            columns[r] = lanes::load(&t[r].0);
        }
    }
    for (j, a) in a.iter().enumerate() {
        let mut above = zero;
        if j + BLOCK < filled {
            above = lanes::load(&t[j + BLOCK].0);
        }
        let column = turn(&mut columns, lanes::load(&a.0), &block, above);
        put(t, j, column);
    }
    for r in 0..BLOCK {
        put(t, a.len() + r, columns[r]);
    }
}

/// `t = 2 t +` the square of a block. The second half of the last such columns holds nothing.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_square(t: &mut [Row], block: &[Row; BLOCK], is_last: bool) {
    let block = load_block(block);
    let mut columns = [lanes::splat(0); 2 * BLOCK];
    // By whole blocks, so that the columns stay in registers.
    for r in 0..BLOCK {
        columns[r] = lanes::load(&t[r].0);
    }
    if !is_last {
        for r in BLOCK..2 * BLOCK {
            columns[r] = lanes::load(&t[r].0);
        }
    }
    for i in 0..BLOCK {
        for j in i + 1..BLOCK {
            columns[i + j] = lanes::madd_lo(columns[i + j], block[i], block[j]);
            columns[i + j + 1] = lanes::madd_hi(columns[i + j + 1], block[i], block[j]);
        }
    }
    for i in 0..BLOCK {
        let (low, high) = (columns[2 * i], columns[2 * i + 1]);
        columns[2 * i] = lanes::madd_lo(lanes::shl::<1>(low), block[i], block[i]);
        columns[2 * i + 1] = lanes::madd_hi(lanes::shl::<1>(high), block[i], block[i]);
    }
    for r in 0..2 * BLOCK {
        lanes::store(columns[r], &mut t[r].0);
    }
}

#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn load_block(rows: &[Row; BLOCK]) -> [V; BLOCK] {
    let mut block = [lanes::splat(0); BLOCK];
    for r in 0..BLOCK {
        block[r] = lanes::load(&rows[r].0);
    }
    block
}
