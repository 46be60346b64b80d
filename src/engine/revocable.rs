//! A value that threads use without being counted, and that can be taken away from all of them.
//!
//! An `Arc` counts who begins to use it and who ends, each with an instruction that the rest of
//! the program waits for: beside a short MAC that is an eighth of the time, and threads that use
//! one value pass the line of its count around. Here each thread says what it uses in a slot of
//! its own (a hazard pointer: Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free
//! Objects", 2004), and who takes a value away waits until no slot names it.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use super::{barrier, fork};

/// A value, until it is withdrawn.
pub(crate) struct Revocable<T> {
    held: Mutex<Option<Arc<T>>>,
    /// Where what is held is; null once it is withdrawn.
    place: AtomicPtr<T>,
}

/// The value, for one use by this thread.
pub(crate) struct Borrowed<'a, T> {
    /// Not a reference: at the end of `drop` it may be gone already.
    value: NonNull<T>,
    slot: &'static Slot,
    /// It stays with its thread, as the slot does.
    of: PhantomData<(&'a T, *const ())>,
}

/// A value that nobody borrows any more from now on, and some may be using still.
pub(crate) struct Withdrawn<T>(Arc<T>);

/// Asks the system for what borrowing wants of it, which takes some milliseconds the first time.
pub(crate) fn prepare() {
    barrier::is_asymmetric();
    fork::generation();
}

impl<T> Revocable<T> {
    pub(crate) fn new(held: Arc<T>) -> Self {
        let place = AtomicPtr::new(Arc::as_ptr(&held).cast_mut());
        let held = Mutex::new(Some(held));
        Revocable { held, place }
    }

    /// The value for a short use, in which this thread drops nothing that was withdrawn. `None`
    /// if it was withdrawn, and also where only [`hold`](Self::hold) can do: while this thread has
    /// borrowed something else, at its end, and where the system does not tell forks.
    #[inline]
    pub(crate) fn borrow(&self) -> Option<Borrowed<'_, T>> {
        let slot = Slot::free()?;
        let value = NonNull::new(self.place.load(Ordering::Acquire))?;
        // With a barrier here and one in `drop_unused`: either this thread sees that the value
        // is gone, or the other one sees the slot.
        slot.place.store(value.as_ptr().cast(), Ordering::Release);
        barrier::light();
        if self.place.load(Ordering::Acquire) != value.as_ptr() {
            slot.place.store(null_mut(), Ordering::Release);
            return None;
        }
        Some(Borrowed {
            value,
            slot,
            of: PhantomData,
        })
    }

    /// The value for as long as it takes, counted.
    pub(crate) fn hold(&self) -> Option<Arc<T>> {
        self.lock().clone()
    }

    /// Takes the value away: nobody borrows or holds it anew. `None` if another one has.
    pub(crate) fn withdraw(&self) -> Option<Withdrawn<T>> {
        let held = self.lock().take()?;
        self.place.store(null_mut(), Ordering::SeqCst);
        Some(Withdrawn(held))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Withdrawn<T> {
    /// When this returns no thread has borrowed any of these, and they are dropped, but for those
    /// that somebody holds. What cannot be dropped safely stays where it is for good: all, if this
    /// thread itself has borrowed something, or if the system refuses the barrier; and what
    /// a thread had borrowed when the process was forked.
    pub(crate) fn drop_unused(all: Vec<Self>) {
        if all.is_empty() {
            return;
        }
        let mine = MINE.try_with(|mine| mine.0.place.load(Ordering::Relaxed));
        // What others wait for may be just that.
        let is_busy = mine.is_ok_and(|mine| !mine.is_null());
        let is_known = !is_busy && barrier::heavy();
        // A thread that takes its first slot after this finds the places null.
        let slots = SLOTS.read().unwrap_or_else(PoisonError::into_inner).clone();
        for Withdrawn(held) in all {
            let place = Arc::as_ptr(&held).cast_mut().cast();
            if !is_known || !slots.iter().all(|slot| slot.wait_for(place)) {
                std::mem::forget(held);
            }
        }
    }
}

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it was not withdrawn when the slot named it, and who drops what was withdrawn
        // waits for the slot. Nothing else drops it: the `Revocable` that holds it is borrowed for
        // as long.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for Borrowed<'_, T> {
    fn drop(&mut self) {
        self.slot.place.store(null_mut(), Ordering::Release);
    }
}

