//! Making versions, so that a crash at any point leaves no half-made key behind.
//!
//! 1. A *pending* record is committed: everything about the version but its handle.
//! 2. The provider makes the key, under the id that the pending record names.
//! 3. One commit removes the pending record, writes the version and makes it current.
//!
//! A crash after 1 or 2 leaves the pending record, and [`Vault::settle`] asks the
//! provider: a key that is there is completed (nothing is deleted that might be
//! somebody's), one that is not never was. Until 3 nobody has been told of the key.

use std::sync::Arc;

use super::attributes::check_ops;
use super::record::{
    KeyRecord, PENDING, PendingRecord, VersionFacts, VersionRecord, key_record, pending_record,
    version_record,
};
use super::{Action, Change, Core, Key, KeyId, KeyName, KeyOptions, KeyVersion, Target, Vault};
use crate::alg::KeySpec;
use crate::error::{Error, ErrorKind, Rule};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::SecretJwk;
use crate::provider::{NewKey, not_offered};

/// How often a commit is tried again when another writer changed the same name first.
const COMMIT_TRIES: usize = 64;

/// How many pending records are read at a time.
const SETTLE_PAGE: usize = 64;

/// A version that was being made when the vault was last closed, and whose key the
/// provider could not be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// The key's name.
    pub name: KeyName,
    /// The version that was being made.
    pub version: KeyVersion,
    /// The provider that was asked for it.
    pub provider: ProviderId,
    /// The id that it was asked to use.
    pub id: ProviderKeyId,
}

impl Vault {
    /// Makes a key: a new name, or a new version of a name.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for `name`, `key_size`, `key_ops` or `nbf`;
    /// [`NotOffered`](ErrorKind::NotOffered); those of the provider and the store.
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
        let (name, spec) = (name.parse()?, spec.into().check()?);
        let provider = &self.core.provider;
        let offered = provider.capabilities().can_generate(spec);
        self.make(Action::Create, name, spec, options, |new| {
            if !offered {
                return Err(not_offered("generate", spec));
            }
            provider.generate(new)
        })
    }

    /// Takes over a private key. `options.ops`, or else the key's own `key_ops`, say
    /// what a symmetric key is for.
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
        let ops = options.ops.or(key.public().meta().key_ops());
        let (name, spec) = (name.parse()?, key.spec_for(ops)?);
        let options = KeyOptions {
            ops,
            ..options.clone()
        };
        let provider = &self.core.provider;
        let offered = provider.capabilities().can_import(spec);
        self.make(Action::Import, name, spec, &options, |new| {
            if !offered {
                return Err(not_offered("import", spec));
            }
            provider.import(key, new)
        })
    }

    /// Takes over a key that is in the provider already, such as one found on a token.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for `provider` if the handle is another one's,
    /// and as [`create`](Vault::create).
    pub fn adopt(&self, name: &str, key: &KeyHandle, options: &KeyOptions) -> Result<Key, Error> {
        if key.provider() != self.core.provider_id() {
            return Err(Error::invalid("provider", Rule::Inconsistent));
        }
        let name: KeyName = name.parse()?;
        let result = self
            .plan(&name, key.spec(), options)
            .and_then(|facts| self.core.publish(&facts, key, None).map(|()| facts));
        self.finish(Action::Adopt, name, result)
    }

    /// Settles versions that were being made when the process ended; answers with those
    /// that could not be settled because the provider did not answer.
    ///
    /// Runs when the vault is built; to be called again once a provider is back.
    ///
    /// # Errors
    /// Those of the store.
    pub fn settle(&self) -> Result<Vec<Pending>, Error> {
        let mut open = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .core
                .store
                .scan(PENDING, after.as_deref(), SETTLE_PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(open);
            };
            after = Some(last.clone());
            for (_, record) in &page {
                let pending = PendingRecord::decode(&record.value)?;
                if !self.core.settle(&pending, record.revision)? {
                    open.push(Pending {
                        name: pending.facts.name,
                        version: pending.facts.version,
                        provider: pending.provider,
                        id: pending.id,
                    });
                }
            }
        }
    }

    /// The steps of the module's description, for a provider's `generate` or `import`.
    fn make(
        &self,
        action: Action,
        name: KeyName,
        spec: KeySpec,
        options: &KeyOptions,
        make: impl FnOnce(&NewKey) -> Result<KeyHandle, Error>,
    ) -> Result<Key, Error> {
        let result = self.plan(&name, spec, options).and_then(|facts| {
            let id = ProviderKeyId::from_bytes(self.core.random()?);
            let new = NewKey::new(id, spec)?
                .with_label(name.as_str())
                .with_ops(facts.ops)?
                .with_exportable(facts.attributes.exportable);
            let pending = self.core.announce(&facts, id)?;
            match make(&new) {
                Ok(handle) => self.core.publish(&facts, &handle, Some(pending))?,
                Err(error) => {
                    self.core.withdraw(&facts, pending);
                    return Err(error);
                }
            }
            Ok(facts)
        });
        self.finish(action, name, result)
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
            version: KeyVersion::from_bytes(self.core.random()?),
            ops,
            attributes: options.attributes(self.core.clock.now())?,
            tags: options.tags.clone(),
        })
    }

    fn finish(
        &self,
        action: Action,
        name: KeyName,
        result: Result<VersionFacts, Error>,
    ) -> Result<Key, Error> {
        let target = match &result {
            Ok(facts) => {
                let host = self.core.host.clone();
                Target::Key(KeyId::new(host, name, facts.version))
            }
            Err(_) => Target::Name(name),
        };
        let facts = self.core.record(action, target, result)?;
        Ok(Key::pinned(
            Arc::clone(&self.core),
            facts.name,
            facts.version,
        ))
    }
}

