//! What an attacker sends: altered ciphertexts and wrapped keys, and what came of them.

use super::encryption::{decrypt, encrypt, encrypt_in_software, is_gcm};
use super::subject::{Case, Subject, must, sample};
use super::wrapping::{unwrap, wrap, wrap_in_software};
use crate::alg::{EncryptAlg, EncryptScheme, Op, WrapAlg, WrapScheme};
use crate::error::Error;
use crate::fit::DecryptParams;
use crate::secret::SecretBytes;

/// One altered input, and the answer to it.
pub(super) struct Malformed {
    pub(super) what: String,
    pub(super) case: String,
    pub(super) result: Result<SecretBytes, Error>,
}

/// One altered input to RSA1_5, sent twice.
pub(super) struct Rejected {
    pub(super) what: String,
    pub(super) case: String,
    pub(super) plaintext: SecretBytes,
    pub(super) first: Result<SecretBytes, Error>,
    pub(super) second: Result<SecretBytes, Error>,
}

/// Altered ciphertexts of every algorithm that can tell: not zero-filled CBC, which
/// decrypts everything, and not RSA1_5, which must not tell.
pub(super) fn ciphertexts(subject: &Subject) -> Vec<Malformed> {
    let mut all = Vec::new();
    for case in subject.encryption(Op::Decrypt) {
        match case.alg.row().scheme {
            EncryptScheme::Oaep(_) => oaep(subject, &case, &mut all),
            EncryptScheme::Gcm(_) => gcm(subject, &case, &mut all),
            EncryptScheme::CbcPad(_) => cbc_pad(subject, &case, &mut all),
            EncryptScheme::Pkcs1v15 | EncryptScheme::Cbc(_) => {}
        }
    }
    all
}

/// Altered wrapped keys of every algorithm but RSA1_5.
pub(super) fn wrapped_keys(subject: &Subject) -> Vec<Malformed> {
    let mut all = Vec::new();
    for case in subject.wrapping(Op::UnwrapKey) {
        let material = sample(32);
        let wrapped = match case.alg.row().scheme {
            WrapScheme::Pkcs1v15 => continue,
            WrapScheme::Oaep(_) => wrap_in_software(subject, &case, &material),
            // Without the other half there is nothing to alter.
            _ if !subject.offers(Op::WrapKey, case.alg, case.spec()) => continue,
            _ => must("wrap", &case, wrap(subject, &case, &material)),
        };
        let mut add = |what: String, key: &Case<WrapAlg>, wrapped: &[u8]| {
            all.push(Malformed {
                what: format!("unwrap {what}"),
                case: case.to_string(),
                result: unwrap(subject, key, wrapped),
            });
        };
        for (what, wrong) in flips(&wrapped).into_iter().chain(lengths(&wrapped)) {
            add(what, &case, &wrong);
        }
        if let Some(other) = subject.second_key(case.spec()) {
            add("with another key".to_owned(), &case.with(other), &wrapped);
        }
    }
    all
}

/// Altered RSA1_5 ciphertexts and wrapped keys of the right length.
pub(super) fn implicitly_rejected(subject: &Subject) -> Vec<Rejected> {
    let mut all = Vec::new();
    for case in subject.encryption(Op::Decrypt) {
        if !matches!(case.alg.row().scheme, EncryptScheme::Pkcs1v15) {
            continue;
        }
        let ciphertext = encrypt_in_software(subject, &case, &sample(32)).into_bytes();
        let again = |wrong: &[u8]| decrypt(subject, &case, wrong, DecryptParams::none());
        for (what, wrong) in low_flips(&ciphertext) {
            all.push(Rejected {
                what: format!("decrypt {what}"),
                case: case.to_string(),
                plaintext: SecretBytes::from_vec(sample(32)),
                first: again(&wrong),
                second: again(&wrong),
            });
        }
    }
    for case in subject.wrapping(Op::UnwrapKey) {
        if !matches!(case.alg.row().scheme, WrapScheme::Pkcs1v15) {
            continue;
        }
        let wrapped = wrap_in_software(subject, &case, &sample(32));
        for (what, wrong) in low_flips(&wrapped) {
            all.push(Rejected {
                what: format!("unwrap {what}"),
                case: case.to_string(),
                plaintext: SecretBytes::from_vec(sample(32)),
                first: unwrap(subject, &case, &wrong),
                second: unwrap(subject, &case, &wrong),
            });
        }
    }
    all
}

fn oaep(subject: &Subject, case: &Case<EncryptAlg>, all: &mut Vec<Malformed>) {
    let ciphertext = encrypt_in_software(subject, case, &sample(32)).into_bytes();
    let mut add = |what: String, key: &Case<EncryptAlg>, ciphertext: &[u8]| {
        all.push(Malformed {
            what: format!("decrypt {what}"),
            case: case.to_string(),
            result: decrypt(subject, key, ciphertext, DecryptParams::none()),
        });
    };
    for (what, wrong) in flips(&ciphertext).into_iter().chain(lengths(&ciphertext)) {
        add(what, case, &wrong);
    }
    add("ones".to_owned(), case, &vec![0xFF; ciphertext.len()]);
    if let Some(other) = subject.second_key(case.spec()) {
        add(
            "with another key".to_owned(),
            &case.with(other),
            &ciphertext,
        );
    }
    // The first padding byte of this decrypts to something else than zero, the fault
    // that Manger's attack (2001) needs to be told apart.
    for alg in EncryptAlg::ALL.iter().filter(|alg| **alg != case.alg) {
        if matches!(
            alg.row().scheme,
            EncryptScheme::Oaep(_) | EncryptScheme::Pkcs1v15
        ) {
            let other = Case {
                alg: *alg,
                key: case.key.clone(),
            };
            let ciphertext = encrypt_in_software(subject, &other, &sample(32));
            add(format!("what {alg} encrypted"), case, ciphertext.as_bytes());
        }
    }
}

