//! AES-CBC (SP 800-38A section 6.2), zero-filled and with PKCS #7 padding.
//!
//! CBC authenticates nothing. Whoever can send altered ciphertexts and see whether
//! decryption fails reads PKCS #7-padded plaintext a byte at a time (Vaudenay 2002), and
//! no implementation can prevent that, because success and failure must differ. What can
//! be done is done: one error, and a check whose time does not depend on where the
//! padding is wrong. Use GCM.

use std::hint::black_box;

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
};
use zeroize::optimization_barrier;

use super::aes::{BLOCK, Modes, failed};
use crate::error::Error;
use crate::secret::SecretBytes;

/// As the Key Vault service does it: fills up with zero bytes to a whole block. They
/// are not taken off when decrypting, because nothing tells them from content.
pub(super) fn encrypt_zero_filled(key: &dyn Modes, iv: &[u8; BLOCK], plaintext: &[u8]) -> Vec<u8> {
    let len = plaintext.len().next_multiple_of(BLOCK);
    encrypt_filled(key, iv, plaintext, len, 0)
}

/// Fills up with 1 to 16 bytes that tell their number (RFC 5652 section 6.3).
pub(super) fn encrypt_padded(key: &dyn Modes, iv: &[u8; BLOCK], plaintext: &[u8]) -> Vec<u8> {
    let pad = BLOCK - plaintext.len() % BLOCK;
    let fill = u8::try_from(pad).unwrap_or_default();
    encrypt_filled(key, iv, plaintext, plaintext.len() + pad, fill)
}

fn encrypt_filled(
    key: &dyn Modes,
    iv: &[u8; BLOCK],
    plaintext: &[u8],
    len: usize,
    fill: u8,
) -> Vec<u8> {
    // At its final size from the start: a vector that grew would leave plaintext behind.
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(plaintext);
    out.resize(len, fill);
    key.cbc_encrypt(iv, &mut out);
    out
}

/// Whole blocks, zeros and all.
pub(super) fn decrypt_zero_filled(
    key: &dyn Modes,
    iv: &[u8; BLOCK],
    ciphertext: &[u8],
) -> SecretBytes {
    let mut out = Vec::with_capacity(ciphertext.len());
    key.cbc_decrypt(iv, ciphertext, &mut out);
    SecretBytes::from_vec(out)
}

/// Without the padding. The last block is decrypted first: it tells how long the content is,
/// which then is decrypted where it is returned; a content with a wrong padding too, for how long
/// a decryption takes is seen by more than its caller.
pub(super) fn decrypt_padded(
    key: &dyn Modes,
    iv: &[u8; BLOCK],
    ciphertext: &[u8],
) -> Result<SecretBytes, Error> {
    let (front, end) = ciphertext.split_last_chunk::<BLOCK>().ok_or_else(failed)?;
    let mut last = *end;
    key.cbc_decrypt_block(front.last_chunk().unwrap_or(iv), &mut last);
    let result = match unpadded(&last) {
        Some(end) => Ok(decrypt_before(key, iv, front, end)),
        None => {
            decrypt_before(key, iv, front, &[]);
            Err(failed())
        }
    };
    last.fill(0);
    optimization_barrier(&last);
    result
}

/// The content of whole blocks, and its end. Not inlined: where its size were picked by the verdict
/// about the padding, allocating it would wait for that, which a processor foresees.
#[inline(never)]
fn decrypt_before(key: &dyn Modes, iv: &[u8; BLOCK], front: &[u8], end: &[u8]) -> SecretBytes {
    // At its final size from the start: a vector that grew would leave plaintext behind.
    let mut content = Vec::with_capacity(front.len() + end.len());
    key.cbc_decrypt(iv, front, &mut content);
    content.extend_from_slice(end);
    SecretBytes::from_vec(content)
}

