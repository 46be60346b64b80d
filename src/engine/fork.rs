//! Whether this process is still the one that it was: random bytes that are kept for later
//! must not be used by a parent and by its child.
//!
//! The kernel tells, and nothing else is asked: a page that is marked `MADV_WIPEONFORK`
//! (Linux 4.14) is full of zeros in every child, however it was made (`fork`, or a `clone`
//! that no handler of the C library sees). Where there is no such page the answer is
//! `None`, and nothing may be kept.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that is another one in each process of a line of parents and children; `None`
/// where forks cannot be told. One load, once it has been called.
///
/// A thread that has just asked may rely on the answer until it calls something that
/// forks: a child has a copy of the thread that forked, and of no other.
#[inline]
pub(crate) fn generation() -> Option<u64> {
    static WIPED: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
    let wiped = (*WIPED.get_or_init(page))?;
    match wiped.load(Ordering::Relaxed) {
        0 => Some(next_generation(wiped)),
        generation => Some(generation),
    }
}

#[cold]
fn next_generation(wiped: &AtomicU64) -> u64 {
    /// In memory that a child inherits: it goes on where its parent was.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match wiped.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => new,
        // Another thread was first.
        Err(generation) => generation,
    }
}

/// A page that children find wiped, never given back.
#[cfg(target_os = "linux")]
fn page() -> Option<&'static AtomicU64> {
    use std::ptr::null_mut;

    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: asks for a new mapping at an address of the kernel's choice; nothing that
    // exists is touched.
    let page = unsafe { libc::mmap(null_mut(), PAGE, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: `page` is the mapping that was just made, whole, and nobody else knows it.
    if unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above, and it is not used any more.
        unsafe { libc::munmap(page, PAGE) };
        return None;
    }
    // SAFETY: the start of a readable and writable page, aligned and zeroed, that is mapped
    // for as long as the process lives, and is read and written through this atomic alone.
    Some(unsafe { AtomicU64::from_ptr(page.cast()) })
}

#[cfg(not(target_os = "linux"))]
fn page() -> Option<&'static AtomicU64> {
    None
}

/// At least a word: the kernel rounds up to whole pages.
#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_stays_what_it_is() {
        let first = generation();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(generation(), first));
            }
        });
        assert_ne!(first, Some(0));
    }

    #[test]
    fn a_wiped_word_gets_a_new_number() {
        let word = AtomicU64::new(0);
        let first = next_generation(&word);
        assert_eq!(word.swap(0, Ordering::Relaxed), first);
        assert!(next_generation(&word) > first);
    }
}
