//! The messages that stand for a wrong PKCS #1 v1.5 padding
//! (draft-irtf-cfrg-rsa-guidance-10 section 7).
//!
//! The draft derives them from a hash of `d`; what a token has in its place is in
//! `challenge.rs`. A random key would not do: a message that changes when the process
//! restarts, or from one instance to the next, shows that it was made up.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{ConditionallySelectable, ConstantTimeGreater};
use zeroize::Zeroizing;

use super::failed;
use crate::error::Error;
use crate::secret::SecretBytes;

/// The bytes of candidates for a length, two each (section 7.2 step 3.2).
const CANDIDATES: usize = 256;

/// What the messages of one RSA key are made from.
#[derive(Debug)]
pub(crate) struct RejectionKey(SecretBytes);

impl RejectionKey {
    /// In the place of the draft's `DH` (step 3.1.2).
    pub(crate) fn from_hash(hash: &[u8]) -> Self {
        RejectionKey(SecretBytes::copy_of(hash))
    }

    /// The message made up for a ciphertext: as many bytes as that has, of which the last
    /// ones are the message, and their number, at most `longest`. The number is secret.
    pub(super) fn message(
        &self,
        ciphertext: &[u8],
        longest: u16,
    ) -> Result<(SecretBytes, u16), Error> {
        let key = Zeroizing::new(mac(self.0.expose(), &[ciphertext])?);
        let candidates = stretch(key.as_slice(), b"length", CANDIDATES)?;
        let message = stretch(key.as_slice(), b"message", ciphertext.len())?;
        Ok((message, last_admissible(candidates.expose(), longest)))
    }
}

/// `IRPRF` of section 7.1.
fn stretch(key: &[u8], label: &[u8], len: usize) -> Result<SecretBytes, Error> {
    let bits = u16::try_from(8 * len).map_err(|_| failed())?.to_be_bytes();
    let mut out = SecretBytes::zeroed(len);
    for (counter, chunk) in (0u16..).zip(out.expose_mut().chunks_mut(32)) {
        let block = Zeroizing::new(mac(key, &[&counter.to_be_bytes(), label, &bits])?);
        let pairs = chunk.iter_mut().zip(block.iter());
        pairs.for_each(|(to, from)| *to = *from);
    }
    Ok(out)
}

/// The last candidate that is not above `longest`, or 0 (section 7.2 step 3.3). Bits that
/// no admissible length has are cut off first, so that about half of the 128 are.
fn last_admissible(candidates: &[u8], longest: u16) -> u16 {
    let mask = u16::MAX.checked_shr(longest.leading_zeros()).unwrap_or(0);
    let (candidates, _) = candidates.as_chunks::<2>();
    candidates.iter().fold(0, |chosen, candidate| {
        let candidate = u16::from_be_bytes(*candidate) & mask;
        u16::conditional_select(&candidate, &chosen, candidate.ct_gt(&longest))
    })
}

/// HMAC-SHA-256 takes keys of all lengths, so this does not fail.
fn mac(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32], Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| failed())?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().into())
}
