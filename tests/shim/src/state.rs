//! What the shim knows: the plan, the sessions as they pass by, the counters.
//! One lock; it is never held while the real module or a sleep runs.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

use crate::functions::Function;
use crate::plan::Plan;
use crate::settings::Settings;

/// Locks the state; the first call reads the environment.
pub(crate) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blocks until `release` or a new plan after `ticket` was taken.
pub(crate) fn wait_for_release(ticket: u64) {
    let mut state = state();
    state.hanging += 1;
    let waiting = RELEASED.wait_while(state, |state| state.releases == ticket);
    waiting.unwrap_or_else(PoisonError::into_inner).hanging -= 1;
}

pub(crate) struct State {
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) mode: Mode,
    /// Goes up with every release and every plan: what a hanging call waits for.
    pub(crate) releases: u64,
    /// Goes up with every C_Finalize: no call goes on into the module's next life.
    pub(crate) epoch: u64,
    /// Why the environment could not be read.
    pub(crate) broken: Option<String>,
    sessions: HashMap<CK_SESSION_HANDLE, Session>,
    /// Sessions that a fault closed: their owners cannot know.
    killed: HashSet<CK_SESSION_HANDLE>,
    hanging: u64,
    next_serial: u64,
    counters: Counters,
}

/// Whether the module plays along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Up,
    Down { rv: CK_RV, until_plan: bool },
    Removed,
}

/// Where an operation with a key of CKA_ALWAYS_AUTHENTICATE stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Auth {
    #[default]
    NotNeeded,
    Needed,
    Given,
}

#[derive(Debug)]
struct Session {
    slot: CK_SLOT_ID,
    /// Tells it from a later session of the same number.
    serial: u64,
    /// Calls that are using it now.
    users: u32,
    auth: Auth,
}

#[derive(Debug)]
struct Counters {
    calls: Vec<u64>,
    faults: u64,
    max_open: usize,
    orphans: u64,
    overlaps: u64,
    closed_use: u64,
    logins: u64,
    logins_failed: u64,
    pin_errors: u64,
    initializes: u64,
    finalizes: u64,
    finalize_overlaps: u64,
}

impl State {
    fn from_env() -> State {
        let plan = Plan::parse(&std::env::var("P11SHIM_PLAN").unwrap_or_default());
        let settings = Settings::from_env();
        let broken = plan.as_ref().err().or(settings.as_ref().err()).cloned();
        State {
            plan: plan.unwrap_or_default(),
            settings: settings.unwrap_or_default(),
            mode: Mode::Up,
            releases: 0,
            epoch: 0,
            broken,
            sessions: HashMap::new(),
            killed: HashSet::new(),
            hanging: 0,
            next_serial: 0,
            counters: Counters::new(),
        }
    }

    pub(crate) fn replace_plan(&mut self, plan: Plan) {
        self.plan = plan;
        self.mode = Mode::Up;
        self.release();
    }

    pub(crate) fn release(&mut self) {
        self.releases += 1;
        RELEASED.notify_all();
    }

    /// Counts a call; if it is one on a session, the session's serial number is for
    /// [`State::leave`].
    pub(crate) fn enter(
        &mut self,
        function: Function,
        session: Option<CK_SESSION_HANDLE>,
    ) -> Option<u64> {
        self.counters.calls[function as usize] += 1;
        let handle = session?;
        if let Some(session) = self.sessions.get_mut(&handle) {
            self.counters.overlaps += u64::from(session.users > 0);
            session.users += 1;
            return Some(session.serial);
        }
        self.counters.closed_use += u64::from(!self.killed.contains(&handle));
        None
    }

    /// Ends what [`State::enter`] began; `rv` is what the caller sees.
    pub(crate) fn leave(
        &mut self,
        function: Function,
        session: Option<CK_SESSION_HANDLE>,
        serial: Option<u64>,
        rv: CK_RV,
    ) {
        if let Some(session) = session.and_then(|handle| self.sessions.get_mut(&handle))
            && serial == Some(session.serial)
        {
            session.users -= 1;
        }
        if function == Function::C_Login {
            self.counters.logins += 1;
            self.counters.logins_failed += u64::from(rv != CKR_OK);
            let pin = CKR_PIN_INCORRECT..=CKR_PIN_LOCKED;
            self.counters.pin_errors += u64::from(pin.contains(&rv));
        }
    }

    pub(crate) fn count_fault(&mut self) {
        self.counters.faults += 1;
    }

