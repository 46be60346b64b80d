//! What GCM and CBC ask of a register, of whichever width: its blocks, all at once.

use std::arch::x86_64::__m128i;

use super::BLOCK;

/// One, two or four blocks side by side, the first of them lowest.
///
/// The functions of a trait cannot say which instructions they are made of, so all are
/// inlined, into kernels that do say it. What makes a register of nothing is unsafe: the
/// processor must have the instructions. Whoever has a register may use it.
pub(super) trait Register: Copy {
    /// How many blocks it has.
    const BLOCKS: usize;

    /// How many bytes.
    const BYTES: usize = Self::BLOCKS * BLOCK;

    /// Whether a product is best made of three products of halves (Karatsuba and Ofman 1962), for
    /// which a block's halves change places, and not of four.
    const KARATSUBA: bool;

    /// Zeros.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn zero() -> Self;

    /// The same block everywhere.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn everywhere(block: __m128i) -> Self;

    /// This block, and zeros.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn one(block: __m128i) -> Self;

    /// # Safety
    /// The processor has the instructions; `from` is valid for reads of all blocks.
    unsafe fn load(from: *const u8) -> Self;

    /// The first `len` bytes, or all if there are fewer, and zeros.
    ///
    /// # Safety
    /// The processor has the instructions; `from` is valid for reads of `len` bytes.
    unsafe fn load_part(from: *const u8, len: usize) -> Self;

    /// # Safety
    /// `to` is valid for writes of all blocks.
    unsafe fn store(self, to: *mut u8);

    /// The first `len` bytes, or all if there are fewer.
    ///
    /// # Safety
    /// `to` is valid for writes of `len` bytes.
    unsafe fn store_part(self, to: *mut u8, len: usize);

    /// Zeros from byte `len` on.
    fn first_bytes(self, len: usize) -> Self;

    /// Exclusive or.
    fn xor(self, other: Self) -> Self;

    /// Sums of 32 bits.
    fn plus(self, other: Self) -> Self;

    /// The bytes of each block in another order.
    fn ordered(self, order: Self) -> Self;

    /// The halves of each block in each other's place.
    fn halves_swapped(self) -> Self;

    /// A round of AES, and the last one.
    fn encrypt_round(self, key: Self) -> Self;
    fn encrypt_last(self, key: Self) -> Self;

    /// A round of the equivalent inverse cipher, and the last one.
    fn decrypt_round(self, key: Self) -> Self;
    fn decrypt_last(self, key: Self) -> Self;

    /// Of each pair of blocks the product of two halves, without carries. Bit 0 of `HALVES`
    /// is set for the upper half of `self`, bit 4 for that of `other`.
    fn multiply<const HALVES: i32>(self, other: Self) -> Self;

    /// The last block of `before`, and then these but the last.
    fn after(self, before: Self) -> Self;

    /// All blocks added.
    fn sum(self) -> __m128i;
}

/// An intrinsic on registers that are there.
macro_rules! call {
    ($intrinsic:ident $(::<$constant:tt>)? ($($argument:expr),*)) => {
        // SAFETY: there is a register, so its maker has seen to the instructions.
        unsafe { $intrinsic $(::<$constant>)? ($($argument),*) }
    };
}
pub(super) use call;

/// The kernels for a register, which are functions that have its instructions.
macro_rules! kernels {
    ($register:ty, $features:literal) => {
        /// GCM: encrypts, and returns the tag.
        #[target_feature(enable = $features)]
        pub(super) fn seal(
            schedule: &Schedule,
            iv: &[u8; 12],
            aad: &[u8],
            buffer: &mut [u8],
        ) -> u128 {
            let is_long = buffer.len() >= gcm::stride_len::<$register>();
            by_rounds!(schedule, ROUNDS, {
                if is_long {
                    seal_text::<ROUNDS, true>(schedule, iv, aad, buffer)
                } else {
                    seal_text::<ROUNDS, false>(schedule, iv, aad, buffer)
                }
            })
        }

        /// A function for each number of rounds, and for short texts and long ones: one that has
        /// several saves registers for all of them before it knows which it is to be.
        #[inline(never)]
        #[target_feature(enable = $features)]
        fn seal_text<const ROUNDS: usize, const LONG: bool>(
            schedule: &Schedule,
            iv: &[u8; 12],
            aad: &[u8],
            buffer: &mut [u8],
        ) -> u128 {
            // SAFETY: this function has the instructions.
            unsafe { gcm::seal::<$register, ROUNDS, LONG>(schedule, iv, aad, buffer) }
        }

        /// GCM: decrypts if the tag is right, and tells whether it is.
        #[target_feature(enable = $features)]
        pub(super) fn open(
            schedule: &Schedule,
            iv: &[u8; 12],
            aad: &[u8],
            buffer: &mut [u8],
            tag: u128,
        ) -> bool {
            let is_long = buffer.len() >= gcm::stride_len::<$register>();
            by_rounds!(schedule, ROUNDS, {
                if is_long {
                    open_text::<ROUNDS, true>(schedule, iv, aad, buffer, tag)
                } else {
                    open_text::<ROUNDS, false>(schedule, iv, aad, buffer, tag)
                }
            })
        }

        #[inline(never)]
        #[target_feature(enable = $features)]
        fn open_text<const ROUNDS: usize, const LONG: bool>(
            schedule: &Schedule,
            iv: &[u8; 12],
            aad: &[u8],
            buffer: &mut [u8],
            tag: u128,
        ) -> bool {
            // SAFETY: this function has the instructions.
            unsafe { gcm::open::<$register, ROUNDS, LONG>(schedule, iv, aad, buffer, tag) }
        }

        /// CBC, whose encryption is in [`chain`](super::chain). Writes all of `to`, if it is no
        /// longer than `from`.
        #[target_feature(enable = $features)]
        pub(super) fn cbc_decrypt(
            schedule: &Schedule,
            iv: &[u8; BLOCK],
            from: &[[u8; BLOCK]],
            to: &mut [[std::mem::MaybeUninit<u8>; BLOCK]],
        ) {
            // SAFETY: this function has the instructions.
            unsafe {
                by_rounds!(schedule, ROUNDS, {
                    cbc::decrypt::<$register, ROUNDS>(schedule, iv, from, to)
                })
            }
        }
    };
}
pub(super) use kernels;
