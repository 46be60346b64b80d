//! Keys under names and versions, used under rules and on the record.
//!
//! A [`Vault`] joins a provider (where keys live), a store (what is known of them), an
//! audit sink and a clock, and knows none of them but by their traits. [`Key`] is the
//! thing to work with: one version of one key, with the six verbs.
//!
//! Every verb goes through one function, in this order: **permit** (may this key be
//! used for this, now), **fit** (can this key run this algorithm on this input),
//! **offer** (can the provider do it), the provider's work, the audit event, and only
//! then the release of the result. A change to the store is committed together with its
//! event.

pub mod access;
mod action;
mod attributes;
mod audit;
mod backup;
mod batch;
mod builder;
mod byok;
pub(crate) mod calendar;
mod clock;
mod create;
mod delete;
mod duration;
mod id;
mod key;
mod limits;
mod list;
mod make;
mod outbox;
mod policy;
mod providers;
mod purge;
mod random;
mod record;
mod recovery;
mod release_policy;
mod rotation;
mod rotation_policy;
mod settle;
mod state;
mod store;
mod task;
mod tier;
mod unlisted;
mod update;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use crate::error::{Denial, Error, ErrorKind};
use crate::provider::Health;

pub use action::Action;
pub use attributes::{Attributes, KeyOptions, KeyUpdate, Tags};
pub use audit::{AuditEvent, AuditSink, EventId, MemoryAudit, NoAudit, Outcome, Target};
pub(crate) use backup::read_and_write as read_and_write_backup;
pub use backup::{Backup, BackupForm, BackupKey};
pub use batch::{SignInput, SignItem, VerifyItem};
pub use builder::VaultBuilder;
pub use clock::{Clock, ManualClock, SystemClock, UnixTime};
pub use delete::DeletedKey;
pub use duration::IsoDuration;
pub use id::{KeyId, KeyName, KeyVersion, VaultHost};
pub use key::{Key, Keyed};
pub use list::{KeyItem, Page, VersionItem};
pub use policy::LegacyPolicy;
pub use purge::Purged;
pub use recovery::{PurgeProtection, RecoveryLevel};
pub use release_policy::ReleasePolicy;
pub use rotation::Rotated;
pub use rotation_policy::{RotationPolicy, Trigger};
pub use settle::Unsettled;
pub use store::{Change, Record, Store, Verified};
pub use tier::{KeyType, Tier};

use access::{Access, Caller, Need, Scope};
use providers::Providers;
use task::Task;

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

/// A vault as one caller sees it; `None` is its owner.
#[derive(Clone)]
struct Core {
    shared: Arc<Shared>,
    caller: Option<Caller>,
}

impl Deref for Core {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// What a vault, its keys and its views share.
struct Shared {
    host: VaultHost,
    providers: Providers,
    store: Arc<dyn Store>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    access: Access,
    legacy: LegacyPolicy,
    leeway: u64,
    tier: Option<Tier>,
    quota: limits::Quota,
    recovery: recovery::Recovery,
    outbox: outbox::Outbox,
    in_flight: make::InFlight,
}

impl Vault {
    /// Starts putting a vault together.
    pub fn builder() -> VaultBuilder {
        VaultBuilder::default()
    }

    /// The same vault, as a service serves one principal: every verb and every management
    /// action of this view and of its keys is asked for ([`access`]) and recorded with the
    /// caller. What is not granted is [`Forbidden`](ErrorKind::Forbidden), whether or not
    /// there is such a key.
    ///
    /// A view of a view is the new caller's. Views are cheap: one for each request.
    ///
    /// ```
    /// use strongroom::vault::access::{Caller, Role, Scope};
    /// use strongroom::vault::KeyOptions;
    /// use strongroom::{Curve, SignAlg};
    ///
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// vault.assign_role("payments", Role::CryptoServiceEncryptionUser, &Scope::Keys)?;
    ///
    /// let key = vault.as_caller(Caller::new("payments")?).latest("signing")?;
    /// assert!(key.sign(SignAlg::Es256, b"message").unwrap_err().is_denied());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn as_caller(&self, caller: Caller) -> Vault {
        Vault {
            core: Arc::new(self.core.on_behalf_of(Some(caller))),
        }
    }

