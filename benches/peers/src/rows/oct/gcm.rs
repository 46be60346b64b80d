//! AES-GCM: every contender draws a new IV for each message.

use strongroom::{DecryptParams, EncryptAlg, EncryptParams, Op};

use super::SECRET;
use crate::contender::{Contender, OURS};
use crate::keys::leak;
use crate::peers::gcm::{self, Gcm, Text};
use crate::rows::Shared;

fn key_of(alg: EncryptAlg) -> &'static [u8] {
    match alg {
        EncryptAlg::A128Gcm => &SECRET[..16],
        _ => &SECRET,
    }
}

pub(super) fn encrypt(shared: &Shared, alg: EncryptAlg, bytes: usize) -> Vec<Contender> {
    let (key, plaintext) = (key_of(alg), vec![7; bytes]);
    let opens = |sealed: &Text| {
        let mut text = sealed.clone();
        gcm::AwsLc::new(key).open(&mut text) && text.bytes == plaintext
    };
    let ours = shared.ours.secret(key, &[Op::Encrypt, Op::Decrypt]);
    let ours = if in_place(bytes) {
        Contender::making(
            OURS,
            Text::new(&plaintext),
            move |text| {
                let sealed = ours.encrypt_in_place(alg, &mut text.bytes, &[]);
                let sealed = sealed.expect("a ciphertext").value;
                (text.iv, text.tag) = (sealed.iv, sealed.tag);
            },
            opens,
        )
    } else {
        let plaintext = plaintext.clone();
        Contender::making(
            OURS,
            None,
            move |out| *out = ours.encrypt(alg, &plaintext, EncryptParams::none()).ok(),
            |out| {
                let out = &out.as_ref().expect("a ciphertext").value;
                let mut text = Text::new(out.as_bytes());
                let sealed = out.sealed().expect("GCM's");
                (text.iv, text.tag) = (sealed.iv, sealed.tag);
                opens(&text)
            },
        )
    };
    let mut line_up = vec![ours];
    line_up.push(gcm::sealing::<gcm::RustCrypto>(
        key,
        &plaintext,
        in_place(bytes),
    ));
    line_up.push(gcm::sealing::<gcm::AwsLc>(key, &plaintext, in_place(bytes)));
    line_up.push(gcm::sealing::<gcm::OpenSsl>(
        key,
        &plaintext,
        in_place(bytes),
    ));
    line_up.push(gcm::sealing::<gcm::Ring>(key, &plaintext, in_place(bytes)));
    line_up.push(gcm::sealing::<gcm::Graviola>(
        key,
        &plaintext,
        in_place(bytes),
    ));
    line_up
}

pub(super) fn decrypt(shared: &Shared, alg: EncryptAlg, bytes: usize) -> Vec<Contender> {
    let (key, plaintext) = (key_of(alg), vec![7; bytes]);
    let mut sealed = Text::new(&plaintext);
    gcm::OpenSsl::new(key).seal(&mut sealed);
    let sealed: &'static Text = leak(sealed);
    let params = || {
        DecryptParams::none()
            .with_iv(&sealed.iv)
            .with_tag(&sealed.tag)
    };

    let ours = shared.ours.secret(key, &[Op::Encrypt, Op::Decrypt]);
    let ours = if in_place(bytes) {
        Contender::restoring(
            OURS,
            sealed.bytes.clone(),
            |buffer| buffer.copy_from_slice(&sealed.bytes),
            move |buffer| {
                let opened = ours.decrypt_in_place(alg, buffer, params());
                opened.expect("a plaintext");
            },
            |buffer| *buffer == plaintext,
        )
    } else {
        Contender::making(
            OURS,
            None,
            move |out| *out = ours.decrypt(alg, &sealed.bytes, params()).ok(),
            |out| {
                out.as_ref()
                    .is_some_and(|out| out.value.expose() == plaintext)
            },
        )
    };
    let mut line_up = vec![ours];
    line_up.push(gcm::opening::<gcm::RustCrypto>(
        key,
        sealed,
        &plaintext,
        in_place(bytes),
    ));
    line_up.push(gcm::opening::<gcm::AwsLc>(
        key,
        sealed,
        &plaintext,
        in_place(bytes),
    ));
    line_up.push(gcm::opening::<gcm::OpenSsl>(
        key,
        sealed,
        &plaintext,
        in_place(bytes),
    ));
    line_up.push(gcm::opening::<gcm::Ring>(
        key,
        sealed,
        &plaintext,
        in_place(bytes),
    ));
    line_up.push(gcm::opening::<gcm::Graviola>(
        key,
        sealed,
        &plaintext,
        in_place(bytes),
    ));
    line_up
}

/// What is as long as a page and more is encrypted where it is.
fn in_place(bytes: usize) -> bool {
    bytes > 4096
}
