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
//! One process at a time opens a store. Within it, what is being made is known, and
//! settling leaves it alone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::attributes::check_ops;
use super::record::{
    KeyRecord, PendingRecord, VersionFacts, VersionRecord, key_record, pending_record,
    version_record,
};
use super::{Action, Change, Core, Key, KeyId, KeyName, KeyOptions, KeyVersion, Target, Vault};
use crate::alg::KeySpec;
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::jwk::{Jwk, SecretJwk};
use crate::provider::{NewKey, not_offered};

/// How often a commit is tried again when another writer changed the same name first.
pub(super) const COMMIT_TRIES: usize = 64;

impl Vault {
    /// Makes a key: a new name, or a new version of a name.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for `name`, `key_size`, `key_ops` or `nbf`;
    /// [`NotOffered`](ErrorKind::NotOffered); those of the provider and the store. The key
    /// then does not exist, except after [`Audit`](ErrorKind::Audit); after
    /// [`Unavailable`](ErrorKind::Unavailable) it may come to be when it is
    /// [settled](Vault::settle).
    ///
    /// ```
    /// use strongroom::vault::KeyOptions;
    /// use strongroom::{KeySpec, WrapAlg};
    /// let vault = strongroom::in_memory()?;
    /// let kek = vault.create("kek", KeySpec::Aes { bits: 256 }, &KeyOptions::new())?;
    /// let wrapped = kek.wrap_key(WrapAlg::A256Kw, &[7; 32])?;
    /// assert_eq!(kek.unwrap_key(WrapAlg::A256Kw, &wrapped.value)?.value.expose(), &[7; 32]);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn create(
        &self,
        name: &str,
        spec: impl Into<KeySpec>,
        options: &KeyOptions,
    ) -> Result<Key, Error> {
        let provider = &self.core.provider;
        self.make(Action::Create, name, |name| {
            let spec = spec.into().check()?;
            if !provider.capabilities().can_generate(spec) {
                return Err(not_offered("generate", spec));
            }
            let make = |new: &NewKey| provider.generate(new);
            self.core.make(Action::Create, name, spec, options, make)
        })
    }

    /// Takes over a private key. `options.ops`, or else the key's own `key_ops`, say what
    /// the key is for; its `use`, `alg`, `kid` and unknown members are not kept, and limit
    /// nothing, as with the service.
    ///
    /// # Errors
    /// As [`create`](Vault::create).
    ///
    /// ```
    /// use strongroom::jwk::SecretJwk;
    /// use strongroom::vault::KeyOptions;
    /// let vault = strongroom::in_memory()?;
    /// let jwk = SecretJwk::from_json(br#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}"#)?;
    /// let key = vault.import("old-key", &jwk, &KeyOptions::new())?;
    /// assert_eq!(key.spec()?.name(), "AES-128");
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn import(&self, name: &str, key: &SecretJwk, options: &KeyOptions) -> Result<Key, Error> {
        let provider = &self.core.provider;
        let ops = options.ops.or(key.public().meta().key_ops());
        let options = KeyOptions {
            ops,
            ..options.clone()
        };
        self.make(Action::Import, name, |name| {
            let spec = key.spec_for(ops)?;
            if !provider.capabilities().can_import(spec) {
                return Err(not_offered("import", spec));
            }
            let make = |new: &NewKey| provider.import(key, new);
            self.core.make(Action::Import, name, spec, &options, make)
        })
    }

    /// Takes over a key that is in the provider already, such as one found on a token. The
    /// handle is believed: a private half that is not there shows at the first use.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for `provider` if the handle is another one's,
    /// and as [`create`](Vault::create).
    pub fn adopt(&self, name: &str, key: &KeyHandle, options: &KeyOptions) -> Result<Key, Error> {
        self.make(Action::Adopt, name, |name| {
            if key.provider() != self.core.provider_id() {
                return Err(Error::invalid("provider", Rule::Inconsistent));
            }
            // Of the public half the key alone: what else a JWK says is not the vault's.
            let public = key.public().map(|jwk| Jwk::new(jwk.key().clone()));
            let (provider, blob) = (key.provider().clone(), key.blob().to_vec());
            let key = KeyHandle::new(provider, key.id(), key.spec(), public, blob)?;
            let facts = self.core.plan(name, key.spec(), options)?;
            let name = self.core.publish(&facts, &key, Publish::New)?;
            Ok((name, facts.version))
        })
    }

    /// Reads the name, makes the version, writes the event.
    fn make(
        &self,
        action: Action,
        name: &str,
        make: impl FnOnce(&KeyName) -> Result<(KeyName, KeyVersion), Error>,
    ) -> Result<Key, Error> {
        let name: KeyName = self.core.checked(action, name.parse())?;
        let result = make(&name);
        let target = match &result {
            Ok((name, version)) => {
                Target::Key(KeyId::new(self.core.host.clone(), name.clone(), *version))
            }
            Err(_) => Target::Name(name),
        };
        let (name, version) = self.core.record(action, target, result)?;
        Ok(Key::pinned(Arc::clone(&self.core), name, version))
    }
}

