//! The jobs: what of the broker survives a loss of power.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use prost::Message;

use super::record::{Change, Failed, Job, Record};
use crate::journal::State;

/// All jobs that are not done, and the ids of the last ones that are.
#[derive(Debug)]
pub(super) struct Ledger {
    live: BTreeMap<String, Job>,
    dead: BTreeMap<String, Job>,
    /// What each was a job of.
    done: BTreeMap<String, Bytes>,
    /// In the order in which they were done.
    done_order: VecDeque<String>,
    done_max: usize,
    bytes: u64,
    /// How many jobs were accepted.
    accepted: u64,
    /// Defect: a replayed job is not as if it had never failed.
    pub(super) replay_keeps_failures: bool,
}

impl Ledger {
    /// An empty one that remembers the last `done_max` jobs that are done.
    pub(super) fn new(done_max: usize) -> Self {
        Self {
            live: BTreeMap::new(),
            dead: BTreeMap::new(),
            done: BTreeMap::new(),
            done_order: VecDeque::new(),
            done_max,
            bytes: 0,
            accepted: 0,
            replay_keeps_failures: false,
        }
    }

    /// What is remembered of a job that was accepted under this id.
    pub(super) fn known(&self, id: &str, payload: &[u8]) -> Option<Known> {
        let same = match (self.live.get(id).or_else(|| self.dead.get(id)), self.done.get(id)) {
            (Some(job), _) => job.payload == payload,
            // Journals of before have none.
            (None, Some(done)) => done.is_empty() || *done == fingerprint(payload),
            (None, None) => return None,
        };
        Some(if same { Known::Same } else { Known::Another })
    }

    /// A job that is neither done nor dead.
    pub(super) fn live(&self, id: &str) -> Option<&Job> {
        self.live.get(id)
    }

    /// Those, in the order in which they were accepted.
    pub(super) fn live_jobs(&self) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.live.values().collect();
        jobs.sort_by_key(|job| job.nth);
        jobs
    }

    /// How many jobs were accepted, as far as is remembered.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The dead letters, in the order of their ids.
    pub(super) fn dead(&self) -> &BTreeMap<String, Job> {
        &self.dead
    }

    /// Jobs and dead letters.
    pub(super) fn len(&self) -> usize {
        self.live.len() + self.dead.len()
    }

    /// What they take up in memory and in a snapshot, roughly.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn enter(&mut self, job: Job) {
        self.bytes += job.encoded_len() as u64;
        self.accepted = self.accepted.max(job.nth.saturating_add(1));
        let id = job.id.clone();
        let before = match (job.done, job.dead) {
            (true, _) => {
                self.finish(id, job.fingerprint);
                None
            }
            (_, true) => self.dead.insert(id, job),
            _ => self.live.insert(id, job),
        };
        self.forget(before);
    }

    fn forget(&mut self, job: Option<Job>) {
        self.bytes -= job.map_or(0, |job| job.encoded_len() as u64);
    }

    fn finish(&mut self, id: String, fingerprint: Bytes) {
        if self.done.insert(id.clone(), fingerprint).is_none() {
            self.done_order.push_back(id);
        }
        if self.done_order.len() > self.done_max
            && let Some(oldest) = self.done_order.pop_front()
        {
            let fingerprint = self.done.remove(&oldest).unwrap_or_default();
            self.forget(Some(done(oldest, fingerprint)));
        }
    }

    /// Changes a job that is neither done nor dead.
    fn change(&mut self, id: &str, change: impl FnOnce(&mut Job)) {
        let Some(mut job) = self.live.remove(id) else { return };
        self.forget(Some(job.clone()));
        change(&mut job);
        self.enter(job);
    }

    /// Makes a dead letter a job again.
    fn revive(&mut self, id: &str, redriven: impl FnOnce(u32) -> u32) {
        let Some(mut job) = self.dead.remove(id) else { return };
        self.forget(Some(job.clone()));
        (job.dead, job.delay_ms, job.expiries) = (false, 0, 0);
        job.redriven = redriven(job.redriven);
        // It comes behind all others of its key, also after a restart.
        job.nth = self.accepted;
        if !self.replay_keeps_failures {
            job.failures.clear();
        }
        self.enter(job);
    }

    fn fail(&mut self, failed: Failed, dead: bool) {
        let Failed { id, error, delay_ms, counts, at_unix_ms } = failed;
        self.change(&id, |job| {
            if counts {
                job.failures.push(error);
            }
            (job.delay_ms, job.at_unix_ms, job.expiries, job.dead) =
                (delay_ms, at_unix_ms, 0, dead);
        });
    }
}

/// What is remembered of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The same job was accepted, perhaps done.
    Same,
    /// A job with another payload was.
    Another,
}

fn done(id: String, fingerprint: Bytes) -> Job {
    Job { id, done: true, fingerprint, ..Job::default() }
}

/// Tells one payload from another, byte for byte.
fn fingerprint(payload: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&blake3::hash(payload).as_bytes()[..16])
}

impl State for Ledger {
    type Record = Record;

    fn apply(&mut self, record: Record) {
        match record.change {
            Some(Change::Job(job)) => self.enter(*job),
            Some(Change::Acknowledged(id)) => {
                if let Some(job) = self.live.remove(&id) {
                    let fingerprint = fingerprint(&job.payload);
                    self.forget(Some(job));
                    self.enter(done(id, fingerprint));
                }
            }
            Some(Change::Failed(failed)) => self.fail(failed, false),
            Some(Change::DeadLettered(failed)) => self.fail(failed, true),
            Some(Change::Replayed(id)) => self.revive(&id, |_| 0),
            Some(Change::Redriven(id)) => self.revive(&id, |redriven| redriven.saturating_add(1)),
            Some(Change::Expired(id)) => {
                self.change(&id, |job| job.expiries = job.expiries.saturating_add(1));
            }
            // A change of a version to come would be refused by its journal's magic.
            None => {}
        }
    }

    fn observe(&self, record: &Record, recovered: bool) {
        match &record.change {
            Some(Change::Job(job)) if !job.done && !job.dead => {
                tracing::info!(job = job.id, recovered, "job accepted");
            }
            Some(Change::Acknowledged(id)) => {
                tracing::info!(job = id, recovered, "job acknowledged");
            }
            Some(Change::Failed(failed)) => {
                let Failed { id, error, delay_ms, counts, .. } = failed;
                tracing::info!(job = id, counts, delay_ms, recovered, error, "job put back");
            }
            Some(Change::DeadLettered(failed)) => {
                let Failed { id, error, .. } = failed;
                tracing::warn!(job = id, recovered, error, "job dead-lettered");
            }
            Some(Change::Replayed(id)) => tracing::info!(job = id, recovered, "job replayed"),
            Some(Change::Redriven(id)) => {
                tracing::info!(job = id, recovered, policy = true, "job replayed");
            }
            // The lease is what has expired, and is known by then only to the one who tells.
            Some(Change::Expired(_) | Change::Job(_)) | None => {}
        }
    }

    fn snapshot(&self) -> Vec<Record> {
        let done = self.done_order.iter().map(|id| {
            let fingerprint = self.done.get(id).cloned().unwrap_or_default();
            done(id.clone(), fingerprint)
        });
        let jobs = done.chain(self.live.values().cloned()).chain(self.dead.values().cloned());
        jobs.map(|job| Record::from(Change::Job(Box::new(job)))).collect()
    }

    fn snapshot_bytes(&self) -> u64 {
        self.bytes
    }
}
