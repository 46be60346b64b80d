//! IVs for GCM, drawn from the system several at a time: asking the kernel for twelve bytes
//! takes longer than encrypting a short message with them.
//!
//! Nothing secret is kept for later. An IV is public and need only be another one each time,
//! so a pool of them is safe to have where a pool of random bytes for keys, nonces and
//! blinding would not be: those are always drawn from the system in the moment of their use.
//!
//! What would give an IV out twice, and why it does not:
//! * *Two threads.* Each has its own pool.
//! * *A fork.* The kernel tells ([`fork::generation`]); the child throws its copy away.
//!   Where it cannot tell, nothing is kept.
//! * *A virtual machine that is copied or resumed twice.* Nothing tells that. Each IV is
//!   combined, when it is used, with the processor's count of cycles, so the copies differ
//!   unless they ask in the same cycle of their lives. Randomness loses nothing by it.
//! * *A generator that sticks.* Each draw goes through the same watch as any other, and no two IVs
//!   of one that follow each other may be the same.

use std::cell::RefCell;

use crate::engine::{cpu, fork};
use crate::error::ErrorKind;
use crate::fit::GCM_IV_LEN;

type Iv = [u8; GCM_IV_LEN];

/// The most IVs that a thread has in stock: enough to make a draw cheap.
const STOCK: usize = 64;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

struct Pool {
    /// The process that drew them; 0 before anything was drawn.
    generation: u64,
    ivs: [Iv; STOCK],
    /// How many of them are not yet used: the first ones.
    left: usize,
    /// How many the next draw takes: a thread that encrypts once draws once.
    next: usize,
}

/// The next IV of this thread's pool; drawn with `draw`, which fills a buffer, and looked
/// at with `watch`, where there is none. `None` where no pool may be kept.
#[inline]
pub(super) fn pooled(
    draw: impl FnOnce(&mut [u8]) -> Result<(), ErrorKind>,
    watch: impl Fn(&[u8]) -> Result<(), ErrorKind>,
) -> Option<Result<Iv, ErrorKind>> {
    let cycles = cpu::cycles()?;
    let generation = fork::generation()?;
    let taken = POOL.try_with(|pool| {
        let mut pool = pool.try_borrow_mut().ok()?;
        Some(pool.take(generation, draw, watch))
    });
    let iv = taken.ok()??;
    Some(iv.map(|iv| mixed(iv, cycles)))
}

impl Pool {
    const fn new() -> Self {
        Pool {
            generation: 0,
            ivs: [[0; GCM_IV_LEN]; STOCK],
            left: 0,
            next: 1,
        }
    }

    #[inline]
    fn take(
        &mut self,
        generation: u64,
        draw: impl FnOnce(&mut [u8]) -> Result<(), ErrorKind>,
        watch: impl Fn(&[u8]) -> Result<(), ErrorKind>,
    ) -> Result<Iv, ErrorKind> {
        if self.left == 0 || self.generation != generation {
            self.draw(generation, draw, watch)?;
        }
        // Counted as used before it is given out.
        self.left = self.left.checked_sub(1).ok_or(ErrorKind::Randomness)?;
        self.ivs
            .get(self.left)
            .copied()
            .ok_or(ErrorKind::Randomness)
    }

    #[cold]
    fn draw(
        &mut self,
        generation: u64,
        draw: impl FnOnce(&mut [u8]) -> Result<(), ErrorKind>,
        watch: impl Fn(&[u8]) -> Result<(), ErrorKind>,
    ) -> Result<(), ErrorKind> {
        // Nothing counts until everything is good.
        self.left = 0;
        let ivs = self.ivs.get_mut(..self.next).ok_or(ErrorKind::Randomness)?;
        draw(ivs.as_flattened_mut())?;
        watch(ivs.as_flattened())?;
        if ivs
            .windows(2)
            .any(|pair| matches!(pair, [one, next] if one == next))
        {
            return Err(ErrorKind::Randomness);
        }
        self.generation = generation;
        self.left = self.next;
        self.next = (2 * self.next).min(STOCK);
        Ok(())
    }
}

/// The lower eight bytes with this number mixed in.
fn mixed(iv: Iv, number: u64) -> Iv {
    let mut mixed = iv;
    if let Some(low) = mixed.last_chunk_mut::<8>() {
        *low = (u64::from_be_bytes(*low) ^ number).to_be_bytes();
    }
    mixed
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashSet;

    use super::*;

    fn fine(_: &[u8]) -> Result<(), ErrorKind> {
        Ok(())
    }

    /// Draws that count up, and how many bytes each took.
    struct Draws(Cell<u8>, RefCell<Vec<usize>>);

    impl Draws {
        fn draw(&self, out: &mut [u8]) -> Result<(), ErrorKind> {
            self.1.borrow_mut().push(out.len());
            for iv in out.chunks_mut(GCM_IV_LEN) {
                iv.fill(self.0.replace(self.0.get() + 1));
            }
            Ok(())
        }
    }

    fn draws() -> Draws {
        Draws(Cell::new(0), RefCell::default())
    }

    #[test]
    fn a_pool_gives_each_iv_once_and_draws_more_at_a_time() {
        let (mut pool, draws) = (Pool::new(), draws());
        let ivs: HashSet<Iv> = (0..200)
            .map(|_| pool.take(1, |out| draws.draw(out), fine).unwrap())
            .collect();
        assert_eq!(ivs.len(), 200);
        let sizes: Vec<usize> = draws.1.take().iter().map(|len| len / GCM_IV_LEN).collect();
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn another_process_draws_anew() {
        let (mut pool, draws) = (Pool::new(), draws());
        for _ in 0..4 {
            pool.take(1, |out| draws.draw(out), fine).unwrap();
        }
        let left: HashSet<Iv> = pool.ivs[..pool.left].iter().copied().collect();
        assert!(!left.is_empty());
        let drawn = draws.1.borrow().len();
        let iv = pool.take(2, |out| draws.draw(out), fine).unwrap();
        assert_eq!(draws.1.borrow().len(), drawn + 1);
        assert!(!left.contains(&iv));
    }

    #[test]
    fn nothing_is_kept_of_a_draw_that_failed() {
        let (mut pool, draws) = (Pool::new(), draws());
        let failed = |_: &mut [u8]| Err(ErrorKind::Randomness);
        assert!(pool.take(1, failed, fine).is_err());
        assert_eq!(pool.left, 0);
        let stuck = |_: &[u8]| Err(ErrorKind::Randomness);
        assert!(pool.take(1, |out| draws.draw(out), stuck).is_err());
        assert_eq!(pool.left, 0);
        assert!(pool.take(1, |out| draws.draw(out), fine).is_ok());
    }

    #[test]
    fn a_draw_of_the_same_ivs_is_refused() {
        let mut pool = Pool::new();
        let same = |out: &mut [u8]| {
            out.fill(7);
            Ok(())
        };
        assert!(pool.take(1, same, fine).is_ok(), "one alone");
        assert!(pool.take(1, same, fine).is_err());
        assert_eq!(pool.left, 0);
    }

    #[test]
    fn the_cycle_tells_copies_apart() {
        let iv = [7; GCM_IV_LEN];
        assert_ne!(mixed(iv, 1), mixed(iv, 2));
        assert_eq!(mixed(iv, 1)[..4], iv[..4]);
        assert_eq!(mixed(mixed(iv, u64::MAX), u64::MAX), iv);
    }
}
