//! CBC decryption (SP 800-38A section 6.2) with registers of any width: a stride of blocks
//! at a time, for none waits for another.

use super::BLOCK;
use super::gcm::{REGISTERS, stride_len};
use super::register::Register;
use super::schedule::{Schedule, register};

/// # Safety
/// The processor has the register's instructions.
#[inline(always)]
pub(super) unsafe fn decrypt<R: Register, const ROUNDS: usize>(
    schedule: &Schedule,
    iv: &[u8; BLOCK],
    blocks: &mut [[u8; BLOCK]],
) {
    let keys = schedule.decryption();
    // SAFETY: as this function's; no register is read or written beyond the bytes.
    unsafe {
        // The ciphertext before what is decrypted, in its last block.
        let mut before = R::everywhere(register(u128::from_le_bytes(*iv)));
        for bytes in blocks.as_flattened_mut().chunks_mut(stride_len::<R>()) {
            let (data, len) = (bytes.as_mut_ptr(), bytes.len());
            let mut states = [R::zero(); REGISTERS];
            let mut chained = [R::zero(); REGISTERS];
            let key = R::everywhere(register(keys[0]));
            for at in 0..REGISTERS {
                let here = at * R::BYTES;
                let content = R::load_part(data.wrapping_add(here), len.saturating_sub(here));
                chained[at] = content.after(before);
                before = content;
                states[at] = content.xor(key);
            }
            for key in &keys[1..ROUNDS] {
                let key = R::everywhere(register(*key));
                for state in &mut states {
                    *state = state.decrypt_round(key);
                }
            }
            let key = R::everywhere(register(keys[ROUNDS]));
            for at in 0..REGISTERS {
                let here = at * R::BYTES;
                let content = states[at].decrypt_last(key).xor(chained[at]);
                content.store_part(data.wrapping_add(here), len.saturating_sub(here));
            }
        }
    }
}
