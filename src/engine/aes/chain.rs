//! One block after another: each begins with what the one before gave, so nothing runs
//! beside it, and what counts is the time that one block takes.

use std::arch::x86_64::*;

use super::BLOCK;
use super::schedule::{Schedule, block, register};

/// Runs what knows the number of rounds when it is compiled.
macro_rules! by_rounds {
    ($schedule:expr, $rounds:ident, $run:expr) => {
        match $schedule.rounds() {
            10 => {
                const $rounds: usize = 10;
                $run
            }
            12 => {
                const $rounds: usize = 12;
                $run
            }
            _ => {
                const $rounds: usize = 14;
                $run
            }
        }
    };
}
pub(super) use by_rounds;

#[inline]
#[target_feature(enable = "aes,sse4.1")]
pub(super) fn encrypt<const ROUNDS: usize>(schedule: &Schedule, state: __m128i) -> __m128i {
    let keys = schedule.encryption();
    let mut state = _mm_xor_si128(state, register(keys[0]));
    for key in &keys[1..ROUNDS] {
        state = _mm_aesenc_si128(state, register(*key));
    }
    _mm_aesenclast_si128(state, register(keys[ROUNDS]))
}

#[target_feature(enable = "aes,sse4.1")]
pub(super) fn encrypt_block(schedule: &Schedule, input: u128) -> u128 {
    let state = register(input);
    block(by_rounds!(
        schedule,
        ROUNDS,
        encrypt::<ROUNDS>(schedule, state)
    ))
}

#[target_feature(enable = "aes,sse4.1")]
pub(super) fn decrypt_block(schedule: &Schedule, input: u128) -> u128 {
    let state = register(input);
    block(by_rounds!(
        schedule,
        ROUNDS,
        decrypt::<ROUNDS>(schedule, state)
    ))
}

#[inline]
#[target_feature(enable = "aes,sse4.1")]
fn decrypt<const ROUNDS: usize>(schedule: &Schedule, state: __m128i) -> __m128i {
    let keys = schedule.decryption();
    let mut state = _mm_xor_si128(state, register(keys[0]));
    for key in &keys[1..ROUNDS] {
        state = _mm_aesdec_si128(state, register(*key));
    }
    _mm_aesdeclast_si128(state, register(keys[ROUNDS]))
}

#[target_feature(enable = "aes,sse4.1")]
pub(super) fn cbc_encrypt(schedule: &Schedule, iv: &[u8; BLOCK], blocks: &mut [[u8; BLOCK]]) {
    by_rounds!(
        schedule,
        ROUNDS,
        cbc_encrypt_rounds::<ROUNDS>(schedule, iv, blocks)
    );
}

#[target_feature(enable = "aes,sse4.1")]
fn cbc_encrypt_rounds<const ROUNDS: usize>(
    schedule: &Schedule,
    iv: &[u8; BLOCK],
    blocks: &mut [[u8; BLOCK]],
) {
    let keys = schedule.encryption();
    // The first key is added to the plaintext, off the chain; so the state is kept with it.
    let (first, last) = (register(keys[0]), register(keys[ROUNDS]));
    let mut chained = register(u128::from_le_bytes(*iv));
    for bytes in blocks {
        let plaintext = _mm_xor_si128(register(u128::from_le_bytes(*bytes)), first);
        let mut state = _mm_xor_si128(plaintext, chained);
        for key in &keys[1..ROUNDS] {
            state = _mm_aesenc_si128(state, register(*key));
        }
        chained = _mm_aesenclast_si128(state, last);
        *bytes = block(chained).to_le_bytes();
    }
}

#[target_feature(enable = "aes,sse4.1,ssse3")]
pub(super) fn wrap(schedule: &Schedule, first: u64, semiblocks: &mut [[u8; 8]]) -> u64 {
    by_rounds!(
        schedule,
        ROUNDS,
        wrap_rounds::<ROUNDS>(schedule, first, semiblocks)
    )
}

