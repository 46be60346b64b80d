//! What this processor can do, and so which path runs: the only place that asks.
//!
//! A build with `--cfg strongroom_portable` in `RUSTFLAGS` has the portable paths alone, as
//! processors without the instructions do; the tests run that way too. One with
//! `strongroom_without_avx512`, or with `strongroom_without_vaes` as well, has the paths of
//! processors that lack these: to time them.

#[cfg(all(target_arch = "x86_64", not(strongroom_portable)))]
use std::sync::OnceLock;

/// Whether eight lanes of 52-bit multiply-add are there: AVX-512 F, DQ, BW, VL, VBMI and IFMA,
/// with BMI2 and ADX beside them.
#[must_use]
pub(crate) fn has_ifma() -> bool {
    if cfg!(strongroom_emulated_lanes) {
        return true;
    }
    #[cfg(all(
        target_arch = "x86_64",
        not(any(strongroom_portable, strongroom_without_avx512))
    ))]
    {
        // Each answer is kept by the standard library; together they are a few loads.
        return std::arch::is_x86_feature_detected!("avx512ifma")
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vbmi")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("adx");
    }
    #[allow(unreachable_code)]
    false
}

/// Whether there are products that leave the carries alone, and two chains of carries: BMI2 and
/// ADX. Asked for each of many short products, so the answer is kept as one.
#[cfg(target_arch = "x86_64")]
#[must_use]
#[inline]
pub(crate) fn has_adx() -> bool {
    #[cfg(not(strongroom_portable))]
    {
        static ANSWER: OnceLock<bool> = OnceLock::new();
        return *ANSWER.get_or_init(|| {
            std::arch::is_x86_feature_detected!("bmi2")
                && std::arch::is_x86_feature_detected!("adx")
        });
    }
    #[allow(unreachable_code)]
    false
}

/// Whether there are registers of 256 bits for integers: AVX2.
#[cfg(target_arch = "x86_64")]
#[must_use]
pub(crate) fn has_avx2() -> bool {
    #[cfg(not(strongroom_portable))]
    {
        return std::arch::is_x86_feature_detected!("avx2");
    }
    #[allow(unreachable_code)]
    false
}

/// Whether AES and carry-less multiplication are there, one block to a register: AES-NI,
/// PCLMULQDQ, and SSE4.1 beside them.
#[must_use]
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_aes() -> bool {
    #[cfg(not(strongroom_portable))]
    {
        return std::arch::is_x86_feature_detected!("aes")
            && std::arch::is_x86_feature_detected!("pclmulqdq")
            && std::arch::is_x86_feature_detected!("ssse3")
            && std::arch::is_x86_feature_detected!("sse4.1");
    }
    #[allow(unreachable_code)]
    false
}

/// Whether they are there with two blocks to a register: VAES and VPCLMULQDQ, on AVX2.
#[must_use]
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_aes_on_avx2() -> bool {
    #[cfg(not(any(strongroom_portable, strongroom_without_vaes)))]
    {
        return std::arch::is_x86_feature_detected!("vaes")
            && std::arch::is_x86_feature_detected!("vpclmulqdq")
            && std::arch::is_x86_feature_detected!("avx2");
    }
    #[allow(unreachable_code)]
    false
}

/// Whether they are there with four: the same on AVX-512 F, BW, DQ and VL.
#[must_use]
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_aes_on_avx512() -> bool {
    #[cfg(not(any(strongroom_portable, strongroom_without_avx512)))]
    {
        return has_aes_on_avx2()
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl");
    }
    #[allow(unreachable_code)]
    false
}

/// Whether rounds of SHA-256 are there: the SHA extensions, and SSE4.1 beside them.
#[must_use]
pub(crate) fn has_sha() -> bool {
    #[cfg(all(target_arch = "x86_64", not(strongroom_portable)))]
    {
        return std::arch::is_x86_feature_detected!("sha")
            && std::arch::is_x86_feature_detected!("ssse3")
            && std::arch::is_x86_feature_detected!("sse4.1");
    }
    #[allow(unreachable_code)]
    false
}

/// The processor's count of cycles since it started; `None` where it has none to be read
/// without asking the system.
#[inline]
pub(crate) fn cycles() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: reads a counter, which every processor of this architecture has.
        return Some(unsafe { std::arch::x86_64::_rdtsc() });
    }
    #[allow(unreachable_code)]
    None
}
