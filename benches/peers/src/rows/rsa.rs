//! RSA: signatures over a message, and encryption of 32 bytes.

use ::openssl::md::Md;
use ::openssl::pkey_ctx::PkeyCtx;
use ::openssl::rsa::Padding;
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, Pkcs1PublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use graviola::signing::rsa as graviola_rsa;
use ring::rand::SystemRandom;
use ring::signature::{self as ring_rsa, RsaEncoding, RsaKeyPair, UnparsedPublicKey};
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPrivateKey, RsaPublicKey, pkcs1v15, pss};
use sha2::Sha256;
use strongroom::{DecryptParams, EncryptAlg, EncryptParams, Op, SignAlg};

use super::{Plan, Shared};
use crate::contender::{AWS_LC, Batch, Contender, GRAVIOLA, OPENSSL, OURS, RING, RUSTCRYPTO};
use crate::keys::{Message, Pair, message};
use crate::peers::{SignatureBuffer, aws_lc, openssl, rustcrypto};

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for alg in [SignAlg::Rs256, SignAlg::Ps256] {
        for bits in SIZES {
            for (op, line_up) in OPS {
                plans.push(Plan::new(alg, op, size(bits), move |shared| {
                    line_up(shared, alg, bits, &shared.batches)
                }));
            }
        }
    }
    for (op, line_up) in OPS {
        let row = Plan::new(SignAlg::Rs256, op, 2048, move |shared| {
            line_up(shared, SignAlg::Rs256, 2048, &[])
        });
        plans.push(row.on_two_threads());
    }
    for bits in SIZES {
        let alg = EncryptAlg::RsaOaep256;
        plans.push(Plan::new(alg, "decrypt", size(bits), move |shared| {
            decrypt_oaep(shared, bits)
        }));
    }
    for bits in SIZES {
        let alg = EncryptAlg::Rsa15;
        plans.push(Plan::new(alg, "encrypt", size(bits), move |shared| {
            encrypt_pkcs1(shared, bits)
        }));
    }
    plans
}

type LineUp = fn(&Shared, SignAlg, u32, &[Batch]) -> Vec<Contender>;

const OPS: [(&str, LineUp); 2] = [("sign", sign), ("verify", verify)];

const SIZES: [u32; 3] = [2048, 3072, 4096];

fn size(bits: u32) -> usize {
    usize::try_from(bits).expect("thousands")
}

fn sign(shared: &Shared, alg: SignAlg, bits: u32, batches: &[Batch]) -> Vec<Contender> {
    let pairs = shared.keys.rsa(bits);
    let pair = &pairs[0];
    let check = |pair: &Pair, message: &_, signature: &[u8]| {
        aws_lc::accepts(aws_lc::jose(alg), pair, message, signature)
    };
    let mut line_up = shared.ours.signers(alg, pairs, batches, check);
    let key = RsaPrivateKey::from_pkcs8_der(&pair.pkcs8).expect("a key");
    line_up.push(match alg {
        SignAlg::Ps256 => rustcrypto::signer(pss::SigningKey::<Sha256>::new(key), alg, pair),
        _ => rustcrypto::signer(pkcs1v15::SigningKey::<Sha256>::new(key), alg, pair),
    });
    line_up.push(aws_lc::signer(alg, pair));
    line_up.push(openssl::signer(alg, pair));
    line_up.push(ring_signer(alg, pair));
    line_up.push(graviola_signer(alg, pair));
    line_up
}

fn verify(shared: &Shared, alg: SignAlg, bits: u32, batches: &[Batch]) -> Vec<Contender> {
    let pairs = shared.keys.rsa(bits);
    let pair = &pairs[0];
    let sign = |pair: &Pair, message: &_| aws_lc::sign(aws_lc::jose(alg), pair, message);
    let mut line_up = shared.ours.verifiers(alg, pairs, batches, sign);
    let key = RsaPublicKey::from_pkcs1_der(&pair.public).expect("a key");
    line_up.push(match alg {
        SignAlg::Ps256 => rustcrypto::verifier(pss::VerifyingKey::<Sha256>::new(key), alg, pair),
        _ => rustcrypto::verifier(pkcs1v15::VerifyingKey::<Sha256>::new(key), alg, pair),
    });
    line_up.push(aws_lc::verifier(alg, pair));
    line_up.push(openssl::verifier(alg, pair));
    line_up.push(ring_verifier(alg, pair));
    line_up.push(graviola_verifier(alg, pair));
    line_up
}