/// What a thread has borrowed, in a cache line of its own.
#[repr(align(128))]
struct Slot {
    place: AtomicPtr<()>,
    /// The process in which it was: a child has the slots of all threads and none of them but
    /// one.
    generation: AtomicU64,
    is_taken: AtomicBool,
}

/// The slots of as many threads as have ever been at one time. They are used again by this
/// process, and not given back.
static SLOTS: RwLock<Vec<&'static Slot>> = RwLock::new(Vec::new());

thread_local! {
    static MINE: Mine = Mine(Slot::take());
}

struct Mine(&'static Slot);

impl Drop for Mine {
    fn drop(&mut self) {
        self.0.is_taken.store(false, Ordering::Release);
    }
}

impl Slot {
    /// That of this thread, if it has borrowed nothing.
    #[inline]
    fn free() -> Option<&'static Slot> {
        let generation = fork::generation()?;
        let slot = MINE.try_with(|mine| mine.0).ok()?;
        if !slot.place.load(Ordering::Relaxed).is_null() {
            return None;
        }
        slot.generation.store(generation, Ordering::Relaxed);
        Some(slot)
    }

    /// Waits until it does not name this place. `false` if it does so since before a fork, and
    /// nobody knows whether its thread is in this process.
    fn wait_for(&self, place: *mut ()) -> bool {
        while self.place.load(Ordering::Acquire) == place {
            if Some(self.generation.load(Ordering::Relaxed)) != fork::generation() {
                return false;
            }
            thread::sleep(A_MOMENT);
        }
        true
    }

    fn take() -> &'static Slot {
        let mut slots = SLOTS.write().unwrap_or_else(PoisonError::into_inner);
        let unused = |slot: &&&Slot| {
            !slot.is_taken.load(Ordering::Relaxed) && !slot.is_taken.swap(true, Ordering::Acquire)
        };
        if let Some(slot) = slots.iter().find(unused) {
            return slot;
        }
        let slot = Box::leak(Box::new(Slot {
            place: AtomicPtr::new(null_mut()),
            generation: AtomicU64::new(0),
            is_taken: AtomicBool::new(true),
        }));
        slots.push(slot);
        slot
    }
}

