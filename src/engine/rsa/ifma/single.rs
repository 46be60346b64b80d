//! One number spread over the lanes: Montgomery multiplication a digit at a time, after
//! Gueron and Krasnov ("Software implementation of modular exponentiation, using advanced
//! vector instructions architectures", 2012).
//!
//! Digits have 52 bits and `R = 2^(52 D)` is at least `2^16 n`. Numbers
//! between operations have digits below `2^52` and are below `2 n`: of two such, `a b / R` is
//! at most `n`, and what makes the product divisible adds less than another. No step
//! subtracts.
//!
//! A digit's turn waits for the turn before it, so that one multiplication leaves the
//! multiplier idle half of the time. The two primes of a key are computed with side by side.
#![allow(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "loop counters below the fixed numbers of vectors and digits"
)]

use std::hint::black_box;

use zeroize::{Zeroize, Zeroizing};

use super::columns::{BLOCK, PAIR};
use super::digits::Digits;
use crate::engine::cpu;
use crate::engine::lanes::{self, MASK52, V, half};
use crate::engine::limbs;
use crate::engine::rsa::modulus::Modulus;

/// A modulus of up to `8 W` digits.
///
/// Every field is a whole number of vectors: between others lies padding, which nothing
/// erases, and which brings along what the stack held when the value was moved.
#[derive(Clone)]
pub(in crate::engine::rsa) struct Wide<const W: usize> {
    n: Digits<W>,
    /// `n` moved down by a digit.
    n_down: Digits<W>,
    /// `-n^-1 mod 2^52`, in every lane.
    n0: Digits<1>,
    /// What brings a number to `R` times it: see [`Wide::new`].
    enter: Digits<W>,
    /// `R mod n`.
    one: Digits<W>,
    /// `2^(-52 PAIR) mod n`, for a modulus of so many digits that `reduce.rs` folds them.
    fold: Digits<W>,
}

impl<const W: usize> Wide<W> {
    /// `D`: whole blocks of `columns.rs`.
    const LEN: usize = 8 * W / BLOCK * BLOCK;

    /// Whether there are so many digits that they are folded, which is done by pairs of blocks.
    const IS_FOLDED: bool = {
        let is_folded = Self::LEN >= 2 * PAIR;
        assert!(!is_folded || Self::LEN.is_multiple_of(PAIR));
        is_folded
    };

    /// `None` where the processor lacks the instructions. Numbers that are raised are
    /// `2^-shift` times what is meant.
    pub(in crate::engine::rsa) fn new<const N: usize>(
        modulus: &Modulus<N>,
        shift: usize,
    ) -> Option<Box<Self>> {
        if !cpu::has_ifma() || 52 * Self::LEN < 64 * N + 16 {
            return None;
        }
        let n = Digits::from_limbs(modulus.n());
        let enter = modulus.power_of_two(shift + 2 * 52 * Self::LEN);
        let one = modulus.power_of_two(52 * Self::LEN);
        let mut fold = Zeroizing::new([0; N]);
        if Self::IS_FOLDED {
            const { assert!(!Self::IS_FOLDED || 64 * N > 52 * PAIR) };
            // A power of two that is below n, divided by 2^(64 N) modulo n.
            let at = 64 * N - 52 * PAIR;
            fold[at / 64] = 1 << (at % 64);
            modulus.leave(&mut fold);
        }
        Some(Box::new(Wide {
            n,
            n_down: n.down(),
            n0: Digits([[modulus.n0() & MASK52; 8]]),
            enter: Digits::from_limbs(enter.as_slice()),
            one: Digits::from_limbs(one.as_slice()),
            fold: Digits::from_limbs(fold.as_slice()),
        }))
    }

    pub(super) fn len(&self) -> usize {
        Self::LEN
    }

    pub(super) fn n0(&self) -> u64 {
        self.n0.0[0][0]
    }

    /// `n`, what brings a number to `R` times it, `R mod n`, and what digits are folded with.
    pub(super) fn numbers(&self) -> [&Digits<W>; 4] {
        [&self.n, &self.enter, &self.one, &self.fold]
    }

