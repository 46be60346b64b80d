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

/// Room to compute in: for a product, and for twice what is squared.
struct Room {
    t: Rows,
    twice: Rows,
}

impl Room {
    fn new(len: usize) -> Self {
        Room {
            t: Rows::zero(2 * len),
            twice: Rows::zero(len),
        }
    }
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
    let mut room = Room::new(len);
    // The entries one after the other: 1, x, x^2 and so on.
    let mut table = Rows::zero(len << WINDOW);
    table.0[..len].copy_from_slice(&m.one.0);
    let mut power = Rows::zero(len);
    mul(m, &mut power, &base.0, &m.enter.0, &mut room);
    table.0[len..2 * len].copy_from_slice(&power.0);
    for i in 2..1 << WINDOW {
        let (known, next) = table.0.split_at_mut(i * len);
        mul(
            m,
            &mut power,
            &known[(i - 1) * len..],
            &known[len..2 * len],
            &mut room,
        );
        next[..len].copy_from_slice(&power.0);
    }

    let window = |at| exponents.map(|e| limbs::bits(e, at) & ((1 << WINDOW) - 1));
    let mut places = (0..64 * N).step_by(WINDOW).rev();
    select(
        &mut power,
        &table,
        &window(places.next().unwrap_or_default()),
    );
    let mut factor = Rows::zero(len);
    for at in places {
        for _ in 0..WINDOW {
            square(m, &mut power, &mut room);
        }
        select(&mut factor, &table, &window(at));
        mul_assign(m, &mut power, &factor.0, &mut room);
    }
    // Times 1: out of Montgomery's form, and at most n.
    let mut one = Rows::zero(len);
    one.0[0] = Row([1; LANES]);
    mul_assign(m, &mut power, &one.0, &mut room);
    power
}

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pow_vartime(m: &Moduli, base: &Rows, e: u64) -> Rows {
    let mut room = Room::new(m.len());
    let mut entered = Rows::zero(m.len());
    mul(m, &mut entered, &base.0, &m.enter.0, &mut room);
    let mut power = Rows(entered.0.clone());
    for bit in (0..e.ilog2()).rev() {
        square(m, &mut power, &mut room);
        if (e >> bit) & 1 == 1 {
            // The last factor is not in Montgomery's form, and so the power neither.
            let factor = if bit == 0 { base } else { &entered };
            mul_assign(m, &mut power, &factor.0, &mut room);
        }
    }
    power
}

/// In each lane the entry that its window names. All are read, whichever are wanted.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn select(out: &mut Rows, table: &Rows, wanted: &[u64; LANES]) {
    let wanted = lanes::load(black_box(wanted));
    let len = out.0.len();
    let mut hits = [0; 1 << WINDOW];
    for (i, hit) in (0..).zip(&mut hits) {
        *hit = lanes::equal(lanes::splat(i), wanted);
    }
    for (j, row) in out.0.iter_mut().enumerate() {
        let mut found = lanes::splat(0);
        for (i, hit) in hits.iter().enumerate() {
            found = lanes::or_where(*hit, found, lanes::load(&table.0[i * len + j].0));
        }
        lanes::store(found, &mut row.0);
    }
}

/// `out = a b / R mod n`, below `2 n`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn mul(m: &Moduli, out: &mut Rows, a: &[Row], b: &[Row], room: &mut Room) {
    product(&mut room.t, a, b);
    reduce(m, out, &mut room.t);
}

/// `a` becomes `a b / R mod n`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn mul_assign(m: &Moduli, a: &mut Rows, b: &[Row], room: &mut Room) {
    product(&mut room.t, &a.0, b);
    reduce(m, a, &mut room.t);
}

/// `t = a b`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn product(t: &mut Rows, a: &[Row], b: &[Row]) {
    let mut filled = 0;
    for (i, block) in b.as_chunks::<BLOCK>().0.iter().enumerate() {
        add_rows(&mut t.0[i * BLOCK..], filled, a, block);
        filled = a.len();
    }
}

