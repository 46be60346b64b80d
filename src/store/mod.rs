//! Places for a vault's records.

mod memory;
#[cfg(feature = "redb")]
mod redb;

#[cfg(feature = "redb")]
pub use self::redb::RedbStore;
#[cfg(feature = "redb")]
pub(crate) use self::redb::{on_medium, read_parts, write_parts};
pub use memory::MemoryStore;
// For tests, through `internal`.
#[cfg(feature = "redb")]
#[doc(hidden)]
pub use self::redb::Medium;
