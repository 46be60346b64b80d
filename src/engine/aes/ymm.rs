//! Two blocks to a register: VAES and VPCLMULQDQ on AVX2, without AVX-512.

use std::arch::x86_64::*;

use super::chain::by_rounds;
use super::register::{Register, call, kernels};
use super::schedule::Schedule;
use super::xmm::{load_part, mask, store_part};
use super::{BLOCK, cbc, gcm};

kernels!(Ymm, "avx2,vaes,vpclmulqdq,aes,pclmulqdq");

#[derive(Clone, Copy)]
pub(super) struct Ymm(__m256i);

impl Register for Ymm {
    const BLOCKS: usize = 2;
    const KARATSUBA: bool = true;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as this function's.
        Ymm(unsafe { _mm256_setzero_si256() })
    }

    #[inline(always)]
    unsafe fn everywhere(block: __m128i) -> Self {
        // SAFETY: as this function's.
        Ymm(unsafe { _mm256_broadcastsi128_si256(block) })
    }

    #[inline(always)]
    unsafe fn one(block: __m128i) -> Self {
        // SAFETY: as this function's.
        Ymm(unsafe { _mm256_zextsi128_si256(block) })
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: as this function's.
        Ymm(unsafe { _mm256_loadu_si256(from.cast()) })
    }

    #[inline(always)]
    unsafe fn load_part(from: *const u8, len: usize) -> Self {
        // SAFETY: as this function's; what begins after `len` is not read.
        unsafe {
            let lower = load_part(from, len);
            let upper = load_part(from.wrapping_add(BLOCK), len.saturating_sub(BLOCK));
            Ymm(_mm256_set_m128i(upper, lower))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: as this function's.
        unsafe { _mm256_storeu_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut u8, len: usize) {
        let (lower, upper) = self.halves();
        // SAFETY: as this function's; what begins after `len` is not written.
        unsafe {
            store_part(lower, to, len);
            store_part(upper, to.wrapping_add(BLOCK), len.saturating_sub(BLOCK));
        }
    }

    #[inline(always)]
    fn first_bytes(self, len: usize) -> Self {
        let mask = mask::<{ Ymm::BYTES }>(len).cast();
        // SAFETY: there is a register, and there are as many bytes as it has.
        Ymm(unsafe { _mm256_and_si256(self.0, _mm256_loadu_si256(mask)) })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Ymm(call!(_mm256_xor_si256(self.0, other.0)))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Ymm(call!(_mm256_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn ordered(self, order: Self) -> Self {
        Ymm(call!(_mm256_shuffle_epi8(self.0, order.0)))
    }

    #[inline(always)]
    fn halves_swapped(self) -> Self {
        Ymm(call!(_mm256_shuffle_epi32::<0x4e>(self.0)))
    }

    #[inline(always)]
    fn encrypt_round(self, key: Self) -> Self {
        Ymm(call!(_mm256_aesenc_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn encrypt_last(self, key: Self) -> Self {
        Ymm(call!(_mm256_aesenclast_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn decrypt_round(self, key: Self) -> Self {
        Ymm(call!(_mm256_aesdec_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn decrypt_last(self, key: Self) -> Self {
        Ymm(call!(_mm256_aesdeclast_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn multiply<const HALVES: i32>(self, other: Self) -> Self {
        Ymm(call!(_mm256_clmulepi64_epi128::<HALVES>(self.0, other.0)))
    }

    #[inline(always)]
    fn after(self, before: Self) -> Self {
        // The upper half of the first, and the lower of the second.
        Ymm(call!(_mm256_permute2x128_si256::<0x21>(before.0, self.0)))
    }

    #[inline(always)]
    fn sum(self) -> __m128i {
        let (lower, upper) = self.halves();
        call!(_mm_xor_si128(lower, upper))
    }
}

impl Ymm {
    #[inline(always)]
    fn halves(self) -> (__m128i, __m128i) {
        let lower = call!(_mm256_castsi256_si128(self.0));
        (lower, call!(_mm256_extracti128_si256::<1>(self.0)))
    }
}
