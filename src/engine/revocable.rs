//! A value that threads use without being counted, and that can be taken away from all of them.
//!
//! An `Arc` counts who begins to use it and who ends, each with an instruction that the rest of
//! the program waits for: beside a short MAC that is an eighth of the time, and threads that use
//! one value pass the line of its count around. Here each thread says what it uses in a slot of
//! its own (a hazard pointer: Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free
//! Objects", 2004), and who takes a value away waits until no slot names it.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use super::{barrier, fork};

/// A value, until it is revoked.
pub(crate) struct Revocable<T> {
    held: Mutex<Option<Arc<T>>>,
    /// Where what is held is; null once it is revoked.
    place: AtomicPtr<T>,
}

/// The value, for one use by this thread.
pub(crate) struct Borrowed<'a, T> {
    value: &'a T,
    slot: &'static Slot,
    /// It stays with its thread, as the slot does.
    not_send: PhantomData<*const ()>,
}

impl<T> Revocable<T> {
    pub(crate) fn new(held: Arc<T>) -> Self {
        let place = AtomicPtr::new(Arc::as_ptr(&held).cast_mut());
        let held = Mutex::new(Some(held));
        Revocable { held, place }
    }

    /// The value for a short use, in which this thread revokes nothing. `None` if it was
    /// revoked, and also where only [`hold`](Self::hold) can do: while this thread has borrowed
    /// something else, at its end, and where the system does not tell forks.
    #[inline]
    pub(crate) fn borrow(&self) -> Option<Borrowed<'_, T>> {
        let slot = Slot::free()?;
        let place = self.place.load(Ordering::Acquire);
        if place.is_null() {
            return None;
        }
        // With a barrier here and one in `revoke`: either this thread sees that the value is
        // gone, or the other one sees the slot.
        slot.place.store(place.cast(), Ordering::Release);
        barrier::light();
        if self.place.load(Ordering::Acquire) != place {
            slot.place.store(null_mut(), Ordering::Release);
            return None;
        }
        Some(Borrowed {
            // SAFETY: it was not revoked when the slot named it, and who revokes it waits for
            // the slot before the value is dropped. Nothing else drops it: this value, which
            // holds it, is borrowed for as long.
            value: unsafe { &*place },
            slot,
            not_send: PhantomData,
        })
    }

    /// The value for as long as it takes, counted.
    pub(crate) fn hold(&self) -> Option<Arc<T>> {
        self.lock().clone()
    }

    /// Takes the value away: when this returns no thread has borrowed it, and it is dropped
    /// unless somebody holds it.
    pub(crate) fn revoke(&self) {
        let Some(held) = self.lock().take() else {
            return;
        };
        let place = self.place.swap(null_mut(), Ordering::SeqCst);
        if !wait_for_others(place.cast()) {
            // Never dropped, rather than too early or waited for in a circle.
            std::mem::forget(held);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
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

/// The slots of all threads that have ever been at one time. They are used again, and not given
/// back.
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

    fn take() -> &'static Slot {
        let mut slots = SLOTS.write().unwrap_or_else(PoisonError::into_inner);
        let unused = |slot: &&&Slot| !slot.is_taken.swap(true, Ordering::Acquire);
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

/// Waits until no slot names this place. `false`, at once, if that cannot be known, and if this
/// thread has borrowed something, which is a mistake: what another one waits for may be just
/// that.
///
/// A thread that takes its first slot after this has looked at all finds the place gone.
fn wait_for_others(place: *mut ()) -> bool {
    let mine = MINE.try_with(|mine| mine.0.place.load(Ordering::Relaxed));
    let is_busy = mine.is_ok_and(|mine| !mine.is_null());
    debug_assert!(!is_busy, "revoked by a thread that has borrowed something");
    if is_busy || !barrier::heavy() {
        return false;
    }
    let generation = fork::generation();
    let slots = SLOTS.read().unwrap_or_else(PoisonError::into_inner).clone();
    for slot in slots {
        while slot.place.load(Ordering::Acquire) == place
            && Some(slot.generation.load(Ordering::Relaxed)) == generation
        {
            thread::sleep(A_MOMENT);
        }
    }
    true
}

/// An operation takes a few microseconds most often.
const A_MOMENT: Duration = Duration::from_micros(20);

#[cfg(test)]
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

    #[test]
    fn what_is_revoked_is_dropped_and_not_lent() {
        let dropped = AtomicUsize::new(0);
        let value = canary(&dropped);
        assert!(value.borrow().unwrap().alive.load(Ordering::SeqCst));
        value.revoke();
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert!(value.borrow().is_none());
        assert!(value.hold().is_none());
        value.revoke();
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
        value.revoke();
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

    #[test]
    fn revoking_waits_for_the_last_use() {
        let dropped = AtomicUsize::new(0);
        let (value, both) = (canary(&dropped), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let borrowed = value.borrow().unwrap();
                both.wait();
                thread::sleep(Duration::from_millis(50));
                assert!(borrowed.alive.load(Ordering::SeqCst));
            });
            both.wait();
            value.revoke();
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
        });
    }

    /// The slots of threads that are not in this process any more are nobody's.
    #[test]
    fn a_slot_of_another_process_is_not_waited_for() {
        let dropped = AtomicUsize::new(0);
        let value = canary(&dropped);
        let (forked, done) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let borrowed = value.borrow().unwrap();
                borrowed
                    .slot
                    .generation
                    .fetch_add(1 << 32, Ordering::SeqCst);
                forked.wait();
                done.wait();
                // The value is gone: it was another process's.
                std::mem::forget(borrowed);
                MINE.with(|mine| mine.0.place.store(null_mut(), Ordering::SeqCst));
            });
            forked.wait();
            value.revoke();
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
            done.wait();
        });
    }

    /// Beside a twin that counts: values are put in place and revoked while threads use them.
    #[test]
    fn nobody_uses_what_is_gone() {
        const THREADS: usize = 4;
        const VALUES: usize = 2000;
        let dropped = AtomicUsize::new(0);
        let place = RwLock::new(Arc::new(canary(&dropped)));
        let (running, uses) = (AtomicBool::new(true), AtomicUsize::new(0));
        let current = || Arc::clone(&place.read().unwrap());
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while running.load(Ordering::Relaxed) {
                        let value = current();
                        let twin = value.hold();
                        for _ in 0..100 {
                            let Some(borrowed) = value.borrow() else {
                                break;
                            };
                            assert!(borrowed.alive.load(Ordering::SeqCst));
                            if let Some(twin) = &twin {
                                assert!(std::ptr::eq(&raw const *borrowed, Arc::as_ptr(twin)));
                            }
                            uses.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            for _ in 0..VALUES {
                let old =
                    std::mem::replace(&mut *place.write().unwrap(), Arc::new(canary(&dropped)));
                old.revoke();
                assert!(old.borrow().is_none());
            }
            running.store(false, Ordering::Relaxed);
        });
        assert_eq!(dropped.load(Ordering::SeqCst), VALUES);
        assert!(uses.load(Ordering::Relaxed) > 0);
    }
}
