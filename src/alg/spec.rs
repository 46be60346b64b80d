//! Kinds of key.

use std::fmt;
use std::str::FromStr;

use super::OpSet;
use crate::error::{Error, Rule};

/// An elliptic curve, under its Key Vault name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Curve {
    /// NIST P-256 (secp256r1).
    P256,
    /// NIST P-384 (secp384r1).
    P384,
    /// NIST P-521 (secp521r1).
    P521,
    /// secp256k1, named `P-256K` by Key Vault and `secp256k1` by RFC 8812.
    P256K,
}

impl Curve {
    /// All curves.
    pub const ALL: &'static [Curve] = &[Curve::P256, Curve::P384, Curve::P521, Curve::P256K];

    /// The `crv` value that this crate writes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
            Curve::P256K => "P-256K",
        }
    }

    /// The length of a coordinate and of the private scalar, in bytes (RFC 7518
    /// sections 6.2.1.2 and 6.2.2.1).
    #[must_use]
    pub const fn field_len(self) -> usize {
        match self {
            Curve::P256 | Curve::P256K => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Curve {
    type Err = Error;

    /// Reads a `crv` value; secp256k1 is known by three names (`P-256K`, RFC 8812's
    /// `secp256k1`, and `SECP256K1` of the service's first API version).
    ///
    /// # Errors
    /// [`Rule::UnknownName`] for `crv`.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "P-256" => Ok(Curve::P256),
            "P-384" => Ok(Curve::P384),
            "P-521" => Ok(Curve::P521),
            "P-256K" | "secp256k1" | "SECP256K1" => Ok(Curve::P256K),
            _ => Err(Error::invalid("crv", Rule::UnknownName)),
        }
    }
}

/// The kind of a key: what it is, without saying which or where.
///
/// Sizes are in bits. [`KeySpec::check`] tells whether a size is one that this crate
/// supports; every handle's spec has passed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeySpec {
    /// RSA with two primes: 2048, 3072 or 4096.
    Rsa {
        /// The modulus' size.
        bits: u32,
    },
    /// An elliptic-curve key.
    Ec(Curve),
    /// An AES key: 128, 192 or 256. It may also compute MACs where the backend can.
    Aes {
        /// The key's size.
        bits: u32,
    },
    /// A key for HMAC alone: 256, 384 or 512. (A shorter key fits no HS* algorithm:
    /// RFC 7518 section 3.2.)
    Hmac {
        /// The key's size.
        bits: u32,
    },
}

impl KeySpec {
    /// Every supported kind.
    pub const ALL: &'static [KeySpec] = &[
        KeySpec::Rsa { bits: 2048 },
        KeySpec::Rsa { bits: 3072 },
        KeySpec::Rsa { bits: 4096 },
        KeySpec::Ec(Curve::P256),
        KeySpec::Ec(Curve::P384),
        KeySpec::Ec(Curve::P521),
        KeySpec::Ec(Curve::P256K),
        KeySpec::Aes { bits: 128 },
        KeySpec::Aes { bits: 192 },
        KeySpec::Aes { bits: 256 },
        KeySpec::Hmac { bits: 256 },
        KeySpec::Hmac { bits: 384 },
        KeySpec::Hmac { bits: 512 },
    ];

    /// # Errors
    /// [`Rule::Size`] for `key_size` unless it is one of [`KeySpec::ALL`].
    ///
    /// ```
    /// use strongroom::KeySpec;
    /// assert!(KeySpec::Rsa { bits: 3072 }.check().is_ok());
    /// assert!(KeySpec::Rsa { bits: 1024 }.check().is_err());
    /// ```
    pub fn check(self) -> Result<Self, Error> {
        if KeySpec::ALL.contains(&self) {
            return Ok(self);
        }
        Err(Error::invalid("key_size", Rule::Size))
    }

    /// The name, such as `RSA-2048`, `P-256K`, `AES-256` or `HMAC-512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeySpec::Rsa { bits: 2048 } => "RSA-2048",
            KeySpec::Rsa { bits: 3072 } => "RSA-3072",
            KeySpec::Rsa { bits: 4096 } => "RSA-4096",
            KeySpec::Rsa { .. } => "RSA",
            KeySpec::Ec(curve) => curve.name(),
            KeySpec::Aes { bits: 128 } => "AES-128",
            KeySpec::Aes { bits: 192 } => "AES-192",
            KeySpec::Aes { bits: 256 } => "AES-256",
            KeySpec::Aes { .. } => "AES",
            KeySpec::Hmac { bits: 256 } => "HMAC-256",
            KeySpec::Hmac { bits: 384 } => "HMAC-384",
            KeySpec::Hmac { bits: 512 } => "HMAC-512",
            KeySpec::Hmac { .. } => "HMAC",
        }
    }

    /// The size in bits: of the modulus, of the field, of the key.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            KeySpec::Rsa { bits } | KeySpec::Aes { bits } | KeySpec::Hmac { bits } => bits,
            KeySpec::Ec(Curve::P256 | Curve::P256K) => 256,
            KeySpec::Ec(Curve::P384) => 384,
            KeySpec::Ec(Curve::P521) => 521,
        }
    }

    /// The size in whole bytes: of the modulus, of a coordinate, of the key.
    #[must_use]
    pub fn byte_len(self) -> usize {
        usize::try_from(self.bits().div_ceil(8)).unwrap_or(usize::MAX)
    }

    /// Whether one secret serves both sides (AES, HMAC), so that there is no public half.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        matches!(self, KeySpec::Aes { .. } | KeySpec::Hmac { .. })
    }

    /// The verbs that a key of this kind can ever serve; they are also the default
    /// `key_ops` when none are asked for, as the service's are.
    #[must_use]
    pub fn verbs(self) -> OpSet {
        match self {
            KeySpec::Rsa { .. } | KeySpec::Aes { .. } => OpSet::SIX_VERBS,
            KeySpec::Ec(_) | KeySpec::Hmac { .. } => OpSet::SIGN_VERIFY,
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Curve> for KeySpec {
    fn from(curve: Curve) -> Self {
        KeySpec::Ec(curve)
    }
}

impl FromStr for KeySpec {
    type Err = Error;

    /// Reads what [`KeySpec::name`] writes.
    ///
    /// # Errors
    /// [`Rule::UnknownName`] for `spec`.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = KeySpec::ALL.iter().find(|spec| spec.name() == name);
        known
            .copied()
            .ok_or_else(|| Error::invalid("spec", Rule::UnknownName))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for spec in KeySpec::ALL {
            assert_eq!(spec.to_string().parse::<KeySpec>().unwrap(), *spec);
        }
        for curve in Curve::ALL {
            assert_eq!(curve.to_string().parse::<Curve>().unwrap(), *curve);
        }
    }

    #[test]
    fn odd_sizes_are_refused() {
        for bits in [
            0,
            1,
            512,
            1023,
            1024,
            2047,
            2056,
            3000,
            8192,
            16384,
            u32::MAX,
        ] {
            assert!(KeySpec::Rsa { bits }.check().is_err());
            assert!(KeySpec::Aes { bits }.check().is_err());
        }
    }
}
