//! RSA keys: the numbers of a JWK, checked (RFC 7518 section 6.3).

use std::fmt;

use crypto_bigint::BoxedUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use zeroize::Zeroizing;

use super::{integer, primality};
use crate::alg::KeySpec;
use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// The longest integer read, in bytes, leading zeros included: twice the largest
/// modulus supported. Anything longer is refused before any arithmetic.
pub(super) const MAX_INTEGER_LEN: usize = 1024;

/// The least public exponent (FIPS 186-5 A.1.1).
const MIN_EXPONENT: u64 = 65537;

/// The greatest public exponent: a larger one only buys the caller more of our time.
const MAX_EXPONENT: u64 = (1 << 33) - 1;

/// An RSA public key whose numbers have been checked: the modulus has a supported
/// size, is odd and has no small factor; the exponent is odd and in 65537..2^33.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublic {
    key: rsa::RsaPublicKey,
}

impl RsaPublic {
    /// Builds a key from big-endian integers; leading zero bytes are accepted.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `n` or `e`.
    pub fn from_components(n: &[u8], e: &[u8]) -> Result<Self, Error> {
        let n = integer::minimal("n", n, MAX_INTEGER_LEN)?;
        let bits = integer::bits(n);
        if (KeySpec::Rsa { bits }).check().is_err() {
            return Err(Error::invalid("n", Rule::Size));
        }
        if integer::is_even(n) {
            return Err(Error::invalid("n", Rule::Even));
        }
        if integer::has_small_factor(n) {
            return Err(Error::invalid("n", Rule::SmallFactor));
        }
        let e = exponent(integer::minimal("e", e, MAX_INTEGER_LEN)?)?;
        let n = integer::to_uint(n, bits);
        let key = rsa::RsaPublicKey::new(n, BoxedUint::from(e))
            .map_err(|_| Error::invalid("n", Rule::Inconsistent))?;
        Ok(RsaPublic { key })
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn n(&self) -> Vec<u8> {
        self.key.n().to_be_bytes_trimmed_vartime().into()
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn e(&self) -> Vec<u8> {
        self.key.e().to_be_bytes_trimmed_vartime().into()
    }

    /// The modulus' size in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.key.n().bits_vartime()
    }

    /// For the layers that compute with it.
    pub(crate) fn key(&self) -> &rsa::RsaPublicKey {
        &self.key
    }
}

impl fmt::Debug for RsaPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublic({} bits)", self.bits())
    }
}

/// Checks a public exponent (public data, so in variable time).
fn exponent(e: &[u8]) -> Result<u64, Error> {
    if integer::is_even(e) {
        return Err(Error::invalid("e", Rule::Even));
    }
    if e.len() > size_of::<u64>() {
        return Err(Error::invalid("e", Rule::LargeExponent));
    }
    let e = e.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    match e {
        ..MIN_EXPONENT => Err(Error::invalid("e", Rule::SmallExponent)),
        MIN_EXPONENT..=MAX_EXPONENT => Ok(e),
        _ => Err(Error::invalid("e", Rule::LargeExponent)),
    }
}

/// The members of an RSA private key as they were read, before any check.
pub(crate) struct RsaMembers<'a> {
    pub(crate) d: &'a [u8],
    pub(crate) p: Option<&'a [u8]>,
    pub(crate) q: Option<&'a [u8]>,
    pub(crate) dp: Option<&'a [u8]>,
    pub(crate) dq: Option<&'a [u8]>,
    pub(crate) qi: Option<&'a [u8]>,
}

/// The private numbers of an RSA key with two primes: complete, and checked against
/// each other and against the public key.
///
/// Big-endian, each as wide as its range (`d` as the modulus, the others half that),
/// so that a length tells nothing about a value. A private key is validated once, when
/// it is imported; comparing given with computed values is in constant time, the test
/// for primality is not.
#[derive(Debug, PartialEq)]
pub struct RsaSecret {
    pub(crate) d: SecretBytes,
    pub(crate) p: SecretBytes,
    pub(crate) q: SecretBytes,
    pub(crate) dp: SecretBytes,
    pub(crate) dq: SecretBytes,
    pub(crate) qi: SecretBytes,
}

