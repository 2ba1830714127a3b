//! The jobs that this host has, buffered or in work, and until when.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::queue::{Job, Lease};

/// The leases that this host holds. Bounded by the buffer and the workers.
#[derive(Debug, Default)]
pub(super) struct Held {
    leases: Mutex<BTreeMap<Lease, Term>>,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    until: Instant,
    lasts: Duration,
}

impl Held {
    fn leases(&self) -> MutexGuard<'_, BTreeMap<Lease, Term>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job was taken.
    pub(super) fn enter(&self, job: &Job) {
        let term = Term { until: job.until, lasts: job.lasts };
        self.leases().insert(job.lease.clone(), term);
    }

    /// A job is no longer ours.
    pub(super) fn leave(&self, lease: &Lease) {
        self.leases().remove(lease);
    }

    /// Until when a job is ours, if it still is.
    pub(super) fn until(&self, lease: &Lease, now: Instant) -> Option<Instant> {
        self.leases().get(lease).map(|term| term.until).filter(|until| *until > now)
    }

    /// All leases.
    pub(super) fn all(&self) -> Vec<Lease> {
        self.leases().keys().cloned().collect()
    }

    /// These were extended at `asked`, except for those that are lost.
    pub(super) fn extended(&self, asked: Instant, extended: &[Lease], lost: &[Lease]) {
        let mut leases = self.leases();
        for lease in extended {
            if lost.contains(lease) {
                leases.remove(lease);
            } else if let Some(term) = leases.get_mut(lease) {
                term.until = asked + term.lasts;
            }
        }
    }

    /// How long to wait before leases are extended: a third of the shortest.
    pub(super) fn pause(&self) -> Duration {
        let shortest = self.leases().values().map(|term| term.lasts).min();
        shortest.map_or(Duration::from_secs(1), |lasts| lasts / 3)
    }
}
