//! A token: where it is, the login, its sessions, and work that is done in it.
//!
//! Work is a function of a session, so that it can be done again in another one after the
//! token was healed. Who asks for it waits for a deadline at most.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::config::{Calls, Config};
use super::crew::Overdue;
use super::error::{Reason, Trouble, unavailable};
use super::heal::{Cause, State, Verdict, is_user};
use super::module::Module;
use super::object::Objects;
use super::offer::Offer;
use super::pool::{Lent, Pool, Series, Session};
use super::raw::{Attribute, Library, Object, RawSession};
use super::rv::Failure;
use super::sync::{Turn, TurnGuard};
use crate::alg::{KeySpec, Op, SignAlg};
use crate::provider::Capabilities;

/// What is true while a login lasts.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) slot: CK_SLOT_ID,
    /// Of the module's initialisation.
    pub(super) generation: u64,
    /// Whether it took a login, so that its loss can be noticed.
    pub(super) login: bool,
    /// Counts logins: what was known of objects in an earlier one is void.
    pub(super) epoch: u64,
    pub(super) series: Series,
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) config: Arc<Config>,
    pub(super) module: Arc<Module>,
    pub(super) pool: Arc<Pool>,
    pub(super) objects: Objects,
    /// One who writes at a time: concurrent writers make one module fail now and then, and
    /// another hang.
    pub(super) writes: Arc<Turn<()>>,
    /// The one who writes is overdue: nobody waits for him as long again.
    write_hangs: AtomicBool,
    /// One who heals at a time.
    pub(super) state: Arc<Turn<State>>,
    /// Set if work may be handed to another thread.
    pub(super) isolated: bool,
    live: RwLock<Option<Live>>,
    /// Set once, when the token was tried.
    offer: OnceLock<(Offer, Arc<Capabilities>)>,
    /// What has taken its place: in a forked child, the token as the child sees it (nothing that
    /// the parent could have locked is in its way), or another token of the same name.
    pub(super) heir: OnceLock<Arc<Token>>,
    /// Another token of the same name was found where this one was.
    another: AtomicBool,
    /// One at a time tries that one.
    pub(super) renewal: Arc<Turn<()>>,
    /// The last attempt to heal it failed: nobody waits for the next.
    pub(super) failing: AtomicBool,
    /// The token refused the PIN: nobody tries it again until told to.
    pub(super) pin_refused: Arc<AtomicBool>,
}

/// What failing means for a kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The input can be at fault: a failure in a token that is well is the caller's, and is
    /// not tried again.
    Input,
    /// The same of a trial, with keys of its own that it may have to make.
    Trial,
    /// The input cannot be at fault, and doing it twice does no harm.
    Repeatable,
    /// Writes: alone, with a longer deadline. Done again only after what a first attempt may
    /// have left was looked for, which the work itself does.
    Write,
}

impl Kind {
    /// Making an RSA key takes some tokens a minute.
    fn deadline(self, config: &Config) -> Duration {
        match self {
            Kind::Write | Kind::Trial => 10 * config.deadline,
            Kind::Input | Kind::Repeatable => config.deadline,
        }
    }

    /// Whether it may be done again in a token that is well.
    fn is_worth_another(self, failure: Failure) -> bool {
        match self {
            Kind::Input | Kind::Trial => !failure.is_of_input(),
            Kind::Repeatable | Kind::Write => true,
        }
    }
}

/// What work has at hand.
pub(super) struct Desk<'a> {
    pub(super) token: &'a Token,
    pub(super) library: Library,
    pub(super) session: &'a mut RawSession,
    pub(super) slot: CK_SLOT_ID,
    pub(super) epoch: u64,
    /// 0, and more if it is done again.
    pub(super) attempt: usize,
    /// Alive as long as the caller waits; `None` if this is the caller's thread.
    caller: Option<Weak<()>>,
}

