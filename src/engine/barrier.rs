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
/// children.
#[inline]
fn is_asymmetric() -> bool {
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
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Dekker's problem, over and over: never do both read what was before both wrote.
    #[test]
    fn one_of_two_sees_the_other() {
        const ROUNDS: usize = 20_000;
        let (many, few) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (seen_by_many, seen_by_few) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let both = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    both.wait();
                    many.store(round, Ordering::Relaxed);
                    light();
                    seen_by_many.store(few.load(Ordering::Relaxed), Ordering::Relaxed);
                    both.wait();
                }
            });
            for round in 1..=ROUNDS {
                both.wait();
                few.store(round, Ordering::Relaxed);
                assert!(heavy());
                seen_by_few.store(many.load(Ordering::Relaxed), Ordering::Relaxed);
                both.wait();
                let seen = [&seen_by_many, &seen_by_few].map(|seen| seen.load(Ordering::Relaxed));
                assert!(seen.contains(&round), "{seen:?} in round {round}");
            }
        });
    }
}
