//! Changing a version's attributes.

use super::record::{VersionRecord, version_record};
use super::{Action, Change, Key, KeyName, KeyUpdate, KeyVersion, Target, Vault};
use crate::error::{Error, ErrorKind};

/// How often a change is tried again when another writer was first.
const TRIES: usize = 64;

impl Vault {
    /// Changes a version's `key_ops`, attributes or tags. What the update does not name
    /// stays as it is, and a refused update changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Invalid`](ErrorKind::Invalid) for `key_ops` or
    /// `nbf`; those of the store.
    ///
    /// ```
    /// use strongroom::vault::{KeyOptions, KeyUpdate};
    /// use strongroom::{Curve, SignAlg};
    /// let vault = strongroom::in_memory()?;
    /// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// vault.update("signing", &key.id()?.version().to_string(), &KeyUpdate::new().enabled(false))?;
    /// assert!(key.sign(SignAlg::Es256, b"message").unwrap_err().is_denied());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn update(&self, name: &str, version: &str, update: &KeyUpdate) -> Result<Key, Error> {
        let (name, version): (KeyName, KeyVersion) = (name.parse()?, version.parse()?);
        let key = Key::pinned(self.core.clone(), name.clone(), version);
        let result = self.change(&name, version, update).and_then(|()| key.id());
        let target = match &result {
            Ok(id) => Target::Key(id.clone()),
            Err(_) => Target::Name(name),
        };
        self.core
            .record(Action::Update, target, result)
            .map(|_| key)
    }

    fn change(&self, name: &KeyName, version: KeyVersion, update: &KeyUpdate) -> Result<(), Error> {
        let key = version_record(name, version);
        for _ in 0..TRIES {
            let old = self.core.store.get(&key)?;
            let old = old.ok_or(ErrorKind::NotFound)?;
            let mut record = VersionRecord::decode(&old.value)?;
            let spec = record.handle.spec();
            let facts = &mut record.facts;
            let now = self.core.clock.now();
            update.apply(
                spec,
                &mut facts.ops,
                &mut facts.attributes,
                &mut facts.tags,
                now,
            )?;
            let change = Change::replace(key.clone(), old.revision, record.encode()?);
            match self.core.store.commit(&[change]) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| ()),
            }
        }
        Err(ErrorKind::Conflict.into())
    }
}
