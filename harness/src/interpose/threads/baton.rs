//! The baton, which says who moves.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::interpose::real::{real_futex, real_wait};

/// What may move: set for whoever has it.
#[derive(Debug, Default)]
pub(crate) struct Baton(AtomicU32);

impl Baton {
    pub(crate) fn hand_over(&self) {
        self.0.store(1, Ordering::Release);
        real_futex(&self.0, libc::FUTEX_WAKE, 1);
    }

    pub(crate) fn await_it(&self) {
        while self.0.swap(0, Ordering::Acquire) == 0 {
            real_futex(&self.0, libc::FUTEX_WAIT, 0);
        }
    }

    /// Takes it, if it is there.
    pub(crate) fn has_come(&self) -> bool {
        self.0.swap(0, Ordering::Acquire) != 0
    }

    /// Waits for it no longer than so many milliseconds of real time. Did it come?
    pub(crate) fn await_it_for(&self, milliseconds: u32) -> bool {
        for _ in 0..milliseconds {
            if self.has_come() {
                return true;
            }
            let _ = real_wait(&self.0, 0);
        }
        false
    }
}