fn ring_signer(alg: SignAlg, pair: &'static Pair) -> Contender {
    let encoding: &'static dyn RsaEncoding = match alg {
        SignAlg::Ps256 => &ring_rsa::RSA_PSS_SHA256,
        _ => &ring_rsa::RSA_PKCS1_SHA256,
    };
    let key = RsaKeyPair::from_pkcs8(&pair.pkcs8).expect("a key");
    let (random, message) = (SystemRandom::new(), message(0));
    let mut out = SignatureBuffer::new();
    out.len = key.public().modulus_len();
    Contender::making(
        RING,
        out,
        move |out| {
            let signature = &mut out.bytes[..out.len];
            key.sign(encoding, &random, &message, signature)
                .expect("a signature");
        },
        |out| aws_lc::accepts(aws_lc::jose(alg), pair, &message, out.as_bytes()),
    )
}

fn ring_verifier(alg: SignAlg, pair: &'static Pair) -> Contender {
    let ring_alg = match alg {
        SignAlg::Ps256 => &ring_rsa::RSA_PSS_2048_8192_SHA256,
        _ => &ring_rsa::RSA_PKCS1_2048_8192_SHA256,
    };
    let message = message(0);
    let signature = aws_lc::sign(aws_lc::jose(alg), pair, &message);
    // It has no other key to keep: the modulus is read on each call.
    let key = UnparsedPublicKey::new(ring_alg, &pair.public);
    Contender::verifying(RING, signature, move |signature| {
        key.verify(&message, signature).is_ok()
    })
}

fn graviola_signer(alg: SignAlg, pair: &'static Pair) -> Contender {
    let key = graviola_rsa::SigningKey::from_pkcs8_der(&pair.pkcs8).expect("a key");
    let message = message(0);
    let mut out = SignatureBuffer::new();
    out.len = key.modulus_len_bytes();
    Contender::making(
        GRAVIOLA,
        out,
        move |out| {
            let signature = &mut out.bytes[..out.len];
            let signed = match alg {
                SignAlg::Ps256 => key.sign_pss_sha256(signature, &message),
                _ => key.sign_pkcs1_sha256(signature, &message),
            };
            signed.expect("a signature");
        },
        |out| aws_lc::accepts(aws_lc::jose(alg), pair, &message, out.as_bytes()),
    )
}

fn graviola_verifier(alg: SignAlg, pair: &'static Pair) -> Contender {
    let key = graviola_rsa::VerifyingKey::from_pkcs1_der(&pair.public).expect("a key");
    let message = message(0);
    let signature = aws_lc::sign(aws_lc::jose(alg), pair, &message);
    Contender::verifying(GRAVIOLA, signature, move |signature| {
        let verified = match alg {
            SignAlg::Ps256 => key.verify_pss_sha256(signature, &message),
            _ => key.verify_pkcs1_sha256(signature, &message),
        };
        verified.is_ok()
    })
}

/// RSA-OAEP-256 of 32 bytes, which OpenSSL has encrypted.
fn decrypt_oaep(shared: &Shared, bits: u32) -> Vec<Contender> {
    let pair = &shared.keys.rsa(bits)[0];
    let plaintext = message(0);
    let ciphertext = oaep_ciphertext(pair, &plaintext);
    let is_plaintext = |out: &SignatureBuffer| out.as_bytes() == plaintext;

    let ours = shared.ours.pair(pair, &[Op::Encrypt, Op::Decrypt]);
    let input = ciphertext.clone();
    let ours = Contender::making(
        OURS,
        None,
        move |out| {
            let params = DecryptParams::none();
            *out = ours.decrypt(EncryptAlg::RsaOaep256, &input, params).ok();
        },
        |out| {
            out.as_ref()
                .is_some_and(|out| out.value.expose() == plaintext)
        },
    );

    let key = RsaPrivateKey::from_pkcs8_der(&pair.pkcs8).expect("a key");
    let input = ciphertext.clone();
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        None,
        move |out| {
            let padding = Oaep::<Sha256>::new();
            *out = key
                .decrypt_blinded(&mut UnwrapErr(SysRng), padding, &input)
                .ok();
        },
        |out| out.as_ref().is_some_and(|out| *out == plaintext),
    );

    let key = PrivateDecryptingKey::from_pkcs8(&pair.pkcs8).expect("a key");
    let key = OaepPrivateDecryptingKey::new(key).expect("a key");
    let input = ciphertext.clone();
    let aws_lc = Contender::making(
        AWS_LC,
        SignatureBuffer::new(),
        move |out| {
            let alg = &OAEP_SHA256_MGF1SHA256;
            let decrypted = key.decrypt(alg, &input, &mut out.bytes, None);
            out.len = decrypted.expect("a plaintext").len();
        },
        is_plaintext,
    );

    let mut context = PkeyCtx::new(&pair.openssl).expect("a context");
    context.decrypt_init().expect("a context");
    set_oaep(&mut context);
    let openssl = Contender::making(
        OPENSSL,
        SignatureBuffer::new(),
        move |out| {
            let decrypted = context.decrypt(&ciphertext, Some(&mut out.bytes));
            out.len = decrypted.expect("a plaintext");
        },
        // Encrypted by OpenSSL as well; the others have decrypted it.
        is_plaintext,
    );
    vec![ours, rustcrypto, aws_lc, openssl]
}

