//! Keys in software: the backend that needs nothing but a place for its handles.
//!
//! [`Software`] keeps no keys. Its handles do: a handle's blob is the private key,
//! sealed under a [`SealingKey`] and bound to everything else the handle says. Whoever
//! stores the handle stores the key, a backup of the record is a backup of the key, and
//! a key is destroyed when the last copy of its blob is.
//!
//! ```
//! use strongroom::fit::{SignRequest, VerifyRequest};
//! use strongroom::provider::{KeyProvider, NewKey};
//! use strongroom::software::Software;
//! use strongroom::{Curve, KeySpec, ProviderKeyId, SignAlg};
//!
//! let software = Software::ephemeral()?;
//! let id = ProviderKeyId::from_bytes(*b"chosen by caller");
//! let key = software.generate(&NewKey::new(id, KeySpec::Ec(Curve::P256))?)?;
//!
//! let signature = software.sign(&SignRequest::for_message(&key, SignAlg::Es256, b"hello")?)?;
//! let signature = signature.as_bytes();
//! software.verify(&VerifyRequest::for_message(&key, SignAlg::Es256, b"hello", signature)?)?;
//! # Ok::<(), strongroom::Error>(())
//! ```
//!
//! # What protects a key
//! * *At rest*: an AEAD that commits to its key, with provider, id, kind and public half
//!   as associated data (the form is written down in `sealing.rs`).
//! * *In memory*: opened keys are kept in a bounded cache, are found only with the very
//!   handle that was opened, and are erased when they leave it.
//! * *In use*: RSA in constant time with every result checked, hedged ECDSA nonces, GCM IVs that no
//!   caller can choose, a watched random generator.
//!
//! # What is erased, and what is not
//! Payloads, seeds, scalars, AES round keys and MAC states are erased by this crate or by
//! the one that holds them, and so is everything of an RSA key. Not erased, because their types
//! offer no way: copies that the compiler leaves on the stack, of AES keys above all, the
//! sealing key's among them.

mod aes;
pub(crate) mod aes_paths;
mod batch;
mod builder;
mod cache;
mod capabilities;
mod cbc;
mod ec;
mod hmac;
mod key_wrap;
mod material;
mod nonce;
mod opened;
mod operations;
mod rsa;
mod rsa_generate;
mod sealing;
mod self_test;
mod transfer;

use std::fmt;
use std::sync::Arc;

use rand_core::TryCryptoRng;

pub use crate::seal::{PassphraseCosts, SealingHeader, SealingKey};
pub use builder::Builder;
// For the vectors of RFC 6979, through the hooks of `crate::internal`.
pub(crate) use ec::{sign_deterministic, sign_every_way};

use crate::alg::{Alg, Hash, KeySpec, Op, SignAlg};
use crate::error::{Error, ErrorKind};
use crate::fit::{
    Ciphertext, DecryptInPlaceRequest, DecryptRequest, EncryptInPlaceRequest, EncryptRequest,
    Sealed, SignRequest, Signature, UnwrapRequest, VerifyRequest, WrapRequest,
};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::{Jwk, OctSecret, PublicKey, SecretJwk, SecretKey};
use crate::provider::{
    Capabilities, Health, KeyProvider, NewKey, Place, ProviderRng, WrappedKey, WrappingKey,
};
use crate::public;
use crate::seal::Randomness;
use crate::secret::SecretBytes;

use cache::{Cache, Lease};
use opened::Opened;
use sealing::{Identity, SealingKeys};

/// Keys in software. See the [module](self).
pub struct Software {
    id: ProviderId,
    keys: SealingKeys,
    rng: Randomness,
    cache: Cache,
    verify_after_sign: bool,
    capabilities: Arc<Capabilities>,
}

impl Software {
    /// The backend's name unless another is given.
    pub const DEFAULT_ID: &'static str = "software";

    /// Everything that can be chosen.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A backend named `software` whose keys are sealed under this key.
    ///
    /// # Errors
    /// [`FaultDetected`](ErrorKind::FaultDetected), as [`Builder::build`].
    pub fn new(key: SealingKey) -> Result<Self, Error> {
        Software::builder().sealing_key(key).build()
    }

    /// The same, with a generator in place of the operating system's.
    ///
    /// # Errors
    /// As [`Software::new`].
    pub fn with_rng(
        key: SealingKey,
        rng: impl TryCryptoRng + Send + 'static,
    ) -> Result<Self, Error> {
        Software::builder().sealing_key(key).rng(rng).build()
    }

    /// A backend named `software` with a random sealing key: its keys end with it. Its
    /// [capabilities](Capabilities::is_ephemeral) say so, and a vault with a durable
    /// store refuses it.
    ///
    /// # Errors
    /// [`Randomness`](ErrorKind::Randomness).
    pub fn ephemeral() -> Result<Self, Error> {
        Software::builder().ephemeral().build()
    }