    /// Whose view this is; `None` is the owner's.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.core.caller.as_ref()
    }

    /// The host part of this vault's key identifiers.
    #[must_use]
    pub fn host(&self) -> &VaultHost {
        &self.core.host
    }

    /// The product whose restrictions this vault has, if any.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.core.tier
    }

    /// How the provider is; of two, the one that is worse.
    #[must_use]
    pub fn health(&self) -> Health {
        self.core.providers.health()
    }

    /// One version of a key. It stays that version whatever is made later.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), or a malformed `name` or `version`.
    pub fn get(&self, name: &str, version: &str) -> Result<Key, Error> {
        let task = self.core.begin(Action::Get)?;
        let name = task.checked(name.parse())?;
        let version = task.checked(version.parse())?;
        let key = Key::pinned(Arc::clone(&self.core), name, version);
        look_up(&task, key)
    }

    /// A key's current version, whichever it is at each use: it moves on when a new
    /// version is made. Each result says which version gave it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), or a malformed `name`.
    pub fn latest(&self, name: &str) -> Result<Key, Error> {
        let task = self.core.begin(Action::Get)?;
        let name = task.checked(name.parse())?;
        let key = Key::floating(Arc::clone(&self.core), name);
        look_up(&task, key)
    }

    /// A key to use, by name and version or whichever version is current, without looking it
    /// up: for callers who may use it and may not read it. What is wrong with it shows when
    /// it is used.
    ///
    /// # Errors
    /// A malformed `name`.
    pub fn refer(&self, name: &str, version: Option<KeyVersion>) -> Result<Key, Error> {
        let core = Arc::clone(&self.core);
        Ok(match version {
            Some(version) => Key::pinned(core, name.parse()?, version),
            None => Key::floating(core, name.parse()?),
        })
    }

    /// The version that an identifier names.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), also for the identifier of another vault.
    pub fn get_by_id(&self, id: &KeyId) -> Result<Key, Error> {
        let task = self.core.begin(Action::Get)?;
        if id.host() != self.host() {
            let foreign = Err(ErrorKind::NotFound.into());
            return task.end(Target::Key(id.clone()), foreign);
        }
        let key = Key::pinned(Arc::clone(&self.core), id.name().clone(), id.version());
        look_up(&task, key)
    }
}

fn look_up(task: &Task<'_>, key: Key) -> Result<Key, Error> {
    task.allow_key(key.name())?;
    let result = key.resolved();
    let target = match &result {
        Ok(id) => Target::Key(id.clone()),
        Err(_) => Target::Name(key.name().clone()),
    };
    task.end(target, result).map(|_| key)
}

impl Core {
    /// The same vault, as this caller's.
    fn on_behalf_of(&self, caller: Option<Caller>) -> Core {
        Core {
            shared: Arc::clone(&self.shared),
            caller,
        }
    }

    /// Whether this caller may do this, here; without a record.
    fn ask(&self, action: Action, scope: &Scope) -> Result<(), Error> {
        let Some(caller) = &self.caller else {
            return Ok(());
        };
        let (need, principal) = (Need::of(action), caller.principal());
        self.access.decide(&*self.store, principal, need, scope)
    }

    /// The event of work that ends now. A vault that cannot make one cannot record it.
    fn event(
        &self,
        begun: Instant,
        action: Action,
        target: Target,
        outcome: Outcome,
    ) -> Result<AuditEvent, Error> {
        let id = EventId::random();
        Ok(AuditEvent {
            id: id.map_err(|error| Error::with_source(ErrorKind::Audit, error))?,
            time: self.clock.now(),
            duration: begun.elapsed(),
            caller: self.caller.clone(),
            action,
            target,
            alg: None,
            bytes_in: 0,
            outcome,
        })
    }

    fn write(&self, event: &AuditEvent) -> Result<(), Error> {
        let written = self.audit.record(event);
        written.map_err(|error| Error::with_source(ErrorKind::Audit, error))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("host", &self.core.host)
            .field("providers", &self.core.providers)
            .field("store", &self.core.store)
            .field("audit", &self.core.audit)
            .finish_non_exhaustive()
    }
}
