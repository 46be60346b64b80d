//! Where the record of every use goes: files that show what was done to them, and logs.
//!
//! [`JsonLinesAudit`] appends one JSON object a line, with the members of the service's own
//! log. Each line carries its number and an HMAC-SHA-256 over the line before and itself, and
//! the store keeps the *head*: how many lines there are, and the last MAC. So whoever can
//! write the file and does not have the [`AuditKey`] cannot alter, drop, reorder, add or cut
//! off a line without being found by [`JsonLinesAudit::verify`], which says at which line.
//!
//! What it cannot find: file and store put back together to an older state (the store's own
//! limit), and whatever somebody does who has the key.
//!
//! `TracingAudit`, of the feature `tracing`, hands events to whoever collects the process's logs.
//!
//! ```
//! use std::sync::Arc;
//! use strongroom::audit::{AuditKey, JsonLinesAudit};
//! use strongroom::software::Software;
//! use strongroom::store::MemoryStore;
//! use strongroom::vault::{KeyOptions, Vault};
//! use strongroom::{Curve, SignAlg};
//!
//! # let path = std::env::temp_dir().join(format!("strongroom-doc-{}.jsonl", std::process::id()));
//! let store = Arc::new(MemoryStore::new());
//! let log = Arc::new(JsonLinesAudit::open(&path, AuditKey::from_bytes([7; 32]), store.clone())?);
//! let vault = Vault::builder()
//!     .provider(Arc::new(Software::ephemeral()?))
//!     .store(store)
//!     .audit(log.clone())
//!     .build()?;
//! let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
//! key.sign(SignAlg::Es256, b"message")?;
//! assert_eq!(log.verify()?.lines, 2);
//! # std::fs::remove_file(&path).unwrap();
//! # Ok::<(), strongroom::Error>(())
//! ```

mod chain;
mod json_lines;
mod line;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "tracing")]
pub use self::tracing::TracingAudit;
pub use chain::{AuditKey, VerifiedLog};
pub use json_lines::{JsonLinesAudit, SyncPolicy};

/// Reads lines as [`JsonLinesAudit::verify`] does, from bytes: for fuzzing.
pub(crate) fn verify_bytes(
    bytes: &[u8],
    key: &AuditKey,
) -> Result<VerifiedLog, crate::error::Error> {
    let (tail, torn) = chain::follow(bytes, key, chain::Head::start(key), None, |_| ())?;
    Ok(VerifiedLog {
        lines: tail.count,
        torn,
    })
}
