//! Decryption takes as many instructions for a malformed ciphertext as for a good one.
//!
//! Where it does not, its time tells a sender what is wrong with the padding, and that
//! decrypts messages and forges signatures (Bleichenbacher 1998, Manger 2001, Vaudenay
//! 2002, Marvin 2023). Statistics of times need a quiet machine and a million runs to
//! see a microsecond; instructions can be counted, and are the same on every run.
//!
//! The count is that of `KeyProvider::decrypt` and `unwrap_key` as a whole, so what is left
//! of a difference is the copy of the plaintext, whose length the caller sees anyway, and
//! the making of the error. Nothing random is drawn, and no allocation costs more than another
//! ([`bump`]). So the counts are the same on every run. Unoptimised code, whose copies weigh more, is not measured.
//! Nothing is said here about instructions whose time depends on their operands, or about
//! the cache.
#![allow(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[path = "instructions/bump.rs"]
mod bump;
mod canary;
mod instructions;

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use instructions::{Counts, Probe, count_or_skip, least};
use sha2::{Digest, Sha256};
use strongroom::fit::{DecryptRequest, EncryptRequest, UnwrapRequest};
use strongroom::jwk::{PublicKey, SecretJwk};
use strongroom::provider::NewKey;
use strongroom::software::Software;
use strongroom::{DecryptParams, EncryptAlg, EncryptParams, KeyHandle, KeyProvider, WrapAlg};

#[global_allocator]
static HEAP: bump::Bump = bump::Bump::new();

const RUNS: usize = 2;

/// One ciphertext, what is wrong with it, and whether it decrypts.
struct Class {
    name: &'static str,
    input: Vec<u8>,
    opens: bool,
}

fn class(name: &'static str, input: Vec<u8>, opens: bool) -> Class {
    Class { name, input, opens }
}

/// The most by which classes may differ: those that open, those that do not, and one kind
/// from the other.
struct Limits {
    open: u64,
    fail: u64,
    between: u64,
}

fn check(counts: &Counts, classes: &[Class], limits: &Limits) {
    let mut of = [Vec::new(), Vec::new()];
    for class in classes {
        let count = least(counts, class.name);
        println!("{count:>12}  {}", class.name);
        of[usize::from(class.opens)].push(count);
    }
    let range = |counts: &[u64]| {
        let least = counts.iter().min().copied().expect("a class");
        let most = counts.iter().max().copied().expect("a class");
        (least, most)
    };
    for (counts, limit, kind) in [
        (&of[0], limits.fail, "that fail"),
        (&of[1], limits.open, "that open"),
    ] {
        if !counts.is_empty() {
            let (least, most) = range(counts);
            assert!(
                most - least <= limit,
                "{kind}: {} instructions apart",
                most - least
            );
        }
    }
    let (least, most) = range(&of.concat());
    let apart = most - least;
    assert!(apart <= limits.between, "{apart} instructions apart");
}

/// Measures all classes in the child, in turns, and checks that they open or do not.
fn measure(probe: &Probe, classes: &[Class], run: impl Fn(&[u8]) -> bool) {
    for class in classes {
        assert_eq!(run(&class.input), class.opens, "{}", class.name);
    }
    for _ in 0..RUNS {
        for class in classes {
            probe.run(class.name, || run(&class.input));
        }
    }
}

fn import(software: &Software, jwk: &SecretJwk) -> KeyHandle {
    let new = NewKey::new(canary::id("gate"), jwk.spec_for(None).unwrap()).unwrap();
    software.import(jwk, &new).unwrap()
}

// ---------------------------------------------------------------------------
// RSA

const MODULUS: usize = 256;

/// `em^e mod n`, without any padding.
fn raw_rsa(jwk: &SecretJwk, em: &[u8]) -> Vec<u8> {
    let PublicKey::Rsa(public) = jwk.public().key() else {
        panic!("an RSA key");
    };
    let wide = |bytes: &[u8]| BoxedUint::from_be_slice_truncated(bytes, 2048);
    let n = Odd::new(wide(&public.n())).expect("odd");
    let params = BoxedMontyParams::new(n);
    let power = BoxedMontyForm::new(wide(em), &params).pow(&wide(&public.e()));
    power.retrieve().to_be_bytes().to_vec()
}

/// Bytes that are not zero.
fn filling(label: &str, len: usize) -> Vec<u8> {
    let bytes = canary::bytes(label, len);
    bytes.into_iter().map(|byte| byte.max(1)).collect()
}

