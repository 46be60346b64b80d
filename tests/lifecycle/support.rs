//! A provider and a store that die on demand, and vaults on them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use strongroom::fit::{
    Ciphertext, DecryptRequest, EncryptRequest, SignRequest, UnwrapRequest, VerifyRequest,
    WrapRequest,
};
use strongroom::jwk::SecretJwk;
use strongroom::provider::{Capabilities, Health, NewKey};
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{
    BackupKey, ManualClock, MemoryAudit, Store, UnixTime, Vault, VaultBuilder,
};
use strongroom::{
    Error, ErrorKind, KeyHandle, KeyProvider, ProviderId, ProviderKeyId, SecretBytes, Signature,
};

use crate::store::Through;

/// A time in 2025.
pub const NOW: UnixTime = UnixTime(1_750_000_000);
pub const DAY: u64 = 86_400;

/// Calls until a process dies: each takes one, and the one that finds none left is not made,
/// or, with `after`, is made and not answered. From then on nothing is.
#[derive(Debug)]
pub struct Fuse {
    left: AtomicUsize,
    pub after: bool,
}

impl Fuse {
    pub fn never() -> Arc<Self> {
        Fuse::at(usize::MAX, false)
    }

    pub fn at(calls: usize, after: bool) -> Arc<Self> {
        let left = AtomicUsize::new(calls);
        Arc::new(Fuse { left, after })
    }

    /// Whether the process is dead.
    pub fn has_blown(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn run<T>(&self, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let take = |left: usize| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        match left {
            Err(_) => Err(dead()),
            Ok(1) if self.after => call().and(Err(dead())),
            Ok(1) => Err(dead()),
            Ok(_) => call(),
        }
    }
}

/// What backups are made under.
pub fn domain() -> BackupKey {
    BackupKey::from_bytes([7; 32])
}

pub fn dead() -> Error {
    ErrorKind::Unavailable { what: "process" }.into()
}

/// A provider that keeps what it makes, as a token does.
#[derive(Debug)]
pub struct Token {
    id: ProviderId,
    inner: Arc<Software>,
    hsm: bool,
    /// Whether its keys may leave it for a backup.
    gives_out: bool,
    /// What is in it; outlives the process.
    pub keys: Arc<Mutex<Vec<KeyHandle>>>,
    fuse: Arc<Fuse>,
}

impl Token {
    pub fn new(id: &str, hsm: bool) -> Arc<Self> {
        let id = ProviderId::new(id).unwrap();
        let inner = Software::builder().id(id.clone()).ephemeral().build();
        Arc::new(Token {
            id,
            inner: Arc::new(inner.unwrap()),
            hsm,
            gives_out: false,
            keys: Arc::default(),
            fuse: Fuse::never(),
        })
    }

    pub fn hsm() -> Arc<Self> {
        Token::new("hsm", true)
    }

    /// One whose keys may leave it for a backup.
    pub fn generous() -> Arc<Self> {
        let token = Token::new("hsm", true);
        let mut token = Arc::into_inner(token).unwrap();
        token.gives_out = true;
        Arc::new(token)
    }

    /// The same token for another process.
    pub fn reconnect(&self, fuse: Arc<Fuse>) -> Arc<Self> {
        Arc::new(Token {
            id: self.id.clone(),
            inner: Arc::clone(&self.inner),
            hsm: self.hsm,
            gives_out: self.gives_out,
            keys: Arc::clone(&self.keys),
            fuse,
        })
    }

    pub fn ids(&self) -> Vec<ProviderKeyId> {
        let keys = self.keys.lock().unwrap();
        let mut ids: Vec<_> = keys.iter().map(KeyHandle::id).collect();
        ids.sort();
        ids
    }

    fn keep(&self, made: Result<KeyHandle, Error>) -> Result<KeyHandle, Error> {
        let made = made?;
        self.keys.lock().unwrap().push(made.clone());
        Ok(made)
    }

