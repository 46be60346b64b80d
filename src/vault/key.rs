//! One version of one key, and what can be done with it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::access::Scope;
use super::policy::{Context, Subject, permit};
use super::record::VersionRecord;
use super::state::{Current, Known, State};
use super::{
    Action, Attributes, AuditEvent, Core, KeyId, KeyName, KeyVersion, Outcome, ReleasePolicy, Tags,
    Target,
};
use crate::alg::{Alg, Digest, EncryptAlg, KeySpec, Op, OpSet, SignAlg, WrapAlg};
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::fit::{
    Ciphertext, DecryptInPlaceRequest, DecryptParams, DecryptRequest, EncryptInPlaceRequest,
    EncryptParams, EncryptRequest, Sealed, SignRequest, Signature, UnwrapRequest, VerifyRequest,
    WrapRequest,
};
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, PublicKey};
use crate::provider::{KeyProvider, unsupported};
use crate::secret::SecretBytes;

/// A result and the version that gave it: what must be remembered to verify, unwrap or
/// decrypt after the key has been rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keyed<T> {
    /// The version.
    pub key: KeyId,
    /// The result.
    pub value: T,
}

/// A key to use: one version, or always the current one.
///
/// Cheap to clone and safe to share. It holds no secret: the vault's record is read
/// anew for each use (from a cache that any change to the store invalidates), so a key
/// that is disabled stops at once, whoever still holds a `Key`.
#[derive(Clone)]
pub struct Key {
    core: Arc<Core>,
    name: KeyName,
    /// `None`: whichever version is current.
    version: Option<KeyVersion>,
    known: Arc<Known>,
}

impl Key {
    pub(super) fn pinned(core: Arc<Core>, name: KeyName, version: KeyVersion) -> Self {
        Key {
            core,
            name,
            version: Some(version),
            known: Arc::default(),
        }
    }

