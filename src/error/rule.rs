//! The rules that inputs can break, as values.

use std::fmt;

/// The rule that an input breaks. The field it is about stands beside it in
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Is required and absent.
    Missing,
    /// Stands twice (RFC 7517 section 4).
    Duplicate,
    /// May not stand here.
    Unexpected,
    /// Must not be empty.
    Empty,
    /// Has the wrong JSON type, or is not JSON at all (RFC 8259).
    Syntax,
    /// Is not one of the names known here (names are case-sensitive, RFC 7517).
    UnknownName,
    /// Is not base64url without padding in its one canonical spelling (RFC 7515 section 2).
    Base64Url,
    /// Is not the DER, PEM or other binary form that it should be.
    Encoding,
    /// Has a wrong length.
    Length {
        /// What it must be, in bytes.
        expected: usize,
        /// What it was.
        actual: usize,
    },
    /// Must be a multiple of this many bytes.
    MultipleOf(usize),
    /// Has fewer bytes, items or characters than this.
    TooShort(usize),
    /// Has more bytes, items or characters than this.
    TooLong(usize),
    /// Is nested more deeply than this.
    TooDeep(usize),
    /// Is outside its range.
    OutOfRange,
    /// Is a size of key that is not supported.
    Size,
    /// Must be odd (a modulus, a prime, a public exponent).
    Even,
    /// Is below 65537, the least public exponent accepted (FIPS 186-5 A.1.1).
    SmallExponent,
    /// Is above 2^33 - 1, the greatest public exponent accepted (it would let a
    /// caller buy unbounded work).
    LargeExponent,
    /// Is not prime.
    NotPrime,
    /// Has a small prime factor (SP 800-89 section 5.3.3).
    SmallFactor,
    /// Does not agree with the other members of the key.
    Inconsistent,
    /// Is too close to the other prime (FIPS 186-5 A.1.3: Fermat factors it).
    TooClose,
    /// Is small enough for Wiener's attack (FIPS 186-5 A.1.1).
    SmallPrivateExponent,
    /// Is not a point on the curve (the invalid-curve attack).
    NotOnCurve,
    /// Is not allowed with this algorithm.
    NotWithAlgorithm,
    /// Is not allowed with this kind of key.
    NotWithKey,
    /// Contradicts another member, named here.
    Contradicts(&'static str),
    /// Has a character that is not allowed.
    Character,
    /// Holds private members where a public key is due (they are not dropped in
    /// silence: the caller is about to publish a secret).
    Private,
    /// Is not supported, although the standard knows it.
    Unsupported,
    /// The password is wrong, or what it protects was altered.
    Password,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Missing => f.write_str("is missing"),
            Rule::Duplicate => f.write_str("stands more than once"),
            Rule::Unexpected => f.write_str("is not allowed here"),
            Rule::Empty => f.write_str("is empty"),
            Rule::Syntax => f.write_str("is not the JSON that it must be"),
            Rule::UnknownName => f.write_str("is not a known name"),
            Rule::Base64Url => f.write_str("is not base64url without padding"),
            Rule::Encoding => f.write_str("is not correctly encoded"),
            Rule::Length { expected, actual } => {
                write!(f, "must be {expected} bytes long, not {actual}")
            }
            Rule::MultipleOf(n) => write!(f, "must be a multiple of {n} bytes"),
            Rule::TooShort(n) => write!(f, "is shorter than {n}"),
            Rule::TooLong(n) => write!(f, "is longer than {n}"),
            Rule::TooDeep(n) => write!(f, "is nested more deeply than {n}"),
            Rule::OutOfRange => f.write_str("is out of range"),
            Rule::Size => f.write_str("is not a supported size"),
            Rule::Even => f.write_str("is even"),
            Rule::SmallExponent => f.write_str("is below 65537"),
            Rule::LargeExponent => f.write_str("is above 2^33 - 1"),
            Rule::NotPrime => f.write_str("is not prime"),
            Rule::SmallFactor => f.write_str("has a small factor"),
            Rule::Inconsistent => f.write_str("does not agree with the other members"),
            Rule::TooClose => f.write_str("is too close to the other prime"),
            Rule::SmallPrivateExponent => f.write_str("is too small"),
            Rule::NotOnCurve => f.write_str("is not on the curve"),
            Rule::NotWithAlgorithm => f.write_str("is not allowed with this algorithm"),
            Rule::NotWithKey => f.write_str("is not allowed with this kind of key"),
            Rule::Contradicts(other) => write!(f, "contradicts `{other}`"),
            Rule::Character => f.write_str("has a character that is not allowed"),
            Rule::Private => f.write_str("is private and a public key is due"),
            Rule::Unsupported => f.write_str("is not supported"),
            Rule::Password => f.write_str("does not open it"),
        }
    }
}
