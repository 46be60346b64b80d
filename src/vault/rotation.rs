//! Replacing keys by new versions: on demand, and as their policies say.
//!
//! A rotation that is due makes a version *in place of* the one that was due: if another one
//! came before it, it is refused, and what a crash leaves half-made takes that place when it
//! is settled. So one that is due is rotated once, by however many it is found due.

use super::access::Scope;
use super::attributes::KeyOptions;
use super::make::{Becoming, COMMIT_TRIES, New};
use super::record::{
    KEYS, KeyRecord, PendingRecord, VersionRecord, corrupt, key_record, pending_of, version_record,
};
use super::rotation_policy::{RotationPolicy, Rules};
use super::task::Task;
use super::{
    Action, Change, Core, Key, KeyId, KeyName, KeyVersion, Record, Target, UnixTime, Vault,
};
use crate::error::{Error, ErrorKind, Rule};
use crate::provider::{NewKey, not_offered};

/// How many records are read at a time.
pub(super) const PAGE: usize = 64;

/// What [`Vault::rotate_due`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Rotated {
    /// The versions that were made.
    pub rotated: Vec<KeyId>,
    /// The versions that were said to expire soon.
    pub near_expiry: Vec<KeyId>,
    /// The versions that were said to have expired.
    pub expired: Vec<KeyId>,
    /// The keys for which it failed, and why. They are tried again the next time.
    pub failed: Vec<(String, Error)>,
}

impl Vault {
    /// Makes a new version of a key: new material of the same kind, with the same `key_ops` and
    /// tags, in the same provider, enabled. It expires as the key's policy says, or never.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Missing`](Rule::Missing) for `rotationpolicy` in
    /// a Managed HSM, which wants one first; as [`create`](Vault::create).
    ///
    /// ```
    /// use strongroom::vault::KeyOptions;
    /// use strongroom::Curve;
    /// let vault = strongroom::in_memory()?;
    /// let first = vault.create("signing", Curve::P384, &KeyOptions::new())?;
    /// let second = vault.rotate("signing")?;
    /// assert_eq!(second.spec()?, first.spec()?);
    /// assert_ne!(second.id()?, first.id()?);
    /// assert_eq!(vault.latest("signing")?.id()?, second.id()?);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn rotate(&self, name: &str) -> Result<Key, Error> {
        self.make(Action::Rotate, name, |task, name| {
            let (_, key) = self.core.key(name)?;
            if key.policy.is_none() && Rules::of(self.core.tier).needs_policy {
                return Err(Error::invalid("rotationpolicy", Rule::Missing));
            }
            let old = self.core.version(name, key.current)?;
            let now = self.core.clock.now();
            let rotation = Rotation {
                task,
                becoming: Becoming::OfExisting,
                now,
            };
            self.core.rotate(name, &key, &old, rotation)
        })
    }

    /// A key's rotation policy. One that was never set is a notice 30 days before the key
    /// expires; in a Managed HSM it is empty.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); those of the store.
    pub fn rotation_policy(&self, name: &str) -> Result<RotationPolicy, Error> {
        let task = self.core.begin(Action::GetRotationPolicy)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let policy = self.core.key(&name).map(|(_, key)| self.core.policy(&key));
        task.end(Target::Name(name), policy)
    }

    /// Sets a key's rotation policy; an empty one clears it. Answers with it as it is now.
    ///
    /// The rules are those of Key Vault, or of a Managed HSM if that is the vault's tier:
    ///
    /// | | Key Vault | Managed HSM |
    /// |---|---|---|
    /// | `expiryTime` | 28 days or more | required, 28 days or more |
    /// | age of a version at its rotation | 7 days or more | 28 days or more |
    /// | rotation before expiry | by 7 days or more | |
    /// | rotation by `timeBeforeExpiry` | with `expiryTime` | with `expiryTime` |
    /// | Notify | by `timeBeforeExpiry` | not supported |
    ///
    /// Months and years count with the fewest days that they can have.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Invalid`](ErrorKind::Invalid) for
    /// `lifetimeActions` or `expiryTime`; those of the store.
    ///
    /// ```
    /// use strongroom::Curve;
    /// use strongroom::vault::{KeyOptions, RotationPolicy, Trigger};
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// let quarterly = RotationPolicy::new().rotate(Trigger::after_create("P3M")?);
    /// vault.set_rotation_policy("signing", &quarterly)?;
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn set_rotation_policy(
        &self,
        name: &str,
        policy: &RotationPolicy,
    ) -> Result<RotationPolicy, Error> {
        let task = self.core.begin(Action::SetRotationPolicy)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let set = policy.check(Rules::of(self.core.tier)).and_then(|()| {
            let now = self.core.clock.now();
            let target = Target::Name(name.clone());
            let key = self.core.change_key(&task, &target, &name, |key| {
                let created = key.policy.as_ref().and_then(|old| old.created);
                key.policy = (!policy.is_empty()).then(|| RotationPolicy {
                    created: created.or(Some(now)),
                    updated: Some(now),
                    ..policy.clone()
                });
                true
            })?;
            Ok(self.core.policy(&key))
        });
        task.end(Target::Name(name), set)
    }

    /// Rotates the keys that are due, and writes an event for each current version that soon
    /// expires or has expired, once each: to be called now and then by whoever embeds the
    /// vault, which has no thread of its own.
    ///
    /// A disabled key is not rotated: what was stopped would be started again. It takes as
    /// long as reading each key's record. The owner's alone: no view may.
    ///
    /// # Errors
    /// Those of the store and of the audit sink. A key that fails does not keep the others
    /// from it; it is among [`failed`](Rotated::failed).
    ///
    /// ```
    /// use strongroom::Curve;
    /// use strongroom::vault::{Clock, KeyOptions, RotationPolicy, SystemClock, Trigger};
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// let monthly = RotationPolicy::new().rotate(Trigger::after_create("P1M")?);
    /// vault.set_rotation_policy("signing", &monthly)?;
    /// let now = SystemClock.now();
    /// assert!(vault.rotate_due(now)?.rotated.is_empty());
    /// assert_eq!(vault.rotate_due(now.plus(32 * 86_400))?.rotated.len(), 1);
    /// assert!(vault.rotate_due(now.plus(33 * 86_400))?.rotated.is_empty());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn rotate_due(&self, now: UnixTime) -> Result<Rotated, Error> {
        let task = self.core.begin(Action::RotateIfDue)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let mut done = Rotated::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.core.scan(KEYS, after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(done);
            };
            after = Some(last.clone());
            for (record, found) in page {
                let looked_after =
                    found.and_then(|found| self.core.look_after(&found, now, &mut done));
                match looked_after {
                    Err(error) if *error.kind() == ErrorKind::Audit => return Err(error),
                    Err(error) => done.failed.push((record, error)),
                    Ok(()) => {}
                }
            }
        }
    }
}

