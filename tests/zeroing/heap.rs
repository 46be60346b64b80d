//! A heap that looks at every block that is freed.
//!
//! While a [`Watch`] lives, each block given back to the heap is searched for the
//! watch's needles, in both byte orders (big integers are little-endian), by windows of
//! 16 bytes, so that a part of a secret counts as well. The needles are kept masked: the
//! watch's own copies are not found.
//!
//! Blocks come zeroed, so that what is found in one was written while it was in use, and
//! growing always moves, so that what growing leaves behind is seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{ptr, slice};

/// The bytes of a needle in a row that count.
pub const WINDOW: usize = 16;

/// What the stored needles are masked with.
const MASK: u64 = 0xA5C3_5A3C_96E1_0FF0;

const SLOTS: usize = 1 << 14;

/// Counts above this many needles are not kept.
const MOST: usize = 64;

pub struct Heap;

/// What the heap looks for, or null.
static WATCHED: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

/// One watch at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A hash table of windows, open addressing; nothing in it allocates once it is made.
struct Table {
    slots: Vec<Option<Window>>,
    /// Blocks in which a needle was found.
    hits: [std::sync::atomic::AtomicU64; MOST],
}

#[derive(Clone, Copy)]
struct Window {
    masked: [u64; 2],
    needle: usize,
}

impl Table {
    fn insert(&mut self, window: [u64; 2], needle: usize) {
        let masked = window.map(|half| half ^ MASK);
        let mut at = slot(masked[0]);
        while self.slots[at].is_some() {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = Some(Window { masked, needle });
    }

    fn scan(&self, block: &[u8]) {
        let mut found = [false; MOST];
        for window in block.windows(WINDOW) {
            let masked = halves(window).map(|half| half ^ MASK);
            let mut at = slot(masked[0]);
            while let Some(known) = &self.slots[at] {
                if known.masked == masked {
                    found[known.needle] = true;
                }
                at = (at + 1) % SLOTS;
            }
        }
        for (hits, found) in self.hits.iter().zip(found) {
            hits.fetch_add(found.into(), Ordering::Relaxed);
        }
    }
}

fn slot(masked: u64) -> usize {
    let mixed = masked.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.ilog2());
    usize::try_from(mixed).unwrap_or_default()
}

fn halves(window: &[u8]) -> [u64; 2] {
    let half = |at: usize| {
        let bytes = window.get(at..at + 8).and_then(|half| half.try_into().ok());
        u64::from_ne_bytes(bytes.unwrap_or_default())
    };
    [half(0), half(8)]
}

/// Searches freed blocks while it lives. One at a time: the others wait.
pub struct Watch {
    names: Vec<String>,
    table: *mut Table,
    _one: MutexGuard<'static, ()>,
}

impl Watch {
    /// Watches for these needles of 16 bytes or more.
    pub fn new<'a>(needles: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table {
            slots: vec![None; SLOTS],
            hits: [const { std::sync::atomic::AtomicU64::new(0) }; MOST],
        };
        let mut names = Vec::new();
        for (name, needle) in needles {
            assert!(needle.len() >= WINDOW, "{name}: too short");
            let reversed: Vec<u8> = needle.iter().rev().copied().collect();
            for order in [needle, &reversed] {
                for window in order.windows(WINDOW) {
                    table.insert(halves(window), names.len());
                }
            }
            names.push(name.to_owned());
        }
        assert!(names.len() <= MOST, "too many needles");
        let table = Box::into_raw(Box::new(table));
        WATCHED.store(table, Ordering::SeqCst);
        Watch {
            names,
            table,
            _one: one,
        }
    }

    /// The needles found since the last time, with the number of blocks.
    pub fn found(&self) -> BTreeMap<&str, u64> {
        // SAFETY: `table` came from `Box::into_raw` in `new` and is freed in `drop`
        // alone; all its accesses are shared ones.
        let table = unsafe { &*self.table };
        let counts = table.hits.iter().map(|hits| hits.swap(0, Ordering::SeqCst));
        let names = self.names.iter().map(String::as_str);
        names.zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHED.store(ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: `table` came from `Box::into_raw` in `new`, and this is the one place
        // that frees it. A thread that loaded the pointer before the store above could
        // still be in `scan`: tests that watch free nothing on other threads, and
        // those that wait for the lock sleep.
        drop(unsafe { Box::from_raw(self.table) });
    }
}

fn look_at(block: *mut u8, len: usize) {
    let table = WATCHED.load(Ordering::SeqCst);
    if table.is_null() || block.is_null() || len < WINDOW {
        return;
    }
    // SAFETY: `table` is not null, so a `Watch` lives and the table with it (see its
    // `drop`). `block` is a block of `len` bytes that its owner is giving back and
    // nobody else uses, all of it initialised, because `alloc` zeroes.
    unsafe { (*table).scan(slice::from_raw_parts(block, len)) };
}

// SAFETY: every method passes on to `System` with the layout it was given; `realloc` is
// the default's own recipe (a new block, a copy, the old block freed).
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract with us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract with us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        look_at(block, layout.size());
        // SAFETY: the caller keeps the same contract with us.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to the alignment, does
        // not overflow, and is not zero.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: as above; `block` holds `layout.size()` bytes, and the new block is
        // another one.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
