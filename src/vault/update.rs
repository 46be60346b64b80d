//! Changing a version's record, and its key's release policy.

use std::sync::Arc;

use super::make::COMMIT_TRIES;
use super::record::{VersionRecord, key_record, version_record};
use super::release_policy::check_export;
use super::task::Task;
use super::{Action, Change, Core, Key, KeyId, KeyName, KeyUpdate, ReleasePolicy, Target, Vault};
use crate::error::{Error, ErrorKind, Rule};

impl Vault {
    /// Changes a version's `key_ops`, attributes or tags: [`Key::update`] by name. The release
    /// policy is the key's, and no version's: to change that, update what
    /// [`latest`](Vault::latest) gives.
    ///
    /// # Errors
    /// As there, and for a malformed `name` or `version`.
    pub fn update(&self, name: &str, version: &str, update: &KeyUpdate) -> Result<Key, Error> {
        let task = self.core.begin(Action::Update)?;
        let name = task.checked(name.parse())?;
        let version = task.checked(version.parse())?;
        let key = Key::pinned(Arc::clone(&self.core), name, version);
        key.update_in(&task, update).map(|_| key)
    }
}

impl Key {
    /// Changes `key_ops`, attributes or tags, of the version that is current now if the key
    /// floats, and the release policy of the key, if it floats. What the update does not name
    /// stays as it is, and a refused update changes nothing. Answers with the version that was
    /// changed.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Invalid`](ErrorKind::Invalid) for `key_ops`,
    /// `nbf` or `release_policy`: one that is immutable cannot be changed; those of the store.
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
        self.update_in(&self.core().begin(Action::Update)?, update)
    }

    fn update_in(&self, task: &Task<'_>, update: &KeyUpdate) -> Result<KeyId, Error> {
        let core = self.core();
        let policy = update.release_policy.as_ref();
        self.change(task, policy, |record| {
            if policy.is_some() && !self.is_floating() {
                return Err(Error::invalid(
                    "release_policy",
                    Rule::Contradicts("version"),
                ));
            }
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
        self.change(&core.begin(Action::Reseal)?, None, |record| {
            record.handle = core
                .providers
                .by_id(record.handle.provider())?
                .reseal(&record.handle)?;
            Ok(())
        })
    }

    fn change(
        &self,
        task: &Task<'_>,
        policy: Option<&ReleasePolicy>,
        change: impl Fn(&mut VersionRecord) -> Result<(), Error>,
    ) -> Result<KeyId, Error> {
        task.allow_key(self.name())?;
        let changed = self.resolved().and_then(|id| {
            self.core().change(task, &id, policy, change)?;
            Ok(id)
        });
        let target = match &changed {
            Ok(id) => Target::Key(id.clone()),
            Err(_) => Target::Name(self.name().clone()),
        };
        task.end(target, changed)
    }
}

impl Core {
    /// Reads, changes and writes a version's record, and its key's release policy with it;
    /// again if another writer was first.
    fn change(
        &self,
        task: &Task<'_>,
        id: &KeyId,
        policy: Option<&ReleasePolicy>,
        change: impl Fn(&mut VersionRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let key = version_record(id.name(), id.version());
        let target = Target::Key(id.clone());
        for _ in 0..COMMIT_TRIES {
            let old = self.store.get(&key)?.ok_or(ErrorKind::NotFound)?;
            let mut record = VersionRecord::decode(&old.value)?;
            change(&mut record)?;
            let new = Change::replace(key.clone(), old.revision, record.encode()?);
            let mut changes = vec![new];
            if let Some(policy) = policy {
                changes.push(self.new_release_policy(id.name(), &record, policy)?);
            }
            match task.commit(&target, changes) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| ()),
            }
        }
        Err(ErrorKind::Conflict.into())
    }

    fn new_release_policy(
        &self,
        name: &KeyName,
        version: &VersionRecord,
        policy: &ReleasePolicy,
    ) -> Result<Change, Error> {
        let (revision, mut key) = self.key(name)?;
        policy.may_replace(key.release_policy.as_ref())?;
        let provider = self.providers.by_id(version.handle.provider())?;
        let hsm = provider.capabilities().is_hsm();
        let exportable = version.facts.attributes.exportable;
        check_export(self.tier, hsm, exportable, Some(policy))?;
        key.release_policy = Some(policy.clone());
        Ok(Change::replace(key_record(name), revision, key.encode()?))
    }
}
