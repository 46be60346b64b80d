//! Numbers of `N` limbs of 64 bits, the least first: what is needed of them below and beside
//! a modulus. Nothing here branches on or indexes by a number.
#![allow(
    clippy::indexing_slicing,
    reason = "loop counters below the fixed number of limbs"
)]

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::asm;

use zeroize::Zeroizing;

#[cfg(target_arch = "x86_64")]
use super::adx;
#[cfg(target_arch = "x86_64")]
use super::cpu::has_adx;

/// The number in big-endian bytes; `None` if they are more than it has room for.
pub(super) fn from_be<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let mut limbs = [0; N];
    if bytes.len() > 8 * N {
        return None;
    }
    for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks(8)) {
        *limb = chunk
            .iter()
            .fold(0, |limb, byte| (limb << 8) | u64::from(*byte));
    }
    Some(limbs)
}

/// The number in big-endian bytes, as many as there are; what does not fit is cut off.
pub(super) fn to_be(limbs: &[u64], bytes: &mut [u8]) {
    bytes.fill(0);
    for (limb, chunk) in limbs.iter().zip(bytes.rchunks_mut(8)) {
        let whole = limb.to_be_bytes();
        let pairs = chunk.iter_mut().rev().zip(whole.iter().rev());
        pairs.for_each(|(to, from)| *to = *from);
    }
}

/// `a += b`; what is carried out, 0 or 1.
pub(super) fn add(a: &mut [u64], b: &[u64]) -> u64 {
    let mut carry = false;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, carry) = a.carrying_add(*b, carry);
    }
    u64::from(carry)
}

/// `a -= b`; what is borrowed, 0 or 1.
pub(super) fn sub(a: &mut [u64], b: &[u64]) -> u64 {
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, borrow) = a.borrowing_sub(*b, borrow);
    }
    u64::from(borrow)
}

/// All ones where the bit, 0 or 1, is 1, and zeros where it is 0: what nothing that is secret may
/// turn into a branch. A compiler that sees that a mask is a bit branches on it.
#[inline]
pub(super) fn mask(bit: u64) -> u64 {
    hidden(bit).wrapping_neg()
}

/// The same number, of which the compiler knows nothing any more.
///
/// As [`std::hint::black_box`], but that it stays in its register: by way of memory it would take
/// longer than the rest of a reduction.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(super) fn hidden(mut number: u64) -> u64 {
    // SAFETY: there is no instruction, and nothing is changed.
    unsafe {
        asm!("/* {0} */", inout(reg) number, options(pure, nomem, nostack, preserves_flags));
    }
    number
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) use std::hint::black_box as hidden;

/// `a -= b` where `condition`, 0 or 1, is 1. What is left of a secret `b` on the stack is the
/// caller's to erase.
#[inline]
pub(super) fn sub_if<const N: usize>(a: &mut [u64; N], b: &[u64; N], condition: u64) {
    let mask = mask(condition);
    // All limbs of it first: among the subtractions the masking would break their chain.
    sub(a, &b.map(|limb| limb & mask));
}

/// `a += b` where `condition`, 0 or 1, is 1; what is carried out is lost. And what is left, as
/// above.
#[inline]
pub(super) fn add_if<const N: usize>(a: &mut [u64; N], b: &[u64; N], condition: u64) {
    let mask = mask(condition);
    // As above.
    add(a, &b.map(|limb| limb & mask));
}

/// 1 where `a < b`, else 0.
pub(super) fn less(a: &[u64], b: &[u64]) -> u64 {
    let borrow = |borrow, (a, b): (&u64, &u64)| a.borrowing_sub(*b, borrow).1;
    u64::from(a.iter().zip(b).fold(false, borrow))
}

/// 1 where they are equal, else 0.
pub(super) fn equal(a: &[u64], b: &[u64]) -> u64 {
    let differ = a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b));
    u64::from(std::hint::black_box(differ) == 0)
}

