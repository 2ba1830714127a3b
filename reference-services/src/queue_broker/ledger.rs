//! The jobs: what of the broker survives a loss of power.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use prost::Message;

use super::record::{Change, Failed, Job, Record};
use crate::journal::State;

/// All jobs that are not done, and the ids of the last ones that are.
#[derive(Debug)]
pub(super) struct Ledger {
    live: BTreeMap<String, Job>,
    dead: BTreeMap<String, Job>,
    done: BTreeSet<String>,
    /// In the order in which they were done.
    done_order: VecDeque<String>,
    done_max: usize,
    bytes: u64,
    /// Defect: a replayed job is not as if it had never failed.
    pub(super) replay_keeps_failures: bool,
}

impl Ledger {
    /// An empty one that remembers the last `done_max` jobs that are done.
    pub(super) fn new(done_max: usize) -> Self {
        Self {
            live: BTreeMap::new(),
            dead: BTreeMap::new(),
            done: BTreeSet::new(),
            done_order: VecDeque::new(),
            done_max,
            bytes: 0,
            replay_keeps_failures: false,
        }
    }

    /// Was this job ever accepted, as far as is remembered?
    pub(super) fn knows(&self, id: &str) -> bool {
        self.live.contains_key(id) || self.dead.contains_key(id) || self.done.contains(id)
    }

    /// A job that is neither done nor dead.
    pub(super) fn live(&self, id: &str) -> Option<&Job> {
        self.live.get(id)
    }

    /// The ids of those.
    pub(super) fn live_ids(&self) -> impl Iterator<Item = &str> {
        self.live.keys().map(String::as_str)
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
        let id = job.id.clone();
        let before = match (job.done, job.dead) {
            (true, _) => {
                self.finish(id);
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

    fn finish(&mut self, id: String) {
        if self.done.insert(id.clone()) {
            self.done_order.push_back(id);
        }
        if self.done_order.len() > self.done_max
            && let Some(oldest) = self.done_order.pop_front()
        {
            self.done.remove(&oldest);
            self.forget(Some(done(oldest)));
        }
    }

    fn fail(&mut self, failed: Failed, dead: bool) {
        let Some(mut job) = self.live.remove(&failed.id) else { return };
        self.forget(Some(job.clone()));
        if failed.counts {
            job.failures.push(failed.error);
        }
        job.delay_ms = failed.delay_ms;
        job.dead = dead;
        self.enter(job);
    }
}

fn done(id: String) -> Job {
    Job { id, done: true, ..Job::default() }
}

impl State for Ledger {
    type Record = Record;

    fn apply(&mut self, record: Record) {
        match record.change {
            Some(Change::Job(job)) => self.enter(*job),
            Some(Change::Acknowledged(id)) => {
                if let Some(job) = self.live.remove(&id) {
                    self.forget(Some(job));
                    self.enter(done(id));
                }
            }
            Some(Change::Failed(failed)) => self.fail(failed, false),
            Some(Change::DeadLettered(failed)) => self.fail(failed, true),
            Some(Change::Replayed(id)) => {
                if let Some(mut job) = self.dead.remove(&id) {
                    self.forget(Some(job.clone()));
                    (job.dead, job.delay_ms) = (false, 0);
                    if !self.replay_keeps_failures {
                        job.failures.clear();
                    }
                    self.enter(job);
                }
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
                let Failed { id, error, delay_ms, counts } = failed;
                tracing::info!(job = id, counts, delay_ms, recovered, error, "job put back");
            }
            Some(Change::DeadLettered(failed)) => {
                let Failed { id, error, .. } = failed;
                tracing::warn!(job = id, recovered, error, "job dead-lettered");
            }
            Some(Change::Replayed(id)) => tracing::info!(job = id, recovered, "job replayed"),
            Some(Change::Job(_)) | None => {}
        }
    }

    fn snapshot(&self) -> Vec<Record> {
        let done = self.done_order.iter().cloned().map(done);
        let jobs = done.chain(self.live.values().cloned()).chain(self.dead.values().cloned());
        jobs.map(|job| Record::from(Change::Job(Box::new(job)))).collect()
    }

    fn snapshot_bytes(&self) -> u64 {
        self.bytes
    }
}