/// The last block without a correct padding. Looks at the whole block whatever it holds; only
/// the verdict, and then the length, become public.
fn unpadded(last: &[u8; BLOCK]) -> Option<&[u8]> {
    let [.., pad] = *last;
    // Eight bytes at a time, in which a byte is written eight times by a multiplication.
    let pads = u64::from(pad) * ONES;
    // Neither 0 nor more than 16.
    let mut wrong = u64::from(pad.wrapping_sub(1) & 0xF0);
    for (word, distances) in last.as_chunks().0.iter().zip(DISTANCES.as_chunks().0) {
        let (word, distances) = (u64::from_ne_bytes(*word), u64::from_ne_bytes(*distances));
        // The top bit of a byte is that of `128 + pad - distance`: whether it belongs to the padding.
        let padding = (0x80 * ONES - distances).wrapping_add(pads) & (0x80 * ONES);
        wrong |= (word ^ pads) & ((padding >> 7) * 0xFF);
    }
    // Of a correct padding 16 less its length; and of any other no more, so that nothing else is asked.
    let len = 15 - usize::from(pad.wrapping_sub(1) & 15);
    // Hidden from the compiler, which would ask for parts of it first.
    match black_box(wrong) {
        0 => last.get(..len),
        _ => None,
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// How many bytes a padding has that begins here.
const DISTANCES: [u8; BLOCK] = [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

/// The raw mode over whole blocks; a last incomplete one would be left alone.
pub(super) fn encrypt_blocks<C>(cipher: &C, iv: &[u8; BLOCK], buffer: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let (blocks, _) = Array::slice_as_chunks_mut(buffer);
    cbc::Encryptor::inner_iv_init(cipher, iv.into()).encrypt_blocks(blocks);
}

/// The inverse of it.
pub(super) fn decrypt_blocks<C>(cipher: &C, iv: &[u8; BLOCK], buffer: &mut [u8])
where
    C: BlockCipherDecrypt<BlockSize = U16>,
{
    let (blocks, _) = Array::slice_as_chunks_mut(buffer);
    cbc::Decryptor::inner_iv_init(cipher, iv.into()).decrypt_blocks(blocks);
}

#[cfg(test)]
mod tests {
    use super::super::aes::AesKey;
    use super::*;

    #[test]
    fn the_padding_of_every_length() {
        let key = AesKey::new(&[1; 16]).unwrap();
        for len in 0..50 {
            let plaintext = vec![7; len];
            let padded = encrypt_padded(key.modes(), &[2; 16], &plaintext);
            assert_eq!(padded.len(), (len / 16 + 1) * 16);
            let opened = decrypt_padded(key.modes(), &[2; 16], &padded).unwrap();
            assert_eq!(opened.expose(), plaintext);
        }
    }

    #[test]
    fn wrong_paddings_are_refused() {
        let unpadded_len = |tail: &[u8]| {
            let block = [&[9; 16][tail.len()..], tail].concat();
            unpadded(&block.try_into().unwrap()).map(<[u8]>::len)
        };
        assert_eq!(unpadded_len(&[1]), Some(15));
        assert_eq!(unpadded_len(&[2, 2]), Some(14));
        assert_eq!(unpadded_len(&[16; 16]), Some(0));
        assert_eq!(unpadded_len(&[17; 16]), None);
        assert_eq!(unpadded_len(&[255; 16]), None);
        assert_eq!(unpadded_len(&[0]), None);
        assert_eq!(unpadded_len(&[1, 2]), None);
        assert_eq!(unpadded_len(&[3, 2, 3, 3]), None);
        assert_eq!(unpadded_len(&[3, 3, 2, 3]), None);
        // Each byte of each padding.
        for pad in 1..=16 {
            let mut padding = vec![u8::try_from(pad).unwrap(); pad];
            assert_eq!(unpadded_len(&padding), Some(16 - pad));
            for at in 0..pad - 1 {
                padding[at] ^= 0x80;
                assert_eq!(unpadded_len(&padding), None, "{pad}, {at}");
                padding[at] ^= 0x80;
            }
        }
    }

    #[test]
    fn zeros_stay() {
        let key = AesKey::new(&[1; 24]).unwrap();
        let filled = encrypt_zero_filled(key.modes(), &[2; 16], &[7; 200]);
        assert_eq!(filled.len(), 208);
        let opened = decrypt_zero_filled(key.modes(), &[2; 16], &filled);
        assert_eq!(opened.expose()[200..], [0; 8]);
        assert_eq!(opened.expose()[..200], [7; 200]);
    }
}
