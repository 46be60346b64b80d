//! Signatures and MACs.

use super::subject::{Case, Subject, must, must_fail, sample};
use crate::alg::{Hash, KeySpec, Op, SignAlg, SignScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{SignRequest, VerifyRequest};
use crate::public;

/// Every signature that is offered verifies: with the backend, and with the public half
/// in software. Its length is the one that JOSE says.
pub fn signatures_verify(subject: &Subject) {
    for case in subject.signing(Op::Sign) {
        for len in [0, 1, 32, 64, 4099] {
            let message = sample(len);
            let signature = sign(subject, &case, &message);
            assert_eq!(
                signature.len(),
                signature_len(&case),
                "{case}: the length of the signature of {len} bytes"
            );
            verifies_everywhere(subject, &case, &message, &signature);
        }
    }
}

/// A digest made elsewhere is signed as the message is; the MAC of HS* runs over the
/// digest's bytes instead, as the service does it.
pub fn digests_are_signed_like_their_messages(subject: &Subject) {
    let message = b"a message to hash";
    for case in subject.signing(Op::Sign) {
        let digest = case.alg.row().hash.hash(message);
        let request = SignRequest::for_digest(&case.key, case.alg, digest.as_digest());
        let request = must("a request with a digest", &case, request);
        let signature = must("sign a digest", &case, subject.provider().sign(&request));
        let signature = signature.as_bytes();
        if case.spec().is_symmetric() {
            let same = sign(subject, &case, digest.as_bytes());
            assert!(signature == same, "{case}: the MAC over the digest's bytes");
            let other = sign(subject, &case, message);
            assert!(
                signature != other,
                "{case}: the digest was not MACed as given"
            );
            continue;
        }
        verifies_everywhere(subject, &case, message, signature);
    }
}

/// RS* and HS* give the same bytes each time, PS* others: its salt is random.
pub fn signatures_repeat_where_they_must(subject: &Subject) {
    for case in subject.signing(Op::Sign) {
        let [one, two] = [(); 2].map(|()| sign(subject, &case, b"twice the same"));
        match case.alg.row().scheme {
            SignScheme::Pkcs1v15 | SignScheme::Hmac => {
                assert!(one == two, "{case}: two signatures differ");
            }
            SignScheme::Pss => assert!(one != two, "{case}: the salt is not random"),
            // Random, deterministic and hedged nonces are all in use.
            SignScheme::Ecdsa(_) => {}
        }
    }
}

/// A bit flipped anywhere, another length, zeros, another message: a bad signature each
/// time, with nothing else to be learnt.
pub fn altered_signatures_are_refused(subject: &Subject) {
    for (case, message, signature) in signed(subject) {
        for (what, wrong) in alterations(&signature) {
            let result = verify(subject, &case, message, &wrong);
            must_fail(&what, &case, result, &ErrorKind::BadSignature);
        }
        for other in [&b""[..], b"another message", b"a message to verif"] {
            let result = verify(subject, &case, other, &signature);
            must_fail(
                "verify another message",
                &case,
                result,
                &ErrorKind::BadSignature,
            );
        }
    }
}

/// What one key signed, another key of the same kind does not verify.
pub fn signatures_of_another_key_are_refused(subject: &Subject) {
    for (case, message, signature) in signed(subject) {
        let Some(other) = subject.second_key(case.spec()) else {
            continue;
        };
        let result = verify(subject, &case.with(other), message, &signature);
        must_fail(
            "verify with another key",
            &case,
            result,
            &ErrorKind::BadSignature,
        );
    }
}

/// What was signed with one algorithm does not verify with another one of the same key.
pub fn signatures_of_another_algorithm_are_refused(subject: &Subject) {
    for (case, message, signature) in signed(subject) {
        for other in SignAlg::ALL.iter().filter(|other| **other != case.alg) {
            if !subject.offers(Op::Verify, *other, case.spec()) {
                continue;
            }
            let other = Case {
                alg: *other,
                key: case.key.clone(),
            };
            let result = verify(subject, &other, message, &signature);
            let what = format!("verify as {}", other.alg);
            must_fail(&what, &case, result, &ErrorKind::BadSignature);
        }
    }
}

/// A message of a mebibyte is signed and verified.
pub fn large_messages_are_signed(subject: &Subject) {
    let message = sample(super::LARGE);
    for case in subject.signing(Op::Sign) {
        let signature = sign(subject, &case, &message);
        verifies_everywhere(subject, &case, &message, &signature);
    }
}

/// A digest of a hash function that is not the algorithm's is refused.
pub fn digests_of_another_hash_are_refused(subject: &Subject) {
    for case in subject.signing(Op::Sign) {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            if hash == case.alg.row().hash {
                continue;
            }
            let digest = hash.hash(b"a message");
            let request = SignRequest::for_digest(&case.key, case.alg, digest.as_digest());
            let refused = request.is_err_and(|error| {
                matches!(
                    error.kind(),
                    ErrorKind::Invalid {
                        field: "digest",
                        ..
                    }
                )
            });
            assert!(refused, "{case}: a digest of {hash} was not refused");
        }
    }
}

