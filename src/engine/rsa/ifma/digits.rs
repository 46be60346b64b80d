//! Numbers in digits of 52 bits, the least first, eight to a vector.
#![allow(
    clippy::indexing_slicing,
    reason = "loop counters below the fixed number of digits"
)]

use zeroize::Zeroize;

use crate::engine::lanes::MASK52;

/// A number of up to `8 W` digits. Aligned, so that no load crosses a line of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Digits<const W: usize>(pub(super) [[u64; 8]; W]);

impl<const W: usize> Digits<W> {
    pub(super) const ZERO: Self = Digits([[0; 8]; W]);

    /// From limbs of 64 bits. What `8 W` digits have no room for is cut off.
    pub(super) fn from_limbs(limbs: &[u64]) -> Self {
        let mut digits = Digits::ZERO;
        let pairs = digits.0.as_flattened_mut().iter_mut().zip(split(limbs));
        pairs.for_each(|(to, from)| *to = from);
        digits
    }

    /// Writes as many limbs of 64 bits as there are; the 64 bits above them.
    pub(super) fn write_limbs(&self, limbs: &mut [u64]) -> u64 {
        let digits = self.0.as_flattened();
        join(|at| digits.get(at).copied().unwrap_or(0), limbs)
    }

    /// Each digit in the place of the one below it; the least is lost.
    pub(super) fn down(&self) -> Self {
        let mut down = Digits::ZERO;
        let source = self.0.as_flattened().iter().skip(1);
        let pairs = down.0.as_flattened_mut().iter_mut().zip(source);
        pairs.for_each(|(to, from)| *to = *from);
        down
    }
}

impl<const W: usize> Zeroize for Digits<W> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// The digits of 52 bits of limbs of 64, and zeros for ever behind them.
pub(super) fn split(limbs: &[u64]) -> impl Iterator<Item = u64> {
    let limb = |at: usize| limbs.get(at).copied().unwrap_or(0);
    (0..).map(move |i| {
        let (at, shift) = (52 * i / 64, 52 * i % 64);
        let pair = u128::from(limb(at)) | (u128::from(limb(at + 1)) << 64);
        low(pair >> shift) & MASK52
    })
}

/// Limbs of 64 bits of digits below `2^52`, as many as there are; the 64 bits above them.
pub(super) fn join(digit: impl Fn(usize) -> u64, limbs: &mut [u64]) -> u64 {
    let digit = |at: usize| u128::from(digit(at));
    let limb = |i: usize| {
        let (at, shift) = (64 * i / 52, 64 * i % 52);
        let bits = digit(at) | (digit(at + 1) << 52);
        // Three digits reach 156 - 51 bits, of which 64 are wanted.
        low((bits >> shift) | (digit(at + 2) << (104 - shift)))
    };
    let len = limbs.len();
    (0..).zip(limbs).for_each(|(i, to)| *to = limb(i));
    limb(len)
}

/// The low 64 bits.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "cutting off is what it is for"
)]
fn low(value: u128) -> u64 {
    value as u64
}
