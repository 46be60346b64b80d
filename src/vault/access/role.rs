//! The built-in roles of Managed HSM.

use std::fmt;
use std::str::FromStr;

use super::action::DataAction;
use crate::error::{Error, Rule};

/// A built-in role. (Roles of one's own are to come.)
///
/// ```
/// use strongroom::vault::access::{DataAction, Role};
/// assert!(Role::CryptoUser.allows(DataAction::KeysSign));
/// assert!(!Role::Administrator.allows(DataAction::KeysSign));
/// assert_eq!(Role::Backup.id(), "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// Security domain, full backup and restore, roles; no key.
    Administrator,
    /// Deleted keys and roles; no use of keys.
    CryptoOfficer,
    /// Everything with keys but recovering and purging.
    CryptoUser,
    /// Roles alone.
    PolicyAdministrator,
    /// Wraps and unwraps.
    CryptoServiceEncryptionUser,
    /// Backs up.
    Backup,
    /// Sees keys and roles.
    CryptoAuditor,
    /// Releases keys.
    CryptoServiceReleaseUser,
    /// Restores.
    Restore,
}

struct Row {
    name: &'static str,
    id: &'static str,
    allows: &'static [DataAction],
}

impl Role {
    /// All of them, in the order of the service's table.
    pub const ALL: &'static [Role] = &[
        Role::Administrator,
        Role::CryptoOfficer,
        Role::CryptoUser,
        Role::PolicyAdministrator,
        Role::CryptoServiceEncryptionUser,
        Role::Backup,
        Role::CryptoAuditor,
        Role::CryptoServiceReleaseUser,
        Role::Restore,
    ];

    /// The service's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The service's identifier.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// Whether it allows an action.
    #[must_use]
    pub fn allows(self, action: DataAction) -> bool {
        self.row().allows.contains(&action)
    }

    fn row(self) -> &'static Row {
        match self {
            Role::Administrator => &ADMINISTRATOR,
            Role::CryptoOfficer => &CRYPTO_OFFICER,
            Role::CryptoUser => &CRYPTO_USER,
            Role::PolicyAdministrator => &POLICY_ADMINISTRATOR,
            Role::CryptoServiceEncryptionUser => &ENCRYPTION_USER,
            Role::Backup => &BACKUP,
            Role::CryptoAuditor => &AUDITOR,
            Role::CryptoServiceReleaseUser => &RELEASE_USER,
            Role::Restore => &RESTORE,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    /// Reads a name or an identifier.
    ///
    /// # Errors
    /// [`Rule::UnknownName`] for `role`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is = |role: &&Role| {
            role.id().eq_ignore_ascii_case(text) || role.name().eq_ignore_ascii_case(text)
        };
        let known = Role::ALL.iter().find(is);
        known
            .copied()
            .ok_or_else(|| Error::invalid("role", Rule::UnknownName))
    }
}

use DataAction::*;

const ADMINISTRATOR: Row = Row {
    name: "Managed HSM Administrator",
    id: "a290e904-7015-4bba-90c8-60543313cdb4",
    allows: &[
        SecurityDomainDownload,
        SecurityDomainUpload,
        SecurityDomainUploadRead,
        SecurityDomainTransferKeyRead,
        RoleAssignmentsRead,
        RoleAssignmentsWrite,
        RoleAssignmentsDelete,
        RoleDefinitionsRead,
        RoleDefinitionsWrite,
        RoleDefinitionsDelete,
        BackupStart,
        BackupStatus,
        RestoreStart,
        RestoreStatus,
    ],
};

const CRYPTO_OFFICER: Row = Row {
    name: "Managed HSM Crypto Officer",
    id: "515eb02d-2335-4d2d-92f2-b1cbdf9c3778",
    allows: &[
        DeletedKeysRead,
        DeletedKeysRecover,
        DeletedKeysDelete,
        RoleAssignmentsRead,
        RoleAssignmentsWrite,
        RoleAssignmentsDelete,
        RoleDefinitionsRead,
        RoleDefinitionsWrite,
        RoleDefinitionsDelete,
    ],
};

const CRYPTO_USER: Row = Row {
    name: "Managed HSM Crypto User",
    id: "21dbd100-6940-42c2-9190-5d6cb909625b",
    allows: &[
        KeysRead,
        KeysWrite,
        KeysRotate,
        KeysCreate,
        KeysDelete,
        KeysBackup,
        KeysRestore,
        KeysRelease,
        KeysImport,
        KeysEncrypt,
        KeysDecrypt,
        KeysWrap,
        KeysUnwrap,
        KeysSign,
        KeysVerify,
        RoleAssignmentsRead,
        RoleDefinitionsRead,
        // Not in the service's table, which has no row for it. Its pages give this role "all
        // key management", and nobody else uses keys.
        Rng,
    ],
};

const POLICY_ADMINISTRATOR: Row = Row {
    name: "Managed HSM Policy Administrator",
    id: "4bd23610-cdcf-4971-bdee-bdc562cc28e4",
    allows: &[
        RoleAssignmentsRead,
        RoleAssignmentsWrite,
        RoleAssignmentsDelete,
        RoleDefinitionsRead,
        RoleDefinitionsWrite,
        RoleDefinitionsDelete,
    ],
};

const ENCRYPTION_USER: Row = Row {
    name: "Managed HSM Crypto Service Encryption User",
    id: "33413926-3206-4cdd-b39a-83574fe37a17",
    allows: &[KeysRead, KeysWrap, KeysUnwrap],
};

const BACKUP: Row = Row {
    name: "Managed HSM Backup",
    id: "7b127d3c-77bd-4e3e-bbe0-dbb8971fa7f8",
    allows: &[KeysBackup, BackupStart, BackupStatus],
};

/// The service's table has a mark at purging here, against the role's own description ("read
/// but not use"). It is taken for a slip from the row of reading deleted keys: who only
/// audits is not given the one thing that cannot be undone, and nothing in its place.
const AUDITOR: Row = Row {
    name: "Managed HSM Crypto Auditor",
    id: "2c18b078-7c48-4d3a-af88-5a3a1b3f82b3",
    allows: &[KeysRead, RoleAssignmentsRead, RoleDefinitionsRead],
};

const RELEASE_USER: Row = Row {
    name: "Managed HSM Crypto Service Release User",
    id: "21dbd100-6940-42c2-9190-5d6cb909625c",
    allows: &[KeysRelease],
};

const RESTORE: Row = Row {
    name: "Managed HSM Restore",
    id: "6efe6056-5259-49d2-8b3d-d3d73544b20b",
    allows: &[KeysRestore, RestoreStart, RestoreStatus],
};
