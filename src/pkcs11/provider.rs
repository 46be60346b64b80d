//! The trait, from requests to work in the token.
//!
//! What a call needs is taken out of the request first: the call may outlive its caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Pkcs11;
use super::error::{Trouble, unavailable};
use super::object;
use super::oct::{Encrypted, Plain};
use super::rsa::Padding;
use super::rv::Failure;
use super::token::Kind;
use crate::alg::{Alg, EncryptScheme, HashValue, KeySpec, Op, WrapScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{
    Ciphertext, DecryptRequest, EncryptRequest, SignData, SignRequest, Signature, UnwrapRequest,
    VerifyRequest, WrapRequest,
};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::jwk::SecretJwk;
use crate::provider::{
    Capabilities, Health, KeyProvider, NewKey, Place, WrappedKey, WrappingKey, not_offered,
    unsupported,
};
use crate::public;
use crate::secret::{SecretBytes, equal};

/// The data of a signature, owned.
enum Data {
    Digest(HashValue),
    Mac(Vec<u8>),
}

/// Random bytes are fetched in portions of this size: some tokens give no more at once.
const RANDOM_PORTION: usize = 1024;

impl Pkcs11 {
    /// Asked before anything is tried.
    fn check_offered(&self, op: Op, alg: impl Into<Alg>, key: &KeyHandle) -> Result<Place, Error> {
        let alg = alg.into();
        let place = self.offers(op, alg, key.spec());
        place.ok_or_else(|| unsupported(op, alg, key))
    }

    /// A failure of an operation whose input cannot be at fault.
    pub(super) fn outage(op: Op, alg: impl Into<Alg>, key: &KeyHandle, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Failure(failure) if refuses(failure) => unsupported(op, alg, key),
            trouble => trouble.into(),
        }
    }

    /// A failure of decryption in a token that is well: one face.
    fn undecryptable(op: Op, alg: impl Into<Alg>, key: &KeyHandle, trouble: Trouble) -> Error {
        match trouble {
            Trouble::Failure(failure) if refuses(failure) => unsupported(op, alg, key),
            Trouble::Failure(failure) if failure.is_of_input() => ErrorKind::DecryptFailed.into(),
            trouble => trouble.into(),
        }
    }

    /// A failure to make a key. A token that failed may have made it all the same: what has
    /// its id, which is random and was chosen for it, is removed as far as that can be done.
    pub(super) fn unmade(&self, op: &'static str, new: &NewKey, trouble: Trouble) -> Error {
        let spec = new.spec();
        if matches!(trouble, Trouble::Failure(failure) if failure.is_template()) {
            return not_offered(op, spec);
        }
        if matches!(trouble, Trouble::Failure(_)) {
            let place = super::create::place(new);
            if let Ok(token) = self.token() {
                // Whether it succeeds or not, the key was not made; a vault asks again.
                let _ = token.work(Kind::Write, move |desk| desk.remove(&place, spec));
            }
        }
        trouble.into()
    }

    /// RSA decryption, of either verb.
    fn rsa_decrypt(
        &self,
        (op, alg): (Op, Alg),
        key: &KeyHandle,
        padding: Padding,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, Error> {
        let (handle, ciphertext) = (key.clone(), ciphertext.to_vec());
        let work = self.token()?.work(Kind::Input, move |desk| {
            desk.rsa_decrypt(&handle, padding, &ciphertext)
        });
        let plaintext = work.map_err(|trouble| Pkcs11::undecryptable(op, alg, key, trouble))?;
        plaintext.ok_or_else(|| unsupported(op, alg, key))
    }
}

impl Pkcs11 {
    /// Threads beyond the processors help where calls wait for another machine.
    fn most_threads(&self) -> usize {
        match self.token.module.in_process && !self.token.isolated {
            true => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            false => usize::MAX,
        }
    }
}

/// The key or the token does not do this with any input.
pub(super) fn refuses(failure: Failure) -> bool {
    failure.is_forbidden() || failure.is_unsupported()
}

impl KeyProvider for Pkcs11 {
    fn id(&self) -> &ProviderId {
        &self.config.id
    }

    fn capabilities(&self) -> Arc<Capabilities> {
        Arc::clone(self.latest().capabilities())
    }

    fn offers(&self, op: Op, alg: Alg, spec: KeySpec) -> Option<Place> {
        self.latest().capabilities().supports(op, alg, spec)
    }

    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        let spec = new.spec();
        if !self.latest().capabilities().can_generate(spec) {
            return Err(not_offered("generate", spec));
        }
        let wanted = new.clone();
        let work = self
            .token()?
            .work(Kind::Write, move |desk| desk.generate(&wanted));
        work.map_err(|trouble| self.unmade("generate", new, trouble))
    }

    /// The private key passes through this process and the module in the clear: tokens in FIPS
    /// mode refuse it ([`import_wrapped`](KeyProvider::import_wrapped) is for those).
    fn import(&self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Error> {
        let spec = new.spec();
        new.check_kind(key)?;
        if !self.latest().capabilities().can_import(spec) {
            return Err(not_offered("import", spec));
        }
        let (wanted, key) = (new.clone(), key.duplicate());
        let work = self
            .token()?
            .work(Kind::Write, move |desk| desk.import(&key, &wanted));
        work.map_err(|trouble| self.unmade("import", new, trouble))
    }

    fn held_keys(&self) -> Result<Vec<KeyHandle>, Error> {
        let keys = self.keys()?.into_iter();
        Ok(keys.map(|key| key.handle).collect())
    }

    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        let locator = object::Locator::Id(id.as_bytes().to_vec());
        let found = self.token()?.work(Kind::Repeatable, move |desk| {
            // "Not there" goes through the look at the token that every failure has.
            desk.find(&locator)?.ok_or(Trouble::Missing)
        });
        match found {
            Ok(key) => Ok(Some(key)),
            Err(Trouble::Missing) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        let locator = object::locator(&self.config.id, key)?;
        let (handle, spec) = (key.clone(), key.spec());
        let work = self.token()?.work(Kind::Write, move |desk| {
            // What a first attempt has left of it is its own.
            if desk.attempt == 0 && matches!(locator, object::Locator::Label(_)) {
                desk.is_still_there(&handle, &locator)?;
            }
            desk.remove(&locator, spec)?;
            // Gone for certain, not only out of sight of a login that was lost: "not there" goes
            // through the look at the token that every failure has.
            Err::<(), _>(Trouble::Missing)
        });
        match work {
            Ok(()) | Err(Trouble::Missing) => Ok(()),
            Err(trouble) => Err(trouble.into()),
        }
    }

    fn import_wrapped(
        &self,
        by: &KeyHandle,
        blob: &WrappedKey,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        self.unwrap_into_token(by, blob, new)
    }

    fn export_wrapped(&self, key: &KeyHandle, by: &WrappingKey<'_>) -> Result<WrappedKey, Error> {
        self.wrap_out_of_token(key, by)
    }

    /// Of keys that were made `exportable` alone, where the token wraps so.
    fn back_up(&self, key: &KeyHandle, under: &SecretBytes) -> Result<Option<Vec<u8>>, Error> {
        self.back_up_key(key, under)
    }

    fn restore(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        self.restore_key(wrapped, under, new)
    }

    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        let (key, alg) = (request.key(), request.alg());
        self.check_offered(Op::Sign, alg, key)?;
        let handle = key.clone();
        let data = match request.data() {
            SignData::Digest(digest) => Data::Digest(*digest),
            SignData::Mac(data) => Data::Mac(data.to_vec()),
        };
        let work = self.token()?.work(Kind::Repeatable, move |desk| {
            let request = match &data {
                Data::Digest(digest) => SignRequest::for_digest(&handle, alg, digest.as_digest()),
                Data::Mac(data) => SignRequest::for_message(&handle, alg, data),
            };
            desk.sign(&request?)
        });
        work.map_err(|trouble| Pkcs11::outage(Op::Sign, alg, key, trouble))
    }

    fn decrypt(&self, request: &DecryptRequest<'_>) -> Result<SecretBytes, Error> {
        let (key, alg) = (request.key(), request.alg());
        self.check_offered(Op::Decrypt, alg, key)?;
        let scheme = alg.row().scheme;
        let what = (Op::Decrypt, Alg::from(alg));
        match scheme {
            EncryptScheme::Oaep(hash) => {
                self.rsa_decrypt(what, key, Padding::Oaep(hash), request.ciphertext())
            }
            EncryptScheme::Pkcs1v15 => {
                self.rsa_decrypt(what, key, Padding::Pkcs1v15, request.ciphertext())
            }
            EncryptScheme::Gcm(_) | EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_) => {
                let handle = key.clone();
                let content = Encrypted {
                    scheme,
                    ciphertext: request.ciphertext().to_vec(),
                    cbc: request.cbc_iv().copied(),
                    gcm: request.gcm().map(|(sealed, aad)| (sealed, aad.to_vec())),
                };
                let work = self
                    .token()?
                    .work(Kind::Input, move |desk| desk.aes_decrypt(&handle, &content));
                let plaintext =
                    work.map_err(|trouble| Pkcs11::undecryptable(Op::Decrypt, alg, key, trouble))?;
                plaintext.ok_or_else(|| unsupported(Op::Decrypt, alg, key))
            }
        }
    }

    fn unwrap_key(&self, request: &UnwrapRequest<'_>) -> Result<SecretBytes, Error> {
        let (key, alg) = (request.key(), request.alg());
        self.check_offered(Op::UnwrapKey, alg, key)?;
        let what = (Op::UnwrapKey, Alg::from(alg));
        let offer = self.token()?.offer();
        let (way, padded) = match alg.row().scheme {
            WrapScheme::Oaep(hash) => {
                return self.rsa_decrypt(what, key, Padding::Oaep(hash), request.wrapped());
            }
            WrapScheme::Pkcs1v15 => {
                return self.rsa_decrypt(what, key, Padding::Pkcs1v15, request.wrapped());
            }
            WrapScheme::AesKw(_) => (offer.key_wrap, false),
            WrapScheme::AesKwp => (offer.padded_unwrap, true),
        };
        let way = way.ok_or_else(|| unsupported(Op::UnwrapKey, alg, key))?;
        let (handle, wrapped) = (key.clone(), request.wrapped().to_vec());
        let work = self.token()?.work(Kind::Input, move |desk| {
            desk.unwrap_bytes(&handle, way, &wrapped, padded)
        });
        work.map_err(|trouble| Pkcs11::undecryptable(Op::UnwrapKey, alg, key, trouble))
    }

    fn verify(&self, request: &VerifyRequest<'_>) -> Result<(), Error> {
        let (key, alg) = (request.key(), request.alg());
        if self.check_offered(Op::Verify, alg, key)? == Place::Public {
            return public::verify(request);
        }
        if !key.spec().is_symmetric() {
            return self.verify_inside(request);
        }
        // The MAC made again and compared here: modules differ in how they compare.
        let expected = self.sign(request.as_sign())?;
        match bool::from(equal(expected.as_bytes(), request.signature())) {
            true => Ok(()),
            false => Err(ErrorKind::BadSignature.into()),
        }
    }

    fn encrypt(&self, request: &EncryptRequest<'_>) -> Result<Ciphertext, Error> {
        let (key, alg) = (request.key(), request.alg());
        if self.check_offered(Op::Encrypt, alg, key)? == Place::Public {
            return public::encrypt(request, &mut getrandom::SysRng);
        }
        let scheme = alg.row().scheme;
        let padding = match scheme {
            EncryptScheme::Oaep(hash) => Some(Padding::Oaep(hash)),
            EncryptScheme::Pkcs1v15 => Some(Padding::Pkcs1v15),
            _ => None,
        };
        if let Some(padding) = padding {
            let made =
                self.encrypt_inside((Op::Encrypt, alg.into()), key, padding, request.plaintext());
            return made.map(Ciphertext::rsa);
        }
        let handle = key.clone();
        let content = Plain {
            scheme,
            plaintext: SecretBytes::copy_of(request.plaintext()),
            iv: request.iv().copied(),
            aad: request.aad().to_vec(),
        };
        let work = self.token()?.work(Kind::Repeatable, move |desk| {
            desk.aes_encrypt(&handle, &content)
        });
        let made = work.map_err(|trouble| Pkcs11::outage(Op::Encrypt, alg, key, trouble))?;
        made.ok_or_else(|| unsupported(Op::Encrypt, alg, key))
    }

    fn wrap_key(&self, request: &WrapRequest<'_>) -> Result<Vec<u8>, Error> {
        let (key, alg) = (request.key(), request.alg());
        if self.check_offered(Op::WrapKey, alg, key)? == Place::Public {
            return public::wrap_key(request, &mut getrandom::SysRng);
        }
        let what = (Op::WrapKey, Alg::from(alg));
        let offer = self.token()?.offer();
        let (way, padded) = match alg.row().scheme {
            WrapScheme::Oaep(hash) => {
                return self.encrypt_inside(what, key, Padding::Oaep(hash), request.material());
            }
            WrapScheme::Pkcs1v15 => {
                return self.encrypt_inside(what, key, Padding::Pkcs1v15, request.material());
            }
            WrapScheme::AesKw(_) => (offer.key_wrap, false),
            WrapScheme::AesKwp => (offer.padded_wrap, true),
        };
        let way = way.ok_or_else(|| unsupported(Op::WrapKey, alg, key))?;
        let (handle, material) = (key.clone(), SecretBytes::copy_of(request.material()));
        let work = self.token()?.work(Kind::Repeatable, move |desk| {
            desk.wrap_bytes(&handle, way, &material, padded)
        });
        work.map_err(|trouble| Pkcs11::outage(Op::WrapKey, alg, key, trouble))
    }

    /// Over as many sessions as there are, a thread each.
    fn sign_batch(&self, requests: &[SignRequest<'_>]) -> Vec<Result<Signature, Error>> {
        // Without a token each says why.
        let sessions = self.token().map_or(1, |token| token.pool.size());
        let threads = sessions.min(requests.len()).min(self.most_threads());
        if threads < 2 {
            return requests.iter().map(|request| self.sign(request)).collect();
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(index) else {
                    return done;
                };
                done.push((index, self.sign(request)));
            }
        };
        let mut results: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let mut results = work();
            // A thread that is lost takes its results with it, which are then failures below.
            results.extend(
                others
                    .into_iter()
                    .filter_map(|other| other.join().ok())
                    .flatten(),
            );
            results
        });
        results.sort_by_key(|(index, _)| *index);
        let mut results = results.into_iter().peekable();
        let all = (0..requests.len()).map(|index| {
            let found = results.next_if(|(found, _)| *found == index);
            found.map_or_else(
                || Err(unavailable(super::error::Reason::NoThread)),
                |(_, result)| result,
            )
        });
        all.collect()
    }

    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        for portion in out.chunks_mut(RANDOM_PORTION) {
            let len = portion.len();
            let work = self.token()?.work(Kind::Repeatable, move |desk| {
                let mut drawn = SecretBytes::zeroed(len);
                desk.library.random(desk.session, drawn.expose_mut())?;
                Ok(drawn)
            });
            portion.copy_from_slice(work?.expose());
        }
        Ok(())
    }

    /// Without asking the token: what the last calls found.
    fn health(&self) -> Health {
        let token = self.latest();
        if !token.module.is_of_this_process() || token.is_another() {
            return Health::Down;
        }
        match token.live() {
            None => Health::Down,
            Some(_) if token.pool.hung() > 0 => Health::Degraded,
            Some(_) => Health::Up,
        }
    }
}
