//! How many keys and versions a tier allows.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::record::{DELETED, DESTROYING, KEYS, PENDING, key_record, pending_of, versions_of};
use super::{Core, KeyName};
use crate::error::{Error, Rule};

/// How many records are counted at a time.
const PAGE: usize = 256;

/// Held from counting to the commit that uses up what was free, where there is a limit:
/// otherwise two that count at once would both take the last place.
#[derive(Debug, Default)]
pub(super) struct Quota(Mutex<()>);

impl Core {
    /// Does something for a new version of this name, such as to commit it, if there is room for
    /// it. What is being made counts as made, if a record says so.
    pub(super) fn within_limits<T>(
        &self,
        name: &KeyName,
        commit: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(tier) = self.tier else {
            return commit();
        };
        let (versions, keys) = (tier.most_versions(), tier.most_keys());
        if versions.is_none() && keys.is_none() {
            return commit();
        }
        let _held = self.quota.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |field, most| Err(Error::invalid(field, Rule::TooLong(most)));
        if let Some(most) = versions
            && self.count_versions(name)? >= most
        {
            return full("versions", most);
        }
        if let Some(most) = keys
            && self.store.get(&key_record(name))?.is_none()
            && self.count_keys()? >= most
        {
            return full("keys", most);
        }
        commit()
    }

    /// Versions, and those that are being made. The latter are read first: one that is
    /// published meanwhile is met again, and not missed.
    fn count_versions(&self, name: &KeyName) -> Result<usize, Error> {
        let mut coming = HashSet::new();
        self.each(&pending_of(name), |version| {
            coming.insert(version.to_owned());
            Ok(())
        })?;
        let mut count = 0;
        self.each(&versions_of(name), |version| {
            coming.remove(version);
            count += 1;
            Ok(())
        })?;
        Ok(count + coming.len())
    }

    /// Keys, deleted ones among them, and the names that are about to become keys.
    fn count_keys(&self) -> Result<usize, Error> {
        let mut coming = HashSet::new();
        self.each(PENDING, |record| {
            if let Some((name, _)) = record.split_once('/') {
                coming.insert(name.to_owned());
            }
            Ok(())
        })?;
        let mut count = 0;
        for kept in [KEYS, DELETED, DESTROYING] {
            self.each(kept, |name| {
                coming.remove(name);
                count += 1;
                Ok(())
            })?;
        }
        Ok(count + coming.len())
    }

    /// Goes through the records whose keys begin with `prefix`; gives the rest of each key.
    fn each(
        &self,
        prefix: &str,
        mut visit: impl FnMut(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.keys(prefix, after.as_deref(), PAGE)?;
            for key in &page {
                visit(key.strip_prefix(prefix).unwrap_or(key))?;
            }
            match page.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }
}
