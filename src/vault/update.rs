//! Changing a version's record.

use std::sync::Arc;

use super::create::COMMIT_TRIES;
use super::record::{VersionRecord, version_record};
use super::{Action, Change, Core, Key, KeyId, KeyName, KeyUpdate, KeyVersion, Target, Vault};
use crate::error::{Error, ErrorKind};

impl Vault {
    /// Changes a version's `key_ops`, attributes or tags: [`Key::update`] by name.
    ///
    /// # Errors
    /// As there, and for a malformed `name` or `version`.
    pub fn update(&self, name: &str, version: &str, update: &KeyUpdate) -> Result<Key, Error> {
        let name = self.core.checked(Action::Update, name.parse())?;
        let version = self.core.checked(Action::Update, version.parse())?;
        let key = Key::pinned(Arc::clone(&self.core), name, version);
        key.update(update).map(|_| key)
    }
}

impl Key {
    /// Changes `key_ops`, attributes or tags; of the version that is current now, if the
    /// key floats. What the update does not name stays as it is, and a refused update
    /// changes nothing. Answers with the version that was changed.
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
    /// key.update(&KeyUpdate::new().enabled(false))?;
    /// assert!(key.sign(SignAlg::Es256, b"message").unwrap_err().is_denied());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn update(&self, update: &KeyUpdate) -> Result<KeyId, Error> {
        let core = self.core();
        self.change(Action::Update, |record| {
            let (spec, facts) = (record.handle.spec(), &mut record.facts);
            let now = core.clock.now();
            update.apply(
                spec,
                &mut facts.ops,
                &mut facts.attributes,
                &mut facts.tags,
                now,
            )
        })
    }

    /// Brings the key into the form that its provider would give it today: with `Software`,
    /// sealed under the current sealing key. Once every version has been through here an
    /// older sealing key can be forgotten, and copies of old records no longer open.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); those of the provider and the store.
    ///
    /// ```
    /// use strongroom::Curve;
    /// use strongroom::vault::KeyOptions;
    /// let vault = strongroom::in_memory()?;
    /// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// assert_eq!(key.reseal()?, key.id()?);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn reseal(&self) -> Result<KeyId, Error> {
        let core = self.core();
        self.change(Action::Reseal, |record| {
            record.handle = core.provider.reseal(&record.handle)?;
            Ok(())
        })
    }

    fn change(
        &self,
        action: Action,
        change: impl Fn(&mut VersionRecord) -> Result<(), Error>,
    ) -> Result<KeyId, Error> {
        let changed = self.id().and_then(|id| {
            self.core().change(self.name(), id.version(), change)?;
            Ok(id)
        });
        let target = match &changed {
            Ok(id) => Target::Key(id.clone()),
            Err(_) => Target::Name(self.name().clone()),
        };
        self.core().record(action, target, changed)
    }
}

impl Core {
    /// Reads, changes and writes a record, again if another writer was first.
    fn change(
        &self,
        name: &KeyName,
        version: KeyVersion,
        change: impl Fn(&mut VersionRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let key = version_record(name, version);
        for _ in 0..COMMIT_TRIES {
            let old = self.store.get(&key)?.ok_or(ErrorKind::NotFound)?;
            let mut record = VersionRecord::decode(&old.value)?;
            change(&mut record)?;
            let new = Change::replace(key.clone(), old.revision, record.encode()?);
            match self.store.commit(&[new]) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| ()),
            }
        }
        Err(ErrorKind::Conflict.into())
    }
}
