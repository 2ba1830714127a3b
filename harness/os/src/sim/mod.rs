//! The simulated half of the seam, for the harness.
//!
//! The harness installs a [`Host`] on the thread while it runs that host's tasks. Services have no
//! use for this module.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

/// What a simulated host offers to the code that runs on it. Times are nanoseconds of virtual
/// time since the run began.
pub trait Host {
    /// Queues `cost` of work on the host's cores and returns when it will be done, in working
    /// time: the time in which the host does not stand still.
    fn spend(&self, cost: Duration) -> u64;

    /// Is it `done` in working time yet? If not, wakes the task when it is.
    fn poll_worked(&self, done: u64, cx: &mut Context<'_>) -> Poll<()>;

    /// Is it `deadline` yet? If not, wakes the task when it is.
    fn poll_until(&self, deadline: u64, cx: &mut Context<'_>) -> Poll<()>;

    /// Was the host asked to stop gracefully? If not, wakes the task when it is.
    fn poll_terminated(&self, cx: &mut Context<'_>) -> Poll<()>;
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// Makes `host` the current one until the guard is dropped, then the former again.
pub fn enter(host: Rc<dyn Host>) -> Entered {
    Entered(CURRENT.replace(Some(host)))
}

/// The guard of [`enter`].
#[must_use = "the host is current only while the guard lives"]
pub struct Entered(Option<Rc<dyn Host>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Does this code run on a simulated host?
#[must_use]
pub fn active() -> bool {
    CURRENT.try_with(|current| current.borrow().is_some()).unwrap_or(false)
}

/// Asks the current host; `None` outside a run.
pub(crate) fn with<R>(ask: impl FnOnce(&dyn Host) -> R) -> Option<R> {
    let host = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()?;
    Some(ask(&*host))
}

/// Sleeps until `deadline`, to the nanosecond, where Tokio's timers have a resolution of a
/// millisecond. Never completes outside a run.
pub async fn sleep_until(deadline: u64) {
    poll_fn(|cx| with(|host| host.poll_until(deadline, cx)).unwrap_or(Poll::Pending)).await;
}

/// Works for `cost` on one of the current host's cores, once it is free.
pub(crate) async fn spend(cost: Duration) {
    if let Some(done) = with(|host| host.spend(cost)) {
        poll_fn(|cx| with(|host| host.poll_worked(done, cx)).unwrap_or(Poll::Pending)).await;
    }
}
