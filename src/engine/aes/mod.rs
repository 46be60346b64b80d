//! AES with the processor's own instructions: GCM, CBC and the chain of key wrap.
//!
//! [`Key::new`] gives a key where the instructions are there, and callers use the RustCrypto
//! crates elsewhere. A block is a `u128` as a register holds it: its first byte is the
//! lowest.
//!
//! * [`schedule`]: the round keys, and the powers of GCM's hash key.
//! * [`gcm`], [`ghash`], [`cbc`]: the modes, in terms of a [`register`] of blocks.
//! * [`zmm`], [`ymm`], [`xmm`]: registers of four blocks (VAES and VPCLMULQDQ on AVX-512), of two
//!   (the same on AVX2), and of one (AES-NI and PCLMULQDQ), and the kernels for each.
//! * [`chain`]: what is one block after another whatever the processor: CBC encryption and
//!   key wrap.
//!
//! Nothing here branches on, or indexes by, anything but lengths.

#![allow(
    clippy::indexing_slicing,
    reason = "by constants, by loops over what is indexed, and by lengths that were looked at"
)]

mod cbc;
mod chain;
mod gcm;
mod ghash;
mod register;
mod schedule;
#[cfg(test)]
mod tests;
mod xmm;
mod ymm;
mod zmm;

use super::cpu;
use schedule::Schedule;

/// The AES block, in bytes.
pub(crate) const BLOCK: usize = 16;

/// An AES key of 128, 192 or 256 bits, expanded. Erased when it is dropped.
pub(crate) struct Key {
    schedule: Schedule,
    width: Width,
}

/// Which registers the kernels have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Zmm,
    Ymm,
    Xmm,
}

impl Width {
    /// The widest first.
    pub(crate) const ALL: [Width; 3] = [Width::Zmm, Width::Ymm, Width::Xmm];

    fn is_there(self) -> bool {
        cpu::has_aes()
            && match self {
                Width::Zmm => cpu::has_aes_on_avx512(),
                Width::Ymm => cpu::has_aes_on_avx2(),
                Width::Xmm => true,
            }
    }
}

impl Key {
    /// `None` unless the key has 16, 24 or 32 bytes and the processor has the instructions.
    ///
    /// In a box, so that it is not moved: moving would leave copies.
    pub(crate) fn new(key: &[u8]) -> Option<Box<Self>> {
        let width = Width::ALL.into_iter().find(|width| width.is_there())?;
        Key::with_width(key, width)
    }

    /// The same, for these kernels and no others.
    pub(crate) fn with_width(key: &[u8], width: Width) -> Option<Box<Self>> {
        if !width.is_there() {
            return None;
        }
        let mut new = Box::new(Key {
            schedule: Schedule::empty(),
            width,
        });
        // SAFETY: the processor has the instructions.
        unsafe { new.schedule.expand(key)? };
        Some(new)
    }

    /// GCM (SP 800-38D section 7.1) with a 96-bit IV, in place; the tag. The lengths are
    /// within GCM's bounds, which are the caller's to keep: 64 GiB.
    pub(crate) fn gcm_seal(&self, iv: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        // SAFETY: `with_width` saw that the processor has the instructions.
        let tag = unsafe {
            match self.width_for(buffer.len()) {
                Width::Zmm => zmm::seal(&self.schedule, iv, aad, buffer),
                Width::Ymm => ymm::seal(&self.schedule, iv, aad, buffer),
                Width::Xmm => xmm::seal(&self.schedule, iv, aad, buffer),
            }
        };
        tag.to_le_bytes()
    }

    /// The registers for GCM over so many bytes. One whole block or two were most often written
    /// just now, as blocks: a wider register could not be loaded before they have reached the
    /// cache.
    fn width_for(&self, len: usize) -> Width {
        if len == BLOCK || len == 2 * BLOCK {
            Width::Xmm
        } else {
            self.width
        }
    }