impl RsaSecret {
    /// Checks the members and computes those that are absent (all five or none: a
    /// half-given key is a broken one).
    pub(crate) fn from_members(public: &RsaPublic, given: &RsaMembers<'_>) -> Result<Self, Error> {
        let bits = public.bits();
        let d = private("d", given.d, bits)?;
        let primes = match (given.p, given.q) {
            (None, None) if given.dp.or(given.dq).or(given.qi).is_none() => Vec::new(),
            (None, _) => return Err(Error::invalid("p", Rule::Missing)),
            (_, None) => return Err(Error::invalid("q", Rule::Missing)),
            (Some(p), Some(q)) => {
                vec![private("p", p, bits / 2)?, private("q", q, bits / 2)?]
            }
        };
        if d.bits() <= bits / 2 {
            return Err(Error::invalid("d", Rule::SmallPrivateExponent));
        }
        if let [p, q] = primes.as_slice() {
            check_primes(p, q, bits)?;
        }
        let recovered = primes.is_empty();
        let key = assemble(public, &d, &primes)?;
        let secret = RsaSecret::from_key(&key)?;
        if recovered {
            let p = integer::to_uint(secret.p.expose(), bits / 2);
            let q = integer::to_uint(secret.q.expose(), bits / 2);
            return check_primes(&Zeroizing::new(p), &Zeroizing::new(q), bits).map(|()| secret);
        }
        let computed = [
            ("dp", given.dp, &secret.dp),
            ("dq", given.dq, &secret.dq),
            ("qi", given.qi, &secret.qi),
        ];
        for (field, given, computed) in computed {
            let given = given.ok_or_else(|| Error::invalid(field, Rule::Missing))?;
            let given = integer::fixed(field, given, computed.len())?;
            if given != *computed {
                return Err(Error::invalid(field, Rule::Inconsistent));
            }
        }
        Ok(secret)
    }

    /// Takes the numbers out of a key that was generated or has been validated.
    pub(crate) fn from_key(key: &rsa::RsaPrivateKey) -> Result<Self, Error> {
        let inconsistent = || Error::invalid("d", Rule::Inconsistent);
        let width = key.size();
        let [p, q] = key.primes() else {
            return Err(Error::invalid("oth", Rule::Unsupported));
        };
        let qi = Zeroizing::new(key.crt_coefficient().ok_or_else(inconsistent)?);
        Ok(RsaSecret {
            d: integer::to_bytes(key.d(), width),
            p: integer::to_bytes(p, width / 2),
            q: integer::to_bytes(q, width / 2),
            dp: integer::to_bytes(key.dp().ok_or_else(inconsistent)?, width / 2),
            dq: integer::to_bytes(key.dq().ok_or_else(inconsistent)?, width / 2),
            qi: integer::to_bytes(&qi, width / 2),
        })
    }
}

/// Reads a private integer below `2^bits` and above 1.
fn private(field: &'static str, bytes: &[u8], bits: u32) -> Result<Zeroizing<BoxedUint>, Error> {
    let bytes = integer::minimal(field, bytes, MAX_INTEGER_LEN)?;
    if integer::bits(bytes) > bits || bytes == [1] {
        return Err(Error::invalid(field, Rule::OutOfRange));
    }
    Ok(Zeroizing::new(integer::to_uint(bytes, bits)))
}

/// Two distinct primes, not close to each other (FIPS 186-5 A.1.3). The product is
/// checked where the key is assembled.
fn check_primes(p: &BoxedUint, q: &BoxedUint, bits: u32) -> Result<(), Error> {
    let distance = if p > q {
        p.wrapping_sub(q)
    } else {
        q.wrapping_sub(p)
    };
    if Zeroizing::new(distance).bits() <= bits / 2 - 100 {
        return Err(Error::invalid("p", Rule::TooClose));
    }
    for (field, prime) in [("p", p), ("q", q)] {
        if !primality::is_prime(prime)? {
            return Err(Error::invalid(field, Rule::NotPrime));
        }
    }
    Ok(())
}

/// Builds the computing form; without primes they are recovered from `d`
/// (SP 800-56B appendix C.2). Checks that `p q = n` and that `e d = 1` modulo
/// `p - 1` and `q - 1`.
fn assemble(
    public: &RsaPublic,
    d: &BoxedUint,
    primes: &[Zeroizing<BoxedUint>],
) -> Result<rsa::RsaPrivateKey, Error> {
    let primes = primes.iter().map(|prime| BoxedUint::clone(prime)).collect();
    let (n, e) = (public.key.n().as_ref().clone(), public.key.e().clone());
    rsa::RsaPrivateKey::from_components(n, e, d.clone(), primes).map_err(|error| {
        let field = match error {
            rsa::Error::InvalidModulus => "n",
            rsa::Error::InvalidPrime => "p",
            _ => "d",
        };
        Error::invalid(field, Rule::Inconsistent)
    })
}
