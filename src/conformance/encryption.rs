//! Encryption and decryption of content.

use std::collections::BTreeSet;

use super::malformed;
use super::subject::{Case, Subject, must, must_fail, sample};
use crate::alg::{EncryptAlg, EncryptScheme, Op};
use crate::error::{Error, ErrorKind};
use crate::fit::{
    Ciphertext, DecryptInPlaceRequest, DecryptParams, DecryptRequest, EncryptInPlaceRequest,
    EncryptParams, EncryptRequest,
};
use crate::provider::{ProviderRng, unsupported};
use crate::public;
use crate::secret::SecretBytes;

/// The IV that the suite gives where one is to be given.
pub(super) const IV: [u8; 16] = *b"an IV of 16 byte";

/// Plaintext of every length comes back, with zero-filled CBC up to the whole block that
/// the service makes of it; ciphertexts have the length that the algorithm says.
pub fn ciphertexts_decrypt(subject: &Subject) {
    for case in subject.encryption(Op::Encrypt) {
        for len in lengths(&case) {
            comes_back(subject, &case, &sample(len), None);
        }
        if is_gcm(case.alg) {
            comes_back(subject, &case, b"", Some(b"only associated data"));
            comes_back(subject, &case, &sample(100), Some(&sample(1000)));
            comes_back(subject, &case, &sample(100), Some(b""));
        }
    }
}

/// What was encrypted in software with the public half, the backend decrypts.
pub fn software_ciphertexts_decrypt(subject: &Subject) {
    for case in subject.encryption(Op::Decrypt) {
        if case.spec().is_symmetric() {
            continue;
        }
        for len in lengths(&case) {
            let plaintext = sample(len);
            let ciphertext = encrypt_in_software(subject, &case, &plaintext);
            let result = decrypt(subject, &case, ciphertext.as_bytes(), DecryptParams::none());
            let back = must("decrypt", &case, result);
            assert!(
                back.expose() == plaintext,
                "{case}: {len} bytes came back changed"
            );
        }
    }
}

/// The backend makes another GCM IV each time, and RSA another padding; CBC with the
/// same IV gives the same.
pub fn ciphertexts_repeat_where_they_must(subject: &Subject) {
    for case in subject.encryption(Op::Encrypt) {
        let plaintext = sample(32);
        let times = if is_gcm(case.alg) { 100 } else { 3 };
        let made: Vec<Ciphertext> = (0..times)
            .map(|_| must("encrypt", &case, encrypt(subject, &case, &plaintext, None)))
            .collect();
        let bytes: BTreeSet<&[u8]> = made.iter().map(Ciphertext::as_bytes).collect();
        let ivs: BTreeSet<Option<&[u8]>> = made.iter().map(Ciphertext::iv).collect();
        if is_cbc(case.alg) {
            assert!(
                bytes.len() == 1,
                "{case}: the same plaintext and IV gave different bytes"
            );
            continue;
        }
        assert!(bytes.len() == times, "{case}: a ciphertext repeated itself");
        assert!(
            !is_gcm(case.alg) || ivs.len() == times,
            "{case}: an IV repeated itself"
        );
    }
}

/// A ciphertext, IV, tag or associated data that was altered does not decrypt.
pub fn altered_ciphertexts_are_refused(subject: &Subject) {
    for malformed in malformed::ciphertexts(subject) {
        let (what, alg) = (malformed.what, malformed.case);
        must_fail(&what, alg, malformed.result, &ErrorKind::DecryptFailed);
    }
}

/// Whatever is wrong with what is decrypted or unwrapped, the answer is the same in
/// every observable: kind, text, source, and whether to try again.
pub fn failed_decryptions_have_one_face(subject: &Subject) {
    let all = malformed::ciphertexts(subject)
        .into_iter()
        .chain(malformed::wrapped_keys(subject));
    let mut faces = BTreeSet::new();
    for malformed in all {
        let Err(error) = malformed.result else {
            panic!("{}: {} succeeded", malformed.case, malformed.what);
        };
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let fate = (
            error.is_retryable(),
            error.is_caller_fault(),
            error.is_denied(),
        );
        let face = (format!("{error}"), format!("{error:?}"), source, fate);
        faces.insert(face);
        assert!(
            faces.len() == 1,
            "{}: {} fails unlike the others: {faces:?}",
            malformed.case,
            malformed.what
        );
    }
}

