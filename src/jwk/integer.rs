//! Big-endian integers of a JWK.

use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// Strips leading zero bytes. Importers send them (a Java `BigInteger` has one), we
/// accept them and never write them.
pub(crate) fn minimal<'a>(
    field: &'static str,
    bytes: &'a [u8],
    max: usize,
) -> Result<&'a [u8], Error> {
    if bytes.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if bytes.len() > max {
        return Err(Error::invalid(field, Rule::TooLong(max)));
    }
    let stripped = strip(bytes);
    if stripped.is_empty() {
        return Err(Error::invalid(field, Rule::OutOfRange));
    }
    Ok(stripped)
}

/// The bytes without leading zeros.
pub(crate) fn strip(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The same integer in exactly `len` bytes.
pub(crate) fn fixed(field: &'static str, bytes: &[u8], len: usize) -> Result<SecretBytes, Error> {
    let bytes = strip(bytes);
    let mut out = SecretBytes::zeroed(len);
    let start = len.checked_sub(bytes.len());
    let target = start.and_then(|start| out.expose_mut().get_mut(start..));
    let target = target.ok_or_else(|| Error::invalid(field, Rule::OutOfRange))?;
    target.copy_from_slice(bytes);
    Ok(out)
}

/// The number of bits of a stripped integer.
pub(crate) fn bits(bytes: &[u8]) -> u32 {
    let Some(first) = bytes.first() else { return 0 };
    u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX) - first.leading_zeros()
}

pub(crate) fn is_even(bytes: &[u8]) -> bool {
    bytes.last().is_none_or(|last| last % 2 == 0)
}

/// The odd primes below 752, by words: the product of each list fits in 64 bits (SP 800-89
/// section 5.3.3 asks for this trial division of a public modulus).
pub(super) fn small_primes_by_word() -> Vec<Vec<u64>> {
    let is_prime = |n: &u64| {
        (3..*n)
            .step_by(2)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    let (mut words, mut product) = (Vec::<Vec<u64>>::new(), 0_u64);
    for prime in (3..752).step_by(2).filter(is_prime) {
        match (words.last_mut(), product.checked_mul(prime)) {
            (Some(word), Some(longer)) => {
                word.push(prime);
                product = longer;
            }
            _ => {
                words.push(vec![prime]);
                product = prime;
            }
        }
    }
    words
}

/// Whether a public modulus shares a factor with the primes below 752.
pub(crate) fn has_small_factor(n: &[u8]) -> bool {
    use std::sync::LazyLock;
    static PRODUCTS: LazyLock<Vec<u64>> = LazyLock::new(|| {
        let words = small_primes_by_word();
        words.iter().map(|word| word.iter().product()).collect()
    });
    PRODUCTS.iter().any(|product| {
        let rest = n.iter().fold(0, |rest, byte| {
            let rest = ((u128::from(rest) << 8) | u128::from(*byte)) % u128::from(*product);
            u64::try_from(rest).unwrap_or_default()
        });
        gcd(*product, rest) != 1
    })
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_are_stripped_and_zero_is_out_of_range() {
        assert_eq!(minimal("n", &[0, 0, 1, 2], 9).unwrap(), [1, 2]);
        assert!(minimal("n", &[0, 0], 9).is_err());
        assert!(minimal("n", &[], 9).is_err());
        assert!(minimal("n", &[1; 10], 9).is_err());
    }

    #[test]
    fn widths() {
        assert_eq!(fixed("d", &[0, 0, 7], 2).unwrap().expose(), [0, 7]);
        assert!(fixed("d", &[1, 0, 7], 2).is_err());
        assert_eq!(bits(&[0x01, 0xFF]), 9);
    }

    #[test]
    fn small_factors_are_found() {
        assert!(has_small_factor(&(751u64 * 18_446_744_073).to_be_bytes()));
        assert!(has_small_factor(&[3]));
        // 2^61 - 1 is prime.
        assert!(!has_small_factor(&((1u64 << 61) - 1).to_be_bytes()));
    }
}
