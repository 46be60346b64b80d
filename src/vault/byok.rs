//! Keys that come wrapped under one of this vault's ("bring your own key").

use std::sync::Arc;

use super::make::{Becoming, New};
use super::state::Current;
use super::{Action, Core, Key, KeyId, KeyOptions, Vault};
use crate::alg::{KeyOp, OpSet};
use crate::encoding::{ByokBlob, TransferKind};
use crate::error::{Denial, Error, ErrorKind, Rule};
use crate::provider::{NewKey, WrappedKey};

impl Vault {
    /// Takes over a key that came wrapped ("bring your own key"): the service's import with
    /// `key_hsm`. The blob names the key that it is wrapped for (its KEK): an RSA key of this
    /// vault whose only `key_ops` is `import`, enabled. `kind` is the request's `kty` and
    /// `crv`; without `options.ops` the key is for every verb of its kind.
    ///
    /// # Errors
    /// As [`create`](Vault::create); [`NotFound`](ErrorKind::NotFound) if the KEK is not in
    /// this vault; [`Denied`](ErrorKind::Denied) if it is not for this, or disabled;
    /// [`DecryptFailed`](ErrorKind::DecryptFailed) for whatever is wrong with the blob;
    /// [`Invalid`](ErrorKind::Invalid) for `kid`, or for what the blob does not agree with.
    ///
    /// See [`wrap_for_import`](crate::public::wrap_for_import) for an example.
    pub fn import_byok(
        &self,
        name: &str,
        kind: TransferKind,
        blob: &ByokBlob,
        options: &KeyOptions,
    ) -> Result<Key, Error> {
        self.make(Action::Import, name, |task, name| {
            let kek = self.core.find_exchange_key(blob)?;
            let kek = self.core.exchange_key(&kek)?;
            let (provider, by) = (&kek.provider, &kek.record.handle);
            let spec = blob.spec(kind, by.spec(), options.ops)?;
            // A key stays where it was unwrapped; the tier has a say in what may be there.
            let hsm = provider.capabilities().is_hsm();
            if self.core.for_new(spec, hsm)?.id() != provider.id() {
                return Err(Error::invalid("kid", Rule::Inconsistent));
            }
            let wrapped = WrappedKey::from_bytes(blob.ciphertext().to_vec()).with_alg(blob.enc());
            let make = |new: &NewKey| provider.import_wrapped(by, &wrapped, new);
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
}

impl Core {
    /// The key that a blob says it is wrapped for.
    fn find_exchange_key(self: &Arc<Self>, blob: &ByokBlob) -> Result<Key, Error> {
        let id: KeyId = blob.kid().parse()?;
        if *id.host() != self.host {
            return Err(ErrorKind::NotFound.into());
        }
        let (name, version) = (id.name().clone(), id.version());
        Ok(Key::pinned(Arc::clone(self), name, version))
    }

    /// The key as it is now, if it may be used for that.
    fn exchange_key<'a>(&self, key: &'a Key) -> Result<Current<'a>, Error> {
        let state = key.state()?;
        let facts = &state.record.facts;
        if !facts.attributes.enabled {
            return Err(Denial::Disabled.into());
        }
        // A key that may do anything else could be made to open what was wrapped for it.
        if facts.ops != OpSet::EMPTY.with(KeyOp::Import) {
            return Err(Denial::NotInKeyOps.into());
        }
        if self.tier.is_some() && !state.provider.capabilities().is_hsm() {
            // With the service a KEK is an RSA-HSM key.
            return Err(Error::invalid("kid", Rule::NotWithKey));
        }
        Ok(state)
    }
}
