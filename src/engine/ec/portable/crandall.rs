//! Multiplication modulo `m = R - c`, for a `c` of one limb (Crandall 1992): the prime of
//! secp256k1's field. `R` is the same as `c`, so the upper half of a product is multiplied by that
//! and added to the lower one; and there is no need of Montgomery's form.

use super::field::{reduce_once, whole_product, whole_square};
use super::modulus::Modulus;

/// `a b mod m`, below `m`, for any `a` and `b`.
#[inline]
pub(super) fn multiply<M: Modulus<L>, const L: usize>(a: &[u64; L], b: &[u64; L]) -> [u64; L] {
    let [low, high] = whole_product(a, b);
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

#[cfg(test)]
mod tests {
    use super::super::curve::P256KField;
    use super::*;
    use crate::engine::limbs;

    /// No product of reduced numbers is likely to have it.
    #[test]
    fn the_last_carry_is_added() {
        let (all, c) = ([u64::MAX; 4], P256KField::BELOW_R[0]);
        // (R - 1)^2 is (c - 1)^2.
        let (low, high) = (c - 1).carrying_mul(c - 1, 0);
        let expected = [low, high, 0, 0];
        assert_eq!(multiply::<P256KField, 4>(&all, &all), expected);
        assert_eq!(square::<P256KField, 4>(&all), expected);
        // low + R low is low + c low.
        let mut number = [0; 4];
        for low in [0, 1, c - 1, c, u64::MAX] {
            number[0] = low;
            let mut sum = number;
            let mut times_c = [0; 4];
            let carry = limbs::add_row(&mut times_c, &number, c);
            assert_eq!(carry, 0);
            limbs::add(&mut sum, &times_c);
            assert_eq!(reduce::<P256KField, 4>(number, &number), sum);
        }
    }
}
