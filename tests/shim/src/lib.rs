//! A PKCS#11 module that forwards to another one, and injects faults by a plan.
//! README.md says how to use it.
//!
//! # Safety
//!
//! The functions here are called with what PKCS#11 says that they get: pointers that
//! are null or valid for the lengths next to them, during the call. They pass them on
//! to a module that is trusted as much. Nothing is unloaded, ever.

mod call;
mod emulate;
mod functions;
mod keywrap;
mod plan;
mod rv;
mod settings;
mod state;

use std::ffi::{CStr, c_char, c_int};

use cryptoki_sys::*;

use crate::plan::Plan;
use crate::state::state;

/// The one entry of PKCS#11 that is exported; the others are in the list.
///
/// # Safety
/// `list` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    let mut state = state();
    if let Some(why) = state.broken.take() {
        complain(&why);
        return CKR_GENERAL_ERROR;
    }
    // Under the lock: two threads do not load it twice.
    if call::REAL.get().is_none() {
        match load(&state.settings.module) {
            Ok(real) => _ = call::REAL.set(real),
            Err(why) => {
                complain(&format!("P11SHIM_MODULE: {why}"));
                return CKR_GENERAL_ERROR;
            }
        }
    }
    *list = (&raw const functions::LIST).cast_mut();
    CKR_OK
}

/// Replaces the plan, and lets go what hangs. 0, or 1 if it cannot be read.
///
/// # Safety
/// `plan` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn p11shim_plan(plan: *const c_char) -> c_int {
    let parsed = text(plan).and_then(Plan::parse);
    answer(parsed.map(|plan| state().replace_plan(plan)))
}

/// Lets go what hangs; the plan stays.
#[unsafe(no_mangle)]
pub extern "C" fn p11shim_release() {
    state().release();
}

/// Sets what a variable of the environment sets. 0, or 1 if there is no such
/// setting, or another module was loaded.
///
/// # Safety
/// Both are null or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn p11shim_set(name: *const c_char, value: *const c_char) -> c_int {
    let set = |name: &str, value: &str| {
        let mut state = state();
        let loaded = call::REAL.get().is_some() && value != state.settings.module;
        if name == "P11SHIM_MODULE" && loaded {
            return Err(format!("{} is loaded", state.settings.module));
        }
        state.settings.set(name, value)
    };
    answer(text(name).and_then(|name| set(name, text(value)?)))
}

/// Writes `name=value` lines, as many octets as fit; returns how many there are.
///
/// # Safety
/// `out` is valid for `len` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn p11shim_stats(out: *mut c_char, len: usize) -> usize {
    let stats = state().stats();
    if !out.is_null() {
        out.copy_from_nonoverlapping(stats.as_ptr().cast(), len.min(stats.len()));
    }
    stats.len()
}

/// Counts from 0 again; sessions that are open stay known.
#[unsafe(no_mangle)]
pub extern "C" fn p11shim_reset_stats() {
    state().reset_stats();
}

unsafe fn load(path: &str) -> Result<&'static CK_FUNCTION_LIST, String> {
    let module = Pkcs11::new(path).map_err(|error| error.to_string())?;
    let module: &'static Pkcs11 = Box::leak(Box::new(module));
    let get = module.C_GetFunctionList.as_ref();
    let get = get.map_err(|error| error.to_string())?;
    let mut list = std::ptr::null_mut();
    match get(&raw mut list) {
        CKR_OK => list.as_ref().ok_or_else(|| "no function list".to_owned()),
        rv => Err(format!("C_GetFunctionList: {rv:#x}")),
    }
}

unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, String> {
    if text.is_null() {
        return Err("a null pointer".to_owned());
    }
    CStr::from_ptr(text)
        .to_str()
        .map_err(|error| error.to_string())
}

fn answer(result: Result<(), String>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(why) => {
            complain(&why);
            1
        }
    }
}

fn complain(why: &str) {
    eprintln!("p11shim: {why}");
}
