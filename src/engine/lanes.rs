//! Eight lanes of 64 bits: the words in which the kernels for AVX-512 IFMA are written.
//!
//! A [`V`] holds one number of each of eight independent computations. The functions are the
//! instructions, under names that say what they do.
//!
//! With `--cfg strongroom_emulated_lanes` the same names are plain arithmetic on `[u64; 8]`.
//! The kernels are then slow and run everywhere: on processors without the instructions, and
//! under valgrind, which does not know them and so could not tell whether a kernel branches on
//! a secret (`tests/constant_time.rs`).

pub(crate) mod half;

#[cfg(strongroom_emulated_lanes)]
pub(crate) use emulated::*;
#[cfg(not(strongroom_emulated_lanes))]
pub(crate) use real::*;

/// The low 52 bits of a lane, which is all that the multiplier reads.
pub(crate) const MASK52: u64 = (1 << 52) - 1;

#[cfg(not(strongroom_emulated_lanes))]
mod real {
    use std::arch::x86_64::*;

    pub(crate) type V = __m512i;

    /// All lanes the same.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn splat(value: u64) -> V {
        _mm512_set1_epi64(value.cast_signed())
    }

    /// Lane `i` from `lanes[i]`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn load(lanes: &[u64; 8]) -> V {
        // SAFETY: the reference is to 64 readable bytes; the load wants no alignment.
        unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
    }

    /// Lane `i` into `lanes[i]`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn store(value: V, lanes: &mut [u64; 8]) {
        // SAFETY: the reference is to 64 writable bytes; the store wants no alignment.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), value) }
    }

    /// `acc + low 52 bits of (low 52 of a) (low 52 of b)`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn madd_lo(acc: V, a: V, b: V) -> V {
        _mm512_madd52lo_epu64(acc, a, b)
    }

    /// `acc + high 52 bits of (low 52 of a) (low 52 of b)`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn madd_hi(acc: V, a: V, b: V) -> V {
        _mm512_madd52hi_epu64(acc, a, b)
    }

    /// `a + b` modulo 2^64.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn add(a: V, b: V) -> V {
        _mm512_add_epi64(a, b)
    }

    /// `a - b` modulo 2^64.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn sub(a: V, b: V) -> V {
        _mm512_sub_epi64(a, b)
    }

    /// `a & b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn and(a: V, b: V) -> V {
        _mm512_and_si512(a, b)
    }

    /// `a ^ b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn xor(a: V, b: V) -> V {
        _mm512_xor_si512(a, b)
    }

    /// `a >> N`, zeros coming in.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shr<const N: u32>(a: V) -> V {
        _mm512_srli_epi64::<N>(a)
    }

    /// `a` turned to the right by `N` bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn ror<const N: i32>(a: V) -> V {
        _mm512_ror_epi64::<N>(a)
    }

    /// `a ^ b ^ c`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn xor3(a: V, b: V, c: V) -> V {
        _mm512_ternarylogic_epi64::<0x96>(a, b, c)
    }

    /// Bits of `b` where `a` has ones, and of `c` where it has zeros.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn choose(a: V, b: V, c: V) -> V {
        _mm512_ternarylogic_epi64::<0xca>(a, b, c)
    }

    /// Bits that two of the three have at least.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn majority(a: V, b: V, c: V) -> V {
        _mm512_ternarylogic_epi64::<0xe8>(a, b, c)
    }

    /// `a >> N`, the sign coming in.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn sar<const N: u32>(a: V) -> V {
        _mm512_srai_epi64::<N>(a)
    }

    /// `a << N`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shl<const N: u32>(a: V) -> V {
        _mm512_slli_epi64::<N>(a)
    }

    /// One bit a lane, for [`blend`].
    pub(crate) type Mask = __mmask8;

    /// `a >> count`, zeros coming in; the count is the same for all lanes, and public.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shr_by(a: V, count: usize) -> V {
        _mm512_srlv_epi64(a, splat(u64::try_from(count).unwrap_or(64)))
    }

    /// `a << count`, as [`shr_by`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shl_by(a: V, count: usize) -> V {
        _mm512_sllv_epi64(a, splat(u64::try_from(count).unwrap_or(64)))
    }

    /// `a >> counts`, zeros coming in: zero from a count of 64 on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shr_each(a: V, counts: V) -> V {
        _mm512_srlv_epi64(a, counts)
    }

    /// `a << counts`, as [`shr_each`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shl_each(a: V, counts: V) -> V {
        _mm512_sllv_epi64(a, counts)
    }

    /// `a | b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn or(a: V, b: V) -> V {
        _mm512_or_si512(a, b)
    }

    /// Lane `i` from lane `i ^ N`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn swap<const N: i64>(a: V) -> V {
        let from = _mm512_setr_epi64(N, 1 ^ N, 2 ^ N, 3 ^ N, 4 ^ N, 5 ^ N, 6 ^ N, 7 ^ N);
        _mm512_permutexvar_epi64(from, a)
    }

    /// Lane `i` from the lane of `low` that the low four bits of `index` say, 8 to 15 being
    /// those of `high`. Takes the same time for every index.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn pick16(index: V, low: V, high: V) -> V {
        _mm512_permutex2var_epi64(low, index, high)
    }

    /// The lanes in which `a` has one of these bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn has_bits(a: V, bits: u64) -> Mask {
        _mm512_test_epi64_mask(a, splat(bits))
    }

    /// The lanes that are equal.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn equal(a: V, b: V) -> Mask {
        _mm512_cmpeq_epi64_mask(a, b)
    }

    /// `a` in the lanes of the mask, `b` elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn blend(mask: Mask, a: V, b: V) -> V {
        _mm512_mask_blend_epi64(mask, b, a)
    }

    /// One lane down: lane `i` from lane `i + 1`, the last one from the first of `above`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn down(a: V, above: V) -> V {
        _mm512_alignr_epi64::<1>(above, a)
    }

    /// One lane up: lane `i` from lane `i - 1`, the first one from the last of `below`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn up(a: V, below: V) -> V {
        _mm512_alignr_epi64::<7>(a, below)
    }

    /// `a + b` in the lanes whose bit in `lanes` is one, elsewhere `a`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn add_where(lanes: u8, a: V, b: V) -> V {
        _mm512_mask_add_epi64(a, lanes, a, b)
    }

    /// A bit for each lane: whether `a > b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn greater(a: V, b: V) -> u8 {
        _mm512_cmpgt_epu64_mask(a, b)
    }

    /// `a | b` in the lanes whose bit in `lanes` is one, elsewhere `a`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn or_where(lanes: u8, a: V, b: V) -> V {
        _mm512_mask_or_epi64(a, lanes, a, b)
    }
}

