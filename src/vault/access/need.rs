//! What each action of a vault needs to be granted.

use super::{DataAction, Permission};
use crate::alg::Op;
use crate::vault::Action;

/// What a caller must have been granted for an action; by a model that has no name for it, it
/// is the owner's alone.
#[derive(Clone, Copy, Debug)]
pub(in crate::vault) struct Need {
    pub(super) action: Action,
    pub(super) data_action: Option<DataAction>,
    pub(super) permission: Option<Permission>,
}

impl Need {
    /// The matrix of actions, data actions and permissions.
    pub(in crate::vault) fn of(action: Action) -> Self {
        use DataAction as D;
        use Permission as P;
        #[rustfmt::skip]
        let (data_action, permission) = match action {
            Action::Use(Op::Sign)      => (Some(D::KeysSign),    Some(P::Sign)),
            Action::Use(Op::Verify)    => (Some(D::KeysVerify),  Some(P::Verify)),
            Action::Use(Op::WrapKey)   => (Some(D::KeysWrap),    Some(P::WrapKey)),
            Action::Use(Op::UnwrapKey) => (Some(D::KeysUnwrap),  Some(P::UnwrapKey)),
            Action::Use(Op::Encrypt)   => (Some(D::KeysEncrypt), Some(P::Encrypt)),
            Action::Use(Op::Decrypt)   => (Some(D::KeysDecrypt), Some(P::Decrypt)),
            Action::Create             => (Some(D::KeysCreate),  Some(P::Create)),
            Action::Import             => (Some(D::KeysImport),  Some(P::Import)),
            Action::Get                => (Some(D::KeysRead),    Some(P::Get)),
            Action::List               => (Some(D::KeysRead),    Some(P::List)),
            Action::ListVersions       => (Some(D::KeysRead),    Some(P::List)),
            Action::Update             => (Some(D::KeysWrite),   Some(P::Update)),
            Action::Delete             => (Some(D::KeysDelete),         Some(P::Delete)),
            Action::GetDeleted         => (Some(D::DeletedKeysRead),    Some(P::Get)),
            Action::ListDeleted        => (Some(D::DeletedKeysRead),    Some(P::List)),
            Action::Recover            => (Some(D::DeletedKeysRecover), Some(P::Recover)),
            Action::Purge              => (Some(D::DeletedKeysDelete),  Some(P::Purge)),
            Action::Rotate             => (Some(D::KeysRotate), Some(P::Rotate)),
            Action::GetRotationPolicy  => (Some(D::KeysRead),   Some(P::GetRotationPolicy)),
            Action::SetRotationPolicy  => (Some(D::KeysWrite),  Some(P::SetRotationPolicy)),
            Action::Backup             => (Some(D::KeysBackup),  Some(P::Backup)),
            Action::Restore            => (Some(D::KeysRestore), Some(P::Restore)),
            Action::RandomBytes        => (Some(D::Rng),         None),
            Action::RoleAssignmentList   => (Some(D::RoleAssignmentsRead),   None),
            Action::RoleAssignmentCreate => (Some(D::RoleAssignmentsWrite),  None),
            Action::RoleAssignmentDelete => (Some(D::RoleAssignmentsDelete), None),
            // Upkeep, and what the service has no name for.
            Action::Adopt | Action::Reseal | Action::Settle | Action::ListUnlisted | Action::PurgeDue
            | Action::RotateIfDue | Action::NearExpiry | Action::Expired | Action::VerifyStore
            | Action::AccessPolicyGet | Action::AccessPolicySet => {
                (None, None)
            }
        };
        Need {
            action,
            data_action,
            permission,
        }
    }
}
