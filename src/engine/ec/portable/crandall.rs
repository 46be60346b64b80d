//! Multiplication modulo `m = R - c`, for a `c` of one limb (Crandall 1992): the prime of secp256k1's
//! field. `R` is the same as `c`, so the upper half of a product is multiplied by that and added
//! to the lower one; and there is no need of Montgomery's form.

use super::field::{reduce_once, whole_square};
use super::modulus::Modulus;

/// `a b mod m`, below `m`, for any `a` and `b`.
#[inline]
pub(super) fn multiply<M: Modulus<L>, const L: usize>(a: &[u64; L], b: &[u64; L]) -> [u64; L] {
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
    reduce::<M, L>(low, &high)
}

/// `a a mod m`, below `m`.
#[inline]
pub(super) fn square<M: Modulus<L>, const L: usize>(a: &[u64; L]) -> [u64; L] {
    let [low, high] = whole_square(a);
    reduce::<M, L>(low, &high)
}

/// `low + high R mod m`.
#[inline]
fn reduce<M: Modulus<L>, const L: usize>(mut low: [u64; L], high: &[u64; L]) -> [u64; L] {
    let c = M::BELOW_R[0];
    let mut above = 0;
    for i in 0..L {
        (low[i], above) = high[i].carrying_mul_add(c, low[i], above);
    }
    // What is above is not greater than c, and goes the same way.
    let mut carry;
    (low[0], carry) = above.carrying_mul_add(c, low[0], 0);
    for limb in &mut low[1..] {
        let over;
        (*limb, over) = limb.overflowing_add(carry);
        carry = u64::from(over);
    }
    // If there is a carry, little is below it.
    reduce_once::<M, L>(&low, carry)
}
