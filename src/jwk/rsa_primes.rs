//! The primes of an RSA key: looked for, checked, found from `d`, and what follows from them.
//!
//! All is computed in numbers of a fixed width, which live on the stack. On the heap, each
//! number that is dropped would leave a copy of a part of the key behind.

use std::sync::LazyLock;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CheckedSub, CtLt, CtSelect, Limb, NonZero, Odd, Reciprocal, Uint};

use super::integer;
use super::primality::{Origin, is_prime};
use crate::engine::erase::erase_stack;
use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// The public exponent of the keys that are made here.
pub(crate) const EXPONENT: u64 = 65537;

/// Calls a function for the number of limbs that so many bytes have, half a modulus, and erases
/// what it leaves: so none of them may be inlined.
macro_rules! sized {
    ($len:expr, $function:ident($($argument:expr),*), $otherwise:expr) => {{
        let done = match $len {
            128 => $function::<16, 32, 33>($($argument),*),
            192 => $function::<24, 48, 49>($($argument),*),
            256 => $function::<32, 64, 65>($($argument),*),
            _ => $otherwise,
        };
        // Numbers of up to 4096 bits, and tables of their powers.
        erase_stack::<64>();
        done
    }};
}

/// Whether a big-endian number is one to test: odd, without a factor below 752, and with no
/// common factor with [`EXPONENT`] one below. The same steps for every number.
pub(crate) fn is_candidate(number: &[u8]) -> bool {
    sized!(number.len(), sieved(number), false)
}

/// Whether a number is prime, and half as wide as a modulus.
///
/// # Errors
/// [`Randomness`](crate::ErrorKind::Randomness).
pub(crate) fn is_rsa_prime(number: &[u8], origin: Origin) -> Result<bool, Error> {
    sized!(number.len(), prime(number, origin), Ok(false))
}

/// Two distinct primes, not close to each other (FIPS 186-5 A.1.3). Their product is not
/// looked at.
pub(super) fn check(p: &[u8], q: &[u8]) -> Result<(), Error> {
    check_distance(p, q)?;
    for (field, prime) in [("p", p), ("q", q)] {
        if !is_rsa_prime(prime, Origin::Given)? {
            return Err(Error::invalid(field, Rule::NotPrime));
        }
    }
    Ok(())
}

/// The distance of FIPS 186-5 A.1.3 alone.
pub(super) fn check_distance(p: &[u8], q: &[u8]) -> Result<(), Error> {
    match sized!(p.len(), far_apart(p, q), false) {
        true => Ok(()),
        false => Err(Error::invalid("p", Rule::TooClose)),
    }
}

/// The primes of a modulus, the greater one first, each half as wide; nothing if `e` and `d`
/// do not belong to it.
pub(super) fn recover(n: &[u8], e: u64, d: &[u8]) -> Option<[SecretBytes; 2]> {
    sized!(n.len() / 2, factor(n, e, d), None)
}

/// `p q`, and the `d` that belongs to [`EXPONENT`]: its inverse modulo `lcm(p - 1, q - 1)`
/// (FIPS 186-5 A.1.1), for candidates.
pub(super) fn complete(p: &[u8], q: &[u8]) -> Option<[SecretBytes; 2]> {
    sized!(p.len(), completed(p, q), None)
}

/// Divisors of one word, each the product of some of the odd primes below 752, and these.
static SIEVE: LazyLock<Vec<(Reciprocal, Vec<u64>)>> = LazyLock::new(|| {
    let reciprocal = |primes: &[u64]| {
        let product = Limb::from_u64(primes.iter().product());
        Some(Reciprocal::new(NonZero::new(product).into_option()?))
    };
    let words = integer::small_primes_by_word().into_iter();
    words
        .filter_map(|primes| Some((reciprocal(&primes)?, primes)))
        .collect()
});

#[inline(never)]
fn sieved<const H: usize, const N: usize, const X: usize>(number: &[u8]) -> bool {
    let number = read::<H>(number);
    let mut refused = u64::from(!bool::from(number.is_odd()));
    for (product, primes) in SIEVE.iter() {
        let rest = number.rem_limb_with_reciprocal(product).0;
        for prime in primes {
            refused |= u64::from(rest.is_multiple_of(*prime));
        }
    }
    let less_one = number.wrapping_sub(&Uint::ONE);
    refused |= u64::from(by_exponent(&less_one).1 == 0);
    refused == 0
}

#[inline(never)]
fn prime<const H: usize, const N: usize, const X: usize>(
    number: &[u8],
    origin: Origin,
) -> Result<bool, Error> {
    is_prime(&read::<H>(number), origin)
}

#[inline(never)]
fn far_apart<const H: usize, const N: usize, const X: usize>(p: &[u8], q: &[u8]) -> bool {
    let (p, q) = (read::<H>(p), read::<H>(q));
    let distance = p.checked_sub(&q).unwrap_or(q.wrapping_sub(&p));
    distance.bits() > Uint::<H>::BITS - 100
}

/// NIST SP 800-56B revision 2, appendix C.1: a square root of 1 that is neither 1 nor -1 has
/// one prime in its neighbour. Among the powers of any base, one in two leads to such a root;
/// the order of bases does not matter. How many are tried tells next to nothing of the key.
#[inline(never)]
fn factor<const H: usize, const N: usize, const X: usize>(
    n: &[u8],
    e: u64,
    d: &[u8],
) -> Option<[SecretBytes; 2]> {
    let n = Odd::new(read::<N>(n)).into_option()?;
    let (low, high) = read::<N>(d).widening_mul(&Uint::<1>::from_u64(e));
    let multiple = low.concat_resize::<1, X>(&high).wrapping_sub(&Uint::ONE);
    let twos = multiple.trailing_zeros();
    let odd = multiple.shr(twos);
    let params = FixedMontyParams::new_vartime(n);
    let one = FixedMontyForm::one(&params);
    for base in 2..=101_u64 {
        let mut root = FixedMontyForm::new(&Uint::from_u64(base), &params).pow(&odd);
        for _ in 0..twos {
            let square = root.square();
            if square == one {
                if root == one || root == -one {
                    break;
                }
                let one_of_them = (root - one).retrieve().gcd(n.as_ref());
                return both::<H, N>(n.as_ref(), &one_of_them);
            }
            root = square;
        }
    }
    None
}

