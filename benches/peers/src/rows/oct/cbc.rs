//! AES-CBC with PKCS #7 padding: the same IV for everyone.

use ::openssl::cipher::Cipher;
use ::openssl::cipher_ctx::CipherCtx;
use ::openssl::error::ErrorStack;
use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use aws_lc_rs::cipher::{
    self as aws_cipher, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use strongroom::{DecryptParams, EncryptAlg, EncryptParams, Op};

use super::SECRET;
use crate::contender::{AWS_LC, Contender, OPENSSL, OURS, RUSTCRYPTO};
use crate::keys::leak;
use crate::peers::Filled;
use crate::rows::Shared;

pub(super) const LEN: usize = 1024;
const IV: [u8; 16] = [9; 16];
const PLAINTEXT: [u8; LEN] = [7; LEN];

/// A block of padding comes on top.
type Padded = Filled<{ LEN + 32 }>;

fn right_ciphertext() -> Vec<u8> {
    let mut out = Padded::new();
    let cipher = Aes256::new(&SECRET.into());
    let cbc = cbc::Encryptor::inner_iv_init(&cipher, &IV.into());
    out.bytes[..LEN].copy_from_slice(&PLAINTEXT);
    let padded = cbc.encrypt_padded::<Pkcs7>(&mut out.bytes, LEN);
    padded.expect("room for the padding").to_vec()
}

pub(super) fn encrypt(shared: &Shared) -> Vec<Contender> {
    let ciphertext = right_ciphertext();
    let ours = shared.ours.secret(&SECRET, &[Op::Encrypt, Op::Decrypt]);
    let ours = Contender::making(
        OURS,
        None,
        move |out| {
            let params = EncryptParams::none().with_iv(&IV);
            *out = ours
                .encrypt(EncryptAlg::A256CbcPad, &PLAINTEXT, params)
                .ok();
        },
        |out| {
            out.as_ref()
                .is_some_and(|out| out.value.as_bytes() == ciphertext)
        },
    );

    let cipher = Aes256::new(&SECRET.into());
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        Padded::new(),
        move |out| {
            out.bytes[..LEN].copy_from_slice(&PLAINTEXT);
            let cbc = cbc::Encryptor::inner_iv_init(&cipher, &IV.into());
            let padded = cbc.encrypt_padded::<Pkcs7>(&mut out.bytes, LEN);
            out.len = padded.expect("room for the padding").len();
        },
        |out| {
            // It made what the others are compared with.
            let mut opened = out.as_bytes().to_vec();
            let context = DecryptionContext::Iv128(FixedLength::from(IV));
            let opened = aws_decrypter().decrypt(&mut opened, context);
            opened.is_ok_and(|opened| opened == PLAINTEXT)
        },
    );

    let key = UnboundCipherKey::new(&aws_cipher::AES_256, &SECRET).expect("a key");
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).expect("a key");
    let aws_lc = Contender::making(
        AWS_LC,
        Vec::new(),
        move |out| {
            out.clear();
            out.extend_from_slice(&PLAINTEXT);
            let context = EncryptionContext::Iv128(FixedLength::from(IV));
            let encrypted = key.less_safe_encrypt(out, context);
            encrypted.expect("a ciphertext");
        },
        |out| *out == ciphertext,
    );

    let mut context = CipherCtx::new().expect("memory");
    let init = context.encrypt_init(Some(Cipher::aes_256_cbc()), Some(&SECRET), None);
    init.expect("a context");
    let openssl = Contender::making(
        OPENSSL,
        Padded::new(),
        move |out| {
            let mut encrypt = || {
                context.encrypt_init(None, None, Some(&IV))?;
                let len = context.cipher_update(&PLAINTEXT, Some(&mut out.bytes))?;
                let last = context.cipher_final(&mut out.bytes[len..])?;
                Ok::<_, ErrorStack>(len + last)
            };
            out.len = encrypt().expect("a ciphertext");
        },
        |out| out.as_bytes() == ciphertext,
    );
    vec![ours, rustcrypto, aws_lc, openssl]
}

pub(super) fn decrypt(shared: &Shared) -> Vec<Contender> {
    let ciphertext: &'static Vec<u8> = leak(right_ciphertext());
    let is_plaintext = |out: &Padded| out.as_bytes() == PLAINTEXT;
    let ours = shared.ours.secret(&SECRET, &[Op::Encrypt, Op::Decrypt]);
    let ours = Contender::making(
        OURS,
        None,
        move |out| {
            let params = DecryptParams::none().with_iv(&IV);
            *out = ours
                .decrypt(EncryptAlg::A256CbcPad, ciphertext, params)
                .ok();
        },
        |out| {
            out.as_ref()
                .is_some_and(|out| out.value.expose() == PLAINTEXT)
        },
    );

    let cipher = Aes256::new(&SECRET.into());
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        Padded::new(),
        move |out| {
            let buffer = &mut out.bytes[..ciphertext.len()];
            buffer.copy_from_slice(ciphertext);
            let cbc = cbc::Decryptor::inner_iv_init(&cipher, &IV.into());
            let opened = cbc.decrypt_padded::<Pkcs7>(buffer);
            out.len = opened.expect("a plaintext").len();
        },
        is_plaintext,
    );

    let key = aws_decrypter();
    let aws_lc = Contender::making(
        AWS_LC,
        Padded::new(),
        move |out| {
            let buffer = &mut out.bytes[..ciphertext.len()];
            buffer.copy_from_slice(ciphertext);
            let context = DecryptionContext::Iv128(FixedLength::from(IV));
            let opened = key.decrypt(buffer, context);
            out.len = opened.expect("a plaintext").len();
        },
        is_plaintext,
    );

    let mut context = CipherCtx::new().expect("memory");
    let init = context.decrypt_init(Some(Cipher::aes_256_cbc()), Some(&SECRET), None);
    init.expect("a context");
    let openssl = Contender::making(
        OPENSSL,
        Padded::new(),
        move |out| {
            let mut decrypt = || {
                context.decrypt_init(None, None, Some(&IV))?;
                let len = context.cipher_update(ciphertext, Some(&mut out.bytes))?;
                let last = context.cipher_final(&mut out.bytes[len..])?;
                Ok::<_, ErrorStack>(len + last)
            };
            out.len = decrypt().expect("a plaintext");
        },
        is_plaintext,
    );
    vec![ours, rustcrypto, aws_lc, openssl]
}

fn aws_decrypter() -> PaddedBlockDecryptingKey {
    let key = UnboundCipherKey::new(&aws_cipher::AES_256, &SECRET).expect("a key");
    PaddedBlockDecryptingKey::cbc_pkcs7(key).expect("a key")
}
