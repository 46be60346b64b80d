//! Four lanes of 64 bits: the words of [`super`] for what needs no more.
//!
//! A processor that does eight lanes in two halves does these in half the time.

#[cfg(strongroom_emulated_lanes)]
pub(crate) use emulated::*;
#[cfg(not(strongroom_emulated_lanes))]
pub(crate) use real::*;

#[cfg(not(strongroom_emulated_lanes))]
mod real {
    use std::arch::x86_64::*;

    use crate::engine::lanes::V;

    pub(crate) type H = __m256i;

    /// All lanes the same.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn splat(value: u64) -> H {
        _mm256_set1_epi64x(value.cast_signed())
    }

    /// Lane `i` from `lanes[i]`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn load(lanes: &[u64; 4]) -> H {
        // SAFETY: the reference is to 32 readable bytes; the load wants no alignment.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    /// Lane `i` into `lanes[i]`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn store(value: H, lanes: &mut [u64; 4]) {
        // SAFETY: the reference is to 32 writable bytes; the store wants no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), value) }
    }

    /// The first four lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn low(a: V) -> H {
        _mm512_castsi512_si256(a)
    }

    /// The first lane, in eight.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn spread(a: H) -> V {
        _mm512_broadcastq_epi64(_mm256_castsi256_si128(a))
    }

    /// `a`, with the first lane of `b` added to its first.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn add_first(a: V, b: H) -> V {
        _mm512_mask_add_epi64(a, 1, a, _mm512_castsi256_si512(b))
    }

    /// `acc + low 52 bits of (low 52 of a) (low 52 of b)`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn madd_lo(acc: H, a: H, b: H) -> H {
        _mm256_madd52lo_epu64(acc, a, b)
    }

    /// `a + b` modulo 2^64.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn add(a: H, b: H) -> H {
        _mm256_add_epi64(a, b)
    }

    /// `a - b` modulo 2^64.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn sub(a: H, b: H) -> H {
        _mm256_sub_epi64(a, b)
    }

    /// `a & b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn and(a: H, b: H) -> H {
        _mm256_and_si256(a, b)
    }

    /// `a >> N`, zeros coming in.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn shr<const N: i32>(a: H) -> H {
        _mm256_srli_epi64::<N>(a)
    }

    /// `a << N`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn shl<const N: i32>(a: H) -> H {
        _mm256_slli_epi64::<N>(a)
    }

    /// `a >> N`, the sign coming in.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn sar<const N: u32>(a: H) -> H {
        _mm256_srai_epi64::<N>(a)
    }

    /// The bits of `a` where `mask` has ones, and of `b` where it has zeros.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma,avx512vl")]
    pub(crate) fn select(mask: H, a: H, b: H) -> H {
        _mm256_ternarylogic_epi64::<0b1100_1010>(mask, a, b)
    }
}

#[cfg(strongroom_emulated_lanes)]
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]
mod emulated {
    use std::array::from_fn;

    use crate::engine::lanes::emulated::lo52;
    use crate::engine::lanes::{MASK52, V};

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct H(pub(crate) [u64; 4]);

    #[inline]
    pub(crate) fn splat(value: u64) -> H {
        H([value; 4])
    }

    #[inline]
    pub(crate) fn load(lanes: &[u64; 4]) -> H {
        H(*lanes)
    }

    #[inline]
    pub(crate) fn store(value: H, lanes: &mut [u64; 4]) {
        *lanes = value.0;
    }

    #[inline]
    pub(crate) fn low(a: V) -> H {
        H(from_fn(|i| a.0[i]))
    }

    #[inline]
    pub(crate) fn spread(a: H) -> V {
        V([a.0[0]; 8])
    }

    #[inline]
    pub(crate) fn add_first(a: V, b: H) -> V {
        let mut sum = a;
        sum.0[0] = sum.0[0].wrapping_add(b.0[0]);
        sum
    }

    #[inline]
    pub(crate) fn madd_lo(acc: H, a: H, b: H) -> H {
        H(from_fn(|i| {
            let low = (lo52(a.0[i]) * lo52(b.0[i])) as u64 & MASK52;
            acc.0[i].wrapping_add(low)
        }))
    }

    #[inline]
    pub(crate) fn add(a: H, b: H) -> H {
        H(from_fn(|i| a.0[i].wrapping_add(b.0[i])))
    }

    #[inline]
    pub(crate) fn sub(a: H, b: H) -> H {
        H(from_fn(|i| a.0[i].wrapping_sub(b.0[i])))
    }

    #[inline]
    pub(crate) fn and(a: H, b: H) -> H {
        H(from_fn(|i| a.0[i] & b.0[i]))
    }

    #[inline]
    pub(crate) fn shr<const N: i32>(a: H) -> H {
        H(from_fn(|i| a.0[i] >> N))
    }

    #[inline]
    pub(crate) fn shl<const N: i32>(a: H) -> H {
        H(from_fn(|i| a.0[i] << N))
    }

    #[inline]
    pub(crate) fn sar<const N: u32>(a: H) -> H {
        H(from_fn(|i| (a.0[i].cast_signed() >> N).cast_unsigned()))
    }

    #[inline]
    pub(crate) fn select(mask: H, a: H, b: H) -> H {
        H(from_fn(|i| (a.0[i] & mask.0[i]) | (b.0[i] & !mask.0[i])))
    }
}
