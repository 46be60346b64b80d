//! Mechanisms, and from this crate's names to those of PKCS #11: one line a fact.

use cryptoki_sys::*;

use crate::alg::{Hash, KeySpec};

/// A mechanism and its parameter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mechanism<'a> {
    Plain(CK_MECHANISM_TYPE),
    /// The IV of a block mode.
    Iv(CK_MECHANISM_TYPE, &'a [u8; 16]),
    Oaep {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
    },
    Pss {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_len: usize,
    },
    /// A tag of 128 bits.
    Gcm {
        iv: [u8; 12],
        aad: &'a [u8],
    },
    /// `CKM_RSA_AES_KEY_WRAP`: the size of the AES key, and OAEP's hash.
    RsaAes {
        bits: CK_ULONG,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
    },
}

/// What C_GetMechanismInfo says.
#[derive(Clone, Copy, Debug)]
pub(super) struct MechanismInfo {
    pub(super) min: CK_ULONG,
    pub(super) max: CK_ULONG,
    pub(super) flags: CK_FLAGS,
}

/// The hash as a mechanism, and MGF1 with it.
pub(super) fn hash(hash: Hash) -> (CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE) {
    match hash {
        Hash::Sha1 => (CKM_SHA_1, CKG_MGF1_SHA1),
        Hash::Sha256 => (CKM_SHA256, CKG_MGF1_SHA256),
        Hash::Sha384 => (CKM_SHA384, CKG_MGF1_SHA384),
        Hash::Sha512 => (CKM_SHA512, CKG_MGF1_SHA512),
    }
}

/// RSAES-OAEP with an empty label; MGF1 has the same hash (RFC 7518 section 4.3).
pub(super) fn oaep(of: Hash) -> Mechanism<'static> {
    let (hash, mgf) = hash(of);
    Mechanism::Oaep { hash, mgf }
}

/// RSASSA-PSS over a digest; the salt is as long as it (RFC 7518 section 3.5).
pub(super) fn pss(of: Hash) -> Mechanism<'static> {
    let (hash, mgf) = hash(of);
    let salt_len = of.len();
    Mechanism::Pss {
        hash,
        mgf,
        salt_len,
    }
}

/// HMAC; `None` with SHA-1, which no algorithm uses.
pub(super) fn hmac(of: Hash) -> Option<CK_MECHANISM_TYPE> {
    match of {
        Hash::Sha1 => None,
        Hash::Sha256 => Some(CKM_SHA256_HMAC),
        Hash::Sha384 => Some(CKM_SHA384_HMAC),
        Hash::Sha512 => Some(CKM_SHA512_HMAC),
    }
}

/// What makes a key of this kind.
pub(super) fn generation(spec: KeySpec) -> CK_MECHANISM_TYPE {
    match spec {
        KeySpec::Rsa { .. } => CKM_RSA_PKCS_KEY_PAIR_GEN,
        KeySpec::Ec(_) => CKM_EC_KEY_PAIR_GEN,
        KeySpec::Aes { .. } => CKM_AES_KEY_GEN,
        KeySpec::Hmac { .. } => CKM_GENERIC_SECRET_KEY_GEN,
    }
}

/// The class and type that a token's private or secret key of this kind has.
pub(super) fn class_and_type(spec: KeySpec) -> (CK_OBJECT_CLASS, CK_KEY_TYPE) {
    match spec {
        KeySpec::Rsa { .. } => (CKO_PRIVATE_KEY, CKK_RSA),
        KeySpec::Ec(_) => (CKO_PRIVATE_KEY, CKK_EC),
        KeySpec::Aes { .. } => (CKO_SECRET_KEY, CKK_AES),
        KeySpec::Hmac { .. } => (CKO_SECRET_KEY, CKK_GENERIC_SECRET),
    }
}
