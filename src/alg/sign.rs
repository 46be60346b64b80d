//! Signature and MAC algorithms.

use super::{Curve, Hash, KeySpec, Standing, names_from_rows};

/// A signature algorithm, by its JWA name without the dash (RFC 7518 section 3.1,
/// RFC 8812).
///
/// `RSNULL` of the service is known by name and not offered: it signs without a
/// DigestInfo, which nothing that this crate serves needs.
///
/// ```
/// use strongroom::{Hash, SignAlg};
/// let alg: SignAlg = "PS384".parse()?;
/// assert_eq!(alg.row().hash, Hash::Sha384);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SignAlg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1-SHA-256 and 32 bytes of salt.
    Ps256,
    /// RSASSA-PSS with SHA-384, MGF1-SHA-384 and 48 bytes of salt.
    Ps384,
    /// RSASSA-PSS with SHA-512, MGF1-SHA-512 and 64 bytes of salt.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// ECDSA on secp256k1 with SHA-256; a high S is accepted.
    Es256K,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignScheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    Pkcs1v15,
    /// RSASSA-PSS, salt as long as the digest (RFC 8017 section 8.1).
    Pss,
    /// ECDSA on this curve, as r || s of fixed width (RFC 7518 section 3.4).
    Ecdsa(Curve),
    /// HMAC (RFC 7518 section 3.2).
    Hmac,
}

/// The facts about a signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignRow {
    /// The JWA name.
    pub name: &'static str,
    /// How it is made.
    pub scheme: SignScheme,
    /// The hash function.
    pub hash: Hash,
    /// Whether it is one to use today.
    pub standing: Standing,
}

impl SignAlg {
    /// Every algorithm.
    pub const ALL: &'static [SignAlg] = &[
        SignAlg::Rs256,
        SignAlg::Rs384,
        SignAlg::Rs512,
        SignAlg::Ps256,
        SignAlg::Ps384,
        SignAlg::Ps512,
        SignAlg::Es256,
        SignAlg::Es384,
        SignAlg::Es512,
        SignAlg::Es256K,
        SignAlg::Hs256,
        SignAlg::Hs384,
        SignAlg::Hs512,
    ];

    /// The facts.
    #[must_use]
    pub const fn row(self) -> SignRow {
        use Hash::{Sha256, Sha384, Sha512};
        use SignScheme::{Ecdsa, Hmac, Pkcs1v15, Pss};
        let (name, scheme, hash) = match self {
            SignAlg::Rs256 => ("RS256", Pkcs1v15, Sha256),
            SignAlg::Rs384 => ("RS384", Pkcs1v15, Sha384),
            SignAlg::Rs512 => ("RS512", Pkcs1v15, Sha512),
            SignAlg::Ps256 => ("PS256", Pss, Sha256),
            SignAlg::Ps384 => ("PS384", Pss, Sha384),
            SignAlg::Ps512 => ("PS512", Pss, Sha512),
            SignAlg::Es256 => ("ES256", Ecdsa(Curve::P256), Sha256),
            SignAlg::Es384 => ("ES384", Ecdsa(Curve::P384), Sha384),
            SignAlg::Es512 => ("ES512", Ecdsa(Curve::P521), Sha512),
            SignAlg::Es256K => ("ES256K", Ecdsa(Curve::P256K), Sha256),
            SignAlg::Hs256 => ("HS256", Hmac, Sha256),
            SignAlg::Hs384 => ("HS384", Hmac, Sha384),
            SignAlg::Hs512 => ("HS512", Hmac, Sha512),
        };
        SignRow {
            name,
            scheme,
            hash,
            standing: Standing::Recommended,
        }
    }

    /// Whether a key of this kind can run it. A key for HS* is at least as long as the
    /// digest (RFC 7518 section 3.2).
    #[must_use]
    #[inline]
    pub fn fits(self, spec: KeySpec) -> bool {
        let row = self.row();
        match (row.scheme, spec) {
            (SignScheme::Pkcs1v15 | SignScheme::Pss, KeySpec::Rsa { .. }) => true,
            (SignScheme::Ecdsa(needs), KeySpec::Ec(curve)) => needs == curve,
            (SignScheme::Hmac, KeySpec::Hmac { .. } | KeySpec::Aes { .. }) => {
                spec.byte_len() >= row.hash.len()
            }
            _ => false,
        }
    }
}

names_from_rows!(SignAlg);
