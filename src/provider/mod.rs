//! The one trait that a backend implements.
//!
//! *A backend only ever does what needs the secret.* Verification, encryption and
//! wrapping with a public key are done once, in [`crate::public`], for all backends.
//!
//! A provider is mechanism without policy: it does what a fitting request says. Whether
//! a key may be used, by whom and when, is the vault's to decide.

mod capabilities;
mod in_place;
mod new_key;
mod rng;

use std::fmt;
use std::sync::Arc;

use crate::alg::{Alg, KeySpec, Op};
use crate::error::{Error, ErrorKind};
use crate::fit;
use crate::fit::{
    Ciphertext, DecryptInPlaceRequest, DecryptRequest, EncryptInPlaceRequest, EncryptRequest,
    Sealed, SignRequest, Signature, UnwrapRequest, VerifyRequest, WrapRequest,
};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::SecretJwk;
use crate::public;
use crate::secret::{SecretBytes, equal};

pub use capabilities::{Capabilities, Capability, Place};
pub use new_key::{NewKey, WrappedKey, WrappingKey};
pub use rng::ProviderRng;

/// A place where keys live. Implementations do only what needs the secret.
///
/// Methods block: PKCS #11 has no asynchronous call and software RSA is computation.
/// From asynchronous code, call them on a thread that may block (with Tokio,
/// `tokio::task::spawn_blocking(move || provider.sign(&request))`).
///
/// A backend gives the same error for the same cause as the others:
/// [`NotOffered`](ErrorKind::NotOffered) for what its capability table lacks,
/// [`Corrupt`](ErrorKind::Corrupt) for a handle whose blob it did not make,
/// [`NotFound`](ErrorKind::NotFound) for a handle of another provider or a key that is
/// gone, and [`DecryptFailed`](ErrorKind::DecryptFailed) for every failed decryption.
pub trait KeyProvider: fmt::Debug + Send + Sync {
    /// This backend's name, the same for as long as its keys live.
    fn id(&self) -> &ProviderId;

    /// What it can do now. May change when a token heals or a pool loses a member.
    fn capabilities(&self) -> Arc<Capabilities>;

    /// Where it computes this now, or `None` if it does not: asked before every use, so a
    /// backend that can answer without counting one more user of its table does.
    fn offers(&self, op: Op, alg: Alg, spec: KeySpec) -> Option<Place> {
        self.capabilities().supports(op, alg, spec)
    }

    /// Makes a key and checks it against itself before answering.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`Randomness`](ErrorKind::Randomness),
    /// [`FaultDetected`](ErrorKind::FaultDetected).
    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error>;

    /// Takes over a private key.
    ///
    /// # Errors
    /// As [`generate`](KeyProvider::generate), and [`Invalid`](ErrorKind::Invalid)
    /// if the key is not of the kind that `new` says.
    fn import(&self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Error> {
        let _ = key;
        Err(not_offered("import", new.spec()))
    }

    /// The key that was created under this id, if the backend has a durable place of
    /// its own and the key is in it: settles what a crash left open. A backend without such a
    /// place says so in its [capabilities](Capabilities::keys_in_handles).
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable): "not found" is said only when known.
    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error>;

