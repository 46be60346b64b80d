//! Keys that are in a provider and in no record.

use std::collections::HashSet;

use super::record::{PENDING, PendingRecord, VERSIONS, VersionRecord};
use super::rotation::PAGE;
use super::{Action, Core, Record, Scope, Target, Vault};
use crate::error::Error;
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};

impl Vault {
    /// The keys that are in a provider with a place of its own, such as a token, and that no
    /// record of this vault names: made by somebody else, or left behind when a store was put
    /// back to an older state. They are listed and never deleted; [`adopt`](Vault::adopt) gives
    /// one a name.
    ///
    /// Reads the record of every version, and asks the token for all that it holds; it is the
    /// owner's alone.
    ///
    /// # Errors
    /// Those of the providers and the store; [`Corrupt`](crate::ErrorKind::Corrupt) if a
    /// record is damaged, as its key would seem to be nobody's.
    ///
    /// ```
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", strongroom::Curve::P256, &Default::default())?;
    /// assert!(vault.unlisted()?.is_empty());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn unlisted(&self) -> Result<Vec<KeyHandle>, Error> {
        let task = self.core.begin(Action::ListUnlisted)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let unlisted = self.core.unlisted();
        task.end(Target::Vault, unlisted)
    }
}

impl Core {
    fn unlisted(&self) -> Result<Vec<KeyHandle>, Error> {
        // What is held first: a key that is made meanwhile has its record before it is there.
        let mut held = Vec::new();
        for provider in self.providers.iter() {
            held.extend(provider.held_keys()?);
        }
        if held.is_empty() {
            return Ok(held);
        }
        let mut named: HashSet<(ProviderId, ProviderKeyId)> = HashSet::new();
        self.each_record(PENDING, |record| {
            let pending = PendingRecord::decode(&record.value)?;
            named.insert((pending.provider, pending.id));
            Ok(())
        })?;
        self.each_record(VERSIONS, |record| {
            let handle = VersionRecord::decode(&record.value)?.handle;
            named.insert((handle.provider().clone(), handle.id()));
            Ok(())
        })?;
        held.retain(|key| !named.contains(&(key.provider().clone(), key.id())));
        Ok(held)
    }

    fn each_record(
        &self,
        prefix: &str,
        mut visit: impl FnMut(&Record) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.scan(prefix, after.as_deref(), PAGE)?;
            page.iter().try_for_each(|(_, record)| visit(record))?;
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok(()),
            }
        }
    }
}
