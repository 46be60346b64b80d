//! GCM (SP 800-38D section 7) with registers of any width.
//!
//! It is one pass: a stride of counter blocks goes through the rounds together (a round takes
//! three cycles or four, and one or two begin in each), and between the rounds the stride of
//! ciphertext before it is hashed. What is left at the end goes by single registers.

use std::arch::x86_64::*;
use std::hint::black_box;

use super::BLOCK;
use super::chain::encrypt;
use super::ghash::{Products, bytes_turned, hash, turned};
use super::register::Register;
use super::schedule::{Schedule, block, register};

/// Registers that are in the rounds together.
pub(super) const REGISTERS: usize = 8;

/// The bytes of a stride.
pub(super) const fn stride_len<R: Register>() -> usize {
    REGISTERS * R::BYTES
}

/// How many strides there are in a text of so many bytes.
#[inline(always)]
const fn strides<R: Register, const LONG: bool>(len: usize) -> usize {
    if LONG { len / stride_len::<R>() } else { 0 }
}

/// Up to this many bytes a decryption compares the tag first and then makes plaintext: the
/// processor, which expects it to be right, does both at a time. Beyond that one pass does
/// both, because two would go to memory twice.
const fn two_passes<R: Register>() -> usize {
    2 * stride_len::<R>()
}

/// Encrypts, and returns the tag. A text that is not `LONG` is less than a stride.
///
/// # Safety
/// The processor has the register's instructions.
#[inline(always)]
pub(super) unsafe fn seal<R: Register, const ROUNDS: usize, const LONG: bool>(
    schedule: &Schedule,
    iv: &[u8; 12],
    aad: &[u8],
    buffer: &mut [u8],
) -> u128 {
    let (data, len) = (buffer.as_mut_ptr(), buffer.len());
    let end = lengths(aad.len(), len);
    let strides = strides::<R, LONG>(len);
    let done = strides * stride_len::<R>();
    // SAFETY: as this function's; these strides and what is left are the buffer.
    unsafe {
        let mask = encrypt::<ROUNDS>(schedule, first_counter(iv));
        let mut counters = Counters::<R>::new(iv);
        let mut sum = hash::<R>(schedule, _mm_setzero_si128(), aad.as_ptr(), aad.len(), None);
        if strides > 0 {
            stride::<R, ROUNDS, false>(schedule, &mut counters, sum, data, data);
            for at in 1..strides {
                let here = data.add(at * stride_len::<R>());
                // The stride before this one, which is ciphertext now.
                let hashed = here.sub(stride_len::<R>());
                sum = stride::<R, ROUNDS, true>(schedule, &mut counters, sum, hashed, here);
            }
            let last = data.add(done).sub(stride_len::<R>());
            sum = hash::<R>(schedule, sum, last, stride_len::<R>(), None);
        }
        let rest = (data.add(done), len - done);
        sum = seal_rest::<R, ROUNDS>(schedule, &mut counters, sum, rest, end);
        block(_mm_xor_si128(bytes_turned(sum), mask))
    }
}

/// Decrypts if the tag is right. Otherwise the buffer is what it was. A text that is not `LONG`
/// is less than a stride.
///
/// # Safety
/// The processor has the register's instructions.
#[inline(always)]
pub(super) unsafe fn open<R: Register, const ROUNDS: usize, const LONG: bool>(
    schedule: &Schedule,
    iv: &[u8; 12],
    aad: &[u8],
    buffer: &mut [u8],
    tag: u128,
) -> bool {
    let (data, len) = (buffer.as_mut_ptr(), buffer.len());
    let strides = if len > two_passes::<R>() {
        strides::<R, LONG>(len)
    } else {
        0
    };
    let done = strides * stride_len::<R>();
    // SAFETY: as in `seal`.
    unsafe {
        let mask = encrypt::<ROUNDS>(schedule, first_counter(iv));
        let mut counters = Counters::<R>::new(iv);
        // Of a short text the key stream begins beside the mask, and not when the tag is known.
        let first = (!LONG).then(|| counters.stream::<ROUNDS>(schedule));
        let mut sum = hash::<R>(schedule, _mm_setzero_si128(), aad.as_ptr(), aad.len(), None);
        for at in 0..strides {
            let here = data.add(at * stride_len::<R>());
            sum = stride::<R, ROUNDS, true>(schedule, &mut counters, sum, here, here);
        }
        let (rest, left) = (data.add(done), len - done);
        sum = hash::<R>(schedule, sum, rest, left, Some(lengths(aad.len(), len)));
        // All bits at once; the verdict is public.
        if block(_mm_xor_si128(bytes_turned(sum), mask)) ^ tag == 0 {
            crypt::<R, ROUNDS, LONG>(schedule, &mut counters, first, rest, left);
            return true;
        }
        // The same key stream once more makes the strides what they were.
        crypt::<R, ROUNDS, LONG>(schedule, &mut Counters::new(iv), None, data, done);
        false
    }
}

