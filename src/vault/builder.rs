//! Putting a vault together.

use std::sync::Arc;

use super::access::{Access, AccessModel};
use super::audit::AuditSink;
use super::clock::{Clock, SystemClock};
use super::limits::Quota;
use super::make::InFlight;
use super::outbox::Outbox;
use super::policy::LegacyPolicy;
use super::providers::Providers;
use super::recovery::{PurgeProtection, Recovery};
use super::store::Store;
use super::tier::Tier;
use super::{Core, Shared, Vault};
use crate::error::{Error, ErrorKind};
use crate::provider::KeyProvider;

/// The most seconds of leeway: beyond a few minutes it would switch the times off.
const MAX_LEEWAY: u64 = 600;

/// The parts of a [`Vault`]. Provider, store and audit sink have no default: a vault
/// that forgets its keys, or keeps no record, is one that somebody asked for.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct VaultBuilder {
    host: Option<String>,
    provider: Option<Arc<dyn KeyProvider>>,
    software: Option<Arc<dyn KeyProvider>>,
    hsm: Option<Arc<dyn KeyProvider>>,
    tier: Option<Tier>,
    store: Option<Arc<dyn Store>>,
    audit: Option<Arc<dyn AuditSink>>,
    clock: Option<Arc<dyn Clock>>,
    access: AccessModel,
    legacy: LegacyPolicy,
    leeway: u64,
    soft_delete_days: Option<u32>,
    purge_protection: PurgeProtection,
}

impl VaultBuilder {
    /// The host part of key identifiers. Default: `vault.localhost`.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Where all keys live, in a vault without a tier.
    pub fn provider(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Where keys in software live, where those in an HSM live elsewhere or nowhere.
    pub fn software_provider(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.software = Some(provider);
        self
    }

    /// Where keys in an HSM live: those that are asked for with
    /// [`KeyOptions::hsm`](super::KeyOptions::hsm), and all of a
    /// [Managed HSM](Tier::ManagedHsm). Its [capabilities](crate::provider::Capabilities::is_hsm)
    /// must say that it is one.
    pub fn hsm_provider(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.hsm = Some(provider);
        self
    }

    /// The product whose restrictions the vault has; its providers are then named by what
    /// they are. Default: none, and whatever the provider offers is allowed.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use strongroom::software::Software;
    /// use strongroom::store::MemoryStore;
    /// use strongroom::vault::{KeyOptions, NoAudit, Tier, Vault};
    /// use strongroom::{Curve, ErrorKind};
    ///
    /// let vault = Vault::builder()
    ///     .tier(Tier::Standard)
    ///     .software_provider(Arc::new(Software::ephemeral()?))
    ///     .store(Arc::new(MemoryStore::new()))
    ///     .audit(Arc::new(NoAudit))
    ///     .build()?;
    /// let in_an_hsm = vault.create("k", Curve::P256, &KeyOptions::new().hsm(true));
    /// assert_eq!(*in_an_hsm.unwrap_err().kind(), ErrorKind::HardwareNotAllowed);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = Some(tier);
        self
    }

    /// Where what is known of them lives.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Where events go; [`NoAudit`](super::NoAudit) for nowhere.
    pub fn audit(mut self, audit: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(audit);
        self
    }

    /// The time that policy is decided by. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// By what views decide who may do what. Default: roles.
    pub fn access(mut self, model: AccessModel) -> Self {
        self.access = model;
        self
    }

    /// Which legacy algorithms are let through. Default: none.
    pub fn legacy(mut self, legacy: LegacyPolicy) -> Self {
        self.legacy = legacy;
        self
    }

    /// Seconds by which `nbf` and `exp` are stretched, for clocks that disagree; ten
    /// minutes at most. Default: 0.
    pub fn leeway(mut self, seconds: u64) -> Self {
        self.leeway = seconds;
        self
    }

    /// For how many days a deleted key can be had back: 7 to 90. Default: 90. Deleting can
    /// not be made final at once; purging is a step of its own.
    ///
    /// What is deleted already keeps what it was promised.
    pub fn soft_delete_days(mut self, days: u32) -> Self {
        self.soft_delete_days = Some(days);
        self
    }

    /// Whether a deleted key can be purged before that. Default: it can.
    pub fn purge_protection(mut self, protection: PurgeProtection) -> Self {
        self.purge_protection = protection;
        self
    }

    /// Opens the vault, gives the audit sink the events that a crash may have left waiting, and
    /// settles what it may have left half-made, as far as the provider answers (see
    /// [`Vault::settle`]).
    ///
    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured), a malformed `host`,
    /// [`Audit`](ErrorKind::Audit) if events wait and the sink does not take them, and those of the
    /// store.
    pub fn build(self) -> Result<Vault, Error> {
        let missing = |rule| Error::from(ErrorKind::Misconfigured { rule });
        let providers = Providers::new(self.provider, self.software, self.hsm, self.tier)?;
        let store = self.store.ok_or_else(|| missing("a vault needs a store"))?;
        let no_audit = || missing("a vault needs an audit sink; NoAudit is one");
        let audit = self.audit.ok_or_else(no_audit)?;
        if self.leeway > MAX_LEEWAY {
            return Err(missing("a leeway is ten minutes at most"));
        }
        let ephemeral = providers
            .iter()
            .any(|provider| provider.capabilities().is_ephemeral());
        if store.is_durable() && ephemeral {
            let rule = "a durable store needs a provider whose keys survive the process";
            return Err(missing(rule));
        }
        let days = self.soft_delete_days.unwrap_or(Recovery::MOST_DAYS);
        let recovery = Recovery::new(days, self.purge_protection)?;
        let host = self.host.as_deref().unwrap_or("vault.localhost").parse()?;
        let vault = Vault {
            core: Arc::new(Core {
                caller: None,
                shared: Arc::new(Shared {
                    host,
                    providers,
                    store,
                    audit,
                    clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
                    access: Access::new(self.access),
                    legacy: self.legacy,
                    leeway: self.leeway,
                    tier: self.tier,
                    quota: Quota::default(),
                    recovery,
                    outbox: Outbox::default(),
                    in_flight: InFlight::default(),
                }),
            }),
        };
        vault.settle()?;
        Ok(vault)
    }
}
