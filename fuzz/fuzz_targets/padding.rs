//! Decoding RSA blocks: agreement with a reading that branches as it likes. The first
//! byte picks the scheme, the second becomes the block's first byte; an OAEP
//! block's content is given unmasked, so that the input decides what is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use strongroom::{ErrorKind, Hash, SecretBytes, internal};

/// The longest block, that of a key of 4096 bits.
const MOST: usize = 512;

fuzz_target!(|data: &[u8]| {
    let [scheme, first, rest @ ..] = data else {
        return;
    };
    let rest = &rest[..rest.len().min(MOST - 1)];
    match scheme % 2 {
        0 => oaep(*first, rest),
        _ => pkcs1(&[&[*first], rest].concat()),
    }
});

/// `rest` is the seed and what follows the label's hash, which is added: a fuzzer does
/// not guess it.
fn oaep(first: u8, rest: &[u8]) {
    let (seed, rest) = rest.split_at(rest.len().min(32));
    let mut db = [Sha256::digest(b"").as_slice(), rest].concat();
    let mut seed = seed.to_vec();
    mask(&seed, &mut db);
    mask(&db, &mut seed);
    let em = [[first].as_slice(), &seed, &db].concat();
    let decoded = internal::oaep_decode(&em, Hash::Sha256);
    let separator = rest.iter().position(|byte| *byte != 0);
    let good = first == 0 && seed.len() == 32;
    match separator.filter(|at| good && rest[*at] == 1) {
        Some(at) => assert!(is(decoded, &rest[at + 1..]), "another message"),
        None => {
            let error = decoded.expect_err("malformed");
            assert_eq!(*error.kind(), ErrorKind::DecryptFailed);
        }
    }
    // With another hash the label is another one.
    for hash in [Hash::Sha1, Hash::Sha384, Hash::Sha512] {
        assert!(internal::oaep_decode(&em, hash).is_err());
    }
}

fn pkcs1(em: &[u8]) {
    let ciphertext = vec![7; em.len()];
    let decode = |em: &[u8]| internal::pkcs1_decode(em, &ciphertext, &[1; 32]);
    if em.len() < 11 {
        assert!(decode(em).is_err(), "shorter than any block");
        return;
    }
    let made_up = decode(&vec![0; em.len()]).expect("made up");
    assert!(made_up.len() <= em.len() - 11, "longer than any message");
    let separator = em.iter().skip(2).position(|byte| *byte == 0);
    match separator.filter(|at| em.starts_with(&[0, 2]) && *at >= 8) {
        Some(at) => assert!(is(decode(em), &em[at + 3..]), "another message"),
        None => assert!(is(decode(em), made_up.expose()), "not what is made up"),
    }
}

fn is(decoded: Result<SecretBytes, strongroom::Error>, expected: &[u8]) -> bool {
    decoded.is_ok_and(|decoded| decoded.expose() == expected)
}

/// MGF1 with SHA-256 (RFC 8017 appendix B.2.1).
fn mask(seed: &[u8], target: &mut [u8]) {
    for (counter, chunk) in (0_u32..).zip(target.chunks_mut(32)) {
        let block = Sha256::digest([seed, counter.to_be_bytes().as_slice()].concat());
        let pairs = chunk.iter_mut().zip(block);
        pairs.for_each(|(byte, mask)| *byte ^= mask);
    }
}
