//! Content-encryption algorithms.

use super::{Hash, KeySpec, Standing, names_from_rows};

/// An algorithm for encrypt and decrypt, by its Key Vault name.
///
/// ```
/// use strongroom::{EncryptAlg, alg::Standing};
/// assert_eq!(EncryptAlg::A256Gcm.row().standing, Standing::Recommended);
/// assert_eq!(EncryptAlg::A256CbcPad.row().standing, Standing::Legacy);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EncryptAlg {
    /// RSAES-OAEP with SHA-256 and MGF1-SHA-256.
    RsaOaep256,
    /// RSAES-OAEP with SHA-1 and MGF1-SHA-1.
    RsaOaep,
    /// RSAES-PKCS1-v1_5, with implicit rejection when decrypting.
    Rsa15,
    /// AES-128-GCM, 12-byte IV made by the backend, 16-byte tag.
    A128Gcm,
    /// AES-192-GCM, 12-byte IV made by the backend, 16-byte tag.
    A192Gcm,
    /// AES-256-GCM, 12-byte IV made by the backend, 16-byte tag.
    A256Gcm,
    /// AES-128-CBC, the plaintext filled with zero bytes to a whole block.
    A128Cbc,
    /// AES-192-CBC, the plaintext filled with zero bytes to a whole block.
    A192Cbc,
    /// AES-256-CBC, the plaintext filled with zero bytes to a whole block.
    A256Cbc,
    /// AES-128-CBC with PKCS #7 padding.
    A128CbcPad,
    /// AES-192-CBC with PKCS #7 padding.
    A192CbcPad,
    /// AES-256-CBC with PKCS #7 padding.
    A256CbcPad,
}

/// How content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncryptScheme {
    /// RSAES-OAEP with this hash, for label and MGF1, and an empty label (RFC 8017 section 7.1).
    Oaep(Hash),
    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2).
    Pkcs1v15,
    /// AES-GCM with a key of this many bits (SP 800-38D).
    Gcm(u32),
    /// AES-CBC, zero-filled, with a key of this many bits (SP 800-38A).
    Cbc(u32),
    /// AES-CBC with PKCS #7 padding, with a key of this many bits (RFC 5652 section 6.3).
    CbcPad(u32),
}

/// The facts about a content-encryption algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncryptRow {
    /// The Key Vault name.
    pub name: &'static str,
    /// How it works.
    pub scheme: EncryptScheme,
    /// Whether it is one to use today.
    pub standing: Standing,
}

impl EncryptAlg {
    /// Every algorithm.
    pub const ALL: &'static [EncryptAlg] = &[
        EncryptAlg::RsaOaep256,
        EncryptAlg::RsaOaep,
        EncryptAlg::Rsa15,
        EncryptAlg::A128Gcm,
        EncryptAlg::A192Gcm,
        EncryptAlg::A256Gcm,
        EncryptAlg::A128Cbc,
        EncryptAlg::A192Cbc,
        EncryptAlg::A256Cbc,
        EncryptAlg::A128CbcPad,
        EncryptAlg::A192CbcPad,
        EncryptAlg::A256CbcPad,
    ];

    /// The facts.
    #[must_use]
    pub const fn row(self) -> EncryptRow {
        use EncryptScheme::{Cbc, CbcPad, Gcm, Oaep, Pkcs1v15};
        use Standing::{Legacy, Recommended};
        let (name, scheme, standing) = match self {
            EncryptAlg::RsaOaep256 => ("RSA-OAEP-256", Oaep(Hash::Sha256), Recommended),
            EncryptAlg::RsaOaep => ("RSA-OAEP", Oaep(Hash::Sha1), Legacy),
            EncryptAlg::Rsa15 => ("RSA1_5", Pkcs1v15, Legacy),
            EncryptAlg::A128Gcm => ("A128GCM", Gcm(128), Recommended),
            EncryptAlg::A192Gcm => ("A192GCM", Gcm(192), Recommended),
            EncryptAlg::A256Gcm => ("A256GCM", Gcm(256), Recommended),
            EncryptAlg::A128Cbc => ("A128CBC", Cbc(128), Legacy),
            EncryptAlg::A192Cbc => ("A192CBC", Cbc(192), Legacy),
            EncryptAlg::A256Cbc => ("A256CBC", Cbc(256), Legacy),
            EncryptAlg::A128CbcPad => ("A128CBCPAD", CbcPad(128), Legacy),
            EncryptAlg::A192CbcPad => ("A192CBCPAD", CbcPad(192), Legacy),
            EncryptAlg::A256CbcPad => ("A256CBCPAD", CbcPad(256), Legacy),
        };
        EncryptRow {
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
            (EncryptScheme::Oaep(_) | EncryptScheme::Pkcs1v15, KeySpec::Rsa { .. }) => true,
            (
                EncryptScheme::Gcm(needs)
                | EncryptScheme::Cbc(needs)
                | EncryptScheme::CbcPad(needs),
                KeySpec::Aes { bits },
            ) => needs == bits,
            _ => false,
        }
    }
}

names_from_rows!(EncryptAlg);