    pub(super) fn floating(core: Arc<Core>, name: KeyName) -> Self {
        Key {
            core,
            name,
            version: None,
            known: Arc::default(),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The identifier; of the version that is current now, if it floats.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it is gone; those of the store. So for all
    /// the methods that only tell something. They leave no event, unless they are refused.
    pub fn id(&self) -> Result<KeyId, Error> {
        Ok(self.told()?.id().clone())
    }

    /// The kind of key.
    ///
    /// # Errors
    /// As [`id`](Key::id).
    pub fn spec(&self) -> Result<KeySpec, Error> {
        Ok(self.told()?.record.handle.spec())
    }

    /// `key_ops`.
    ///
    /// # Errors
    /// As [`id`](Key::id).
    pub fn ops(&self) -> Result<OpSet, Error> {
        Ok(self.told()?.record.facts.ops)
    }

    /// The attributes.
    ///
    /// # Errors
    /// As [`id`](Key::id).
    pub fn attributes(&self) -> Result<Attributes, Error> {
        Ok(self.told()?.record.facts.attributes)
    }

    /// The tags.
    ///
    /// # Errors
    /// As [`id`](Key::id).
    pub fn tags(&self) -> Result<Tags, Error> {
        Ok(self.told()?.record.facts.tags.clone())
    }

    /// The key's release policy, which all its versions have.
    ///
    /// # Errors
    /// As [`id`](Key::id).
    pub fn release_policy(&self) -> Result<Option<ReleasePolicy>, Error> {
        self.told()?;
        Ok(self.core.key(&self.name)?.1.release_policy)
    }

    /// The public JWK, with `kid` and `key_ops`; a symmetric key's has no key members.
    /// `kty` ends in `-HSM` if the provider keeps its keys in hardware.
    ///
    /// # Errors
    /// As [`id`](Key::id).
    pub fn jwk(&self) -> Result<Jwk, Error> {
        let state = self.told()?;
        let VersionRecord { facts, handle } = &state.record;
        self.core.jwk(state.id(), handle, facts.ops)
    }

    /// Signs a message, as JWS does: ES*, RS* and PS* over its hash, HS* over the
    /// message itself (RFC 7518 section 3).
    ///
    /// # Errors
    /// [`Denied`](ErrorKind::Denied), [`Unfit`](ErrorKind::Unfit),
    /// [`NotOffered`](ErrorKind::NotOffered), [`Audit`](ErrorKind::Audit); those of the
    /// store and the provider. So for all verbs.
    pub fn sign(&self, alg: SignAlg, message: &[u8]) -> Result<Keyed<Signature>, Error> {
        self.run(Op::Sign, alg, message.len(), |granted| {
            let request = SignRequest::for_message(granted.handle, alg, message)?;
            granted.provider()?.sign(&request)
        })
    }

    /// Signs a digest made elsewhere, as the Key Vault service does. For HS* the MAC
    /// runs over the digest's bytes: not the same as [`sign`](Key::sign) on a message.
    ///
    /// # Errors
    /// As [`sign`](Key::sign), and a `digest` of another hash function.
    pub fn sign_digest(&self, alg: SignAlg, digest: Digest<'_>) -> Result<Keyed<Signature>, Error> {
        self.run(Op::Sign, alg, digest.as_bytes().len(), |granted| {
            let request = SignRequest::for_digest(granted.handle, alg, digest)?;
            granted.provider()?.sign(&request)
        })
    }

    /// Verifies what [`sign`](Key::sign) makes.
    ///
    /// # Errors
    /// [`BadSignature`](ErrorKind::BadSignature), and as [`sign`](Key::sign).
    pub fn verify(
        &self,
        alg: SignAlg,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Keyed<()>, Error> {
        self.run(Op::Verify, alg, message.len(), |granted| {
            let request = VerifyRequest::for_message(granted.handle, alg, message, signature)?;
            granted.provider()?.verify(&request)
        })
    }

    /// Verifies what [`sign_digest`](Key::sign_digest) makes.
    ///
    /// # Errors
    /// As [`verify`](Key::verify).
    pub fn verify_digest(
        &self,
        alg: SignAlg,
        digest: Digest<'_>,
        signature: &[u8],
    ) -> Result<Keyed<()>, Error> {
        self.run(Op::Verify, alg, digest.as_bytes().len(), |granted| {
            let request = VerifyRequest::for_digest(granted.handle, alg, digest, signature)?;
            granted.provider()?.verify(&request)
        })
    }

    /// Wraps key material.
    ///
    /// # Errors
    /// As [`sign`](Key::sign), and a `value` of a length that the algorithm does not take.
    pub fn wrap_key(&self, alg: WrapAlg, material: &[u8]) -> Result<Keyed<Vec<u8>>, Error> {
        self.run(Op::WrapKey, alg, material.len(), |granted| {
            let request = WrapRequest::new(granted.handle, alg, material)?;
            granted.provider()?.wrap_key(&request)
        })
    }

    /// Unwraps key material.
    ///
    /// With RSA1_5 a damaged wrapped key does not fail: it unwraps to other bytes, the
    /// same ones each time (implicit rejection), which only the protocol above can tell
    /// from the right ones.
    ///
    /// # Errors
    /// [`DecryptFailed`](ErrorKind::DecryptFailed), and as [`sign`](Key::sign).
    pub fn unwrap_key(&self, alg: WrapAlg, wrapped: &[u8]) -> Result<Keyed<SecretBytes>, Error> {
        self.run(Op::UnwrapKey, alg, wrapped.len(), |granted| {
            let request = UnwrapRequest::new(granted.handle, alg, wrapped)?;
            granted.provider()?.unwrap_key(&request)
        })
    }

    /// Encrypts. GCM's IV is made by the provider and returned.
    ///
    /// # Errors
    /// As [`sign`](Key::sign), and for `plaintext`, `iv` or `aad`.
    pub fn encrypt(
        &self,
        alg: EncryptAlg,
        plaintext: &[u8],
        params: EncryptParams<'_>,
    ) -> Result<Keyed<Ciphertext>, Error> {
        self.run(Op::Encrypt, alg, plaintext.len(), |granted| {
            let request = EncryptRequest::new(granted.handle, alg, plaintext, params)?;
            granted.provider()?.encrypt(&request)
        })
    }

    /// Decrypts what [`encrypt`](Key::encrypt) made; see [`Ciphertext::params`]. About
    /// RSA1_5 see [`unwrap_key`](Key::unwrap_key).
    ///
    /// # Errors
    /// [`DecryptFailed`](ErrorKind::DecryptFailed), as [`sign`](Key::sign), and for
    /// `ciphertext`, `iv`, `tag` or `aad`.
    pub fn decrypt(
        &self,
        alg: EncryptAlg,
        ciphertext: &[u8],
        params: DecryptParams<'_>,
    ) -> Result<Keyed<SecretBytes>, Error> {
        self.run(Op::Decrypt, alg, ciphertext.len(), |granted| {
            let request = DecryptRequest::new(granted.handle, alg, ciphertext, params)?;
            granted.provider()?.decrypt(&request)
        })
    }

    /// Encrypts with GCM in the caller's buffer, for large payloads. After an error the
    /// buffer is unchanged, unless it is [`Audit`](ErrorKind::Audit): then it may be erased.
    ///
    /// # Errors
    /// As [`encrypt`](Key::encrypt), and for an `alg` other than GCM.
    pub fn encrypt_in_place(
        &self,
        alg: EncryptAlg,
        buffer: &mut [u8],
        aad: &[u8],
    ) -> Result<Keyed<Sealed>, Error> {
        self.run_in_place(Op::Encrypt, alg, buffer, |granted, buffer| {
            let mut request = EncryptInPlaceRequest::new(granted.handle, alg, buffer, aad)?;
            granted.provider()?.encrypt_in_place(&mut request)
        })
    }

    /// Decrypts with GCM in the caller's buffer. After an error the buffer is unchanged,
    /// unless it is [`Audit`](ErrorKind::Audit): then it may be erased.
    ///
    /// # Errors
    /// As [`decrypt`](Key::decrypt), and for an `alg` other than GCM.
    pub fn decrypt_in_place(
        &self,
        alg: EncryptAlg,
        buffer: &mut [u8],
        params: DecryptParams<'_>,
    ) -> Result<Keyed<()>, Error> {
        self.run_in_place(Op::Decrypt, alg, buffer, |granted, buffer| {
            let mut request = DecryptInPlaceRequest::new(granted.handle, alg, buffer, params)?;
            granted.provider()?.decrypt_in_place(&mut request)
        })
    }

    /// The way of every verb: permit, then `work` (fit, offer, provider), then audit, then
    /// release. (Batches take the same steps, item by item, in `batch.rs`.)
    fn run<T>(
        &self,
        op: Op,
        alg: impl Into<Alg>,
        bytes_in: usize,
        work: impl FnOnce(&Granted<'_>) -> Result<T, Error>,
    ) -> Result<Keyed<T>, Error> {
        let begun = self.core.start()?;
        let what = (op, alg.into(), bytes_in);
        let allowed = self.asked(op).and_then(|()| self.state());
        let state = match allowed {
            Ok(state) => state,
            Err(error) => {
                let refused = Err(error);
                self.audit(begun, what, None, &refused)?;
                return refused;
            }
        };
        let granted = self.core.grant(op, what.1, &state);
        let result = granted.and_then(|granted| work(&granted));
        self.audit(begun, what, Some(state.id()), &result)?;
        let value = result?;
        let key = state.id().clone();
        Ok(Keyed { key, value })
    }

    /// [`run`](Key::run) for work in the caller's buffer, which must not keep a result
    /// that was withheld.
    fn run_in_place<T>(
        &self,
        op: Op,
        alg: EncryptAlg,
        buffer: &mut [u8],
        work: impl FnOnce(&Granted<'_>, &mut [u8]) -> Result<T, Error>,
    ) -> Result<Keyed<T>, Error> {
        let mut done = false;
        let result = self.run(op, alg, buffer.len(), |granted| {
            let value = work(granted, buffer)?;
            done = true;
            Ok(value)
        });
        if done && result.is_err() {
            buffer.fill(0);
        }
        result
    }

    /// Writes the event of a verb, whose result may go on if that succeeds.
    #[inline]
    pub(super) fn audit<T>(
        &self,
        begun: Option<Instant>,
        what: (Op, Alg, usize),
        id: Option<&KeyId>,
        result: &Result<T, Error>,
    ) -> Result<(), Error> {
        match begun {
            Some(begun) => self.record(begun, what, id, Outcome::of(result)),
            None => Ok(()),
        }
    }

    fn record(
        &self,
        begun: Instant,
        (op, alg, bytes_in): (Op, Alg, usize),
        id: Option<&KeyId>,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let target = match id {
            Some(id) => Target::Key(id.clone()),
            None => Target::Name(self.name.clone()),
        };
        let event = AuditEvent {
            alg: Some(alg),
            bytes_in,
            ..(self.core).event(begun, Action::Use(op), target, outcome)?
        };
        self.core.write(&event)
    }

    /// The first question of *permit*: may this caller do this with this key?
    #[inline]
    pub(super) fn asked(&self, op: Op) -> Result<(), Error> {
        match self.core.caller {
            Some(_) => self.ask(op),
            None => Ok(()),
        }
    }

    fn ask(&self, op: Op) -> Result<(), Error> {
        let scope = Scope::Key(self.name.clone());
        self.core.ask(Action::Use(op), &scope)
    }

    /// The version as it is now, for those who may know.
    fn told(&self) -> Result<Current<'_>, Error> {
        if self.core.caller.is_some() {
            self.core.begin(Action::Get)?.allow_key(&self.name)?;
        }
        self.state()
    }

    /// The identifier of the version as it is now.
    pub(super) fn resolved(&self) -> Result<KeyId, Error> {
        Ok(self.state()?.id().clone())
    }

    /// The version as it is now.
    pub(super) fn state(&self) -> Result<Current<'_>, Error> {
        self.known.state(&self.core, &self.name, self.version)
    }

    /// Whether it is always the current version.
    pub(super) fn is_floating(&self) -> bool {
        self.version.is_none()
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Core {
    pub(super) fn jwk(&self, id: &KeyId, handle: &KeyHandle, ops: OpSet) -> Result<Jwk, Error> {
        let mut jwk = match handle.public() {
            Some(public) => public.clone(),
            None => Jwk::new(PublicKey::Oct(Some(handle.spec().bits()))),
        };
        let provider = self.providers.by_id(handle.provider())?;
        let meta = jwk.meta_mut();
        meta.set_kid(Some(&id.to_string()));
        meta.set_key_ops(Some(ops));
        meta.set_hsm(provider.capabilities().is_hsm());
        Ok(jwk)
    }

    /// The question *permit*, for a version as it is now.
    #[inline]
    pub(super) fn grant<'a>(
        &self,
        op: Op,
        alg: Alg,
        state: &'a State,
    ) -> Result<Granted<'a>, Error> {
        let facts = &state.record.facts;
        let subject = Subject {
            attributes: &facts.attributes,
            ops: facts.ops,
        };
        let context = Context {
            clock: &*self.clock,
            leeway: self.leeway,
            legacy: &self.legacy,
        };
        permit(op, alg, subject, context)?;
        Ok(Granted {
            op,
            alg,
            handle: &state.record.handle,
            provider: &*state.provider,
        })
    }
}

/// A use that policy permits; the provider has not been asked yet.
pub(super) struct Granted<'a> {
    op: Op,
    alg: Alg,
    pub(super) handle: &'a KeyHandle,
    provider: &'a dyn KeyProvider,
}

impl<'a> Granted<'a> {
    /// The provider, if it offers this: the question *offer*, asked after *fit*.
    pub(super) fn provider(&self) -> Result<&'a dyn KeyProvider, Error> {
        let spec = self.handle.spec();
        let offered = self.provider.offers(self.op, self.alg, spec);
        offered.ok_or_else(|| unsupported(self.op, self.alg, self.handle))?;
        Ok(self.provider)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}", self.name)?;
        match self.version {
            Some(version) => write!(f, "/{version})"),
            None => f.write_str(", latest)"),
        }
    }
}