/// A factor and the other one.
fn both<const H: usize, const N: usize>(n: &Uint<N>, factor: &Uint<N>) -> Option<[SecretBytes; 2]> {
    let factor = NonZero::new(*factor).into_option()?;
    let other = n.wrapping_div(&factor);
    let less = factor.ct_lt(&other);
    let p = Uint::ct_select(factor.as_ref(), &other, less);
    let q = Uint::ct_select(&other, factor.as_ref(), less);
    if p.bits() > Uint::<H>::BITS {
        return None;
    }
    Some([p, q].map(|prime| write(&prime.resize::<H>())))
}

#[inline(never)]
fn completed<const H: usize, const N: usize, const X: usize>(
    p: &[u8],
    q: &[u8],
) -> Option<[SecretBytes; 2]> {
    let (p, q) = (read::<H>(p), read::<H>(q));
    let (low, high) = p.widening_mul(&q);
    let n = low.concat_resize::<H, N>(&high);
    let [p, q] = [p, q].map(|prime| prime.wrapping_sub(&Uint::ONE));
    let (low, high) = p.widening_mul(&q);
    let common = NonZero::new(p.gcd(&q)).into_option()?;
    let multiple = low.concat_resize::<H, N>(&high).div_rem(&common).0;
    // With m = e t + r: d = (k m + 1) / e for the k with k r = -1 modulo e, which is prime.
    let (t, r) = by_exponent(&multiple);
    let inverse = (0..u64::BITS).rev().fold(1, |power, bit| {
        let square = power * power % EXPONENT;
        match ((EXPONENT - 2) >> bit) & 1 {
            1 => square * r % EXPONENT,
            _ => square,
        }
    });
    let k = EXPONENT - inverse;
    let last = Uint::from_u64((k * r + 1) / EXPONENT);
    let d = t.wrapping_mul(&Uint::<1>::from_u64(k)).wrapping_add(&last);
    Some([write(&n), write(&d)])
}

/// The number divided by [`EXPONENT`], and the rest.
fn by_exponent<const L: usize>(number: &Uint<L>) -> (Uint<L>, u64) {
    const DIVISOR: NonZero<Limb> = NonZero::<Limb>::new_unwrap(Limb::from_u64(EXPONENT));
    let (quotient, rest) = number.div_rem_limb(DIVISOR);
    (quotient, rest.0)
}

/// A big-endian number that fits; what does not is cut off.
fn read<const L: usize>(bytes: &[u8]) -> Uint<L> {
    Uint::from_be_slice_truncated(bytes, Uint::<L>::BITS)
}

/// As wide as its type.
fn write<const L: usize>(number: &Uint<L>) -> SecretBytes {
    SecretBytes::copy_of(number.to_be_bytes().as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2^1024 - 105` is the greatest prime below `2^1024`.
    fn greatest() -> Vec<u8> {
        let mut bytes = vec![0xFF; 128];
        bytes[127] = 0xFF - 104;
        bytes
    }

    #[test]
    fn primes_are_told() {
        let prime = greatest();
        let is_rsa_prime = |number: &[u8]| is_rsa_prime(number, Origin::Given);
        assert!(is_rsa_prime(&prime).unwrap());
        assert!(is_candidate(&prime));
        for step in (1..104).step_by(2) {
            let mut composite = prime.clone();
            composite[127] -= step;
            assert!(!is_rsa_prime(&composite).unwrap(), "{step} below");
            assert!(!is_candidate(&composite), "{step} below is even");
        }
        assert!(!is_rsa_prime(&prime[1..]).unwrap(), "no size of ours");
    }

    #[test]
    fn a_factor_below_752_is_found() {
        let number = |factor: u64| {
            let (low, _) = read::<16>(&[1; 100]).widening_mul(&Uint::<1>::from_u64(factor));
            write(&low)
        };
        assert!(!is_candidate(number(751).expose()));
        assert!(!is_candidate(number(3).expose()));
    }

    #[test]
    fn a_prime_that_the_exponent_divides_one_below_is_none_to_take() {
        // Odd multiples of no small prime, until one is found that only the exponent refuses.
        let found = (1..100_000_u64).find(|k| {
            let number = Uint::<16>::from_u64(2 * k)
                .shl_vartime(900)
                .wrapping_mul(&Uint::<1>::from_u64(EXPONENT))
                .wrapping_add(&Uint::ONE);
            let clear = SIEVE.iter().all(|(product, primes)| {
                let rest = number.rem_limb_with_reciprocal(product).0;
                primes.iter().all(|prime| !rest.is_multiple_of(*prime))
            });
            clear && !is_candidate(write(&number).expose())
        });
        assert!(found.is_some());
    }

    #[test]
    fn close_primes_are_refused() {
        let p = greatest();
        let mut q = p.clone();
        q[13] = 0;
        assert!(check_distance(&p, &q).is_err(), "920 bits apart");
        assert!(check_distance(&q, &p).is_err());
        q[12] = 0;
        assert!(check_distance(&p, &q).is_ok());
        assert!(check_distance(&q, &p).is_ok());
    }
}
