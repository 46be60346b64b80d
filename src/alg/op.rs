//! The six verbs, and `key_ops` as a set.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Rule};

/// The six operations on a key, in the order used everywhere in this crate.
///
/// ```
/// use strongroom::Op;
/// assert_eq!(Op::WrapKey.to_string(), "wrapKey");
/// assert!(Op::Sign.produces() && !Op::Verify.produces());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// Make a signature or MAC over a digest or message.
    Sign,
    /// Check a signature or MAC.
    Verify,
    /// Encrypt key material.
    WrapKey,
    /// Decrypt key material.
    UnwrapKey,
    /// Encrypt content.
    Encrypt,
    /// Decrypt content.
    Decrypt,
}

impl Op {
    /// All six.
    pub const ALL: &'static [Op] = &[
        Op::Sign,
        Op::Verify,
        Op::WrapKey,
        Op::UnwrapKey,
        Op::Encrypt,
        Op::Decrypt,
    ];

    /// The name in `key_ops` (RFC 7517 section 4.3).
    #[must_use]
    pub fn name(self) -> &'static str {
        KeyOp::Verb(self).name()
    }

    /// Whether it makes new protected data (sign, wrapKey, encrypt) and is therefore
    /// refused outside `nbf..exp`; the other three only read old data.
    #[must_use]
    pub fn produces(self) -> bool {
        matches!(self, Op::Sign | Op::WrapKey | Op::Encrypt)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value of `key_ops`: a verb, or one of the other registered uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyOp {
    /// One of the six verbs.
    Verb(Op),
    /// Unwraps keys that are imported under it (Key Vault; stands alone).
    Import,
    /// May be released (Key Vault).
    Export,
    /// Derives keys (RFC 7517; not an operation of this crate, carried as it is).
    DeriveKey,
    /// Derives bits (RFC 7517; not an operation of this crate, carried as it is).
    DeriveBits,
}

impl KeyOp {
    /// Every value, in the order in which sets are printed.
    pub const ALL: &'static [KeyOp] = &[
        KeyOp::Verb(Op::Sign),
        KeyOp::Verb(Op::Verify),
        KeyOp::Verb(Op::WrapKey),
        KeyOp::Verb(Op::UnwrapKey),
        KeyOp::Verb(Op::Encrypt),
        KeyOp::Verb(Op::Decrypt),
        KeyOp::Import,
        KeyOp::Export,
        KeyOp::DeriveKey,
        KeyOp::DeriveBits,
    ];

    /// The name in `key_ops`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyOp::Verb(Op::Sign) => "sign",
            KeyOp::Verb(Op::Verify) => "verify",
            KeyOp::Verb(Op::WrapKey) => "wrapKey",
            KeyOp::Verb(Op::UnwrapKey) => "unwrapKey",
            KeyOp::Verb(Op::Encrypt) => "encrypt",
            KeyOp::Verb(Op::Decrypt) => "decrypt",
            KeyOp::Import => "import",
            KeyOp::Export => "export",
            KeyOp::DeriveKey => "deriveKey",
            KeyOp::DeriveBits => "deriveBits",
        }
    }

    fn bit(self) -> u16 {
        let index = match self {
            KeyOp::Verb(Op::Sign) => 0,
            KeyOp::Verb(Op::Verify) => 1,
            KeyOp::Verb(Op::WrapKey) => 2,
            KeyOp::Verb(Op::UnwrapKey) => 3,
            KeyOp::Verb(Op::Encrypt) => 4,
            KeyOp::Verb(Op::Decrypt) => 5,
            KeyOp::Import => 6,
            KeyOp::Export => 7,
            KeyOp::DeriveKey => 8,
            KeyOp::DeriveBits => 9,
        };
        1 << index
    }
}

impl From<Op> for KeyOp {
    fn from(op: Op) -> Self {
        KeyOp::Verb(op)
    }
}

impl fmt::Display for KeyOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyOp {
    type Err = Error;

    /// # Errors
    /// [`Rule::UnknownName`] for `key_ops`.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = KeyOp::ALL.iter().find(|op| op.name() == name);
        known
            .copied()
            .ok_or_else(|| Error::invalid("key_ops", Rule::UnknownName))
    }
}

/// A set of [`KeyOp`]: the content of `key_ops`, whose order means nothing.
///
/// ```
/// use strongroom::{Op, OpSet};
///
/// let ops = OpSet::from_iter([Op::Verify, Op::Sign]);
/// assert!(ops.contains(Op::Sign));
/// assert_eq!(ops.to_string(), "sign verify");
/// assert!(ops.is_subset_of(OpSet::SIX_VERBS));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OpSet(u16);

impl OpSet {
    /// Nothing.
    pub const EMPTY: OpSet = OpSet(0);
    /// sign and verify.
    pub const SIGN_VERIFY: OpSet = OpSet(0b00_0011);
    /// All six verbs.
    pub const SIX_VERBS: OpSet = OpSet(0b11_1111);

    /// Whether it holds this value.
    #[must_use]
    pub fn contains(self, op: impl Into<KeyOp>) -> bool {
        self.0 & op.into().bit() != 0
    }

    /// The set with this value added.
    #[must_use]
    pub fn with(self, op: impl Into<KeyOp>) -> OpSet {
        OpSet(self.0 | op.into().bit())
    }

    /// Whether every value is in `other` too.
    #[must_use]
    pub fn is_subset_of(self, other: OpSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The values, in the printing order.
    pub fn iter(self) -> impl Iterator<Item = KeyOp> {
        KeyOp::ALL
            .iter()
            .copied()
            .filter(move |op| self.contains(*op))
    }
}

impl<T: Into<KeyOp>> FromIterator<T> for OpSet {
    fn from_iter<I: IntoIterator<Item = T>>(ops: I) -> Self {
        ops.into_iter().fold(OpSet::EMPTY, OpSet::with)
    }
}

impl fmt::Display for OpSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, op) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(op.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for OpSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for op in KeyOp::ALL {
            assert_eq!(op.name().parse::<KeyOp>().unwrap(), *op);
        }
        assert!("Sign".parse::<KeyOp>().is_err());
    }

    #[test]
    fn the_named_sets_hold_what_they_say() {
        assert_eq!(OpSet::SIX_VERBS, OpSet::from_iter(Op::ALL.iter().copied()));
        assert_eq!(OpSet::SIGN_VERIFY, OpSet::from_iter([Op::Sign, Op::Verify]));
    }
}
