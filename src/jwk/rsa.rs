//! RSA keys: the numbers of a JWK, checked (RFC 7518 section 6.3).

use std::fmt;
use std::sync::Arc;

use super::{integer, rsa_primes};
use crate::alg::KeySpec;
use crate::engine::rsa::{Mismatch, PrivateKey, PublicKey};
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
#[derive(Clone)]
pub struct RsaPublic {
    n: Box<[u8]>,
    e: u64,
    key: Arc<PublicKey>,
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
        let key = PublicKey::new(n, e).ok_or_else(|| Error::invalid("n", Rule::Inconsistent))?;
        Ok(RsaPublic {
            n: n.into(),
            e,
            key: Arc::new(key),
        })
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn n(&self) -> Vec<u8> {
        self.n.to_vec()
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn e(&self) -> Vec<u8> {
        integer::strip(&self.e.to_be_bytes()).to_vec()
    }

    /// The modulus' size in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        integer::bits(&self.n)
    }

    /// The modulus' length in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.n.len()
    }

    /// For the layers that compute with it.
    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }
}

impl PartialEq for RsaPublic {
    fn eq(&self, other: &Self) -> bool {
        (&self.n, self.e) == (&other.n, other.e)
    }
}

impl Eq for RsaPublic {}

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
        let (bits, width) = (public.bits(), public.byte_len());
        let d = private("d", given.d, width)?;
        let primes = match (given.p, given.q) {
            (None, None) if given.dp.or(given.dq).or(given.qi).is_none() => None,
            (None, _) => return Err(Error::invalid("p", Rule::Missing)),
            (_, None) => return Err(Error::invalid("q", Rule::Missing)),
            (Some(p), Some(q)) => Some([private("p", p, width / 2)?, private("q", q, width / 2)?]),
        };
        if integer::bits(integer::strip(d.expose())) <= bits / 2 {
            return Err(Error::invalid("d", Rule::SmallPrivateExponent));
        }
        let recovered = primes.is_none();
        let [p, q] = primes
            .or_else(|| rsa_primes::recover(&public.n, public.e, d.expose()))
            .ok_or_else(|| Error::invalid("d", Rule::Inconsistent))?;
        rsa_primes::check(p.expose(), q.expose())?;
        let secret = RsaSecret::assemble(public, d, p, q)?;
        if recovered {
            return Ok(secret);
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

    /// The key of two primes that were made, and their public key; its exponent is 65537.
    pub(crate) fn from_primes(p: SecretBytes, q: SecretBytes) -> Result<(Self, RsaPublic), Error> {
        rsa_primes::check_distance(p.expose(), q.expose())?;
        let [n, d] = rsa_primes::complete(p.expose(), q.expose())
            .ok_or_else(|| Error::invalid("p", Rule::Inconsistent))?;
        let public = RsaPublic::from_components(n.expose(), &rsa_primes::EXPONENT.to_be_bytes())?;
        if integer::bits(integer::strip(d.expose())) <= public.bits() / 2 {
            return Err(Error::invalid("d", Rule::SmallPrivateExponent));
        }
        Ok((RsaSecret::assemble(&public, d, p, q)?, public))
    }

    /// Completes numbers whose widths are right. Checks that `p q = n` and that `e d = 1` modulo
    /// `p - 1` and `q - 1`.
    pub(crate) fn assemble(
        public: &RsaPublic,
        d: SecretBytes,
        p: SecretBytes,
        q: SecretBytes,
    ) -> Result<Self, Error> {
        let key = PrivateKey::new(&public.key, d.expose(), p.expose(), q.expose());
        let key = key.map_err(|mismatch| {
            let field = match mismatch {
                Mismatch::Modulus => "n",
                Mismatch::Exponent => "d",
            };
            Error::invalid(field, Rule::Inconsistent)
        })?;
        let crt = key.crt();
        let [dp, dq, qi] = [crt.dp, crt.dq, crt.qi].map(|number| SecretBytes::copy_of(&number));
        Ok(RsaSecret {
            d,
            p,
            q,
            dp,
            dq,
            qi,
        })
    }
}

/// Reads a private integer above 1 that fits in so many bytes, in just as many.
fn private(field: &'static str, bytes: &[u8], width: usize) -> Result<SecretBytes, Error> {
    let bytes = integer::minimal(field, bytes, MAX_INTEGER_LEN)?;
    if bytes == [1] {
        return Err(Error::invalid(field, Rule::OutOfRange));
    }
    integer::fixed(field, bytes, width)
}