    /// The opened key behind a handle, from the cache or from its blob, for one operation.
    fn open<'a>(&self, handle: &'a KeyHandle) -> Result<Lease<'a>, Error> {
        match self.cache.get(handle) {
            Some(key) => Ok(key),
            None => self.open_anew(handle).map(Lease::Held),
        }
    }

    /// The same, for as long as it takes.
    fn hold(&self, handle: &KeyHandle) -> Result<Arc<Opened>, Error> {
        match self.cache.hold(handle) {
            Some(key) => Ok(key),
            None => self.open_anew(handle),
        }
    }

    #[cold]
    fn open_anew(&self, handle: &KeyHandle) -> Result<Arc<Opened>, Error> {
        let payload = self.unseal(handle)?;
        let key = Opened::from_payload(handle.spec(), handle.public(), &payload)?;
        Ok(self.cache.put(handle, key))
    }

    fn unseal(&self, handle: &KeyHandle) -> Result<SecretBytes, Error> {
        self.check_ours(handle)?;
        self.keys.open(Identity::of(handle), handle.blob())
    }

    fn check_ours(&self, handle: &KeyHandle) -> Result<(), Error> {
        if *handle.provider() == self.id {
            return Ok(());
        }
        Err(ErrorKind::NotFound.into())
    }

    /// Seals a key that was made or taken over, and sees that it is whole before anyone relies on
    /// it.
    fn adopt(
        &self,
        new: &NewKey,
        secret: &SecretKey,
        public: Option<Jwk>,
    ) -> Result<KeyHandle, Error> {
        let payload = material::encode(secret, new.exportable());
        let identity = Identity {
            provider: &self.id,
            id: new.id(),
            spec: new.spec(),
            public: public.as_ref(),
        };
        let blob = self.keys.seal(identity, &payload, &self.rng)?;
        let handle = KeyHandle::new(self.id.clone(), new.id(), new.spec(), public, blob)?;
        // From the blob and not from the numbers at hand: a key that was sealed wrongly is
        // noticed while it can still be made again.
        let fault = |_| Error::from(ErrorKind::FaultDetected);
        let payload = self.unseal(&handle).map_err(fault)?;
        let key = Opened::from_payload(handle.spec(), handle.public(), &payload).map_err(fault)?;
        self.check_pair(&handle, &key)?;
        self.cache.put(&handle, key);
        Ok(handle)
    }

    /// Checks a signature if it is to be checked before it leaves: RSA checks its own.
    fn check_made(
        &self,
        key: &Opened,
        request: &SignRequest<'_>,
        signature: &Signature,
    ) -> Result<(), Error> {
        match key {
            Opened::Ec(_) if self.verify_after_sign => public::verify_made(request, signature),
            _ => Ok(()),
        }
    }

    /// The pairwise consistency test of keys that sign (FIPS 140-3 IG 10.3.A): what the private
    /// half signs, the public half verifies.
    ///
    /// Of an elliptic-curve key only where everything that is signed is verified, for it costs more
    /// than all else that makes one. Otherwise the test is that of keys that agree on others
    /// (SP 800-56A section 5.6.2.1.4), as each time a key is opened: its point is computed from the
    /// scalar and compared.
    fn check_pair(&self, handle: &KeyHandle, key: &Opened) -> Result<(), Error> {
        if matches!(key, Opened::Ec(_)) && !self.verify_after_sign {
            return Ok(());
        }
        let fitting = SignAlg::ALL.iter().find(|alg| alg.fits(handle.spec()));
        let (Some(alg), false) = (fitting, handle.spec().is_symmetric()) else {
            return Ok(());
        };
        let digest = Hash::hash(alg.row().hash, b"pairwise consistency test");
        let request = SignRequest::for_digest(handle, *alg, digest.as_digest())?;
        let signature = operations::sign(key, &request, &mut ProviderRng::new(self))?;
        public::verify_made(&request, &signature)
    }
}

impl KeyProvider for Software {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> Arc<Capabilities> {
        Arc::clone(&self.capabilities)
    }

