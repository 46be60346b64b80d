//! Stand-ins for functions of the real module, where the settings ask for another
//! token than it has. Without a setting they forward.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::slice;

use cryptoki_sys::*;

use crate::state::{Auth, Mode, state};

/// Calls a function of a list.
macro_rules! real {
    ($list:ident . $name:ident ( $($arg:expr),* $(,)? )) => {
        match $list.$name {
            Some(function) => function($($arg),*),
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
}
pub(crate) use real;

type Real = CK_FUNCTION_LIST;

/// P11SHIM_RESERVED: NSS takes its configuration where `pReserved` is.
pub(crate) unsafe fn initialize(real: &Real, args: *mut c_void) -> CK_RV {
    let reserved = state().settings.reserved.clone();
    let given = args.cast::<CK_C_INITIALIZE_ARGS>().as_ref();
    let (Some(reserved), true) = (reserved, given.is_none_or(|args| args.pReserved.is_null()))
    else {
        return real!(real.C_Initialize(args));
    };
    let mut args = given.copied().unwrap_or_default();
    args.pReserved = reserved.as_ptr().cast_mut().cast();
    real!(real.C_Initialize((&raw mut args).cast()))
}

/// A removed token is in no list of present ones.
pub(crate) unsafe fn slot_list(
    real: &Real,
    present: CK_BBOOL,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    if present == CK_TRUE && state().mode == Mode::Removed {
        return fill(&[], slots, count);
    }
    real!(real.C_GetSlotList(present, slots, count))
}

pub(crate) unsafe fn slot_info(real: &Real, slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    let rv = real!(real.C_GetSlotInfo(slot, info));
    if rv == CKR_OK && state().mode == Mode::Removed {
        (*info).flags &= !CKF_TOKEN_PRESENT;
    }
    rv
}

/// P11SHIM_PIN_FLAGS.
pub(crate) unsafe fn token_info(real: &Real, slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    let rv = real!(real.C_GetTokenInfo(slot, info));
    if rv == CKR_OK {
        (*info).flags |= state().settings.token_flags;
    }
    rv
}

/// P11SHIM_HIDE and P11SHIM_RSA_AES.
pub(crate) unsafe fn mechanism_list(
    real: &Real,
    slot: CK_SLOT_ID,
    list: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    let (hidden, rsa_aes) = {
        let settings = &state().settings;
        (settings.hidden.clone(), settings.rsa_aes)
    };
    if hidden.is_empty() && !rsa_aes {
        return real!(real.C_GetMechanismList(slot, list, count));
    }
    let mut len = 0;
    let rv = real!(real.C_GetMechanismList(slot, null_mut(), &raw mut len));
    if rv != CKR_OK {
        return rv;
    }
    let mut all = vec![0; len as usize];
    let rv = real!(real.C_GetMechanismList(slot, all.as_mut_ptr(), &raw mut len));
    if rv != CKR_OK {
        return rv;
    }
    all.truncate(len as usize);
    if rsa_aes && !all.contains(&CKM_RSA_AES_KEY_WRAP) {
        all.push(CKM_RSA_AES_KEY_WRAP);
    }
    all.retain(|kind| !hidden.contains(kind));
    fill(&all, list, count)
}

/// What is hidden does not come here. The sizes of CKM_RSA_AES_KEY_WRAP are those of
/// the RSA key.
pub(crate) unsafe fn mechanism_info(
    real: &Real,
    slot: CK_SLOT_ID,
    kind: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    if !(kind == CKM_RSA_AES_KEY_WRAP && state().settings.rsa_aes) {
        return real!(real.C_GetMechanismInfo(slot, kind, info));
    }
    let rv = real!(real.C_GetMechanismInfo(slot, CKM_RSA_PKCS_OAEP, info));
    if rv == CKR_OK {
        (*info).flags = CKF_WRAP | CKF_UNWRAP;
    }
    rv
}

/// P11SHIM_NO_IMPORT: as a token in FIPS mode, which takes no plain key.
pub(crate) unsafe fn create_object(
    real: &Real,
    h: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    len: CK_ULONG,
    new: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    if state().settings.no_import && !template.is_null() {
        let attributes = slice::from_raw_parts(template, len as usize);
        let class = find::<CK_OBJECT_CLASS>(attributes, CKA_CLASS);
        let secret = matches!(class, Some(CKO_PRIVATE_KEY | CKO_SECRET_KEY));
        if secret && find::<CK_BBOOL>(attributes, CKA_TOKEN) == Some(CK_TRUE) {
            return CKR_TEMPLATE_INCONSISTENT;
        }
    }
    real!(real.C_CreateObject(h, template, len, new))
}

/// P11SHIM_ALWAYS_AUTH: private keys say that they want a login for every use.
pub(crate) unsafe fn attribute_value(
    real: &Real,
    h: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    len: CK_ULONG,
) -> CK_RV {
    let rv = real!(real.C_GetAttributeValue(h, object, template, len));
    if state().settings.always_auth && !template.is_null() {
        for attribute in slice::from_raw_parts(template, len as usize) {
            // An object that has no such attribute is no private key.
            if attribute.type_ == CKA_ALWAYS_AUTHENTICATE
                && attribute.ulValueLen == size_of::<CK_BBOOL>() as CK_ULONG
                && !attribute.pValue.is_null()
            {
                *attribute.pValue.cast::<CK_BBOOL>() = CK_TRUE;
            }
        }
    }
    rv
}

pub(crate) unsafe fn sign_init(
    real: &Real,
    h: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    let auth = needed(real, h, key);
    let rv = real!(real.C_SignInit(h, mechanism, key));
    started(h, rv, auth)
}

pub(crate) unsafe fn decrypt_init(
    real: &Real,
    h: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    let auth = needed(real, h, key);
    let rv = real!(real.C_DecryptInit(h, mechanism, key));
    started(h, rv, auth)
}

/// Context-specific logins are answered here: the real key needs none.
pub(crate) unsafe fn login(
    real: &Real,
    h: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    len: CK_ULONG,
) -> CK_RV {
    if user == CKU_CONTEXT_SPECIFIC {
        let mut state = state();
        if state.settings.always_auth {
            let right = state.settings.pin.as_bytes();
            let is_right = !pin.is_null() && slice::from_raw_parts(pin, len as usize) == right;
            return match (state.auth(h), is_right) {
                (Auth::NotNeeded, _) => CKR_OPERATION_NOT_INITIALIZED,
                (_, false) => CKR_PIN_INCORRECT,
                (_, true) => {
                    state.set_auth(h, Auth::Given);
                    CKR_OK
                }
            };
        }
    }
    real!(real.C_Login(h, user, pin, len))
}

pub(crate) unsafe fn sign(
    real: &Real,
    h: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    out: *mut CK_BYTE,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    single_part(real.C_Sign, h, data, len, out, out_len)
}

pub(crate) unsafe fn decrypt(
    real: &Real,
    h: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    out: *mut CK_BYTE,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    single_part(real.C_Decrypt, h, data, len, out, out_len)
}

/// C_Sign or C_Decrypt, which have the same type.
unsafe fn single_part(
    function: CK_C_Sign,
    h: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    out: *mut CK_BYTE,
    out_len: *mut CK_ULONG,
) -> CK_RV {
    let Some(function) = function else {
        return CKR_FUNCTION_NOT_SUPPORTED;
    };
    let auth = state().auth(h);
    if auth == Auth::Needed {
        // An error ends the operation; the real module has to be told.
        let mut scratch = vec![0; len as usize + 8192];
        let mut scratch_len = scratch.len() as CK_ULONG;
        function(h, data, len, scratch.as_mut_ptr(), &raw mut scratch_len);
        state().set_auth(h, Auth::NotNeeded);
        return CKR_USER_NOT_LOGGED_IN;
    }
    let rv = function(h, data, len, out, out_len);
    // A query of the length leaves the operation active.
    if auth == Auth::Given && !out.is_null() && rv != CKR_BUFFER_TOO_SMALL {
        state().set_auth(h, Auth::NotNeeded);
    }
    rv
}

unsafe fn needed(real: &Real, h: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Auth {
    let emulated = state().settings.always_auth;
    let mut class: CK_OBJECT_CLASS = 0;
    let mut class_of = attribute(CKA_CLASS, &raw mut class);
    if emulated
        && real!(real.C_GetAttributeValue(h, key, &raw mut class_of, 1)) == CKR_OK
        && class == CKO_PRIVATE_KEY
    {
        return Auth::Needed;
    }
    Auth::NotNeeded
}

fn started(h: CK_SESSION_HANDLE, rv: CK_RV, auth: Auth) -> CK_RV {
    if rv == CKR_OK {
        state().set_auth(h, auth);
    }
    rv
}

/// The convention for lists and octets of unknown length: v2.40 section 5.2.
pub(crate) unsafe fn fill<T: Copy>(all: &[T], out: *mut T, count: *mut CK_ULONG) -> CK_RV {
    if count.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    let room = std::mem::replace(&mut *count, all.len() as CK_ULONG);
    if out.is_null() {
        return CKR_OK;
    }
    if room < all.len() as CK_ULONG {
        return CKR_BUFFER_TOO_SMALL;
    }
    out.copy_from_nonoverlapping(all.as_ptr(), all.len());
    CKR_OK
}

pub(crate) fn attribute<T>(kind: CK_ATTRIBUTE_TYPE, value: *mut T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value.cast(),
        ulValueLen: size_of::<T>() as CK_ULONG,
    }
}

unsafe fn find<T: Copy>(template: &[CK_ATTRIBUTE], kind: CK_ATTRIBUTE_TYPE) -> Option<T> {
    let found = template.iter().find(|attribute| attribute.type_ == kind)?;
    let fits = found.ulValueLen == size_of::<T>() as CK_ULONG && !found.pValue.is_null();
    fits.then(|| found.pValue.cast::<T>().read_unaligned())
}
