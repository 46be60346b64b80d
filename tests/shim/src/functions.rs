//! The function list: every entry of PKCS#11 v2.40 but C_GetFunctionList, each
//! counted, planned and forwarded by the same macro.

use std::ffi::c_void;

use cryptoki_sys::*;

use crate::call::{Call, Subject::*, mechanism_of, run};
use crate::{emulate, keywrap};

/// One line a function: its arguments; `on` what it acts (a session, a slot, the
/// module); the mechanism it is given and the output it writes, where a fault or an
/// emulation needs to know; `=>` the function that stands in for the real one.
macro_rules! functions {
    ($($name:ident($($arg:ident: $type:ty),*) on $subject:expr
        $(, $field:ident = $value:expr)* $(=> $emulated:path)?;)*) => {
        /// A function of the list.
        #[allow(non_camel_case_types, clippy::enum_variant_names)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Function { $($name),* }

        impl Function {
            pub(crate) const ALL: &[Function] = &[$(Function::$name),*];
        }

        #[allow(non_snake_case)]
        mod wrapped {
            use super::*;
            $(pub(super) unsafe extern "C" fn $name($($arg: $type),*) -> CK_RV {
                let call = Call { $($field: $value,)* ..Call::new(Function::$name, $subject) };
                run(call, |real| functions!(forward real $name ($($arg),*) $($emulated)?))
            })*
        }

        /// What C_GetFunctionList hands out.
        pub(crate) static LIST: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            C_GetFunctionList: Some(crate::C_GetFunctionList),
            $($name: Some(wrapped::$name)),*
        };
    };
    (forward $real:ident $name:ident ($($arg:ident),*)) => {
        match $real.$name {
            Some(function) => function($($arg),*),
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
    (forward $real:ident $name:ident ($($arg:ident),*) $emulated:path) => {
        $emulated($real, $($arg),*)
    };
}

type Handle = CK_OBJECT_HANDLE;
type Len = CK_ULONG;
type Mechanism = *mut CK_MECHANISM;
type Octets = *mut CK_BYTE;
type Session = CK_SESSION_HANDLE;
type Template = *mut CK_ATTRIBUTE;

functions! {
    C_Initialize(args: *mut c_void) on Module => emulate::initialize;
    C_Finalize(reserved: *mut c_void) on Module;
    C_GetInfo(info: *mut CK_INFO) on Module;
    C_GetSlotList(present: CK_BBOOL, slots: *mut CK_SLOT_ID, n: *mut Len) on Module
        => emulate::slot_list;
    C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) on Module => emulate::slot_info;
    C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) on Slot(slot)
        => emulate::token_info;
    C_GetMechanismList(slot: CK_SLOT_ID, list: *mut CK_MECHANISM_TYPE, n: *mut Len) on Slot(slot)
        => emulate::mechanism_list;
    C_GetMechanismInfo(slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO)
        on Slot(slot), mechanism = Some(kind) => emulate::mechanism_info;
    C_InitToken(slot: CK_SLOT_ID, pin: Octets, len: Len, label: Octets) on Slot(slot);
    C_InitPIN(h: Session, pin: Octets, len: Len) on Session(h);
    C_SetPIN(h: Session, old: Octets, old_len: Len, new: Octets, len: Len) on Session(h);
    C_OpenSession(slot: CK_SLOT_ID, flags: CK_FLAGS, data: *mut c_void, notify: CK_NOTIFY,
        new: *mut Session) on Slot(slot), opens = new;
    C_CloseSession(h: Session) on Session(h);
    C_CloseAllSessions(slot: CK_SLOT_ID) on Slot(slot);
    C_GetSessionInfo(h: Session, info: *mut CK_SESSION_INFO) on Session(h);
    C_GetOperationState(h: Session, out: Octets, n: *mut Len) on Session(h);
    C_SetOperationState(h: Session, state: Octets, len: Len, key: Handle, auth: Handle)
        on Session(h);
    C_Login(h: Session, user: CK_USER_TYPE, pin: Octets, len: Len) on Session(h)
        => emulate::login;
    C_Logout(h: Session) on Session(h);
    C_CreateObject(h: Session, template: Template, len: Len, new: *mut Handle) on Session(h)
        => emulate::create_object;
    C_CopyObject(h: Session, old: Handle, template: Template, len: Len, new: *mut Handle)
        on Session(h);
    C_DestroyObject(h: Session, object: Handle) on Session(h);
    C_GetObjectSize(h: Session, object: Handle, size: *mut Len) on Session(h);
    C_GetAttributeValue(h: Session, object: Handle, template: Template, len: Len) on Session(h)
        => emulate::attribute_value;
    C_SetAttributeValue(h: Session, object: Handle, template: Template, len: Len) on Session(h);
    C_FindObjectsInit(h: Session, template: Template, len: Len) on Session(h);
    C_FindObjects(h: Session, found: *mut Handle, most: Len, n: *mut Len) on Session(h);
    C_FindObjectsFinal(h: Session) on Session(h);
    C_EncryptInit(h: Session, m: Mechanism, key: Handle) on Session(h),
        mechanism = mechanism_of(m);
    C_Encrypt(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h),
        output = (out, n);
    C_EncryptUpdate(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h);
    C_EncryptFinal(h: Session, out: Octets, n: *mut Len) on Session(h);
    C_DecryptInit(h: Session, m: Mechanism, key: Handle) on Session(h),
        mechanism = mechanism_of(m) => emulate::decrypt_init;
    C_Decrypt(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h),
        output = (out, n) => emulate::decrypt;
    C_DecryptUpdate(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h);
    C_DecryptFinal(h: Session, out: Octets, n: *mut Len) on Session(h);
    C_DigestInit(h: Session, m: Mechanism) on Session(h), mechanism = mechanism_of(m);
    C_Digest(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h);
    C_DigestUpdate(h: Session, data: Octets, len: Len) on Session(h);
    C_DigestKey(h: Session, key: Handle) on Session(h);
    C_DigestFinal(h: Session, out: Octets, n: *mut Len) on Session(h);
    C_SignInit(h: Session, m: Mechanism, key: Handle) on Session(h),
        mechanism = mechanism_of(m) => emulate::sign_init;
    C_Sign(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h),
        output = (out, n) => emulate::sign;
    C_SignUpdate(h: Session, data: Octets, len: Len) on Session(h);
    C_SignFinal(h: Session, out: Octets, n: *mut Len) on Session(h);
    C_SignRecoverInit(h: Session, m: Mechanism, key: Handle) on Session(h),
        mechanism = mechanism_of(m);
    C_SignRecover(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h);
    C_VerifyInit(h: Session, m: Mechanism, key: Handle) on Session(h),
        mechanism = mechanism_of(m);
    C_Verify(h: Session, data: Octets, len: Len, signature: Octets, n: Len) on Session(h);
    C_VerifyUpdate(h: Session, data: Octets, len: Len) on Session(h);
    C_VerifyFinal(h: Session, signature: Octets, len: Len) on Session(h);
    C_VerifyRecoverInit(h: Session, m: Mechanism, key: Handle) on Session(h),
        mechanism = mechanism_of(m);
    C_VerifyRecover(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len) on Session(h);
    C_DigestEncryptUpdate(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len)
        on Session(h);
    C_DecryptDigestUpdate(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len)
        on Session(h);
    C_SignEncryptUpdate(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len)
        on Session(h);
    C_DecryptVerifyUpdate(h: Session, data: Octets, len: Len, out: Octets, n: *mut Len)
        on Session(h);
    C_GenerateKey(h: Session, m: Mechanism, template: Template, len: Len, new: *mut Handle)
        on Session(h), mechanism = mechanism_of(m);
    C_GenerateKeyPair(h: Session, m: Mechanism, public: Template, public_len: Len,
        private: Template, private_len: Len, new_public: *mut Handle, new_private: *mut Handle)
        on Session(h), mechanism = mechanism_of(m);
    C_WrapKey(h: Session, m: Mechanism, by: Handle, key: Handle, out: Octets, n: *mut Len)
        on Session(h), mechanism = mechanism_of(m) => keywrap::wrap;
    C_UnwrapKey(h: Session, m: Mechanism, by: Handle, wrapped: Octets, wrapped_len: Len,
        template: Template, len: Len, new: *mut Handle)
        on Session(h), mechanism = mechanism_of(m) => keywrap::unwrap;
    C_DeriveKey(h: Session, m: Mechanism, base: Handle, template: Template, len: Len,
        new: *mut Handle) on Session(h), mechanism = mechanism_of(m);
    C_SeedRandom(h: Session, seed: Octets, len: Len) on Session(h);
    C_GenerateRandom(h: Session, out: Octets, len: Len) on Session(h);
    C_GetFunctionStatus(h: Session) on Session(h);
    C_CancelFunction(h: Session) on Session(h);
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut c_void) on Module;
}

impl Function {
    /// Its name in the standard.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn named(name: &str) -> Option<Function> {
        Function::ALL.iter().copied().find(|f| f.name() == name)
    }
}
