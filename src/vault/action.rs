//! What can be asked of a vault, for the record and for who may.

use std::fmt;

use crate::alg::Op;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A key was made.
    Create,
    /// A private key was taken over.
    Import,
    /// A key that was in the provider already was taken over.
    Adopt,
    /// A key was looked up.
    Get,
    /// Keys were listed.
    List,
    /// A key's versions were listed.
    ListVersions,
    /// A version's attributes were changed.
    Update,
    /// A version was brought under the current sealing key.
    Reseal,
    /// A new version was made on demand.
    Rotate,
    /// A new version was made because the key's policy said so.
    RotateIfDue,
    /// A rotation policy was looked up.
    GetRotationPolicy,
    /// A rotation policy was set or cleared.
    SetRotationPolicy,
    /// A version soon expires: nobody asked, the key's policy wants it to be said.
    NearExpiry,
    /// A version has expired.
    Expired,
    /// A key was backed up.
    Backup,
    /// A key was restored from its backup.
    Restore,
    /// A key was deleted, and can be had back.
    Delete,
    /// A deleted key was looked up.
    GetDeleted,
    /// Deleted keys were listed.
    ListDeleted,
    /// A deleted key was brought back.
    Recover,
    /// A deleted key was destroyed.
    Purge,
    /// Versions that a crash left half-made were to be settled.
    Settle,
    /// Keys of a token that no record names were listed.
    ListUnlisted,
    /// The deleted keys whose time is over were to be purged.
    PurgeDue,
    /// All of the store was verified.
    VerifyStore,
    /// Random bytes were asked for.
    RandomBytes,
    /// Roles that are held at a scope were listed.
    RoleAssignmentList,
    /// A role was given.
    RoleAssignmentCreate,
    /// A role was taken back.
    RoleAssignmentDelete,
    /// A principal's access policy was read.
    AccessPolicyGet,
    /// A principal's access policy was set.
    AccessPolicySet,
    /// One of the six verbs.
    Use(Op),
}

impl Action {
    /// The service's operation name, such as `KeySign`. What its table of names leaves out
    /// (`KeyAdopt`, `KeyReseal`, `KeySettle`, the store, random bytes, and who may do what) is our own.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "KeyCreate",
            Action::Import => "KeyImport",
            Action::Adopt => "KeyAdopt",
            Action::Get => "KeyGet",
            Action::List => "KeyList",
            Action::ListVersions => "KeyListVersions",
            Action::Update => "KeyUpdate",
            Action::Reseal => "KeyReseal",
            Action::Rotate => "KeyRotate",
            Action::RotateIfDue => "KeyRotateIfDue",
            Action::GetRotationPolicy => "KeyRotationPolicyGet",
            Action::SetRotationPolicy => "KeyRotationPolicySet",
            Action::NearExpiry => "KeyNearExpiryEventGridNotification",
            Action::Expired => "KeyExpiredEventGridNotification",
            Action::Backup => "KeyBackup",
            Action::Restore => "KeyRestore",
            Action::Delete => "KeyDelete",
            Action::GetDeleted => "KeyGetDeleted",
            Action::ListDeleted => "KeyListDeleted",
            Action::Recover => "KeyRecover",
            Action::Purge => "KeyPurge",
            Action::Settle => "KeySettle",
            Action::ListUnlisted => "KeyListUnlisted",
            Action::PurgeDue => "KeyPurgeDue",
            Action::VerifyStore => "StoreVerify",
            Action::RandomBytes => "RandomBytesGet",
            Action::RoleAssignmentList => "RoleAssignmentList",
            Action::RoleAssignmentCreate => "RoleAssignmentCreate",
            Action::RoleAssignmentDelete => "RoleAssignmentDelete",
            Action::AccessPolicyGet => "AccessPolicyGet",
            Action::AccessPolicySet => "AccessPolicySet",
            Action::Use(Op::Sign) => "KeySign",
            Action::Use(Op::Verify) => "KeyVerify",
            Action::Use(Op::WrapKey) => "KeyWrap",
            Action::Use(Op::UnwrapKey) => "KeyUnwrap",
            Action::Use(Op::Encrypt) => "KeyEncrypt",
            Action::Use(Op::Decrypt) => "KeyDecrypt",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