#[cfg(strongroom_emulated_lanes)]
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing
)]
mod emulated {
    use std::array::from_fn;
    use std::hint::black_box;

    #[derive(Clone, Copy, Debug)]
    #[repr(align(64))]
    pub(crate) struct V(pub(crate) [u64; 8]);

    pub(super) fn lo52(value: u64) -> u128 {
        u128::from(value & super::MASK52)
    }

    #[inline]
    pub(crate) fn splat(value: u64) -> V {
        V([value; 8])
    }

    #[inline]
    pub(crate) fn load(lanes: &[u64; 8]) -> V {
        V(*lanes)
    }

    #[inline]
    pub(crate) fn store(value: V, lanes: &mut [u64; 8]) {
        *lanes = value.0;
    }

    #[inline]
    pub(crate) fn madd_lo(acc: V, a: V, b: V) -> V {
        V(from_fn(|i| {
            let low = (lo52(a.0[i]) * lo52(b.0[i])) as u64 & super::MASK52;
            acc.0[i].wrapping_add(low)
        }))
    }

    #[inline]
    pub(crate) fn madd_hi(acc: V, a: V, b: V) -> V {
        V(from_fn(|i| {
            let high = ((lo52(a.0[i]) * lo52(b.0[i])) >> 52) as u64;
            acc.0[i].wrapping_add(high)
        }))
    }

    #[inline]
    pub(crate) fn add(a: V, b: V) -> V {
        V(from_fn(|i| a.0[i].wrapping_add(b.0[i])))
    }

    #[inline]
    pub(crate) fn sub(a: V, b: V) -> V {
        V(from_fn(|i| a.0[i].wrapping_sub(b.0[i])))
    }

    #[inline]
    pub(crate) fn and(a: V, b: V) -> V {
        V(from_fn(|i| a.0[i] & b.0[i]))
    }

    #[inline]
    pub(crate) fn xor(a: V, b: V) -> V {
        V(from_fn(|i| a.0[i] ^ b.0[i]))
    }

    #[inline]
    pub(crate) fn shr<const N: u32>(a: V) -> V {
        V(from_fn(|i| a.0[i] >> N))
    }

    #[inline]
    pub(crate) fn ror<const N: i32>(a: V) -> V {
        V(from_fn(|i| a.0[i].rotate_right(N as u32)))
    }

    #[inline]
    pub(crate) fn xor3(a: V, b: V, c: V) -> V {
        xor(xor(a, b), c)
    }