fn gcm(subject: &Subject, case: &Case<EncryptAlg>, all: &mut Vec<Malformed>) {
    if !subject.offers(Op::Encrypt, case.alg, case.spec()) {
        return;
    }
    debug_assert!(is_gcm(case.alg));
    let (plaintext, aad) = (sample(40), b"associated data");
    let made = must(
        "encrypt",
        case,
        encrypt(subject, case, &plaintext, Some(aad)),
    );
    let (ciphertext, iv) = (made.as_bytes(), made.iv().unwrap_or_default());
    let tag = made.tag().unwrap_or_default();
    let mut add = |what: &str, key: &Case<EncryptAlg>, ciphertext: &[u8], parts: [&[u8]; 3]| {
        let [iv, tag, aad] = parts;
        let params = DecryptParams::none()
            .with_iv(iv)
            .with_tag(tag)
            .with_aad(aad);
        all.push(Malformed {
            what: format!("decrypt {what}"),
            case: case.to_string(),
            result: decrypt(subject, key, ciphertext, params),
        });
    };
    for (what, wrong) in flips(ciphertext) {
        add(&what, case, &wrong, [iv, tag, aad]);
    }
    for (what, wrong) in flips(iv) {
        add(
            &format!("with an IV {what}"),
            case,
            ciphertext,
            [&wrong, tag, aad],
        );
    }
    for (what, wrong) in flips(tag) {
        add(
            &format!("with a tag {what}"),
            case,
            ciphertext,
            [iv, &wrong, aad],
        );
    }
    for (what, wrong) in flips(aad) {
        add(
            &format!("with data {what}"),
            case,
            ciphertext,
            [iv, tag, &wrong],
        );
    }
    add("without associated data", case, ciphertext, [iv, tag, b""]);
    add("nothing", case, b"", [iv, tag, aad]);
    add("one byte less", case, &ciphertext[..39], [iv, tag, aad]);
    add(
        "one byte more",
        case,
        &[ciphertext, &[0]].concat(),
        [iv, tag, aad],
    );
    add("with a tag of zeros", case, ciphertext, [iv, &[0; 16], aad]);
    if let Some(other) = subject.second_key(case.spec()) {
        add(
            "with another key",
            &case.with(other),
            ciphertext,
            [iv, tag, aad],
        );
    }
}

/// A change in one block changes the same bits in the next one's plaintext, so these
/// paddings are wrong for certain: five bytes of 5 become 85, 0, 6, or no longer agree.
fn cbc_pad(subject: &Subject, case: &Case<EncryptAlg>, all: &mut Vec<Malformed>) {
    if !subject.offers(Op::Encrypt, case.alg, case.spec()) {
        return;
    }
    let made = must(
        "encrypt",
        case,
        encrypt(subject, case, &sample(16 + 11), None),
    );
    for (at, change) in [(15, 0x80), (15, 0x05), (15, 0x03), (11, 0x01), (13, 0x40)] {
        let mut wrong = made.as_bytes().to_vec();
        wrong[at] ^= change;
        all.push(Malformed {
            what: format!("decrypt with padding byte {at} changed by {change:#x}"),
            case: case.to_string(),
            result: decrypt(subject, case, &wrong, made.params()),
        });
    }
}

/// One bit changed: in the first, some middle and the last byte.
fn flips(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let len = bytes.len();
    let places = [
        (0, 0x01),
        (0, 0x80),
        (len / 3, 0x10),
        (len / 2, 0x01),
        (len - 1, 0x01),
    ];
    let flips = places.into_iter().map(|(at, bit)| {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= bit;
        (format!("with byte {at} changed"), wrong)
    });
    flips.collect()
}

/// Flips that leave the number below the modulus: above it, the error is about public
/// data and may differ.
fn low_flips(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut flips = flips(bytes);
    flips.retain(|(_, wrong)| wrong[0] <= bytes[0]);
    flips
}

/// The same with other lengths, and zeros.
fn lengths(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let len = bytes.len();
    let mut wrong: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |what: &str, bytes: Vec<u8>| wrong.push((what.to_owned(), bytes));
    add("nothing", Vec::new());
    add("one byte", vec![bytes[0]]);
    add("one byte less", bytes[..len - 1].to_vec());
    add("eight bytes less", bytes[..len - 8].to_vec());
    add("one byte more", [bytes, &[0]].concat());
    add("eight bytes more", [bytes, &[0; 8]].concat());
    add("a zero byte in front", [&[0], bytes].concat());
    add("zeros", vec![0; len]);
    wrong
}
