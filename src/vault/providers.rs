//! Where a vault's keys live: in one provider, or in software and in an HSM.

use std::fmt;
use std::sync::Arc;

use super::tier::{Home, KeyType, Tier};
use crate::alg::KeySpec;
use crate::error::{Error, ErrorKind};
use crate::handle::ProviderId;
use crate::provider::{Health, KeyProvider, not_offered};

/// The providers of a vault: one at least.
pub(super) enum Providers {
    /// One for everything that is asked of it.
    One(Arc<dyn KeyProvider>),
    /// One for keys in software, one for those in an HSM.
    Apart {
        software: Option<Arc<dyn KeyProvider>>,
        hsm: Option<Arc<dyn KeyProvider>>,
    },
}

impl Providers {
    /// Those that were given to the builder, if they can work together and with the tier.
    pub(super) fn new(
        one: Option<Arc<dyn KeyProvider>>,
        software: Option<Arc<dyn KeyProvider>>,
        hsm: Option<Arc<dyn KeyProvider>>,
        tier: Option<Tier>,
    ) -> Result<Self, Error> {
        let wrong = |rule| Err(ErrorKind::Misconfigured { rule }.into());
        let is_hsm = |provider: &Arc<dyn KeyProvider>| provider.capabilities().is_hsm();
        match (&one, &software, &hsm) {
            (None, None, None) => return wrong("a vault needs a provider"),
            (Some(_), None, None) if tier.is_some() => {
                return wrong("with a tier, a provider is the software or the HSM provider");
            }
            (Some(_), None, None) => {}
            (Some(_), _, _) => return wrong("a provider is given once"),
            (None, Some(a), Some(b)) if a.id() == b.id() => {
                return wrong("two providers need two names");
            }
            _ => {}
        }
        if software.as_ref().is_some_and(is_hsm) {
            return wrong("the software provider keeps its keys in hardware");
        }
        if hsm.as_ref().is_some_and(|hsm| !is_hsm(hsm)) {
            return wrong("the HSM provider keeps its keys in software");
        }
        if software.is_some() && tier.is_some_and(|tier| !tier.has_software()) {
            return wrong("a Managed HSM holds no software key");
        }
        if hsm.is_some() && tier.is_some_and(|tier| !tier.has_hsm()) {
            return wrong("a standard vault holds no key in an HSM");
        }
        Ok(match one {
            Some(one) => Providers::One(one),
            None => Providers::Apart { software, hsm },
        })
    }

    /// All of them; there is one at least.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<dyn KeyProvider>> {
        let both = match self {
            Providers::One(one) => [Some(one), None],
            Providers::Apart { software, hsm } => [software.as_ref(), hsm.as_ref()],
        };
        both.into_iter().flatten()
    }

    /// The one that a record names.
    pub(super) fn by_id(&self, id: &ProviderId) -> Result<&Arc<dyn KeyProvider>, Error> {
        let mut all = self.iter();
        let found = all.find(|provider| provider.id() == id);
        found.ok_or_else(|| ErrorKind::Unavailable { what: "provider" }.into())
    }

    /// The one for a new key of this kind, asked for in an HSM or not.
    pub(super) fn for_new(
        &self,
        tier: Option<Tier>,
        spec: KeySpec,
        hsm: bool,
    ) -> Result<&Arc<dyn KeyProvider>, Error> {
        let home = match tier {
            Some(tier) => {
                let home = tier.home(KeyType::of(spec, hsm))?;
                tier.check_size(spec)?;
                home
            }
            None if hsm => Home::Hsm,
            None => Home::Software,
        };
        let found = match (self, home) {
            // What is asked for nowhere in particular goes to the one that there is.
            (Providers::One(one), Home::Software) => Some(one),
            (Providers::One(one), Home::Hsm) => Some(one).filter(|one| one.capabilities().is_hsm()),
            (Providers::Apart { software, hsm }, Home::Software) => match tier {
                None => software.as_ref().or(hsm.as_ref()),
                Some(_) => software.as_ref(),
            },
            (Providers::Apart { hsm, .. }, Home::Hsm) => hsm.as_ref(),
        };
        found.ok_or_else(|| not_offered("generate", spec))
    }

    /// The worst of them.
    pub(super) fn health(&self) -> Health {
        let severity = |health: &Health| match health {
            Health::Up => 0,
            Health::Degraded => 1,
            Health::Down => 2,
        };
        let all = self.iter().map(|provider| provider.health());
        all.max_by_key(severity).unwrap_or(Health::Down)
    }

    /// Random bytes from the first, which is the one that is nearest.
    pub(super) fn random(&self, out: &mut [u8]) -> Result<(), Error> {
        match self.iter().next() {
            Some(provider) => provider.random(out),
            None => Err(ErrorKind::Randomness.into()),
        }
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.iter().map(|provider| provider.id());
        f.debug_list().entries(ids).finish()
    }
}
