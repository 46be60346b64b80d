//! Leaving nothing behind: of values, and of what the compiler kept on the stack.

use std::hint::black_box;
#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{Ordering, compiler_fence};

/// Numbers and arrays of numbers.
///
/// # Safety
/// All zeros must be a value of the type, and it must have nothing to drop.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: integers.
#[cfg(target_arch = "x86_64")]
unsafe impl<const N: usize> Plain for [u64; N] {}

/// Overwrites values with zeros, which no optimiser takes away.
#[cfg(target_arch = "x86_64")]
pub(crate) fn erase<T: Plain>(values: &mut [T]) {
    for value in values {
        // SAFETY: the reference is writable and aligned, and zeros are a value of a `Plain`.
        unsafe { std::ptr::write_volatile(value, std::mem::zeroed()) };
    }
    compiler_fence(Ordering::SeqCst);
}

/// Overwrites as many KiB of what functions that have returned left on the stack below the caller:
/// the registers that a kernel spilled, its temporaries. Each caller says more than the frames of
/// what it has called take in a release build, of which none may be inlined into it. It is best
/// effort, as everything about a stack is.
#[inline(never)]
pub(crate) fn erase_stack<const KIB: usize>() {
    let mut frame = [[0_u64; 128]; KIB];
    black_box(&mut frame);
}
