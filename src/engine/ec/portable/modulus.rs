//! The primes, and what is worth knowing of each: computed by the compiler from the number.

use crate::engine::ec::constants::power_of_two;
use crate::engine::limbs::negated_inverse;

/// A prime modulus `m` of a curve, of its field or its order, in limbs of 64 bits.
pub(crate) trait Modulus<const L: usize>: Copy {
    const M: [u64; L];

    /// How many bits it has: all that there is room for, but for P-521.
    const BITS: usize = 64 * L - Self::M[L - 1].leading_zeros() as usize;
    /// Whether it is `2^BITS - 1`.
    const IS_MERSENNE: bool = is_mersenne(&Self::M);
    /// `-1 / m` modulo 2^64.
    const N0: u64 = negated_inverse(Self::M[0]);
    /// `m + 1`.
    const M1: [u64; L] = plus_one(&Self::M);
    /// `R - m`, for the `R = 2^(64 L)` of Montgomery's form.
    const BELOW_R: [u64; L] = negative(&Self::M);
    /// Whether that is short, half of the limbs at most.
    const IS_NEAR_R: bool = 2 * len(&Self::BELOW_R) <= L;
    /// Whether it is one limb.
    const IS_CRANDALL: bool = len(&Self::BELOW_R) == 1;
    /// The form in which a number is kept: `2^FORM` times itself. Montgomery's is `R` times itself.
    const FORM: usize = if Self::IS_CRANDALL { 0 } else { 64 * L };
    /// One, in the form.
    const ONE: [u64; L] = power_of_two(&Self::M, 64, Self::FORM);
    /// What a number is multiplied by to come into the form.
    const ENTER: [u64; L] = power_of_two(&Self::M, 64, 2 * Self::FORM);
    /// What the inverse of a number in the form is multiplied by to be in the form.
    const ENTER_INVERSE: [u64; L] = power_of_two(&Self::M, 64, 3 * Self::FORM);
    /// What a number is multiplied by to be `2^(64 L)` times itself, in the form.
    const ENTER_ABOVE: [u64; L] = power_of_two(&Self::M, 64, 2 * Self::FORM + 64 * L);
}

/// Whether all bits up to the highest are set.
const fn is_mersenne<const L: usize>(m: &[u64; L]) -> bool {
    let mut i = 0;
    while i + 1 < L {
        if m[i] != u64::MAX {
            return false;
        }
        i += 1;
    }
    m[L - 1] & m[L - 1].wrapping_add(1) == 0
}

const fn plus_one<const L: usize>(m: &[u64; L]) -> [u64; L] {
    let (mut sum, mut carry, mut i) = (*m, true, 0);
    while i < L && carry {
        (sum[i], carry) = sum[i].overflowing_add(1);
        i += 1;
    }
    sum
}

/// `2^(64 L) - m`, for an odd `m`: the one of two's complement carries nothing.
const fn negative<const L: usize>(m: &[u64; L]) -> [u64; L] {
    let (mut negative, mut i) = ([0; L], 0);
    while i < L {
        negative[i] = !m[i];
        i += 1;
    }
    negative[0] += 1;
    negative
}

/// How many limbs it takes.
const fn len<const L: usize>(number: &[u64; L]) -> usize {
    let mut len = L;
    while len > 0 && number[len - 1] == 0 {
        len -= 1;
    }
    len
}
