//! An opened key: parsed, checked and precomputed, ready for its operations.

use std::fmt;

use super::aes::AesKey;
use super::ec::EcKey;
use super::hmac::MacKey;
use super::material;
use super::rsa::RsaKey;
use super::sealing::corrupt;
use crate::alg::KeySpec;
use crate::engine::ec::PublicTable;
use crate::engine::erase::erase_stack;
use crate::error::Error;
use crate::jwk::{Jwk, PublicKey};
use crate::secret::SecretBytes;

/// Each kind of key in a box of its own. The unused bytes of a small variant in a large
/// enum are never written, so a move fills them with what the stack held before, which
/// may be the key; and nothing erases them.
pub(super) enum Opened {
    Rsa(Box<RsaKey>),
    Ec(EcKey),
    /// AES keys compute MACs too, where they are long enough.
    Aes(AesKey, Box<MacKey>),
    Hmac(Box<MacKey>),
}

impl Opened {
    /// Reads a payload as the key that its handle says it is. A payload that is not one
    /// was written by someone who holds the sealing key, or by an earlier mistake.
    ///
    /// What that left on the stack is erased: a cell that is moved to the heap before it is
    /// filled, such as those in which a handle and the cache remember a key, takes along what
    /// was there.
    pub(super) fn from_payload(
        spec: KeySpec,
        public: Option<&Jwk>,
        payload: &SecretBytes,
    ) -> Result<Self, Error> {
        let opened = Opened::read(spec, public, payload);
        erase_stack::<16>();
        opened
    }

    #[inline(never)]
    fn read(spec: KeySpec, public: Option<&Jwk>, payload: &SecretBytes) -> Result<Self, Error> {
        let numbers = material::numbers(payload)?;
        match (spec, public.map(Jwk::key)) {
            (KeySpec::Rsa { .. }, Some(PublicKey::Rsa(public))) => {
                RsaKey::open(public, numbers).map(|key| Opened::Rsa(Box::new(key)))
            }
            (KeySpec::Ec(_), Some(PublicKey::Ec(public))) => {
                EcKey::open(public, numbers).map(Opened::Ec)
            }
            (KeySpec::Aes { .. }, None) if numbers.len() == spec.byte_len() => {
                let keys = AesKey::new(numbers).zip(MacKey::new(numbers));
                keys.map(|(aes, mac)| Opened::Aes(aes, Box::new(mac)))
                    .ok_or_else(corrupt)
            }
            (KeySpec::Hmac { .. }, None) if numbers.len() == spec.byte_len() => {
                let key = MacKey::new(numbers).ok_or_else(corrupt)?;
                Ok(Opened::Hmac(Box::new(key)))
            }
            _ => Err(corrupt()),
        }
    }

    /// About how many bytes of memory it takes: the bound of a cache need not be exact.
    pub(super) fn weight(&self, spec: KeySpec) -> usize {
        let behind = match self {
            // Some 14 numbers as wide as the modulus, most of them Montgomery parameters, and
            // five of the public half that the handle holds.
            Opened::Rsa(_) => 19 * spec.byte_len(),
            // Two key schedules for both directions, in the portable form.
            Opened::Aes(..) => 4096 + size_of::<MacKey>(),
            Opened::Hmac(_) => size_of::<MacKey>(),
            // A scalar; and what the public half in the handle keeps to verify by.
            Opened::Ec(_) => spec.byte_len() + PublicTable::weight(spec.byte_len()),
        };
        size_of::<Opened>() + behind
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}
