//! Sessions: a bounded number of them, each in one pair of hands at a time.
//!
//! A session goes back only after success: what an error leaves behind in it (an operation
//! still active, a login gone) is different in each module. And a session is closed only
//! while its number is certainly its own: numbers start again at 1 after `C_Initialize`, so
//! a stale one may be somebody else's new session by now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::error::{Reason, Trouble, unavailable};
use super::module::Module;
use super::raw::RawSession;
use super::sync::{Pass, lock, wait};

/// Sessions that were opened together with one login and end together.
pub(super) type Series = Arc<AtomicBool>;

/// An open session. Closed on drop, unless its number may be another's by now.
#[derive(Debug)]
pub(super) struct Session {
    raw: Option<RawSession>,
    module: Arc<Module>,
    generation: u64,
    series: Series,
}

impl Session {
    pub(super) fn new(
        module: &Arc<Module>,
        generation: u64,
        series: &Series,
        raw: RawSession,
    ) -> Self {
        Session {
            raw: Some(raw),
            module: Arc::clone(module),
            generation,
            series: Arc::clone(series),
        }
    }

    /// The number, for a call. Always there: only `drop` takes it out.
    pub(super) fn raw(&mut self) -> Result<&mut RawSession, Trouble> {
        self.raw.as_mut().ok_or(Trouble::Missing)
    }

    /// Counts it among those of a login.
    pub(super) fn join(&mut self, series: &Series) {
        self.series = Arc::clone(series);
    }

    /// Lets go of a number that is not the session's any more.
    pub(super) fn forget(mut self) {
        self.raw = None;
    }

    /// Closes it although its login is lost, by who has just opened it: nobody else can have
    /// its number.
    pub(super) fn undo(mut self) {
        if let Some(raw) = self.raw.take() {
            // As below.
            let _ = self.module.library.close_session(raw);
        }
    }

    /// Closes it; by who is inside the gate.
    fn close(&mut self) {
        if let (Some(raw), true) = (self.raw.take(), self.is_live()) {
            // A session that cannot be closed is the module's to clean up.
            let _ = self.module.library.close_session(raw);
        }
    }

    /// Whether its number is certainly its own.
    pub(super) fn is_live(&self) -> bool {
        self.series.load(Ordering::Acquire) && self.generation == self.module.generation()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // In a forked child the gate may be locked for ever, by a thread that is not there.
        if !self.module.is_of_this_process() {
            return;
        }
        // Inside the gate, so that the module is not initialised anew in between.
        if let Some(_pass) = self.module.gate.enter(Instant::now()) {
            self.close();
        }
    }
}

/// What makes a deadline that was waited for certainly past.
const TICK: Duration = Duration::from_millis(1);

/// How long a token that had no room for another session is believed.
const ROOM_AGAIN: Duration = Duration::from_secs(5);

/// The pool of one token.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    returned: Condvar,
    /// How long to wait for a session.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    idle: Vec<Session>,
    /// From when on the call of each session that is out counts as hung.
    out: BTreeMap<u64, Instant>,
    next: u64,
    /// How many there may be.
    size: usize,
    /// How many there should be, and since when the token has had no room for them.
    wanted: usize,
    refused: Option<Instant>,
    /// How many threads wait for one: waking nobody is a system call too.
    waiting: usize,
    /// Sessions whose calls have not returned and are waited for no longer.
    lost: usize,
}

/// A session that is out, and the gate pass under which it is used.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) session: Option<Session>,
    ticket: u64,
    pool: Arc<Pool>,
    pass: Option<Pass>,
}

