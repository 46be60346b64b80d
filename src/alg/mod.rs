//! Names and facts: operations, hashes, kinds of key, algorithms.
//!
//! *An enum is a name, a row is a fact.* Each algorithm enum has `ALL` and `row()`;
//! `row()` is the only place in the crate where facts about algorithms stand, and
//! names are parsed and printed from it.

mod encrypt;
mod hash;
mod op;
mod sign;
mod spec;
mod transfer;
mod wrap;

use std::fmt;

use crate::error::{Error, ErrorKind, Rule};

pub use encrypt::{EncryptAlg, EncryptRow, EncryptScheme};
pub use hash::{Digest, Hash, HashValue};
pub use op::{KeyOp, Op, OpSet};
pub use sign::{SignAlg, SignRow, SignScheme};
pub use spec::{Curve, KeySpec};
pub use transfer::{TransferAlg, TransferRow};
pub(crate) use wrap::SEMIBLOCK;
pub use wrap::{WrapAlg, WrapRow, WrapScheme};

/// Whether an algorithm is one to use today.
///
/// Legacy algorithms are refused by a vault until they are configured, apart for
/// producing (sign, wrap, encrypt) and consuming (verify, unwrap, decrypt).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// Use it.
    Recommended,
    /// Only for data and peers that leave no choice.
    Legacy,
}

/// Any algorithm of the crate: for tables, errors and audit events.
///
/// ```
/// use strongroom::alg::Alg;
/// use strongroom::{EncryptAlg, KeySpec, WrapAlg};
///
/// let alg = Alg::from(WrapAlg::A256Kw);
/// assert_eq!(alg.name(), "A256KW");
/// assert!(alg.fits(KeySpec::Aes { bits: 256 }));
/// assert!(!alg.fits(KeySpec::Aes { bits: 128 }));
/// assert!(Alg::all().any(|alg| alg == EncryptAlg::A256Gcm.into()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Alg {
    /// For sign and verify.
    Sign(SignAlg),
    /// For wrapKey and unwrapKey.
    Wrap(WrapAlg),
    /// For encrypt and decrypt.
    Encrypt(EncryptAlg),
}

impl Alg {
    /// Every algorithm, in the order of the verbs.
    pub fn all() -> impl Iterator<Item = Alg> {
        let sign = SignAlg::ALL.iter().copied().map(Alg::Sign);
        let wrap = WrapAlg::ALL.iter().copied().map(Alg::Wrap);
        let encrypt = EncryptAlg::ALL.iter().copied().map(Alg::Encrypt);
        sign.chain(wrap).chain(encrypt)
    }

    /// The JWA or Key Vault name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Alg::Sign(alg) => alg.row().name,
            Alg::Wrap(alg) => alg.row().name,
            Alg::Encrypt(alg) => alg.row().name,
        }
    }

    /// Whether it is one to use today.
    #[must_use]
    pub fn standing(self) -> Standing {
        match self {
            Alg::Sign(alg) => alg.row().standing,
            Alg::Wrap(alg) => alg.row().standing,
            Alg::Encrypt(alg) => alg.row().standing,
        }
    }

    /// Whether a key of this kind can run it.
    #[must_use]
    #[inline]
    pub fn fits(self, spec: KeySpec) -> bool {
        match self {
            Alg::Sign(alg) => alg.fits(spec),
            Alg::Wrap(alg) => alg.fits(spec),
            Alg::Encrypt(alg) => alg.fits(spec),
        }
    }

    /// A number below 64, another one for each algorithm.
    #[expect(
        clippy::as_conversions,
        reason = "the discriminants of enums without fields"
    )]
    pub(crate) const fn number(self) -> u8 {
        match self {
            Alg::Sign(alg) => alg as u8,
            Alg::Wrap(alg) => 16 + alg as u8,
            Alg::Encrypt(alg) => 32 + alg as u8,
        }
    }

    /// The two operations it is for: the producing one first.
    #[must_use]
    pub fn ops(self) -> [Op; 2] {
        match self {
            Alg::Sign(_) => [Op::Sign, Op::Verify],
            Alg::Wrap(_) => [Op::WrapKey, Op::UnwrapKey],
            Alg::Encrypt(_) => [Op::Encrypt, Op::Decrypt],
        }
    }
}

impl From<SignAlg> for Alg {
    fn from(alg: SignAlg) -> Self {
        Alg::Sign(alg)
    }
}

impl From<WrapAlg> for Alg {
    fn from(alg: WrapAlg) -> Self {
        Alg::Wrap(alg)
    }
}

impl From<EncryptAlg> for Alg {
    fn from(alg: EncryptAlg) -> Self {
        Alg::Encrypt(alg)
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Algorithms that the service has a name for and this crate does not run: `RSNULL`
/// signs without a DigestInfo.
const NOT_OFFERED: &[&str] = &["RSNULL"];

/// The error for a name that no row has.
fn unknown(name: &str) -> Error {
    match NOT_OFFERED.iter().find(|known| **known == name) {
        Some(alg) => ErrorKind::NotOffered {
            op: "",
            alg,
            key: "",
        }
        .into(),
        None => Error::invalid("alg", Rule::UnknownName),
    }
}

/// `Display` and `FromStr` of an algorithm enum, from the names in its rows.
macro_rules! names_from_rows {
    ($alg:ty) => {
        impl std::fmt::Display for $alg {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.row().name)
            }
        }

        impl std::str::FromStr for $alg {
            type Err = crate::error::Error;

            /// Reads the name; names are case-sensitive (RFC 7515 section 4.1.1).
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let known = <$alg>::ALL.iter().find(|alg| alg.row().name == name);
                known.copied().ok_or_else(|| crate::alg::unknown(name))
            }
        }
    };
}
use names_from_rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_within_a_verb_and_parse_back() {
        for alg in SignAlg::ALL {
            assert_eq!(alg.to_string().parse::<SignAlg>().unwrap(), *alg);
        }
        for alg in WrapAlg::ALL {
            assert_eq!(alg.to_string().parse::<WrapAlg>().unwrap(), *alg);
        }
        for alg in EncryptAlg::ALL {
            assert_eq!(alg.to_string().parse::<EncryptAlg>().unwrap(), *alg);
        }
    }

    #[test]
    fn no_two_algorithms_have_one_number() {
        let mut numbers: Vec<u8> = Alg::all().map(Alg::number).collect();
        assert!(numbers.iter().all(|number| *number < 64));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Alg::all().count());
    }

    #[test]
    fn rsnull_is_known_and_not_offered() {
        let error = "RSNULL".parse::<SignAlg>().unwrap_err();
        assert!(matches!(
            error.kind(),
            ErrorKind::NotOffered { alg: "RSNULL", .. }
        ));
        for name in ["none", "", "es256", "ES256 ", "HS1"] {
            let error = name.parse::<SignAlg>().unwrap_err();
            assert!(matches!(
                error.kind(),
                ErrorKind::Invalid { field: "alg", .. }
            ));
        }
    }

    #[test]
    fn every_algorithm_fits_some_kind_of_key() {
        for alg in Alg::all() {
            assert!(KeySpec::ALL.iter().any(|spec| alg.fits(*spec)), "{alg}");
        }
    }
}
