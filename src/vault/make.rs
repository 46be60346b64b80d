//! Making versions, so that a crash at any point leaves no half-made key behind.
//!
//! 1. A *pending* record is committed: everything about the version but its handle.
//! 2. The provider makes the key, under the id that the pending record names.
//! 3. One commit removes the pending record, writes the version and makes it current.
//!
//! Until 3 nobody has been told of the key. A provider that fails is asked whether it made
//! the key all the same (a token that answers too late has): then it is destroyed again. A
//! crash after 1 or 2 leaves the pending record; see [`settle`](super::settle).
//!
//! Of a provider whose [keys are in their handles](crate::provider::Capabilities::keys_in_handles)
//! nothing can be left behind: without step 3 there is no key. There is no step 1 then.
//!
//! One process at a time opens a store. Within it, what is being made is known, and
//! settling leaves it alone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::attributes::check_ops;
use super::providers::Providers;
use super::record::{
    DeletedRecord, KeyRecord, PendingRecord, VersionFacts, VersionRecord, as_asked, deleted_record,
    destroying_record, key_record, pending_record, version_record,
};
use super::release_policy::{ReleasePolicy, check_export};
use super::task::Task;
use super::{Change, Core, KeyId, KeyName, KeyOptions, KeyVersion, Target, UnixTime};
use crate::alg::KeySpec;
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::provider::{KeyProvider, NewKey};

/// How often a commit is tried again when another writer changed the same name first.
pub(super) const COMMIT_TRIES: usize = 64;

/// The pending records whose versions are being made now, and the records of keys that are
/// being destroyed, in this process.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashSet<String>>);

impl InFlight {
    /// Unless somebody else is at it.
    pub(super) fn enter(&self, record: String) -> Option<Making<'_>> {
        let is_first = self.set().insert(record.clone());
        // Not `then_some`: what is dropped takes the record out again.
        is_first.then(|| Making { all: self, record })
    }

    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, for as long as this lives.
pub(super) struct Making<'a> {
    all: &'a InFlight,
    record: String,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.all.set().remove(&self.record);
    }
}

/// A version to make.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) task: &'a Task<'a>,
    pub(super) name: &'a KeyName,
    pub(super) spec: KeySpec,
    pub(super) options: &'a KeyOptions,
    pub(super) provider: &'a Arc<dyn KeyProvider>,
    pub(super) current: Becoming,
    pub(super) now: UnixTime,
}

/// Whether a version becomes the current one.
#[derive(Clone, Copy)]
pub(super) enum Becoming {
    /// Yes, and the first if the name is new.
    Always,
    /// Yes, of a name that there is.
    OfExisting,
    /// Yes, in place of this one; refused if another one has come before.
    InPlaceOf(KeyVersion),
    /// A crash left it behind, and it must not come before what was made since: if the name
    /// has no other, or if the current one is still that which it was to replace.
    Settled(Option<KeyVersion>),
}

/// How a version comes into the store.
#[derive(Clone, Copy)]
pub(super) struct Publish<'a> {
    /// The revision of the pending record that it replaces.
    pub(super) pending: Option<u64>,
    pub(super) current: Becoming,
    /// What the key has from now on; `None` leaves it as it is.
    pub(super) release_policy: Option<&'a ReleasePolicy>,
}

impl<'a> Publish<'a> {
    pub(super) fn new(current: Becoming, release_policy: Option<&'a ReleasePolicy>) -> Self {
        Publish {
            pending: None,
            current,
            release_policy,
        }
    }

    pub(super) fn pending(revision: u64, current: Becoming, pending: &'a PendingRecord) -> Self {
        Publish {
            pending: Some(revision),
            current,
            release_policy: pending.release_policy.as_ref(),
        }
    }
}

impl Core {
    /// Whether where a key lived before says where it is to live now.
    pub(super) fn heeds_kty(&self) -> bool {
        self.tier.is_some() || matches!(self.providers, Providers::Apart { .. })
    }

    /// Where a new key of this kind is to live.
    pub(super) fn for_new(&self, spec: KeySpec, hsm: bool) -> Result<&Arc<dyn KeyProvider>, Error> {
        self.providers.for_new(self.tier, spec, hsm)
    }

    /// The steps of the module's description. Answers with the name as first spelled.
    pub(super) fn make(
        &self,
        new: New<'_>,
        make: impl FnOnce(&NewKey) -> Result<KeyHandle, Error>,
    ) -> Result<(KeyName, KeyVersion), Error> {
        let New {
            name,
            spec,
            options,
            provider,
            now,
            ..
        } = new;
        let (facts, id) = self.plan(name, spec, options, &**provider, now)?;
        let version = facts.version;
        let asked = NewKey::new(id, spec)?
            .with_label(name.as_str())
            .with_ops(facts.ops)?
            .with_exportable(facts.attributes.exportable);
        let made = match provider.capabilities().keys_in_handles() {
            true => self.make_at_once(new, &facts, id, || make(&asked)),
            false => self.make_in_steps(new, facts, id, || make(&asked)),
        };
        made.map(|name| (name, version))
    }