    fn offers(&self, op: Op, alg: Alg, spec: KeySpec) -> Option<Place> {
        self.capabilities.supports(op, alg, spec)
    }

    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        let (secret, public) = match new.spec() {
            KeySpec::Rsa { bits } => {
                let (secret, public) = rsa_generate::generate(bits, &mut ProviderRng::new(self))?;
                (SecretKey::Rsa(secret), Some(PublicKey::Rsa(public)))
            }
            KeySpec::Ec(curve) => {
                let (secret, public) = ec::generate(curve, &self.rng)?;
                (SecretKey::Ec(secret), Some(PublicKey::Ec(public)))
            }
            spec @ (KeySpec::Aes { .. } | KeySpec::Hmac { .. }) => {
                let mut k = SecretBytes::zeroed(spec.byte_len());
                self.rng.fill(k.expose_mut())?;
                (SecretKey::Oct(OctSecret::from_bytes(k.expose())?), None)
            }
        };
        self.adopt(new, &secret, public.map(Jwk::new))
    }

    fn import(&self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Error> {
        new.check_kind(key)?;
        let public = (!new.spec().is_symmetric()).then(|| key.public().key().clone());
        self.adopt(new, key.secret(), public.map(Jwk::new))
    }

    /// Always `None`: this backend keeps nothing. A key whose handle was not stored is
    /// gone, and one whose handle was is there.
    fn find(&self, _: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        Ok(None)
    }

    /// Forgets the opened key, which no operation begins with any more and which is erased when
    /// the last one ends; most often this waits for those that run, but for batches. The
    /// blob is the key: it is destroyed when whoever stores the handle drops it. A copy of
    /// the handle that is used afterwards, or in the same moment, opens the key again.
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.check_ours(key)?;
        self.cache.evict(key.id());
        Ok(())
    }

    fn import_wrapped(
        &self,
        by: &KeyHandle,
        blob: &WrappedKey,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        self.take_over(by, blob, new)
    }

    /// As `CKM_RSA_AES_KEY_WRAP`. A key that was not made exportable is
    /// [`NotOffered`](ErrorKind::NotOffered): what it is sealed with says so, not its record.
    fn export_wrapped(&self, key: &KeyHandle, by: &WrappingKey<'_>) -> Result<WrappedKey, Error> {
        self.give_out(key, by)
    }

    fn back_up(&self, key: &KeyHandle, under: &SecretBytes) -> Result<Option<Vec<u8>>, Error> {
        self.back_up_key(key, under).map(Some)
    }

    fn restore(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        self.take_back(wrapped, under, new)
    }

    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let key = self.open(request.key())?;
        let signature = operations::sign(&key, request, &mut ProviderRng::new(self))?;
        self.check_made(&key, request, &signature)?;
        Ok(signature)
    }

    fn decrypt(&self, request: &DecryptRequest<'_>) -> Result<SecretBytes, Error> {
        let key = self.open(request.key())?;
        operations::decrypt(&key, request)
    }

    fn unwrap_key(&self, request: &UnwrapRequest<'_>) -> Result<SecretBytes, Error> {
        let key = self.open(request.key())?;
        operations::unwrap_key(&key, request)
    }

    fn encrypt(&self, request: &EncryptRequest<'_>) -> Result<Ciphertext, Error> {
        if !request.key().spec().is_symmetric() {
            return public::encrypt(request, &mut ProviderRng::new(self));
        }
        let key = self.open(request.key())?;
        operations::encrypt(&key, request, &self.rng)
    }

    fn wrap_key(&self, request: &WrapRequest<'_>) -> Result<Vec<u8>, Error> {
        if !request.key().spec().is_symmetric() {
            return public::wrap_key(request, &mut ProviderRng::new(self));
        }
        let key = self.open(request.key())?;
        operations::wrap_key(&key, request)
    }

    fn encrypt_in_place(&self, request: &mut EncryptInPlaceRequest<'_>) -> Result<Sealed, Error> {
        let key = self.open(request.key())?;
        operations::encrypt_in_place(&key, request, &self.rng)
    }

    fn decrypt_in_place(&self, request: &mut DecryptInPlaceRequest<'_>) -> Result<(), Error> {
        let key = self.open(request.key())?;
        operations::decrypt_in_place(&key, request)
    }

    /// The same key, sealed under the current sealing key: id, kind and public half stay.
    /// A handle that is sealed under it already comes back as it is. Once every handle
    /// has been through here, an older sealing key can be forgotten.
    fn reseal(&self, key: &KeyHandle) -> Result<KeyHandle, Error> {
        let payload = self.unseal(key)?;
        if self.keys.is_current(key.blob()) {
            return Ok(key.clone());
        }
        let blob = self.keys.seal(Identity::of(key), &payload, &self.rng)?;
        let public = key.public().cloned();
        KeyHandle::new(self.id.clone(), key.id(), key.spec(), public, blob)
    }

    fn sign_batch(&self, requests: &[SignRequest<'_>]) -> Vec<Result<Signature, Error>> {
        batch::sign(self, requests)
    }

    fn verify_batch(&self, requests: &[VerifyRequest<'_>]) -> Vec<Result<(), Error>> {
        batch::verify(self, requests)
    }

    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.rng.fill(out)
    }

    fn health(&self) -> Health {
        Health::Up
    }
}

impl fmt::Debug for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Software")
            .field("id", &self.id)
            .field("keys", &self.keys)
            .field("rng", &self.rng)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
