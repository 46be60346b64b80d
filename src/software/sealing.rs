//! Sealed keys: what the blob of a [`KeyHandle`] is.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "srk1": form and version
//!      4      8  id of the sealing key
//!     12     32  salt, random for each blob
//!     44     32  commitment
//!     76      n  payload, AES-256-GCM
//!   76+n     16  tag
//! ```
//!
//! `key || commitment = HKDF-SHA-256(sealing key, salt, "strongroom 1 sealed key")`, 32
//! bytes each (RFC 5869). The salt makes the AES key unique to the blob, so the nonce is
//! twelve zero bytes and cannot repeat under it.
//!
//! GCM alone does not commit to its key: a blob can be made that opens under two
//! ("invisible salamanders", Dodis et al. 2018), and a holder of several sealing keys is
//! then an oracle for which one was used (partitioning oracles, Len et al. 2021). The
//! commitment is a hash of the sealing key, compared in constant time before anything is
//! decrypted, so a blob opens under one key at most.
//!
//! The associated data names the domain, the backend, the key's id, its kind and its
//! public half, each behind its length: a blob opens as the key it was sealed as, in
//! the place it was sealed for, and nowhere else. Without it, whoever can write to the
//! store could swap two keys, or put his own public half beside a private key.
//!
//! The payload is described in [`material`](super::material).

use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random::Randomness;
use crate::alg::KeySpec;
use crate::error::{Error, ErrorKind};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::{Jwk, PublicKey};
use crate::secret::SecretBytes;

const MAGIC: &[u8; 4] = b"srk1";
const ID_LEN: usize = 8;
const SALT_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;
const TAG_LEN: usize = 16;
const NONCE: [u8; 12] = [0; 12];

const ID_LABEL: &[u8] = b"strongroom 1 sealing key id";
const BLOB_LABEL: &[u8] = b"strongroom 1 sealed key";
const CHECK_LABEL: &[u8] = b"strongroom 1 check";

/// A key that seals keys: 32 secret bytes, erased on drop.
///
/// Whoever has it and the handles has the keys. It comes from 32 bytes that the
/// embedder keeps elsewhere, or is opened from a [`SealingHeader`](super::SealingHeader).
///
/// ```
/// use strongroom::software::SealingKey;
///
/// let key = SealingKey::from_bytes([7; 32]);
/// assert!(!format!("{key:?}").contains("07, 07"));
/// ```
pub struct SealingKey {
    root: SecretBytes,
    id: [u8; ID_LEN],
}

impl SealingKey {
    /// The length of a sealing key, in bytes.
    pub const LEN: usize = 32;

    /// The key with these bytes, which must be random (32 bytes of a password are not:
    /// see [`SealingHeader`](super::SealingHeader)). The array is erased; copies that
    /// the caller has are the caller's to erase.
    #[must_use]
    pub fn from_bytes(bytes: [u8; SealingKey::LEN]) -> Self {
        let bytes = Zeroizing::new(bytes);
        SealingKey::of(SecretBytes::copy_of(bytes.as_slice()))
    }

    /// The key with these bytes, which must be random.
    ///
    /// # Errors
    /// [`Rule::Length`](crate::Rule::Length) for `sealing key` unless there are 32.
    pub fn from_secret(bytes: SecretBytes) -> Result<Self, Error> {
        if bytes.len() != SealingKey::LEN {
            let rule = crate::error::Rule::Length {
                expected: SealingKey::LEN,
                actual: bytes.len(),
            };
            return Err(Error::invalid("sealing key", rule));
        }
        Ok(SealingKey::of(bytes))
    }

    /// A new key from the operating system's generator.
    ///
    /// # Errors
    /// [`Randomness`](ErrorKind::Randomness).
    pub fn random() -> Result<Self, Error> {
        SealingKey::drawn(&Randomness::system())
    }

    pub(super) fn drawn(rng: &Randomness) -> Result<Self, Error> {
        let mut root = SecretBytes::zeroed(SealingKey::LEN);
        rng.fill(root.expose_mut())?;
        Ok(SealingKey::of(root))
    }

    /// The id by which blobs name this key: derived from it, and no secret.
    #[must_use]
    pub fn id(&self) -> [u8; ID_LEN] {
        self.id
    }

    /// What proves that this key is the one that `content` was written with.
    pub(super) fn check(&self, content: &[u8]) -> [u8; 32] {
        let mut check = [0; 32];
        expand(&self.root, None, &[CHECK_LABEL, content], &mut check);
        check
    }

    pub(super) fn root(&self) -> &SecretBytes {
        &self.root
    }

    fn of(root: SecretBytes) -> Self {
        let mut id = [0; ID_LEN];
        expand(&root, None, &[ID_LABEL], &mut id);
        SealingKey { root, id }
    }

