//! Algorithms by which whole keys travel between places.

use std::fmt;
use std::str::FromStr;

use super::Hash;
use crate::error::{Error, Rule};

/// How a whole key travels, wrapped under an RSA key: the `enc` of a `.byok` file and of a
/// released key.
///
/// All are one construction: an ephemeral AES-256 key by RSA-OAEP, then the target key under
/// it by AES key wrap with padding (RFC 5649). They differ in OAEP's hash.
///
/// ```
/// use strongroom::Hash;
/// use strongroom::alg::TransferAlg;
/// let alg: TransferAlg = "CKM_RSA_AES_KEY_WRAP".parse()?;
/// assert_eq!(alg, TransferAlg::default());
/// assert_eq!(alg.row().hash, Hash::Sha1);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TransferAlg {
    /// With SHA-1, as the service and PKCS #11 v3.1 section 6.1.29 have it. OAEP does not rest
    /// on the collisions that SHA-1 lacks resistance to.
    #[default]
    CkmRsaAesKeyWrap,
    /// With SHA-256.
    RsaAesKeyWrap256,
    /// With SHA-384.
    RsaAesKeyWrap384,
}

/// The facts about a transfer algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferRow {
    /// The service's name.
    pub name: &'static str,
    /// OAEP's hash, and MGF1's.
    pub hash: Hash,
}

impl TransferAlg {
    /// Every algorithm.
    pub const ALL: &'static [TransferAlg] = &[
        TransferAlg::CkmRsaAesKeyWrap,
        TransferAlg::RsaAesKeyWrap256,
        TransferAlg::RsaAesKeyWrap384,
    ];

    /// The facts.
    #[must_use]
    pub const fn row(self) -> TransferRow {
        let (name, hash) = match self {
            TransferAlg::CkmRsaAesKeyWrap => ("CKM_RSA_AES_KEY_WRAP", Hash::Sha1),
            TransferAlg::RsaAesKeyWrap256 => ("RSA_AES_KEY_WRAP_256", Hash::Sha256),
            TransferAlg::RsaAesKeyWrap384 => ("RSA_AES_KEY_WRAP_384", Hash::Sha384),
        };
        TransferRow { name, hash }
    }
}

impl fmt::Display for TransferAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

impl FromStr for TransferAlg {
    type Err = Error;

    /// # Errors
    /// [`Rule::UnknownName`] for `enc`.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = TransferAlg::ALL.iter().find(|alg| alg.row().name == name);
        known
            .copied()
            .ok_or_else(|| Error::invalid("enc", Rule::UnknownName))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for alg in TransferAlg::ALL {
            assert_eq!(alg.to_string().parse::<TransferAlg>().unwrap(), *alg);
        }
        assert!("ckm_rsa_aes_key_wrap".parse::<TransferAlg>().is_err());
    }
}
