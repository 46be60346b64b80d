//! Keys under names and versions, used under rules and on the record.
//!
//! A [`Vault`] joins a provider (where keys live), a store (what is known of them), an
//! audit sink and a clock, and knows none of them but by their traits. [`Key`] is the
//! thing to work with: one version of one key, with the six verbs.
//!
//! Every verb goes through one function, in this order: **permit** (may this key be
//! used for this, now), **fit** (can this key run this algorithm on this input),
//! **offer** (can the provider do it), the provider's work, the audit event, and only
//! then the release of the result.

mod attributes;
mod audit;
mod batch;
mod builder;
mod clock;
mod create;
mod id;
mod key;
mod list;
mod policy;
mod record;
mod settle;
mod store;
mod update;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::handle::ProviderId;
use crate::provider::{Health, KeyProvider};

pub use attributes::{Attributes, KeyOptions, KeyUpdate, Tags};
pub use audit::{Action, AuditEvent, AuditSink, MemoryAudit, NoAudit, Outcome, Target};
pub use batch::{SignInput, SignItem, VerifyItem};
pub use builder::VaultBuilder;
pub use clock::{Clock, ManualClock, SystemClock, UnixTime};
pub use id::{KeyId, KeyName, KeyVersion, VaultHost};
pub use key::{Key, Keyed};
pub use list::{KeyItem, Page, VersionItem};
pub use policy::LegacyPolicy;
pub use settle::Unsettled;
pub use store::{Change, Record, Store};

/// Keys under names and versions. Cheap to clone; all clones are the same vault.
///
/// ```
/// use strongroom::software::Software;
/// use strongroom::store::MemoryStore;
/// use strongroom::vault::{KeyOptions, NoAudit, Vault};
/// use strongroom::{Curve, SignAlg};
/// use std::sync::Arc;
///
/// let vault = Vault::builder()
///     .host("vault.example")
///     .provider(Arc::new(Software::ephemeral()?))
///     .store(Arc::new(MemoryStore::new()))
///     .audit(Arc::new(NoAudit))
///     .build()?;
/// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
/// let signature = key.sign(SignAlg::Es256, b"message")?;
/// key.verify(SignAlg::Es256, b"message", signature.value.as_bytes())?;
/// assert!(signature.key.to_string().starts_with("https://vault.example/keys/signing/"));
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct Vault {
    core: Arc<Core>,
}

/// What a vault and its keys share.
struct Core {
    host: VaultHost,
    provider: Arc<dyn KeyProvider>,
    store: Arc<dyn Store>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    legacy: LegacyPolicy,
    leeway: u64,
    in_flight: create::InFlight,
}

impl Vault {
    /// Starts putting a vault together.
    pub fn builder() -> VaultBuilder {
        VaultBuilder::default()
    }

    /// The host part of this vault's key identifiers.
    #[must_use]
    pub fn host(&self) -> &VaultHost {
        &self.core.host
    }

    /// How the provider is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.core.provider.health()
    }

    /// One version of a key. It stays that version whatever is made later.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), or a malformed `name` or `version`.
    pub fn get(&self, name: &str, version: &str) -> Result<Key, Error> {
        let name = self.core.checked(Action::Get, name.parse())?;
        let version = self.core.checked(Action::Get, version.parse())?;
        let key = Key::pinned(Arc::clone(&self.core), name, version);
        self.look_up(key)
    }

    /// A key's current version, whichever it is at each use: it moves on when a new
    /// version is made. Each result says which version gave it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), or a malformed `name`.
    pub fn latest(&self, name: &str) -> Result<Key, Error> {
        let name = self.core.checked(Action::Get, name.parse())?;
        let key = Key::floating(Arc::clone(&self.core), name);
        self.look_up(key)
    }

    /// The version that an identifier names.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), also for the identifier of another vault.
    pub fn get_by_id(&self, id: &KeyId) -> Result<Key, Error> {
        if id.host() != self.host() {
            let foreign = Err(ErrorKind::NotFound.into());
            return self
                .core
                .record(Action::Get, Target::Key(id.clone()), foreign);
        }
        let key = Key::pinned(Arc::clone(&self.core), id.name().clone(), id.version());
        self.look_up(key)
    }

    fn look_up(&self, key: Key) -> Result<Key, Error> {
        let result = key.id();
        let target = match &result {
            Ok(id) => Target::Key(id.clone()),
            Err(_) => Target::Name(key.name().clone()),
        };
        self.core.record(Action::Get, target, result).map(|_| key)
    }
}

impl Core {
    /// Writes the event of a management action and gives its result on; a sink that
    /// fails withholds it.
    fn record<T>(
        &self,
        action: Action,
        target: Target,
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if self.audit.wants_events() {
            let event = AuditEvent::management(self.clock.now(), action, target, &result);
            self.write(&event)?;
        }
        result
    }

    /// An argument that was read, or the event of a refusal before anything was looked up.
    fn checked<T>(&self, action: Action, argument: Result<T, Error>) -> Result<T, Error> {
        match argument {
            Ok(argument) => Ok(argument),
            refused => self.record(action, Target::Vault, refused),
        }
    }

    fn write(&self, event: &AuditEvent) -> Result<(), Error> {
        let written = self.audit.record(event);
        written.map_err(|error| Error::with_source(ErrorKind::Audit, error))
    }

    fn provider_id(&self) -> &ProviderId {
        self.provider.id()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("host", &self.core.host)
            .field("provider", self.core.provider_id())
            .field("store", &self.core.store)
            .field("audit", &self.core.audit)
            .finish_non_exhaustive()
    }
}