impl Desk<'_> {
    /// Whether anybody still waits for the result.
    pub(super) fn is_awaited(&self) -> bool {
        let caller = self.caller.as_ref();
        caller.is_none_or(|caller| caller.strong_count() > 0)
    }

    /// A temporary object, which is destroyed whatever `work` does.
    pub(super) fn with_object<T>(
        &mut self,
        template: &[Attribute<'_>],
        work: impl FnOnce(&mut Self, Object) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let object = self.library.create_object(self.session, template)?;
        self.destroying(object, |desk| work(desk, object))
    }

    /// Destroys a temporary object, whatever `work` does.
    pub(super) fn destroying<T>(
        &mut self,
        object: Object,
        work: impl FnOnce(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let result = work(self);
        let destroyed = self.library.destroy_object(self.session, object);
        let value = result?;
        destroyed?;
        Ok(value)
    }
}

/// How often work is done again for a fault that comes back each time.
const MOST_ATTEMPTS: usize = 4;

impl Token {
    /// With the latch of those before it: their PIN is this one's.
    pub(super) fn new(
        config: &Arc<Config>,
        module: Arc<Module>,
        pin_refused: Arc<AtomicBool>,
    ) -> Arc<Self> {
        let isolated = match config.calls {
            Calls::Isolated => true,
            Calls::Inline => false,
            Calls::Automatic => !module.in_process,
        };
        Arc::new(Token {
            config: Arc::clone(config),
            module,
            pool: Pool::new(config.patience),
            objects: Objects::default(),
            writes: Turn::new(()),
            write_hangs: AtomicBool::new(false),
            state: Turn::new(State::default()),
            isolated,
            live: RwLock::new(None),
            offer: OnceLock::new(),
            heir: OnceLock::new(),
            another: AtomicBool::new(false),
            renewal: Turn::new(()),
            failing: AtomicBool::new(false),
            pin_refused,
        })
    }

    /// What is true now, or `None` while the token is not logged in.
    pub(super) fn live(&self) -> Option<Live> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.clone()
            .filter(|live| live.generation == self.module.generation())
    }

    pub(super) fn set_live(&self, live: Option<Live>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
    }

    /// What it offers; nothing until it was tried.
    pub(super) fn offer(&self) -> &Offer {
        &self.tried().0
    }

    /// The same as others see it.
    pub(super) fn capabilities(&self) -> &Arc<Capabilities> {
        &self.tried().1
    }

    fn tried(&self) -> &(Offer, Arc<Capabilities>) {
        static NOTHING: LazyLock<(Offer, Arc<Capabilities>)> = LazyLock::new(|| {
            let offer = Offer::default();
            let capabilities = Arc::new(offer.capabilities(false));
            (offer, capabilities)
        });
        self.offer.get().unwrap_or_else(|| &NOTHING)
    }

    pub(super) fn set_offer(&self, offer: Offer) {
        let capabilities = Arc::new(offer.capabilities(self.config.public_in_token));
        // The first is kept.
        let _ = self.offer.set((offer, capabilities));
    }

    /// Whether what was tried is not what is there.
    pub(super) fn is_another(&self) -> bool {
        self.another.load(Ordering::Acquire)
    }

    /// Notes that it is not.
    pub(super) fn set_another(&self) {
        self.another.store(true, Ordering::Release);
    }

    pub(super) fn offers_sign(&self, alg: SignAlg, spec: KeySpec) -> bool {
        self.offer().place(Op::Sign, alg.into(), spec).is_some()
    }

    pub(super) fn is_pin_refused(&self) -> bool {
        self.pin_refused.load(Ordering::Acquire)
    }

    /// Does work in the token, healing it first or in between if need be.
    ///
    /// Gives [`Trouble::Failure`] only if the token is well and the work alone failed, and
    /// [`Trouble::Missing`] only if the token is well and the object is not in it.
    pub(super) fn work<T, F>(self: &Arc<Self>, kind: Kind, work: F) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: Fn(&mut Desk<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let mut attempt = 0;
        // A dead session is no fault of the token; there may be as many as the pool is large.
        let mut dead = 0;
        loop {
            let live = match self.live() {
                Some(live) => live,
                None => self.heal(0, Cause::default())?,
            };
            let trouble = match self.once(kind, &live, attempt, &work) {
                Ok(value) => return Ok(value),
                Err(trouble) => trouble,
            };
            attempt += 1;
            let failure = match &trouble {
                Trouble::Final(_) | Trouble::Overdue(_) => return Err(trouble),
                Trouble::Failure(failure) => Some(*failure),
                Trouble::Missing => None,
            };
            match self.judge(live.epoch, failure)? {
                Verdict::Healed if attempt - dead < MOST_ATTEMPTS => {}
                Verdict::Healed => return Err(self.as_unavailable(trouble)),
                Verdict::Well => match failure {
                    // Believed of a well token alone: where the module was initialised anew in
                    // between, the number of the key may be that of one which may not do this.
                    Some(failure) if failure.is_template() || failure.is_forbidden() => {
                        return Err(trouble);
                    }
                    Some(failure) if failure.is_session() && dead <= self.pool.size() => {
                        dead += 1;
                        self.pool.clear();
                    }
                    // A number may be void. A write looks for what it left, and so may be done again
                    // too.
                    Some(failure) if kind.is_worth_another(failure) && attempt - dead == 1 => {}
                    // Another process may be in the middle of making it.
                    _ => return Err(trouble),
                },
            }
        }
    }

    /// After this many attempts the fault is the token's, whatever it says of itself.
    fn as_unavailable(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Failure(failure) => unavailable(failure).into(),
            Trouble::Missing => unavailable(Reason::Healing).into(),
            trouble => trouble,
        }
    }

    /// Does work once, in a session of the pool.
    fn once<T, F>(
        self: &Arc<Self>,
        kind: Kind,
        live: &Live,
        attempt: usize,
        work: &Arc<F>,
    ) -> Result<T, Trouble>
    where
        T: Send + 'static,
        F: Fn(&mut Desk<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
    {
        let deadline = kind.deadline(&self.config);
        let turn = match kind {
            Kind::Write => Some(self.turn_to_write(deadline)?),
            Kind::Input | Kind::Trial | Kind::Repeatable => None,
        };
        // Writes are rare and are where modules hang, so they are never in the caller's thread.
        if !self.isolated && kind != Kind::Write {
            let mut lent = self.lend(live, deadline)?;
            let result = self.perform(&mut lent, live, attempt, None, work.as_ref());
            return finish(result, lent);
        }
        let (token, work, live) = (Arc::clone(self), Arc::clone(work), live.clone());
        let ticket = Arc::new(Mutex::new(None));
        let issued = Arc::clone(&ticket);
        let caller = Arc::new(());
        let waiting = Arc::downgrade(&caller);
        let result = self.module.run(deadline, move |_| {
            // Here and not in the caller's thread: opening a session is a call too.
            let mut lent = token.lend(&live, deadline)?;
            if waiting.strong_count() == 0 {
                // Nobody wants it any more: no key is made that nobody knows of.
                lent.succeed();
                return Err(Trouble::Overdue(Overdue::NoAnswer));
            }
            *super::sync::lock(&issued) = Some(lent.ticket());
            let result = finish(
                token.perform(&mut lent, &live, attempt, Some(waiting), work.as_ref()),
                lent,
            );
            // Held until the call is over, however long the caller waited.
            drop(turn);
            result
        });
        if let (Err(Trouble::Overdue(_)), Some(ticket)) = (&result, *super::sync::lock(&ticket)) {
            self.pool.give_up(ticket);
        }
        if kind == Kind::Write && matches!(result, Err(Trouble::Overdue(Overdue::NoAnswer))) {
            self.write_hangs.store(true, Ordering::Release);
        }
        drop(caller);
        result
    }

    fn turn_to_write(&self, patience: Duration) -> Result<TurnGuard<()>, Trouble> {
        let (patience, reason) = match self.write_hangs.load(Ordering::Acquire) {
            true => (Duration::ZERO, Reason::Hung),
            false => (patience, Reason::NoSession),
        };
        let turn = self.writes.take(Instant::now() + patience);
        let turn = turn.ok_or_else(|| unavailable(reason))?;
        self.write_hangs.store(false, Ordering::Release);
        Ok(turn)
    }

    fn perform<T>(
        &self,
        lent: &mut Lent,
        live: &Live,
        attempt: usize,
        caller: Option<Weak<()>>,
        work: &dyn Fn(&mut Desk<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let session = lent.session.as_mut().ok_or(Trouble::Missing)?;
        work(&mut Desk {
            token: self,
            library: self.module.library,
            session: session.raw()?,
            slot: live.slot,
            epoch: live.epoch,
            attempt,
            caller,
        })
    }

    /// A session of the pool, for work that takes no longer than `deadline`.
    fn lend(self: &Arc<Self>, live: &Live, deadline: Duration) -> Result<Lent, Trouble> {
        self.pool.borrow(&self.module, deadline, || {
            let raw = self.module.library.open_session(live.slot)?;
            let mut session = Session::new(&self.module, live.generation, &live.series, raw);
            match self.is_of(live, &mut session) {
                Ok(()) => Ok(session),
                Err(Trouble::Failure(failure)) if failure.is_session() => {
                    session.forget();
                    Err(Trouble::Failure(failure))
                }
                Err(trouble) => {
                    session.undo();
                    Err(trouble)
                }
            }
        })
    }

    /// Whether a session that was just opened is of the login that it was opened for. One of a
    /// later login would stay open for ever, as the numbers of a lost one count as others'.
    fn is_of(&self, live: &Live, session: &mut Session) -> Result<(), Trouble> {
        let logged_in = !live.login || is_user(self.module.library.session_state(session.raw()?)?);
        // In this order: who logs in again ends the series first.
        if logged_in && session.is_live() {
            return Ok(());
        }
        Err(Trouble::Failure(Failure {
            function: "C_OpenSession",
            rv: CKR_USER_NOT_LOGGED_IN,
        }))
    }

    /// Ends everything, waiting for a dead module for a moment at most.
    pub(super) fn close(self: &Arc<Self>) {
        if !self.module.is_of_this_process() {
            return;
        }
        let token = Arc::clone(self);
        let limit = Instant::now() + Duration::from_secs(2).min(self.config.deadline);
        // A process that ends while a call is in the module can crash in its destructors.
        self.pool.drain(limit);
        // What is late goes on in its thread; nobody waits for it.
        let left = limit.saturating_duration_since(Instant::now());
        let _ = self.module.run(left, move |_| {
            token.set_live(None);
            token.pool.clear();
            if let Some(mut state) = token.state.take(Instant::now())
                && let Some(state) = state.get()
            {
                state.leave();
            }
            Ok(())
        });
    }
}

/// Gives the session back after success, and drops it otherwise.
fn finish<T>(result: Result<T, Trouble>, lent: Lent) -> Result<T, Trouble> {
    if result.is_ok() {
        lent.succeed();
    }
    result
}
