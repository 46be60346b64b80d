//! The test that RSA primes must pass, given or made.

use crypto_bigint::{Odd, RandomMod, UnsignedWithMontyForm};
use crypto_primes::hazmat::MillerRabin;
use crypto_primes::{Flavor, is_prime as is_prime_bpsw};

use crate::error::{Error, ErrorKind};

/// Where a number comes from: how many rounds of Miller-Rabin with random bases it is put to, on
/// top of a Baillie-PSW test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It may have been chosen by an attacker, so the average-case error bounds of
    /// FIPS 186-5 table B.1 do not apply: each round lets a composite pass with
    /// probability at most 1/4, and 20 of them behind BPSW leave 2^-40 for a composite
    /// that no one has ever found.
    Given,
    /// It was drawn at random: the most rounds that table B.1 asks for, for primes of 1024 bits
    /// and more.
    Drawn,
}

impl Origin {
    fn rounds(self) -> usize {
        match self {
            Origin::Given => 20,
            Origin::Drawn => 5,
        }
    }
}

/// Whether a number is prime. Variable time: run once, when a key is imported or made. What
/// it computes with stays where the number is: for a `Uint`, on the stack.
///
/// # Errors
/// [`Randomness`](ErrorKind::Randomness).
pub(crate) fn is_prime<T: UnsignedWithMontyForm + RandomMod>(
    candidate: &T,
    origin: Origin,
) -> Result<bool, Error> {
    if !is_prime_bpsw(Flavor::Any, candidate) {
        return Ok(false);
    }
    let Some(odd) = Odd::new(candidate.clone()).into_option() else {
        // 2 is the one even prime; it is none that RSA can use.
        return Ok(false);
    };
    if candidate.bits() < 8 {
        // The random bases need room between 2 and n - 2; BPSW is exact here.
        return Ok(true);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Error::with_source(ErrorKind::Randomness, error))?;
    let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::from_seed(seed);
    let test = MillerRabin::new(odd);
    Ok((0..origin.rounds()).all(|_| test.test_random_base(&mut rng).is_probably_prime()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::U64;

    #[test]
    fn small_numbers() {
        let primes = [3u64, 5, 7, 251, 257, 65537, (1 << 61) - 1];
        for prime in primes {
            assert!(
                is_prime(&U64::from(prime), Origin::Given).unwrap(),
                "{prime}"
            );
        }
        // 561 and 41041 are Carmichael numbers, 2047 a strong pseudoprime to base 2.
        for composite in [0u64, 1, 2, 4, 9, 561, 2047, 41041, (1 << 61) - 3] {
            let composite = U64::from(composite);
            assert!(!is_prime(&composite, Origin::Given).unwrap(), "{composite}");
        }
    }
}
