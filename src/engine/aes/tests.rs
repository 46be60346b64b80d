//! Each width against the RustCrypto crates.

use aes::cipher::consts::{U12, U16};
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt,
    BlockSizeUser, InnerIvInit,
};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, KeyInit};

use super::{BLOCK, Key, Width};

/// Numbers that look random and are the same each time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }
}

/// Every key length in every width that this processor has.
fn keys(numbers: &mut Numbers) -> Vec<(Vec<u8>, Width, Box<Key>)> {
    let mut keys = Vec::new();
    for width in Width::ALL {
        for len in [16, 24, 32] {
            let bytes = numbers.bytes(len);
            if let Some(key) = Key::with_width(&bytes, width) {
                keys.push((bytes, width, key));
            }
        }
    }
    keys
}

/// Short ones, and those around whole strides of all widths.
fn lengths() -> impl Iterator<Item = usize> {
    let around = |middle: usize| middle - 2..middle + 3;
    let strides = (1..20).map(|n| n * 128).chain((1..9).map(|n| n * 512));
    (0..600)
        .chain(strides.flat_map(around))
        .chain([10_000, 65_537])
}

fn reference<C>(key: &[u8], iv: &[u8; 12], aad: &[u8], bytes: &mut [u8]) -> [u8; 16]
where
    C: KeyInit + BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let key = AesGcm::<C, U12>::new_from_slice(key).unwrap();
    let tag = key.encrypt_inout_detached(iv.into(), aad, bytes.into());
    tag.unwrap().into()
}

fn reference_gcm(key: &[u8], iv: &[u8; 12], aad: &[u8], bytes: &mut [u8]) -> [u8; 16] {
    match key.len() {
        16 => reference::<Aes128>(key, iv, aad, bytes),
        24 => reference::<Aes192>(key, iv, aad, bytes),
        _ => reference::<Aes256>(key, iv, aad, bytes),
    }
}

#[test]
fn gcm_is_that_of_another_implementation() {
    let mut numbers = Numbers(1);
    for (bytes, width, key) in keys(&mut numbers) {
        for len in lengths() {
            let iv: [u8; 12] = numbers.bytes(12).try_into().unwrap();
            let aad_len = match numbers.below(8) {
                0 => 0,
                1 => 500 + numbers.below(700),
                _ => numbers.below(80),
            };
            let (aad, plaintext) = (numbers.bytes(aad_len), numbers.bytes(len));
            let mut expected = plaintext.clone();
            let expected_tag = reference_gcm(&bytes, &iv, &aad, &mut expected);
            let what = format!("{width:?}, AES-{}, {aad_len} + {len}", 8 * bytes.len());

            let mut buffer = plaintext.clone();
            let tag = key.gcm_seal(&iv, &aad, &mut buffer);
            assert!(buffer == expected && tag == expected_tag, "{what}");
            assert!(key.gcm_open(&iv, &aad, &mut buffer, &tag), "{what}");
            assert!(buffer == plaintext, "{what}");
        }
    }
}

#[test]
fn what_is_not_authentic_leaves_a_buffer_as_it_was() {
    let mut numbers = Numbers(2);
    for (_, width, key) in keys(&mut numbers) {
        for len in [0, 1, 16, 100, 512, 1024, 1025, 1536, 5000] {
            let (iv, aad) = ([3; 12], numbers.bytes(20));
            let mut sealed = numbers.bytes(len);
            let tag = key.gcm_seal(&iv, &aad, &mut sealed);
            let refused = |bytes: &[u8], iv: &[u8; 12], aad: &[u8], tag: &[u8; 16]| {
                let mut buffer = bytes.to_vec();
                assert!(!key.gcm_open(iv, aad, &mut buffer, tag));
                assert!(buffer == bytes, "{width:?}, {len}");
            };
            for bit in 0..128 {
                let mut wrong = tag;
                wrong[bit / 8] ^= 1 << (bit % 8);
                refused(&sealed, &iv, &aad, &wrong);
            }
            refused(&sealed, &[4; 12], &aad, &tag);
            refused(&sealed, &iv, &aad[1..], &tag);
            for at in [0, len / 2, len.saturating_sub(1)] {
                let mut wrong = sealed.clone();
                if let Some(byte) = wrong.get_mut(at) {
                    *byte ^= 0x10;
                    refused(&wrong, &iv, &aad, &tag);
                }
            }
        }
    }
}