impl Core {
    fn random(&self) -> Result<[u8; 16], Error> {
        let mut bytes = [0; 16];
        self.provider.random(&mut bytes)?;
        Ok(bytes)
    }

    /// Step 1. Answers with the pending record's revision.
    fn announce(&self, facts: &VersionFacts, id: ProviderKeyId) -> Result<u64, Error> {
        let record = PendingRecord {
            facts: facts.clone(),
            provider: self.provider_id().clone(),
            id,
        };
        let key = pending_record(&facts.name, facts.version);
        self.store.commit(&[Change::insert(key, record.encode()?)])
    }

    /// Undoes step 1 after the provider refused. If that fails too the record stays, and
    /// settling removes it later.
    fn withdraw(&self, facts: &VersionFacts, pending: u64) {
        let key = pending_record(&facts.name, facts.version);
        let _ = self.store.commit(&[Change::remove(key, pending)]);
    }

    /// Step 3. Tried again when another version of the same name was made in between:
    /// both are kept, and the later commit is the current one.
    fn publish(
        &self,
        facts: &VersionFacts,
        handle: &KeyHandle,
        pending: Option<u64>,
    ) -> Result<(), Error> {
        let version = VersionRecord {
            facts: facts.clone(),
            handle: handle.clone(),
        };
        let version = Change::insert(
            version_record(&facts.name, facts.version),
            version.encode()?,
        );
        let key = key_record(&facts.name);
        for _ in 0..COMMIT_TRIES {
            let old = self.store.get(&key)?;
            let name = match &old {
                // The first spelling of a name is kept.
                Some(old) => KeyRecord::decode(&old.value)?.name,
                None => facts.name.clone(),
            };
            let current = KeyRecord {
                name,
                current: facts.version,
            };
            let mut changes = vec![version.clone()];
            changes.push(Change {
                key: key.clone(),
                expect: old.map(|old| old.revision),
                value: Some(current.encode()?),
            });
            if let Some(revision) = pending {
                let key = pending_record(&facts.name, facts.version);
                changes.push(Change::remove(key, revision));
            }
            match self.store.commit(&changes) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| ()),
            }
        }
        Err(ErrorKind::Conflict.into())
    }

    /// Completes or drops one pending version; `false` if the provider did not answer.
    fn settle(&self, pending: &PendingRecord, revision: u64) -> Result<bool, Error> {
        if pending.provider != *self.provider_id() {
            return Ok(false);
        }
        match self.provider.find(&pending.id) {
            Ok(Some(handle)) => {
                self.publish(&pending.facts, &handle, Some(revision))?;
                Ok(true)
            }
            Ok(None) => {
                self.withdraw(&pending.facts, revision);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }
}
