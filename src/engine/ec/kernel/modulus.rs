//! The primes, and what is worth knowing of each: all of it computed by the compiler from
//! the number itself.
//!
//! Numbers have `L` limbs of 52 bits, least first. The Montgomery radix is `R = 2^(52 L)`:
//! a number `a` is kept as `a R mod m`.

use crate::engine::ec::constants::power_of_two;
use crate::engine::lanes::MASK52;
use crate::engine::limbs::negated_inverse;

/// A prime modulus `m` of a curve: of its field, or its order.
///
/// `16 m < 2^(52 L) + 16 * 2^(52 L - 32)`, so there is room for small multiples: the bounds
/// in `field.rs` count on `m / R <= 1/16`.
pub(crate) trait Modulus<const L: usize> {
    const M: [u64; L];

    /// `-1 / m` modulo 2^52.
    const N0: u64 = negated_inverse(Self::M[0]) & MASK52;
    /// `m + 1`: what is added in a step of a reduction where `N0` is 1.
    const M1: [u64; L] = plus_one(Self::M);
    /// `R`, which is one in Montgomery form.
    const R1: [u64; L] = power_of_two(&Self::M, 52, 52 * L);
    /// `R^2`: multiplying by it brings a number into Montgomery form.
    const R2: [u64; L] = power_of_two(&Self::M, 52, 2 * 52 * L);
    /// `R^3`.
    const R3: [u64; L] = power_of_two(&Self::M, 52, 3 * 52 * L);
}

/// `k m`, for a difference that must not be negative.
pub(crate) const fn times<const L: usize>(m: &[u64; L], k: u64) -> [u64; L] {
    let mut product = [0; L];
    let mut carry = 0;
    let mut i = 0;
    while i < L {
        let limb = m[i] * k + carry;
        product[i] = limb & MASK52;
        carry = limb >> 52;
        i += 1;
    }
    assert!(carry == 0, "there is no room for this multiple");
    product
}

const fn plus_one<const L: usize>(mut m: [u64; L]) -> [u64; L] {
    let mut i = 0;
    while i < L {
        m[i] = (m[i] + 1) & MASK52;
        if m[i] != 0 {
            break;
        }
        i += 1;
    }
    m
}
