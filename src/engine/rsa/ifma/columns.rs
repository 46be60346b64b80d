//! Products of eight pairs of numbers side by side, in columns: what comes together in each
//! digit's place, before anything is carried from one to the next.
//!
//! Ten digits of one factor stay in registers, and the columns that they reach move past them as
//! the other factor's digits come by ([`add_rows`]). All lengths are multiples of ten.
//!
//! Longer numbers are cut in halves, and three products of halves do for four (Karatsuba and
//! Ofman 1962): `a0 b1 + a1 b0 = (a0 + a1) (b0 + b1) - a0 b0 - a1 b1`. Columns are differences
//! then, and some are negative: two's complement.
//!
//! In units of `2^52`, a column of ten digits by ten is in `0..20`. Halves put together have two
//! such in a column, less two, and two digits more: `-40..42` for twenty digits, `-164..166` for
//! forty and `-660..662` for eighty. Thirty digits add two products with ten to those of twenty:
//! `-40..82`, and `-244..246` for sixty. Squares are cut less often and stay within.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the numbers of digits, which all numbers of a call share"
)]

use crate::engine::erase::{Plain, erase};
use crate::engine::lanes::{self, MASK52, V};

/// How many go side by side.
pub(in crate::engine::rsa) const LANES: usize = 8;

/// Digits that stay in registers.
pub(super) const BLOCK: usize = 10;

/// Two blocks: from so many digits on a product is made of three.
pub(super) const PAIR: usize = 2 * BLOCK;

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

    /// Room for a [`product`] and a [`square`] of numbers of `len` digits, and for [`add_pair`].
    pub(super) fn room(len: usize) -> Self {
        Rows::zero(4 * len)
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
pub(super) fn product(t: &mut [Row], a: &[Row], b: &[Row], room: &mut [Row]) {
    let half = a.len() / 2;
    if half == BLOCK {
        let (sum_a, room) = room.split_at_mut(Halves::SUM);
        put_pair(t, Halves::new(a, sum_a), Halves::new(b, room));
    } else if half.is_multiple_of(BLOCK) {
        let (sum_a, room) = room.split_at_mut(half + 1);
        let (sum_b, room) = room.split_at_mut(half + 1);
        let (middle, room) = room.split_at_mut(2 * half);
        let ((a0, a1), (b0, b1)) = (a.split_at(half), b.split_at(half));
        put_sum(sum_a, a0, a1);
        put_sum(sum_b, b0, b1);
        product(&mut t[..2 * half], a0, b0, room);
        product(&mut t[2 * half..], a1, b1, room);
        product(middle, &sum_a[..half], &sum_b[..half], room);
        add_middle(t, middle, sum_a, sum_b);
    } else {
        // The last block of each by itself.
        let last = a.len() - BLOCK;
        let (a_last, b_last) = (block(&a[last..]), block(&b[last..]));
        if last > 0 {
            product(t, &a[..last], &b[..last], room);
        }
        let t = &mut t[last..];
        add_rows(t, last, a, b_last);
        add_rows(t, a.len() + BLOCK, &b[..last], a_last);
    }
}

/// `t = a a`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(super) fn square(t: &mut [Row], a: &[Row], room: &mut [Row]) {
    let half = a.len() / 2;
    if half > BLOCK && half.is_multiple_of(BLOCK) {
        let (sum, room) = room.split_at_mut(half + 1);
        let (middle, room) = room.split_at_mut(2 * half);
        let (a0, a1) = a.split_at(half);
        put_sum(sum, a0, a1);
        square(&mut t[..2 * half], a0, room);
        square(&mut t[2 * half..], a1, room);
        square(middle, &sum[..half], room);
        add_middle(t, middle, sum, sum);
        return;
    }
    // Each pair of digits once, twice that, and the squares.
    let blocks = a.as_chunks().0;
    for (i, block) in blocks.iter().enumerate().skip(1) {
        let at = i * BLOCK;
        // With what is below it. The block before has not come as far.
        add_rows(&mut t[at..], at - BLOCK, &a[..at], block);
    }
    for (i, block) in blocks.iter().enumerate() {
        let filled = [i > 0, i + 1 < blocks.len()];
        add_square(&mut t[2 * i * BLOCK..], filled, block);
    }
}

