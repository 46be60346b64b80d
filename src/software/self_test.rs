//! Known answers, computed once before the first backend is built, and those of ECDSA before the
//! first of its keys is opened: the tables that it computes by take milliseconds to make.
//!
//! They catch a build or a machine that computes wrongly before it encrypts something that
//! nobody will be able to decrypt: one answer for each kind of computation, not for each
//! algorithm (of ECDSA one for each curve, whose primes have arithmetic of their own). Where one
//! fails, no backend comes to be in this process, or no key of the curve. RSA needs none: each of
//! its results is checked.

use std::sync::LazyLock;

use super::aes::AesKey;
use super::hmac::MacKey;
use super::{ec, key_wrap};
use crate::alg::{Curve, Hash};
use crate::error::{Error, ErrorKind};

/// What each computation gave when this was written, shortened to eight bytes.
struct Answers {
    /// HMAC-SHA-256, RFC 4231 test case 1.
    hmac: [u8; 8],
    /// AES-128-GCM of a zero block under a zero key and IV: test case 2 of McGrew and
    /// Viega's submission; the tag.
    gcm: [u8; 8],
    /// RFC 3394 section 4.1.
    kw: [u8; 8],
    /// RFC 6979 section A.2.5, P-256 and SHA-256, "sample".
    p256: [u8; 8],
    /// RFC 6979 section A.2.6, P-384 and SHA-384, "sample".
    p384: [u8; 8],
    /// RFC 6979 section A.2.7, P-521 and SHA-512, "sample".
    p521: [u8; 8],
    /// secp256k1 and SHA-256, "sample", with the key of P-256's. RFC 6979 has no example of the
    /// curve; it was computed from its section 3.2 by plain arithmetic.
    p256k: [u8; 8],
}

const ANSWERS: Answers = Answers {
    hmac: [0xb0, 0x34, 0x4c, 0x61, 0xd8, 0xdb, 0x38, 0x53],
    gcm: [0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec, 0x13, 0xbd],
    kw: [0x1F, 0xA6, 0x8B, 0x0A, 0x81, 0x12, 0xB4, 0x47],
    p256: [0xEF, 0xD4, 0x8B, 0x2A, 0xAC, 0xB6, 0xA8, 0xFD],
    p384: [0x94, 0xED, 0xBB, 0x92, 0xA5, 0xEC, 0xB8, 0xAA],
    p521: [0x00, 0xC3, 0x28, 0xFA, 0xFC, 0xBD, 0x79, 0xDD],
    p256k: [0x43, 0x23, 0x10, 0xE3, 0x2C, 0xB8, 0x0E, 0xB6],
};

/// The private key of RFC 6979 section A.2.5.
const P256_KEY: [u8; 32] = [
    0xC9, 0xAF, 0xA9, 0xD8, 0x45, 0xBA, 0x75, 0x16, 0x6B, 0x5C, 0x21, 0x57, 0x67, 0xB1, 0xD6, 0x93,
    0x4E, 0x50, 0xC3, 0xDB, 0x36, 0xE8, 0x9B, 0x12, 0x7B, 0x8A, 0x62, 0x2B, 0x12, 0x0F, 0x67, 0x21,
];

/// The private key of RFC 6979 section A.2.6.
const P384_KEY: [u8; 48] = *b"\
    \x6B\x9D\x3D\xAD\x2E\x1B\x8C\x1C\x05\xB1\x98\x75\xB6\x65\x9F\x4D\xE2\x3C\x3B\x66\x7B\xF2\x97\
    \xBA\x9A\xA4\x77\x40\x78\x71\x37\xD8\x96\xD5\x72\x4E\x4C\x70\xA8\x25\xF8\x72\xC9\xEA\x60\xD2\
    \xED\xF5";

/// The private key of RFC 6979 section A.2.7.
const P521_KEY: [u8; 66] = *b"\
    \x00\xFA\xD0\x6D\xAA\x62\xBA\x3B\x25\xD2\xFB\x40\x13\x3D\xA7\x57\x20\x5D\xE6\x7F\x5B\xB0\x01\
    \x8F\xEE\x8C\x86\xE1\xB6\x8C\x7E\x75\xCA\xA8\x96\xEB\x32\xF1\xF4\x7C\x70\x85\x58\x36\xA6\xD1\
    \x6F\xCC\x14\x66\xF6\xD8\xFB\xEC\x67\xDB\x89\xEC\x0C\x08\xB0\xE9\x96\xB8\x35\x38";

