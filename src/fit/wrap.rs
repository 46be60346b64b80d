//! Wrap and unwrap requests.

use std::fmt;

use super::{MAX_KEY_MATERIAL_LEN, check_fit, check_len, max_oaep_len, max_pkcs1_len};
use crate::alg::{SEMIBLOCK, WrapAlg, WrapScheme};
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::KeyHandle;

/// Key material to wrap, that this key can wrap.
pub struct WrapRequest<'a> {
    key: &'a KeyHandle,
    alg: WrapAlg,
    material: &'a [u8],
}

impl<'a> WrapRequest<'a> {
    /// # Errors
    /// [`Unfit`](ErrorKind::Unfit), or a `key material` of a length that the algorithm
    /// does not take: RFC 3394 section 2 wants at least 16 bytes and a multiple of 8 (some
    /// tokens fill up with zeros in silence), RFC 5649 at least one byte.
    pub fn new(key: &'a KeyHandle, alg: WrapAlg, material: &'a [u8]) -> Result<Self, Error> {
        check_fit(key, alg)?;
        let modulus = key.spec().byte_len();
        let (min, unit, max) = match alg.row().scheme {
            WrapScheme::Oaep(hash) => (0, 1, max_oaep_len(modulus, hash.len())),
            WrapScheme::Pkcs1v15 => (0, 1, max_pkcs1_len(modulus)),
            WrapScheme::AesKw(_) => (2 * SEMIBLOCK, SEMIBLOCK, MAX_KEY_MATERIAL_LEN),
            WrapScheme::AesKwp => (1, 1, MAX_KEY_MATERIAL_LEN),
        };
        check_len("value", material.len(), max)?;
        if material.len() < min {
            return Err(Error::invalid("value", Rule::TooShort(min)));
        }
        if !material.len().is_multiple_of(unit) {
            return Err(Error::invalid("value", Rule::MultipleOf(unit)));
        }
        Ok(WrapRequest { key, alg, material })
    }

    /// The key that wraps.
    #[must_use]
    pub fn key(&self) -> &'a KeyHandle {
        self.key
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> WrapAlg {
        self.alg
    }

    /// The key material.
    #[must_use]
    pub fn material(&self) -> &'a [u8] {
        self.material
    }
}

/// A wrapped key to unwrap, that this key could have wrapped.
pub struct UnwrapRequest<'a> {
    key: &'a KeyHandle,
    alg: WrapAlg,
    wrapped: &'a [u8],
}

impl<'a> UnwrapRequest<'a> {
    /// # Errors
    /// [`Unfit`](ErrorKind::Unfit), and [`DecryptFailed`](ErrorKind::DecryptFailed) for
    /// a wrapped key of a length that no wrapping gives.
    pub fn new(key: &'a KeyHandle, alg: WrapAlg, wrapped: &'a [u8]) -> Result<Self, Error> {
        check_fit(key, alg)?;
        let whole = wrapped.len().is_multiple_of(SEMIBLOCK);
        let max = MAX_KEY_MATERIAL_LEN + 2 * SEMIBLOCK;
        let possible = match alg.row().scheme {
            WrapScheme::Oaep(_) | WrapScheme::Pkcs1v15 => wrapped.len() == key.spec().byte_len(),
            WrapScheme::AesKw(_) => whole && (3 * SEMIBLOCK..=max).contains(&wrapped.len()),
            WrapScheme::AesKwp => whole && (2 * SEMIBLOCK..=max).contains(&wrapped.len()),
        };
        if !possible {
            return Err(ErrorKind::DecryptFailed.into());
        }
        Ok(UnwrapRequest { key, alg, wrapped })
    }

    /// The key that unwraps.
    #[must_use]
    pub fn key(&self) -> &'a KeyHandle {
        self.key
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> WrapAlg {
        self.alg
    }

    /// The wrapped key.
    #[must_use]
    pub fn wrapped(&self) -> &'a [u8] {
        self.wrapped
    }
}

impl fmt::Debug for WrapRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrapRequest({}, {:?})", self.alg, self.key)
    }
}

impl fmt::Debug for UnwrapRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnwrapRequest({}, {:?})", self.alg, self.key)
    }
}
