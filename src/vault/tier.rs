//! What the service's products allow: their tables, one row a fact.
//!
//! A vault without a tier, the default, allows whatever its providers offer. With one it
//! refuses what that product refuses, with the product's codes.

use std::fmt;
use std::str::FromStr;

use crate::alg::{Curve, KeyOp, KeySpec, OpSet};
use crate::error::{Error, ErrorKind, Rule};

/// A product of the service, whose restrictions a vault takes on.
///
/// | | Standard | Premium | Managed HSM |
/// |---|---|---|---|
/// | `RSA`, `EC` | in software | in software | becomes `*-HSM` |
/// | `RSA-HSM`, `EC-HSM` | refused | in the HSM | in the HSM |
/// | `oct` | refused | refused | becomes `oct-HSM` |
/// | `oct-HSM` | refused | in the HSM | in the HSM |
/// | sizes of `oct-HSM` | | 128, 192, 256 | and 384, 512 |
/// | versions of a key | any number | any number | 100 |
/// | keys | any number | any number | 5000 |
/// | exportable keys | none | in the HSM, with a release policy | with a release policy |
/// | immutable release policies | | yes | no |
///
/// ```
/// use strongroom::vault::Tier;
/// assert_eq!(Tier::ManagedHsm.most_versions(), Some(100));
/// assert_eq!(Tier::Premium.most_versions(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// Key Vault Standard: RSA and EC keys in software.
    Standard,
    /// Key Vault Premium: those, and keys in an HSM.
    Premium,
    /// Managed HSM: every key in an HSM.
    ManagedHsm,
}

impl Tier {
    /// All three.
    pub const ALL: &'static [Tier] = &[Tier::Standard, Tier::Premium, Tier::ManagedHsm];

    /// The name, as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The most versions that a key can have.
    #[must_use]
    pub fn most_versions(self) -> Option<usize> {
        self.row().most_versions
    }

    /// The most keys that a vault can have, deleted ones included.
    #[must_use]
    pub fn most_keys(self) -> Option<usize> {
        self.row().most_keys
    }

    /// Whether there may be keys in software.
    #[must_use]
    pub fn has_software(self) -> bool {
        self.row().software
    }

    /// Whether there may be keys in an HSM.
    #[must_use]
    pub fn has_hsm(self) -> bool {
        self.row().hsm
    }

    /// Whether there may be exportable keys, in an HSM and with a release policy.
    pub(super) fn has_release(self) -> bool {
        self.row().release
    }

    pub(super) fn has_immutable_policies(self) -> bool {
        self.row().immutable_policies
    }

    /// Where a key of this type lives.
    pub(super) fn home(self, kty: KeyType) -> Result<Home, Error> {
        use Home::{Hsm, Software};
        let unsupported = Err(ErrorKind::KeyTypeNotSupported { kty: kty.name() });
        let no_hardware = Err(ErrorKind::HardwareNotAllowed);
        #[rustfmt::skip]
        let home = match (self, kty.family, kty.hsm) {
            (Tier::Standard, Family::Rsa | Family::Ec, false) => Ok(Software),
            (Tier::Standard, Family::Oct,              false) => unsupported,
            (Tier::Standard, _,                        true)  => no_hardware,

            (Tier::Premium, Family::Rsa | Family::Ec, false)  => Ok(Software),
            (Tier::Premium, Family::Oct,              false)  => unsupported,
            (Tier::Premium, _,                        true)   => Ok(Hsm),

            (Tier::ManagedHsm, _, _) => Ok(Hsm),
        };
        home.map_err(Error::from)
    }

    /// Whether a key of this kind is of a size that the tier has.
    pub(super) fn check_size(self, spec: KeySpec) -> Result<(), Error> {
        if !spec.is_symmetric() || self.row().oct_sizes.contains(&spec.bits()) {
            return Ok(());
        }
        Err(Error::invalid("key_size", Rule::Size))
    }

    /// `key_ops` of a key that was made without any.
    pub(super) fn default_ops(self, spec: KeySpec) -> OpSet {
        match (self, spec) {
            (Tier::ManagedHsm, KeySpec::Aes { .. }) => OpSet::SIX_VERBS.with(KeyOp::DeriveKey),
            _ => spec.verbs(),
        }
    }