/// `a` becomes `a a / R mod n`: each pair of digits once, one of them doubled, and the squares.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn square(m: &Moduli, a: &mut Rows, room: &mut Room) {
    let Room { t, twice } = room;
    double(twice, a);
    let (len, mut filled) = (a.0.len(), 0);
    for (i, block) in a.0.as_chunks::<BLOCK>().0.iter().enumerate() {
        let at = i * BLOCK;
        add_square(&mut t.0[2 * at..], filled, block);
        if let Some(behind) = twice.0.get_mut(at + BLOCK) {
            // What was carried to it is the block's own.
            let digit = lanes::and(lanes::load(&behind.0), lanes::splat(!1));
            lanes::store(digit, &mut behind.0);
            let filled = filled.max(2 * BLOCK) - BLOCK;
            add_rows(
                &mut t.0[2 * at + BLOCK..],
                filled,
                &twice.0[at + BLOCK..],
                block,
            );
        }
        filled = len - at - BLOCK;
    }
    reduce(m, a, t);
}

/// `twice = 2 a`, for a number of which the digits have room for another bit.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn double(twice: &mut Rows, a: &Rows) {
    let (mask, mut below) = (lanes::splat(MASK52), lanes::splat(0));
    for (to, from) in twice.0.iter_mut().zip(&a.0) {
        let digit = lanes::load(&from.0);
        let doubled = lanes::and(lanes::shl::<1>(digit), mask);
        lanes::store(lanes::or(doubled, lanes::shr::<51>(below)), &mut to.0);
        below = digit;
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
        lanes::store(columns[0], &mut t[j].0);
        // Spelled out, so that the columns stay in registers.
        let [_, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
        columns = [c1, c2, c3, c4, c5, c6, c7, c8, c9, above];
    }
    for r in 0..BLOCK {
        lanes::store(columns[r], &mut t[a.len() + r].0);
    }
}

/// `t +=` the square of a block, of whose columns only the first `filled` hold anything.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn add_square(t: &mut [Row], filled: usize, block: &[Row; BLOCK]) {
    let block = load_block(block);
    let mut columns = [lanes::splat(0); 2 * BLOCK];
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
    // By whole blocks, so that the columns stay in registers.
    if filled > 0 {
        for r in 0..BLOCK {
            columns[r] = lanes::add(columns[r], lanes::load(&t[r].0));
        }
    }
    if filled > BLOCK {
        for r in BLOCK..2 * BLOCK {
            columns[r] = lanes::add(columns[r], lanes::load(&t[r].0));
        }
    }
    for r in 0..2 * BLOCK {
        lanes::store(columns[r], &mut t[r].0);
    }
}

/// `out = t / R mod n`, below `2 n`, with all digits below `2^52`.
///
/// A column is the sum of at most `2 x 80 x 2` halves of products below `2^52` in the product,
/// doubled where it is a square, and `2 x 80` in the reduction: below `2^62`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn reduce(m: &Moduli, out: &mut Rows, t: &mut Rows) {
    let len = m.len();
    for at in (0..len).step_by(BLOCK) {
        clear_block(m, &mut t.0[at..]);
    }
    let (mask, mut carry) = (lanes::splat(MASK52), lanes::splat(0));
    for (row, from) in out.0.iter_mut().zip(&t.0[len..]) {
        let sum = lanes::add(lanes::load(&from.0), carry);
        carry = lanes::shr::<52>(sum);
        lanes::store(lanes::and(sum, mask), &mut row.0);
    }
}

/// Adds the multiple of `n` that makes the first block of columns zero, and what they carry
/// to the column behind them.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn clear_block(m: &Moduli, t: &mut [Row]) {
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
    add_rows(&mut t[BLOCK..], m.len(), &m.n.0[BLOCK..], &factor);
}