/// Names of the pending records whose versions are being made now, in this process.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashSet<String>>);

impl InFlight {
    fn enter(&self, record: String) -> Making<'_> {
        self.set().insert(record.clone());
        Making { all: self, record }
    }

    pub(super) fn contains(&self, record: &str) -> bool {
        self.set().contains(record)
    }

    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, for as long as this lives.
struct Making<'a> {
    all: &'a InFlight,
    record: String,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.all.set().remove(&self.record);
    }
}

/// How a version comes into the store.
#[derive(Clone, Copy)]
pub(super) enum Publish {
    /// As the current one.
    New,
    /// As the current one, in place of the pending record of this revision.
    Pending(u64),
    /// In place of the pending record of this revision, and as the current one only if the
    /// name has no other: what a crash left behind must not come before what was made
    /// since.
    Settled(u64),
}

impl Core {
    /// The steps of the module's description. Answers with the name as first spelled.
    fn make(
        &self,
        action: Action,
        name: &KeyName,
        spec: KeySpec,
        options: &KeyOptions,
        make: impl FnOnce(&NewKey) -> Result<KeyHandle, Error>,
    ) -> Result<(KeyName, KeyVersion), Error> {
        let facts = self.plan(name, spec, options)?;
        let id = ProviderKeyId::from_bytes(self.random()?);
        let new = NewKey::new(id, spec)?
            .with_label(name.as_str())
            .with_ops(facts.ops)?
            .with_exportable(facts.attributes.exportable);
        let pending = PendingRecord {
            action,
            facts,
            provider: self.provider_id().clone(),
            id,
            spec,
        };
        let key = pending_record(&pending.facts.name, pending.facts.version);
        let _making = self.in_flight.enter(key.clone());
        let revision = self
            .store
            .commit(&[Change::insert(key, pending.encode()?)])?;
        match make(&new).and_then(|handle| pending.check(handle)) {
            Ok(handle) => {
                let name = self.publish(&pending.facts, &handle, Publish::Pending(revision))?;
                Ok((name, pending.facts.version))
            }
            Err(error) => {
                self.undo(&pending, revision);
                Err(error)
            }
        }
    }

    /// Everything about the new version that does not need the key.
    fn plan(
        &self,
        name: &KeyName,
        spec: KeySpec,
        options: &KeyOptions,
    ) -> Result<VersionFacts, Error> {
        let ops = options.ops.unwrap_or_else(|| spec.verbs());
        check_ops(spec, ops)?;
        Ok(VersionFacts {
            name: name.clone(),
            version: KeyVersion::from_bytes(self.random()?),
            ops,
            attributes: options.attributes(self.clock.now())?,
            tags: options.tags.clone(),
        })
    }

    fn random(&self) -> Result<[u8; 16], Error> {
        let mut bytes = [0; 16];
        self.provider.random(&mut bytes)?;
        Ok(bytes)
    }

    /// After the provider failed: what it may have made all the same goes, and then the
    /// pending record. Where it does not answer the record stays, to be settled later.
    fn undo(&self, pending: &PendingRecord, revision: u64) {
        let gone = match self.provider.find(&pending.id) {
            Ok(Some(handle)) => self.provider.destroy(&handle).is_ok(),
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
        facts: &VersionFacts,
        handle: &KeyHandle,
        how: Publish,
    ) -> Result<KeyName, Error> {
        let record = VersionRecord {
            facts: facts.clone(),
            handle: handle.clone(),
        };
        let version = version_record(&facts.name, facts.version);
        let mut changes = vec![Change::insert(version.clone(), record.encode()?)];
        let pending = pending_record(&facts.name, facts.version);
        if let Publish::Pending(revision) | Publish::Settled(revision) = how {
            changes.push(Change::remove(pending.clone(), revision));
        }
        let key = key_record(&facts.name);
        for _ in 0..COMMIT_TRIES {
            let old = self.store.get(&key)?;
            let name = match &old {
                Some(old) => KeyRecord::decode(&old.value)?.name,
                None => facts.name.clone(),
            };
            let mut changes = changes.clone();
            if old.is_none() || !matches!(how, Publish::Settled(_)) {
                let current = KeyRecord {
                    name: name.clone(),
                    current: facts.version,
                };
                changes.push(Change {
                    key: key.clone(),
                    expect: old.map(|old| old.revision),
                    value: Some(current.encode()?),
                });
            }
            match self.store.commit(&changes) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| name),
            }
            if !matches!(how, Publish::New) && self.store.get(&pending)?.is_none() {
                // Somebody else opened the store and settled this version: it is in, or it
                // was dropped.
                let settled = self.store.get(&version)?;
                return settled
                    .map(|_| name)
                    .ok_or_else(|| ErrorKind::Conflict.into());
            }
        }
        Err(ErrorKind::Conflict.into())
    }
}
