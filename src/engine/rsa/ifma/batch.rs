//! Eight numbers side by side, one in each lane: a vector holds the same digit of all.
//!
//! Digits and bounds are those of `single.rs`. No digit waits for another lane's, and nothing
//! is shuffled, so that the multiplier is kept busy: eight powers take about as long as four do
//! on their own.
//!
//! Products are computed ten digits at a time: ten digits of one factor stay in registers,
//! and the columns that they reach move past them as the other factor's digits come by
//! ([`add_rows`]). All lengths are multiples of ten.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the numbers of digits, which all numbers of a call share"
)]

use std::hint::black_box;

use zeroize::{Zeroize, Zeroizing};

use super::single::Wide;
use crate::engine::lanes::{self, MASK52, V};
use crate::engine::limbs;
use crate::engine::rsa::modulus::Modulus;

/// How many go side by side.
pub(in crate::engine::rsa) const LANES: usize = 8;

/// Digits taken at a time.
const BLOCK: usize = 10;

/// Bits of an exponent taken at a time. Tables of 32 entries leave the first cache.
const WINDOW: usize = 4;

/// Each `x` becomes `(x 2^shift)^exponent mod n`, the same steps for all numbers: see
/// [`Wide::new`].
pub(in crate::engine::rsa) fn pow_lanes<const N: usize, const W: usize>(
    wide: [&Wide<W>; LANES],
    moduli: [&Modulus<N>; LANES],
    x: &mut [Zeroizing<[u64; N]>; LANES],
    exponents: [&[u64; N]; LANES],
) {
    let m = Moduli::new(wide);
    let base = read(&m, x);
    // SAFETY: a `Wide` exists, so the processor has the instructions.
    #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
    let power = unsafe { pow(&m, &base, exponents) };
    write(&power, moduli, x);
}

/// Each `x` becomes `x^e mod n`, for an odd `e` above 1.
pub(in crate::engine::rsa) fn pow_lanes_vartime<const N: usize, const W: usize>(
    wide: [&Wide<W>; LANES],
    moduli: [&Modulus<N>; LANES],
    x: &mut [Zeroizing<[u64; N]>; LANES],
    e: u64,
) {
    let m = Moduli::new(wide);
    let base = read(&m, x);
    // SAFETY: a `Wide` exists, so the processor has the instructions.
    #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
    let power = unsafe { pow_vartime(&m, &base, e) };
    write(&power, moduli, x);
}

/// A digit of each lane. Aligned, so that no load crosses a line of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Row([u64; LANES]);

/// Digits of each lane, the least first; erased when they are dropped.
struct Rows(Vec<Row>);

impl Rows {
    fn zero(len: usize) -> Self {
        Rows(vec![Row([0; LANES]); len])
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|row| row.0.zeroize());
    }
}

/// A number that is multiplied again and again; all its digits are below `2^52`.
struct Power<'a> {
    m: &'a Moduli,
    digits: Rows,
    /// Columns of a product, twice as many.
    t: Rows,
}

/// The moduli of the lanes, as [`Wide`] has them.
struct Moduli {
    n: Rows,
    n0: Row,
    enter: Rows,
    one: Rows,
}

impl Moduli {
    fn new<const W: usize>(wide: [&Wide<W>; LANES]) -> Self {
        let len = wide[0].len();
        let mut n0 = Row([0; LANES]);
        let (mut n, mut enter, mut one) = (Rows::zero(len), Rows::zero(len), Rows::zero(len));
        for (lane, wide) in wide.into_iter().enumerate() {
            n0.0[lane] = wide.n0();
            let [of_n, of_enter, of_one] = wide.numbers();
            for (rows, digits) in [(&mut n, of_n), (&mut enter, of_enter), (&mut one, of_one)] {
                let digits = digits.0.as_flattened();
                let pairs = rows.0.iter_mut().zip(digits);
                pairs.for_each(|(row, digit)| row.0[lane] = *digit);
            }
        }
        Moduli { n, n0, enter, one }
    }

    fn len(&self) -> usize {
        self.n.0.len()
    }
}

impl Drop for Moduli {
    fn drop(&mut self) {
        self.n0.0.zeroize();
    }
}

fn read<const N: usize>(m: &Moduli, x: &[Zeroizing<[u64; N]>; LANES]) -> Rows {
    let mut rows = Rows::zero(m.len());
    for (lane, x) in x.iter().enumerate() {
        let digits = super::digits::split(x.as_slice());
        let pairs = rows.0.iter_mut().zip(digits);
        pairs.for_each(|(row, digit)| row.0[lane] = digit);
    }
    rows
}