/// How a version is rotated.
#[derive(Clone, Copy)]
struct Rotation<'a> {
    task: &'a Task<'a>,
    becoming: Becoming,
    now: UnixTime,
}

impl Core {
    /// Does for one key what is due.
    fn look_after(&self, found: &Record, now: UnixTime, done: &mut Rotated) -> Result<(), Error> {
        let key = KeyRecord::decode(&found.value)?;
        if key.policy.is_none() && !Rules::of(self.tier).notifies {
            return Ok(());
        }
        let old = self.version(&key.name, key.current)?;
        let attributes = old.facts.attributes;
        let policy = self.policy(&key);
        let is_due = |due: Option<UnixTime>| due.is_some_and(|due| now >= due);
        let due = |trigger: Option<&super::Trigger>| {
            is_due(trigger.and_then(|it| it.due(attributes.created, attributes.exp)))
        };
        if attributes.enabled && due(policy.rotates()) && !self.is_being_replaced(&key)? {
            let task = self.begin(Action::RotateIfDue)?;
            let rotation = Rotation {
                task: &task,
                becoming: Becoming::InPlaceOf(key.current),
                now,
            };
            return match self.rotate(&key.name, &key, &old, rotation) {
                // Somebody else was first, with this or with something else.
                Err(error) if *error.kind() == ErrorKind::Conflict => Ok(()),
                made => {
                    let made = made.map(|(name, version)| self.id_of(&name, version));
                    let target = match &made {
                        Ok(id) => Target::Key(id.clone()),
                        Err(_) => Target::Name(key.name.clone()),
                    };
                    done.rotated.push(task.end(target, made)?);
                    Ok(())
                }
            };
        }
        let expired = is_due(attributes.exp);
        if expired && Rules::of(self.tier).notifies {
            let told = self.tell(&key, Action::Expired, |key| &mut key.told_expired)?;
            done.expired.extend(told);
        } else if due(policy.notifies()) {
            let told = self.tell(&key, Action::NearExpiry, |key| &mut key.told_near)?;
            done.near_expiry.extend(told);
        }
        Ok(())
    }

