//! Key-wrapping algorithms.

use super::{Hash, KeySpec, Standing, names_from_rows};

/// RFC 3394 and RFC 5649 work on halves of a block, in bytes.
pub(crate) const SEMIBLOCK: usize = 8;

/// An algorithm for wrapKey and unwrapKey, by its JWA or Key Vault name.
///
/// ```
/// use strongroom::WrapAlg;
/// assert_eq!(WrapAlg::CkmAesKeyWrapPad.to_string(), "CKM_AES_KEY_WRAP_PAD");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WrapAlg {
    /// RSAES-OAEP with SHA-256 and MGF1-SHA-256.
    RsaOaep256,
    /// RSAES-OAEP with SHA-1 and MGF1-SHA-1.
    RsaOaep,
    /// RSAES-PKCS1-v1_5, with implicit rejection when unwrapping.
    Rsa15,
    /// AES-128 key wrap (RFC 3394).
    A128Kw,
    /// AES-192 key wrap (RFC 3394).
    A192Kw,
    /// AES-256 key wrap (RFC 3394).
    A256Kw,
    /// AES key wrap with a key of any size (RFC 3394), by its PKCS #11 name.
    CkmAesKeyWrap,
    /// AES key wrap with padding with a key of any size (RFC 5649), by its PKCS #11 name.
    CkmAesKeyWrapPad,
}

/// How key material is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WrapScheme {
    /// RSAES-OAEP with this hash, for label and MGF1, and an empty label (RFC 8017 section 7.1).
    Oaep(Hash),
    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2).
    Pkcs1v15,
    /// AES key wrap (RFC 3394); with a key of this many bits, or of any size.
    AesKw(Option<u32>),
    /// AES key wrap with padding (RFC 5649), with a key of any size.
    AesKwp,
}

/// The facts about a key-wrapping algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrapRow {
    /// The JWA or Key Vault name.
    pub name: &'static str,
    /// How it works.
    pub scheme: WrapScheme,
    /// Whether it is one to use today.
    pub standing: Standing,
}

impl WrapAlg {
    /// Every algorithm.
    pub const ALL: &'static [WrapAlg] = &[
        WrapAlg::RsaOaep256,
        WrapAlg::RsaOaep,
        WrapAlg::Rsa15,
        WrapAlg::A128Kw,
        WrapAlg::A192Kw,
        WrapAlg::A256Kw,
        WrapAlg::CkmAesKeyWrap,
        WrapAlg::CkmAesKeyWrapPad,
    ];

    /// The facts.
    #[must_use]
    pub const fn row(self) -> WrapRow {
        use Standing::{Legacy, Recommended};
        use WrapScheme::{AesKw, AesKwp, Oaep, Pkcs1v15};
        let (name, scheme, standing) = match self {
            WrapAlg::RsaOaep256 => ("RSA-OAEP-256", Oaep(Hash::Sha256), Recommended),
            WrapAlg::RsaOaep => ("RSA-OAEP", Oaep(Hash::Sha1), Legacy),
            WrapAlg::Rsa15 => ("RSA1_5", Pkcs1v15, Legacy),
            WrapAlg::A128Kw => ("A128KW", AesKw(Some(128)), Recommended),
            WrapAlg::A192Kw => ("A192KW", AesKw(Some(192)), Recommended),
            WrapAlg::A256Kw => ("A256KW", AesKw(Some(256)), Recommended),
            WrapAlg::CkmAesKeyWrap => ("CKM_AES_KEY_WRAP", AesKw(None), Recommended),
            WrapAlg::CkmAesKeyWrapPad => ("CKM_AES_KEY_WRAP_PAD", AesKwp, Recommended),
        };
        WrapRow {
            name,
            scheme,
            standing,
        }
    }

    /// Whether a key of this kind can run it.
    #[must_use]
    #[inline]
    pub fn fits(self, spec: KeySpec) -> bool {
        match (self.row().scheme, spec) {
            (WrapScheme::Oaep(_) | WrapScheme::Pkcs1v15, KeySpec::Rsa { .. }) => true,
            (WrapScheme::AesKw(Some(needs)), KeySpec::Aes { bits }) => needs == bits,
            (WrapScheme::AesKw(None) | WrapScheme::AesKwp, KeySpec::Aes { .. }) => true,
            _ => false,
        }
    }
}

names_from_rows!(WrapAlg);