fn pkcs1(first: [u8; 2], filler: usize, separator: bool, message: usize) -> Vec<u8> {
    let mut em = first.to_vec();
    em.extend(filling("filler", filler));
    if separator {
        em.push(0);
    }
    em.extend(canary::bytes("message", message));
    em.extend(filling("rest", MODULUS - em.len()));
    em
}

fn pkcs1_classes() -> Vec<(&'static str, Vec<u8>)> {
    let mut zero_in_filler = pkcs1([0, 2], MODULUS - 3 - 48, true, 48);
    zero_in_filler[5] = 0;
    let mut high = canary::bytes("anything", MODULUS);
    high[0] = 0x40;
    vec![
        (
            "RSA1_5 good, 48 bytes",
            pkcs1([0, 2], MODULUS - 3 - 48, true, 48),
        ),
        (
            "RSA1_5 good, 16 bytes",
            pkcs1([0, 2], MODULUS - 3 - 16, true, 16),
        ),
        ("RSA1_5 good, no bytes", pkcs1([0, 2], MODULUS - 3, true, 0)),
        (
            "RSA1_5 block type 1",
            pkcs1([0, 1], MODULUS - 3 - 48, true, 48),
        ),
        (
            "RSA1_5 first byte not zero",
            pkcs1([1, 2], MODULUS - 3 - 48, true, 48),
        ),
        (
            "RSA1_5 first bytes zero",
            pkcs1([0, 0], MODULUS - 3 - 48, true, 48),
        ),
        ("RSA1_5 zero in the filler", zero_in_filler),
        ("RSA1_5 no separator", pkcs1([0, 2], MODULUS - 2, false, 0)),
        ("RSA1_5 anything", high),
    ]
}

#[test]
fn rsa1_5_does_not_tell() {
    let jwk = canary::rsa().jwk;
    // Implicit rejection: all of them open, to something.
    let classes: Vec<Class> = pkcs1_classes()
        .into_iter()
        .map(|(name, em)| class(name, raw_rsa(&jwk, &em), true))
        .collect();
    let software = Software::ephemeral().unwrap();
    let handle = import(&software, &jwk);
    let run = |input: &[u8]| {
        let params = DecryptParams::none();
        let request = DecryptRequest::new(&handle, EncryptAlg::Rsa15, input, params).unwrap();
        software.decrypt(&request).is_ok()
    };
    if let Some(probe) = Probe::in_child() {
        return measure(&probe, &classes, run);
    }
    if let Some(counts) = count_or_skip() {
        // The copies of 0 to 245 bytes: what the draft calls public.
        let limit = 500;
        let limits = Limits {
            open: limit,
            fail: 0,
            between: limit,
        };
        check(&counts, &classes, &limits);
    }
}

/// EME-OAEP with SHA-256 (RFC 8017 section 7.1.1 step 2), with something wrong.
fn oaep(first: u8, label: &[u8], separator: u8, zeros: u8, message: &[u8]) -> Vec<u8> {
    let mut db = Sha256::digest(label).to_vec();
    let filler = MODULUS - 1 - 32 - 32 - 1 - message.len();
    db.extend(std::iter::repeat_n(zeros, filler));
    db.push(separator);
    db.extend_from_slice(message);
    let mut seed = canary::bytes("seed", 32);
    mask(&seed, &mut db);
    mask(&db, &mut seed);
    [vec![first], seed, db].concat()
}