/// Runs the tests, the first time; afterwards remembers how they went.
pub(super) fn passed() -> Result<(), Error> {
    static PASSED: LazyLock<bool> = LazyLock::new(|| agrees(&ANSWERS));
    verdict(*PASSED)
}

/// The same for the arithmetic of a curve.
pub(super) fn passed_on(curve: Curve) -> Result<(), Error> {
    static P256: LazyLock<bool> = LazyLock::new(|| agrees_on(Curve::P256, &ANSWERS));
    static P384: LazyLock<bool> = LazyLock::new(|| agrees_on(Curve::P384, &ANSWERS));
    static P521: LazyLock<bool> = LazyLock::new(|| agrees_on(Curve::P521, &ANSWERS));
    static P256K: LazyLock<bool> = LazyLock::new(|| agrees_on(Curve::P256K, &ANSWERS));
    verdict(match curve {
        Curve::P256 => *P256,
        Curve::P384 => *P384,
        Curve::P521 => *P521,
        Curve::P256K => *P256K,
    })
}

fn verdict(passed: bool) -> Result<(), Error> {
    if passed {
        return Ok(());
    }
    Err(ErrorKind::FaultDetected.into())
}

fn agrees(answers: &Answers) -> bool {
    hmac() == Some(answers.hmac) && gcm() == Some(answers.gcm) && kw() == Some(answers.kw)
}

fn agrees_on(curve: Curve, answers: &Answers) -> bool {
    let (key, hash, answer): (&[u8], _, _) = match curve {
        Curve::P256 => (&P256_KEY, Hash::Sha256, answers.p256),
        Curve::P384 => (&P384_KEY, Hash::Sha384, answers.p384),
        Curve::P521 => (&P521_KEY, Hash::Sha512, answers.p521),
        Curve::P256K => (&P256_KEY, Hash::Sha256, answers.p256k),
    };
    ecdsa(curve, key, hash) == Some(answer)
}

fn start(bytes: &[u8]) -> Option<[u8; 8]> {
    bytes.first_chunk().copied()
}

fn hmac() -> Option<[u8; 8]> {
    start(&MacKey::new(&[0x0b; 20])?.mac(Hash::Sha256, b"Hi There")?)
}

fn gcm() -> Option<[u8; 8]> {
    let key = AesKey::new(&[0; 16])?;
    let (ciphertext, sealed) = key.gcm_encrypt([0; 12], b"", &[0; 16]).ok()?;
    let opened = key.gcm_decrypt(&sealed, b"", &ciphertext).ok()?;
    let back = opened.expose() == [0; 16];
    start(&sealed.tag).filter(|_| back)
}

fn kw() -> Option<[u8; 8]> {
    let bytes = |step: u8| std::array::from_fn(|at| u8::try_from(at).unwrap_or_default() * step);
    let (key, material): ([u8; 16], [u8; 16]) = (bytes(0x01), bytes(0x11));
    let key = AesKey::new(&key)?;
    let wrapped = key_wrap::wrap_kw(key.modes(), &material);
    let opened = key_wrap::unwrap_kw(key.modes(), &wrapped).ok()?;
    let back = opened.expose() == material;
    start(&wrapped).filter(|_| back)
}

fn ecdsa(curve: Curve, key: &[u8], hash: Hash) -> Option<[u8; 8]> {
    let digest = hash.hash(b"sample");
    start(&ec::sign_deterministic(curve, key, digest.as_bytes()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_computes_rightly() {
        passed().unwrap();
        for curve in Curve::ALL {
            passed_on(*curve).unwrap();
        }
    }

    #[test]
    fn each_wrong_answer_refuses_everything() {
        let wrong = [0; 8];
        for answers in [
            Answers {
                hmac: wrong,
                ..ANSWERS
            },
            Answers {
                gcm: wrong,
                ..ANSWERS
            },
            Answers {
                kw: wrong,
                ..ANSWERS
            },
        ] {
            let error = verdict(agrees(&answers)).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::FaultDetected);
        }
        let answers = Answers {
            p256: wrong,
            p384: wrong,
            p521: wrong,
            p256k: wrong,
            ..ANSWERS
        };
        for curve in Curve::ALL {
            let error = verdict(agrees_on(*curve, &answers)).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::FaultDetected);
        }
    }
}
