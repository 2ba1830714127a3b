//! What a run keeps of each fault: whether it acts, and how much it has affected. Whoever performs
//! a fault counts what it has changed.

use std::cell::Cell;

/// How much a fault has affected, and whether it acts now.
#[derive(Debug, Default)]
pub(crate) struct Acting {
    affected: Cell<u64>,
    active: Cell<bool>,
}

impl Acting {
    /// The fault has affected so much more.
    pub(crate) fn affect(&self, count: u64) {
        self.affected.set(self.affected.get() + count);
    }

    /// How much it has affected so far.
    pub(crate) fn affected(&self) -> u64 {
        self.affected.get()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active.get()
    }

    pub(crate) fn set_active(&self, active: bool) {
        self.active.set(active);
    }
}