/// A sum, and behind its digits all ones in the lanes where it carries.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn put_sum(sum: &mut [Row], a: &[Row], b: &[Row]) {
    let (zero, mask) = (lanes::splat(0), lanes::splat(MASK52));
    let mut carry = zero;
    for i in 0..a.len() {
        let digits = lanes::add(lanes::load(&a[i].0), lanes::load(&b[i].0));
        let digit = lanes::add(digits, carry);
        carry = lanes::shr::<52>(digit);
        lanes::store(lanes::and(digit, mask), &mut sum[i].0);
    }
    lanes::store(lanes::sub(zero, carry), &mut sum[a.len()].0);
}

/// `t`, the product of the low halves and behind it that of the high ones, becomes that of the
/// whole numbers. `middle` is the product of the sums, but for what they carry.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_middle(t: &mut [Row], middle: &[Row], sum_a: &[Row], sum_b: &[Row]) {
    let half = sum_a.len() - 1;
    let [carry_a, carry_b] = [sum_a, sum_b].map(|sum| lanes::load(&sum[half].0));
    let (sum_a, sum_b) = (&sum_a[..half], &sum_b[..half]);
    let (low, high) = (&middle[..half], &middle[half..2 * half]);
    let (t0, t) = t.split_at_mut(half);
    let (t1, t) = t.split_at_mut(half);
    let (t2, t) = t.split_at_mut(half);
    let t3 = &mut t[..half];
    for i in 0..half {
        let across = lanes::sub(lanes::load(&t1[i].0), lanes::load(&t2[i].0));
        let carried = lanes::add(
            lanes::and(lanes::load(&sum_a[i].0), carry_b),
            lanes::and(lanes::load(&sum_b[i].0), carry_a),
        );
        let column = lanes::add(lanes::load(&low[i].0), across);
        let column = lanes::sub(column, lanes::load(&t0[i].0));
        lanes::store(column, &mut t1[i].0);
        let column = lanes::sub(lanes::load(&high[i].0), across);
        let column = lanes::sub(column, lanes::load(&t3[i].0));
        lanes::store(lanes::add(column, carried), &mut t2[i].0);
    }
    add_both(&mut t3[0], carry_a, carry_b);
}

/// Adds one where both sums carry, of which the masks are minus one.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_both(row: &mut Row, carry_a: V, carry_b: V) {
    let both = lanes::and(carry_a, carry_b);
    lanes::store(lanes::sub(lanes::load(&row.0), both), &mut row.0);
}

/// A number of [`PAIR`] digits, and the sum of its halves.
#[derive(Clone, Copy)]
pub(super) struct Halves<'a> {
    low: &'a [Row; BLOCK],
    high: &'a [Row; BLOCK],
    /// As [`put_sum`] leaves it.
    sum: &'a [Row],
}

impl<'a> Halves<'a> {
    /// Rows of a sum.
    pub(super) const SUM: usize = BLOCK + 1;

    /// Puts the sum into the first rows of `sum`.
    #[inline]
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    pub(super) fn new(digits: &'a [Row], sum: &'a mut [Row]) -> Self {
        let (low, high) = digits.split_at(BLOCK);
        put_sum(sum, low, high);
        Halves::with_sum(digits, sum)
    }

    /// With the sum that [`Halves::new`] has put there.
    pub(super) fn with_sum(digits: &'a [Row], sum: &'a [Row]) -> Self {
        Halves {
            low: block(digits),
            high: block(&digits[BLOCK..]),
            sum: &sum[..Halves::SUM],
        }
    }

    #[inline]
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn carry(&self) -> V {
        lanes::load(&self.sum[BLOCK].0)
    }
}

