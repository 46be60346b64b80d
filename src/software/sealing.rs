//! Sealed keys: what the blob of a [`KeyHandle`] is.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "srk1": form and version
//!      4      8  id of the sealing key
//!     12   80+n  the payload sealed, as `seal/aead.rs` says: salt, commitment, payload, tag
//! ```
//!
//! The label is "strongroom 1 sealed key".
//!
//! The associated data names the domain, the backend, the key's id, its kind and its
//! public half, each behind its length: a blob opens as the key it was sealed as, in
//! the place it was sealed for, and nowhere else. Without it, whoever can write to the
//! store could swap two keys, or put his own public half beside a private key.
//!
//! The payload is described in [`material`](super::material).

use crate::alg::KeySpec;
use crate::error::{Error, ErrorKind};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::{Jwk, PublicKey};
use crate::seal::{self, Randomness, SealingKey, field};
use crate::secret::SecretBytes;

const MAGIC: &[u8; 4] = b"srk1";
const ID_LEN: usize = 8;
const LABEL: &[u8] = b"strongroom 1 sealed key";

/// The key that seals, and the older ones that still open.
#[derive(Debug)]
pub(super) struct SealingKeys {
    pub(super) current: SealingKey,
    pub(super) older: Vec<SealingKey>,
}

/// Which key a blob is: what its associated data says.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) provider: &'a ProviderId,
    pub(super) id: ProviderKeyId,
    pub(super) spec: KeySpec,
    pub(super) public: Option<&'a Jwk>,
}

impl<'a> Identity<'a> {
    pub(super) fn of(handle: &'a KeyHandle) -> Self {
        Identity {
            provider: handle.provider(),
            id: handle.id(),
            spec: handle.spec(),
            public: handle.public(),
        }
    }

    fn associated_data(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        field(&mut out, b"strongroom 1 key");
        field(&mut out, self.provider.as_str().as_bytes());
        field(&mut out, self.id.as_bytes());
        field(&mut out, self.spec.name().as_bytes());
        match self.public.map(Jwk::key) {
            Some(PublicKey::Rsa(key)) => {
                field(&mut out, &key.n());
                field(&mut out, &key.e());
            }
            Some(PublicKey::Ec(key)) => field(&mut out, key.sec1()),
            Some(PublicKey::Oct(_)) | None => {}
        }
        out
    }
}

impl SealingKeys {
    /// Whether a blob names the current key. Nothing is authenticated by this.
    pub(super) fn is_current(&self, blob: &[u8]) -> bool {
        parts(blob).is_some_and(|(id, _)| *id == self.current.id())
    }

    /// Seals a payload under the current key.
    pub(super) fn seal(
        &self,
        identity: Identity<'_>,
        payload: &SecretBytes,
        rng: &Randomness,
    ) -> Result<Vec<u8>, Error> {
        let associated_data = identity.associated_data();
        let sealed = seal::seal(
            &self.current,
            LABEL,
            &associated_data,
            payload.expose(),
            rng,
        )?;
        let parts: [&[u8]; 3] = [MAGIC, &self.current.id(), &sealed];
        Ok(parts.concat())
    }

    /// Opens a blob. Every failure is the same error: a damaged blob, one of another
    /// key, and one under a sealing key that is not here.
    pub(super) fn open(&self, identity: Identity<'_>, blob: &[u8]) -> Result<SecretBytes, Error> {
        let try_open = || {
            let (id, sealed) = parts(blob)?;
            let key = self.by_id(id)?;
            seal::open(key, LABEL, &identity.associated_data(), sealed)
        };
        try_open().ok_or_else(corrupt)
    }

    fn by_id(&self, id: &[u8; ID_LEN]) -> Option<&SealingKey> {
        std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id() == *id)
    }
}

/// The error of whatever does not open.
pub(super) fn corrupt() -> Error {
    ErrorKind::Corrupt { what: "sealed key" }.into()
}

