//! CBC decryption (SP 800-38A section 6.2) with registers of any width: a stride of blocks
//! at a time, for none waits for another.

use super::BLOCK;
use super::gcm::{REGISTERS, stride_len};
use super::register::Register;
use super::schedule::{ROUND_KEYS, Schedule, register};

/// # Safety
/// The processor has the register's instructions.
#[inline(always)]
pub(super) unsafe fn decrypt<R: Register, const ROUNDS: usize>(
    schedule: &Schedule,
    iv: &[u8; BLOCK],
    blocks: &mut [[u8; BLOCK]],
) {
    let keys = schedule.decryption();
    let (data, len) = (blocks.as_mut_ptr().cast::<u8>(), blocks.len() * BLOCK);
    let rest = len % stride_len::<R>();
    // SAFETY: as this function's; these strides and what is left are the blocks.
    unsafe {
        let mut before = R::everywhere(register(u128::from_le_bytes(*iv)));
        for at in (0..len - rest).step_by(stride_len::<R>()) {
            let here = (data.add(at), stride_len::<R>());
            before = stride::<R, ROUNDS, REGISTERS>(keys, before, here);
        }
        let rest = (data.add(len - rest), rest);
        if rest.1 > R::BYTES {
            stride::<R, ROUNDS, REGISTERS>(keys, before, rest);
        } else if rest.1 > 0 {
            stride::<R, ROUNDS, 1>(keys, before, rest);
        }
    }
}

/// As many registers of blocks, or as there are. Takes a register whose last block is the
/// ciphertext before them, and returns the next such.
///
/// # Safety
/// The processor has the register's instructions; `data` is valid for reads and writes of so
/// many bytes.
#[inline(always)]
unsafe fn stride<R: Register, const ROUNDS: usize, const N: usize>(
    keys: &[u128; ROUND_KEYS],
    before: R,
    (data, len): (*mut u8, usize),
) -> R {
    // SAFETY: as this function's; no register is read or written beyond the bytes.
    unsafe {
        let load = |here: usize| R::load_part(data.wrapping_add(here), len.saturating_sub(here));
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
        // From the end, so that the ciphertext before each register is still there. It is read
        // again because AVX2 has no registers to keep it in.
        for at in (0..N).rev() {
            let here = at * R::BYTES;
            let chained = match here.checked_sub(BLOCK) {
                Some(previous) => load(previous),
                None => load(0).after(before),
            };
            let content = states[at].decrypt_last(key).xor(chained);
            content.store_part(data.wrapping_add(here), len.saturating_sub(here));
        }
        next
    }
}