    /// `x` becomes `x^e mod n`, for an odd `e` above 1.
    pub(in crate::engine::rsa) fn pow_vartime<const N: usize>(
        &self,
        modulus: &Modulus<N>,
        x: &mut [u64; N],
        e: u64,
    ) {
        let base = Zeroizing::new(Digits::from_limbs(x.as_slice()));
        // SAFETY: a `Wide` exists, so the processor has the instructions.
        #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
        let power = Zeroizing::new(unsafe { pow_vartime(self, &base, e) });
        let above = power.write_limbs(x);
        modulus.reduce_below_double(x, above);
    }
}

impl<const W: usize> Drop for Wide<W> {
    fn drop(&mut self) {
        self.n.zeroize();
        self.n_down.zeroize();
        self.n0.zeroize();
        self.enter.zeroize();
        self.one.zeroize();
        self.fold.zeroize();
    }
}

/// Each `x` becomes `(x 2^shift)^exponent mod n`, the same steps for all numbers.
pub(in crate::engine::rsa) fn pow_pair<const N: usize, const W: usize>(
    wide: [&Wide<W>; 2],
    moduli: [&Modulus<N>; 2],
    x: [&mut [u64; N]; 2],
    exponents: [&[u64; N]; 2],
) {
    let base = x.each_ref().map(|x| Digits::from_limbs(x.as_slice()));
    let base = Zeroizing::new(base);
    // SAFETY: a `Wide` exists, so the processor has the instructions.
    #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
    let power = Zeroizing::new(unsafe { pow(wide, &base, exponents) });
    for ((x, power), modulus) in x.into_iter().zip(power.iter()).zip(moduli) {
        let above = power.write_limbs(x);
        modulus.reduce_below_double(x, above);
    }
}

/// Bits of an exponent taken at a time.
const WINDOW: usize = 5;

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pow<const N: usize, const W: usize>(
    m: [&Wide<W>; 2],
    base: &[Digits<W>; 2],
    exponents: [&[u64; N]; 2],
) -> [Digits<W>; 2] {
    let mut table = Zeroizing::new([[Digits::ZERO; 2]; 1 << WINDOW]);
    table[0] = [m[0].one, m[1].one];
    table[1] = *base;
    mul(m, &mut table[1], &[m[0].enter, m[1].enter]);
    for i in 2..1 << WINDOW {
        table[i] = table[i - 1];
        let entered = table[1];
        mul(m, &mut table[i], &entered);
    }

    let entry = |at| {
        let window = exponents.map(|e| limbs::bits(e, at) & ((1 << WINDOW) - 1));
        select(&table, window)
    };
    let mut places = (0..64 * N).step_by(WINDOW).rev();
    let mut power = entry(places.next().unwrap_or_default());
    for at in places {
        for _ in 0..WINDOW {
            square(m, &mut power);
        }
        mul(m, &mut power, &entry(at));
    }
    // Times 1: out of Montgomery's form, and at most n.
    let mut one = [Digits::ZERO; 2];
    one.iter_mut().for_each(|one| one.0[0][0] = 1);
    mul(m, &mut power, &one);
    power
}

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn pow_vartime<const W: usize>(m: &Wide<W>, base: &Digits<W>, e: u64) -> Digits<W> {
    let base = [*base];
    let mut entered = base;
    mul([m], &mut entered, &[m.enter]);
    let mut power = entered;
    for bit in (0..e.ilog2()).rev() {
        square([m], &mut power);
        if (e >> bit) & 1 == 1 {
            // The last factor is not in Montgomery's form, and so the power neither.
            mul([m], &mut power, if bit == 0 { &base } else { &entered });
        }
    }
    power[0]
}

/// An entry for each of the two. All are read, whichever is wanted.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn select<const W: usize>(
    table: &[[Digits<W>; 2]; 1 << WINDOW],
    wanted: [u64; 2],
) -> [Digits<W>; 2] {
    let mut out = [Digits::ZERO; 2];
    for s in 0..2 {
        let wanted = lanes::splat(black_box(wanted[s]));
        let mut found = [lanes::splat(0); W];
        for (i, entry) in (0..).zip(table) {
            let this = lanes::equal(lanes::splat(i), wanted);
            for j in 0..W {
                found[j] = lanes::or_where(this, found[j], lanes::load(&entry[s].0[j]));
            }
        }
        for j in 0..W {
            lanes::store(found[j], &mut out[s].0[j]);
        }
    }
    out
}

