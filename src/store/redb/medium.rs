//! Where the bytes of a store are, for tests that take the power away.

use std::fmt;
use std::io;

use redb::StorageBackend;

/// Bytes that can be read, written and made durable: what a file is to a store. For this
/// crate's own tests, through [`internal`](crate::internal).
pub trait Medium: fmt::Debug + Send + Sync + 'static {
    /// The length in bytes.
    ///
    /// # Errors
    /// Those of the medium.
    fn size(&self) -> io::Result<u64>;

    /// Reads exactly.
    ///
    /// # Errors
    /// Those of the medium, and for a place behind its end.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Cuts, or extends with zeros.
    ///
    /// # Errors
    /// Those of the medium.
    fn resize(&self, len: u64) -> io::Result<()>;

    /// Makes durable all that was done.
    ///
    /// # Errors
    /// Those of the medium.
    fn sync(&self) -> io::Result<()>;

    /// Writes at a place.
    ///
    /// # Errors
    /// Those of the medium.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
}

#[derive(Debug)]
pub(super) struct Backend<M>(pub(super) M);

impl<M: Medium> StorageBackend for Backend<M> {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.size()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.resize(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write(offset, data)
    }
}