    /// Writes an event about the current version, unless it was written before.
    fn tell(
        &self,
        key: &KeyRecord,
        action: Action,
        told: impl Fn(&mut KeyRecord) -> &mut Option<KeyVersion>,
    ) -> Result<Option<KeyId>, Error> {
        let task = self.begin(action)?;
        let current = Some(key.current);
        let mut first = false;
        let id = self.id_of(&key.name, key.current);
        let target = Target::Key(id.clone());
        self.change_key(&task, &target, &key.name, |now| {
            let is_current = Some(now.current) == current;
            let told = told(now);
            first = is_current && *told != current;
            if first {
                *told = current;
            }
            first
        })?;
        if !first {
            return Ok(None);
        }
        task.end(target, Ok(Some(id)))
    }

    /// Whether a version is being made, or was left half-made, that is to take the place of
    /// the current one; as far as its provider keeps keys. Of others the first is published.
    fn is_being_replaced(&self, key: &KeyRecord) -> Result<bool, Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .store
                .scan(&pending_of(&key.name), after.as_deref(), PAGE)?;
            for (_, found) in &page {
                if PendingRecord::decode(&found.value)?.replaces == Some(key.current) {
                    return Ok(true);
                }
            }
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok(false),
            }
        }
    }

    fn rotate(
        &self,
        name: &KeyName,
        key: &KeyRecord,
        old: &VersionRecord,
        rotation: Rotation<'_>,
    ) -> Result<(KeyName, KeyVersion), Error> {
        let spec = old.handle.spec();
        let provider = self.providers.by_id(old.handle.provider())?;
        if !provider.capabilities().can_generate(spec) {
            return Err(not_offered("generate", spec));
        }
        let expiry = key.policy.as_ref().and_then(RotationPolicy::expires);
        let options = KeyOptions {
            ops: Some(old.facts.ops),
            tags: old.facts.tags.clone(),
            exportable: Some(old.facts.attributes.exportable),
            exp: expiry.map(|expiry| expiry.after(rotation.now)),
            ..KeyOptions::new()
        };
        let new = New {
            task: rotation.task,
            name,
            spec,
            options: &options,
            provider,
            current: rotation.becoming,
            now: rotation.now,
        };
        self.make(new, |new: &NewKey| provider.generate(new))
    }

    fn policy(&self, key: &KeyRecord) -> RotationPolicy {
        let by_default = || RotationPolicy::by_default(Rules::of(self.tier));
        key.policy.clone().unwrap_or_else(by_default)
    }

    pub(super) fn key(&self, name: &KeyName) -> Result<(u64, KeyRecord), Error> {
        let found = self
            .store
            .get(&key_record(name))?
            .ok_or(ErrorKind::NotFound)?;
        Ok((found.revision, KeyRecord::decode(&found.value)?))
    }

    fn version(&self, name: &KeyName, version: KeyVersion) -> Result<VersionRecord, Error> {
        let found = self.store.get(&version_record(name, version))?;
        VersionRecord::decode(&found.ok_or_else(corrupt)?.value)
    }

    fn id_of(&self, name: &KeyName, version: KeyVersion) -> KeyId {
        KeyId::new(self.host.clone(), name.clone(), version)
    }

    /// Reads, changes and writes a name's record, again if another writer was first. Nothing
    /// is written if `change` says that nothing is to be.
    fn change_key(
        &self,
        task: &Task<'_>,
        target: &Target,
        name: &KeyName,
        mut change: impl FnMut(&mut KeyRecord) -> bool,
    ) -> Result<KeyRecord, Error> {
        for _ in 0..COMMIT_TRIES {
            let (revision, mut key) = self.key(name)?;
            if !change(&mut key) {
                return Ok(key);
            }
            let new = Change::replace(key_record(name), revision, key.encode()?);
            match task.commit(target, vec![new]) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| key),
            }
        }
        Err(ErrorKind::Conflict.into())
    }
}
