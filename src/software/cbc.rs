//! AES-CBC (SP 800-38A section 6.2), zero-filled and with PKCS #7 padding.
//!
//! CBC authenticates nothing. Whoever can send altered ciphertexts and see whether
//! decryption fails reads PKCS #7-padded plaintext a byte at a time (Vaudenay 2002), and
//! no implementation can prevent that, because success and failure must differ. What can
//! be done is done: one error, and a check whose time does not depend on where the
//! padding is wrong. Use GCM.

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
};
use subtle::{Choice, ConstantTimeEq, ConstantTimeLess};

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
    let mut out = SecretBytes::copy_of(ciphertext);
    key.cbc_decrypt(iv, out.expose_mut());
    out
}

/// Without the padding.
pub(super) fn decrypt_padded(
    key: &dyn Modes,
    iv: &[u8; BLOCK],
    ciphertext: &[u8],
) -> Result<SecretBytes, Error> {
    let out = decrypt_zero_filled(key, iv, ciphertext);
    let len = unpadded_len(out.expose()).ok_or_else(failed)?;
    let content = out.expose().get(..len).ok_or_else(failed)?;
    Ok(SecretBytes::copy_of(content))
}

/// The length without a correct padding. Looks at the whole last block whatever it
/// holds; only the verdict, and then the length, become public.
fn unpadded_len(padded: &[u8]) -> Option<usize> {
    let last = *padded.last()?;
    let mut good = !last.ct_eq(&0) & last.ct_lt(&17);
    for (at, byte) in (0u8..16).zip(padded.iter().rev()) {
        let is_padding: Choice = at.ct_lt(&last);
        good &= !is_padding | byte.ct_eq(&last);
    }
    if bool::from(good) {
        return padded.len().checked_sub(last.into());
    }
    None
}

/// The raw mode over whole blocks; a last incomplete one would be left alone.
pub(super) fn encrypt_blocks<C>(cipher: &C, iv: &[u8; BLOCK], buffer: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let (blocks, _) = Array::slice_as_chunks_mut(buffer);
    cbc::Encryptor::inner_iv_init(cipher, iv.into()).encrypt_blocks(blocks);
}

/// The raw mode over whole blocks; a last incomplete one would be left alone.
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
        let block = |tail: &[u8]| [&[9; 16][tail.len()..], tail].concat();
        assert_eq!(unpadded_len(&block(&[1])), Some(15));
        assert_eq!(unpadded_len(&block(&[2, 2])), Some(14));
        assert_eq!(unpadded_len(&[16; 16]), Some(0));
        assert_eq!(unpadded_len(&[17; 32]), None);
        assert_eq!(unpadded_len(&[255; 32]), None);
        assert_eq!(unpadded_len(&block(&[0])), None);
        assert_eq!(unpadded_len(&block(&[1, 2])), None);
        assert_eq!(unpadded_len(&block(&[3, 2, 3, 3])), None);
        assert_eq!(unpadded_len(&block(&[3, 3, 2, 3])), None);
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