/// MGF1 with SHA-256 (RFC 8017 appendix B.2.1).
fn mask(seed: &[u8], target: &mut [u8]) {
    for (counter, chunk) in (0_u32..).zip(target.chunks_mut(32)) {
        let block = Sha256::digest([seed, counter.to_be_bytes().as_slice()].concat());
        chunk
            .iter_mut()
            .zip(block)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// Blocks of the modulus' length, what is wrong with them, and whether they open.
fn oaep_cases() -> Vec<(&'static str, Vec<u8>, bool)> {
    let message = canary::bytes("message", 32);
    vec![
        ("OAEP good, 32 bytes", oaep(0, b"", 1, 0, &message), true),
        ("OAEP good, no bytes", oaep(0, b"", 1, 0, b""), true),
        (
            "OAEP first byte not zero",
            oaep(1, b"", 1, 0, &message),
            false,
        ),
        (
            "OAEP another label",
            oaep(0, b"another", 1, 0, &message),
            false,
        ),
        (
            "OAEP another label, first byte not zero",
            oaep(1, b"another", 1, 0, &message),
            false,
        ),
        (
            "OAEP another separator",
            oaep(0, b"", 2, 0, &message),
            false,
        ),
        ("OAEP no separator", oaep(0, b"", 0, 0, &[0; 32]), false),
        ("OAEP filler not zero", oaep(0, b"", 1, 3, &message), false),
        ("OAEP zeros alone", vec![0; MODULUS], false),
    ]
}

#[test]
fn oaep_does_not_tell() {
    let jwk = canary::rsa().jwk;
    let classes: Vec<Class> = oaep_cases()
        .into_iter()
        .map(|(name, em, opens)| class(name, raw_rsa(&jwk, &em), opens))
        .collect();
    let software = Software::ephemeral().unwrap();
    let handle = import(&software, &jwk);
    let run = |input: &[u8]| {
        let params = DecryptParams::none();
        let request = DecryptRequest::new(&handle, EncryptAlg::RsaOaep256, input, params);
        software.decrypt(&request.unwrap()).is_ok()
    };
    if let Some(probe) = Probe::in_child() {
        return measure(&probe, &classes, run);
    }
    if let Some(counts) = count_or_skip() {
        let limit = 300;
        let limits = Limits {
            open: limit,
            fail: 0,
            between: limit,
        };
        check(&counts, &classes, &limits);
    }
}

// ---------------------------------------------------------------------------
// RSA behind a token's raw operation: the decoding alone

#[cfg(feature = "pkcs11")]
#[test]
fn oaep_decoding_does_not_tell() {
    let classes: Vec<Class> = oaep_cases()
        .into_iter()
        .map(|(name, em, opens)| class(name, em, opens))
        .collect();
    let run = |em: &[u8]| strongroom::internal::oaep_decode(em, strongroom::Hash::Sha256).is_ok();
    if let Some(probe) = Probe::in_child() {
        return measure(&probe, &classes, run);
    }
    if let Some(counts) = count_or_skip() {
        let limit = 300;
        let limits = Limits {
            open: limit,
            fail: 0,
            between: limit,
        };
        check(&counts, &classes, &limits);
    }
}

/// A good message that is as long as the one made up takes exactly as many instructions.
#[cfg(feature = "pkcs11")]
#[test]
fn pkcs1_decoding_does_not_tell() {
    let ciphertext = canary::bytes("ciphertext", MODULUS);
    let decode = |em: &[u8]| strongroom::internal::pkcs1_decode(em, &ciphertext, &[7; 32]);
    let made_up = decode(&[0; MODULUS]).expect("a made-up message").len();
    let good = pkcs1([0, 2], MODULUS - 3 - made_up, true, made_up);
    let malformed = pkcs1_classes().into_iter();
    let malformed = malformed.filter(|(name, _)| !name.contains("good"));
    let mut classes = vec![class("RSA1_5 good, as long", good, true)];
    classes.extend(malformed.map(|(name, em)| class(name, em, true)));
    let run = |em: &[u8]| decode(em).is_ok();
    if let Some(probe) = Probe::in_child() {
        return measure(&probe, &classes, run);
    }
    if let Some(counts) = count_or_skip() {
        let limits = Limits {
            open: 0,
            fail: 0,
            between: 0,
        };
        check(&counts, &classes, &limits);
    }
}

// ---------------------------------------------------------------------------
// AES

#[test]
fn key_wrap_does_not_tell() {
    let canary = canary::oct(32);
    let cipher = Aes256::new_from_slice(&canary.parts[0].1).unwrap();
    // W of RFC 3394 section 2.2.1.
    let w = |first: u64, material: &[u8]| {
        let mut semiblocks: Vec<[u8; 8]> = Vec::new();
        semiblocks.extend(
            material
                .chunks(8)
                .map(|chunk| <[u8; 8]>::try_from(chunk).unwrap()),
        );
        let (mut a, mut step) = (first, 0_u64);
        for _ in 0..6 {
            for semiblock in &mut semiblocks {
                let mut block = [0; 16];
                block[..8].copy_from_slice(&a.to_be_bytes());
                block[8..].copy_from_slice(semiblock);
                let mut block = block.into();
                cipher.encrypt_block(&mut block);
                step += 1;
                a = u64::from_be_bytes(block[..8].try_into().unwrap()) ^ step;
                semiblock.copy_from_slice(&block[8..]);
            }
        }
        [a.to_be_bytes().as_slice(), &semiblocks.concat()].concat()
    };
    let aiv = |len: u64| 0xA659_59A6_u64 << 32 | len;
    let filled = |len: usize| {
        let mut material = filling("material", 40);
        material[len..].fill(0);
        material
    };
    let wrong_fill = |at: usize| {
        let mut material = filled(33);
        material[at] = 1;
        material
    };
    let classes = [
        class("KWP good, 40 bytes", w(aiv(40), &filled(40)), true),
        class("KWP good, 33 bytes", w(aiv(33), &filled(33)), true),
        class(
            "KWP another constant",
            w(aiv(33) ^ 1 << 63, &filled(33)),
            false,
        ),
        class("KWP length too small", w(aiv(32), &filled(32)), false),
        class("KWP length too large", w(aiv(41), &filled(40)), false),
        class(
            "KWP length enormous",
            w(aiv(0xFFFF_FFFF), &filled(40)),
            false,
        ),
        class("KWP length zero", w(aiv(0), &filled(33)), false),
        class(
            "KWP first byte of the fill",
            w(aiv(33), &wrong_fill(33)),
            false,
        ),
        class("KWP middle of the fill", w(aiv(33), &wrong_fill(36)), false),
        class(
            "KWP last byte of the fill",
            w(aiv(33), &wrong_fill(39)),
            false,
        ),
        class("KWP anything", canary::bytes("anything", 48), false),
    ];
    let software = Software::ephemeral().unwrap();
    let handle = import(&software, &canary.jwk);
    let run = |input: &[u8]| {
        let request = UnwrapRequest::new(&handle, WrapAlg::CkmAesKeyWrapPad, input).unwrap();
        software.unwrap_key(&request).is_ok()
    };
    if let Some(probe) = Probe::in_child() {
        return measure(&probe, &classes, run);
    }
    if let Some(counts) = count_or_skip() {
        let limit = 300;
        let limits = Limits {
            open: limit,
            fail: 0,
            between: limit,
        };
        check(&counts, &classes, &limits);
    }
}

#[test]
fn cbc_padding_does_not_tell_where() {
    let canary = canary::oct(32);
    let software = Software::ephemeral().unwrap();
    let handle = import(&software, &canary.jwk);
    let iv = canary::bytes("iv", 16);
    // Whole blocks, encrypted without padding of ours.
    let encrypt = |last: &dyn Fn(&mut [u8])| {
        let mut padded = filling("padded", 64);
        // Nothing that looks like padding by itself.
        padded.iter_mut().for_each(|byte| *byte |= 0x40);
        last(&mut padded[48..]);
        let params = EncryptParams::none().with_iv(&iv);
        let request = EncryptRequest::new(&handle, EncryptAlg::A256Cbc, &padded, params);
        software.encrypt(&request.unwrap()).unwrap().into_bytes()
    };
    let padding = |len: u8| move |block: &mut [u8]| block[16 - usize::from(len)..].fill(len);
    let broken = |len: u8, at: usize| {
        move |block: &mut [u8]| {
            padding(len)(block);
            block[at] ^= 0x80;
        }
    };
    let last = |byte: u8| move |block: &mut [u8]| block[15] = byte;
    let classes = [
        class("CBC good, 1", encrypt(&padding(1)), true),
        class("CBC good, 8", encrypt(&padding(8)), true),
        class("CBC good, 16", encrypt(&padding(16)), true),
        class("CBC last byte 0", encrypt(&last(0)), false),
        class("CBC last byte 17", encrypt(&last(17)), false),
        class("CBC last byte 255", encrypt(&last(255)), false),
        class("CBC first byte of 16 wrong", encrypt(&broken(16, 0)), false),
        class(
            "CBC middle byte of 16 wrong",
            encrypt(&broken(16, 8)),
            false,
        ),
        class(
            "CBC last but one of 16 wrong",
            encrypt(&broken(16, 14)),
            false,
        ),
        class("CBC first byte of 2 wrong", encrypt(&broken(2, 14)), false),
    ];
    let run = |input: &[u8]| {
        let params = DecryptParams::none().with_iv(&iv);
        let request = DecryptRequest::new(&handle, EncryptAlg::A256CbcPad, input, params).unwrap();
        software.decrypt(&request).is_ok()
    };
    if let Some(probe) = Probe::in_child() {
        return measure(&probe, &classes, run);
    }
    if let Some(counts) = count_or_skip() {
        // That it failed, the caller is told. Where, he is not.
        let limit = 300;
        let limits = Limits {
            open: limit,
            fail: 0,
            between: limit,
        };
        check(&counts, &classes, &limits);
    }
}