fn write<const N: usize>(
    rows: &Rows,
    moduli: [&Modulus<N>; LANES],
    x: &mut [Zeroizing<[u64; N]>; LANES],
) {
    for (lane, (x, modulus)) in x.iter_mut().zip(moduli).enumerate() {
        let digit = |at: usize| rows.0.get(at).map_or(0, |row| row.0[lane]);
        let above = super::digits::join(digit, x.as_mut_slice());
        modulus.reduce_below_double(x, above);
    }
}

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pow<const N: usize>(m: &Moduli, base: &Rows, exponents: [&[u64; N]; LANES]) -> Rows {
    let len = m.len();
    let mut power = Power::of(m, &base.0);
    power.times(&m.enter.0);
    // The entries one after the other: 1, x, x^2 and so on.
    let mut table = Rows::zero(len << WINDOW);
    table.0[..len].copy_from_slice(&m.one.0);
    table.0[len..2 * len].copy_from_slice(&power.digits.0);
    for i in 2..1 << WINDOW {
        let (known, next) = table.0.split_at_mut(i * len);
        power.times(&known[len..2 * len]);
        next[..len].copy_from_slice(&power.digits.0);
    }

    let window = |at| exponents.map(|e| limbs::bits(e, at) & ((1 << WINDOW) - 1));
    let mut places = (0..64 * N).step_by(WINDOW).rev();
    let first = places.next().unwrap_or_default();
    select(&mut power.digits, &table, &window(first));
    let mut factor = Rows::zero(len);
    for at in places {
        for _ in 0..WINDOW {
            power.square();
        }
        select(&mut factor, &table, &window(at));
        power.times(&factor.0);
    }
    // Times 1: out of Montgomery's form, and at most n.
    let mut one = Rows::zero(len);
    one.0[0] = Row([1; LANES]);
    power.times(&one.0);
    power.digits
}

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pow_vartime(m: &Moduli, base: &Rows, e: u64) -> Rows {
    let mut power = Power::of(m, &base.0);
    power.times(&m.enter.0);
    let entered = Rows(power.digits.0.clone());
    for bit in (0..e.ilog2()).rev() {
        power.square();
        if (e >> bit) & 1 == 1 {
            // The last factor is not in Montgomery's form, and so the power neither.
            power.times(if bit == 0 { &base.0 } else { &entered.0 });
        }
    }
    power.digits
}

/// In each lane the entry that its window names. All are read, whichever are wanted.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn select(out: &mut Rows, table: &Rows, wanted: &[u64; LANES]) {
    let wanted = lanes::load(black_box(wanted));
    let len = out.0.len();
    for (at, out) in (0..).step_by(BLOCK).zip(out.0.as_chunks_mut::<BLOCK>().0) {
        let mut found = [lanes::splat(0); BLOCK];
        for (i, entry) in (0..).zip(table.0.chunks_exact(len)) {
            let hit = lanes::equal(lanes::splat(i), wanted);
            for (r, row) in entry[at..at + BLOCK].iter().enumerate() {
                found[r] = lanes::or_where(hit, found[r], lanes::load(&row.0));
            }
        }
        for r in 0..BLOCK {
            lanes::store(found[r], &mut out[r].0);
        }
    }
}

impl<'a> Power<'a> {
    fn of(m: &'a Moduli, number: &[Row]) -> Self {
        Power {
            m,
            digits: Rows(number.to_vec()),
            t: Rows::zero(2 * m.len()),
        }
    }

    /// The number times `b / R mod n`, below `2 n`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn times(&mut self, b: &[Row]) {
        let Power { digits, t, .. } = self;
        let mut filled = 0;
        for (i, block) in b.as_chunks::<BLOCK>().0.iter().enumerate() {
            add_rows(&mut t.0[i * BLOCK..], filled, &digits.0, block);
            filled = digits.0.len();
        }
        self.reduce();
    }

    /// The number times itself `/ R mod n`, below `2 n`: each pair of digits once, twice that, and
    /// the squares.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn square(&mut self) {
        let Power { digits, t, .. } = self;
        let blocks = digits.0.as_chunks::<BLOCK>().0;
        for (i, block) in blocks.iter().enumerate() {
            let at = i * BLOCK;
            // With what is below it. The block before has not come as far.
            let filled = at.saturating_sub(BLOCK);
            add_rows(&mut t.0[at..], filled, &digits.0[..at], block);
        }
        for (i, block) in blocks.iter().enumerate() {
            add_square(&mut t.0[2 * i * BLOCK..], block, i + 1 == blocks.len());
        }
        self.reduce();
    }

    /// The columns divided by `R`, modulo `n`, below `2 n`.
    ///
    /// A column is the sum of at most `2 x 80` halves of products, each below `2^52`, and of as many
    /// in the reduction: below `2^61`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn reduce(&mut self) {
        let Power { m, digits, t } = self;
        let last = m.len() - BLOCK;
        for at in (0..last).step_by(BLOCK) {
            clear_block(m, &mut t.0[at..], |t, at, column| {
                lanes::store(column, &mut t[at].0)
            });
        }
        // What is whole now is carried at once, beside the products.
        let (mask, mut carry) = (lanes::splat(MASK52), lanes::splat(0));
        clear_block(m, &mut t.0[last..], |_, j, column| {
            let sum = lanes::add(column, carry);
            carry = lanes::shr::<52>(sum);
            lanes::store(lanes::and(sum, mask), &mut digits.0[j].0);
        });
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

/// `t += a block`, in the first `a.len() + BLOCK` columns. Of those only the first `filled` hold
/// anything; the others are not read.
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
fn add_rows_and(
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
        let a = lanes::load(&a.0);
        let mut above = zero;
        if j + BLOCK < filled {
            above = lanes::load(&t[j + BLOCK].0);
        }
        for r in 0..BLOCK {
            columns[r] = lanes::madd_lo(columns[r], a, block[r]);
        }
        for r in 1..BLOCK {
            columns[r] = lanes::madd_hi(columns[r], a, block[r - 1]);
        }
        above = lanes::madd_hi(above, a, block[BLOCK - 1]);
        put(t, j, columns[0]);
        // Spelled out, so that the columns stay in registers.
        let [_, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
        columns = [c1, c2, c3, c4, c5, c6, c7, c8, c9, above];
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
