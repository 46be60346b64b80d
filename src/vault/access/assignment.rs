//! Role assignments and access policies: their records, and how they are changed.

use serde::{Deserialize, Serialize};

use super::{AccessModel, Caller, Permission, Role, Scope, corrupt};
use crate::error::{Error, ErrorKind, Rule};
use crate::vault::make::COMMIT_TRIES;
use crate::vault::task::Task;
use crate::vault::{Action, Change, Core, KeyName, Target, Vault};

/// The record of all access policies.
pub(super) const POLICIES: &str = "access/policies";

const FORMAT: u32 = 1;
/// The service's limits.
const MOST_AT_VAULT: usize = 50;
const MOST_AT_KEY: usize = 10;
const MOST_POLICIES: usize = 1024;

/// The record of the roles that are held at a scope.
pub(super) fn roles_record(scope: &Scope) -> String {
    match scope {
        Scope::Vault => "access/roles/vault".into(),
        Scope::Keys => "access/roles/keys".into(),
        Scope::Key(name) => format!("access/roles/key/{}", name.folded()),
    }
}

/// A role, held by a principal at a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleAssignment {
    /// Who holds it.
    pub principal: String,
    /// The role.
    pub role: Role,
    /// Where.
    pub scope: Scope,
}

/// One thing that is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    Role(Role),
    Permission(Permission),
}

/// What a record grants, to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grants(Vec<(String, Grant)>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    grants: Vec<GrantWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantWire {
    principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permission: Option<String>,
}

impl Grants {
    pub(super) fn of(&self, principal: &str) -> impl Iterator<Item = &Grant> {
        let own = self.0.iter().filter(move |(holder, _)| holder == principal);
        own.map(|(_, grant)| grant)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|_| corrupt())?;
        if wire.format != FORMAT {
            return Err(corrupt());
        }
        let grant = |wire: GrantWire| {
            let grant = match (&wire.role, &wire.permission) {
                (Some(role), None) => role.parse().map(Grant::Role),
                (None, Some(name)) => name.parse().map(Grant::Permission),
                _ => Err(corrupt()),
            };
            Ok((wire.principal, grant.map_err(|_| corrupt())?))
        };
        wire.grants
            .into_iter()
            .map(grant)
            .collect::<Result<_, _>>()
            .map(Grants)
    }

    fn encode(&self) -> Result<Vec<u8>, Error> {
        let grants = self.0.iter().map(|(principal, grant)| GrantWire {
            principal: principal.clone(),
            role: match grant {
                Grant::Role(role) => Some(role.id().to_owned()),
                Grant::Permission(_) => None,
            },
            permission: match grant {
                Grant::Permission(one) => Some(one.name().to_owned()),
                Grant::Role(_) => None,
            },
        });
        let wire = Wire {
            format: FORMAT,
            grants: grants.collect(),
        };
        serde_json::to_vec(&wire).map_err(|_| corrupt())
    }
}

