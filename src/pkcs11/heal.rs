//! Finding out what is wrong with a token, and putting it right.
//!
//! A code says little, so the token is looked at before anything is done: is the anchor
//! session there and logged in, does the token answer? Only what the look finds is mended,
//! by the least that mends it: a login, a new session and login, or, with every call out of
//! the module, `C_Finalize` and `C_Initialize`. One caller heals and the others wait; after a
//! failed attempt all are refused at once until the next is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::crew::Overdue;
use super::error::{Reason, Trouble, unavailable};
use super::module::Module;
use super::pool::{Series, Session};
use super::raw::size;
use super::rv::Failure;
use super::sync::TurnGuard;
use super::token::{Desk, Live, Token};
use crate::error::{Error, ErrorKind, Rule};

/// The first rest after a failed attempt, and the longest.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How many sessions are used, where the token has room for them, if nothing else was asked for.
const MOST_SESSIONS: usize = 32;

/// The module's answer that something is wrong, if it gave one.
pub(super) type Cause = Option<Failure>;

/// Whose fault a failure was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The token is well: the work's own.
    Well,
    /// The token was not well and is now.
    Healed,
}

/// What one healer at a time works with.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Keeps the login while the pool is empty, and is asked how the token is.
    anchor: Option<Session>,
    series: Series,
    epoch: u64,
    /// Of the token that was there first.
    face: Option<Face>,
    attempts: u32,
    rest_until: Option<Instant>,
    cause: Cause,
}

impl State {
    /// Forgets the login. The anchor is closed if its number is still its own.
    pub(super) fn leave(&mut self) {
        self.anchor = None;
        self.series.store(false, Ordering::Release);
    }

    /// Forgets the sessions without closing them: their numbers may be others' by now.
    fn void(&mut self) {
        self.series.store(false, Ordering::Release);
        self.anchor = None;
    }
}

/// What a look at a token that is not well shows.
enum Look {
    LoggedOut,
    SessionLost,
    Sick(Failure),
}

impl Token {
    /// Whose fault a failure in epoch `seen` was. What can be healed is.
    pub(super) fn judge(self: &Arc<Self>, seen: u64, cause: Cause) -> Result<Verdict, Trouble> {
        if self.live().is_none_or(|live| live.epoch != seen) {
            self.heal(seen, cause)?;
            return Ok(Verdict::Healed);
        }
        let mut turn = self.turn()?;
        if self.live().is_none_or(|live| live.epoch != seen) {
            drop(turn);
            self.heal(seen, cause)?;
            return Ok(Verdict::Healed);
        }
        let Some(state) = turn.get() else {
            return Err(unavailable(Reason::Healing).into());
        };
        match self.look(state)? {
            None => Ok(Verdict::Well),
            Some(found) => {
                self.mend(state, found, cause)?;
                Ok(Verdict::Healed)
            }
        }
    }

    /// Brings the token to life, unless somebody has done so since epoch `seen`.
    pub(super) fn heal(self: &Arc<Self>, seen: u64, cause: Cause) -> Result<Live, Trouble> {
        if self.live().is_none() && self.is_pin_refused() {
            return Err(ErrorKind::LoginRefused.into());
        }
        let mut turn = self.turn()?;
        if let Some(live) = self.live().filter(|live| live.epoch != seen) {
            return Ok(live);
        }
        let Some(state) = turn.get() else {
            return Err(unavailable(Reason::Healing).into());
        };
        if self.is_pin_refused() {
            return Err(ErrorKind::LoginRefused.into());
        }
        if state.rest_until.is_some_and(|until| Instant::now() < until) {
            return Err(unavailable(Reason::Resting { cause: state.cause }).into());
        }
        let found = match state.attempts {
            // Not there yet, or gone with the module's last initialisation.
            0 => Look::SessionLost,
            // A client of a token server that was restarted works only after this.
            _ => Look::Sick(state.cause.unwrap_or(Failure::nonsense("C_GetTokenInfo"))),
        };
        self.mend(state, found, cause)
    }

    /// The healer's turn. While the token is known to fail, one tries at a time and nobody
    /// waits for him.
    fn turn(&self) -> Result<TurnGuard<State>, Error> {
        let patience = match self.failing.load(Ordering::Acquire) {
            true => Duration::ZERO,
            false => self.config.patience,
        };
        let turn = self.state.take(Instant::now() + patience);
        turn.ok_or_else(|| unavailable(Reason::Healing))
    }

