//! Arithmetic modulo a prime, with 64-bit limbs: Montgomery's (1985), `R = 2^(64 L)`; and for some
//! primes what is faster.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Sub};

#[cfg(target_arch = "x86_64")]
use super::adx;
use super::modulus::Modulus;
use super::{crandall, mersenne};
use crate::engine::ec::divsteps::{Prime, invert};
use crate::engine::limbs::{self, mask};

/// A number below the modulus `m`, in the form of [`Modulus::FORM`], which for most is
/// Montgomery's: `a` is kept as `a R mod m`. Least limb first.
#[derive(Clone, Copy)]
pub(crate) struct Fe<M, const L: usize>([u64; L], PhantomData<M>);

/// All ones or all zeros.
pub(crate) type Mask = u64;

impl<M: Modulus<L>, const L: usize> Fe<M, L> {
    pub(crate) const ZERO: Self = Fe([0; L], PhantomData);
    pub(crate) const ONE: Self = Fe(M::ONE, PhantomData);

    /// From any number that has room in the limbs.
    #[inline]
    pub(crate) fn new(number: &[u64; L]) -> Self {
        Fe(multiply::<M, L>(number, &M::ENTER), PhantomData)
    }

    /// From `low + 2^(64 L) high`, which is reduced.
    pub(crate) fn wide(low: &[u64; L], high: &[u64; L]) -> Self {
        Fe::new(low) + Fe(multiply::<M, L>(high, &M::ENTER_ABOVE), PhantomData)
    }

    /// The number itself, below `m`.
    pub(crate) fn number(&self) -> [u64; L] {
        let mut one = [0; L];
        one[0] = 1;
        multiply::<M, L>(&self.0, &one)
    }

    /// The product, where it counts: an operand that is moved is copied first, in other pieces than
    /// it was written in, and a processor waits for that.
    #[inline(always)]
    pub(crate) fn times(&self, other: &Self) -> Self {
        Fe(multiply::<M, L>(&self.0, &other.0), PhantomData)
    }

    #[inline(always)]
    pub(crate) fn square(&self) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(square) = adx::square::<M, L>(&self.0) {
            return Fe(square, PhantomData);
        }
        if M::IS_CRANDALL {
            return Fe(crandall::square::<M, L>(&self.0), PhantomData);
        }
        if M::IS_MERSENNE {
            return Fe(mersenne::square::<M, L>(&self.0), PhantomData);
        }
        Fe(square::<M, L>(&self.0), PhantomData)
    }

    /// `-a` where the mask is set, else `a`.
    #[inline]
    pub(crate) fn negate_if(&self, mask: Mask) -> Self {
        Fe::select(mask, &(Fe::ZERO - *self), self)
    }

    /// `a` where the mask is set, else `b`.
    #[inline]
    pub(crate) fn select(mask: Mask, a: &Self, b: &Self) -> Self {
        let mut limbs = b.0;
        for i in 0..L {
            limbs[i] ^= (a.0[i] ^ b.0[i]) & mask;
        }
        Fe(limbs, PhantomData)
    }

    /// Adds in `a`, bit by bit, where the mask, which is asked for each limb, is set: one of many, of
    /// which one is wanted.
    #[inline]
    pub(crate) fn or_masked(&mut self, a: &Self, mask: impl Fn(usize) -> Mask) {
        for i in 0..L {
            self.0[i] |= a.0[i] & mask(i);
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        limbs::equal(&self.0, &[0; L]) == 1
    }
}

/// The inverses of numbers modulo two primes, in little more time than of one. Zero stays zero.
pub(crate) fn invert_both<M1: Modulus<L>, M2: Modulus<L>, const L: usize>(
    a: &Fe<M1, L>,
    b: &Fe<M2, L>,
) -> (Fe<M1, L>, Fe<M2, L>) {
    let primes = [
        &const { Prime::of(&M1::M, 64) },
        &const { Prime::of(&M2::M, 64) },
    ];
    let [a, b] = invert::<L, 2>(primes, [a.0, b.0]);
    // From the inverse of what was in the form to the inverse in the form.
    let a = multiply::<M1, L>(&a, &M1::ENTER_INVERSE);
    let b = multiply::<M2, L>(&b, &M2::ENTER_INVERSE);
    (Fe(a, PhantomData), Fe(b, PhantomData))
}

impl<M: Modulus<L>, const L: usize> Fe<M, L> {
    /// Zero stays zero.
    pub(crate) fn inverse(&self) -> Self {
        let [inverse] = invert::<L, 1>([&const { Prime::of(&M::M, 64) }], [self.0]);
        Fe(multiply::<M, L>(&inverse, &M::ENTER_INVERSE), PhantomData)
    }
}

impl<M: Modulus<L>, const L: usize> Add for Fe<M, L> {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        let mut sum = self.0;
        let carry = limbs::add(&mut sum, &other.0);
        Fe(reduce_once::<M, L>(&sum, carry), PhantomData)
    }
}

impl<M: Modulus<L>, const L: usize> Sub for Fe<M, L> {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        let mut difference = self.0;
        let borrow = limbs::sub(&mut difference, &other.0);
        if M::IS_CRANDALL {
            // Less R - m is more by m, and less R.
            limbs::sub_if(&mut difference, &M::BELOW_R, borrow);
        } else {
            limbs::add_if(&mut difference, &M::M, borrow);
        }
        Fe(difference, PhantomData)
    }
}

impl<M: Modulus<L>, const L: usize> Mul for Fe<M, L> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.times(&other)
    }
}

