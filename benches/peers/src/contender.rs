//! One who does a row's work.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The one that the others are there for.
pub(crate) const OURS: &str = "strongroom";
pub(crate) const RUSTCRYPTO: &str = "RustCrypto";
pub(crate) const AWS_LC: &str = "aws-lc-rs";
pub(crate) const OPENSSL: &str = "OpenSSL";
pub(crate) const RING: &str = "ring";
pub(crate) const GRAVIOLA: &str = "graviola";

/// Work, under the name of who does it. What it makes was checked by another contender when
/// it was built, so no time is ever that of an error.
pub(crate) struct Contender {
    pub(crate) who: &'static str,
    pub(crate) batch: Batch,
    run: Box<dyn FnMut(u32) -> Duration + Send>,
}

/// How many items one call takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batch {
    /// A call for each.
    Single,
    /// So many with one key.
    OneKey(u16),
    /// So many, with [`KEYS`](crate::keys::KEYS) keys in turn.
    ManyKeys(u16),
}

impl Batch {
    pub(crate) fn items(self) -> u16 {
        match self {
            Batch::Single => 1,
            Batch::OneKey(items) | Batch::ManyKeys(items) => items,
        }
    }
}

impl Contender {
    /// Makes something in `out` on each call; `check` tells whether the first is right.
    pub(crate) fn making<S: Send + 'static>(
        who: &'static str,
        mut out: S,
        mut work: impl FnMut(&mut S) + Send + 'static,
        check: impl FnOnce(&S) -> bool,
    ) -> Self {
        work(&mut out);
        assert!(check(&out), "{who}: what it makes is wrong");
        let mut out = Apart(out);
        Self::timed(who, move |calls| {
            // Whole, or the closure would have the field alone.
            let Apart(out) = &mut out;
            let start = run_time();
            for _ in 0..calls {
                work(black_box(out));
            }
            run_time() - start
        })
    }

    /// As [`making`](Self::making), from what `restore` puts into `state` before each call, in
    /// time that is nobody's. Each call is timed alone, by the clock that is cheap to read.
    pub(crate) fn restoring<S: Send + 'static>(
        who: &'static str,
        mut state: S,
        mut restore: impl FnMut(&mut S) + Send + 'static,
        mut work: impl FnMut(&mut S) + Send + 'static,
        check: impl FnOnce(&S) -> bool,
    ) -> Self {
        restore(&mut state);
        work(&mut state);
        assert!(check(&state), "{who}: what it makes is wrong");
        Self::timed(who, move |calls| {
            let mut spent = Duration::ZERO;
            for _ in 0..calls {
                restore(black_box(&mut state));
                let start = Instant::now();
                work(black_box(&mut state));
                spent += start.elapsed();
            }
            spent
        })
    }

    /// Accepts this signature or MAC, and not a damaged one.
    pub(crate) fn verifying(
        who: &'static str,
        signature: Vec<u8>,
        mut verify: impl FnMut(&[u8]) -> bool + Send + 'static,
    ) -> Self {
        let mut damaged = signature.clone();
        // In the last byte: that of an ECDSA signature in DER is part of s too.
        if let Some(last) = damaged.last_mut() {
            *last ^= 1;
        }
        assert!(verify(&signature), "{who}: refuses what is right");
        assert!(!verify(&damaged), "{who}: accepts what is wrong");
        Self::timed(who, move |calls| {
            let start = run_time();
            for _ in 0..calls {
                black_box(verify(black_box(&signature)));
            }
            run_time() - start
        })
    }

    /// The same, counted as a batch.
    pub(crate) fn with_batch(mut self, batch: Batch) -> Self {
        self.batch = batch;
        self
    }

    /// The time that so many calls take, of this thread: not that of others which the system
    /// let run in between.
    pub(crate) fn run(&mut self, calls: u32) -> Duration {
        (self.run)(calls)
    }

    fn timed(who: &'static str, run: impl FnMut(u32) -> Duration + Send + 'static) -> Self {
        Contender {
            who,
            batch: Batch::Single,
            run: Box::new(run),
        }
    }
}

/// In cache lines of its own: what each thread writes to would be anywhere otherwise, and what
/// another one writes to beside it.
#[repr(align(128))]
struct Apart<T>(T);

/// How long this thread has run.
fn run_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("not before it was born");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanoseconds)
}
