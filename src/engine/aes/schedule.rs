//! The round keys (FIPS 197 section 5.2), and the powers of GCM's hash key.

use std::arch::x86_64::*;

use zeroize::Zeroize;

/// How many powers of the hash key are kept: the longest stride is 32 blocks, and the block
/// of lengths comes after the last one. A multiple of four, so that the powers of that
/// stride start at the beginning of a cache line.
const POWERS: usize = 36;

/// Zeros after the powers, so that a register of four can be loaded from the last one.
const BEHIND: usize = 4;

/// How far behind a power the sum of its halves is.
pub(super) const SUMS: usize = POWERS + BEHIND;

/// AES-256 has 14 rounds, and a key before the first.
pub(super) const ROUND_KEYS: usize = 15;

#[repr(C, align(64))]
pub(super) struct Schedule {
    /// The powers of the hash key, the highest first: `H^36 ... H^1`, in the form that
    /// [`multiply`] takes, and zeros; and then of each the sum of its halves, in both halves.
    powers: [[u128; POWERS + BEHIND]; 2],
    encryption: [u128; ROUND_KEYS],
    /// For the equivalent inverse cipher (FIPS 197 section 5.3.5).
    decryption: [u128; ROUND_KEYS],
    /// 10, 12 or 14; 0 before there is a key.
    rounds: usize,
}

impl Schedule {
    pub(super) const fn empty() -> Self {
        Schedule {
            powers: [[0; POWERS + BEHIND]; 2],
            encryption: [0; ROUND_KEYS],
            decryption: [0; ROUND_KEYS],
            rounds: 0,
        }
    }

    /// `None` unless there are 16, 24 or 32 bytes.
    #[target_feature(enable = "aes,pclmulqdq,sse4.1")]
    pub(super) fn expand(&mut self, key: &[u8]) -> Option<()> {
        let (words, []) = key.as_chunks::<4>() else {
            return None;
        };
        self.rounds = match words.len() {
            4 => 10,
            6 => 12,
            8 => 14,
            _ => return None,
        };
        self.expand_words(words);
        let last = self.rounds;
        for round in 0..=last {
            let key = self.encryption[last - round];
            self.decryption[round] = match round {
                0 => key,
                _ if round == last => key,
                _ => block(_mm_aesimc_si128(register(key))),
            };
        }
        self.raise_hash_key();
        Some(())
    }

    /// FIPS 197 section 5.2, word by word.
    #[target_feature(enable = "aes,sse4.1")]
    fn expand_words(&mut self, key: &[[u8; 4]]) {
        let mut words = [0_u32; 4 * ROUND_KEYS];
        let len = key.len();
        for (word, bytes) in words.iter_mut().zip(key) {
            *word = u32::from_le_bytes(*bytes);
        }
        let mut constant = 1_u32;
        for at in len..4 * (self.rounds + 1) {
            let mut word = words[at - 1];
            if at % len == 0 {
                word = substituted(word).rotate_right(8) ^ constant;
                // x^i in AES's field: 1, 2, ... 0x80, 0x1b, 0x36.
                constant = (constant << 1) ^ (0x11b * (constant >> 7));
            } else if len == 8 && at % len == 4 {
                word = substituted(word);
            }
            words[at] = words[at - len] ^ word;
        }
        let (keys, _) = words.as_chunks::<4>();
        for (round, [a, b, c, d]) in self.encryption.iter_mut().zip(keys) {
            let (low, high) = (wide(*a, *b), wide(*c, *d));
            *round = u128::from(low) | (u128::from(high) << 64);
        }
        words.zeroize();
    }