    /// Does the least that mends what was found, and keeps the books.
    fn mend(
        self: &Arc<Self>,
        state: &mut State,
        found: Look,
        cause: Cause,
    ) -> Result<Live, Trouble> {
        self.set_live(None);
        let result = match found {
            Look::LoggedOut => self.enter(state, false),
            Look::SessionLost => self.enter(state, true).or_else(|trouble| match trouble {
                // A token that was never there is no reason to disturb those who use the module.
                Trouble::Failure(failure) if state.epoch > 0 => self.restart(state, failure),
                trouble => Err(trouble),
            }),
            Look::Sick(failure) => self.restart(state, failure),
        };
        self.failing.store(result.is_err(), Ordering::Release);
        match result {
            Ok(live) => {
                state.attempts = 0;
                state.rest_until = None;
                state.cause = None;
                self.set_live(Some(live.clone()));
                Ok(live)
            }
            Err(trouble) => {
                state.cause = match &trouble {
                    Trouble::Failure(failure) => Some(*failure),
                    _ => cause.or(state.cause),
                };
                state.attempts = state.attempts.saturating_add(1);
                let (first, longest) = REST;
                let rest = first * 2u32.saturating_pow(state.attempts.min(10) - 1);
                state.rest_until = Some(Instant::now() + rest.min(longest));
                Err(Error::from(trouble).into())
            }
        }
    }

    /// What is wrong with the token, if anything is: from the anchor session and the slot.
    fn look(&self, state: &mut State) -> Result<Option<Look>, Trouble> {
        let (Some(live), Some(mut anchor)) = (self.live(), state.anchor.take()) else {
            return Ok(Some(Look::SessionLost));
        };
        let (login, slot) = (live.login, live.slot);
        let answer = self.module.run(self.config.deadline, move |module| {
            let _pass = module.enter(Instant::now() + Duration::from_secs(1))?;
            let look = match module.library.session_state(anchor.raw()?) {
                Err(failure) if failure.is_session() => Some(Look::SessionLost),
                Err(failure) => Some(Look::Sick(failure)),
                Ok(session) => match module.library.token_info(slot) {
                    Err(failure) => Some(Look::Sick(failure)),
                    Ok(info) if info.flags & CKF_TOKEN_INITIALIZED == 0 => {
                        Some(Look::Sick(Failure::nonsense("C_GetTokenInfo")))
                    }
                    Ok(_) if login && !is_user(session) => Some(Look::LoggedOut),
                    Ok(_) => None,
                },
            };
            Ok((anchor, look))
        });
        match answer {
            Ok((anchor, look)) => {
                state.anchor = Some(anchor);
                Ok(look)
            }
            // The anchor is with the call that hangs.
            Err(Trouble::Overdue(Overdue::NoAnswer)) => {
                Ok(Some(Look::Sick(Failure::nonsense("C_GetSessionInfo"))))
            }
            // Without a thread to ask in, nothing is known; the anchor ended with the question.
            Err(trouble) => Err(trouble),
        }
    }

    /// Initialises the module anew, and logs in.
    fn restart(self: &Arc<Self>, state: &mut State, why: Failure) -> Result<Live, Trouble> {
        state.void();
        self.pool.clear();
        state.cause = Some(why);
        let seen = self.module.generation();
        self.module
            .reset(seen, self.config.deadline.min(Duration::from_secs(10)))?;
        self.enter(state, true)
    }

    /// Logs in, in a new anchor session if asked or if there is none.
    fn enter(self: &Arc<Self>, state: &mut State, anew: bool) -> Result<Live, Trouble> {
        if anew {
            // Its number may be another's by now.
            if let Some(anchor) = state.anchor.take() {
                anchor.forget();
            }
        }
        // In the caller's thread: asking for it may take as long as a person.
        let pin = self.config.pin.get()?;
        let fresh: Series = Arc::new(AtomicBool::new(true));
        let (token, series) = (Arc::clone(self), Arc::clone(&fresh));
        let before = anew.then(|| Arc::clone(&state.series));
        let anchor = state.anchor.take();
        let entered = self.module.run(self.config.deadline, move |module| {
            // Within one second: whoever closes the gate now will have everything start again.
            let limit = Instant::now() + Duration::from_secs(1);
            let _pass = module.enter(limit)?;
            token.log_in(
                module,
                anchor,
                &series,
                before.as_ref(),
                pin.as_ref().map(|pin| pin.expose()),
            )
        });
        let Entered {
            mut anchor,
            face,
            survived,
            slot,
            generation,
            login,
            sessions,
        } = match entered {
            Err(Trouble::Failure(failure)) if failure.is_pin() => {
                self.pin_refused.store(true, Ordering::Release);
                return Err(Error::with_source(ErrorKind::LoginRefused, failure).into());
            }
            result => result?,
        };
        if anew && !(survived && state.series.load(Ordering::Acquire)) {
            // The login ends with the last session: none of the others is left.
            state.void();
            self.pool.clear();
            state.series = fresh;
        } else {
            anchor.join(&state.series);
        }
        if *state.face.get_or_insert(face) != face {
            self.set_another();
        }
        state.anchor = Some(anchor);
        state.epoch += 1;
        self.objects.clear();
        let wanted = self.config.sessions.unwrap_or(MOST_SESSIONS);
        self.pool.resize(wanted.min(sessions).max(1));
        Ok(Live {
            slot,
            generation,
            login,
            epoch: state.epoch,
            series: Arc::clone(&state.series),
        })
    }

