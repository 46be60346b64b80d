//! A provider as a source of randomness for code written against `rand_core`.

use std::fmt;

use rand_core::{TryCryptoRng, TryRng};

use super::KeyProvider;
use crate::error::Error;

/// Draws from a provider's own generator.
pub struct ProviderRng<'a, P: ?Sized>(&'a P);

impl<'a, P: KeyProvider + ?Sized> ProviderRng<'a, P> {
    /// A generator over this provider.
    #[must_use]
    pub fn new(provider: &'a P) -> Self {
        ProviderRng(provider)
    }
}

impl<P: ?Sized> fmt::Debug for ProviderRng<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderRng")
    }
}

impl<P: KeyProvider + ?Sized> TryRng for ProviderRng<'_, P> {
    type Error = Error;

    fn try_next_u32(&mut self) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.0.random(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        self.0.random(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.random(out)
    }
}

impl<P: KeyProvider + ?Sized> TryCryptoRng for ProviderRng<'_, P> {}