    /// The hash key is the encryption of zeros (SP 800-38D section 7.1). It is kept times x
    /// and its bits are turned around, which makes GHASH the POLYVAL of RFC 8452 (appendix A
    /// there), whose reduction is cheaper.
    #[target_feature(enable = "aes,pclmulqdq,sse4.1")]
    fn raise_hash_key(&mut self) {
        let mut hash_key = super::chain::encrypt_block(self, 0).swap_bytes();
        let carry = 0_u128.wrapping_sub(hash_key >> 127);
        hash_key = (hash_key << 1) ^ (carry & POLYNOMIAL);
        let mut power = hash_key;
        let [powers, sums] = &mut self.powers;
        let places = powers[..POWERS].iter_mut().zip(&mut sums[..POWERS]);
        for (place, sum) in places.rev() {
            *place = power;
            *sum = power ^ power.rotate_left(64);
            power = block(multiply(register(power), register(hash_key)));
        }
        hash_key.zeroize();
        power.zeroize();
    }

    #[inline]
    pub(super) fn rounds(&self) -> usize {
        self.rounds
    }

    #[inline]
    pub(super) fn encryption(&self) -> &[u128; ROUND_KEYS] {
        &self.encryption
    }

    #[inline]
    pub(super) fn decryption(&self) -> &[u128; ROUND_KEYS] {
        &self.decryption
    }

    /// Where the last `count` powers are, the lowest of them at the end, and behind it zeros:
    /// a register of four can be loaded from each, and [`SUMS`] further on from what goes with it.
    #[inline]
    pub(super) fn powers(&self, count: usize) -> *const u128 {
        self.powers.as_flattened()[POWERS - count..].as_ptr()
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.powers.zeroize();
        self.encryption.zeroize();
        self.decryption.zeroize();
    }
}

/// x^128 + x^127 + x^126 + x^121 + 1 without its highest term (RFC 8452 section 3).
const POLYNOMIAL: u128 = (0xc2 << 120) | 1;

/// The product of two elements, over x^128, in the field of POLYVAL.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.1")]
fn multiply(a: __m128i, b: __m128i) -> __m128i {
    let low = _mm_clmulepi64_si128::<0x00>(a, b);
    let high = _mm_clmulepi64_si128::<0x11>(a, b);
    let middle = _mm_xor_si128(
        _mm_clmulepi64_si128::<0x01>(a, b),
        _mm_clmulepi64_si128::<0x10>(a, b),
    );
    reduce(low, middle, high)
}

/// A product of 256 bits, or a sum of such, over x^128, modulo the polynomial. `middle` is
/// what belongs between the upper half of `low` and the lower of `high`.
#[inline]
#[target_feature(enable = "pclmulqdq,sse4.1")]
pub(super) fn reduce(low: __m128i, middle: __m128i, high: __m128i) -> __m128i {
    let low = _mm_xor_si128(low, _mm_slli_si128::<8>(middle));
    let high = _mm_xor_si128(high, _mm_srli_si128::<8>(middle));
    // Two steps of Montgomery's reduction, by 64 bits each.
    let low = fold(fold(low));
    _mm_xor_si128(high, low)
}

#[inline]
#[target_feature(enable = "pclmulqdq,sse4.1")]
fn fold(low: __m128i) -> __m128i {
    let polynomial = _mm_set_epi64x(0xc200_0000_0000_0000_u64.cast_signed(), 0);
    let product = _mm_clmulepi64_si128::<0x10>(low, polynomial);
    // The halves change places.
    _mm_xor_si128(product, _mm_shuffle_epi32::<0x4e>(low))
}

/// The S-box on each byte of a word.
#[inline]
#[target_feature(enable = "aes,sse4.1")]
fn substituted(word: u32) -> u32 {
    let words = _mm_set1_epi32(word.cast_signed());
    _mm_cvtsi128_si32(_mm_aeskeygenassist_si128::<0>(words)).cast_unsigned()
}

fn wide(low: u32, high: u32) -> u64 {
    u64::from(low) | (u64::from(high) << 32)
}

#[inline]
pub(super) fn register(block: u128) -> __m128i {
    // SAFETY: both are 16 bytes, and any are good.
    unsafe { std::mem::transmute(block) }
}

#[inline]
pub(super) fn block(register: __m128i) -> u128 {
    // SAFETY: both are 16 bytes, and any are good.
    unsafe { std::mem::transmute(register) }
}