/// `a = 2 a + bit mod m`, for `a` below `m`.
pub(super) fn double<const N: usize>(a: &mut [u64; N], bit: u64, m: &[u64; N]) {
    let mut carry = bit;
    for limb in a.iter_mut() {
        (*limb, carry) = ((*limb << 1) | carry, *limb >> 63);
    }
    let reaches = 1 ^ less(a, m);
    sub_if(a, m, carry | reaches);
}

/// `-1 / m` modulo `2^64`, for an odd `m`, by Newton's iteration: `m` is its own inverse modulo 8,
/// and each round doubles the bits that are right.
pub(super) const fn negated_inverse(m: u64) -> u64 {
    let mut inverse = m;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(m.wrapping_mul(inverse)));
        round += 1;
    }
    inverse.wrapping_neg()
}

/// The bits of a number from bit `at` on, up to 64 of them; above its end are zeros.
#[inline]
pub(super) fn bits(number: &[u64], at: usize) -> u64 {
    let limb = |at: usize| number.get(at).copied().unwrap_or(0);
    let (low, shift) = (at / 64, at % 64);
    // In two shifts, for one by 64 is none.
    (limb(low) >> shift) | ((limb(low + 1) << 1) << (63 - shift))
}

/// `a mod m`, a bit at a time: for what is done once a key.
pub(super) fn remainder<const N: usize>(a: &[u64], m: &[u64; N]) -> Zeroizing<[u64; N]> {
    let mut rest = Zeroizing::new([0; N]);
    for limb in a.iter().rev() {
        for shift in (0..u64::BITS).rev() {
            double(&mut rest, (limb >> shift) & 1, m);
        }
    }
    rest
}

/// `t += a b`; what is carried out of `t`'s first `a.len()` limbs.
///
/// A function of its own, four limbs a turn: unrolled into its callers it would not fit
/// the caches of instructions.
#[inline(never)]
pub(super) fn add_row(t: &mut [u64], a: &[u64], b: u64) -> u64 {
    let mut carry = 0;
    let (fours, rest) = a.as_chunks::<4>();
    let (t_fours, t_rest) = t.split_at_mut(4 * fours.len());
    for (t, a) in t_fours.as_chunks_mut::<4>().0.iter_mut().zip(fours) {
        (t[0], carry) = a[0].carrying_mul_add(b, t[0], carry);
        (t[1], carry) = a[1].carrying_mul_add(b, t[1], carry);
        (t[2], carry) = a[2].carrying_mul_add(b, t[2], carry);
        (t[3], carry) = a[3].carrying_mul_add(b, t[3], carry);
    }
    for (t, a) in t_rest.iter_mut().zip(rest) {
        (*t, carry) = a.carrying_mul_add(b, *t, carry);
    }
    carry
}

/// `t = a b`, for a `t` as long as both together. Of a multiple of 512 bits.
pub(super) fn product<const N: usize>(t: &mut [u64], a: &[u64; N], b: &[u64; N]) {
    #[cfg(target_arch = "x86_64")]
    if has_adx() {
        // SAFETY: the processor has the instructions.
        return unsafe { adx::product(t, a, b) };
    }
    portable::product(t, a, b);
}

/// `t = a a`. As above.
pub(super) fn square<const N: usize>(t: &mut [u64], a: &[u64; N]) {
    #[cfg(target_arch = "x86_64")]
    if has_adx() {
        // SAFETY: the processor has the instructions.
        return unsafe { adx::square(t, a) };
    }
    portable::square(t, a);
}

/// Adds to `t`, of `2 N` limbs, the multiple of `n` that makes its lower half zero (Montgomery
/// 1985), and what is there then is of no meaning; what is carried out. `n0` is `-1 / n` modulo
/// 2^64. As above.
pub(super) fn clear_low<const N: usize>(t: &mut [u64], n: &[u64; N], n0: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_adx() {
        // SAFETY: the processor has the instructions.
        return unsafe { adx::clear_low(t, n, n0) };
    }
    portable::clear_low(t, n, n0)
}

/// As every processor can, a row at a time.
mod portable {
    use super::add_row;

