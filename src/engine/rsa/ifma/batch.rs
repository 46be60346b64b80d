//! Eight numbers side by side, one in each lane: a vector holds the same digit of all.
//!
//! Digits are those of `single.rs`. No digit waits for another lane's, and nothing is shuffled,
//! so that the multiplier is kept busy: eight powers take about as long as four or five do on their
//! own. How numbers are multiplied is in `columns.rs`, and how products are reduced in `reduce.rs`.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the numbers of digits, which all numbers of a call share"
)]

use std::hint::black_box;

use zeroize::Zeroizing;

use super::columns::{self, BLOCK, LANES, Row, Rows};
use super::reduce::Moduli;
use super::single::Wide;
use crate::engine::lanes;
use crate::engine::limbs;
use crate::engine::rsa::modulus::Modulus;

/// Bits of an exponent taken at a time. A table takes 20, 30 or 40 KiB; with one bit more it would
/// take twice that, and reading it would cost what the multiplications do that are saved, or more.
const WINDOW: usize = 4;

/// Each `x` becomes `(x 2^shift)^exponent mod n`, the same steps for all numbers: see
/// [`Wide::new`].
pub(in crate::engine::rsa) fn pow_lanes<const N: usize, const W: usize>(
    wide: [&Wide<W>; LANES],
    moduli: [&Modulus<N>; LANES],
    x: &mut [Zeroizing<[u64; N]>; LANES],
    exponents: [&[u64; N]; LANES],
) {
    let base = read(wide[0].len(), x);
    // SAFETY: a `Wide` exists, so the processor has the instructions.
    #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
    let power = unsafe { pow(&Moduli::new(&wide), &base, exponents) };
    write(&power, moduli, x);
}

/// Each `x` becomes `x^e mod n`, for an odd `e` above 1.
pub(in crate::engine::rsa) fn pow_lanes_vartime<const N: usize, const W: usize>(
    wide: [&Wide<W>; LANES],
    moduli: [&Modulus<N>; LANES],
    x: &mut [Zeroizing<[u64; N]>; LANES],
    e: u64,
) {
    let base = read(wide[0].len(), x);
    // SAFETY: a `Wide` exists, so the processor has the instructions.
    #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
    let power = unsafe { pow_vartime(&Moduli::new(&wide), &base, e) };
    write(&power, moduli, x);
}

/// A number that is multiplied again and again; all its digits are below `2^52`.
struct Power<'a> {
    m: &'a Moduli,
    digits: Rows,
    /// Columns of a product, twice as many.
    t: Rows,
    /// For what a product or a reduction is made of.
    room: Rows,
}

fn read<const N: usize>(len: usize, x: &[Zeroizing<[u64; N]>; LANES]) -> Rows {
    let mut rows = Rows::zero(len);
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

    let window = |at| Row(exponents.map(|e| limbs::bits(e, at) & ((1 << WINDOW) - 1)));
    let mut places = (0..64 * N).step_by(WINDOW).rev();
    let first = places.next().unwrap_or_default();
    select(&mut power.digits, &table, &window(first), false);
    let mut factor = Rows::zero(len);
    for (turn, at) in places.enumerate() {
        for _ in 0..WINDOW {
            power.square();
        }
        select(&mut factor, &table, &window(at), turn % 2 == 0);
        power.times(&factor.0);
    }
    // Times 1: out of Montgomery's form.
    let mut one = Rows::zero(len);
    one.0[0] = Row([1; LANES]);
    power.last_times(&one.0)
}

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pow_vartime(m: &Moduli, base: &Rows, e: u64) -> Rows {
    let mut power = Power::of(m, &base.0);
    power.times(&m.enter.0);
    let entered = Rows(power.digits.0.clone());
    for bit in (1..e.ilog2()).rev() {
        power.square();
        if (e >> bit) & 1 == 1 {
            power.times(&entered.0);
        }
    }
    power.square();
    // This factor is not in Montgomery's form, and so the power neither.
    power.last_times(&base.0)
}

/// In each lane the entry that its window names. All are read, whichever are wanted: forwards
/// and backwards by turns, so that what was read last is read first, and still in the cache.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn select(out: &mut Rows, table: &Rows, wanted: &Row, backwards: bool) {
    let wanted = lanes::load(&black_box(wanted).0);
    let mut hits = [0; 1 << WINDOW];
    for (i, hit) in (0..).zip(&mut hits) {
        *hit = lanes::equal(lanes::splat(i), wanted);
    }
    let (len, blocks) = (out.0.len(), out.0.len() / BLOCK);
    let turned = |i: usize, count: usize| if backwards { count - 1 - i } else { i };
    for i in 0..blocks {
        let at = turned(i, blocks) * BLOCK;
        let mut found = [lanes::splat(0); BLOCK];
        for i in 0..hits.len() {
            let i = turned(i, hits.len());
            let entry = &table.0[i * len + at..][..BLOCK];
            for r in 0..BLOCK {
                found[r] = lanes::or_where(hits[i], found[r], lanes::load(&entry[r].0));
            }
        }
        for r in 0..BLOCK {
            lanes::store(found[r], &mut out.0[at + r].0);
        }
    }
}

impl<'a> Power<'a> {
    fn of(m: &'a Moduli, number: &[Row]) -> Self {
        Power {
            m,
            digits: Rows(number.to_vec()),
            t: Rows::zero(2 * m.len()),
            room: Rows::room(m.len()),
        }
    }

    /// The number times `b / R mod n`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn times(&mut self, b: &[Row]) {
        let Power { m, digits, t, room } = self;
        columns::product(&mut t.0, &digits.0, b, &mut room.0);
        m.reduce(&mut digits.0, &mut t.0, &mut room.0);
    }

    /// The number times itself `/ R mod n`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn square(&mut self) {
        let Power { m, digits, t, room } = self;
        columns::square(&mut t.0, &digits.0, &mut room.0);
        m.reduce(&mut digits.0, &mut t.0, &mut room.0);
    }

    /// The number times `b / R mod n`, below `2 n`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn last_times(mut self, b: &[Row]) -> Rows {
        columns::product(&mut self.t.0, &self.digits.0, b, &mut self.room.0);
        self.m.clear(0, &mut self.digits.0, &mut self.t.0);
        self.digits
    }
}