/// The id of a blob's sealing key, and what was sealed.
fn parts(blob: &[u8]) -> Option<(&[u8; ID_LEN], &[u8])> {
    blob.strip_prefix(MAGIC)?.split_first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(current: u8, older: &[u8]) -> SealingKeys {
        SealingKeys {
            current: SealingKey::from_bytes([current; 32]),
            older: older
                .iter()
                .map(|byte| SealingKey::from_bytes([*byte; 32]))
                .collect(),
        }
    }

    fn identity(provider: &ProviderId, id: u8) -> Identity<'_> {
        Identity {
            provider,
            id: ProviderKeyId::from_bytes([id; 16]),
            spec: KeySpec::Aes { bits: 256 },
            public: None,
        }
    }

    fn assert_corrupt(result: Result<SecretBytes, Error>) {
        assert_eq!(*result.unwrap_err().kind(), *corrupt().kind());
    }

    #[test]
    fn opens_as_what_it_was_sealed_as_and_as_nothing_else() {
        let (keys, rng) = (keys(1, &[]), Randomness::system());
        let here = ProviderId::new("here").unwrap();
        let there = ProviderId::new("there").unwrap();
        let payload = SecretBytes::copy_of(b"payload");
        let blob = keys.seal(identity(&here, 1), &payload, &rng).unwrap();
        assert!(keys.open(identity(&here, 1), &blob).unwrap() == payload);
        assert_corrupt(keys.open(identity(&here, 2), &blob));
        assert_corrupt(keys.open(identity(&there, 1), &blob));
        let mac = Identity {
            spec: KeySpec::Hmac { bits: 256 },
            ..identity(&here, 1)
        };
        assert_corrupt(keys.open(mac, &blob));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (keys, rng) = (keys(1, &[2]), Randomness::system());
        let here = ProviderId::new("here").unwrap();
        let payload = SecretBytes::copy_of(&[9; 40]);
        let blob = keys.seal(identity(&here, 1), &payload, &rng).unwrap();
        for at in 0..blob.len() {
            for bit in 0..8 {
                let mut blob = blob.clone();
                blob[at] ^= 1 << bit;
                assert_corrupt(keys.open(identity(&here, 1), &blob));
            }
            assert_corrupt(keys.open(identity(&here, 1), &blob[..at]));
        }
        let longer = [blob.as_slice(), &[0]].concat();
        assert_corrupt(keys.open(identity(&here, 1), &longer));
    }

    #[test]
    fn older_keys_open_and_unknown_ones_do_not() {
        let rng = Randomness::system();
        let here = ProviderId::new("here").unwrap();
        let payload = SecretBytes::copy_of(b"payload");
        let blob = keys(1, &[])
            .seal(identity(&here, 1), &payload, &rng)
            .unwrap();
        let later = keys(2, &[3, 1]);
        assert!(later.open(identity(&here, 1), &blob).is_ok());
        assert!(!later.is_current(&blob));
        assert_corrupt(keys(2, &[3]).open(identity(&here, 1), &blob));
    }

    #[test]
    fn a_blob_that_names_another_key_is_not_even_decrypted() {
        let rng = Randomness::system();
        let here = ProviderId::new("here").unwrap();
        let payload = SecretBytes::copy_of(b"payload");
        let both = keys(1, &[2]);
        let mut blob = both.seal(identity(&here, 1), &payload, &rng).unwrap();
        blob[4..12].copy_from_slice(&both.older[0].id());
        assert_corrupt(both.open(identity(&here, 1), &blob));
    }

    #[test]
    fn two_blobs_of_one_key_share_nothing() {
        let (keys, rng) = (keys(1, &[]), Randomness::system());
        let here = ProviderId::new("here").unwrap();
        let payload = SecretBytes::copy_of(&[0; 32]);
        let one = keys.seal(identity(&here, 1), &payload, &rng).unwrap();
        let two = keys.seal(identity(&here, 1), &payload, &rng).unwrap();
        assert_ne!(one[12..44], two[12..44]);
        assert_ne!(one[76..], two[76..]);
    }
}
