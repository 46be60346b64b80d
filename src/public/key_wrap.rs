//! The permutation below AES key wrap (RFC 3394, RFC 5649; SP 800-38F), for whoever has the
//! AES key: backends, and the makers of blobs for transfer.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};

use crate::alg::SEMIBLOCK;
use crate::secret::SecretBytes;

/// The upper half of KWP's initial value; the lower is the length (RFC 5649 section 3).
pub(crate) const KWP_IV: u64 = 0xA659_59A6;

/// What KWP wraps for this material (RFC 5649 section 4.1, step 1): the initial value, and
/// the material filled up to whole semiblocks.
pub(crate) fn padded(material: &[u8]) -> (u64, SecretBytes) {
    let mut padded = SecretBytes::zeroed(material.len().next_multiple_of(SEMIBLOCK));
    let pairs = padded.expose_mut().iter_mut().zip(material);
    pairs.for_each(|(to, from)| *to = *from);
    // Requests end at 64 KiB; a length of 4 GiB would wrap as one that never unwraps.
    let len = u64::try_from(material.len()).unwrap_or(u64::MAX);
    ((KWP_IV << 32) | (len & 0xFFFF_FFFF), padded)
}

/// `W` of SP 800-38F section 6.1 and its forerunner in RFC 3394 section 2.2.1, by index:
/// six passes over the semiblocks. With a single semiblock it is one block encryption
/// (RFC 5649 section 4.1, step 2).
pub(crate) fn w<C>(cipher: &C, first: u64, rest: &mut [u8]) -> u64
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let (semiblocks, _) = rest.as_chunks_mut::<SEMIBLOCK>();
    if let [only] = semiblocks {
        return encrypt(cipher, first, only);
    }
    let (mut first, mut step) = (first, 0u64);
    for _ in 0..6 {
        for semiblock in semiblocks.iter_mut() {
            step += 1;
            first = encrypt(cipher, first, semiblock) ^ step;
        }
    }
    first
}

/// The inverse of [`w`] (RFC 3394 section 2.2.2; RFC 5649 section 4.2, step 1).
pub(crate) fn w_inverse<C>(cipher: &C, first: u64, rest: &mut [u8]) -> u64
where
    C: BlockCipherDecrypt<BlockSize = U16>,
{
    let (semiblocks, _) = rest.as_chunks_mut::<SEMIBLOCK>();
    if let [only] = semiblocks {
        return decrypt(cipher, first, only);
    }
    let steps = u64::try_from(semiblocks.len()).unwrap_or_default() * 6;
    let (mut first, mut step) = (first, steps);
    for _ in 0..6 {
        for semiblock in semiblocks.iter_mut().rev() {
            first = decrypt(cipher, first ^ step, semiblock);
            step -= 1;
        }
    }
    first
}

fn encrypt<C>(cipher: &C, first: u64, semiblock: &mut [u8; SEMIBLOCK]) -> u64
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let mut block = join(first, *semiblock).into();
    cipher.encrypt_block(&mut block);
    part(block.into(), semiblock)
}

fn decrypt<C>(cipher: &C, first: u64, semiblock: &mut [u8; SEMIBLOCK]) -> u64
where
    C: BlockCipherDecrypt<BlockSize = U16>,
{
    let mut block = join(first, *semiblock).into();
    cipher.decrypt_block(&mut block);
    part(block.into(), semiblock)
}

fn join(first: u64, semiblock: [u8; SEMIBLOCK]) -> [u8; 16] {
    let low = u64::from_be_bytes(semiblock);
    ((u128::from(first) << 64) | u128::from(low)).to_be_bytes()
}

/// Puts the lower half into the semiblock and returns the upper.
fn part(block: [u8; 16], semiblock: &mut [u8; SEMIBLOCK]) -> u64 {
    let block = u128::from_be_bytes(block);
    let half = |value: u128| u64::try_from(value & u128::from(u64::MAX)).unwrap_or_default();
    *semiblock = half(block).to_be_bytes();
    half(block >> 64)
}
