//! Symmetric keys (RFC 7518 section 6.4).

use crate::alg::{KeySpec, Op, OpSet};
use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// The longest symmetric key, in bytes.
const MAX_LEN: usize = 64;

/// A symmetric key of 16, 24, 32, 48 or 64 bytes, erased on drop.
#[derive(Debug, PartialEq)]
pub struct OctSecret {
    pub(crate) k: SecretBytes,
}

impl OctSecret {
    pub(crate) fn from_bytes(k: &[u8]) -> Result<Self, Error> {
        match k.len() {
            0 => Err(Error::invalid("k", Rule::Empty)),
            16 | 24 | 32 | 48 | MAX_LEN => Ok(OctSecret {
                k: SecretBytes::copy_of(k),
            }),
            _ => Err(Error::invalid("k", Rule::Size)),
        }
    }

    pub(crate) fn bits(&self) -> u32 {
        u32::try_from(self.k.len() * 8).unwrap_or_default()
    }
}

/// What a symmetric key of this size is for: HMAC if its `key_ops` say so or if no
/// AES key has its size, otherwise AES. (A JWK of kty `oct` does not tell.)
pub(crate) fn spec(bits: u32, ops: Option<OpSet>) -> Result<KeySpec, Error> {
    let mac_only = ops.is_some_and(|ops| {
        !ops.is_empty()
            && ops
                .iter()
                .all(|op| op == Op::Sign.into() || op == Op::Verify.into())
    });
    if mac_only || bits > 256 {
        return KeySpec::Hmac { bits }.check();
    }
    KeySpec::Aes { bits }.check()
}
