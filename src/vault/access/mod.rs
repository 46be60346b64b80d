//! Who may do what.
//!
//! The plain [`Vault`](super::Vault) is its owner's and asks nobody. A service that acts for
//! others makes a view for each request, [`Vault::as_caller`](super::Vault::as_caller), in which
//! every verb and every management action is asked for first: may this caller do this, here?
//! It is the first of the questions of *permit*, before anything is looked up, so a caller who
//! may not do a thing does not learn whether the key exists.
//!
//! Two models, of which a vault has one ([`AccessModel`]): roles assigned at scopes, as in a
//! Managed HSM, and access policies, as in a vault. Both are records in the store.

mod action;
mod assignment;
mod caller;
mod need;
mod role;
mod scope;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use action::{DataAction, Permission};
pub use assignment::RoleAssignment;
pub use caller::Caller;
pub use role::Role;
pub use scope::Scope;

pub(super) use need::Need;

use super::{Store, record};
use crate::error::{AccessRule, Error, ErrorKind};
use assignment::{Grant, Grants, POLICIES, roles_record};

/// By what a vault decides who may do what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessModel {
    /// Roles that are assigned to principals at scopes: Managed HSM's. Changed by those whose
    /// role allows it.
    #[default]
    Roles,
    /// Permissions that are given to principals for all keys: a vault's access policies.
    /// Changed by the owner alone, as with the service, where they are no key operation.
    Policies,
}

/// The answers to (caller, action, scope).
pub(super) struct Access {
    pub(super) model: AccessModel,
    cache: RwLock<HashMap<String, Cached>>,
}

/// A decoded record, and the store's revision at which it was found to be current.
#[derive(Clone)]
struct Cached {
    store_revision: u64,
    record_revision: Option<u64>,
    grants: Arc<Grants>,
}

impl Access {
    pub(super) fn new(model: AccessModel) -> Self {
        Access {
            model,
            cache: RwLock::default(),
        }
    }

    /// Whether this principal may do this here.
    pub(super) fn decide(
        &self,
        store: &dyn Store,
        principal: &str,
        need: Need,
        scope: &Scope,
    ) -> Result<(), Error> {
        let allowed = match self.model {
            AccessModel::Roles => self.by_roles(store, principal, need, scope)?,
            AccessModel::Policies => self.by_policies(store, principal, need)?,
        };
        if allowed {
            return Ok(());
        }
        Err(self.refusal(need, scope))
    }

    fn by_roles(
        &self,
        store: &dyn Store,
        principal: &str,
        need: Need,
        scope: &Scope,
    ) -> Result<bool, Error> {
        let Some(action) = need.data_action else {
            return Ok(false);
        };
        let wider = [Scope::Vault, Scope::Keys, scope.clone()];
        let held_at = wider.iter().filter(|held_at| held_at.includes(scope));
        let mut seen = None;
        for held_at in held_at {
            if seen == Some(held_at) {
                continue;
            }
            seen = Some(held_at);
            let grants = self.read(store, &roles_record(held_at))?;
            let allows = |grant: &Grant| match grant {
                Grant::Role(role) => role.allows(action),
                Grant::Permission(_) => false,
            };
            if grants.of(principal).any(allows) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn by_policies(&self, store: &dyn Store, principal: &str, need: Need) -> Result<bool, Error> {
        let Some(needed) = need.permission else {
            return Ok(false);
        };
        let grants = self.read(store, POLICIES)?;
        let allows = |grant: &Grant| match grant {
            Grant::Permission(Permission::All) => true,
            Grant::Permission(given) => *given == needed,
            Grant::Role(_) => false,
        };
        Ok(grants.of(principal).any(allows))
    }

    fn refusal(&self, need: Need, scope: &Scope) -> Error {
        let (rule, action) = match self.model {
            AccessModel::Roles => (AccessRule::Roles, need.data_action.map(DataAction::name)),
            AccessModel::Policies => (AccessRule::Policies, need.permission.map(Permission::name)),
        };
        let kind = ErrorKind::Forbidden {
            action: action.unwrap_or(need.action.name()),
            scope: scope.to_string().into(),
            rule,
        };
        kind.into()
    }

    /// A record, decoded once for as long as it stays the same.
    fn read(&self, store: &dyn Store, key: &str) -> Result<Arc<Grants>, Error> {
        // Before the record, so that a change in between is seen the next time.
        let store_revision = store.revision();
        let known = {
            let cache = self.cache.read().unwrap_or_else(PoisonError::into_inner);
            cache.get(key).cloned()
        };
        if let Some(known) = &known
            && known.store_revision == store_revision
        {
            return Ok(Arc::clone(&known.grants));
        }
        let found = store.get(key)?;
        let record_revision = found.as_ref().map(|record| record.revision);
        let grants = match (known, found) {
            (Some(known), _) if known.record_revision == record_revision => known.grants,
            (_, Some(record)) => Arc::new(Grants::decode(&record.value)?),
            (_, None) => Arc::default(),
        };
        let fresh = Cached {
            store_revision,
            record_revision,
            grants: Arc::clone(&grants),
        };
        let mut cache = self.cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MOST_CACHED {
            cache.clear();
        }
        cache.insert(key.to_owned(), fresh);
        Ok(grants)
    }
}

/// The most records kept decoded: names in requests are the callers' to choose.
const MOST_CACHED: usize = 1024;

/// What is read is not what was written.
fn corrupt() -> Error {
    record::corrupt()
}