    #[inline]
    pub(crate) fn choose(a: V, b: V, c: V) -> V {
        xor(c, and(a, xor(b, c)))
    }

    #[inline]
    pub(crate) fn majority(a: V, b: V, c: V) -> V {
        or(and(a, b), and(c, or(a, b)))
    }

    #[inline]
    pub(crate) fn sar<const N: u32>(a: V) -> V {
        V(from_fn(|i| (a.0[i].cast_signed() >> N).cast_unsigned()))
    }

    #[inline]
    pub(crate) fn shl<const N: u32>(a: V) -> V {
        V(from_fn(|i| a.0[i] << N))
    }

    /// One bit a lane, for [`blend`].
    pub(crate) type Mask = u8;

    #[inline]
    pub(crate) fn shr_by(a: V, count: usize) -> V {
        V(from_fn(|i| a.0[i].unbounded_shr(count as u32)))
    }

    #[inline]
    pub(crate) fn shl_by(a: V, count: usize) -> V {
        V(from_fn(|i| a.0[i].unbounded_shl(count as u32)))
    }

    #[inline]
    pub(crate) fn shr_each(a: V, counts: V) -> V {
        V(from_fn(|i| a.0[i].unbounded_shr(counts.0[i] as u32)))
    }

    #[inline]
    pub(crate) fn shl_each(a: V, counts: V) -> V {
        V(from_fn(|i| a.0[i].unbounded_shl(counts.0[i] as u32)))
    }

    #[inline]
    pub(crate) fn or(a: V, b: V) -> V {
        V(from_fn(|i| a.0[i] | b.0[i]))
    }

    #[inline]
    pub(crate) fn swap<const N: i64>(a: V) -> V {
        V(from_fn(|i| a.0[i ^ N as usize]))
    }

    /// Masks, and no index, so that a checker of memory sees no secret address either.
    #[inline]
    pub(crate) fn pick16(index: V, low: V, high: V) -> V {
        V(from_fn(|i| {
            let entries = low.0.iter().chain(&high.0).zip(0_u64..);
            let picked = entries.map(|(entry, at)| entry & ones_if_zero((index.0[i] & 15) ^ at));
            picked.fold(0, |all, one| all | one)
        }))
    }

    #[inline]
    pub(crate) fn has_bits(a: V, bits: u64) -> Mask {
        !lanes_where(|i| ones_if_zero(a.0[i] & bits))
    }

    #[inline]
    pub(crate) fn equal(a: V, b: V) -> Mask {
        lanes_where(|i| ones_if_zero(a.0[i] ^ b.0[i]))
    }

    #[inline]
    pub(crate) fn blend(mask: Mask, a: V, b: V) -> V {
        V(from_fn(|i| {
            let ones = ones_where(mask, i);
            (a.0[i] & ones) | (b.0[i] & !ones)
        }))
    }

    fn lanes_where(lane: impl Fn(usize) -> u64) -> Mask {
        (0..8).fold(0, |mask, i| mask | ((lane(i) as u8 & 1) << i))
    }

    fn ones_if_zero(value: u64) -> u64 {
        let nonzero = (value | value.wrapping_neg()) >> 63;
        black_box(nonzero.wrapping_sub(1))
    }

    #[inline]
    pub(crate) fn down(a: V, above: V) -> V {
        V(from_fn(|i| a.0.get(i + 1).copied().unwrap_or(above.0[0])))
    }

    #[inline]
    pub(crate) fn up(a: V, below: V) -> V {
        V(from_fn(|i| if i == 0 { below.0[7] } else { a.0[i - 1] }))
    }

    /// All ones where the bit of the lane is one. Hidden from the compiler, which would branch
    /// on it where the instruction does not, and valgrind would report that.
    fn ones_where(lanes: Mask, i: usize) -> u64 {
        black_box(u64::from((lanes >> i) & 1).wrapping_neg())
    }

    #[inline]
    pub(crate) fn add_where(lanes: u8, a: V, b: V) -> V {
        V(from_fn(|i| {
            a.0[i].wrapping_add(b.0[i] & ones_where(lanes, i))
        }))
    }

    #[inline]
    pub(crate) fn greater(a: V, b: V) -> u8 {
        (0..8).fold(0, |lanes, i| {
            lanes | (u8::from(b.0[i].borrowing_sub(a.0[i], false).1) << i)
        })
    }

    #[inline]
    pub(crate) fn or_where(lanes: u8, a: V, b: V) -> V {
        V(from_fn(|i| a.0[i] | (b.0[i] & ones_where(lanes, i))))
    }
}