    fn row(self) -> &'static Row {
        match self {
            Tier::Standard => &STANDARD,
            Tier::Premium => &PREMIUM,
            Tier::ManagedHsm => &MANAGED_HSM,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What `kty` asks for: a family of keys, and whether it is to live in an HSM.
///
/// ```
/// use strongroom::vault::{KeyOptions, KeyType};
/// use strongroom::{Curve, KeySpec};
/// let kty: KeyType = "EC".parse()?;
/// // A request that says no more than `kty` has a spec all the same.
/// assert_eq!(kty.spec(None, None, None)?, KeySpec::Ec(Curve::P256));
/// let kty: KeyType = "RSA-HSM".parse()?;
/// assert_eq!(kty.spec(Some(3072), None, None)?, KeySpec::Rsa { bits: 3072 });
/// let options = KeyOptions::new().hsm(kty.is_hsm());
/// # let _ = options;
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyType {
    family: Family,
    hsm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Family {
    Rsa,
    Ec,
    Oct,
}

impl KeyType {
    /// RSA in software.
    pub const RSA: KeyType = KeyType::new(Family::Rsa, false);
    /// RSA in an HSM.
    pub const RSA_HSM: KeyType = KeyType::new(Family::Rsa, true);
    /// An elliptic-curve key in software.
    pub const EC: KeyType = KeyType::new(Family::Ec, false);
    /// An elliptic-curve key in an HSM.
    pub const EC_HSM: KeyType = KeyType::new(Family::Ec, true);
    /// A symmetric key in software.
    pub const OCT: KeyType = KeyType::new(Family::Oct, false);
    /// A symmetric key in an HSM.
    pub const OCT_HSM: KeyType = KeyType::new(Family::Oct, true);

    /// All six.
    pub const ALL: &'static [KeyType] = &[
        KeyType::RSA,
        KeyType::RSA_HSM,
        KeyType::EC,
        KeyType::EC_HSM,
        KeyType::OCT,
        KeyType::OCT_HSM,
    ];

    const fn new(family: Family, hsm: bool) -> Self {
        KeyType { family, hsm }
    }

    /// The type of a key of this kind, in an HSM or not.
    #[must_use]
    pub fn of(spec: KeySpec, hsm: bool) -> Self {
        let family = match spec {
            KeySpec::Rsa { .. } => Family::Rsa,
            KeySpec::Ec(_) => Family::Ec,
            KeySpec::Aes { .. } | KeySpec::Hmac { .. } => Family::Oct,
        };
        KeyType { family, hsm }
    }

    /// Whether the key is to live in an HSM.
    #[must_use]
    pub fn is_hsm(self) -> bool {
        self.hsm
    }

    /// The `kty` value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.family, self.hsm) {
            (Family::Rsa, false) => "RSA",
            (Family::Rsa, true) => "RSA-HSM",
            (Family::Ec, false) => "EC",
            (Family::Ec, true) => "EC-HSM",
            (Family::Oct, false) => "oct",
            (Family::Oct, true) => "oct-HSM",
        }
    }

    /// The kind of key that a request for this type means. Without a size it is RSA-2048, or
    /// 256 bits of a symmetric key; without a curve it is P-256. A symmetric key whose `ops`
    /// are sign and verify alone is one for HMAC.
    ///
    /// # Errors
    /// [`Rule::Size`] for `key_size`; [`Rule::NotWithKey`] for a `key_size` or `crv` that does
    /// not go with the type.
    pub fn spec(
        self,
        key_size: Option<u32>,
        crv: Option<Curve>,
        ops: Option<OpSet>,
    ) -> Result<KeySpec, Error> {
        if crv.is_some() && self.family != Family::Ec {
            return Err(Error::invalid("crv", Rule::NotWithKey));
        }
        let spec = match self.family {
            Family::Rsa => KeySpec::Rsa {
                bits: key_size.unwrap_or(2048),
            },
            Family::Ec => {
                let spec = KeySpec::Ec(crv.unwrap_or(Curve::P256));
                // Some clients send the curve's size along.
                if key_size.is_some_and(|bits| bits != spec.bits()) {
                    return Err(Error::invalid("key_size", Rule::NotWithKey));
                }
                spec
            }
            Family::Oct => {
                let bits = key_size.unwrap_or(256);
                let is_mac = |ops: OpSet| !ops.is_empty() && ops.is_subset_of(OpSet::SIGN_VERIFY);
                match ops.is_some_and(is_mac) {
                    true => KeySpec::Hmac { bits },
                    false => KeySpec::Aes { bits },
                }
            }
        };
        spec.check()
    }
}

impl FromStr for KeyType {
    type Err = Error;

    /// # Errors
    /// [`Rule::UnknownName`] for `kty`.
    fn from_str(kty: &str) -> Result<Self, Error> {
        let known = KeyType::ALL.iter().find(|known| known.name() == kty);
        known
            .copied()
            .ok_or_else(|| Error::invalid("kty", Rule::UnknownName))
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a key lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Software,
    Hsm,
}

/// The facts about a tier that are not about one type of key.
struct Row {
    name: &'static str,
    software: bool,
    hsm: bool,
    most_versions: Option<usize>,
    most_keys: Option<usize>,
    /// In bits.
    oct_sizes: &'static [u32],
    release: bool,
    immutable_policies: bool,
}

const STANDARD: Row = Row {
    name: "Standard",
    software: true,
    hsm: false,
    most_versions: None,
    most_keys: None,
    oct_sizes: &[],
    release: false,
    immutable_policies: false,
};

const PREMIUM: Row = Row {
    name: "Premium",
    software: true,
    hsm: true,
    most_versions: None,
    most_keys: None,
    oct_sizes: &[128, 192, 256],
    release: true,
    immutable_policies: true,
};

const MANAGED_HSM: Row = Row {
    name: "Managed HSM",
    software: false,
    hsm: true,
    most_versions: Some(100),
    most_keys: Some(5000),
    // The last two are not in the service's documentation, and are in its clients' tests.
    oct_sizes: &[128, 192, 256, 384, 512],
    release: true,
    immutable_policies: false,
};
