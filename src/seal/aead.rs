//! Authenticated encryption that commits to its key.
//!
//! ```text
//! offset  bytes  what
//!      0     32  salt, random for each sealing
//!     32     32  commitment
//!     64      n  payload, AES-256-GCM
//!   64+n     16  tag
//! ```
//!
//! `key || commitment = HKDF-SHA-256(sealing key, salt, label)`, 32 bytes each (RFC 5869);
//! the label says what is sealed. The salt makes the AES key unique to the sealing, so the
//! nonce is twelve zero bytes and cannot repeat under it.
//!
//! GCM alone does not commit to its key: a ciphertext can be made that opens under two
//! ("invisible salamanders", Dodis et al. 2018), and a holder of several sealing keys is
//! then an oracle for which one was used (partitioning oracles, Len et al. 2021). The
//! commitment is a hash of the sealing key, compared in constant time before anything is
//! decrypted, so what was sealed opens under one key at most.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::key::SealingKey;
use super::random::Randomness;
use crate::error::{Error, ErrorKind};
use crate::secret::SecretBytes;

const KEY_LEN: usize = 32;
pub(crate) const SALT_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;
const TAG_LEN: usize = 16;
const NONCE: [u8; 12] = [0; 12];

/// Seals a payload for what `label` names, bound to `associated_data`.
pub(crate) fn seal(
    key: &SealingKey,
    label: &[u8],
    associated_data: &[u8],
    payload: &[u8],
    rng: &Randomness,
) -> Result<Vec<u8>, Error> {
    let mut salt = [0; SALT_LEN];
    rng.fill(&mut salt)?;
    let (cipher, commitment) = derive(key, label, &salt);
    let mut sealed = SecretBytes::copy_of(payload);
    let buffer = sealed.expose_mut().into();
    let tag = cipher.encrypt_inout_detached(&NONCE.into(), associated_data, buffer);
    // GCM refuses 64 GiB and more alone.
    let tag = tag.map_err(|_| Error::from(ErrorKind::FaultDetected))?;
    let parts: [&[u8]; 4] = [&salt, &commitment, sealed.expose(), &tag];
    Ok(parts.concat())
}

/// The payload; `None` whatever is wrong.
pub(crate) fn open(
    key: &SealingKey,
    label: &[u8],
    associated_data: &[u8],
    sealed: &[u8],
) -> Option<SecretBytes> {
    let (salt, rest) = sealed.split_first_chunk()?;
    let (expected, rest) = rest.split_first_chunk::<COMMITMENT_LEN>()?;
    let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>()?;
    let (cipher, commitment) = derive(key, label, salt);
    if !bool::from(commitment.ct_eq(expected)) {
        return None;
    }
    let mut payload = SecretBytes::copy_of(sealed);
    let buffer = payload.expose_mut().into();
    let opened = cipher.decrypt_inout_detached(&NONCE.into(), associated_data, buffer, tag.into());
    opened.ok().map(|()| payload)
}

/// Cipher and commitment of the sealing with this salt.
fn derive(
    key: &SealingKey,
    label: &[u8],
    salt: &[u8; SALT_LEN],
) -> (Aes256Gcm, [u8; COMMITMENT_LEN]) {
    let mut both = Zeroizing::new([0; KEY_LEN + COMMITMENT_LEN]);
    key.expand(Some(salt), &[label], both.as_mut_slice());
    let (aes, rest) = both.split_at(KEY_LEN);
    let mut fixed = Zeroizing::new([0; KEY_LEN]);
    fixed.copy_from_slice(aes);
    let mut commitment = [0; COMMITMENT_LEN];
    commitment.copy_from_slice(rest);
    (Aes256Gcm::new((&*fixed).into()), commitment)
}
