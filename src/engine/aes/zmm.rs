//! Four blocks to a register: VAES and VPCLMULQDQ on AVX-512.

use std::arch::x86_64::*;

use super::chain::by_rounds;
use super::register::{Register, call, kernels};
use super::schedule::Schedule;
use super::{BLOCK, cbc, gcm};

kernels!(
    Zmm,
    "avx512f,avx512bw,avx512dq,avx512vl,vaes,vpclmulqdq,aes,pclmulqdq"
);

#[derive(Clone, Copy)]
pub(super) struct Zmm(__m512i);

impl Register for Zmm {
    const BLOCKS: usize = 4;
    // With 512 bits, Intel's processors shuffle with what they multiply with.
    const KARATSUBA: bool = false;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as this function's.
        Zmm(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    unsafe fn everywhere(block: __m128i) -> Self {
        // SAFETY: as this function's.
        Zmm(unsafe { _mm512_broadcast_i32x4(block) })
    }

    #[inline(always)]
    unsafe fn one(block: __m128i) -> Self {
        // SAFETY: as this function's.
        Zmm(unsafe { _mm512_zextsi128_si512(block) })
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: as this function's.
        Zmm(unsafe { _mm512_loadu_si512(from.cast()) })
    }

    #[inline(always)]
    unsafe fn load_part(from: *const u8, len: usize) -> Self {
        // SAFETY: as this function's; no byte beyond the mask is touched.
        Zmm(unsafe { _mm512_maskz_loadu_epi8(mask(len), from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: as this function's.
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn store_part(self, to: *mut u8, len: usize) {
        // SAFETY: as this function's; no byte beyond the mask is touched.
        unsafe { _mm512_mask_storeu_epi8(to.cast(), mask(len), self.0) }
    }

    #[inline(always)]
    fn first_bytes(self, len: usize) -> Self {
        Zmm(call!(_mm512_maskz_mov_epi8(mask(len), self.0)))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Zmm(call!(_mm512_xor_si512(self.0, other.0)))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Zmm(call!(_mm512_add_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn ordered(self, order: Self) -> Self {
        Zmm(call!(_mm512_shuffle_epi8(self.0, order.0)))
    }

    #[inline(always)]
    fn halves_swapped(self) -> Self {
        Zmm(call!(_mm512_shuffle_epi32::<0x4e>(self.0)))
    }

    #[inline(always)]
    fn encrypt_round(self, key: Self) -> Self {
        Zmm(call!(_mm512_aesenc_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn encrypt_last(self, key: Self) -> Self {
        Zmm(call!(_mm512_aesenclast_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn decrypt_round(self, key: Self) -> Self {
        Zmm(call!(_mm512_aesdec_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn decrypt_last(self, key: Self) -> Self {
        Zmm(call!(_mm512_aesdeclast_epi128(self.0, key.0)))
    }

    #[inline(always)]
    fn multiply<const HALVES: i32>(self, other: Self) -> Self {
        Zmm(call!(_mm512_clmulepi64_epi128::<HALVES>(self.0, other.0)))
    }

    #[inline(always)]
    fn after(self, before: Self) -> Self {
        // Three blocks of the second, after the last one of the first.
        Zmm(call!(_mm512_alignr_epi64::<6>(self.0, before.0)))
    }

    #[inline(always)]
    fn sum(self) -> __m128i {
        let lower = call!(_mm512_castsi512_si256(self.0));
        let upper = call!(_mm512_extracti64x4_epi64::<1>(self.0));
        let half = call!(_mm256_xor_si256(lower, upper));
        let lower = call!(_mm256_castsi256_si128(half));
        let upper = call!(_mm256_extracti128_si256::<1>(half));
        call!(_mm_xor_si128(lower, upper))
    }
}

/// One bit for each of the first `len` bytes.
#[inline(always)]
fn mask(len: usize) -> u64 {
    match len {
        0..64 => (1 << len) - 1,
        _ => u64::MAX,
    }
}
