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
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{ptr, slice};

/// The bytes of a needle in a row that count.
pub(crate) const WINDOW: usize = 16;

/// What the stored needles are masked with.
const MASK: u64 = 0xA5C3_5A3C_96E1_0FF0;

const SLOTS: usize = 1 << 14;

/// Counts above this many needles are not kept.
const MOST: usize = 64;

pub(crate) struct Heap;

thread_local! {
    /// What this thread's frees are searched for, or null. Tests that run side by side
    /// do not see each other. (No destructor and no lazy start, so it can be read at any
    /// time, within the allocator too.)
    static WATCHED: Cell<*const Table> = const { Cell::new(ptr::null()) };
}

/// A hash table of windows, open addressing; nothing in it allocates once it is made.
struct Table {
    slots: Vec<Option<Window>>,
    /// Whether a window begins with these two bytes.
    starts: Vec<bool>,
    /// Blocks in which a needle was found.
    hits: [AtomicU64; MOST],
}

#[derive(Clone, Copy)]
struct Window {
    masked: [u64; 2],
    needle: usize,
}

impl Table {
    fn insert(&mut self, window: &[u8], needle: usize) {
        self.starts[start(window)] = true;
        let masked = halves(window).map(|half| half ^ MASK);
        let mut at = slot(masked[0]);
        while self.slots[at].is_some() {
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = Some(Window { masked, needle });
    }

    fn scan(&self, block: &[u8]) {
        let mut found = [false; MOST];
        let mut at = 0;
        // Some megabytes pass here (password hashing), in unoptimised code.
        while at + WINDOW <= block.len() {
            if self.starts[usize::from(block[at]) << 8 | usize::from(block[at + 1])] {
                self.look_up(&block[at..at + WINDOW], &mut found);
            }
            at += 1;
        }
        for (hits, found) in self.hits.iter().zip(found) {
            hits.fetch_add(found.into(), Ordering::Relaxed);
        }
    }

    fn look_up(&self, window: &[u8], found: &mut [bool; MOST]) {
        let masked = halves(window).map(|half| half ^ MASK);
        let mut at = slot(masked[0]);
        while let Some(known) = &self.slots[at] {
            if known.masked == masked {
                found[known.needle] = true;
            }
            at = (at + 1) % SLOTS;
        }
    }
}

/// The first two bytes, as a number.
fn start(window: &[u8]) -> usize {
    usize::from(window[0]) << 8 | usize::from(window[1])
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

/// Searches the blocks that this thread frees while it lives.
pub(crate) struct Watch {
    names: Vec<String>,
    /// From `Box::into_raw`. (A pointer also keeps a `Watch` on its thread.)
    table: *mut Table,
}

impl Watch {
    /// Watches for these needles of 16 bytes or more.
    pub(crate) fn new<'a>(needles: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut table = Table {
            slots: vec![None; SLOTS],
            starts: vec![false; 1 << 16],
            hits: [const { AtomicU64::new(0) }; MOST],
        };
        let mut names = Vec::new();
        for (name, needle) in needles {
            assert!(needle.len() >= WINDOW, "{name}: too short");
            let reversed: Vec<u8> = needle.iter().rev().copied().collect();
            for order in [needle, &reversed] {
                for window in order.windows(WINDOW) {
                    table.insert(window, names.len());
                }
            }
            names.push(name.to_owned());
        }
        assert!(names.len() <= MOST, "too many needles");
        let table = Box::into_raw(Box::new(table));
        let before = WATCHED.replace(table);
        assert!(before.is_null(), "one watch at a time");
        Watch { names, table }
    }

    /// The needles found since the last time, with the number of blocks.
    pub(crate) fn found(&self) -> BTreeMap<&str, u64> {
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
        WATCHED.set(ptr::null());
        // SAFETY: `table` came from `Box::into_raw` in `new`, this is the one place that
        // frees it, and the allocator of this thread, its one other user, has just
        // forgotten it.
        drop(unsafe { Box::from_raw(self.table) });
    }
}

fn look_at(block: *mut u8, len: usize) {
    let table = WATCHED.get();
    if table.is_null() || len < WINDOW {
        return;
    }
    // SAFETY: `table` is not null, so a `Watch` of this thread lives and the table with
    // it (see its `drop`). `block` is a block of `len` bytes that its owner is giving
    // back and nobody else uses, all of it initialised, because `alloc` zeroes.
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
