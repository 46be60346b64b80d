//! CBC decryption (SP 800-38A section 6.2) with registers of any width: a stride of blocks
//! at a time, for none waits for another.

use std::hint::black_box;
use std::mem::MaybeUninit;

use super::BLOCK;
use super::gcm::{REGISTERS, stride_len};
use super::register::Register;
use super::schedule::{ROUND_KEYS, Schedule, register};

/// Writes all of `to`, if it is no longer than `from`.
///
/// # Safety
/// The processor has the register's instructions.
#[inline(always)]
pub(super) unsafe fn decrypt<R: Register, const ROUNDS: usize>(
    schedule: &Schedule,
    iv: &[u8; BLOCK],
    from: &[[u8; BLOCK]],
    to: &mut [[MaybeUninit<u8>; BLOCK]],
) {
    let keys = schedule.decryption();
    let len = from.len().min(to.len()) * BLOCK;
    let (from, to) = (from.as_ptr().cast::<u8>(), to.as_mut_ptr().cast::<u8>());
    let rest = len % stride_len::<R>();
    let whole = len - rest;
    // SAFETY: as this function's; these strides and what is left are the blocks.
    unsafe {
        let mut before = R::everywhere(register(u128::from_le_bytes(*iv)));
        for at in (0..whole).step_by(stride_len::<R>()) {
            let len = stride_len::<R>();
            before = stride::<R, ROUNDS, REGISTERS>(keys, before, from.add(at), to.add(at), len);
        }
        let (from, to) = (from.add(whole), to.add(whole));
        if rest > R::BYTES {
            stride::<R, ROUNDS, REGISTERS>(keys, before, from, to, rest);
        } else if rest > 0 {
            stride::<R, ROUNDS, 1>(keys, before, from, to, rest);
        }
    }
}

/// As many registers of blocks, or as there are. Takes a register whose last block is the
/// ciphertext before them, and returns the next such.
///
/// # Safety
/// The processor has the register's instructions; `from` is valid for reads of so many bytes, and
/// `to` for writes.
#[inline(always)]
unsafe fn stride<R: Register, const ROUNDS: usize, const N: usize>(
    keys: &[u128; ROUND_KEYS],
    before: R,
    from: *const u8,
    to: *mut u8,
    len: usize,
) -> R {
    // Anew for each stride: a compiler that knows them all keeps them in registers, and has too few
    // left for the blocks, which it then decrypts one after the other.
    let keys = black_box(keys);
    // SAFETY: as this function's; no register is read or written beyond the bytes.
    unsafe {
        let load = |here: usize| R::load_part(from.wrapping_add(here), len.saturating_sub(here));
        let next = load((N - 1) * R::BYTES);
        let mut states = [R::zero(); N];
        let key = R::everywhere(register(keys[0]));
        for (at, state) in states.iter_mut().enumerate() {
            *state = load(at * R::BYTES).xor(key);
        }
        for key in &keys[1..ROUNDS] {
            let key = R::everywhere(register(*key));
            for state in &mut states {
                *state = state.decrypt_round(key);
            }
        }
        let key = R::everywhere(register(keys[ROUNDS]));
        for (at, state) in states.iter().enumerate() {
            let here = at * R::BYTES;
            // Read again, because AVX2 has no registers to keep it in.
            let chained = match here.checked_sub(BLOCK) {
                Some(previous) => load(previous),
                None => load(0).after(before),
            };
            let content = state.decrypt_last(key).xor(chained);
            content.store_part(to.wrapping_add(here), len.saturating_sub(here));
        }
        next
    }
}
