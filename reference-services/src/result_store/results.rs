//! The results: what survives a loss of power.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use crate::journal::State;

/// What the journal holds: a result.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stored {
    #[prost(string, tag = "1")]
    pub(super) job: String,
    /// JSON.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) result: Bytes,
}

/// One result for each job.
#[derive(Debug, Default)]
pub(super) struct Results {
    by_job: BTreeMap<String, Bytes>,
    bytes: u64,
}

impl Results {
    /// The result of a job.
    pub(super) fn get(&self, job: &str) -> Option<&Bytes> {
        self.by_job.get(job)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_job.len()
    }
}

impl State for Results {
    type Record = Stored;

    fn apply(&mut self, record: Stored) {
        self.bytes += record.encoded_len() as u64;
        self.by_job.insert(record.job, record.result);
    }

    fn observe(&self, record: &Stored, recovered: bool) {
        tracing::info!(job = record.job, recovered, "job stored");
    }

    fn snapshot(&self) -> Vec<Stored> {
        let stored = self.by_job.iter();
        stored.map(|(job, result)| Stored { job: job.clone(), result: result.clone() }).collect()
    }

    fn snapshot_bytes(&self) -> u64 {
        self.bytes
    }
}
