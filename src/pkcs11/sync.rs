//! Waiting with a limit: the two locks of this backend, neither of which can block for ever.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// Locks; what a panicking holder left behind is consistent, as nobody holds one of these
/// mutexes while calling anything that could panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until told or `limit`; `None` once it is past.
pub(super) fn wait<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    limit: Instant,
) -> Option<MutexGuard<'a, T>> {
    let left = limit.checked_duration_since(Instant::now())?;
    let (guard, _) = changed
        .wait_timeout(guard, left)
        .unwrap_or_else(PoisonError::into_inner);
    Some(guard)
}

/// Asks again and again until `limit`, for where nothing may be taken for granted of a lock: at
/// the end of the process its holder may be gone, or be the thread that asks.
pub(super) fn poll<T>(limit: Instant, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() >= limit {
            return answer;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Locks, or `None` while somebody else has it.
pub(super) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Many may be inside, unless it is closed: who closes it is alone. Once it has ended nobody
/// goes inside any more.
///
/// The module's calls are inside; `C_Finalize` and `C_Initialize` happen while it is closed,
/// as no call may be running then (PKCS #11 v3.1 section 5.4.2).
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    inside: usize,
    closed: bool,
    ended: bool,
}

/// Being inside. Owned, as the call may go on in another thread than the one that began it.
#[derive(Debug)]
pub(super) struct Pass(Arc<Gate>);

impl Gate {
    /// Goes inside, or `None` if the gate stays closed until `limit` or has ended.
    pub(super) fn enter(self: &Arc<Self>, limit: Instant) -> Option<Pass> {
        let mut state = self.opened(limit)?;
        state.inside += 1;
        Some(Pass(Arc::clone(self)))
    }

    /// Runs `alone` with nobody inside, or gives `None` if some stay inside until `limit` or the
    /// gate has ended.
    pub(super) fn closed<T>(&self, limit: Instant, alone: impl FnOnce() -> T) -> Option<T> {
        let mut state = self.opened(limit)?;
        state.closed = true;
        while state.inside > 0 {
            match wait(&self.changed, state, limit) {
                Some(guard) => state = guard,
                None => {
                    self.open();
                    return None;
                }
            }
        }
        drop(state);
        let result = alone();
        self.open();
        Some(result)
    }

    /// Ends it, and waits until nobody is inside, or `limit`.
    pub(super) fn end(&self, limit: Instant) {
        // Whoever stays longer than that does so at his own risk.
        let _ = poll(limit, || {
            let mut state = try_lock(&self.state)?;
            state.ended = true;
            self.changed.notify_all();
            (state.inside == 0 && !state.closed).then_some(())
        });
    }

    /// The state of a gate that is neither closed nor ended.
    fn opened(&self, limit: Instant) -> Option<MutexGuard<'_, GateState>> {
        let mut state = lock(&self.state);
        while state.closed && !state.ended {
            state = wait(&self.changed, state, limit)?;
        }
        (!state.ended).then_some(state)
    }

    fn open(&self) {
        lock(&self.state).closed = false;
        self.changed.notify_all();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.inside -= 1;
        if state.closed && state.inside == 0 {
            self.0.changed.notify_all();
        }
    }
}

/// A value that one at a time may have.
#[derive(Debug)]
pub(super) struct Turn<T> {
    value: Mutex<Option<T>>,
    returned: Condvar,
}

/// Having the value; it goes back on drop.
#[derive(Debug)]
pub(super) struct TurnGuard<T> {
    value: Option<T>,
    turn: Arc<Turn<T>>,
}

impl<T> Turn<T> {
    pub(super) fn new(value: T) -> Arc<Self> {
        Arc::new(Turn {
            value: Mutex::new(Some(value)),
            returned: Condvar::new(),
        })
    }

    /// The value, or `None` if others have it until `limit`.
    pub(super) fn take(self: &Arc<Self>, limit: Instant) -> Option<TurnGuard<T>> {
        let mut value = lock(&self.value);
        loop {
            if let Some(value) = value.take() {
                return Some(TurnGuard {
                    value: Some(value),
                    turn: Arc::clone(self),
                });
            }
            value = wait(&self.returned, value, limit)?;
        }
    }
}

impl<T> TurnGuard<T> {
    /// The value; always there, as only `drop` takes it out.
    pub(super) fn get(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }
}

impl<T> Drop for TurnGuard<T> {
    fn drop(&mut self) {
        *lock(&self.turn.value) = self.value.take();
        self.turn.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn who_closes_the_gate_is_alone() {
        let gate = Arc::new(Gate::default());
        let inside = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let _pass = gate.enter(late()).unwrap();
                        inside.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..100 {
                gate.closed(late(), || assert_eq!(inside.load(Ordering::SeqCst), 0))
                    .unwrap();
            }
        });
    }

    #[test]
    fn a_gate_that_cannot_be_closed_stays_open() {
        let gate = Arc::new(Gate::default());
        let pass = gate.enter(late()).unwrap();
        assert!(gate.closed(soon(), || ()).is_none());
        assert!(gate.enter(soon()).is_some());
        drop(pass);
        assert!(gate.closed(soon(), || ()).is_some());
    }

    #[test]
    fn nobody_enters_while_it_is_closed() {
        let gate = Arc::new(Gate::default());
        let entered = gate.closed(late(), || gate.enter(soon()).is_some());
        assert_eq!(entered, Some(false));
        assert!(gate.enter(soon()).is_some());
    }

    #[test]
    fn who_ends_the_gate_waits_for_those_inside_and_lets_nobody_in() {
        let gate = Arc::new(Gate::default());
        let pass = gate.enter(late()).unwrap();
        thread::scope(|scope| {
            let ending = scope.spawn(|| gate.end(late()));
            while gate.enter(soon()).is_some() {}
            assert!(!ending.is_finished());
            drop(pass);
        });
        assert!(gate.closed(late(), || ()).is_none());
    }

    #[test]
    fn who_waits_at_a_gate_that_ends_is_sent_away() {
        let gate = Arc::new(Gate::default());
        gate.closed(late(), || {
            thread::scope(|scope| {
                let waiting = scope.spawn(|| gate.enter(late()).is_none());
                gate.end(soon());
                assert!(waiting.join().unwrap());
            });
        });
    }

    #[test]
    fn one_at_a_time_has_the_turn() {
        let turn = Turn::new(1);
        let mut first = turn.take(soon()).unwrap();
        assert!(turn.take(soon()).is_none());
        *first.get().unwrap() += 1;
        drop(first);
        assert_eq!(turn.take(soon()).unwrap().get(), Some(&mut 2));
    }
}
