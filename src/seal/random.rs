//! Randomness: the operating system's, or an embedder's generator; watched.
//!
//! A generator that sticks gives GCM the same IV twice, which gives the authentication
//! key away, and it did happen (a dead hardware source behind a driver that reads
//! zeros). So each draw is compared with the one before (the continuous test that
//! FIPS 140-2 section 4.9.2 asked for). It catches a dead generator, not a bad one.
//!
//! Nothing is kept in the process but a hash of the last eight bytes, to be compared, and IVs,
//! which are no secret ([`iv`]): after a fork both sides ask the system again and get different
//! bytes.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::iv;
use crate::error::{Error, ErrorKind};
use crate::fit::GCM_IV_LEN;

/// Draws of this many bytes or more are watched: shorter ones repeat, or are zero, by
/// chance. With this many that happens once in 2^64 draws.
const WATCHED: usize = 8;

/// An embedder's generator, its error type forgotten.
type Fill = dyn FnMut(&mut [u8]) -> Result<(), ErrorKind> + Send;

pub(crate) struct Randomness(Source);

enum Source {
    /// No lock: the kernel serves all threads at once.
    System,
    Own {
        fill: Mutex<Box<Fill>>,
        last: Last,
    },
}

/// A hash of the first eight bytes of the last watched draw of a source, which may be a key's; zero
/// before there was one.
type Last = AtomicU64;

/// There is one system, however many ask it.
static LAST_OF_SYSTEM: Last = Last::new(0);

impl Randomness {
    pub(crate) fn system() -> Self {
        Randomness(Source::System)
    }

    pub(crate) fn own(mut rng: impl TryCryptoRng + Send + 'static) -> Self {
        let fill: Box<Fill> =
            Box::new(move |out| rng.try_fill_bytes(out).map_err(|_| ErrorKind::Randomness));
        Randomness(Source::Own {
            fill: Mutex::new(fill),
            last: Last::new(0),
        })
    }

    /// Fills a buffer; after an error it holds zeros.
    pub(crate) fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        let drawn = self.draw(out).and_then(|()| self.watch(out));
        drawn.map_err(|kind| {
            out.zeroize();
            kind.into()
        })
    }

    /// Twelve bytes for GCM. Random, as SP 800-38D section 8.2.2 allows for up to 2^32
    /// messages a key: a counter would have to survive crashes, restored backups and copies
    /// of a handle.
    #[inline]
    pub(crate) fn iv(&self) -> Result<[u8; GCM_IV_LEN], Error> {
        if let Source::System = self.0
            && let Some(iv) = iv::pooled(|out| self.draw(out), |iv| self.watch(iv))
        {
            return iv.map_err(Into::into);
        }
        let mut iv = [0; GCM_IV_LEN];
        self.fill(&mut iv)?;
        Ok(iv)
    }

    fn draw(&self, out: &mut [u8]) -> Result<(), ErrorKind> {
        match &self.0 {
            Source::System => getrandom::fill(out).map_err(|_| ErrorKind::Randomness),
            // A generator that panicked in the middle of a draw is in a state that
            // nobody knows: the poisoned lock refuses it from then on.
            Source::Own { fill, .. } => fill.lock().map_err(|_| ErrorKind::Randomness)?(out),
        }
    }

    fn watch(&self, out: &[u8]) -> Result<(), ErrorKind> {
        let Some(first) = out.first_chunk::<WATCHED>() else {
            return Ok(());
        };
        if out.iter().all(|byte| *byte == 0) {
            return Err(ErrorKind::Randomness);
        }
        let last = match &self.0 {
            Source::System => &LAST_OF_SYSTEM,
            Source::Own { last, .. } => last,
        };
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(first));
        let hash = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        if last.swap(hash, Ordering::Relaxed) == hash {
            return Err(ErrorKind::Randomness);
        }
        Ok(())
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "system",
            Source::Own { .. } => "own",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use rand_core::TryRng;

    use super::*;

    /// A generator that does what a closure says.
    struct Scripted<F>(F);

    impl<F: FnMut(&mut [u8])> TryRng for Scripted<F> {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(0)
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(0)
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
            (self.0)(out);
            Ok(())
        }
    }

    impl<F: FnMut(&mut [u8])> TryCryptoRng for Scripted<F> {}

    #[test]
    fn zeros_are_refused_from_the_first_draw() {
        let zeros = Randomness::own(Scripted(|out: &mut [u8]| out.fill(0)));
        for len in [8, 12, 16, 32] {
            let error = zeros.fill(&mut vec![1; len]).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Randomness);
        }
    }

    /// A source that dies after good draws: its first IV would already be zeros.
    #[test]
    fn zeros_after_good_draws_are_refused() {
        let mut calls = 0;
        let dies = Randomness::own(Scripted(move |out: &mut [u8]| {
            calls += 1;
            out.fill(u8::from(calls == 1));
        }));
        assert!(dies.fill(&mut [0; 12]).is_ok());
        assert!(dies.fill(&mut [0; 12]).is_err());
    }

    #[test]
    fn a_repetition_is_refused_and_leaves_nothing() {
        let stuck = Randomness::own(Scripted(|out: &mut [u8]| out.fill(0xA5)));
        assert!(stuck.fill(&mut [0; 12]).is_ok());
        let mut out = [7; 32];
        assert!(stuck.fill(&mut out).is_err());
        assert_eq!(out, [0; 32]);
    }

    #[test]
    fn a_generator_that_panicked_is_not_used_again() {
        let mut calls = 0;
        let breaks = Randomness::own(Scripted(move |out: &mut [u8]| {
            calls += 1;
            assert!(calls != 1, "broken");
            out.fill(calls);
        }));
        let first = catch_unwind(AssertUnwindSafe(|| breaks.fill(&mut [0; 12])));
        assert!(first.is_err());
        let error = breaks.fill(&mut [0; 12]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Randomness);
    }

    #[test]
    fn no_two_ivs_are_the_same() {
        let system = Randomness::system();
        let ivs = thread::scope(|scope| {
            let draws = [(); 4].map(|()| {
                let draw = || (0..300).map(|_| system.iv().unwrap()).collect::<Vec<_>>();
                scope.spawn(draw)
            });
            draws.map(|draw| draw.join().unwrap()).concat()
        });
        let different: std::collections::BTreeSet<_> = ivs.iter().collect();
        assert_eq!(different.len(), 1200);
    }

    #[test]
    fn the_system_serves_many_threads() {
        let system = Randomness::system();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for len in [0, 1, 7, 8, 12, 32] {
                        system.fill(&mut vec![0; len]).unwrap();
                    }
                });
            }
        });
    }
}
