//! A heap whose every allocation takes the same few instructions.
//!
//! What the system's allocator does depends on all that was freed before, and differs by
//! hundreds of instructions. This one hands out the next bytes of a large block, aligned
//! alike, and takes none back: for programs that measure and end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

pub(crate) struct Bump {
    block: AtomicPtr<u8>,
    used: AtomicUsize,
}

/// Of address space; what is not touched takes no memory.
const BLOCK: usize = 1 << 28;
const ALIGN: usize = 64;

impl Bump {
    pub(crate) const fn new() -> Self {
        Bump {
            block: AtomicPtr::new(ptr::null_mut()),
            used: AtomicUsize::new(0),
        }
    }

    /// The block, which stays until the end; made when it is first asked for.
    fn block(&self) -> *mut u8 {
        let block = self.block.load(Ordering::Acquire);
        if !block.is_null() {
            return block;
        }
        let Ok(layout) = Layout::from_size_align(BLOCK, ALIGN) else {
            return ptr::null_mut();
        };
        // SAFETY: the layout's size is not zero.
        let new = unsafe { System.alloc_zeroed(layout) };
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match self.block.compare_exchange(block, new, order.0, order.1) {
            Ok(_) => new,
            // Another thread was first; ours is left alone.
            Err(first) => first,
        }
    }
}

// SAFETY: a block given out lies within `block`, which is never given back, at an address
// that `fetch_add` gives once; offsets and sizes are multiples of `ALIGN`, so no two
// overlap, and each is aligned. What does not fit is `System`'s, and not given back.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size().next_multiple_of(ALIGN);
        let (block, at) = (self.block(), self.used.fetch_add(size, Ordering::Relaxed));
        if block.is_null() || layout.align() > ALIGN || at.saturating_add(size) > BLOCK {
            // SAFETY: the caller keeps the same contract with us.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: `at + size` is within the `BLOCK` bytes that start at `block`.
        unsafe { block.add(at) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
