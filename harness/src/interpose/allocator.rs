//! How much memory a run holds, counted where it is allocated.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    /// Bytes allocated by this thread less those freed by it.
    static LIVE: Cell<i64> = const { Cell::new(0) };
    /// Whether the allocator is in use at all.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, which also counts what each thread holds.
///
/// A run has one thread, so the count of that thread is what all of its hosts hold together. A
/// binary or test target that installs it gets the gauge `memory_growth_mib`, for leak checks:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: squall::CountingAllocator = squall::CountingAllocator;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

fn count(bytes: usize, sign: i64) {
    // While a thread ends, its cells may be gone already; nobody asks any more then.
    let _ = LIVE.try_with(|live| live.set(live.get() + sign * bytes.cast_signed() as i64));
    let _ = COUNTED.try_with(|counted| counted.set(true));
}

/// Bytes that this thread holds; `None` unless the allocator counts.
pub(crate) fn live() -> Option<i64> {
    COUNTED.get().then(|| LIVE.get())
}

// SAFETY: all of it is the system allocator's, called with the caller's own arguments.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller vouches for `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller vouches for `layout`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller vouches for `place` and `layout`.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: the caller vouches for all three.
        unsafe { System.realloc(place, layout, size) }
    }
}
