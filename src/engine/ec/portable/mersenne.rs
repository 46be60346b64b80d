//! Multiplication modulo `m = 2^b - 1`, the prime of P-521's field, in the Montgomery form of
//! [`field`](super::field): there `R = 2^(64 L)` is the same as `2^s`, with the `s = 64 L - b`
//! bits that the highest limb has to spare. So a division by `R` turns the bits of a number by
//! `s` to the right, and none is multiplied.

use super::field::{reduce_once, whole_product, whole_square};
use super::modulus::Modulus;

/// `a b / R mod m`, below `m`, for `b < m` and any `a`.
#[inline]
pub(super) fn multiply<M: Modulus<L>, const L: usize>(a: &[u64; L], b: &[u64; L]) -> [u64; L] {
    let [low, high] = whole_product(a, b);
    reduce::<M, L>(&low, &high)
}

/// `a a / R mod m`, below `m`, for `a < m`.
#[inline]
pub(super) fn square<M: Modulus<L>, const L: usize>(a: &[u64; L]) -> [u64; L] {
    let [low, high] = whole_square(a);
    reduce::<M, L>(&low, &high)
}

/// `low / R + high mod m`, for what is below `m` times a number of `L` limbs.
#[inline]
fn reduce<M: Modulus<L>, const L: usize>(low: &[u64; L], high: &[u64; L]) -> [u64; L] {
    let spare = 64 * L - M::BITS;
    // The low bits of the highest limb that count, 9 of P-521's.
    let counting = 64 - spare;
    // low >> s, then high, then the s bits that were cut off, at the top: three numbers of b bits.
    let mut sum = [0; L];
    let mut carry = false;
    for i in 0..L {
        let above = if i + 1 < L { low[i + 1] } else { 0 };
        let turned = (low[i] >> spare) | (above << counting);
        (sum[i], carry) = turned.carrying_add(high[i], carry);
    }
    // They begin 2 s bits below the end, which is in the last limb but one.
    let cut = low[0] & (u64::MAX >> counting);
    let at = 64 - (spare - counting);
    let over;
    (sum[L - 2], over) = sum[L - 2].overflowing_add(cut << at);
    sum[L - 1] += (cut >> (64 - at)) + u64::from(over);
    // Below 3 2^b. A multiple of 2^b is as much as its factor.
    let mut carry = sum[L - 1] >> counting;
    sum[L - 1] &= u64::MAX >> spare;
    for limb in &mut sum {
        let over;
        (*limb, over) = limb.overflowing_add(carry);
        carry = u64::from(over);
    }
    reduce_once::<M, L>(&sum, 0)
}
