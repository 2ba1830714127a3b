//! How much memory a run holds, counted where it is allocated.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

use super::threads::bytes;

thread_local! {
    /// Bytes allocated by this thread less those freed by it.
    static LIVE: Cell<i64> = const { Cell::new(0) };
    /// What a thread counts in that the code of a run has started: the others of its run.
    static OF_RUN: Cell<Option<&'static AtomicI64>> = const { Cell::new(None) };
    /// Whether the allocator is in use at all.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether all threads count together as well, which costs each of them time.
static COUNTS_PROCESS: AtomicBool = AtomicBool::new(false);

/// Bytes allocated by all threads less those freed by them.
static LIVE_OF_PROCESS: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, which also counts what each thread holds.
///
/// The counts of the thread of a run and of those that its code has started are what all of its hosts
/// hold together. A binary or test target that installs it gets the gauge `memory_growth_mib`, for leak checks:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: squall::CountingAllocator = squall::CountingAllocator;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

fn count(bytes: usize, sign: i64) {
    // While a thread ends, its cells may be gone already; nobody asks any more then.
    let change = sign * bytes.cast_signed() as i64;
    if let Some(of_run) = OF_RUN.try_with(Cell::get).ok().flatten() {
        of_run.fetch_add(change, Ordering::Relaxed);
        return;
    }
    let _ = LIVE.try_with(|live| live.set(live.get() + change));
    let _ = COUNTED.try_with(|counted| counted.set(true));
    if COUNTS_PROCESS.load(Ordering::Relaxed) {
        LIVE_OF_PROCESS.fetch_add(change, Ordering::Relaxed);
    }
}

/// From now on this thread counts with the others of its run, or no longer.
pub(crate) fn count_in(of_run: Option<&'static AtomicI64>) {
    let _ = OF_RUN.try_with(|cell| cell.set(of_run));
}

/// Bytes that the run of this thread holds; `None` unless the allocator counts.
pub(crate) fn live() -> Option<i64> {
    COUNTED.get().then(|| LIVE.get() + bytes())
}

/// From now on, counts what all threads hold together: to begin with, what this one does.
pub(crate) fn count_process() {
    if !COUNTS_PROCESS.swap(true, Ordering::Relaxed) {
        LIVE_OF_PROCESS.fetch_add(LIVE.get(), Ordering::Relaxed);
    }
}

/// Bytes that all threads hold together; `None` unless the allocator counts them.
pub(crate) fn live_of_process() -> Option<i64> {
    let counts = COUNTED.get() && COUNTS_PROCESS.load(Ordering::Relaxed);
    counts.then(|| LIVE_OF_PROCESS.load(Ordering::Relaxed))
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

#[cfg(test)]
mod tests {
    use std::{
        alloc::{GlobalAlloc, Layout},
        thread,
    };

    use super::{CountingAllocator, count_process, live, live_of_process};

    fn held(then: impl FnOnce() + Send) {
        let layout = Layout::from_size_align(4096, 8).expect("a layout");
        // SAFETY: the layout is not empty, and what is allocated is freed with it once.
        unsafe {
            let place = CountingAllocator.alloc(layout);
            then();
            CountingAllocator.dealloc(place, layout);
        }
    }

    #[test]
    fn what_all_threads_hold_is_counted_together() {
        assert_eq!(live_of_process(), None, "nobody has asked for it");
        held(|| {
            count_process();
            count_process();
            assert_eq!(live_of_process(), Some(4096), "what was held before");
            let other =
                || held(|| assert_eq!((live(), live_of_process()), (Some(4096), Some(8192))));
            thread::scope(|scope| scope.spawn(other).join()).expect("counted");
        });
        assert_eq!(live_of_process(), Some(0));
    }
}
