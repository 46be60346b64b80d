//! HMAC-SHA-256 (RFC 2104), which signs most tokens, by the compression function itself:
//! around a message as short as theirs, the buffers and copies of a general HMAC cost a third
//! of the time.
//!
//! [`sha_ni`] has the processor's own rounds; elsewhere it is RustCrypto's compression.

#[cfg(target_arch = "x86_64")]
mod sha_ni;

use std::slice::from_ref;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::cpu;

/// A key, as the states of SHA-256 after the block with it: half the work of a short message.
/// Erased when it is dropped.
pub(crate) struct HmacSha256 {
    inner: State,
    outer: State,
    path: Path,
}

/// The words a to h (FIPS 180-4 section 6.2).
type State = [u32; 8];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    ShaNi,
    Portable,
}

impl HmacSha256 {
    /// A key of any length.
    pub(crate) fn new(k: &[u8]) -> Self {
        let path = if cpu::has_sha() {
            Path::ShaNi
        } else {
            Path::Portable
        };
        HmacSha256::with_path(k, path)
    }

    /// As [`new`](Self::new), once for each path that this processor has; the portable one is
    /// the last.
    pub(crate) fn on_every_path(k: &[u8]) -> Vec<Self> {
        let there = cpu::has_sha().then_some(Path::ShaNi);
        let paths = there.into_iter().chain([Path::Portable]);
        paths.map(|path| HmacSha256::with_path(k, path)).collect()
    }

    fn with_path(k: &[u8], path: Path) -> Self {
        let mut padded = [0; BLOCK];
        let mut digest = [0; 32];
        // RFC 2104 section 2: a longer key is its hash.
        let key = if k.len() > BLOCK {
            digest = Sha256::digest(k).into();
            digest.as_slice()
        } else {
            k
        };
        padded
            .iter_mut()
            .zip(key)
            .for_each(|(to, from)| *to = *from);
        let mut keyed = HmacSha256 {
            inner: START,
            outer: START,
            path,
        };
        padded.iter_mut().for_each(|byte| *byte ^= 0x36);
        compress256(&mut keyed.inner, from_ref(&padded));
        padded.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
        compress256(&mut keyed.outer, from_ref(&padded));
        padded.zeroize();
        digest.zeroize();
        keyed
    }

    /// The MAC. What stays on the stack is the inner hash, which is of no use without the outer
    /// state.
    pub(crate) fn mac(&self, data: &[u8]) -> [u8; 32] {
        match self.path {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this path is chosen where the processor has the instructions.
            Path::ShaNi => unsafe { sha_ni::mac(&self.inner, &self.outer, data) },
            _ => finish(self.outer, &finish(self.inner, data)),
        }
    }
}

impl Drop for HmacSha256 {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// SHA-256 (FIPS 180-4 section 6.2) from the state after a first block on.
fn finish(mut state: State, data: &[u8]) -> [u8; 32] {
    let (blocks, rest) = data.as_chunks();
    compress256(&mut state, blocks);
    let (padded, count) = padded(rest, data.len());
    compress256(&mut state, padded.split_at(count).0);
    let mut digest = [0; 32];
    let words = digest.as_chunks_mut().0.iter_mut().zip(&state);
    words.for_each(|(to, word)| *to = word.to_be_bytes());
    digest
}

/// The blocks that end a message of a block and `len` bytes, of which `rest` are left, and how
/// many they are: what is left, a one, zeros, and how many bits there were (FIPS 180-4 section
/// 5.1.1).
#[inline(always)]
fn padded(rest: &[u8], len: usize) -> ([[u8; BLOCK]; 2], usize) {
    let mut padded = [[0; BLOCK]; 2];
    let (start, end) = padded.as_flattened_mut().split_at_mut(rest.len());
    start.copy_from_slice(rest);
    if let Some(one) = end.first_mut() {
        *one = 0x80;
    }
    let len = u64::try_from(BLOCK + len).unwrap_or(u64::MAX);
    let count = if rest.len() < BLOCK - size_of::<u64>() {
        1
    } else {
        2
    };
    if let Some((last, _)) = padded.split_at_mut(count).0.split_last_mut()
        && let Some(end) = last.last_chunk_mut()
    {
        *end = (8 * len).to_be_bytes();
    }
    (padded, count)
}

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// FIPS 180-4 section 5.3.3.
const START: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;

    #[test]
    fn every_path_is_hmac_of_another_implementation() {
        for key_len in [0, 1, 32, 63, 64, 65, 200] {
            let key: Vec<u8> = (0..key_len).collect();
            let other = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            for ours in HmacSha256::on_every_path(&key) {
                for len in 0..300 {
                    let data: Vec<u8> =
                        (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
                    let expected = other.clone().chain_update(&data).finalize().into_bytes();
                    let path = ours.path;
                    assert_eq!(
                        ours.mac(&data)[..],
                        expected[..],
                        "{path:?}, {key_len}, {len}"
                    );
                }
            }
        }
    }
}
