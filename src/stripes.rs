//! Counts that many threads write at once.
//!
//! A count of users that lies in one place is written by every thread that begins or ends a use,
//! and the processors pass its line around: two threads that work for a tenth of a
//! microsecond at a time, with one key, do less than one of them alone. So there are some counts
//! for one thing, each in a cache line of its own, and each thread keeps to one of them.

use std::array;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many there are: as many threads do not meet.
const STRIPES: usize = 8;

/// One for each of some groups of threads.
pub(crate) struct Striped<T>([T; STRIPES]);

impl<T> Striped<T> {
    pub(crate) fn new(mut make: impl FnMut() -> T) -> Self {
        Striped(array::from_fn(|_| make()))
    }

    /// That of the calling thread.
    #[inline]
    pub(crate) fn mine(&self) -> &T {
        let [first, ..] = &self.0;
        self.0.get(stripe()).unwrap_or(first)
    }
}

/// Threads take turns, each when it first asks.
#[inline]
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static STRIPE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    }
    STRIPE.try_with(|stripe| *stripe).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_thread_keeps_to_one_and_threads_share_them_out() {
        let mut number = 0;
        let striped = Striped::new(|| {
            number += 1;
            number
        });
        let seen = std::thread::scope(|scope| {
            let ask = || {
                let mine = *striped.mine();
                assert!((0..100).all(|_| *striped.mine() == mine));
                mine
            };
            let threads: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
            let seen = threads.into_iter().map(|thread| thread.join().unwrap());
            seen.collect::<BTreeSet<i32>>()
        });
        // Threads of other tests take turns too.
        assert!(seen.len() > STRIPES / 2, "{seen:?}");
    }
}
