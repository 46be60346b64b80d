//! Montgomery arithmetic (1985) with limbs of 64 bits: the path for every processor.
//!
//! `R = 2^(64 N)`. A modulus has its top bit set, so `R < 2 n`. Numbers between operations
//! are below `R` and need not be below `n`: a product's reduction is then below `R + n`, and
//! `n` is taken off where it reaches `R`. Only [`Modulus::leave`] reduces in full.
#![allow(
    clippy::indexing_slicing,
    reason = "loop counters below the fixed number of limbs"
)]

use zeroize::Zeroizing;

use crate::engine::limbs;

/// Room for the longest product, that of two numbers of 4096 bits; erased when it is dropped.
pub(super) type Scratch = Zeroizing<[u64; 128]>;

/// Room for products.
pub(super) fn scratch() -> Scratch {
    Zeroizing::new([0; 128])
}

/// An odd number of exactly `64 N` bits, and what computing modulo it needs.
#[derive(Clone)]
pub(super) struct Modulus<const N: usize> {
    n: Zeroizing<[u64; N]>,
    /// `-n^-1 mod 2^64`.
    n0: Zeroizing<u64>,
    /// `R^2 mod n`.
    rr: Zeroizing<[u64; N]>,
}

impl<const N: usize> Modulus<N> {
    /// `None` unless the number is odd and has its top bit.
    pub(super) fn new(n: &[u64; N]) -> Option<Self> {
        let (low, high) = (n.first()?, n.last()?);
        if low & (high >> 63) & 1 == 0 {
            return None;
        }
        let mut modulus = Modulus {
            n: Zeroizing::new(*n),
            n0: Zeroizing::new(limbs::negated_inverse(*low)),
            rr: Zeroizing::new([0; N]),
        };
        modulus.rr = modulus.power_of_two_entered(64 * N);
        Some(modulus)
    }

    pub(super) fn n(&self) -> &[u64; N] {
        &self.n
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn n0(&self) -> u64 {
        *self.n0
    }

    /// `2^k mod n`. Variable time in `k`.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn power_of_two(&self, k: usize) -> Zeroizing<[u64; N]> {
        let mut power = self.power_of_two_entered(k);
        self.leave(&mut power);
        power
    }

    fn power_of_two_entered(&self, k: usize) -> Zeroizing<[u64; N]> {
        let (mut power, mut t) = (self.one(), scratch());
        for bit in (0..usize::BITS - k.leading_zeros()).rev() {
            self.square(&mut power, &mut t);
            if (k >> bit) & 1 == 1 {
                self.reduce_once(&mut power);
                limbs::double(&mut power, 0, &self.n);
            }
        }
        power
    }

    /// `R mod n`: because `n` has its top bit, `R - n`.
    fn one(&self) -> Zeroizing<[u64; N]> {
        let mut one = Zeroizing::new([0; N]);
        limbs::sub(one.as_mut_slice(), self.n.as_slice());
        one
    }

    /// Any `a` becomes `a R mod n`.
    pub(super) fn enter(&self, a: &mut [u64; N]) {
        self.mul(a, &self.rr, &mut scratch());
    }

    /// `a` becomes `a / R mod n`, below `n`.
    pub(super) fn leave(&self, a: &mut [u64; N]) {
        *a = *self.reduce_wide(a);
        self.reduce_once(a);
    }

    /// `a / R mod n` for an `a` of up to `2 N` limbs that is below `n R`.
    pub(super) fn reduce_wide(&self, a: &[u64]) -> Zeroizing<[u64; N]> {
        let mut t = scratch();
        let pairs = t.iter_mut().zip(a);
        pairs.for_each(|(to, from)| *to = *from);
        let mut out = Zeroizing::new([0; N]);
        self.reduce(&mut t, &mut out);
        out
    }

    /// `a` becomes `a b / R mod n`.
    pub(super) fn mul(&self, a: &mut [u64; N], b: &[u64; N], t: &mut Scratch) {
        limbs::product(&mut t[..2 * N], a, b);
        self.reduce(t, a);
    }

    /// `a` becomes `a a / R mod n`.
    pub(super) fn square(&self, a: &mut [u64; N], t: &mut Scratch) {
        limbs::square(&mut t[..2 * N], a);
        self.reduce(t, a);
    }

    /// `a R` becomes `a^exponent R mod n`: five bits at a time, the same steps for every
    /// exponent.
    pub(super) fn pow(&self, a: &mut [u64; N], exponent: &[u64; N]) {
        let mut t = scratch();
        let mut table = Zeroizing::new([[0; N]; 32]);
        table[0] = *self.one();
        for i in 1..32 {
            table[i] = table[i - 1];
            self.mul(&mut table[i], a, &mut t);
        }
        *a = table[0];
        let mut factor = Zeroizing::new([0; N]);
        for window in (0..(64 * N).div_ceil(5)).rev() {
            (0..5).for_each(|_| self.square(a, &mut t));
            select(&mut factor, &table, limbs::bits(exponent, 5 * window) & 31);
            self.mul(a, &factor, &mut t);
        }
    }

    /// Any `a` becomes `a^e mod n`, below `n`, for an odd `e` above 1.
    pub(super) fn pow_vartime(&self, a: &mut [u64; N], e: u64) {
        let (base, mut t) = (Zeroizing::new(*a), scratch());
        self.enter(a);
        let entered = Zeroizing::new(*a);
        for bit in (0..e.ilog2()).rev() {
            self.square(a, &mut t);
            if (e >> bit) & 1 == 1 {
                // The last factor is not in Montgomery's form, and so the power neither.
                self.mul(a, if bit == 0 { &base } else { &entered }, &mut t);
            }
        }
        self.reduce_once(a);
    }

    /// Takes `n` off where `a` reaches it.
    pub(super) fn reduce_once(&self, a: &mut [u64; N]) {
        let reaches = 1 ^ limbs::less(a, self.n.as_slice());
        limbs::sub_if(a, &self.n, reaches);
    }

    /// Reduces `a + 2^(64 N) above`, which is below `2 n`.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn reduce_below_double(&self, a: &mut [u64; N], above: u64) {
        let reaches = 1 ^ limbs::less(a, self.n.as_slice());
        limbs::sub_if(a, &self.n, above | reaches);
    }

    /// `out` becomes `t / R mod n`, below `R`, for a `t` of `2 N` limbs.
    fn reduce(&self, t: &mut Scratch, out: &mut [u64; N]) {
        let top = limbs::clear_low(&mut t[..2 * N], &self.n, *self.n0);
        out.copy_from_slice(&t[N..2 * N]);
        limbs::sub_if(out, &self.n, u64::from(top));
    }
}

/// The entry `index` of a table, every one of which is read.
fn select<const N: usize>(out: &mut [u64; N], table: &[[u64; N]; 32], index: u64) {
    out.fill(0);
    for (i, entry) in (0_u64..).zip(table) {
        // All ones where i = index: both are below 32.
        let mask = limbs::mask((i ^ index).wrapping_sub(1) >> 63);
        let pairs = out.iter_mut().zip(entry);
        pairs.for_each(|(to, from)| *to |= from & mask);
    }
}