    /// Key and commitment of the blob with this salt.
    fn derive(&self, salt: &[u8; SALT_LEN]) -> Zeroizing<[u8; 32 + COMMITMENT_LEN]> {
        let mut both = Zeroizing::new([0; 32 + COMMITMENT_LEN]);
        expand(&self.root, Some(salt), &[BLOB_LABEL], both.as_mut_slice());
        both
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(")?;
        self.id
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// HKDF-SHA-256. It refuses outputs over 8160 bytes alone; all of ours are constants
/// far below, and an output left at zero would fail every comparison.
fn expand(root: &SecretBytes, salt: Option<&[u8; SALT_LEN]>, info: &[&[u8]], out: &mut [u8]) {
    let salt = salt.map(<[u8; SALT_LEN]>::as_slice);
    let hkdf = Hkdf::<Sha256>::new(salt, root.expose());
    let expanded = hkdf.expand_multi_info(info, out);
    debug_assert!(expanded.is_ok());
}

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
        let mut out = Vec::new();
        field(&mut out, b"strongroom 1 key");
        field(&mut out, self.provider.as_str().as_bytes());
        field(&mut out, self.id.as_bytes());
        field(&mut out, self.spec.name().as_bytes());
        match self.public.map(Jwk::key) {
            Some(PublicKey::Rsa(key)) => {
                field(&mut out, &key.n());
                field(&mut out, &key.e());
            }
            Some(PublicKey::Ec(key)) => field(&mut out, &key.to_sec1()),
            Some(PublicKey::Oct(_)) | None => {}
        }
        out
    }
}

/// Behind its length, so that no two lists of fields make the same bytes.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // No field comes near 4 GiB.
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

impl SealingKeys {
    /// Whether a blob names the current key. Nothing is authenticated by this.
    pub(super) fn is_current(&self, blob: &[u8]) -> bool {
        Parts::of(blob).is_some_and(|parts| *parts.id == self.current.id)
    }

    /// Seals a payload under the current key.
    pub(super) fn seal(
        &self,
        identity: Identity<'_>,
        payload: &SecretBytes,
        rng: &Randomness,
    ) -> Result<Vec<u8>, Error> {
        let mut salt = [0; SALT_LEN];
        rng.fill(&mut salt)?;
        let both = self.current.derive(&salt);
        let (cipher, commitment) = split(&both);
        let mut sealed = SecretBytes::copy_of(payload.expose());
        let tag = cipher.encrypt_inout_detached(
            &NONCE.into(),
            &identity.associated_data(),
            sealed.expose_mut().into(),
        );
        // GCM refuses 64 GiB and more alone.
        let tag = tag.map_err(|_| Error::from(ErrorKind::FaultDetected))?;
        let parts: [&[u8]; 6] = [
            MAGIC,
            &self.current.id,
            &salt,
            &commitment,
            sealed.expose(),
            &tag,
        ];
        Ok(parts.concat())
    }

    /// Opens a blob. Every failure is the same error: a damaged blob, one of another
    /// key, and one under a sealing key that is not here.
    pub(super) fn open(&self, identity: Identity<'_>, blob: &[u8]) -> Result<SecretBytes, Error> {
        self.try_open(identity, blob).ok_or_else(corrupt)
    }

    fn try_open(&self, identity: Identity<'_>, blob: &[u8]) -> Option<SecretBytes> {
        let parts = Parts::of(blob)?;
        let key = self.by_id(parts.id)?;
        let both = key.derive(parts.salt);
        let (cipher, commitment) = split(&both);
        if !bool::from(commitment.ct_eq(parts.commitment)) {
            return None;
        }
        let mut payload = SecretBytes::copy_of(parts.sealed);
        let opened = cipher.decrypt_inout_detached(
            &NONCE.into(),
            &identity.associated_data(),
            payload.expose_mut().into(),
            parts.tag.into(),
        );
        opened.ok().map(|()| payload)
    }

    fn by_id(&self, id: &[u8; ID_LEN]) -> Option<&SealingKey> {
        std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id == *id)
    }
}

/// The error of whatever does not open.
pub(super) fn corrupt() -> Error {
    ErrorKind::Corrupt { what: "sealed key" }.into()
}

fn split(both: &[u8; 32 + COMMITMENT_LEN]) -> (Aes256Gcm, [u8; COMMITMENT_LEN]) {
    let (key, commitment) = both.split_at(32);
    let mut fixed = Zeroizing::new([0; 32]);
    fixed.copy_from_slice(key);
    let mut out = [0; COMMITMENT_LEN];
    out.copy_from_slice(commitment);
    (Aes256Gcm::new((&*fixed).into()), out)
}

/// The parts of a blob.
struct Parts<'a> {
    id: &'a [u8; ID_LEN],
    salt: &'a [u8; SALT_LEN],
    commitment: &'a [u8; COMMITMENT_LEN],
    sealed: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> Parts<'a> {
    fn of(blob: &'a [u8]) -> Option<Self> {
        let rest = blob.strip_prefix(MAGIC)?;
        let (id, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (commitment, rest) = rest.split_first_chunk()?;
        let (sealed, tag) = rest.split_last_chunk()?;
        Some(Parts {
            id,
            salt,
            commitment,
            sealed,
            tag,
        })
    }
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
        blob[4..12].copy_from_slice(&both.older[0].id);
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

    #[test]
    fn debug_shows_the_id_alone() {
        let shown = format!("{:?}", SealingKey::from_bytes([0xA5; 32]));
        assert_eq!(shown.len(), "SealingKey()".len() + 16);
        assert!(!shown.contains("a5a5"));
    }
}
