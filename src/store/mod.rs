//! Places for a vault's records.

mod memory;

pub use memory::MemoryStore;
