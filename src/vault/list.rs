//! Listing keys and versions, a page at a time.

use std::str::FromStr;

use super::record::{
    KEYS, KeyRecord, VersionRecord, corrupt, key_record, version_record, versions_of,
};
use super::{Action, Attributes, Core, KeyId, KeyName, KeyVersion, Record, Tags, Target, Vault};
use crate::error::{Error, ErrorKind, Rule};

/// The most items on a page, and how many there are when nothing is asked for (the
/// service's `maxresults`).
const MAX_PAGE: usize = 25;

/// Some items, and where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T, After> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None` at the end.
    pub next: Option<After>,
    /// The records that should be on this page and are damaged: one that is does not hide
    /// the others.
    pub damaged: Vec<String>,
}

/// A key in a list: its current version's attributes and tags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyItem {
    /// The name, as first spelled.
    pub name: KeyName,
    /// The identifier without a version: `https://{host}/keys/{name}`.
    pub id: String,
    /// The current version's attributes.
    pub attributes: Attributes,
    /// The current version's tags.
    pub tags: Tags,
}

/// A version in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionItem {
    /// The identifier.
    pub id: KeyId,
    /// Its attributes.
    pub attributes: Attributes,
    /// Its tags.
    pub tags: Tags,
}

impl Vault {
    /// The keys after this name, in the order of their folded names; at most `max`
    /// (1 to 25, by default 25).
    ///
    /// # Errors
    /// [`OutOfRange`](Rule::OutOfRange) for `maxresults`; those of the store.
    ///
    /// ```
    /// use strongroom::Curve;
    /// use strongroom::vault::KeyOptions;
    /// let vault = strongroom::in_memory()?;
    /// for name in ["a", "b", "c"] {
    ///     vault.create(name, Curve::P256, &KeyOptions::new())?;
    /// }
    /// let first = vault.list(None, Some(2))?;
    /// assert_eq!(first.items.len(), 2);
    /// let second = vault.list(first.next.as_ref(), Some(2))?;
    /// assert_eq!(second.items[0].name.as_str(), "c");
    /// assert!(second.next.is_none());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn list(
        &self,
        after: Option<&KeyName>,
        max: Option<usize>,
    ) -> Result<Page<KeyItem, KeyName>, Error> {
        let page = self.core.list(after, max);
        self.core.record(Action::List, Target::Vault, page)
    }

    /// A key's versions after this one, in the order of their identifiers; at most
    /// `max` (1 to 25, by default 25).
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`OutOfRange`](Rule::OutOfRange) for
    /// `maxresults`; those of the store.
    pub fn versions(
        &self,
        name: &str,
        after: Option<KeyVersion>,
        max: Option<usize>,
    ) -> Result<Page<VersionItem, KeyVersion>, Error> {
        let name: KeyName = self.core.checked(Action::ListVersions, name.parse())?;
        let page = self.core.versions(&name, after, max);
        self.core
            .record(Action::ListVersions, Target::Name(name), page)
    }
}

impl Core {
    fn list(
        &self,
        after: Option<&KeyName>,
        max: Option<usize>,
    ) -> Result<Page<KeyItem, KeyName>, Error> {
        let max = check_max(max)?;
        let after = after.map(key_record);
        let found = self.store.scan(KEYS, after.as_deref(), max + 1)?;
        page(found, max, KEYS, |value| {
            let KeyRecord { name, current } = KeyRecord::decode(value)?;
            let version = self.store.get(&version_record(&name, current))?;
            let facts = VersionRecord::decode(&version.ok_or_else(corrupt)?.value)?.facts;
            Ok(KeyItem {
                id: format!("https://{}/keys/{name}", self.host),
                name,
                attributes: facts.attributes,
                tags: facts.tags,
            })
        })
    }

    fn versions(
        &self,
        name: &KeyName,
        after: Option<KeyVersion>,
        max: Option<usize>,
    ) -> Result<Page<VersionItem, KeyVersion>, Error> {
        let max = check_max(max)?;
        let key = self.store.get(&key_record(name))?;
        let spelled = KeyRecord::decode(&key.ok_or(ErrorKind::NotFound)?.value)?.name;
        let after = after.map(|version| version_record(name, version));
        let found = self
            .store
            .scan(&versions_of(name), after.as_deref(), max + 1)?;
        page(found, max, &versions_of(name), |value| {
            let facts = VersionRecord::decode(value)?.facts;
            Ok(VersionItem {
                id: KeyId::new(self.host.clone(), spelled.clone(), facts.version),
                attributes: facts.attributes,
                tags: facts.tags,
            })
        })
    }
}

fn check_max(max: Option<usize>) -> Result<usize, Error> {
    match max.unwrap_or(MAX_PAGE) {
        max @ 1..=MAX_PAGE => Ok(max),
        _ => Err(Error::invalid("maxresults", Rule::OutOfRange)),
    }
}

/// Cuts `max + 1` records to a page; the one too many tells that there is a next. What a
/// page goes on after is the rest of a record's key behind `prefix`.
fn page<T, After: FromStr>(
    mut found: Vec<(String, Record)>,
    max: usize,
    prefix: &str,
    read: impl Fn(&[u8]) -> Result<T, Error>,
) -> Result<Page<T, After>, Error> {
    let more = found.len() > max;
    found.truncate(max);
    let last = found.last().filter(|_| more);
    let last = last.and_then(|(key, _)| key.strip_prefix(prefix));
    let next = last.and_then(|rest| rest.parse().ok());
    let mut page = Page {
        items: Vec::with_capacity(found.len()),
        next,
        damaged: Vec::new(),
    };
    for (key, record) in found {
        match read(&record.value) {
            Ok(item) => page.items.push(item),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt { .. }) => {
                page.damaged.push(key);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}
