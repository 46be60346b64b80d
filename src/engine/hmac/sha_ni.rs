//! HMAC-SHA-256 with the SHA extensions of x86.
//!
//! What counts for a short message is the time that one block takes after another: 32
//! instructions of two rounds each, none of which can begin before the one before it has
//! ended. So nothing else is on that way: the inner hash becomes the outer message in registers,
//! where it has the right order already.

use std::arch::x86_64::*;

use super::{BLOCK, State, padded};

/// The MAC of a message under a key's two states.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(super) fn mac(inner: &State, outer: &State, data: &[u8]) -> [u8; 32] {
    let mut state = Halves::of(inner);
    let (blocks, rest) = data.as_chunks();
    for block in blocks {
        state = compress(state, message(block));
    }
    let (padded, count) = padded(rest, data.len());
    for block in padded.iter().take(count) {
        state = compress(state, message(block));
    }
    let [low, high] = state.words();
    // FIPS 180-4 section 5.1.1: after the 32 bytes a one, zeros, and how many bits there were
    // with the block of the key, 8 (64 + 32).
    let end = [
        _mm_set_epi32(0, 0, 0, i32::MIN),
        _mm_set_epi32(768, 0, 0, 0),
    ];
    let [low, high] = compress(Halves::of(outer), [low, high, end[0], end[1]]).words();
    bytes([big_endian(low), big_endian(high)])
}

/// A state as the instructions have it: the words f, e, b, a and h, g, d, c, from the lowest
/// on.
#[derive(Clone, Copy)]
struct Halves {
    abef: __m128i,
    cdgh: __m128i,
}

impl Halves {
    #[inline]
    #[target_feature(enable = "sse4.1,ssse3")]
    fn of(state: &State) -> Self {
        let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
        Halves {
            abef: _mm_set_epi32(a, b, e, f),
            cdgh: _mm_set_epi32(c, d, g, h),
        }
    }

    /// The words a to d and e to h, each with the first of them lowest: the order of a message.
    #[inline]
    #[target_feature(enable = "sse4.1,ssse3")]
    fn words(self) -> [__m128i; 2] {
        let feba = _mm_shuffle_epi32::<0x1b>(self.abef);
        let dchg = _mm_shuffle_epi32::<0xb1>(self.cdgh);
        [
            _mm_blend_epi16::<0xf0>(feba, dchg),
            _mm_alignr_epi8::<8>(dchg, feba),
        ]
    }
}

/// The compression function (FIPS 180-4 section 6.2.2) with the first 16 words of the schedule,
/// four to a register.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress(before: Halves, message: [__m128i; 4]) -> Halves {
    let [mut w0, mut w1, mut w2, mut w3] = message;
    let mut state = before;
    let [first, later @ ..] = &CONSTANTS;
    four_rounds(&mut state, w0, &first[0]);
    four_rounds(&mut state, w1, &first[1]);
    four_rounds(&mut state, w2, &first[2]);
    four_rounds(&mut state, w3, &first[3]);
    for constants in later {
        w0 = next_words(w0, w1, w2, w3);
        four_rounds(&mut state, w0, &constants[0]);
        w1 = next_words(w1, w2, w3, w0);
        four_rounds(&mut state, w1, &constants[1]);
        w2 = next_words(w2, w3, w0, w1);
        four_rounds(&mut state, w2, &constants[2]);
        w3 = next_words(w3, w0, w1, w2);
        four_rounds(&mut state, w3, &constants[3]);
    }
    Halves {
        abef: _mm_add_epi32(state.abef, before.abef),
        cdgh: _mm_add_epi32(state.cdgh, before.cdgh),
    }
}

/// After two rounds the old a, b, e and f are c, d, g and h: what an instruction gives takes the
/// place of one half, and the other half moves on by itself.
#[inline]
#[target_feature(enable = "sha,sse4.1")]
fn four_rounds(state: &mut Halves, words: __m128i, constants: &[u32; 4]) {
    let [k0, k1, k2, k3] = constants.map(u32::cast_signed);
    let added = _mm_add_epi32(words, _mm_set_epi32(k3, k2, k1, k0));
    state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, added);
    let added = _mm_shuffle_epi32::<0x0e>(added);
    state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, added);
}

/// The four words of the schedule after these sixteen.
#[inline]
#[target_feature(enable = "sha,ssse3")]
fn next_words(w0: __m128i, w1: __m128i, w2: __m128i, w3: __m128i) -> __m128i {
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
    _mm_sha256msg2_epu32(sum, w3)
}

/// A block's words.
#[inline]
#[target_feature(enable = "ssse3")]
fn message(block: &[u8; BLOCK]) -> [__m128i; 4] {
    // SAFETY: both are 64 bytes, and any are good.
    let registers: [__m128i; 4] = unsafe { std::mem::transmute(*block) };
    let [a, b, c, d] = registers;
    [big_endian(a), big_endian(b), big_endian(c), big_endian(d)]
}

/// The bytes of each word the other way around.
#[inline]
#[target_feature(enable = "ssse3")]
fn big_endian(words: __m128i) -> __m128i {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    _mm_shuffle_epi8(words, order)
}

#[inline]
fn bytes(registers: [__m128i; 2]) -> [u8; 32] {
    // SAFETY: both are 32 bytes, and any are good.
    unsafe { std::mem::transmute(registers) }
}

/// FIPS 180-4 section 4.2.2, by rounds: sixteen, and four of them.
#[rustfmt::skip]
static CONSTANTS: [[[u32; 4]; 4]; 4] = [
    [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    ],
    [
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    ],
    [
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    ],
    [
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ],
];
