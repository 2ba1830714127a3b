//! How a runtime with nothing to do says so: it asks `epoll_wait` how long it would wait.

use std::{
    cell::{Cell, RefCell},
    task::Waker,
};

/// The root future is woken at each of so many looks at `epoll_wait`, so that it can end a run
/// whose tasks never are idle.
const LOOKS_APART: u32 = 256;

thread_local! {
    /// What the last `epoll_wait` was asked to wait for.
    static WAIT_MS: Cell<Option<i32>> = const { Cell::new(None) };
    /// How often `epoll_wait` was asked for a look without waiting.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    static ROOT: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Forgets what `epoll_wait` was last asked, and remembers whom to wake when it is asked again.
pub(crate) fn expect_idle(root: &Waker) {
    WAIT_MS.set(None);
    LOOKS.set(0);
    ROOT.with_borrow_mut(|slot| match slot {
        Some(waker) => waker.clone_from(root),
        None => *slot = Some(root.clone()),
    });
}

/// What `epoll_wait` was asked since [`expect_idle`]: milliseconds until the next timer, or a
/// negative number for no timer.
pub(crate) fn idle_for() -> Option<i32> {
    WAIT_MS.get()
}

/// A runtime that would wait has nothing to do: its root future takes over. A timeout of zero is
/// a look in between tasks.
pub(crate) fn idle(timeout_ms: i32) {
    if timeout_ms != 0 {
        WAIT_MS.set(Some(timeout_ms));
    } else {
        LOOKS.set(LOOKS.get().wrapping_add(1));
    }
    if timeout_ms != 0 || LOOKS.get().is_multiple_of(LOOKS_APART) {
        ROOT.with_borrow(|root| root.as_ref().map(Waker::wake_by_ref));
    }
}

/// The run is over: nobody is woken any more.
pub(crate) fn forget() {
    ROOT.set(None);
}
