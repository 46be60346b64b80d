//! Listing keys and versions, a page at a time.

use std::str::FromStr;

use super::access::Scope;
use super::make::COMMIT_TRIES;
use super::record::{
    KEYS, KeyRecord, VersionRecord, corrupt, key_record, version_record, versions_of,
};
use super::{Action, Attributes, Core, KeyId, KeyName, KeyVersion, Record, Tags, Target, Vault};
use crate::error::{Error, ErrorKind, Rule};

/// The most items on a page, and how many there are when nothing is asked for (the
/// service's `maxresults`).
const MAX_PAGE: usize = 25;

/// Records by their keys, and the errors of those that are damaged.
pub(super) type Scanned = Vec<(String, Result<Record, Error>)>;

/// Some items, and where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T, After> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None` at the end.
    pub next: Option<After>,
    /// The keys of the records that should be on this page and are damaged, or name a version
    /// that is: one does not hide the others, and those can be got and used. To be shown to
    /// whoever can put them back from a backup.
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
    /// [`OutOfRange`](Rule::OutOfRange) for `maxresults`; [`Corrupt`](ErrorKind::Corrupt) where a
    /// page ends with a record whose key is none, for then nothing comes after it; those of the
    /// store.
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
        let task = self.core.begin(Action::List)?;
        task.allow(&Scope::Keys, &Target::Vault)?;
        let page = self.core.list(after, max);
        task.end(Target::Vault, page)
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
        let task = self.core.begin(Action::ListVersions)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let page = self.core.versions(&name, after, max);
        task.end(Target::Name(name), page)
    }
}

impl Core {
    /// Records as [`Store::scan`](super::Store::scan) gives them, and in the place of each
    /// that is damaged its error.
    pub(super) fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Scanned, Error> {
        for _ in 0..COMMIT_TRIES {
            match self.store.scan(prefix, after, limit) {
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt { .. }) => {}
                found => return Ok(found?.into_iter().map(|(key, it)| (key, Ok(it))).collect()),
            }
            let keys = self.store.keys(prefix, after, limit)?.into_iter();
            let one_by_one = keys.map(|key| {
                let found = self.store.get(&key).transpose()?;
                Some((key, found))
            });
            // One that is gone since is not left out, or the page would look like the last.
            if let Some(page) = one_by_one.collect() {
                return Ok(page);
            }
        }
        Err(ErrorKind::Conflict.into())
    }

    fn list(
        &self,
        after: Option<&KeyName>,
        max: Option<usize>,
    ) -> Result<Page<KeyItem, KeyName>, Error> {
        let max = check_max(max)?;
        let after = after.map(key_record);
        let found = self.scan(KEYS, after.as_deref(), max + 1)?;
        page(found, max, KEYS, |value| {
            let KeyRecord { name, current, .. } = KeyRecord::decode(value)?;
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
        let found = self.scan(&versions_of(name), after.as_deref(), max + 1)?;
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

pub(super) fn check_max(max: Option<usize>) -> Result<usize, Error> {
    match max.unwrap_or(MAX_PAGE) {
        max @ 1..=MAX_PAGE => Ok(max),
        _ => Err(Error::invalid("maxresults", Rule::OutOfRange)),
    }
}

/// Cuts `max + 1` records to a page; the one too many tells that there is a next. What a
/// page goes on after is the rest of a record's key behind `prefix`.
pub(super) fn page<T, After: FromStr>(
    mut found: Scanned,
    max: usize,
    prefix: &str,
    read: impl Fn(&[u8]) -> Result<T, Error>,
) -> Result<Page<T, After>, Error> {
    let more = found.len() > max;
    found.truncate(max);
    let next = match found.last() {
        Some((key, _)) if more => {
            let rest = key.strip_prefix(prefix).ok_or_else(corrupt)?;
            Some(rest.parse().map_err(|_| corrupt())?)
        }
        _ => None,
    };
    let mut page = Page {
        items: Vec::with_capacity(found.len()),
        next,
        damaged: Vec::new(),
    };
    for (key, record) in found {
        match record.and_then(|record| read(&record.value)) {
            Ok(item) => page.items.push(item),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt { .. }) => {
                page.damaged.push(key);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(page)
}
