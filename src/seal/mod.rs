//! Sealing: keeping secrets in places that anyone may read and write.
//!
//! A [`SealingKey`] seals the keys of [`Software`](crate::software::Software) and the
//! records of a durable [`store`](crate::store). One key serves both: what it seals for
//! different ends is sealed under different keys that are derived from it, and never opens
//! as the other. A [`SealingHeader`] says how to get at the key: from a passphrase, or by
//! unwrapping it with a key of another backend.

mod aead;
mod header;
mod iv;
mod key;
mod passphrase;
mod random;

#[cfg(feature = "redb")]
pub(crate) use aead::SALT_LEN;
pub(crate) use aead::{open, seal};
pub use header::SealingHeader;
pub use key::SealingKey;
pub use passphrase::PassphraseCosts;
pub(crate) use random::Randomness;

/// Behind its length, so that no two lists of fields make the same bytes.
pub(crate) fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // No field comes near 4 GiB.
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}