impl Vault {
    /// Gives a role to a principal. A caller needs to be allowed to do so there; with that it
    /// can give any role, as with the service.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if it is held there already;
    /// [`TooLong`](Rule::TooLong) for `roleAssignments` beyond 50 at the vault or at all
    /// keys, or 10 at a key; [`Misconfigured`](ErrorKind::Misconfigured) in a vault with
    /// [`AccessModel::Policies`]; those of the store.
    ///
    /// ```
    /// use strongroom::vault::access::{Caller, Role, Scope};
    /// use strongroom::vault::KeyOptions;
    /// use strongroom::Curve;
    ///
    /// let vault = strongroom::in_memory()?;
    /// vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// let view = vault.as_caller(Caller::new("alice")?);
    /// assert!(view.latest("signing").unwrap_err().is_denied());
    /// vault.assign_role("alice", Role::CryptoUser, &"/keys/signing".parse()?)?;
    /// assert!(view.latest("signing").is_ok());
    /// assert!(view.latest("other").unwrap_err().is_denied());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn assign_role(&self, principal: &str, role: Role, scope: &Scope) -> Result<(), Error> {
        let target = Target::Scope(scope.clone());
        let task = self.core.begin(Action::RoleAssignmentCreate)?;
        task.allow(scope, &target)?;
        let most = match scope {
            Scope::Vault | Scope::Keys => MOST_AT_VAULT,
            Scope::Key(_) => MOST_AT_KEY,
        };
        let done = self.core.needs_model(AccessModel::Roles).and_then(|()| {
            let principal = Caller::new(principal)?.principal().to_owned();
            let grant = (principal, Grant::Role(role));
            self.core
                .regrant(&task, &target, &roles_record(scope), |grants| {
                    if grants.0.contains(&grant) {
                        return Err(ErrorKind::Conflict.into());
                    }
                    if grants.0.len() >= most {
                        return Err(Error::invalid("roleAssignments", Rule::TooLong(most)));
                    }
                    grants.0.push(grant.clone());
                    Ok(())
                })
        });
        task.end(target, done)
    }

    /// Takes a role back.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it is not held there; those of the store.
    pub fn unassign_role(&self, principal: &str, role: Role, scope: &Scope) -> Result<(), Error> {
        let target = Target::Scope(scope.clone());
        let task = self.core.begin(Action::RoleAssignmentDelete)?;
        task.allow(scope, &target)?;
        let done = self
            .core
            .regrant(&task, &target, &roles_record(scope), |grants| {
                let before = grants.0.len();
                grants
                    .0
                    .retain(|(holder, grant)| holder != principal || *grant != Grant::Role(role));
                if grants.0.len() == before {
                    return Err(ErrorKind::NotFound.into());
                }
                Ok(())
            });
        task.end(target, done)
    }

    /// The roles that are held at exactly this scope.
    ///
    /// # Errors
    /// Those of the store.
    pub fn role_assignments(&self, scope: &Scope) -> Result<Vec<RoleAssignment>, Error> {
        let target = Target::Scope(scope.clone());
        let task = self.core.begin(Action::RoleAssignmentList)?;
        task.allow(scope, &target)?;
        let found = self.core.grants(&roles_record(scope)).map(|grants| {
            let held = grants.0.into_iter().filter_map(|(principal, grant)| {
                let Grant::Role(role) = grant else {
                    return None;
                };
                let scope = scope.clone();
                Some(RoleAssignment {
                    principal,
                    role,
                    scope,
                })
            });
            held.collect()
        });
        task.end(target, found)
    }

    /// Gives a principal these key permissions and no others; none, to remove its policy. The
    /// owner's alone.
    ///
    /// # Errors
    /// [`TooLong`](Rule::TooLong) for `accessPolicies` beyond 1024 principals;
    /// [`Misconfigured`](ErrorKind::Misconfigured) in a vault with [`AccessModel::Roles`];
    /// those of the store.
    pub fn set_access_policy(
        &self,
        principal: &str,
        permissions: &[Permission],
    ) -> Result<(), Error> {
        let task = self.core.begin(Action::AccessPolicySet)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let done = self.core.needs_model(AccessModel::Policies).and_then(|()| {
            let principal = Caller::new(principal)?.principal().to_owned();
            self.core
                .regrant(&task, &Target::Vault, POLICIES, |grants| {
                    grants.0.retain(|(holder, _)| *holder != principal);
                    let mut holders: Vec<&str> = grants.0.iter().map(|(name, _)| &**name).collect();
                    holders.dedup();
                    if holders.len() >= MOST_POLICIES {
                        let rule = Rule::TooLong(MOST_POLICIES);
                        return Err(Error::invalid("accessPolicies", rule));
                    }
                    for permission in permissions {
                        let grant = (principal.clone(), Grant::Permission(*permission));
                        if !grants.0.contains(&grant) {
                            grants.0.push(grant);
                        }
                    }
                    Ok(())
                })
        });
        task.end(Target::Vault, done)
    }

    /// The key permissions that a principal has been given. The owner's alone.
    ///
    /// # Errors
    /// Those of the store.
    pub fn access_policy(&self, principal: &str) -> Result<Vec<Permission>, Error> {
        let task = self.core.begin(Action::AccessPolicyGet)?;
        task.allow(&Scope::Vault, &Target::Vault)?;
        let found = self.core.grants(POLICIES).map(|grants| {
            let permission = |grant: &Grant| match grant {
                Grant::Permission(permission) => Some(*permission),
                Grant::Role(_) => None,
            };
            grants.of(principal).filter_map(permission).collect()
        });
        task.end(Target::Vault, found)
    }
}

impl Core {
    /// The change that takes back every role held at a key, if there are any.
    pub(in crate::vault) fn forget_roles(&self, name: &KeyName) -> Result<Option<Change>, Error> {
        let key = roles_record(&Scope::Key(name.clone()));
        let held = self.store.get(&key)?;
        Ok(held.map(|held| Change::remove(key, held.revision)))
    }

    fn needs_model(&self, model: AccessModel) -> Result<(), Error> {
        if self.access.model == model {
            return Ok(());
        }
        let rule = match model {
            AccessModel::Roles => "roles need a vault with AccessModel::Roles",
            AccessModel::Policies => "access policies need a vault with AccessModel::Policies",
        };
        Err(ErrorKind::Misconfigured { rule }.into())
    }

    fn grants(&self, key: &str) -> Result<Grants, Error> {
        match self.store.get(key)? {
            Some(record) => Grants::decode(&record.value),
            None => Ok(Grants::default()),
        }
    }

    /// Reads, changes and writes a record, again if another writer was first.
    fn regrant(
        &self,
        task: &Task<'_>,
        target: &Target,
        key: &str,
        change: impl Fn(&mut Grants) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..COMMIT_TRIES {
            let old = self.store.get(key)?;
            let mut grants = match &old {
                Some(old) => Grants::decode(&old.value)?,
                None => Grants::default(),
            };
            change(&mut grants)?;
            let value = match grants.0.is_empty() {
                true => None,
                false => Some(grants.encode()?),
            };
            let new = Change {
                key: key.to_owned(),
                expect: old.as_ref().map(|old| old.revision),
                value,
            };
            if new.value.is_none() && old.is_none() {
                return Ok(());
            }
            match task.commit(target, vec![new]) {
                Err(error) if *error.kind() == ErrorKind::Conflict => {}
                done => return done.map(|_| ()),
            }
        }
        Err(ErrorKind::Conflict.into())
    }
}
