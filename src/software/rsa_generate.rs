//! Making RSA keys: two probable primes by FIPS 186-5 appendix A.1.3.

use rand_core::{Rng, TryCryptoRng};

use crate::alg::KeySpec;
use crate::engine::rsa::{TOGETHER, passes_fermat};
use crate::error::{Error, ErrorKind};
use crate::jwk::{Origin, RsaPublic, RsaSecret, is_candidate, is_rsa_prime};
use crate::public::seeded;
use crate::secret::SecretBytes;

/// A new key. Primes are searched with a generator seeded once, so one that fails in the
/// middle of the search is an error here.
pub(super) fn generate<R: TryCryptoRng + ?Sized>(
    bits: u32,
    rng: &mut R,
) -> Result<(RsaSecret, RsaPublic), Error> {
    (KeySpec::Rsa { bits }).check()?;
    let mut rng = seeded(rng)?;
    let width = usize::try_from(bits / 16).unwrap_or_default();
    let (p, q) = (prime(width, &mut rng)?, prime(width, &mut rng)?);
    // The primes are too close with a chance of 2^-100 alone: then something is broken.
    RsaSecret::from_primes(p, q).map_err(|_| ErrorKind::FaultDetected.into())
}

/// A prime with both top bits, so that the product of two has all its bits. Each candidate is
/// drawn anew: primes behind long gaps are not favoured.
fn prime(width: usize, rng: &mut impl Rng) -> Result<SecretBytes, Error> {
    loop {
        let candidates: [_; TOGETHER] = std::array::from_fn(|_| candidate(width, rng));
        let passed = passes_fermat(&candidates.each_ref().map(|number| number.expose()));
        for (number, passed) in candidates.into_iter().zip(passed) {
            if passed && is_rsa_prime(number.expose(), Origin::Drawn)? {
                return Ok(number);
            }
        }
    }
}

fn candidate(width: usize, rng: &mut impl Rng) -> SecretBytes {
    let mut number = SecretBytes::zeroed(width);
    loop {
        rng.fill_bytes(number.expose_mut());
        if let [first, .., last] = number.expose_mut() {
            *first |= 0xC0;
            *last |= 1;
        }
        if is_candidate(number.expose()) {
            return number;
        }
    }
}