/// An operation takes a few microseconds most often.
const A_MOMENT: Duration = Duration::from_micros(20);

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts itself, and knows when it is gone.
    struct Canary<'a> {
        alive: AtomicBool,
        dropped: &'a AtomicUsize,
    }

    impl Drop for Canary<'_> {
        fn drop(&mut self) {
            self.alive.store(false, Ordering::SeqCst);
            self.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn canary(dropped: &AtomicUsize) -> Revocable<Canary<'_>> {
        let alive = AtomicBool::new(true);
        Revocable::new(Arc::new(Canary { alive, dropped }))
    }

    fn revoke<T>(value: &Revocable<T>) {
        Withdrawn::drop_unused(value.withdraw().into_iter().collect());
    }

    #[test]
    fn what_is_revoked_is_dropped_and_not_lent() {
        let dropped = AtomicUsize::new(0);
        let value = canary(&dropped);
        assert!(value.borrow().unwrap().alive.load(Ordering::SeqCst));
        revoke(&value);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert!(value.borrow().is_none());
        assert!(value.hold().is_none());
        assert!(value.withdraw().is_none());
        drop(value);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_is_not_revoked_goes_with_its_place() {
        let dropped = AtomicUsize::new(0);
        drop(canary(&dropped));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_holds_it_keeps_it() {
        let dropped = AtomicUsize::new(0);
        let value = canary(&dropped);
        let held = value.hold().unwrap();
        revoke(&value);
        assert!(held.alive.load(Ordering::SeqCst));
        drop(held);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_thread_borrows_one_thing_at_a_time() {
        let (one, other) = (Revocable::new(Arc::new(1)), Revocable::new(Arc::new(2)));
        let borrowed = one.borrow().unwrap();
        assert!(other.borrow().is_none());
        assert_eq!(other.hold().as_deref(), Some(&2));
        assert_eq!(*borrowed, 1);
        drop(borrowed);
        assert_eq!(*other.borrow().unwrap(), 2);
    }

    /// A panic within a use ends it.
    #[test]
    fn a_panic_ends_a_use() {
        let value = Revocable::new(Arc::new(1));
        let used = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _borrowed = value.borrow().unwrap();
            panic!("in the middle");
        }));
        assert!(used.is_err());
        assert!(value.borrow().is_some());
        revoke(&value);
    }

    #[test]
    fn revoking_waits_for_the_last_use_and_lends_no_more() {
        let dropped = AtomicUsize::new(0);
        let (value, both) = (canary(&dropped), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let borrowed = value.borrow().unwrap();
                both.wait();
                // The other thread has withdrawn it.
                both.wait();
                thread::sleep(Duration::from_millis(50));
                assert!(borrowed.alive.load(Ordering::SeqCst));
            });
            both.wait();
            let withdrawn = value.withdraw();
            assert!(value.borrow().is_none());
            both.wait();
            Withdrawn::drop_unused(withdrawn.into_iter().collect());
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
        });
    }

    #[test]
    fn who_has_borrowed_something_drops_nothing() {
        let dropped = AtomicUsize::new(0);
        let (value, other) = (canary(&dropped), Revocable::new(Arc::new(1)));
        let borrowed = other.borrow();
        revoke(&value);
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        assert!(value.borrow().is_none());
        drop(borrowed);
    }

    /// Its thread may be the one that forked, or one that is not here any more.
    #[test]
    fn what_was_borrowed_before_a_fork_is_not_dropped_and_not_waited_for() {
        let dropped = AtomicUsize::new(0);
        let (value, both) = (canary(&dropped), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let borrowed = value.borrow().unwrap();
                let generation = &borrowed.slot.generation;
                generation.fetch_add(1 << 32, Ordering::SeqCst);
                both.wait();
                both.wait();
                assert!(borrowed.alive.load(Ordering::SeqCst));
            });
            both.wait();
            revoke(&value);
            assert_eq!(dropped.load(Ordering::SeqCst), 0);
            both.wait();
        });
    }

    /// Values are put in place and revoked while threads use them, and nobody counts.
    #[test]
    fn nobody_uses_what_is_gone() {
        const THREADS: usize = 3;
        const VALUES: usize = 500;
        let dropped = AtomicUsize::new(0);
        let place = RwLock::new(Arc::new(canary(&dropped)));
        let (running, uses) = (AtomicBool::new(true), AtomicUsize::new(0));
        let current = || Arc::clone(&place.read().unwrap());
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while running.load(Ordering::Relaxed) {
                        let value = current();
                        while let Some(borrowed) = value.borrow() {
                            let is_alive = || borrowed.alive.load(Ordering::SeqCst);
                            assert!((0..200).all(|_| is_alive()));
                            uses.fetch_add(1, Ordering::Relaxed);
                            if !running.load(Ordering::Relaxed) {
                                break;
                            }
                        }
                    }
                });
            }
            for _ in 0..VALUES {
                let before = uses.load(Ordering::Relaxed);
                // For the others to come to use this one; for some seconds, if need be.
                let is_used = (0..10_000).any(|_| {
                    thread::sleep(Duration::from_micros(500));
                    uses.load(Ordering::Relaxed) != before
                });
                if !is_used {
                    break;
                }
                let new = Arc::new(canary(&dropped));
                let old = std::mem::replace(&mut *place.write().unwrap(), new);
                revoke(&old);
                assert!(old.borrow().is_none());
            }
            running.store(false, Ordering::Relaxed);
        });
        assert_eq!(dropped.load(Ordering::SeqCst), VALUES);
        assert!(uses.load(Ordering::Relaxed) >= VALUES);
    }
}