/// The chain goes through the lower half of the register, which holds `first`. Between two
/// blocks it takes one instruction, the one that puts the next semiblock above it: the step
/// and the first round key of the block after are in the last round key already.
#[target_feature(enable = "aes,sse4.1,ssse3")]
fn wrap_rounds<const ROUNDS: usize>(
    schedule: &Schedule,
    first: u64,
    semiblocks: &mut [[u8; 8]],
) -> u64 {
    let keys = schedule.encryption();
    let (first_key, last_key) = (register(keys[0]), register(keys[ROUNDS]));
    let before = |half| _mm_xor_si128(half, first_key);
    let mut low = before(lower(first.swap_bytes()));
    let mut step = 0_u64;
    for _ in 0..6 {
        for semiblock in semiblocks.iter_mut() {
            step += 1;
            let high = before(upper(u64::from_le_bytes(*semiblock)));
            let mut state = _mm_blend_epi16::<0xf0>(low, high);
            for key in &keys[1..ROUNDS] {
                state = _mm_aesenc_si128(state, register(*key));
            }
            // The upper half is the semiblock, with nothing added to it.
            let added = _mm_xor_si128(first_key, lower(step.swap_bytes()));
            let added = _mm_blend_epi16::<0xf0>(added, _mm_setzero_si128());
            low = _mm_aesenclast_si128(state, _mm_xor_si128(last_key, added));
            *semiblock = upper_half(low).to_le_bytes();
        }
    }
    lower_half(before(low)).swap_bytes()
}

#[target_feature(enable = "aes,sse4.1,ssse3")]
pub(super) fn unwrap(schedule: &Schedule, first: u64, semiblocks: &mut [[u8; 8]]) -> u64 {
    by_rounds!(
        schedule,
        ROUNDS,
        unwrap_rounds::<ROUNDS>(schedule, first, semiblocks)
    )
}

/// As [`wrap_rounds`]; the step is added before a block instead of after it.
#[target_feature(enable = "aes,sse4.1,ssse3")]
fn unwrap_rounds<const ROUNDS: usize>(
    schedule: &Schedule,
    first: u64,
    semiblocks: &mut [[u8; 8]],
) -> u64 {
    let keys = schedule.decryption();
    let (first_key, last_key) = (register(keys[0]), register(keys[ROUNDS]));
    let mut step = u64::try_from(semiblocks.len()).unwrap_or_default() * 6;
    let before =
        |half, step: u64| _mm_xor_si128(_mm_xor_si128(half, first_key), lower(step.swap_bytes()));
    let mut low = before(lower(first.swap_bytes()), step);
    for _ in 0..6 {
        for semiblock in semiblocks.iter_mut().rev() {
            let high = _mm_xor_si128(upper(u64::from_le_bytes(*semiblock)), first_key);
            let mut state = _mm_blend_epi16::<0xf0>(low, high);
            for key in &keys[1..ROUNDS] {
                state = _mm_aesdec_si128(state, register(*key));
            }
            step -= 1;
            let added = before(_mm_setzero_si128(), step);
            let added = _mm_blend_epi16::<0xf0>(added, _mm_setzero_si128());
            low = _mm_aesdeclast_si128(state, _mm_xor_si128(last_key, added));
            *semiblock = upper_half(low).to_le_bytes();
        }
    }
    // The last step is 0.
    lower_half(_mm_xor_si128(low, first_key)).swap_bytes()
}

#[inline]
#[target_feature(enable = "sse2")]
fn lower(half: u64) -> __m128i {
    _mm_set_epi64x(0, half.cast_signed())
}

#[inline]
#[target_feature(enable = "sse2")]
fn upper(half: u64) -> __m128i {
    _mm_set_epi64x(half.cast_signed(), 0)
}

#[inline]
#[target_feature(enable = "sse2")]
fn lower_half(register: __m128i) -> u64 {
    _mm_cvtsi128_si64(register).cast_unsigned()
}

#[inline]
#[target_feature(enable = "sse4.1")]
fn upper_half(register: __m128i) -> u64 {
    _mm_extract_epi64::<1>(register).cast_unsigned()
}