impl Pool {
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        Arc::new(Pool {
            state: Mutex::new(State {
                idle: Vec::new(),
                out: BTreeMap::new(),
                next: 0,
                size: 1,
                wanted: 1,
                refused: None,
                waiting: 0,
                lost: 0,
            }),
            returned: Condvar::new(),
            patience,
        })
    }

    /// Sets how many sessions there may be.
    pub(super) fn resize(&self, size: usize) {
        let mut state = lock(&self.state);
        state.size = size.max(1);
        state.wanted = state.size;
        state.refused = None;
        drop(state);
        self.returned.notify_all();
    }

    /// How many there may be.
    pub(super) fn size(&self) -> usize {
        lock(&self.state).size
    }

    /// How many calls have not returned in time.
    pub(super) fn hung(&self) -> usize {
        let mut state = lock(&self.state);
        state.give_up_overdue();
        state.lost
    }

    /// A session that waits here, or a new one from `open`, for `deadline` at most.
    pub(super) fn borrow(
        self: &Arc<Self>,
        module: &Arc<Module>,
        deadline: Duration,
        open: impl Fn() -> Result<Session, Trouble>,
    ) -> Result<Lent, Trouble> {
        let limit = Instant::now() + self.patience;
        let mut pass = Some(module.enter(limit)?);
        loop {
            let (ticket, session) = self.seat(limit, deadline)?;
            // The place in the pool is given back by the guard if opening fails.
            let mut lent = Lent {
                session,
                ticket,
                pool: Arc::clone(self),
                pass: pass.take(),
            };
            if lent.session.is_some() {
                return Ok(lent);
            }
            match open() {
                Ok(session) => {
                    lent.session = Some(session);
                    return Ok(lent);
                }
                // The token has no room for more than there are: one of those will do.
                Err(Trouble::Failure(failure)) if failure.is_session_count() && self.shrink() => {
                    pass = lent.pass.take();
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// A place among those that are out, with the idle session that it comes with.
    fn seat(&self, limit: Instant, deadline: Duration) -> Result<(u64, Option<Session>), Trouble> {
        let mut state = lock(&self.state);
        loop {
            while let Some(session) = state.idle.pop() {
                // To drop a dead one is to forget it, which calls nothing.
                if session.is_live() {
                    return Ok((state.issue(deadline), Some(session)));
                }
            }
            state.give_up_overdue();
            if state.lost >= 2 * state.size {
                // Each of them holds a thread and a session of the token.
                return Err(unavailable(Reason::Hung).into());
            }
            state.grow_again();
            if state.out.len() < state.size {
                return Ok((state.issue(deadline), None));
            }
            if Instant::now() >= limit {
                return Err(unavailable(Reason::NoSession).into());
            }
            // At the latest when the first of those that are out counts as hung.
            let first = state.out.values().min();
            let until = first.map_or(limit, |overdue| limit.min(*overdue + TICK));
            state.waiting += 1;
            state = match wait(&self.returned, state, until) {
                Some(state) => state,
                None => lock(&self.state),
            };
            state.waiting -= 1;
        }
    }

    /// Makes the pool as large as the sessions that others have, if there are any.
    fn shrink(&self) -> bool {
        let mut state = lock(&self.state);
        let others = state.out.len().saturating_sub(1) + state.idle.len();
        if others > 0 {
            state.size = others;
            state.refused = Some(Instant::now());
        }
        others > 0
    }

    /// Stops waiting for the session of this ticket.
    pub(super) fn give_up(&self, ticket: u64) {
        lock(&self.state).give_up(ticket);
        self.returned.notify_one();
    }

    /// Waits until no session is out, or `limit`.
    pub(super) fn drain(&self, limit: Instant) {
        let mut state = lock(&self.state);
        while !state.out.is_empty() || state.lost > 0 {
            state.waiting += 1;
            let woken = wait(&self.returned, state, limit);
            let in_time = woken.is_some();
            state = woken.unwrap_or_else(|| lock(&self.state));
            state.waiting -= 1;
            if !in_time {
                return;
            }
        }
    }

    /// Drops the sessions that wait here.
    pub(super) fn clear(&self) {
        let idle = std::mem::take(&mut lock(&self.state).idle);
        drop(idle);
    }

    /// Takes a place back, with the session if it is still good. Inside the gate.
    fn take_back(&self, ticket: u64, session: Option<Session>) {
        let mut state = lock(&self.state);
        let expected = state.out.remove(&ticket).is_some();
        if !expected {
            state.lost = state.lost.saturating_sub(1);
        }
        let surplus = match session {
            Some(session) if expected && state.out.len() + state.idle.len() < state.size => {
                state.idle.push(session);
                None
            }
            session => session,
        };
        let awaited = state.waiting > 0;
        drop(state);
        if awaited {
            self.returned.notify_one();
        }
        if let Some(mut session) = surplus {
            session.close();
        }
    }
}

impl State {
    fn issue(&mut self, deadline: Duration) -> u64 {
        self.next += 1;
        self.out.insert(self.next, Instant::now() + deadline);
        self.next
    }

    /// Tries one more than the token had room for, from time to time: others may have ended
    /// theirs.
    fn grow_again(&mut self) {
        let due = |since: Instant| since.elapsed() > ROOM_AGAIN;
        if self.size < self.wanted && self.refused.is_some_and(due) {
            self.size += 1;
            self.refused = Some(Instant::now());
        }
    }

    fn give_up(&mut self, ticket: u64) {
        if self.out.remove(&ticket).is_some() {
            self.lost += 1;
        }
    }

    fn give_up_overdue(&mut self) {
        let now = Instant::now();
        let overdue = self.out.iter().filter(|(_, overdue)| now > **overdue);
        let overdue: Vec<u64> = overdue.map(|(ticket, _)| *ticket).collect();
        overdue.into_iter().for_each(|ticket| self.give_up(ticket));
    }
}

impl Lent {
    pub(super) fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Gives the session back for others to use.
    pub(super) fn succeed(mut self) {
        let session = self.session.take();
        self.pool.take_back(self.ticket, session);
        // Taken back: the drop below finds neither session nor ticket.
        self.ticket = 0;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // An error, or a call that came back after all: nobody uses this session again.
        // Closed under its own pass: while the gate is being closed there is no other.
        if let Some(mut session) = self.session.take() {
            session.close();
        }
        if self.ticket != 0 {
            self.pool.take_back(self.ticket, None);
        }
    }
}
