//! HMAC-SHA256.

use aws_lc_rs::hmac as aws_hmac;
use graviola::hashing::Sha256 as GraviolaSha256;
use graviola::hashing::hmac::Hmac as GraviolaHmac;
use hmac::{Hmac, KeyInit, Mac};
use ring::hmac as ring_hmac;
use sha2::Sha256;
use strongroom::{Op, SignAlg};

use super::SECRET;
use crate::contender::{AWS_LC, Contender, GRAVIOLA, OPENSSL, OURS, RING, RUSTCRYPTO};
use crate::keys::{Message, message};
use crate::peers::openssl;
use crate::rows::Shared;

pub(super) fn sign(shared: &Shared) -> Vec<Contender> {
    let message = message(0);
    // RustCrypto's is checked by aws-lc-rs, everyone else's by RustCrypto.
    let mac = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length");
    let mac: [u8; 32] = mac.chain_update(message).finalize().into_bytes().into();
    let is_mac = move |out: &[u8]| out == mac;

    let ours = shared.ours.secret(&SECRET, &[Op::Sign, Op::Verify]);
    let ours = Contender::making(
        OURS,
        None,
        move |out| *out = ours.sign(SignAlg::Hs256, &message).ok(),
        |out| out.as_ref().is_some_and(|out| is_mac(out.value.as_bytes())),
    );

    let key = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length");
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        [0; 32],
        move |out| {
            *out = key
                .clone()
                .chain_update(message)
                .finalize()
                .into_bytes()
                .into()
        },
        |out| {
            let key = aws_hmac::Key::new(aws_hmac::HMAC_SHA256, &SECRET);
            aws_hmac::verify(&key, &message, out).is_ok()
        },
    );

    let key = aws_hmac::Key::new(aws_hmac::HMAC_SHA256, &SECRET);
    let aws_lc = Contender::making(
        AWS_LC,
        None,
        move |out| *out = Some(aws_hmac::sign(&key, &message)),
        |out| out.as_ref().is_some_and(|out| is_mac(out.as_ref())),
    );

    let mut key = openssl::HmacKey::new(&SECRET);
    let openssl = Contender::making(
        OPENSSL,
        [0; 32],
        move |out| *out = key.mac(&message),
        |out| is_mac(out),
    );

    let key = ring_hmac::Key::new(ring_hmac::HMAC_SHA256, &SECRET);
    let ring = Contender::making(
        RING,
        None,
        move |out| *out = Some(ring_hmac::sign(&key, &message)),
        |out| out.as_ref().is_some_and(|out| is_mac(out.as_ref())),
    );

    let key = GraviolaHmac::<GraviolaSha256>::new(SECRET);
    let graviola = Contender::making(
        GRAVIOLA,
        None,
        move |out| {
            let mut mac = key.clone();
            mac.update(message);
            *out = Some(mac.finish());
        },
        |out| out.as_ref().is_some_and(|out| is_mac(out.as_ref())),
    );
    vec![ours, rustcrypto, aws_lc, openssl, ring, graviola]
}

pub(super) fn verify(shared: &Shared) -> Vec<Contender> {
    let message: Message = message(0);
    let key = aws_hmac::Key::new(aws_hmac::HMAC_SHA256, &SECRET);
    let mac = aws_hmac::sign(&key, &message).as_ref().to_vec();

    let ours = shared.ours.secret(&SECRET, &[Op::Sign, Op::Verify]);
    let ours = Contender::verifying(OURS, mac.clone(), move |mac| {
        ours.verify(SignAlg::Hs256, &message, mac).is_ok()
    });

    let rustcrypto = Hmac::<Sha256>::new_from_slice(&SECRET).expect("any length");
    let rustcrypto = Contender::verifying(RUSTCRYPTO, mac.clone(), move |mac| {
        let computed = rustcrypto.clone().chain_update(message);
        computed.verify_slice(mac).is_ok()
    });

    let aws_lc = Contender::verifying(AWS_LC, mac.clone(), move |mac| {
        aws_hmac::verify(&key, &message, mac).is_ok()
    });

    let mut key = openssl::HmacKey::new(&SECRET);
    let openssl = Contender::verifying(OPENSSL, mac.clone(), move |mac| {
        ::openssl::memcmp::eq(&key.mac(&message), mac)
    });

    let key = ring_hmac::Key::new(ring_hmac::HMAC_SHA256, &SECRET);
    let ring = Contender::verifying(RING, mac.clone(), move |mac| {
        ring_hmac::verify(&key, &message, mac).is_ok()
    });

    let key = GraviolaHmac::<GraviolaSha256>::new(SECRET);
    let graviola = Contender::verifying(GRAVIOLA, mac, move |mac| {
        let mut computed = key.clone();
        computed.update(message);
        computed.verify(mac).is_ok()
    });
    vec![ours, rustcrypto, aws_lc, openssl, ring, graviola]
}