    /// Everything between a module that is initialised and a token that is logged in. `before`
    /// is the series that ended if the login is gone.
    fn log_in(
        &self,
        module: &Module,
        anchor: Option<Session>,
        series: &Series,
        before: Option<&Series>,
        pin: Option<&[u8]>,
    ) -> Result<Entered, Trouble> {
        let library = module.library;
        let generation = module.generation();
        let (slot, info) = self.find_slot(module)?;
        let mut anchor = match anchor {
            Some(anchor) => anchor,
            None => {
                let raw = library.open_session(slot)?;
                Session::new(&self.module, generation, series, raw)
            }
        };
        let state = library.session_state(anchor.raw()?)?;
        let survived = is_user(state);
        let by_person = info.flags & CKF_PROTECTED_AUTHENTICATION_PATH != 0;
        let wanted = info.flags & CKF_LOGIN_REQUIRED != 0 && (pin.is_some() || by_person);
        if wanted && !survived {
            // The last try is never spent: an operator can still have it.
            if info.flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED) != 0 {
                return Err(Failure {
                    function: "C_Login",
                    rv: CKR_PIN_LOCKED,
                }
                .into());
            }
            // Before there is another login, so that no session of that one is taken for one of
            // this: see `Token::is_of`.
            if let Some(before) = before {
                before.store(false, Ordering::Release);
            }
            match library.login(anchor.raw()?, CKU_USER, pin) {
                Err(failure) if failure.rv == CKR_USER_ALREADY_LOGGED_IN => {}
                result => result?,
            }
            if !is_user(library.session_state(anchor.raw()?)?) {
                return Err(Failure::nonsense("C_Login").into());
            }
        }
        Ok(Entered {
            anchor,
            face: face(&info),
            survived,
            slot,
            generation,
            login: wanted,
            sessions: room(&info),
        })
    }

    /// The slot that has the token, by what the token says of itself: slot numbers move.
    fn find_slot(&self, module: &Module) -> Result<(CK_SLOT_ID, CK_TOKEN_INFO), Trouble> {
        let slots = module.library.slots()?;
        let mut found = Vec::new();
        for slot in slots {
            // A slot whose token cannot be asked is not the one; another may be.
            let Ok(info) = module.library.token_info(slot) else {
                continue;
            };
            let initialized = info.flags & CKF_TOKEN_INITIALIZED != 0;
            if initialized && self.config.selector.matches(&info) {
                found.push((slot, info));
            }
        }
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Trouble::Failure(Failure {
                function: "C_GetSlotList",
                rv: CKR_TOKEN_NOT_PRESENT,
            })),
            _ => Err(Error::invalid("token", Rule::Inconsistent).into()),
        }
    }

    /// Allows the PIN to be tried again, after it or the token was put right.
    pub(super) fn forgive(&self) {
        self.pin_refused.store(false, Ordering::Release);
        if let Some(mut turn) = self.state.take(Instant::now() + self.config.patience)
            && let Some(state) = turn.get()
        {
            state.rest_until = None;
            // What failed was the login: no reason to initialise the module anew.
            state.attempts = 0;
        }
    }
}

impl Desk<'_> {
    /// Makes sure that the session is still logged in, and the token there.
    pub(super) fn vouch(&mut self) -> Result<(), Trouble> {
        let live = self.token.live().ok_or(Trouble::Missing)?;
        self.library.token_info(self.slot)?;
        if live.login && !is_user(self.library.session_state(self.session)?) {
            return Err(Trouble::Missing);
        }
        Ok(())
    }
}

/// What logging in gives.
struct Entered {
    anchor: Session,
    face: Face,
    /// The login was there already: sessions of it may be too.
    survived: bool,
    slot: CK_SLOT_ID,
    generation: u64,
    login: bool,
    sessions: usize,
}

/// What tells one token, and one version of it, from another: serial number and model, hardware
/// and firmware.
type Face = ([CK_UTF8CHAR; 16], [CK_UTF8CHAR; 16], [CK_BYTE; 4]);

fn face(info: &CK_TOKEN_INFO) -> Face {
    let (hardware, firmware) = (info.hardwareVersion, info.firmwareVersion);
    let versions = [
        hardware.major,
        hardware.minor,
        firmware.major,
        firmware.minor,
    ];
    (info.serialNumber, info.model, versions)
}

pub(super) fn is_user(state: CK_STATE) -> bool {
    matches!(state, CKS_RW_USER_FUNCTIONS | CKS_RO_USER_FUNCTIONS)
}

/// How many sessions the token has room for beside the anchor, by its own limit. How many others
/// have is found out when it refuses one.
fn room(info: &CK_TOKEN_INFO) -> usize {
    let limits = [info.ulMaxSessionCount, info.ulMaxRwSessionCount];
    let known = limits.iter().filter(|limit| {
        !matches!(
            **limit,
            CK_EFFECTIVELY_INFINITE | CK_UNAVAILABLE_INFORMATION
        )
    });
    let least = known.min().map_or(usize::MAX, |limit| size(*limit));
    least.saturating_sub(1)
}