/// The product of two numbers in the form, in the form and below `m`, for `b < m` and any `a`.
///
/// Most often that is `a b / R mod m`: a row of the product, and the multiple of `m` that makes its
/// lowest limb zero, in turns. The sum of both is below `2 m`.
#[inline(always)]
fn multiply<M: Modulus<L>, const L: usize>(a: &[u64; L], b: &[u64; L]) -> [u64; L] {
    #[cfg(target_arch = "x86_64")]
    if let Some(product) = adx::multiply::<M, L>(a, b) {
        return product;
    }
    multiply_by_rows::<M, L>(a, b)
}

#[inline]
pub(super) fn multiply_by_rows<M: Modulus<L>, const L: usize>(
    a: &[u64; L],
    b: &[u64; L],
) -> [u64; L] {
    if M::IS_CRANDALL {
        return crandall::multiply::<M, L>(a, b);
    }
    if M::IS_MERSENNE {
        return mersenne::multiply::<M, L>(a, b);
    }
    let (mut sum, mut top) = ([0; L], 0);
    for a in a {
        let mut carry = 0;
        for i in 0..L {
            (sum[i], carry) = a.carrying_mul_add(b[i], sum[i], carry);
        }
        top = clear_lowest::<M, L>(&mut sum, carry, top);
    }
    reduce_once::<M, L>(&sum, top)
}

/// `a a / R mod m`, below `m`, for `a < m`: the whole square first, and then the multiples of `m`.
#[inline]
fn square<M: Modulus<L>, const L: usize>(a: &[u64; L]) -> [u64; L] {
    let [mut sum, high] = whole_square(a);
    let mut top = 0;
    for high in high {
        top = clear_lowest::<M, L>(&mut sum, high, top);
    }
    reduce_once::<M, L>(&sum, top)
}

/// `a b`, the lower half first.
#[inline]
pub(super) fn whole_product<const L: usize>(a: &[u64; L], b: &[u64; L]) -> [[u64; L]; 2] {
    let (mut low, mut high) = ([0; L], [0; L]);
    for i in 0..L {
        let mut carry = 0;
        for j in 0..L {
            let sum;
            (sum, carry) = a[i].carrying_mul_add(b[j], high[j], carry);
            match j {
                0 => low[i] = sum,
                _ => high[j - 1] = sum,
            }
        }
        high[L - 1] = carry;
    }
    [low, high]
}

/// `a a`, the lower half first: each pair of limbs once, twice that, and the squares.
#[inline]
pub(super) fn whole_square<const L: usize>(a: &[u64; L]) -> [[u64; L]; 2] {
    let mut both = [[0; L]; 2];
    for i in 0..L {
        let mut carry = 0;
        for j in i + 1..L {
            let limb = &mut both[(i + j) / L][(i + j) % L];
            (*limb, carry) = a[i].carrying_mul_add(a[j], *limb, carry);
        }
        both[(i + L) / L][(i + L) % L] = carry;
    }
    let (mut top, mut carry) = (0, false);
    for i in 0..L {
        let (low, high) = a[i].carrying_mul(a[i], 0);
        for (at, square) in [(2 * i, low), (2 * i + 1, high)] {
            let limb = &mut both[at / L][at % L];
            let twice = (*limb << 1) | top;
            top = *limb >> 63;
            (*limb, carry) = twice.carrying_add(square, carry);
        }
    }
    both
}

/// A step of Montgomery's reduction: of `sum + 2^(64 L) (high + top)` to the same and the multiple
/// `q m` that makes its lowest limb zero, without that limb. What is above the limbs, 0 or 1.
///
/// Most primes of curves are such that most of `q m` needs no multiplication.
#[inline]
fn clear_lowest<M: Modulus<L>, const L: usize>(sum: &mut [u64; L], high: u64, top: u64) -> u64 {
    let (high, over) = high.overflowing_add(top);
    let over_again;
    if M::N0 == 1 {
        // q is the lowest limb. q (m + 1) is added above it, and q taken away.
        let (q, mut carry) = (sum[0], 0);
        for i in 1..L {
            (sum[i - 1], carry) = q.carrying_mul_add(M::M1[i], sum[i], carry);
        }
        (sum[L - 1], over_again) = high.overflowing_add(carry);
    } else if M::IS_NEAR_R {
        // q R is added, and q (R - m) taken away; where that borrows, q is not zero.
        let q = sum[0].wrapping_mul(M::N0);
        let (mut carry, mut borrow) = (0, false);
        for i in 0..L {
            let (low, difference);
            (low, carry) = q.carrying_mul(M::BELOW_R[i], carry);
            (difference, borrow) = sum[i].borrowing_sub(low, borrow);
            if i > 0 {
                sum[i - 1] = difference;
            }
        }
        (sum[L - 1], over_again) = high.overflowing_add(q.wrapping_sub(u64::from(borrow)));
    } else {
        let q = sum[0].wrapping_mul(M::N0);
        let (_, mut carry) = q.carrying_mul_add(M::M[0], sum[0], 0);
        for i in 1..L {
            (sum[i - 1], carry) = q.carrying_mul_add(M::M[i], sum[i], carry);
        }
        (sum[L - 1], over_again) = high.overflowing_add(carry);
    }
    u64::from(over) + u64::from(over_again)
}

/// `a + 2^(64 L) above`, below `2 m`, without the `m` that may be too much.
#[inline]
pub(super) fn reduce_once<M: Modulus<L>, const L: usize>(a: &[u64; L], above: u64) -> [u64; L] {
    // Less m is more by R - m, and less R.
    let mut reduced = *a;
    let carry = limbs::add(&mut reduced, &M::BELOW_R);
    // It was below m if it does not reach R then.
    let below = mask(1 ^ (carry | above));
    for i in 0..L {
        reduced[i] ^= (a[i] ^ reduced[i]) & below;
    }
    reduced
}
