//! Who this thread is: that of a run, one that the code of a run has started, or neither; and whose code
//! it runs.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
};

use libc::c_int;

use super::family::{Child, Family};
use crate::interpose::{kernel::Kernel, program::statics};

thread_local! {
    /// Whether a run is simulated on this thread.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    /// The kernel that the code that runs now calls.
    static KERNEL: RefCell<Option<Rc<dyn Kernel>>> = const { RefCell::new(None) };
    /// Of the thread of a run.
    static FAMILY: RefCell<Option<Arc<Family>>> = const { RefCell::new(None) };
    /// The kernels of the hosts that threads belong to, by the number of the thread.
    pub(crate) static KERNELS: RefCell<BTreeMap<u64, Rc<dyn Kernel>>> =
        const { RefCell::new(BTreeMap::new()) };
    /// Of a thread that was started by the code of a run.
    pub(crate) static CHILD: Cell<Option<&'static Child>> = const { Cell::new(None) };
}

/// A run begins on this thread.
pub(crate) fn begin(seed: u64) {
    statics::prepare();
    FAMILY.set(Some(Family::found(seed)));
}

/// The run is over. Threads that still wait are left behind: nothing can end them.
pub(crate) fn end() {
    if let Some(family) = FAMILY.take() {
        family.dissolve();
    }
    KERNELS.take();
}

/// The family of this thread, whether it is the run's own or one that the code has started.
pub(crate) fn family() -> Option<Arc<Family>> {
    match CHILD.try_with(Cell::get).ok().flatten() {
        Some(child) => Some(Arc::clone(&child.family)),
        None => FAMILY.try_with(|family| family.try_borrow().ok()?.clone()).ok().flatten(),
    }
}

/// What the threads that the code of this run has started have allocated, less what they have freed.
pub(crate) fn bytes() -> i64 {
    let of = |family: &Arc<Family>| family.bytes.load(Ordering::Relaxed);
    FAMILY.try_with(|family| family.try_borrow().ok()?.as_ref().map(of)).ok().flatten().unwrap_or(0)
}

/// Was this thread started by the code of a run?
pub(crate) fn is_child() -> bool {
    CHILD.try_with(Cell::get).ok().flatten().is_some()
}

/// The number of this thread in its run, from 1 on: that of the runtimes.
pub(crate) fn number() -> c_int {
    let number = CHILD.try_with(Cell::get).ok().flatten().map_or(0, |child| child.number);
    c_int::try_from(number + 1).unwrap_or(c_int::MAX)
}

/// Is this thread running a simulation?
pub(crate) fn active() -> bool {
    ACTIVE.try_with(Cell::get).unwrap_or(false)
}

/// The simulation of this thread begins or ends.
pub(crate) fn set_active(is_active: bool) {
    ACTIVE.set(is_active);
}

/// Lets the code of this thread call this kernel until the guard is dropped, then the former again.
pub(crate) fn enter(kernel: Rc<dyn Kernel>) -> Entered {
    Entered(KERNEL.replace(Some(kernel)))
}

/// The guard of [`enter`].
#[must_use = "the kernel is called only while the guard lives"]
pub(crate) struct Entered(Option<Rc<dyn Kernel>>);

impl Drop for Entered {
    fn drop(&mut self) {
        KERNEL.set(self.0.take());
    }
}

/// The kernel that the code that runs now calls.
pub(crate) fn kernel() -> Option<Rc<dyn Kernel>> {
    KERNEL.try_with(|kernel| kernel.borrow().clone()).ok().flatten()
}

/// Is this a thread of a run?
pub(crate) fn in_run() -> bool {
    active() || is_child()
}

/// Is this the code of a run: on its own thread, while a host runs, or on one that it has started?
pub(crate) fn is_inside() -> bool {
    if active() {
        KERNEL.try_with(|kernel| kernel.borrow().is_some()).unwrap_or(false)
    } else {
        is_child()
    }
}