fn reference_blocks<C>(key: &[u8], iv: &[u8; BLOCK], bytes: &mut [u8], encrypt: bool)
where
    C: KeyInit + BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt<BlockSize = U16>,
{
    let cipher = C::new_from_slice(key).unwrap();
    let (blocks, _) = Array::slice_as_chunks_mut(bytes);
    if encrypt {
        cbc::Encryptor::inner_iv_init(&cipher, iv.into()).encrypt_blocks(blocks);
    } else {
        cbc::Decryptor::inner_iv_init(&cipher, iv.into()).decrypt_blocks(blocks);
    }
}

fn reference_cbc(key: &[u8], iv: &[u8; BLOCK], bytes: &mut [u8], encrypt: bool) {
    match key.len() {
        16 => reference_blocks::<Aes128>(key, iv, bytes, encrypt),
        24 => reference_blocks::<Aes192>(key, iv, bytes, encrypt),
        _ => reference_blocks::<Aes256>(key, iv, bytes, encrypt),
    }
}

#[test]
fn cbc_is_that_of_another_implementation() {
    let mut numbers = Numbers(3);
    for (bytes, width, key) in keys(&mut numbers) {
        for blocks in (0..100).chain([1000]) {
            let iv: [u8; BLOCK] = numbers.bytes(BLOCK).try_into().unwrap();
            // The last byte is no block and stays.
            let plaintext = numbers.bytes(BLOCK * blocks + blocks % 2);
            let mut expected = plaintext.clone();
            reference_cbc(&bytes, &iv, &mut expected, true);
            let mut buffer = plaintext.clone();
            key.cbc_encrypt(&iv, &mut buffer);
            assert!(buffer == expected, "{width:?}, {blocks}");
            // Behind what is there, with and without room.
            for room in [0, expected.len()] {
                let mut opened = Vec::with_capacity(room);
                opened.extend_from_slice(&[0x5A; 3]);
                key.cbc_decrypt(&iv, &expected, &mut opened);
                let opened = opened.strip_prefix(&[0x5A; 3]).unwrap();
                assert_eq!(opened.len(), BLOCK * blocks, "{width:?}");
                assert!(plaintext.starts_with(opened), "{width:?}, {blocks}");
            }
            if let Some(first) = expected.first_chunk() {
                let mut opened = *first;
                key.cbc_decrypt_block(&iv, &mut opened);
                assert!(plaintext.starts_with(&opened), "{width:?}, {blocks}");
            }
        }
    }
}

#[test]
fn a_block_is_that_of_another_implementation() {
    let mut numbers = Numbers(4);
    for (bytes, _, key) in keys(&mut numbers) {
        let input = numbers.bytes(BLOCK);
        let mut expected = input.clone();
        reference_cbc(&bytes, &[0; BLOCK], &mut expected, true);
        let block = |bytes: &[u8]| u128::from_le_bytes(bytes.try_into().unwrap());
        assert_eq!(key.encrypt_block(block(&input)), block(&expected));
        assert_eq!(key.decrypt_block(block(&expected)), block(&input));
    }
}

/// RFC 3394 section 2.2.1 and RFC 5649 section 4.1, block by block.
#[test]
fn the_chain_of_key_wrap_is_the_standards() {
    let mut numbers = Numbers(5);
    for (_, _, key) in keys(&mut numbers) {
        for count in [1_usize, 2, 3, 4, 5, 8, 65] {
            let material = numbers.bytes(8 * count);
            let first = numbers.next();
            let (mut a, mut r) = (first, material.clone());
            let steps = if count == 1 { 1 } else { 6 * count };
            for t in 0..steps {
                let here = &mut r[8 * (t % count)..][..8];
                let mut block = [0; BLOCK];
                block[..8].copy_from_slice(&a.to_be_bytes());
                block[8..].copy_from_slice(here);
                let block = key.encrypt_block(u128::from_le_bytes(block)).to_le_bytes();
                let step = if count == 1 {
                    0
                } else {
                    u64::try_from(t).unwrap() + 1
                };
                a = u64::from_be_bytes(block[..8].try_into().unwrap()) ^ step;
                here.copy_from_slice(&block[8..]);
            }
            let mut wrapped = material.clone();
            assert_eq!(key.wrap(first, &mut wrapped), a);
            assert_eq!(wrapped, r);
            assert_eq!(key.unwrap(a, &mut wrapped), first);
            assert_eq!(wrapped, material);
        }
    }
}

#[test]
fn other_lengths_are_no_keys() {
    for len in (0..70).filter(|len| ![16, 24, 32].contains(len)) {
        assert!(Key::new(&vec![1; len]).is_none());
    }
}