    /// GCM (SP 800-38D section 7.2), in place. `false` if the tag is another: the buffer is
    /// then what it was.
    ///
    /// Long buffers hold plaintext that is not yet authentic while this runs, and no caller
    /// can see that: the buffer is borrowed until it is put right.
    pub(crate) fn gcm_open(
        &self,
        iv: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> bool {
        let tag = u128::from_le_bytes(*tag);
        let schedule = &self.schedule;
        // SAFETY: `with_width` saw that the processor has the instructions.
        unsafe {
            match self.width_for(buffer.len()) {
                Width::Zmm => zmm::open(schedule, iv, aad, buffer, tag),
                Width::Ymm => ymm::open(schedule, iv, aad, buffer, tag),
                Width::Xmm => xmm::open(schedule, iv, aad, buffer, tag),
            }
        }
    }

    /// CBC (SP 800-38A section 6.2) over whole blocks, in place; a last incomplete one is
    /// left alone.
    pub(crate) fn cbc_encrypt(&self, iv: &[u8; BLOCK], buffer: &mut [u8]) {
        let (blocks, _) = buffer.as_chunks_mut();
        // SAFETY: `with_width` saw that the processor has the instructions.
        unsafe { chain::cbc_encrypt(&self.schedule, iv, blocks) }
    }

    /// The inverse of [`cbc_encrypt`](Self::cbc_encrypt), for one block, in place.
    pub(crate) fn cbc_decrypt_block(&self, iv: &[u8; BLOCK], block: &mut [u8; BLOCK]) {
        let state = self.decrypt_block(u128::from_le_bytes(*block));
        *block = (state ^ u128::from_le_bytes(*iv)).to_le_bytes();
    }

    /// The same for all whole blocks, onto the end of a vector, which has room for them: one that
    /// grew would leave behind what it had before. Not in place: who copies a ciphertext first waits
    /// for the copy, for the block before is loaded across two that were just written.
    pub(crate) fn cbc_decrypt(&self, iv: &[u8; BLOCK], from: &[u8], to: &mut Vec<u8>) {
        let from = from.as_chunks().0;
        let len = from.len() * BLOCK;
        to.reserve(len);
        let spare = to.spare_capacity_mut().as_chunks_mut().0;
        let Some(spare) = spare.get_mut(..from.len()) else {
            return;
        };
        // SAFETY: `with_width` saw that the processor has the instructions; so many bytes behind
        // the end are written.
        unsafe {
            match self.width {
                Width::Zmm => zmm::cbc_decrypt(&self.schedule, iv, from, spare),
                Width::Ymm => ymm::cbc_decrypt(&self.schedule, iv, from, spare),
                Width::Xmm => xmm::cbc_decrypt(&self.schedule, iv, from, spare),
            }
            to.set_len(to.len() + len);
        }
    }

    /// `W` of SP 800-38F section 6.1: six passes over the semiblocks (RFC 3394 section
    /// 2.2.1), or one block if there is one semiblock alone (RFC 5649 section 4.1), in place;
    /// returns what the first one becomes. A last incomplete semiblock is left alone.
    pub(crate) fn wrap(&self, first: u64, rest: &mut [u8]) -> u64 {
        match rest.as_chunks_mut().0 {
            [only] => halves(first, only, |block| self.encrypt_block(block)),
            // SAFETY: `with_width` saw that the processor has the instructions.
            semiblocks => unsafe { chain::wrap(&self.schedule, first, semiblocks) },
        }
    }

    /// The inverse of [`wrap`](Self::wrap).
    pub(crate) fn unwrap(&self, first: u64, rest: &mut [u8]) -> u64 {
        match rest.as_chunks_mut().0 {
            [only] => halves(first, only, |block| self.decrypt_block(block)),
            // SAFETY: `with_width` saw that the processor has the instructions.
            semiblocks => unsafe { chain::unwrap(&self.schedule, first, semiblocks) },
        }
    }

    /// One block.
    pub(crate) fn encrypt_block(&self, block: u128) -> u128 {
        // SAFETY: `with_width` saw that the processor has the instructions.
        unsafe { chain::encrypt_block(&self.schedule, block) }
    }

    /// One block.
    pub(crate) fn decrypt_block(&self, block: u128) -> u128 {
        // SAFETY: `with_width` saw that the processor has the instructions.
        unsafe { chain::decrypt_block(&self.schedule, block) }
    }
}

/// Runs a block whose upper half is at another place, and returns its lower half.
fn halves(first: u64, rest: &mut [u8; 8], run: impl FnOnce(u128) -> u128) -> u64 {
    let (low, high) = (first.swap_bytes(), u64::from_le_bytes(*rest));
    let block = run(u128::from(low) | (u128::from(high) << 64)).to_le_bytes();
    rest.copy_from_slice(&block[8..]);
    u64::from_le_bytes(std::array::from_fn(|at| block[at])).swap_bytes()
}
