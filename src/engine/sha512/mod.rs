//! SHA-512 (FIPS 180-4 section 6.4) of eight messages of one length, a lane each: in the time of
//! two or three that follow each other. The nonces of a batch are made of it.

#[cfg(any(target_arch = "x86_64", strongroom_emulated_lanes))]
mod eight;
#[cfg(not(any(target_arch = "x86_64", strongroom_emulated_lanes)))]
#[path = "absent.rs"]
mod eight;

use super::cpu::has_ifma;
use super::erase::erase_stack;

/// How many messages.
pub(crate) const LANES: usize = 8;

/// The bytes of a hash.
pub(crate) const LEN: usize = 64;

/// Whether [`hash_eight`] can do anything.
pub(crate) fn has_lanes() -> bool {
    has_ifma()
}

/// Writes the hashes, and tells whether it has: not unless all messages are of one length, and the
/// processor has the instructions.
pub(crate) fn hash_eight(messages: &[&[u8]; LANES], hashes: &mut [&mut [u8; LEN]; LANES]) -> bool {
    let len = messages[0].len();
    if !has_ifma() || messages.iter().any(|message| message.len() != len) {
        return false;
    }
    // SAFETY: the processor has the instructions: it was just asked.
    #[allow(unused_unsafe)]
    unsafe {
        eight::hash(messages, len, hashes);
    }
    erase_stack::<8>();
    true
}

#[cfg(test)]
mod tests {
    use std::array::from_fn;

    use sha2::{Digest, Sha512};

    use super::*;

    #[test]
    fn as_the_crate_one_by_one() {
        for len in 0..400 {
            let messages: [Vec<u8>; LANES] = from_fn(|lane| {
                let bytes = (0..len).map(|at| u8::try_from((7 * at + 31 * lane) % 256).unwrap());
                bytes.collect()
            });
            let mut hashes = [[0; LEN]; LANES];
            let messages = messages.each_ref().map(Vec::as_slice);
            if !hash_eight(&messages, &mut hashes.each_mut()) {
                assert!(!has_ifma());
                return;
            }
            for (hash, message) in hashes.iter().zip(messages) {
                assert_eq!(hash[..], Sha512::digest(message)[..], "{len}");
            }
        }
    }

    #[test]
    fn messages_have_one_length() {
        let mut messages = [[0; 9].as_slice(); LANES];
        messages[7] = &[0; 8];
        assert!(!hash_eight(&messages, &mut [[0; LEN]; LANES].each_mut()));
    }
}
