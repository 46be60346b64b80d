//! Many at once: batches and threads.

use std::thread;

use super::signing::{sign, verifies_everywhere};
use super::subject::{Case, Subject, must, must_fail};
use crate::alg::{Op, SignAlg, SignScheme};
use crate::error::ErrorKind;
use crate::fit::{SignRequest, VerifyRequest};
use crate::handle::{KeyHandle, ProviderId};

/// Each case stands in a batch as often as this: enough to fill lanes and leave a rest.
const TIMES: usize = 11;

/// A batch over all keys and algorithms, mixed, gives what a loop gives, in its order.
pub fn a_batch_is_a_loop(subject: &Subject) {
    let cases = subject.signing(Op::Sign);
    let items = mixed(&cases);
    let requests: Vec<_> = items.iter().map(|item| item.request()).collect();
    let signatures = subject.provider().sign_batch(&requests);
    assert_eq!(
        signatures.len(),
        items.len(),
        "the length of a batch of signatures"
    );

    let mut verifiable = Vec::new();
    for (item, signature) in items.iter().zip(signatures) {
        let (case, message) = (item.case, &item.message);
        let signature = must("sign in a batch", case, signature).into_bytes();
        if matches!(
            case.alg.row().scheme,
            SignScheme::Pkcs1v15 | SignScheme::Hmac
        ) {
            let alone = sign(subject, case, message);
            assert!(signature == alone, "{case}: in a batch and alone differ");
        }
        verifies_everywhere(subject, case, message, &signature);
        if subject.offers(Op::Verify, case.alg, case.spec()) {
            verifiable.push((item, signature));
        }
    }
    let requests: Vec<_> = verifiable
        .iter()
        .map(|(item, signature)| item.verify_request(signature))
        .collect();
    let verdicts = subject.provider().verify_batch(&requests);
    assert_eq!(
        verdicts.len(),
        verifiable.len(),
        "the length of a batch of verdicts"
    );
    for ((item, _), verdict) in verifiable.iter().zip(verdicts) {
        must("verify in a batch", item.case, verdict);
    }
    assert!(
        subject.provider().sign_batch(&[]).is_empty(),
        "an empty batch"
    );
    assert!(
        subject.provider().verify_batch(&[]).is_empty(),
        "an empty batch"
    );
}

/// What fails in a batch fails alone, in its place, as it would outside of one.
pub fn failures_in_a_batch_stay_in_their_place(subject: &Subject) {
    let mut cases = subject.signing(Op::Sign);
    let foreign: Vec<_> = cases
        .iter()
        .map(|case| case.with(foreign(&case.key)))
        .collect();
    cases.extend(foreign);
    let items = mixed(&cases);
    let requests: Vec<_> = items.iter().map(|item| item.request()).collect();
    let signatures = subject.provider().sign_batch(&requests);
    assert_eq!(
        signatures.len(),
        items.len(),
        "the length of a batch with failures"
    );
    for (item, result) in items.iter().zip(signatures) {
        if item.case.key.provider() == subject.provider().id() {
            let signature = must("sign beside failures", item.case, result);
            verifies_everywhere(subject, item.case, &item.message, signature.as_bytes());
        } else {
            must_fail(
                "sign with a stranger's key",
                item.case,
                result,
                &ErrorKind::NotFound,
            );
        }
    }
    bad_signatures_stay_in_their_place(subject);
}

/// Eight threads that use one key at a time, then all keys in turn, get right results.
pub fn threads_share_keys(subject: &Subject) {
    let cases = subject.signing(Op::Sign);
    // One algorithm of each scheme and kind of key is enough.
    let mut chosen: Vec<&Case<SignAlg>> = Vec::new();
    for case in &cases {
        let alike = |other: &Case<SignAlg>| {
            other.spec() == case.spec() && other.alg.row().scheme == case.alg.row().scheme
        };
        if !chosen.iter().any(|other| alike(other)) {
            chosen.push(case);
        }
    }
    for case in &chosen {
        thread::scope(|scope| {
            for number in 0..8_u8 {
                scope.spawn(move || sign_some(subject, case, number, 4));
            }
        });
    }
    thread::scope(|scope| {
        for number in 0..8_u8 {
            let chosen = &chosen;
            scope.spawn(move || {
                for case in chosen {
                    sign_some(subject, case, number, 1);
                }
            });
        }
    });
}

fn sign_some(subject: &Subject, case: &Case<SignAlg>, thread: u8, times: u8) {
    for time in 0..times {
        let message = [thread, time];
        let signature = sign(subject, case, &message);
        verifies_everywhere(subject, case, &message, &signature);
    }
}

fn bad_signatures_stay_in_their_place(subject: &Subject) {
    let cases = subject.signing(Op::Verify).into_iter();
    let cases: Vec<_> = cases
        .filter(|case| subject.offers(Op::Sign, case.alg, case.spec()))
        .collect();
    let items = mixed(&cases);
    let signed: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(place, item)| {
            let mut signature = sign(subject, item.case, &item.message);
            if is_bad(place) {
                let at = place % signature.len();
                signature[at] ^= 0x04;
            }
            signature
        })
        .collect();
    let requests: Vec<_> = items
        .iter()
        .zip(&signed)
        .map(|(item, signature)| item.verify_request(signature))
        .collect();
    let verdicts = subject.provider().verify_batch(&requests);
    assert_eq!(
        verdicts.len(),
        items.len(),
        "the length of a batch of verdicts"
    );
    for ((place, item), verdict) in items.iter().enumerate().zip(verdicts) {
        if is_bad(place) {
            must_fail(
                "verify a bad one",
                item.case,
                verdict,
                &ErrorKind::BadSignature,
            );
        } else {
            must("verify beside bad ones", item.case, verdict);
        }
    }
}

/// No two neighbours in a lane of eight share their fate for long.
fn is_bad(place: usize) -> bool {
    place % 3 == 1 || place % 8 == 7
}

/// One place of a batch.
struct Item<'a> {
    case: &'a Case<SignAlg>,
    message: Vec<u8>,
}

impl Item<'_> {
    fn request(&self) -> SignRequest<'_> {
        let request = SignRequest::for_message(&self.case.key, self.case.alg, &self.message);
        must("a request to sign", self.case, request)
    }

    fn verify_request<'a>(&'a self, signature: &'a [u8]) -> VerifyRequest<'a> {
        let Case { alg, key } = self.case;
        let request = VerifyRequest::for_message(key, *alg, &self.message, signature);
        must("a request to verify", self.case, request)
    }
}

/// Every case several times, each time with another message, keys and algorithms taking
/// turns.
fn mixed(cases: &[Case<SignAlg>]) -> Vec<Item<'_>> {
    let rounds = (0..TIMES).flat_map(|round| cases.iter().map(move |case| (round, case)));
    let items = rounds.enumerate().map(|(place, (round, case))| Item {
        case,
        message: format!("message {place} of round {round}").into_bytes(),
    });
    items.collect()
}

fn foreign(key: &KeyHandle) -> KeyHandle {
    let stranger = must(
        "a name",
        "stranger",
        ProviderId::new("conformance-stranger"),
    );
    let (spec, public) = (key.spec(), key.public().cloned());
    let handle = KeyHandle::new(stranger, key.id(), spec, public, key.blob().to_vec());
    must("a handle", spec, handle)
}
