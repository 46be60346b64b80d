//! What a caller can be granted: the data actions of Managed HSM roles and the permissions of
//! vault access policies, one row a fact.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Rule};

/// Implements the name of a fieldless enum from its table, both ways.
macro_rules! named {
    ($(#[$doc:meta])* $vis:vis enum $name:ident, $field:literal, { $($(#[$row:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        $vis enum $name { $($(#[$row])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The service's name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// # Errors
            #[doc = concat!("[`Rule::UnknownName`] for `", $field, "`.")]
            fn from_str(name: &str) -> Result<Self, Error> {
                let known = $name::ALL.iter().find(|one| one.name().eq_ignore_ascii_case(name));
                known.copied().ok_or_else(|| Error::invalid($field, Rule::UnknownName))
            }
        }
    };
}

named! {
    /// What a role can allow, by its name behind `Microsoft.KeyVault/managedHsm`.
    ///
    /// ```
    /// use strongroom::vault::access::DataAction;
    /// assert_eq!(DataAction::KeysSign.to_string(), "/keys/sign/action");
    /// ```
    pub enum DataAction, "data action", {
        /// Download the security domain.
        SecurityDomainDownload = "/securitydomain/download/action",
        /// Upload a security domain.
        SecurityDomainUpload = "/securitydomain/upload/action",
        /// See how an upload goes.
        SecurityDomainUploadRead = "/securitydomain/upload/read",
        /// Read the key that a security domain is transferred with.
        SecurityDomainTransferKeyRead = "/securitydomain/transferkey/read",
        /// Get and list keys and versions.
        KeysRead = "/keys/read/action",
        /// Change attributes, tags, `key_ops` and rotation policies.
        KeysWrite = "/keys/write/action",
        /// Make a new version by rotation.
        KeysRotate = "/keys/rotate/action",
        /// Make keys.
        KeysCreate = "/keys/create",
        /// Delete keys.
        KeysDelete = "/keys/delete",
        /// Get and list deleted keys.
        DeletedKeysRead = "/keys/deletedKeys/read/action",
        /// Recover deleted keys.
        DeletedKeysRecover = "/keys/deletedKeys/recover/action",
        /// Purge deleted keys.
        DeletedKeysDelete = "/keys/deletedKeys/delete",
        /// Back a key up.
        KeysBackup = "/keys/backup/action",
        /// Restore a key.
        KeysRestore = "/keys/restore/action",
        /// Release a key.
        KeysRelease = "/keys/release/action",
        /// Import keys.
        KeysImport = "/keys/import/action",
        /// Encrypt.
        KeysEncrypt = "/keys/encrypt/action",
        /// Decrypt.
        KeysDecrypt = "/keys/decrypt/action",
        /// Wrap keys.
        KeysWrap = "/keys/wrap/action",
        /// Unwrap keys.
        KeysUnwrap = "/keys/unwrap/action",
        /// Sign.
        KeysSign = "/keys/sign/action",
        /// Verify.
        KeysVerify = "/keys/verify/action",
        /// See role assignments.
        RoleAssignmentsRead = "/roleAssignments/read/action",
        /// Make role assignments.
        RoleAssignmentsWrite = "/roleAssignments/write/action",
        /// Remove role assignments.
        RoleAssignmentsDelete = "/roleAssignments/delete/action",
        /// See role definitions.
        RoleDefinitionsRead = "/roleDefinitions/read/action",
        /// Make role definitions.
        RoleDefinitionsWrite = "/roleDefinitions/write/action",
        /// Remove role definitions.
        RoleDefinitionsDelete = "/roleDefinitions/delete/action",
        /// Start a full backup.
        BackupStart = "/backup/start/action",
        /// See how a full backup goes.
        BackupStatus = "/backup/status/action",
        /// Start a full restore.
        RestoreStart = "/restore/start/action",
        /// See how a full restore goes.
        RestoreStatus = "/restore/status/action",
        /// Export keys. In no built-in role.
        KeysExport = "/keys/export/action",
        /// Get random bytes. The service's table of roles leaves it out.
        Rng = "/rng/action",
    }
}

named! {
    /// A key permission of a vault access policy.
    ///
    /// ```
    /// use strongroom::vault::access::Permission;
    /// assert_eq!("wrapkey".parse::<Permission>()?, Permission::WrapKey);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub enum Permission, "permission", {
        /// Every other one.
        All = "all",
        /// Encrypt.
        Encrypt = "encrypt",
        /// Decrypt.
        Decrypt = "decrypt",
        /// Wrap keys.
        WrapKey = "wrapKey",
        /// Unwrap keys.
        UnwrapKey = "unwrapKey",
        /// Sign.
        Sign = "sign",
        /// Verify.
        Verify = "verify",
        /// Get keys, deleted ones too.
        Get = "get",
        /// List keys, versions and deleted keys.
        List = "list",
        /// Make keys.
        Create = "create",
        /// Change attributes, tags and `key_ops`.
        Update = "update",
        /// Import keys.
        Import = "import",
        /// Delete keys.
        Delete = "delete",
        /// Back keys up.
        Backup = "backup",
        /// Restore keys.
        Restore = "restore",
        /// Recover deleted keys.
        Recover = "recover",
        /// Purge deleted keys.
        Purge = "purge",
        /// Release keys.
        Release = "release",
        /// Rotate keys.
        Rotate = "rotate",
        /// Get rotation policies.
        GetRotationPolicy = "getrotationpolicy",
        /// Set rotation policies.
        SetRotationPolicy = "setrotationpolicy",
    }
}
