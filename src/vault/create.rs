//! Making, taking over and adopting keys: what is asked before [`make`](super::make) begins.

use std::sync::Arc;

use super::make::{Becoming, New, Publish};
use super::task::Task;
use super::{Action, Key, KeyId, KeyName, KeyOptions, KeyVersion, Target, Vault};
use crate::alg::KeySpec;
use crate::error::{Error, Rule};
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, SecretJwk};
use crate::provider::{NewKey, not_offered};

impl Vault {
    /// Makes a key: a new name, or a new version of a name.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for `name`, `key_size`, `key_ops` or `nbf`;
    /// [`NotOffered`](crate::ErrorKind::NotOffered); those of the provider and the store. The key
    /// then does not exist; after [`Unavailable`](crate::ErrorKind::Unavailable) it may exist,
    /// or come to be when it is [settled](Vault::settle).
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
        self.make(Action::Create, name, |task, name| {
            let spec = spec.into().check()?;
            let provider = self.core.for_new(spec, options.hsm)?;
            if !provider.capabilities().can_generate(spec) {
                return Err(not_offered("generate", spec));
            }
            let make = |new: &NewKey| provider.generate(new);
            let new = New {
                task,
                name,
                spec,
                options,
                provider,
                current: Becoming::Always,
                now: self.core.clock.now(),
            };
            self.core.make(new, make)
        })
    }

    /// Takes over a private key. `options.ops`, or else the key's own `key_ops`, say what
    /// the key is for; a `kty` with `-HSM` asks for an HSM where the vault has a choice, as
    /// [`KeyOptions::hsm`] does. Its `use`, `alg`, `kid` and unknown members are not kept, and limit
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
        let ops = options.ops.or(key.public().meta().key_ops());
        let options = KeyOptions {
            ops,
            ..options.clone()
        };
        self.make(Action::Import, name, |task, name| {
            let spec = key.spec_for(ops)?;
            let hsm = options.hsm || (self.core.heeds_kty() && key.public().meta().is_hsm());
            let provider = self.core.for_new(spec, hsm)?;
            if !provider.capabilities().can_import(spec) {
                return Err(not_offered("import", spec));
            }
            let make = |new: &NewKey| provider.import(key, new);
            let new = New {
                task,
                name,
                spec,
                options: &options,
                provider,
                current: Becoming::Always,
                now: self.core.clock.now(),
            };
            self.core.make(new, make)
        })
    }

    /// Takes over a key that is in the provider already, such as one found on a token. The
    /// handle is believed: a private half that is not there shows at the first use.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for `provider` if the handle is another one's,
    /// and as [`create`](Vault::create).
    pub fn adopt(&self, name: &str, key: &KeyHandle, options: &KeyOptions) -> Result<Key, Error> {
        self.make(Action::Adopt, name, |task, name| {
            let foreign = |_| Error::invalid("provider", Rule::Inconsistent);
            let provider = self.core.providers.by_id(key.provider()).map_err(foreign)?;
            // As if it were made there: the tier has a say in what may be.
            let home = self
                .core
                .for_new(key.spec(), provider.capabilities().is_hsm())?;
            if home.id() != provider.id() {
                return Err(Error::invalid("provider", Rule::Inconsistent));
            }
            // Of the public half the key alone: what else a JWK says is not the vault's.
            let public = key.public().map(|jwk| Jwk::new(jwk.key().clone()));
            let (provider, blob) = (key.provider().clone(), key.blob().to_vec());
            let key = KeyHandle::new(provider, key.id(), key.spec(), public, blob)?;
            let now = self.core.clock.now();
            let at = self.core.providers.by_id(key.provider())?;
            let (facts, _) = (self.core).plan(name, key.spec(), options, &**at, now)?;
            let how = Publish::new(Becoming::Always, options.release_policy.as_ref());
            let publish = || self.core.publish(task, &facts, &key, how);
            let name = self.core.within_limits(name, publish)?;
            Ok((name, facts.version))
        })
    }

    /// Reads the name, makes the version, writes the event.
    pub(super) fn make(
        &self,
        action: Action,
        name: &str,
        make: impl FnOnce(&Task<'_>, &KeyName) -> Result<(KeyName, KeyVersion), Error>,
    ) -> Result<Key, Error> {
        let task = self.core.begin(action)?;
        let name: KeyName = task.checked(name.parse())?;
        task.allow_key(&name)?;
        let result = make(&task, &name);
        let target = match &result {
            Ok((name, version)) => {
                Target::Key(KeyId::new(self.core.host.clone(), name.clone(), *version))
            }
            Err(_) => Target::Name(name),
        };
        let (name, version) = task.end(target, result)?;
        Ok(Key::pinned(Arc::clone(&self.core), name, version))
    }
}