/// RSA1_5, where it is offered, answers a wrong padding with bytes instead of an error,
/// and the same question with the same bytes; everything else would be Bleichenbacher's
/// oracle (1998).
pub fn rsa1_5_rejects_implicitly(subject: &Subject) {
    for altered in malformed::implicitly_rejected(subject) {
        let (case, what) = (altered.case, altered.what);
        let first = must(&what, &case, altered.first);
        let second = must(&what, &case, altered.second);
        assert!(first == second, "{case}: {what} twice gave different bytes");
        assert!(
            first != altered.plaintext,
            "{case}: {what} gave the plaintext"
        );
    }
}

/// In the caller's buffer GCM does what it does elsewhere, and a failure leaves the
/// buffer as it was. A backend may offer GCM without this.
pub fn in_place_agrees(subject: &Subject) {
    let cases = subject.encryption(Op::Encrypt).into_iter();
    for case in cases.filter(|case| is_gcm(case.alg)) {
        for len in [0, 1, 16, 1000] {
            in_place(subject, &case, &sample(len));
        }
    }
}

/// Plaintext of a mebibyte comes back, wherever a symmetric key encrypts.
pub fn large_plaintexts_come_back(subject: &Subject) {
    let plaintext = sample(super::LARGE);
    for case in subject.encryption(Op::Encrypt) {
        if case.spec().is_symmetric() {
            comes_back(subject, &case, &plaintext, None);
        }
    }
}

fn in_place(subject: &Subject, case: &Case<EncryptAlg>, plaintext: &[u8]) {
    let (provider, aad) = (subject.provider(), b"associated data");
    let mut buffer = plaintext.to_vec();
    let request = EncryptInPlaceRequest::new(&case.key, case.alg, &mut buffer, aad);
    let sealed = provider.encrypt_in_place(&mut must("a request", case, request));
    let lacking = unsupported(Op::Encrypt, case.alg, &case.key);
    let sealed = match sealed {
        Err(error) if error.kind() == lacking.kind() => {
            assert!(buffer == plaintext, "{case}: a refusal changed the buffer");
            return;
        }
        sealed => must("encrypt in place", case, sealed),
    };
    if !subject.offers(Op::Decrypt, case.alg, case.spec()) {
        return;
    }
    let params = DecryptParams::none()
        .with_iv(&sealed.iv)
        .with_tag(&sealed.tag);
    let back = must(
        "decrypt what was encrypted in place",
        case,
        decrypt(subject, case, &buffer, params.with_aad(aad)),
    );
    assert!(
        back.expose() == plaintext,
        "{case}: what was encrypted in place came back changed"
    );

    let ciphertext = buffer.clone();
    let wrong = params.with_aad(b"other associated data");
    let mut request = must(
        "a request",
        case,
        DecryptInPlaceRequest::new(&case.key, case.alg, &mut buffer, wrong),
    );
    let result = provider.decrypt_in_place(&mut request);
    must_fail(
        "decrypt in place with other data",
        case,
        result,
        &ErrorKind::DecryptFailed,
    );
    assert!(
        buffer == ciphertext,
        "{case}: a failed decryption changed the buffer"
    );

    let request =
        DecryptInPlaceRequest::new(&case.key, case.alg, &mut buffer, params.with_aad(aad));
    let result = provider.decrypt_in_place(&mut must("a request", case, request));
    must("decrypt in place", case, result);
    assert!(
        buffer == plaintext,
        "{case}: what was decrypted in place is not the plaintext"
    );
}

