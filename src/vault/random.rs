//! Random bytes, as a service gives them.

use super::access::Scope;
use super::{Action, Target, Vault};
use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// The most at once.
const MOST: usize = 128;

impl Vault {
    /// Random bytes from the provider: 1 to 128 of them.
    ///
    /// # Errors
    /// [`OutOfRange`](Rule::OutOfRange) for `count`;
    /// [`Randomness`](crate::ErrorKind::Randomness); those of the provider.
    ///
    /// ```
    /// let vault = strongroom::in_memory()?;
    /// assert_eq!(vault.random_bytes(32)?.len(), 32);
    /// assert!(vault.random_bytes(0).is_err());
    /// assert!(vault.random_bytes(129).is_err());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn random_bytes(&self, count: usize) -> Result<SecretBytes, Error> {
        let task = self.core.begin(Action::RandomBytes)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let bytes = match count {
            1..=MOST => {
                let mut bytes = SecretBytes::zeroed(count);
                let filled = self.core.providers.random(bytes.expose_mut());
                filled.map(|()| bytes)
            }
            _ => Err(Error::invalid("count", Rule::OutOfRange)),
        };
        task.end(Target::Vault, bytes)
    }
}