pub(super) fn sign(subject: &Subject, case: &Case<SignAlg>, message: &[u8]) -> Vec<u8> {
    let request = SignRequest::for_message(&case.key, case.alg, message);
    let request = must("a request to sign", case, request);
    must("sign", case, subject.provider().sign(&request)).into_bytes()
}

pub(super) fn verify(
    subject: &Subject,
    case: &Case<SignAlg>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let request = VerifyRequest::for_message(&case.key, case.alg, message, signature)?;
    subject.provider().verify(&request)
}

/// With the backend if it offers that, and in software if there is a public half.
pub(super) fn verifies_everywhere(
    subject: &Subject,
    case: &Case<SignAlg>,
    message: &[u8],
    signature: &[u8],
) {
    if subject.offers(Op::Verify, case.alg, case.spec()) {
        must("verify", case, verify(subject, case, message, signature));
    }
    if !case.spec().is_symmetric() {
        let request = VerifyRequest::for_message(&case.key, case.alg, message, signature);
        let request = must("a request to verify", case, request);
        must("verify in software", case, public::verify(&request));
    }
}

/// Every row that can be verified and signed, with a signature to verify.
fn signed(subject: &Subject) -> Vec<(Case<SignAlg>, &'static [u8], Vec<u8>)> {
    let message = b"a message to verify";
    let cases = subject.signing(Op::Verify).into_iter();
    let signable = cases.filter(|case| subject.offers(Op::Sign, case.alg, case.spec()));
    let signed = signable.map(|case| {
        let signature = sign(subject, &case, message);
        (case, &message[..], signature)
    });
    signed.collect()
}

/// Signatures that are not this one.
fn alterations(signature: &[u8]) -> Vec<(String, Vec<u8>)> {
    let len = signature.len();
    let mut wrong: Vec<(String, Vec<u8>)> = Vec::new();
    for at in [0, 1, len / 2 - 1, len / 2, len - 1] {
        for bit in [0x01, 0x80] {
            let mut flipped = signature.to_vec();
            flipped[at] ^= bit;
            wrong.push((format!("verify with byte {at} changed"), flipped));
        }
    }
    let mut add =
        |what: &str, signature: Vec<u8>| wrong.push((format!("verify {what}"), signature));
    add("nothing", Vec::new());
    add("one byte less", signature[..len - 1].to_vec());
    add("one byte more", [signature, &[0]].concat());
    add("a zero byte in front", [&[0], signature].concat());
    add("half", signature[..len / 2].to_vec());
    add("it twice", [signature, signature].concat());
    add("zeros", vec![0; len]);
    add("ones", vec![0xFF; len]);
    wrong
}

fn signature_len(case: &Case<SignAlg>) -> usize {
    let row = case.alg.row();
    match (row.scheme, case.spec()) {
        (SignScheme::Hmac, _) => row.hash.len(),
        (SignScheme::Ecdsa(curve), _) => 2 * curve.field_len(),
        (_, KeySpec::Rsa { bits }) => usize::try_from(bits / 8).unwrap_or_default(),
        _ => panic!("{case}: fits no kind of key that the suite knows"),
    }
}
