//! The peers, as far as more than one family of rows needs them.

pub(crate) mod aws_lc;
pub(crate) mod gcm;
pub(crate) mod openssl;
pub(crate) mod rustcrypto;

/// A buffer that is used again, and how much of it is filled.
#[derive(Clone)]
pub(crate) struct Filled<const N: usize> {
    pub(crate) bytes: [u8; N],
    pub(crate) len: usize,
}

impl<const N: usize> Filled<N> {
    pub(crate) fn new() -> Self {
        Filled {
            bytes: [0; N],
            len: 0,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Room for the longest signature, that of RSA-4096.
pub(crate) type SignatureBuffer = Filled<512>;