pub(super) fn comes_back(
    subject: &Subject,
    case: &Case<EncryptAlg>,
    plaintext: &[u8],
    aad: Option<&[u8]>,
) {
    let ciphertext = must("encrypt", case, encrypt(subject, case, plaintext, aad));
    let len = plaintext.len();
    assert_eq!(
        ciphertext.as_bytes().len(),
        ciphertext_len(case, len),
        "{case}: the length of {len} bytes when encrypted"
    );
    if is_cbc(case.alg) {
        assert!(
            ciphertext.iv() == Some(&IV[..]),
            "{case}: another IV than the given one"
        );
    }
    if !subject.offers(Op::Decrypt, case.alg, case.spec()) {
        return;
    }
    let mut params = ciphertext.params();
    params.aad = aad;
    let result = decrypt(subject, case, ciphertext.as_bytes(), params);
    let back = must("decrypt", case, result);
    let mut expected = plaintext.to_vec();
    if matches!(case.alg.row().scheme, EncryptScheme::Cbc(_)) {
        expected.resize(len.next_multiple_of(16), 0);
    }
    assert!(
        back.expose() == expected,
        "{case}: {len} bytes came back changed"
    );
}

pub(super) fn encrypt(
    subject: &Subject,
    case: &Case<EncryptAlg>,
    plaintext: &[u8],
    aad: Option<&[u8]>,
) -> Result<Ciphertext, Error> {
    let mut params = EncryptParams::none();
    params.aad = aad;
    params.iv = is_cbc(case.alg).then_some(&IV);
    let request = EncryptRequest::new(&case.key, case.alg, plaintext, params)?;
    subject.provider().encrypt(&request)
}

pub(super) fn encrypt_in_software(
    subject: &Subject,
    case: &Case<EncryptAlg>,
    plaintext: &[u8],
) -> Ciphertext {
    let request = EncryptRequest::new(&case.key, case.alg, plaintext, EncryptParams::none());
    let request = must("a request to encrypt", case, request);
    let rng = &mut ProviderRng::new(subject.provider());
    must("encrypt in software", case, public::encrypt(&request, rng))
}

pub(super) fn decrypt(
    subject: &Subject,
    case: &Case<EncryptAlg>,
    ciphertext: &[u8],
    params: DecryptParams<'_>,
) -> Result<SecretBytes, Error> {
    let request = DecryptRequest::new(&case.key, case.alg, ciphertext, params)?;
    subject.provider().decrypt(&request)
}

pub(super) fn is_gcm(alg: EncryptAlg) -> bool {
    matches!(alg.row().scheme, EncryptScheme::Gcm(_))
}

pub(super) fn is_cbc(alg: EncryptAlg) -> bool {
    matches!(
        alg.row().scheme,
        EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_)
    )
}

/// Lengths at the edges of what the algorithm takes.
fn lengths(case: &Case<EncryptAlg>) -> Vec<usize> {
    let modulus = case.spec().byte_len();
    match case.alg.row().scheme {
        EncryptScheme::Gcm(_) | EncryptScheme::CbcPad(_) => vec![0, 1, 15, 16, 17, 1000],
        EncryptScheme::Cbc(_) => vec![1, 15, 16, 17, 1000],
        EncryptScheme::Oaep(hash) => vec![0, 1, 32, modulus - 2 * hash.len() - 2],
        EncryptScheme::Pkcs1v15 => vec![0, 1, 32, modulus - 11],
    }
}

fn ciphertext_len(case: &Case<EncryptAlg>, plaintext: usize) -> usize {
    match case.alg.row().scheme {
        EncryptScheme::Gcm(_) => plaintext,
        EncryptScheme::Cbc(_) => plaintext.next_multiple_of(16),
        EncryptScheme::CbcPad(_) => (plaintext / 16 + 1) * 16,
        EncryptScheme::Oaep(_) | EncryptScheme::Pkcs1v15 => case.spec().byte_len(),
    }
}