    /// All three steps.
    fn make_in_steps(
        &self,
        new: New<'_>,
        facts: VersionFacts,
        id: ProviderKeyId,
        make: impl FnOnce() -> Result<KeyHandle, Error>,
    ) -> Result<KeyName, Error> {
        let New {
            task,
            name,
            options,
            provider,
            current,
            ..
        } = new;
        let pending = PendingRecord {
            action: task.action(),
            caller: self.caller.clone(),
            facts,
            provider: provider.id().clone(),
            id,
            spec: new.spec,
            replaces: match current {
                Becoming::InPlaceOf(version) => Some(version),
                _ => None,
            },
            release_policy: options.release_policy.clone(),
        };
        let key = pending_record(&pending.facts.name, pending.facts.version);
        let making = self.in_flight.enter(key.clone());
        let _making = making.ok_or(ErrorKind::Conflict)?;
        let planned = [Change::insert(key, pending.encode()?)];
        let revision = self.within_limits(name, || self.store.commit(&planned))?;
        let made = make().and_then(|handle| pending.check(handle));
        let made = made.map(|handle| {
            let publish = Publish::pending(revision, current, &pending);
            self.publish(task, &pending.facts, &handle, publish)
        });
        match made {
            Ok(Ok(name)) => Ok(name),
            // It is not known whether the store has it: settling finds out.
            Ok(Err(error)) if !is_refusal(&error) => Err(error),
            Ok(Err(error)) | Err(error) => {
                self.undo(&**provider, &pending, revision);
                Err(error)
            }
        }
    }

    /// Steps 2 and 3, where a key without its record is no key.
    fn make_at_once(
        &self,
        new: New<'_>,
        facts: &VersionFacts,
        id: ProviderKeyId,
        make: impl FnOnce() -> Result<KeyHandle, Error>,
    ) -> Result<KeyName, Error> {
        let provider = &**new.provider;
        // Asked again when it is published: a full vault refuses before the work, too.
        self.within_limits(new.name, || Ok(()))?;
        let handle = as_asked(make()?, (provider.id(), id, new.spec))?;
        let how = Publish::new(new.current, new.options.release_policy.as_ref());
        let publish = || self.publish(new.task, facts, &handle, how);
        let published = self.within_limits(new.name, publish);
        if published.as_ref().is_err_and(is_refusal) {
            // The provider may remember it; that it is gone already is no failure.
            let _ = provider.destroy(&handle);
        }
        published
    }

    /// Everything about the new version that does not need the key, and an id for that.
    pub(super) fn plan(
        &self,
        name: &KeyName,
        spec: KeySpec,
        options: &KeyOptions,
        provider: &dyn KeyProvider,
        now: UnixTime,
    ) -> Result<(VersionFacts, ProviderKeyId), Error> {
        let key = self.check_free(name)?;
        let has_policy = key.as_ref().is_some_and(|key| key.release_policy.is_some());
        let exportable = options.exportable.unwrap_or(has_policy);
        let (given, hsm) = (
            options.release_policy.as_ref(),
            provider.capabilities().is_hsm(),
        );
        self.release_policy(key.as_ref(), given, exportable, hsm)?;
        let by_default = || match self.tier {
            Some(tier) => tier.default_ops(spec),
            None => spec.verbs(),
        };
        let ops = options.ops.unwrap_or_else(by_default);
        check_ops(spec, ops)?;
        let attributes = options.attributes(exportable, now)?;
        let [version, id] = self.random()?;
        let facts = VersionFacts {
            name: name.clone(),
            version: KeyVersion::from_bytes(version),
            ops,
            attributes,
            tags: options.tags.clone(),
        };
        Ok((facts, ProviderKeyId::from_bytes(id)))
    }

    /// The release policy that a key has once it has a version like this: that which comes
    /// with the version, or the one that there is.
    fn release_policy(
        &self,
        key: Option<&KeyRecord>,
        given: Option<&ReleasePolicy>,
        exportable: bool,
        hsm: bool,
    ) -> Result<Option<ReleasePolicy>, Error> {
        let kept = key.and_then(|key| key.release_policy.as_ref());
        if let Some(given) = given {
            given.may_replace(kept)?;
        }
        let policy = given.or(kept);
        check_export(self.tier, hsm, exportable, policy)?;
        if self.tier.is_some() && exportable && key.is_some() && kept.is_none() {
            // With the service a key is exportable with its first version, or never.
            return Err(Error::invalid("exportable", Rule::Unexpected));
        }
        Ok(policy.cloned())
    }

    /// As many ids, for which a provider is asked once.
    pub(super) fn random<const N: usize>(&self) -> Result<[[u8; 16]; N], Error> {
        let mut ids = [[0; 16]; N];
        self.providers.random(ids.as_flattened_mut())?;
        Ok(ids)
    }

    /// After the provider failed: what it may have made all the same goes, and then the
    /// pending record. Where it does not answer the record stays, to be settled later.
    pub(super) fn undo(&self, provider: &dyn KeyProvider, pending: &PendingRecord, revision: u64) {
        let gone = match provider.find(&pending.id) {
            Ok(Some(handle)) => provider.destroy(&handle).is_ok(),
            Ok(None) => true,
            Err(_) => false,
        };
        if gone {
            // If this fails too, settling does it.
            let _ = self.withdraw(&pending.facts, revision);
        }
    }