fn oaep_ciphertext(pair: &Pair, plaintext: &Message) -> Vec<u8> {
    let mut context = PkeyCtx::new(&pair.openssl).expect("a context");
    context.encrypt_init().expect("a context");
    set_oaep(&mut context);
    let mut out = Vec::new();
    let encrypted = context.encrypt_to_vec(plaintext, &mut out);
    encrypted.expect("a ciphertext");
    out
}

fn set_oaep<T>(context: &mut PkeyCtx<T>) {
    let mut set = || {
        context.set_rsa_padding(Padding::PKCS1_OAEP)?;
        context.set_rsa_oaep_md(Md::sha256())?;
        context.set_rsa_mgf1_md(Md::sha256())
    };
    set().expect("parameters that OpenSSL knows");
}

/// RSA1_5 of 32 bytes. OpenSSL decrypts what the others encrypt, and RustCrypto what OpenSSL
/// does.
fn encrypt_pkcs1(shared: &Shared, bits: u32) -> Vec<Contender> {
    let pair = &shared.keys.rsa(bits)[0];
    let plaintext = message(0);
    let opens = |ciphertext: &[u8]| {
        let mut context = PkeyCtx::new(&pair.openssl).expect("a context");
        context.decrypt_init().expect("a context");
        let padded = context.set_rsa_padding(Padding::PKCS1);
        padded.expect("a padding");
        let mut out = Vec::new();
        let decrypted = context.decrypt_to_vec(ciphertext, &mut out);
        decrypted.is_ok() && out == plaintext
    };

    let ours = shared.ours.pair(pair, &[Op::Encrypt, Op::Decrypt]);
    let ours = Contender::making(
        OURS,
        None,
        move |out| {
            let params = EncryptParams::none();
            *out = ours.encrypt(EncryptAlg::Rsa15, &plaintext, params).ok();
        },
        |out| out.as_ref().is_some_and(|out| opens(out.value.as_bytes())),
    );

    let key = RsaPublicKey::from_pkcs1_der(&pair.public).expect("a key");
    let rustcrypto = Contender::making(
        RUSTCRYPTO,
        None,
        move |out| {
            *out = key
                .encrypt(&mut UnwrapErr(SysRng), Pkcs1v15Encrypt, &plaintext)
                .ok()
        },
        |out| out.as_ref().is_some_and(|out| opens(out)),
    );

    let spki = pair.openssl.public_key_to_der().expect("DER");
    let key = PublicEncryptingKey::from_der(&spki).expect("a key");
    let key = Pkcs1PublicEncryptingKey::new(key).expect("a key");
    let aws_lc = Contender::making(
        AWS_LC,
        SignatureBuffer::new(),
        move |out| {
            let encrypted = key.encrypt(&plaintext, &mut out.bytes);
            out.len = encrypted.expect("a ciphertext").len();
        },
        |out| opens(out.as_bytes()),
    );

    let mut context = PkeyCtx::new(&pair.openssl).expect("a context");
    context.encrypt_init().expect("a context");
    let padded = context.set_rsa_padding(Padding::PKCS1);
    padded.expect("a padding");
    let openssl = Contender::making(
        OPENSSL,
        SignatureBuffer::new(),
        move |out| {
            let encrypted = context.encrypt(&plaintext, Some(&mut out.bytes));
            out.len = encrypted.expect("a ciphertext");
        },
        |out| {
            let key = RsaPrivateKey::from_pkcs8_der(&pair.pkcs8).expect("a key");
            let decrypted = key.decrypt(Pkcs1v15Encrypt, out.as_bytes());
            decrypted.is_ok_and(|decrypted| decrypted == plaintext)
        },
    );
    vec![ours, rustcrypto, aws_lc, openssl]
}
