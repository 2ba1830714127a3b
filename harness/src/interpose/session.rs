//! A run on this thread, from its beginning to its end.

use std::{
    marker::PhantomData,
    time::{Duration, Instant},
};

use super::{
    calls::{files::working, network::unix},
    clocks, descriptors, filter, idle, seeded,
    threads::{self, active},
};

/// Which parts of the interposition act. Everything, except in tests of the harness that show
/// what goes wrong without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// `getrandom` answers from the seed.
    pub(crate) randomness: bool,
    /// The wall clock shows virtual time.
    pub(crate) wall_clock: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self { randomness: true, wall_clock: true }
    }
}

/// Simulated time and randomness on this thread, until it is dropped.
#[must_use = "the thread is simulated only while the session lives"]
pub(crate) struct Session {
    /// A session belongs to the thread that began it.
    not_send: PhantomData<*const ()>,
}

impl Session {
    /// Begins a run on this thread at virtual time zero.
    ///
    /// # Panics
    ///
    /// When the thread is already in a run, when the kernel lets nobody look at system calls, or when
    /// the symbols of this module are not the ones that the program calls: a program that was linked
    /// in an unusual way.
    pub(crate) fn begin(seed: u64, parts: Parts) -> Self {
        assert!(!active(), "this thread already runs a simulation");
        if let Err(error) = filter::install(parts.randomness) {
            panic!(
                "expected a seccomp filter on the thread of the run, without which a system call \
                 that goes past libc would leave the simulation unseen; found: {error}"
            );
        }
        clocks::begin(parts.wall_clock);
        threads::begin(seed);
        if parts.randomness {
            seeded::begin(seed);
        } else {
            seeded::end();
        }
        threads::set_active(true);
        let session = Self { not_send: PhantomData };
        session.check();
        session
    }

    fn check(&self) {
        let before = Instant::now();
        clocks::move_to(1_000_000);
        let passed = before.elapsed();
        clocks::move_to(0);
        assert_eq!(
            passed,
            Duration::from_millis(1),
            "the clocks of this program are not squall's: it must be linked so that symbols of \
             the executable come before those of libc"
        );
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        idle::forget();
        descriptors::forget();
        unix::forget();
        working::forget();
        threads::set_active(false);
        clocks::end();
        seeded::end();
        threads::end();
    }
}
