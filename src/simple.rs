//! The paved path: a vault in one call.

use std::sync::Arc;

use crate::error::Error;
use crate::software::Software;
use crate::store::MemoryStore;
use crate::vault::{NoAudit, Vault};

/// A vault of software keys in memory, without an audit record: for a first try, for
/// tests, and for keys that need not outlive the process.
///
/// Everything can be chosen apart with [`Vault::builder`].
///
/// # Errors
/// [`Randomness`](crate::ErrorKind::Randomness) if the system has none to give.
///
/// ```
/// use strongroom::vault::KeyOptions;
/// use strongroom::{Curve, SignAlg};
///
/// let vault = strongroom::in_memory()?;
/// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
/// let signature = key.sign(SignAlg::Es256, b"message")?.value;
/// key.verify(SignAlg::Es256, b"message", signature.as_bytes())?;
/// # Ok::<(), strongroom::Error>(())
/// ```
pub fn in_memory() -> Result<Vault, Error> {
    Vault::builder()
        .provider(Arc::new(Software::ephemeral()?))
        .store(Arc::new(MemoryStore::new()))
        .audit(Arc::new(NoAudit))
        .build()
}