    /// Every key in the backend's durable place of its own, whoever made it; none, which is the
    /// default, if it has no such place. For finding those that no record names.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    fn held_keys(&self) -> Result<Vec<KeyHandle>, Error> {
        Ok(Vec::new())
    }

    /// Removes the key, or does nothing if it is gone already.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error>;

    /// Takes over a key wrapped under one of this backend's own ("bring your own key").
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`DecryptFailed`](ErrorKind::DecryptFailed).
    fn import_wrapped(
        &self,
        by: &KeyHandle,
        blob: &WrappedKey,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let _ = (by, blob);
        Err(not_offered("import_wrapped", new.spec()))
    }

    /// Gives a key out, wrapped: for backup and release.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered).
    fn export_wrapped(&self, key: &KeyHandle, by: &WrappingKey<'_>) -> Result<WrappedKey, Error> {
        let _ = by;
        Err(not_offered("export_wrapped", key.spec()))
    }

    /// Gives a key out for a backup, whether or not it is exportable if the backend can: wrapped
    /// (RFC 5649) under an AES key of 256 bits that nobody has but those who may restore the
    /// backup, an RSA or EC key as PKCS #8 and a symmetric key as its bytes. `None`, the default,
    /// says that the key stays where it is, and the backup then says where.
    ///
    /// # Errors
    /// As for using the key.
    fn back_up(&self, key: &KeyHandle, under: &SecretBytes) -> Result<Option<Vec<u8>>, Error> {
        let _ = (key, under);
        Ok(None)
    }

    /// Takes over what [`back_up`](KeyProvider::back_up) gave out, here or in another backend.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`DecryptFailed`](ErrorKind::DecryptFailed), and
    /// [`Invalid`](ErrorKind::Invalid) if the key is not of the kind that `new` says.
    fn restore(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let _ = (wrapped, under);
        Err(not_offered("restore", new.spec()))
    }

    /// Signs.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`FaultDetected`](ErrorKind::FaultDetected).
    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error>;

    /// Decrypts.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`DecryptFailed`](ErrorKind::DecryptFailed).
    fn decrypt(&self, request: &DecryptRequest<'_>) -> Result<SecretBytes, Error> {
        Err(unsupported(Op::Decrypt, request.alg(), request.key()))
    }

    /// Unwraps key material.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`DecryptFailed`](ErrorKind::DecryptFailed).
    fn unwrap_key(&self, request: &UnwrapRequest<'_>) -> Result<SecretBytes, Error> {
        Err(unsupported(Op::UnwrapKey, request.alg(), request.key()))
    }

    /// Verifies: with the public half, or by signing again and comparing in constant
    /// time.
    ///
    /// # Errors
    /// [`BadSignature`](ErrorKind::BadSignature).
    fn verify(&self, request: &VerifyRequest<'_>) -> Result<(), Error> {
        if !request.key().spec().is_symmetric() {
            return public::verify(request);
        }
        let expected = self.sign(request.as_sign())?;
        if bool::from(equal(expected.as_bytes(), request.signature())) {
            return Ok(());
        }
        Err(ErrorKind::BadSignature.into())
    }

    /// Encrypts: with the public half where there is one.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`Randomness`](ErrorKind::Randomness).
    fn encrypt(&self, request: &EncryptRequest<'_>) -> Result<Ciphertext, Error> {
        if request.key().spec().is_symmetric() {
            return Err(unsupported(Op::Encrypt, request.alg(), request.key()));
        }
        public::encrypt(request, &mut ProviderRng::new(self))
    }

    /// Wraps key material: with the public half where there is one.
    ///
    /// # Errors
    /// [`NotOffered`](ErrorKind::NotOffered), [`Randomness`](ErrorKind::Randomness).
    fn wrap_key(&self, request: &WrapRequest<'_>) -> Result<Vec<u8>, Error> {
        if request.key().spec().is_symmetric() {
            return Err(unsupported(Op::WrapKey, request.alg(), request.key()));
        }
        public::wrap_key(request, &mut ProviderRng::new(self))
    }

    /// Encrypts in the caller's buffer; by default through [`encrypt`](KeyProvider::encrypt)
    /// and a copy.
    ///
    /// # Errors
    /// As [`encrypt`](KeyProvider::encrypt); the buffer is then unchanged.
    fn encrypt_in_place(&self, request: &mut EncryptInPlaceRequest<'_>) -> Result<Sealed, Error> {
        in_place::encrypt(self, request)
    }

    /// Decrypts in the caller's buffer; by default through [`decrypt`](KeyProvider::decrypt)
    /// and a copy.
    ///
    /// # Errors
    /// As [`decrypt`](KeyProvider::decrypt); the buffer is then unchanged.
    fn decrypt_in_place(&self, request: &mut DecryptInPlaceRequest<'_>) -> Result<(), Error> {
        in_place::decrypt(self, request)
    }

    /// The same key in the form that the backend would give it today: `Software` seals it
    /// under its current sealing key. By default the handle as it is.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt), [`NotFound`](ErrorKind::NotFound),
    /// [`Randomness`](ErrorKind::Randomness).
    fn reseal(&self, key: &KeyHandle) -> Result<KeyHandle, Error> {
        Ok(key.clone())
    }

    /// Signs many, in order, each with its own result.
    fn sign_batch(&self, requests: &[SignRequest<'_>]) -> Vec<Result<Signature, Error>> {
        requests.iter().map(|request| self.sign(request)).collect()
    }

    /// Verifies many, in order, each with its own result.
    fn verify_batch(&self, requests: &[VerifyRequest<'_>]) -> Vec<Result<(), Error>> {
        requests
            .iter()
            .map(|request| self.verify(request))
            .collect()
    }

    /// Fills a buffer with random bytes.
    ///
    /// # Errors
    /// [`Randomness`](ErrorKind::Randomness); the buffer's content is then not to be used.
    fn random(&self, out: &mut [u8]) -> Result<(), Error>;

    /// How it is.
    fn health(&self) -> Health;
}

/// Object safety is part of the contract.
const _: fn(&dyn KeyProvider) = |_| ();

/// How a backend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// It works.
    Up,
    /// It works in part, or is being healed.
    Degraded,
    /// It does not work; calls fail fast.
    Down,
}

/// The error of a backend that lacks an operation. Backends use it for each row that
/// their capability table lacks.
#[must_use]
pub fn unsupported(op: Op, alg: impl Into<Alg>, key: &KeyHandle) -> Error {
    fit::unsupported(op, alg, key)
}

/// The same for what takes no algorithm: making, importing and exporting keys.
#[must_use]
pub fn not_offered(op: &'static str, spec: KeySpec) -> Error {
    ErrorKind::NotOffered {
        op,
        alg: "",
        key: spec.name(),
    }
    .into()
}