    /// Removes a pending record.
    pub(super) fn withdraw(&self, facts: &VersionFacts, revision: u64) -> Result<(), Error> {
        let key = pending_record(&facts.name, facts.version);
        self.store
            .commit(&[Change::remove(key, revision)])
            .map(|_| ())
    }

    /// Step 3. Tried again when another version of the same name was made in between: both
    /// are kept, and the later commit is the current one. Answers with the name as first
    /// spelled.
    pub(super) fn publish(
        &self,
        task: &Task<'_>,
        facts: &VersionFacts,
        handle: &KeyHandle,
        how: Publish<'_>,
    ) -> Result<KeyName, Error> {
        let provider = self.providers.by_id(handle.provider())?;
        let hsm = provider.capabilities().is_hsm();
        let record = VersionRecord {
            facts: facts.clone(),
            handle: handle.clone(),
        };
        let version = version_record(&facts.name, facts.version);
        let pending = pending_record(&facts.name, facts.version);
        for _ in 0..COMMIT_TRIES {
            // With room for those to the name and for the event.
            let mut changes = Vec::with_capacity(6);
            changes.push(Change::insert(version.clone(), record.encode()?));
            if let Some(revision) = how.pending {
                changes.push(Change::remove(pending.clone(), revision));
            }
            let name = self.point_at(facts, how, hsm, &mut changes)?;
            let id = KeyId::new(self.host.clone(), name.clone(), facts.version);
            match task.commit(&Target::Key(id), changes) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| name),
            }
            if how.pending.is_some() && self.store.get(&pending)?.is_none() {
                // Somebody else opened the store and settled this version: it is in, and its
                // event with it, or it was dropped.
                self.store.get(&version)?.ok_or(ErrorKind::Conflict)?;
                task.is_recorded();
                return Ok(name);
            }
        }
        Err(ErrorKind::Conflict.into())
    }

    /// The changes to the name's record that make a version current, or keep it from being
    /// so. Answers with the name as first spelled.
    fn point_at(
        &self,
        facts: &VersionFacts,
        how: Publish<'_>,
        hsm: bool,
        changes: &mut Vec<Change>,
    ) -> Result<KeyName, Error> {
        let key = key_record(&facts.name);
        let current = how.current;
        // Asked again: somebody else may have changed the key's since the version was planned.
        let release_policy = |key: Option<&KeyRecord>| {
            let exportable = facts.attributes.exportable;
            self.release_policy(key, how.release_policy, exportable, hsm)
        };
        if let Some(old) = self.store.get(&key)? {
            let mut record = KeyRecord::decode(&old.value)?;
            match current {
                Becoming::InPlaceOf(version) if record.current != version => {
                    return Err(ErrorKind::Conflict.into());
                }
                Becoming::Settled(replaces) if replaces != Some(record.current) => {
                    return Ok(record.name);
                }
                Becoming::Settled(_) => {}
                _ => record.release_policy = release_policy(Some(&record))?,
            }
            record.current = facts.version;
            changes.push(Change::replace(key, old.revision, record.encode()?));
            return Ok(record.name);
        }
        if let (Becoming::Settled(_), Some(old)) =
            (current, self.store.get(&deleted_record(&facts.name))?)
        {
            // Deleted since: the version is recovered or purged with the others, as the
            // record stays what it is.
            let record = DeletedRecord::decode(&old.value)?;
            let same = old.value.to_vec();
            changes.push(Change::replace(
                deleted_record(&facts.name),
                old.revision,
                same,
            ));
            return Ok(record.key.name);
        }
        self.check_not_deleted(&facts.name)?;
        if !matches!(current, Becoming::Always | Becoming::Settled(_)) {
            return Err(ErrorKind::NotFound.into());
        }
        let mut record = KeyRecord::new(facts.name.clone(), facts.version);
        record.release_policy = match current {
            // As it was allowed when it was planned, whatever the tier is now.
            Becoming::Settled(_) => how.release_policy.cloned(),
            _ => release_policy(None)?,
        };
        changes.push(Change::insert(key, record.encode()?));
        changes.push(Change::absent(deleted_record(&facts.name)));
        changes.push(Change::absent(destroying_record(&facts.name)));
        Ok(facts.name.clone())
    }

    /// The key whose name this is. Refused if a version cannot be made under it.
    fn check_free(&self, name: &KeyName) -> Result<Option<KeyRecord>, Error> {
        match self.store.get(&key_record(name))? {
            Some(found) => KeyRecord::decode(&found.value).map(Some),
            None => self.check_not_deleted(name).map(|()| None),
        }
    }
}

/// Whether a version was refused for good, so that its key is to be destroyed.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Conflict
            | ErrorKind::NotFound
            | ErrorKind::Deleted
            | ErrorKind::BeingDeleted
            | ErrorKind::Invalid { .. }
            // There is no event, so there was no commit.
            | ErrorKind::Audit
    )
}