    pub(super) fn product<const N: usize>(t: &mut [u64], a: &[u64; N], b: &[u64; N]) {
        t.fill(0);
        for (i, b) in b.iter().enumerate() {
            t[i + N] = add_row(&mut t[i..i + N], a, *b);
        }
    }

    /// Each pair once, twice that, and the squares.
    pub(super) fn square<const N: usize>(t: &mut [u64], a: &[u64; N]) {
        t.fill(0);
        for (i, limb) in a.iter().enumerate() {
            t[i + N] = add_row(&mut t[2 * i + 1..i + N], &a[i + 1..], *limb);
        }
        let (mut top, mut carry) = (0, false);
        for (i, a) in a.iter().enumerate() {
            let (low, high) = a.carrying_mul(*a, 0);
            let (even, odd) = (t[2 * i], t[2 * i + 1]);
            (t[2 * i], carry) = ((even << 1) | top).carrying_add(low, carry);
            (t[2 * i + 1], carry) = ((odd << 1) | (even >> 63)).carrying_add(high, carry);
            top = odd >> 63;
        }
    }

    pub(super) fn clear_low<const N: usize>(t: &mut [u64], n: &[u64; N], n0: u64) -> bool {
        let mut top = false;
        for i in 0..N {
            let m = t[i].wrapping_mul(n0);
            let carry = add_row(&mut t[i..i + N], n, m);
            (t[i + N], top) = t[i + N].carrying_add(carry, top);
        }
        top
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// The edges of blocks: ones and zeros, by a number that says which blocks are full.
    fn edges<const N: usize>() -> Vec<[u64; N]> {
        let full = |at: usize, which: usize| {
            if which >> (at / 8 % 4) & 1 == 1 {
                u64::MAX
            } else {
                0
            }
        };
        let mut numbers: Vec<_> = (0..1 << (N / 8).min(4))
            .map(|which| std::array::from_fn(|at| full(at, which)))
            .collect();
        let mut state = 1_u64;
        for round in 0..20 {
            numbers.push(std::array::from_fn(|_| {
                state = state
                    .wrapping_mul(0x5851_F42D_4C95_7F2D)
                    .wrapping_add(0x1405_7B7E_F767_814F);
                // Some of them with long runs of ones and of zeros.
                match (state >> 61, round % 2) {
                    (0, 1) => 0,
                    (1 | 2, 1) => u64::MAX,
                    _ => state ^ state >> 29,
                }
            }));
        }
        numbers
    }

    fn agree<const N: usize>() {
        let wide = || vec![0x5A; 2 * N];
        for a in edges::<N>() {
            let [mut ours, mut theirs] = [wide(), wide()];
            // SAFETY: the processor has the instructions.
            unsafe { adx::square(&mut ours, &a) };
            portable::square(&mut theirs, &a);
            assert!(ours == theirs, "{a:x?}");
            for b in edges::<N>() {
                // SAFETY: as above.
                unsafe { adx::product(&mut ours, &a, &b) };
                portable::product(&mut theirs, &a, &b);
                assert!(ours == theirs, "{a:x?} {b:x?}");
                // Any odd number is a modulus here.
                let mut n = b;
                n[0] |= 1;
                for t in [&theirs, &[a, a].concat(), &[[u64::MAX; N], a].concat()] {
                    let [mut ours, mut theirs] = [t.clone(), t.clone()];
                    let n0 = negated_inverse(n[0]);
                    // SAFETY: as above.
                    let top = unsafe { adx::clear_low(&mut ours, &n, n0) };
                    assert_eq!(
                        top,
                        portable::clear_low(&mut theirs, &n, n0),
                        "{t:x?} {n:x?}"
                    );
                    assert!(ours[N..] == theirs[N..], "{t:x?} {n:x?}");
                }
            }
        }
    }

    #[test]
    fn blocks_give_what_rows_give() {
        if !has_adx() {
            println!("SKIPPED: no BMI2 and ADX, or switched off");
            return;
        }
        agree::<8>();
        agree::<16>();
        agree::<24>();
        agree::<32>();
        agree::<64>();
    }
}