/// Counter mode alone, of which the first register of the key stream may be known.
///
/// # Safety
/// The processor has the register's instructions; `data` is valid for reads and writes of
/// `len` bytes.
#[inline(always)]
unsafe fn crypt<R: Register, const ROUNDS: usize, const LONG: bool>(
    schedule: &Schedule,
    counters: &mut Counters<R>,
    mut first: Option<R>,
    data: *mut u8,
    len: usize,
) {
    let strides = strides::<R, LONG>(len);
    // SAFETY: as this function's; the strides and what is left are parts of the `len` bytes.
    unsafe {
        for at in 0..strides {
            let here = data.add(at * stride_len::<R>());
            let nothing = _mm_setzero_si128();
            stride::<R, ROUNDS, false>(schedule, counters, nothing, here, here);
        }
        let mut at = strides * stride_len::<R>();
        while at < len {
            let content = R::load_part(data.add(at), len - at);
            let stream = first.take();
            let content =
                content.xor(stream.unwrap_or_else(|| counters.stream::<ROUNDS>(schedule)));
            content.store_part(data.add(at), len - at);
            at += R::BYTES;
        }
    }
}

/// One stride of counter mode, and one of GHASH beside it if `HASHING`; returns the new hash.
///
/// # Safety
/// The processor has the register's instructions; `data` is valid for reads and writes of a
/// stride, and `hashed` for reads of one.
#[inline(always)]
unsafe fn stride<R: Register, const ROUNDS: usize, const HASHING: bool>(
    schedule: &Schedule,
    counters: &mut Counters<R>,
    sum: __m128i,
    hashed: *const u8,
    data: *mut u8,
) -> __m128i {
    // Anew for each stride, as in `cbc`.
    let keys = black_box(schedule.encryption());
    let powers = schedule.powers(REGISTERS * R::BLOCKS);
    // SAFETY: as this function's; the registers are those of a stride, and of its powers.
    unsafe {
        let mut states = [R::zero(); REGISTERS];
        let key = R::everywhere(register(keys[0]));
        for state in &mut states {
            *state = counters.next().xor(key);
        }
        let order = R::everywhere(turned());
        let mut products = Products::<R>::none();
        let mut added = R::one(sum);
        for (at, key) in keys[1..ROUNDS].iter().enumerate() {
            let key = R::everywhere(register(*key));
            for state in &mut states {
                *state = state.encrypt_round(key);
            }
            if HASHING && at < REGISTERS {
                let blocks = R::load(hashed.add(at * R::BYTES)).ordered(order);
                products.add(blocks.xor(added), powers.add(at * R::BLOCKS));
                added = R::zero();
            }
        }
        let key = R::everywhere(register(keys[ROUNDS]));
        for (at, state) in states.iter().enumerate() {
            let here = data.add(at * R::BYTES);
            R::load(here).xor(state.encrypt_last(key)).store(here);
        }
        if HASHING { products.reduced() } else { sum }
    }
}

