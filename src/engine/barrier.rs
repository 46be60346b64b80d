//! A barrier between threads that costs the many nothing and the few a call of the system.
//!
//! Of two threads that each write one thing and then read what the other has written, one at
//! least sees the other's, if both have a full barrier in between. Where one of them does so
//! all the time and the other hardly ever, the kernel can do it for both: `membarrier` (Linux
//! 4.14) returns when every thread of the process has gone through a barrier, wherever it was.

use std::sync::OnceLock;
use std::sync::atomic::{Ordering, compiler_fence, fence};

/// For the many: between writing and reading.
#[inline]
pub(super) fn light() {
    if is_asymmetric() {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// For the few: between writing and reading. `false` if there was no barrier for the others: the
/// system has begun to refuse it since it was asked first.
#[must_use]
pub(super) fn heavy() -> bool {
    fence(Ordering::SeqCst);
    // In a child it is to be registered anew with some kernels.
    !is_asymmetric() || expedited() || (register() && expedited())
}

/// Whether the system does it. The same answer for as long as the process lives, and for its
/// children. The first time takes some milliseconds where there are threads.
#[inline]
pub(super) fn is_asymmetric() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| register() && expedited())
}

#[cfg(target_os = "linux")]
fn register() -> bool {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

#[cfg(target_os = "linux")]
fn expedited() -> bool {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

#[cfg(target_os = "linux")]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a command without flags touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn register() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn expedited() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use super::*;

    /// A number in a cache line of its own.
    #[repr(align(128))]
    struct Apart(AtomicUsize);

    /// Dekker's problem, over and over: never do both read what was before both wrote.
    #[test]
    fn one_of_two_sees_the_other() {
        const ROUNDS: usize = 20_000;
        let new = || Apart(AtomicUsize::new(0));
        let (many, few, seen_by_many) = (new(), new(), new());
        let (turn, done, is_over) = (new(), new(), AtomicBool::new(false));
        // Most often at once: that is when they meet. With one processor it takes longer.
        let wait_for = |place: &Apart, round| {
            let mut looks = 0;
            while place.0.load(Ordering::Acquire) != round && !is_over.load(Ordering::Relaxed) {
                looks += 1;
                if looks > 1000 {
                    std::thread::yield_now();
                }
            }
        };
        let missed = std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    wait_for(&turn, round);
                    many.0.store(round, Ordering::Relaxed);
                    light();
                    let seen = few.0.load(Ordering::Relaxed);
                    seen_by_many.0.store(seen, Ordering::Relaxed);
                    done.0.store(round, Ordering::Release);
                }
            });
            let missed = (1..=ROUNDS).find(|&round| {
                turn.0.store(round, Ordering::Release);
                // Of many beginnings some are at the same time.
                (0..round % 128).for_each(|_| std::hint::spin_loop());
                few.0.store(round, Ordering::Relaxed);
                let is_done = heavy();
                let seen = many.0.load(Ordering::Relaxed);
                wait_for(&done, round);
                let seen = [seen, seen_by_many.0.load(Ordering::Relaxed)];
                !is_done || !seen.contains(&round)
            });
            is_over.store(true, Ordering::Relaxed);
            missed
        });
        assert_eq!(missed, None, "a round in which nobody saw the other");
    }
}