/// `a` becomes `a b / R mod n`, below `2 n`, for each of the streams.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn mul<const W: usize, const S: usize>(
    m: [&Wide<W>; S],
    a: &mut [Digits<W>; S],
    b: &[Digits<W>; S],
) {
    let t = product(m, a, b);
    for s in 0..S {
        for j in 0..W {
            lanes::store(t[s][j], &mut a[s].0[j]);
        }
    }
}

/// `a` becomes `a a / R mod n`, below `2 n`, for each of the streams.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn square<const W: usize, const S: usize>(m: [&Wide<W>; S], a: &mut [Digits<W>; S]) {
    let t = product(m, a, a);
    for s in 0..S {
        for j in 0..W {
            lanes::store(t[s][j], &mut a[s].0[j]);
        }
    }
}

/// `a b / R mod n` for each of the streams, below `2 n`.
///
/// A lane takes up at most four halves of products below `2^52` a turn on its way down, so
/// it stays below `2^52 x 4 x 80 < 2^61`.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn product<const W: usize, const S: usize>(
    m: [&Wide<W>; S],
    a: &[Digits<W>; S],
    b: &[Digits<W>; S],
) -> [[V; W]; S] {
    let zero = lanes::splat(0);
    let last = Wide::<W>::LEN - 1;
    let mut t = [[zero; W]; S];
    let mut digits = [zero; S];
    for s in 0..S {
        digits[s] = lanes::splat(b[s].0.as_flattened()[0]);
        for j in 0..W {
            t[s][j] = lanes::madd_lo(zero, lanes::load(&a[s].0[j]), digits[s]);
        }
    }
    for i in 0..last {
        for s in 0..S {
            let next = lanes::splat(b[s].0.as_flattened()[i + 1]);
            turn(m[s], &mut t[s], &a[s], digits[s], next);
            digits[s] = next;
        }
    }
    for s in 0..S {
        turn(m[s], &mut t[s], &a[s], digits[s], zero);
        carry(&mut t[s]);
    }
    t
}

/// One digit of `b`: the multiple of `n` that makes the least digit zero is added, and
/// everything moves down by a digit.
///
/// The low halves of `a` times the digit are in `t` before the turn, and those of the next
/// digit after it. What comes from `a` is summed apart from what moves down, so that the next
/// turn's least digit is two multiplications away from this one's.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn turn<const W: usize>(m: &Wide<W>, t: &mut [V; W], a: &Digits<W>, digit: V, next: V) {
    let zero = lanes::splat(0);
    let (least, n0) = (half::low(t[0]), half::low(lanes::load(&m.n0.0[0])));
    let q = half::spread(half::madd_lo(half::splat(0), least, n0));
    // What makes the least digit zero carries, unless it is zero. The carry, and what its lane
    // holds above it, belong to the next.
    let over = half::shr::<52>(half::add(least, half::splat(MASK52)));
    for j in 0..W {
        let above = if j + 1 < W { t[j + 1] } else { zero };
        let a = lanes::load(&a.0[j]);
        let ours = lanes::madd_lo(lanes::madd_hi(zero, a, digit), a, next);
        let ours = lanes::madd_lo(ours, lanes::load(&m.n_down.0[j]), q);
        let rest = lanes::madd_hi(lanes::down(t[j], above), lanes::load(&m.n.0[j]), q);
        t[j] = lanes::add(ours, rest);
    }
    t[0] = half::add_first(t[0], over);
}

/// Brings every lane below `2^52`, for a number that `8 W` digits have room for.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn carry<const W: usize>(t: &mut [V; W]) {
    let (zero, mask) = (lanes::splat(0), lanes::splat(MASK52));
    let mut below = zero;
    let (mut more, mut full) = (0_u128, 0_u128);
    for j in 0..W {
        let above = lanes::shr::<52>(t[j]);
        t[j] = lanes::add(lanes::and(t[j], mask), lanes::up(above, below));
        below = above;
        more |= u128::from(lanes::greater(t[j], mask)) << (8 * j);
        full |= u128::from(lanes::equal(t[j], mask)) << (8 * j);
    }
    // What carries takes along a run of full lanes above it, as adding does to bits.
    let carried = (full + (more << 1)) ^ full;
    let bytes = carried.to_le_bytes();
    for j in 0..W {
        t[j] = lanes::and(lanes::add_where(bytes[j], t[j], lanes::splat(1)), mask);
    }
}
