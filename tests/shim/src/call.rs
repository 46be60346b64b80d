//! The way of one call: counted, planned, forwarded.

use std::sync::{OnceLock, PoisonError, RwLock};
use std::thread::sleep;

use cryptoki_sys::*;

use crate::functions::Function;
use crate::plan::Fault;
use crate::state::{Mode, state, wait_for_release};

/// What the shim has to know of a call.
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) subject: Subject,
    pub(crate) mechanism: Option<CK_MECHANISM_TYPE>,
    pub(crate) output: (*mut CK_BYTE, *mut CK_ULONG),
    pub(crate) opens: *mut CK_SESSION_HANDLE,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    Module,
    Slot(CK_SLOT_ID),
    Session(CK_SESSION_HANDLE),
}

impl Call {
    pub(crate) fn new(function: Function, subject: Subject) -> Call {
        Call {
            function,
            subject,
            mechanism: None,
            output: (std::ptr::null_mut(), std::ptr::null_mut()),
            opens: std::ptr::null_mut(),
        }
    }

    fn session(&self) -> Option<CK_SESSION_HANDLE> {
        match self.subject {
            Subject::Session(handle) => Some(handle),
            _ => None,
        }
    }

    fn slot(&self) -> Option<CK_SLOT_ID> {
        match self.subject {
            Subject::Module => None,
            Subject::Slot(slot) => Some(slot),
            Subject::Session(handle) => state().slot_of(handle),
        }
    }
}

pub(crate) unsafe fn mechanism_of(mechanism: *const CK_MECHANISM) -> Option<CK_MECHANISM_TYPE> {
    mechanism.as_ref().map(|mechanism| mechanism.mechanism)
}

/// The function list of the real module; the list that has our functions is handed
/// out only once it is there.
pub(crate) static REAL: OnceLock<&'static CK_FUNCTION_LIST> = OnceLock::new();

pub(crate) unsafe fn run(call: Call, forward: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
    let Some(real) = REAL.get().copied() else {
        return CKR_GENERAL_ERROR;
    };
    let serial = state().enter(call.function, call.session());
    let rv = meet_fate(&call, real, forward);
    state().leave(call.function, call.session(), serial, rv);
    rv
}

/// Readers are calls in the real module; a fault that pulls the rug from under all
/// of them waits until they are out: modules crash otherwise, and the test with them.
static INSIDE: RwLock<()> = RwLock::new(());

unsafe fn meet_fate(
    call: &Call,
    real: &CK_FUNCTION_LIST,
    forward: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV,
) -> CK_RV {
    // One lock for the decision and the tickets, so that no release gets lost.
    let (fate, mut epoch, ticket) = {
        let mut state = state();
        let mut fate = state.plan.decide(call.function);
        match (state.mode, call.subject) {
            (Mode::Down { until_plan, .. }, _) if call.function == Function::C_Finalize => {
                fate.fault = None;
                if !until_plan {
                    state.mode = Mode::Up;
                }
            }
            (Mode::Down { rv, .. }, _) => return rv,
            (Mode::Removed, Subject::Slot(_)) => return CKR_TOKEN_NOT_PRESENT,
            _ => {}
        }
        if fate.fault.is_some() {
            state.count_fault();
        }
        match fate.fault {
            Some(Fault::Down { rv, until_plan }) => state.mode = Mode::Down { rv, until_plan },
            Some(Fault::Removed) => state.mode = Mode::Removed,
            _ => {}
        }
        (fate, state.epoch, state.releases)
    };

    sleep(fate.sleep);
    match fate.fault {
        Some(Fault::Fail(rv) | Fault::Down { rv, .. }) => return rv,
        Some(Fault::Hang) => wait_for_release(ticket),
        Some(fault) => {
            if let Some(rv) = strike(fault, call, real) {
                return rv;
            }
            if fault == Fault::Finalize {
                epoch += 1;
            }
        }
        None => {}
    }
    sleep(fate.delay);

    let rv = if call.function == Function::C_Finalize {
        finalize(real, forward)
    } else {
        let _inside = INSIDE.read().unwrap_or_else(PoisonError::into_inner);
        // Its session's number may be somebody else's by now.
        if call.session().is_some() && state().epoch != epoch {
            return CKR_FUNCTION_CANCELED;
        }
        enter_module(call, real, forward)
    };
    match fate.fault {
        Some(Fault::After(rv)) => {
            if !call.opens.is_null() {
                state().orphaned(*call.opens);
            }
            return rv;
        }
        Some(Fault::BitFlip) if rv == CKR_OK => flip(call.output),
        _ => {}
    }
    rv
}

