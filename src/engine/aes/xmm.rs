//! One block to a register: AES-NI and PCLMULQDQ.

use std::arch::x86_64::*;

use super::chain::by_rounds;
use super::register::{Register, call, kernels};
use super::schedule::{Schedule, block, register};
use super::{BLOCK, cbc, gcm};

kernels!(Xmm, "aes,pclmulqdq,sse4.1,ssse3");

#[derive(Clone, Copy)]
pub(super) struct Xmm(__m128i);

impl Register for Xmm {
    const BLOCKS: usize = 1;
    const KARATSUBA: bool = true;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as this function's.
        Xmm(unsafe { _mm_setzero_si128() })
    }

    #[inline(always)]
    unsafe fn everywhere(block: __m128i) -> Self {
        Xmm(block)
    }

    #[inline(always)]
    unsafe fn one(block: __m128i) -> Self {
        Xmm(block)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: as this function's.
        Xmm(unsafe { _mm_loadu_si128(from.cast()) })
    }

    #[inline(always)]
    unsafe fn load_part(from: *const u8, len: usize) -> Self {
        // SAFETY: as this function's.
        Xmm(unsafe { load_part(from, len) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: as this function's.
        unsafe { _mm_storeu_si128(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut u8, len: usize) {
        // SAFETY: as this function's.
        unsafe { store_part(self.0, to, len) }
    }

    #[inline(always)]
    fn first_bytes(self, len: usize) -> Self {
        let mask = mask::<BLOCK>(len).cast();
        // SAFETY: there are as many bytes as in a register.
        Xmm(unsafe { _mm_and_si128(self.0, _mm_loadu_si128(mask)) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Xmm(call!(_mm_xor_si128(self.0, other.0)))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Xmm(call!(_mm_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn ordered(self, order: Self) -> Self {
        Xmm(call!(_mm_shuffle_epi8(self.0, order.0)))
    }

    #[inline(always)]
    fn halves_swapped(self) -> Self {
        Xmm(call!(_mm_shuffle_epi32::<0x4e>(self.0)))
    }

    #[inline(always)]
    fn encrypt_round(self, key: Self) -> Self {
        Xmm(call!(_mm_aesenc_si128(self.0, key.0)))
    }

    #[inline(always)]
    fn encrypt_last(self, key: Self) -> Self {
        Xmm(call!(_mm_aesenclast_si128(self.0, key.0)))
    }

    #[inline(always)]
    fn decrypt_round(self, key: Self) -> Self {
        Xmm(call!(_mm_aesdec_si128(self.0, key.0)))
    }

    #[inline(always)]
    fn decrypt_last(self, key: Self) -> Self {
        Xmm(call!(_mm_aesdeclast_si128(self.0, key.0)))
    }

    #[inline(always)]
    fn multiply<const HALVES: i32>(self, other: Self) -> Self {
        Xmm(call!(_mm_clmulepi64_si128::<HALVES>(self.0, other.0)))
    }

    #[inline(always)]
    fn after(self, before: Self) -> Self {
        before
    }

    #[inline(always)]
    fn sum(self) -> __m128i {
        self.0
    }
}

/// The first `len` bytes, or a block if there are fewer, and zeros.
///
/// # Safety
/// `from` is valid for reads of `len` bytes.
#[inline]
pub(super) unsafe fn load_part(from: *const u8, len: usize) -> __m128i {
    let mut bytes = [0_u8; BLOCK];
    // SAFETY: as this function's, and no more than the array has.
    unsafe {
        if len >= BLOCK {
            return _mm_loadu_si128(from.cast());
        }
        from.copy_to_nonoverlapping(bytes.as_mut_ptr(), len);
    }
    register(u128::from_le_bytes(bytes))
}

/// The first `len` bytes, or a block if there are fewer.
///
/// # Safety
/// `to` is valid for writes of `len` bytes.
#[inline]
pub(super) unsafe fn store_part(content: __m128i, to: *mut u8, len: usize) {
    // SAFETY: as this function's, and no more than a block has.
    unsafe {
        if len >= BLOCK {
            return _mm_storeu_si128(to.cast(), content);
        }
        let bytes = block(content).to_le_bytes();
        bytes.as_ptr().copy_to_nonoverlapping(to, len);
    }
}

/// Where `N` bytes are ones up to byte `len` and then zeros.
#[inline]
pub(super) fn mask<const N: usize>(len: usize) -> *const u8 {
    const { assert!(N <= ONES) };
    ONES_AND_ZEROS[ONES - len.min(N)..].as_ptr()
}

/// As many as the widest register that is masked so has bytes.
const ONES: usize = 32;

static ONES_AND_ZEROS: [u8; 2 * ONES] = {
    let mut bytes = [0; 2 * ONES];
    let mut at = 0;
    while at < ONES {
        bytes[at] = 0xff;
        at += 1;
    }
    bytes
};