    pub(crate) fn count_initialize(&mut self) {
        self.counters.initializes += 1;
    }

    /// The caller's own C_Finalize; `overlap`: while other calls were in the module.
    pub(crate) fn count_finalize(&mut self, overlap: bool) {
        self.counters.finalizes += 1;
        self.counters.finalize_overlaps += u64::from(overlap);
    }

    pub(crate) fn opened(&mut self, slot: CK_SLOT_ID, handle: CK_SESSION_HANDLE) {
        self.next_serial += 1;
        let session = Session {
            slot,
            serial: self.next_serial,
            users: 0,
            auth: Auth::NotNeeded,
        };
        self.sessions.insert(handle, session);
        self.killed.remove(&handle);
        self.counters.max_open = self.counters.max_open.max(self.sessions.len());
    }

    /// A session that was opened, and whose caller is told otherwise.
    pub(crate) fn orphaned(&mut self, handle: CK_SESSION_HANDLE) {
        if self.sessions.remove(&handle).is_some() {
            self.counters.orphans += 1;
        }
    }

    pub(crate) fn closed(&mut self, handle: CK_SESSION_HANDLE) {
        self.sessions.remove(&handle);
    }

    /// All sessions of a slot, or of all.
    pub(crate) fn closed_all(&mut self, slot: Option<CK_SLOT_ID>) {
        self.sessions
            .retain(|_, session| slot.is_some_and(|slot| session.slot != slot));
    }

    /// As [`State::closed`], by a fault.
    pub(crate) fn kill(&mut self, handle: CK_SESSION_HANDLE) {
        if self.sessions.remove(&handle).is_some() {
            self.killed.insert(handle);
        }
    }

    pub(crate) fn kill_all(&mut self, slot: Option<CK_SLOT_ID>) {
        let hit = |session: &Session| slot.is_none_or(|slot| session.slot == slot);
        let handles = self.sessions.iter().filter(|(_, session)| hit(session));
        self.killed.extend(handles.map(|(handle, _)| *handle));
        self.closed_all(slot);
    }

    pub(crate) fn slot_of(&self, handle: CK_SESSION_HANDLE) -> Option<CK_SLOT_ID> {
        self.sessions.get(&handle).map(|session| session.slot)
    }

    /// The slots that have sessions.
    pub(crate) fn slots(&self) -> HashSet<CK_SLOT_ID> {
        self.sessions.values().map(|session| session.slot).collect()
    }

    pub(crate) fn auth(&self, handle: CK_SESSION_HANDLE) -> Auth {
        self.sessions
            .get(&handle)
            .map_or(Auth::NotNeeded, |session| session.auth)
    }

    pub(crate) fn set_auth(&mut self, handle: CK_SESSION_HANDLE, auth: Auth) {
        if let Some(session) = self.sessions.get_mut(&handle) {
            session.auth = auth;
        }
    }

    /// `name=value` lines.
    pub(crate) fn stats(&self) -> String {
        let c = &self.counters;
        let mut out = String::new();
        for (name, value) in [
            ("open_sessions", self.sessions.len() as u64),
            ("max_open_sessions", c.max_open as u64),
            ("orphaned_sessions", c.orphans),
            ("overlaps", c.overlaps),
            ("closed_use", c.closed_use),
            ("logins", c.logins),
            ("logins_failed", c.logins_failed),
            ("pin_errors", c.pin_errors),
            ("initializes", c.initializes),
            ("finalizes", c.finalizes),
            ("finalize_overlaps", c.finalize_overlaps),
            ("faults", c.faults),
            ("hanging", self.hanging),
        ] {
            let _ = writeln!(out, "{name}={value}");
        }
        for (function, count) in Function::ALL.iter().zip(&c.calls).filter(|(_, n)| **n > 0) {
            let _ = writeln!(out, "calls.{}={count}", function.name());
        }
        out
    }

    pub(crate) fn reset_stats(&mut self) {
        self.counters = Counters::new();
        self.counters.max_open = self.sessions.len();
    }
}

impl Counters {
    fn new() -> Counters {
        Counters {
            calls: vec![0; Function::ALL.len()],
            faults: 0,
            max_open: 0,
            orphans: 0,
            overlaps: 0,
            closed_use: 0,
            logins: 0,
            logins_failed: 0,
            pin_errors: 0,
            initializes: 0,
            finalizes: 0,
            finalize_overlaps: 0,
        }
    }
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| Mutex::new(State::from_env()));
static RELEASED: Condvar = Condvar::new();