    fn holds(&self, key: &KeyHandle) -> Result<(), Error> {
        match self.ids().contains(&key.id()) {
            true => Ok(()),
            false => Err(ErrorKind::NotFound.into()),
        }
    }
}

impl KeyProvider for Token {
    fn id(&self) -> &ProviderId {
        &self.id
    }
    fn capabilities(&self) -> Arc<Capabilities> {
        let offers = Capabilities::clone(&self.inner.capabilities());
        let offers = offers.with_hsm(self.hsm).with_ephemeral(false);
        Arc::new(offers.with_keys_in_handles(false))
    }
    fn generate(&self, new: &NewKey) -> Result<KeyHandle, Error> {
        self.fuse.run(|| self.keep(self.inner.generate(new)))
    }
    fn import(&self, key: &SecretJwk, new: &NewKey) -> Result<KeyHandle, Error> {
        self.fuse.run(|| self.keep(self.inner.import(key, new)))
    }
    fn find(&self, id: &ProviderKeyId) -> Result<Option<KeyHandle>, Error> {
        self.fuse.run(|| {
            let keys = self.keys.lock().unwrap();
            Ok(keys.iter().find(|handle| handle.id() == *id).cloned())
        })
    }
    fn held_keys(&self) -> Result<Vec<KeyHandle>, Error> {
        self.fuse.run(|| Ok(self.keys.lock().unwrap().clone()))
    }
    fn destroy(&self, key: &KeyHandle) -> Result<(), Error> {
        self.fuse.run(|| {
            self.keys
                .lock()
                .unwrap()
                .retain(|held| held.id() != key.id());
            self.inner.destroy(key)
        })
    }
    fn back_up(&self, key: &KeyHandle, under: &SecretBytes) -> Result<Option<Vec<u8>>, Error> {
        match self.gives_out {
            true => self.inner.back_up(key, under),
            false => Ok(None),
        }
    }
    fn restore(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let restore = || self.keep(self.inner.restore(wrapped, under, new));
        self.fuse.run(restore)
    }
    fn sign(&self, request: &SignRequest<'_>) -> Result<Signature, Error> {
        self.holds(request.key())?;
        self.inner.sign(request)
    }
    fn verify(&self, request: &VerifyRequest<'_>) -> Result<(), Error> {
        self.inner.verify(request)
    }
    fn encrypt(&self, request: &EncryptRequest<'_>) -> Result<Ciphertext, Error> {
        self.inner.encrypt(request)
    }
    fn decrypt(&self, request: &DecryptRequest<'_>) -> Result<SecretBytes, Error> {
        self.inner.decrypt(request)
    }
    fn wrap_key(&self, request: &WrapRequest<'_>) -> Result<Vec<u8>, Error> {
        self.inner.wrap_key(request)
    }
    fn unwrap_key(&self, request: &UnwrapRequest<'_>) -> Result<SecretBytes, Error> {
        self.inner.unwrap_key(request)
    }
    fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        self.inner.random(out)
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
}

/// The store of a process that dies; what it committed stays in `inner`.
pub fn mortal(inner: Arc<dyn Store>, fuse: Arc<Fuse>) -> Through {
    Through::new(inner, move |store, changes| {
        fuse.run(|| store.commit(changes))
    })
}

/// A vault and what it stands on.
pub struct Bench {
    pub vault: Vault,
    pub store: Arc<MemoryStore>,
    pub audit: Arc<MemoryAudit>,
    pub clock: Arc<ManualClock>,
}

impl Bench {
    /// With these providers, tier and the like.
    pub fn with(configure: impl FnOnce(VaultBuilder) -> VaultBuilder) -> Self {
        let store = Arc::new(MemoryStore::new());
        let audit = Arc::new(MemoryAudit::new(10_000));
        let clock = Arc::new(ManualClock::at(NOW));
        let builder = Vault::builder()
            .host("vault.example")
            .store(store.clone())
            .audit(audit.clone())
            .clock(clock.clone());
        Bench {
            vault: configure(builder).build().unwrap(),
            store,
            audit,
            clock,
        }
    }

    /// With software keys and no tier.
    pub fn new() -> Self {
        Bench::with(|builder| builder.provider(software()))
    }

    pub fn pass(&self, seconds: u64) {
        use strongroom::vault::Clock;
        self.clock.set(self.clock.now().plus(seconds));
    }
}

pub fn software() -> Arc<Software> {
    Arc::new(Software::ephemeral().unwrap())
}

#[track_caller]
pub fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind().clone()
}