/// What happens before the call is forwarded, or instead of it.
unsafe fn strike(fault: Fault, call: &Call, real: &CK_FUNCTION_LIST) -> Option<CK_RV> {
    let alone = || INSIDE.write().unwrap_or_else(PoisonError::into_inner);
    match fault {
        Fault::Close => {
            let handle = call.session()?;
            let _inside = INSIDE.read().unwrap_or_else(PoisonError::into_inner);
            (real.C_CloseSession?)(handle);
            state().kill(handle);
        }
        Fault::CloseAll => {
            let slot = call.slot()?;
            let _alone = alone();
            (real.C_CloseAllSessions?)(slot);
            state().kill_all(Some(slot));
        }
        Fault::Logout => {
            let handle = call.session()?;
            let _alone = alone();
            (real.C_Logout?)(handle);
        }
        Fault::Finalize => {
            let _alone = alone();
            (real.C_Finalize?)(std::ptr::null_mut());
            settle(real);
            let mut state = state();
            state.kill_all(None);
            state.epoch += 1;
        }
        // "Removing a token closes all sessions with it": PKCS#11 v2.40 section 5.6.
        Fault::Removed => {
            let _alone = alone();
            let slots = state().slots();
            for slot in slots {
                (real.C_CloseAllSessions?)(slot);
            }
            state().kill_all(None);
            return match call.subject {
                Subject::Session(_) => Some(CKR_DEVICE_REMOVED),
                Subject::Slot(_) => Some(CKR_TOKEN_NOT_PRESENT),
                Subject::Module => None,
            };
        }
        _ => {}
    }
    None
}

/// The caller's C_Finalize. "The behavior is undefined if it is called while other
/// threads are making calls" (v2.40 section 5.4): that is counted, and made to wait.
unsafe fn finalize(
    real: &CK_FUNCTION_LIST,
    forward: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV,
) -> CK_RV {
    let free = INSIDE.try_write();
    let overlap = free.is_err();
    let _alone = free.unwrap_or_else(|_| INSIDE.write().unwrap_or_else(PoisonError::into_inner));
    let rv = forward(real);
    settle(real);
    let mut state = state();
    if rv == CKR_OK {
        state.closed_all(None);
        state.epoch += 1;
        state.count_finalize(overlap);
    }
    rv
}

/// The first call after C_Finalize, while no other is under way. SoftHSM makes its one
/// instance anew in it, and two threads that come to that at once free each other's.
unsafe fn settle(real: &CK_FUNCTION_LIST) {
    if let Some(get_info) = real.C_GetInfo {
        let mut info = std::mem::zeroed();
        get_info(&raw mut info);
    }
}

/// Forwards, and keeps book of the sessions.
unsafe fn enter_module(
    call: &Call,
    real: &CK_FUNCTION_LIST,
    forward: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV,
) -> CK_RV {
    match (call.function, call.subject) {
        // Before forwarding: once it is closed, its number may be handed out again.
        (Function::C_CloseSession, Subject::Session(handle)) => state().closed(handle),
        (Function::C_CloseAllSessions, Subject::Slot(slot)) => state().closed_all(Some(slot)),
        _ => {}
    }
    let hidden = |kind| state().settings.hidden.contains(&kind);
    if call.mechanism.is_some_and(hidden) {
        return CKR_MECHANISM_INVALID;
    }
    let rv = forward(real);
    match (call.function, call.subject) {
        (Function::C_OpenSession, Subject::Slot(slot)) if rv == CKR_OK => {
            state().opened(slot, *call.opens);
        }
        (Function::C_Initialize, _) if rv == CKR_OK => state().count_initialize(),
        _ => {}
    }
    rv
}

unsafe fn flip((out, len): (*mut CK_BYTE, *mut CK_ULONG)) {
    // No octets in a length query, nor in a call that has no such output.
    if !out.is_null() && !len.is_null() && *len > 0 {
        let bit = state().plan.random(*len as usize * 8);
        *out.add(bit / 8) ^= 1 << (bit % 8);
    }
}
