//! HMAC (RFC 2104, RFC 7518 section 3.2), for HMAC and AES keys.

use hmac::{Hmac, KeyInit, Mac};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroize;

use crate::alg::Hash;

/// A key for HMAC with the inner and outer state of each hash computed: half the work
/// of a short message. Which hash a key is long enough for is a request's to say.
pub(super) struct MacKey {
    sha256: HmacSha256,
    sha384: Hmac<Sha384>,
    sha512: Hmac<Sha512>,
}

impl MacKey {
    /// HMAC takes keys of all lengths, so this is never `None`.
    pub(super) fn new(k: &[u8]) -> Option<Self> {
        Some(MacKey {
            sha256: HmacSha256::new(k),
            sha384: Hmac::new_from_slice(k).ok()?,
            sha512: Hmac::new_from_slice(k).ok()?,
        })
    }

    /// The MAC; `None` for a hash that no HS* algorithm has.
    pub(super) fn mac(&self, hash: Hash, data: &[u8]) -> Option<Vec<u8>> {
        match hash {
            Hash::Sha1 => None,
            Hash::Sha256 => Some(self.sha256.mac(data).to_vec()),
            Hash::Sha384 => Some(run(&self.sha384, data)),
            Hash::Sha512 => Some(run(&self.sha512, data)),
        }
    }
}

fn run<M: Mac + Clone>(keyed: &M, data: &[u8]) -> Vec<u8> {
    keyed
        .clone()
        .chain_update(data)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// HMAC-SHA-256, which signs most tokens, by the compression function itself: around a
/// message as short as theirs, the buffers and copies of [`Hmac`] cost a third of the time.
struct HmacSha256 {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl HmacSha256 {
    fn new(k: &[u8]) -> Self {
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
        };
        padded.iter_mut().for_each(|byte| *byte ^= 0x36);
        compress256(&mut keyed.inner, &[padded]);
        padded.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5c);
        compress256(&mut keyed.outer, &[padded]);
        padded.zeroize();
        digest.zeroize();
        keyed
    }

    /// What stays on the stack is the inner hash, which is of no use without the outer state.
    fn mac(&self, data: &[u8]) -> [u8; 32] {
        finish(self.outer, &finish(self.inner, data))
    }
}

impl Drop for HmacSha256 {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// SHA-256 (FIPS 180-4 section 6.2) from the state after a first block on.
#[inline]
fn finish(mut state: [u32; 8], data: &[u8]) -> [u8; 32] {
    let (blocks, rest) = data.as_chunks::<BLOCK>();
    if !blocks.is_empty() {
        compress256(&mut state, blocks);
    }
    // What is left, a one, zeros, and how many bits there were with the first block
    // (section 5.1.1).
    let mut padded = [[0; BLOCK]; 2];
    let bytes = padded.as_flattened_mut();
    let (start, end) = bytes.split_at_mut(rest.len());
    start.copy_from_slice(rest);
    if let Some(one) = end.first_mut() {
        *one = 0x80;
    }
    let len = u64::try_from(BLOCK + data.len()).unwrap_or(u64::MAX);
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
    compress256(&mut state, padded.split_at(count).0);
    let mut digest = [0; 32];
    let words = digest.as_chunks_mut().0.iter_mut().zip(&state);
    words.for_each(|(to, word)| *to = word.to_be_bytes());
    digest
}

/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// FIPS 180-4 section 5.3.3.
const START: [u32; 8] = [
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
    use super::*;

    #[test]
    fn hs256_is_that_of_another_implementation() {
        for key_len in [0, 1, 32, 63, 64, 65, 200] {
            let key: Vec<u8> = (0..key_len).collect();
            let (ours, other) = (HmacSha256::new(&key), Hmac::<Sha256>::new_from_slice(&key));
            let other = other.unwrap();
            for len in 0..300 {
                let data: Vec<u8> = (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect();
                let expected = other.clone().chain_update(&data).finalize().into_bytes();
                assert_eq!(ours.mac(&data)[..], expected[..], "{key_len}, {len}");
            }
        }
    }

    /// RFC 4231 test case 1.
    #[test]
    fn known_answers() {
        let key = MacKey::new(&[0x0b; 20]).unwrap();
        let starts = [
            (Hash::Sha256, [0xb0, 0x34, 0x4c, 0x61]),
            (Hash::Sha384, [0xaf, 0xd0, 0x39, 0x44]),
            (Hash::Sha512, [0x87, 0xaa, 0x7c, 0xde]),
        ];
        for (hash, start) in starts {
            let mac = key.mac(hash, b"Hi There").unwrap();
            assert_eq!(mac.len(), hash.len());
            assert_eq!(mac[..4], start);
        }
        assert!(key.mac(Hash::Sha1, b"Hi There").is_none());
    }
}