/// `t = a b`, in `2 PAIR` columns, whatever is in them.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn put_pair(t: &mut [Row], a: Halves<'_>, b: Halves<'_>) {
    let t = &mut t[..2 * PAIR];
    add_rows(&mut t[..PAIR], 0, a.low, b.low);
    add_rows(&mut t[PAIR..], 0, a.high, b.high);
    // As `add_middle`, beside the product of the sums.
    let mut columns = [lanes::splat(0); BLOCK];
    let factor = load_block(block(b.sum));
    for j in 0..BLOCK {
        let (digit, above) = sums(a, b, j);
        let column = turn(&mut columns, digit, &factor, above);
        let across = lanes::sub(lanes::load(&t[BLOCK + j].0), lanes::load(&t[PAIR + j].0));
        let column = lanes::sub(lanes::add(across, column), lanes::load(&t[j].0));
        let rest = lanes::add(across, lanes::load(&t[PAIR + BLOCK + j].0));
        lanes::store(column, &mut t[BLOCK + j].0);
        lanes::store(rest, &mut t[PAIR + j].0);
    }
    for j in 0..BLOCK {
        let column = lanes::sub(columns[j], lanes::load(&t[PAIR + j].0));
        lanes::store(column, &mut t[PAIR + j].0);
    }
    add_both(&mut t[PAIR + BLOCK], a.carry(), b.carry());
}

/// `t += a b`; `room` holds the products of the halves meanwhile.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(super) fn add_pair(t: &mut [Row], a: Halves<'_>, b: Halves<'_>, room: &mut [Row]) {
    let (t, z) = (&mut t[..2 * PAIR], &mut room[..2 * PAIR]);
    add_rows(&mut z[..PAIR], 0, a.low, b.low);
    add_rows(&mut z[PAIR..], 0, a.high, b.high);
    let mut add = |at: usize, column: V| {
        lanes::store(lanes::add(lanes::load(&t[at].0), column), &mut t[at].0);
    };
    let mut columns = [lanes::splat(0); BLOCK];
    let factor = load_block(block(b.sum));
    for j in 0..BLOCK {
        let (digit, above) = sums(a, b, j);
        let column = turn(&mut columns, digit, &factor, above);
        let low = lanes::load(&z[j].0);
        let across = lanes::sub(lanes::load(&z[BLOCK + j].0), lanes::load(&z[PAIR + j].0));
        add(j, low);
        add(BLOCK + j, lanes::sub(lanes::add(across, column), low));
    }
    for j in 0..BLOCK {
        let high = lanes::load(&z[PAIR + BLOCK + j].0);
        let across = lanes::sub(lanes::load(&z[BLOCK + j].0), lanes::load(&z[PAIR + j].0));
        add(PAIR + j, lanes::sub(columns[j], lanes::add(across, high)));
        add(PAIR + BLOCK + j, high);
    }
    add_both(&mut t[PAIR + BLOCK], a.carry(), b.carry());
}

/// A digit of one sum, and what the carries of both bring to the column that comes with it.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn sums(a: Halves<'_>, b: Halves<'_>, j: usize) -> (V, V) {
    let [of_a, of_b] = [a, b].map(|number| lanes::load(&number.sum[j].0));
    let carried = lanes::add(lanes::and(of_a, b.carry()), lanes::and(of_b, a.carry()));
    (of_a, carried)
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
// One loop for all: unrolled wherever it is called, it would fill the first cache.
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

/// `t = 2 t +` the square of a block, in two blocks of columns, which may not be filled.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_square(t: &mut [Row], [low, high]: [bool; 2], block: &[Row; BLOCK]) {
    let block = load_block(block);
    let mut columns = [lanes::splat(0); 2 * BLOCK];
    // By whole blocks, so that the columns stay in registers.
    if low {
        for r in 0..BLOCK {
            columns[r] = lanes::load(&t[r].0);
        }
    }
    if high {
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

/// The first ten.
fn block(rows: &[Row]) -> &[Row; BLOCK] {
    &rows.as_chunks().0[0]
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
