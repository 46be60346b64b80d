//! AES key wrap (RFC 3394) of 32 bytes.

use ::openssl::cipher::Cipher;
use ::openssl::cipher_ctx::{CipherCtx, CipherCtxFlags};
use aes_kw::{KeyInit, KwAes256};
use aws_lc_rs::key_wrap::{self as aws_wrap, AesKek, KeyWrap};
use strongroom::{Op, WrapAlg};

use super::SECRET;
use crate::contender::{AWS_LC, Contender, OPENSSL, OURS, RUSTCRYPTO};
use crate::keys::message;
use crate::rows::Shared;

const WRAPPED_LEN: usize = 40;

pub(super) fn wrap(shared: &Shared) -> Vec<Contender> {
    let material = message(0);
    let mut wrapped = [0; WRAPPED_LEN];
    let by_rustcrypto = KwAes256::new(&SECRET.into()).wrap_key(&material, &mut wrapped);
    by_rustcrypto.expect("room");

    let ours = shared.ours.secret(&SECRET, &[Op::WrapKey, Op::UnwrapKey]);
    let ours = Contender::making(
        OURS,
        None,
        move |out| *out = ours.wrap_key(WrapAlg::A256Kw, &material).ok(),
        |out| out.as_ref().is_some_and(|out| out.value == wrapped),
    );

    let key = KwAes256::new(&SECRET.into());
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        [0; WRAPPED_LEN],
        move |out| {
            key.wrap_key(&material, out).expect("room");
        },
        |out| {
            let mut opened = [0; 40];
            let key = AesKek::new(&aws_wrap::AES_256, &SECRET).expect("a key");
            key.unwrap(out, &mut opened)
                .is_ok_and(|opened| opened == material)
        },
    );

    // Its key is used up by each call.
    let aws_lc = Contender::making(
        AWS_LC,
        [0; 48],
        move |out| {
            let key = AesKek::new(&aws_wrap::AES_256, &SECRET).expect("a key");
            key.wrap(&material, out).expect("room");
        },
        |out| out[..WRAPPED_LEN] == wrapped,
    );

    let mut context = context();
    let init = context.encrypt_init(Some(Cipher::aes_256_wrap()), Some(&SECRET), None);
    init.expect("a key");
    let openssl = Contender::making(
        OPENSSL,
        [0; 64],
        move |out| {
            let mut wrap = || {
                context.encrypt_init(None, None, Some(&IV))?;
                context.cipher_update(&material, Some(out))
            };
            assert_eq!(wrap().expect("a wrapped key"), WRAPPED_LEN);
        },
        |out| out[..WRAPPED_LEN] == wrapped,
    );
    vec![ours, rustcrypto, aws_lc, openssl]
}

pub(super) fn unwrap(shared: &Shared) -> Vec<Contender> {
    let material = message(0);
    let mut wrapped = [0; WRAPPED_LEN];
    let by_rustcrypto = KwAes256::new(&SECRET.into()).wrap_key(&material, &mut wrapped);
    by_rustcrypto.expect("room");

    let ours = shared.ours.secret(&SECRET, &[Op::WrapKey, Op::UnwrapKey]);
    let ours = Contender::making(
        OURS,
        None,
        move |out| *out = ours.unwrap_key(WrapAlg::A256Kw, &wrapped).ok(),
        |out| {
            out.as_ref()
                .is_some_and(|out| out.value.expose() == material)
        },
    );

    let key = KwAes256::new(&SECRET.into());
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        [0; 32],
        move |out| {
            key.unwrap_key(&wrapped, out).expect("what was wrapped");
        },
        |out| *out == material,
    );

    // Its key is used up by each call.
    let aws_lc = Contender::making(
        AWS_LC,
        [0; WRAPPED_LEN],
        move |out| {
            let key = AesKek::new(&aws_wrap::AES_256, &SECRET).expect("a key");
            key.unwrap(&wrapped, out).expect("what was wrapped");
        },
        |out| out[..32] == material,
    );

    let mut context = context();
    let init = context.decrypt_init(Some(Cipher::aes_256_wrap()), Some(&SECRET), None);
    init.expect("a key");
    let openssl = Contender::making(
        OPENSSL,
        [0; 64],
        move |out| {
            let mut unwrap = || {
                context.decrypt_init(None, None, Some(&IV))?;
                context.cipher_update(&wrapped, Some(out))
            };
            assert_eq!(unwrap().expect("what was wrapped"), 32);
        },
        |out| out[..32] == material,
    );
    vec![ours, rustcrypto, aws_lc, openssl]
}

/// RFC 3394 section 2.2.3.1.
const IV: [u8; 8] = [0xa6; 8];

/// OpenSSL wraps only where it is told that this is meant.
fn context() -> CipherCtx {
    let mut context = CipherCtx::new().expect("memory");
    context.set_flags(CipherCtxFlags::FLAG_WRAP_ALLOW);
    context
}