/// Encrypts what is less than a stride, and ends GHASH: a register at a time, each hashed
/// before it is out of sight.
///
/// # Safety
/// The processor has the register's instructions; the pointer is valid for reads and writes
/// of as many bytes.
#[inline(always)]
unsafe fn seal_rest<R: Register, const ROUNDS: usize>(
    schedule: &Schedule,
    counters: &mut Counters<R>,
    sum: __m128i,
    (data, len): (*mut u8, usize),
    end: __m128i,
) -> __m128i {
    let mut powers = schedule.powers(len.div_ceil(BLOCK) + 1);
    // SAFETY: as this function's; each register has one byte or more of the `len`, and there
    // are powers for it.
    unsafe {
        let order = R::everywhere(turned());
        let mut products = Products::<R>::none();
        let mut added = R::one(sum);
        let mut at = 0;
        while at < len {
            let (here, left) = (data.add(at), len - at);
            let content = R::load_part(here, left).xor(counters.stream::<ROUNDS>(schedule));
            content.store_part(here, left);
            let blocks = content.first_bytes(left).ordered(order);
            products.add(blocks.xor(added), powers);
            added = R::zero();
            at += R::BYTES;
            powers = powers.add(R::BLOCKS);
        }
        products.add(R::one(end).xor(added), schedule.powers(1));
        products.reduced()
    }
}

/// The next counter blocks, a register of them at a time.
struct Counters<R> {
    /// The IV and a counter, which is little-endian here.
    next: R,
}

impl<R: Register> Counters<R> {
    /// From the second on: the first one masks the tag.
    ///
    /// # Safety
    /// The processor has the register's instructions.
    #[inline(always)]
    unsafe fn new(iv: &[u8; 12]) -> Self {
        let numbers = [2, 3, 4, 5].map(|number: u128| number << 96);
        // SAFETY: as this function's; there are as many numbers as a register can have.
        let (iv, numbers) = unsafe {
            (
                R::everywhere(iv_register(iv)),
                R::load(numbers.as_ptr().cast()),
            )
        };
        Counters {
            next: iv.xor(numbers),
        }
    }

    /// # Safety
    /// The processor has the register's instructions.
    #[inline(always)]
    unsafe fn next(&mut self) -> R {
        let blocks = i32::try_from(R::BLOCKS).unwrap_or_default();
        // SAFETY: as this function's.
        let (order, step) = unsafe {
            let step = _mm_set_epi32(blocks, 0, 0, 0);
            (R::everywhere(counter_turned()), R::everywhere(step))
        };
        let counters = self.next.ordered(order);
        // Modulo 2^32, as SP 800-38D section 6.2 has it.
        self.next = self.next.plus(step);
        counters
    }

    /// The next register of the key stream.
    ///
    /// # Safety
    /// The processor has the register's instructions.
    #[inline(always)]
    unsafe fn stream<const ROUNDS: usize>(&mut self, schedule: &Schedule) -> R {
        let keys = schedule.encryption();
        // SAFETY: as this function's.
        unsafe {
            let mut state = self.next().xor(R::everywhere(register(keys[0])));
            for key in &keys[1..ROUNDS] {
                state = state.encrypt_round(R::everywhere(register(*key)));
            }
            state.encrypt_last(R::everywhere(register(keys[ROUNDS])))
        }
    }
}

/// The IV, and zeros where the counter is. By words, and not by way of memory: a load of 16 bytes
/// would wait for narrower stores.
#[inline]
fn iv_register(iv: &[u8; 12]) -> __m128i {
    let [low, middle, high] = [0, 4, 8].map(|at| {
        let bytes = std::array::from_fn(|byte| iv[at + byte]);
        u128::from(u32::from_le_bytes(bytes))
    });
    register(low | (middle << 32) | (high << 64))
}

/// The counter block whose encryption masks the tag: that of the number one.
#[inline]
#[target_feature(enable = "sse2")]
fn first_counter(iv: &[u8; 12]) -> __m128i {
    _mm_or_si128(iv_register(iv), register(1 << 120))
}

/// The block of lengths, in bits, that ends GHASH; its bytes turned around.
#[inline]
fn lengths(aad: usize, len: usize) -> __m128i {
    let bits = |bytes: usize| u64::try_from(bytes).unwrap_or_default() << 3;
    register((u128::from(bits(aad)) << 64) | u128::from(bits(len)))
}

/// An order that turns the last four bytes of a block around, which are the counter.
#[inline]
#[target_feature(enable = "sse2")]
fn counter_turned() -> __m128i {
    _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
}
