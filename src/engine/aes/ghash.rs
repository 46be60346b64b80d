//! GHASH (SP 800-38D section 6.4) with registers of any width, as the POLYVAL that
//! [`schedule`](super::schedule) tells of.

use std::arch::x86_64::*;

use super::BLOCK;
use super::register::Register;
use super::schedule::{SUMS, Schedule, reduce};

/// The most bytes that are hashed before a reduction. There is one more power than blocks in
/// them, for what is hashed at the end.
const HASHED: usize = 32 * BLOCK;

/// Hashes bytes, filled up with zeros to whole blocks, and then a block at the end, if there
/// is one.
///
/// # Safety
/// The processor has the register's instructions; `bytes` is valid for reads of `len` bytes.
#[inline(always)]
pub(super) unsafe fn hash<R: Register>(
    schedule: &Schedule,
    mut sum: __m128i,
    bytes: *const u8,
    len: usize,
    end: Option<__m128i>,
) -> __m128i {
    let mut at = 0;
    loop {
        let until = len.min(at + HASHED);
        let end = if until == len { end } else { None };
        let blocks = (until - at).div_ceil(BLOCK) + usize::from(end.is_some());
        if blocks == 0 {
            return sum;
        }
        let mut powers = schedule.powers(blocks);
        // SAFETY: as this function's; each register has one byte or more of the `len`, and
        // there are powers for it.
        unsafe {
            let order = R::everywhere(turned());
            let mut products = Products::<R>::none();
            let mut added = R::one(sum);
            while at < until {
                let content = R::load_part(bytes.add(at), until - at).ordered(order);
                products.add(content.xor(added), powers);
                added = R::zero();
                at += R::BYTES;
                powers = powers.add(R::BLOCKS);
            }
            if let Some(end) = end {
                products.add(R::one(end).xor(added), schedule.powers(1));
            }
            sum = products.reduced();
        }
        if until == len {
            return sum;
        }
    }
}

/// Products of blocks and powers, added up and not yet reduced.
pub(super) struct Products<R> {
    low: R,
    /// What belongs between them; with [`Register::KARATSUBA`] `low` and `high` as well.
    middle: R,
    high: R,
}

impl<R: Register> Products<R> {
    /// # Safety
    /// The processor has the register's instructions.
    #[inline(always)]
    pub(super) unsafe fn none() -> Self {
        // SAFETY: as this function's.
        let zero = unsafe { R::zero() };
        Products {
            low: zero,
            middle: zero,
            high: zero,
        }
    }

    /// Adds the products of these blocks and of the [powers](Schedule::powers) from there on.
    ///
    /// # Safety
    /// `powers` is [`Schedule::powers`], or points to a power behind it: as many values as there
    /// are blocks can be read there, and [`SUMS`] further on.
    #[inline(always)]
    pub(super) unsafe fn add(&mut self, blocks: R, powers: *const u128) {
        // SAFETY: as this function's; whoever has a register has its instructions.
        let power = unsafe { R::load(powers.cast()) };
        self.low = self.low.xor(blocks.multiply::<0x00>(power));
        self.high = self.high.xor(blocks.multiply::<0x11>(power));
        self.middle = if R::KARATSUBA {
            // SAFETY: as above.
            let sums = unsafe { R::load(powers.add(SUMS).cast()) };
            let halves = blocks.xor(blocks.halves_swapped());
            self.middle.xor(halves.multiply::<0x00>(sums))
        } else {
            let one = blocks.multiply::<0x01>(power);
            let other = blocks.multiply::<0x10>(power);
            self.middle.xor(one).xor(other)
        };
    }

    /// # Safety
    /// The processor has the register's instructions.
    #[inline(always)]
    pub(super) unsafe fn reduced(self) -> __m128i {
        let middle = if R::KARATSUBA {
            self.middle.xor(self.low).xor(self.high)
        } else {
            self.middle
        };
        // SAFETY: every register's instructions are those of a block and more.
        unsafe { reduce(self.low.sum(), middle.sum(), self.high.sum()) }
    }
}

/// An order that turns the bytes of a block around.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn turned() -> __m128i {
    _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
}

#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn bytes_turned(register: __m128i) -> __m128i {
    _mm_shuffle_epi8(register, turned())
}
