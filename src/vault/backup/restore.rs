//! Restoring a backup, all of it or nothing.
//!
//! 1. One commit writes a *pending* record for each version that a provider is to take over, but
//!    for those whose [keys are in their handles](crate::provider::Capabilities::keys_in_handles).
//! 2. The providers take them over.
//! 3. One commit removes those records and writes the key with all its versions.
//!
//! What a crash cuts short before 3 is taken back when the vault is next settled: nobody was
//! told of the key, and the backup is still there.

use std::sync::Arc;

use super::BackupKey;
use super::blob::{Content, Contents, Entry, malformed};
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::jwk::Jwk;
use crate::provider::{KeyProvider, NewKey};
use crate::secret::SecretBytes;
use crate::vault::access::Scope;
use crate::vault::make::is_refusal;
use crate::vault::record::{
    PendingRecord, VersionRecord, deleted_record, destroying_record, key_record, pending_record,
    version_record,
};
use crate::vault::release_policy::check_export;
use crate::vault::task::Task;
use crate::vault::{Action, Change, Core, Key, KeyName, Target, Vault};

/// A version that a provider is to take over.
struct Arrival<'a> {
    provider: &'a Arc<dyn KeyProvider>,
    pending: PendingRecord,
    new: NewKey,
    wrapped: &'a [u8],
    public: Option<&'a Jwk>,
}

impl Vault {
    /// Brings back a key from its backup: the same name, versions, attributes, tags and
    /// rotation policy. The restored key is independent of the one that was backed up.
    ///
    /// A version that travelled wrapped goes where the vault's tier and providers put a new key
    /// of its kind; one that did not must still be in its token.
    ///
    /// # Errors
    /// [`MalformedBackup`](ErrorKind::MalformedBackup) for a blob that is damaged, or is not
    /// this backup key's; [`Exists`](ErrorKind::Exists), [`Deleted`](ErrorKind::Deleted) or
    /// [`BeingDeleted`](ErrorKind::BeingDeleted) if the name is taken;
    /// where a provider keeps keys itself, [`Conflict`](ErrorKind::Conflict) while it is being
    /// restored already, or until a restoration that was cut short is [settled](Vault::settle);
    /// [`NotFound`](ErrorKind::NotFound) if a token has not the key that a version refers to;
    /// as [`create`](Vault::create). Nothing is then changed.
    ///
    /// See [`backup`](Vault::backup) for an example.
    pub fn restore(&self, blob: &[u8], under: &BackupKey) -> Result<Key, Error> {
        // Which key it is, the blob says when it has been opened.
        let task = self.core.begin(Action::Restore)?;
        task.allow(&Scope::Keys, &Target::Vault)?;
        let contents = under
            .open(blob)
            .and_then(|contents| Contents::decode(contents.expose()));
        let contents = task.checked(contents)?;
        let name = contents.key.name.clone();
        let transport = under.transport(&contents.salt);
        let restored = self.core.restore(&task, &contents, &transport);
        task.end(Target::Name(name.clone()), restored)?;
        Ok(Key::pinned(self.core.clone(), name, contents.key.current))
    }
}

impl Core {
    fn restore(
        &self,
        task: &Task<'_>,
        contents: &Contents,
        transport: &SecretBytes,
    ) -> Result<(), Error> {
        let name = &contents.key.name;
        if self.store.get(&key_record(name))?.is_some() {
            return Err(ErrorKind::Exists.into());
        }
        self.check_not_deleted(name)?;
        if let Some(most) = self.tier.and_then(|tier| tier.most_versions())
            && contents.entries.len() > most
        {
            return Err(Error::invalid("versions", Rule::TooLong(most)));
        }

        let mut referred = Vec::new();
        let mut arrivals = Vec::new();
        for entry in &contents.entries {
            match &entry.content {
                Content::Wrapped(wrapped) => {
                    let arrival = self.arrival(entry, wrapped)?;
                    self.check_restored(contents, entry, &**arrival.provider)?;
                    arrivals.push(arrival);
                }
                Content::Reference => {
                    let provider = self.providers.by_id(entry.handle.provider())?;
                    self.check_restored(contents, entry, &**provider)?;
                    referred.push(self.referred(entry)?);
                }
            }
        }
        // As in `make`: without its record, what is in its handle is no key.
        let in_steps = arrivals.iter().filter(|it| !it.is_in_its_handle());
        let planned: Vec<_> = in_steps
            .map(|it| {
                let facts = &it.pending.facts;
                (pending_record(&facts.name, facts.version), it)
            })
            .collect();
        let making = planned
            .iter()
            .map(|(key, _)| self.in_flight.enter(key.clone()));
        // Restored by somebody else now, or that was cut short and is being settled.
        let _making: Vec<_> = making.collect::<Option<_>>().ok_or(ErrorKind::Conflict)?;
        let plan = planned.iter();
        let plan = plan.map(|(key, it)| Ok(Change::insert(key.clone(), it.pending.encode()?)));
        let plan = plan.collect::<Result<Vec<_>, Error>>()?;
        // What is planned is counted from here on; where nothing is, the key is when it comes, and
        // a full vault refuses before the work, too.
        let planned_at = self.within_limits(name, || match plan.is_empty() {
            true => Ok(0),
            false => self.store.commit(&plan),
        });
        let revision = planned_at.map_err(|error| self.or_exists(name, error))?;

        let mut taken = Vec::new();
        let all_taken = arrivals.iter().try_for_each(|arrival| {
            taken.push(arrival.take_over(transport)?);
            Ok(())
        });
        let changes = all_taken.and_then(|()| {
            let mut changes: Vec<_> = planned
                .iter()
                .map(|(key, _)| Change::remove(key.clone(), revision))
                .collect();
            for record in referred.iter().chain(&taken) {
                let key = version_record(name, record.facts.version);
                changes.push(Change::insert(key, record.encode()?));
            }
            changes.push(Change::insert(key_record(name), contents.key.encode()?));
            changes.push(Change::absent(deleted_record(name)));
            changes.push(Change::absent(destroying_record(name)));
            Ok(changes)
        });
        let target = Target::Name(name.clone());
        let committed = changes.map(|changes| match planned.is_empty() {
            false => task.commit(&target, changes),
            true => self.within_limits(name, || task.commit(&target, changes)),
        });
        match committed {
            Ok(Ok(_)) => Ok(()),
            // It is not known whether the store has it: settling finds out what a provider keeps.
            Ok(Err(error)) if !is_refusal(&error) => Err(error),
            Ok(Err(error)) | Err(error) => {
                self.take_back(&arrivals, &taken, revision);
                match error.kind() {
                    // Made by somebody else meanwhile.
                    ErrorKind::Conflict => Err(ErrorKind::Exists.into()),
                    _ => Err(self.or_exists(name, error)),
                }
            }
        }
    }

