//! Putting a vault together.

use std::sync::Arc;

use super::audit::AuditSink;
use super::clock::{Clock, SystemClock};
use super::create::InFlight;
use super::policy::LegacyPolicy;
use super::store::Store;
use super::{Core, Vault};
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
    store: Option<Arc<dyn Store>>,
    audit: Option<Arc<dyn AuditSink>>,
    clock: Option<Arc<dyn Clock>>,
    legacy: LegacyPolicy,
    leeway: u64,
}

impl VaultBuilder {
    /// The host part of key identifiers. Default: `vault.localhost`.
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Where keys live.
    pub fn provider(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.provider = Some(provider);
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

    /// Opens the vault and settles what a crash may have left half-made, as far as the
    /// provider answers (see [`Vault::settle`]).
    ///
    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured), a malformed `host`, and
    /// those of the store.
    pub fn build(self) -> Result<Vault, Error> {
        let missing = |rule| Error::from(ErrorKind::Misconfigured { rule });
        let provider = self
            .provider
            .ok_or_else(|| missing("a vault needs a provider"))?;
        let store = self.store.ok_or_else(|| missing("a vault needs a store"))?;
        let no_audit = || missing("a vault needs an audit sink; NoAudit is one");
        let audit = self.audit.ok_or_else(no_audit)?;
        if self.leeway > MAX_LEEWAY {
            return Err(missing("a leeway is ten minutes at most"));
        }
        if store.is_durable() && provider.capabilities().is_ephemeral() {
            let rule = "a durable store needs a provider whose keys survive the process";
            return Err(missing(rule));
        }
        let host = self.host.as_deref().unwrap_or("vault.localhost").parse()?;
        let vault = Vault {
            core: Arc::new(Core {
                host,
                provider,
                store,
                audit,
                clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
                legacy: self.legacy,
                leeway: self.leeway,
                in_flight: InFlight::default(),
            }),
        };
        vault.settle()?;
        Ok(vault)
    }
}
