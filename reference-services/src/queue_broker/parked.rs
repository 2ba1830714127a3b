//! Workers that wait for jobs.

use std::collections::{BTreeMap, BTreeSet};

use tokio::{sync::oneshot, time::Instant};

use super::leased::Leased;

/// Who gets what is ready.
type Waiting = (String, usize, oneshot::Sender<Vec<Leased>>);

/// Those who wait, first come, first served. Bounded by the calls that may be in flight.
#[derive(Debug, Default)]
pub(super) struct Parked {
    waiting: BTreeMap<u64, (Instant, Waiting)>,
    deadlines: BTreeSet<(Instant, u64)>,
    next_number: u64,
}

impl Parked {
    /// One more, who waits for so many jobs until `until`.
    pub(super) fn enter(
        &mut self,
        worker: String,
        jobs_max: usize,
        until: Instant,
        answer: oneshot::Sender<Vec<Leased>>,
    ) {
        self.waiting.insert(self.next_number, (until, (worker, jobs_max, answer)));
        self.deadlines.insert((until, self.next_number));
        self.next_number += 1;
    }

    /// Takes the one out who has waited for longest and still waits.
    pub(super) fn first(&mut self) -> Option<Waiting> {
        while let Some((number, (until, waiting))) = self.waiting.pop_first() {
            self.deadlines.remove(&(until, number));
            if !waiting.2.is_closed() {
                return Some(waiting);
            }
        }
        None
    }

    /// Answers those whose time is over with nothing.
    pub(super) fn dismiss(&mut self, now: Instant) {
        while let Some((until, number)) = self.deadlines.first().copied()
            && until <= now
        {
            self.deadlines.pop_first();
            if let Some((_, (_, _, answer))) = self.waiting.remove(&number) {
                // Whoever has gone needs no answer.
                let _ = answer.send(Vec::new());
            }
        }
    }

    /// Nobody waits for longer than until `now`.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.deadlines.clear();
        for (number, (until, _)) in &mut self.waiting {
            *until = now;
            self.deadlines.insert((now, *number));
        }
    }

    /// When the next one has waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }
}