    /// A name that somebody else has restored meanwhile may have as many versions as are allowed:
    /// what is in the way then is the name.
    fn or_exists(&self, name: &KeyName, error: Error) -> Error {
        let is_limit = matches!(error.kind(), ErrorKind::Invalid { .. });
        match is_limit.then(|| self.store.get(&key_record(name))) {
            Some(Ok(Some(_))) => ErrorKind::Exists.into(),
            _ => error,
        }
    }

    /// After a failure: no provider keeps what it has taken over, if it answers.
    fn take_back(&self, arrivals: &[Arrival<'_>], taken: &[VersionRecord], revision: u64) {
        for arrival in arrivals.iter().filter(|it| !it.is_in_its_handle()) {
            self.undo(&**arrival.provider, &arrival.pending, revision);
        }
        for (arrival, record) in arrivals.iter().zip(taken) {
            if arrival.is_in_its_handle() {
                // The provider may remember it; that it is gone already is no failure.
                let _ = arrival.provider.destroy(&record.handle);
            }
        }
    }

    /// Whether a version may be exportable, or not, where it is to be: the backup may come from
    /// a vault with another tier.
    fn check_restored(
        &self,
        contents: &Contents,
        entry: &Entry,
        provider: &dyn KeyProvider,
    ) -> Result<(), Error> {
        // A policy says nothing of versions that are not exportable.
        let exportable = entry.facts.attributes.exportable;
        let policy = contents.key.release_policy.as_ref();
        let policy = policy.filter(|_| exportable);
        check_export(
            self.tier,
            provider.capabilities().is_hsm(),
            exportable,
            policy,
        )
    }

    fn arrival<'a>(&'a self, entry: &'a Entry, wrapped: &'a [u8]) -> Result<Arrival<'a>, Error> {
        let spec = entry.handle.spec();
        let provider = self.for_new(spec, entry.hsm && self.heeds_kty())?;
        let [id] = self.random()?;
        let id = ProviderKeyId::from_bytes(id);
        let facts = &entry.facts;
        let new = NewKey::new(id, spec)?
            .with_label(facts.name.as_str())
            .with_ops(facts.ops)?
            .with_exportable(facts.attributes.exportable);
        Ok(Arrival {
            provider,
            pending: PendingRecord {
                action: Action::Restore,
                caller: self.caller.clone(),
                facts: facts.clone(),
                provider: provider.id().clone(),
                id,
                spec,
                replaces: None,
                release_policy: None,
            },
            new,
            wrapped,
            public: entry.handle.public(),
        })
    }

    /// The version of a key that is where it was.
    fn referred(&self, entry: &Entry) -> Result<VersionRecord, Error> {
        let handle = &entry.handle;
        let provider = self.providers.by_id(handle.provider())?;
        let there = provider.find(&handle.id())?.ok_or(ErrorKind::NotFound)?;
        if there.spec() != handle.spec() || !is_same(there.public(), handle.public()) {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(VersionRecord {
            facts: entry.facts.clone(),
            handle: handle.clone(),
        })
    }
}

impl Arrival<'_> {
    fn is_in_its_handle(&self) -> bool {
        self.provider.capabilities().keys_in_handles()
    }

    fn take_over(&self, transport: &SecretBytes) -> Result<VersionRecord, Error> {
        let handle: KeyHandle = self
            .provider
            .restore(self.wrapped, transport, &self.new)
            .map_err(|error| match error.kind() {
                ErrorKind::DecryptFailed | ErrorKind::Invalid { .. } => malformed(),
                _ => error,
            })?;
        let handle = self.pending.check(handle)?;
        if !is_same(handle.public(), self.public) {
            return Err(malformed());
        }
        Ok(VersionRecord {
            facts: self.pending.facts.clone(),
            handle,
        })
    }
}

fn is_same(one: Option<&Jwk>, other: Option<&Jwk>) -> bool {
    one.map(Jwk::key) == other.map(Jwk::key)
}
