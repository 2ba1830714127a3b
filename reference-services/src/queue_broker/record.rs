//! What the journal of the broker holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No retry is put off for longer.
pub(super) const DELAY_MS_MAX: u64 = 24 * 3_600_000;

/// A change of a job.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(oneof = "Change", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) change: Option<Change>,
}

/// What changes.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Change {
    /// A job is there: a new one, or one of a snapshot.
    #[prost(message, tag = "1")]
    Job(Box<Job>),
    /// The job with this id is done.
    #[prost(string, tag = "2")]
    Acknowledged(String),
    /// A job failed, and may be tried again.
    #[prost(message, tag = "3")]
    Failed(Failed),
    /// The dead letter with this id is a job again, as if it had never failed.
    #[prost(string, tag = "4")]
    Replayed(String),
    /// A job failed for the last time.
    #[prost(message, tag = "5")]
    DeadLettered(Failed),
    /// The lease of the job with this id ended before it was done or put back.
    #[prost(string, tag = "6")]
    Expired(String),
    /// The dead letter with this id is a job again, as the broker's policy has it.
    #[prost(string, tag = "7")]
    Redriven(String),
}

/// A job with all that is known of it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Job {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    /// JSON.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) payload: bytes::Bytes,
    /// Of the request that brought it.
    #[prost(string, tag = "3")]
    pub(super) traceparent: String,
    /// Why each attempt failed.
    #[prost(string, repeated, tag = "4")]
    pub(super) failures: Vec<String>,
    /// How long it waits, or waited, before the next attempt.
    #[prost(uint64, tag = "5")]
    pub(super) delay_ms: u64,
    /// It is a dead letter.
    #[prost(bool, tag = "6")]
    pub(super) dead: bool,
    /// It is done: no more is known of it than its id and what it was a job of.
    #[prost(bool, tag = "7")]
    pub(super) done: bool,
    /// Of its payload, when that is no longer known.
    #[prost(bytes = "bytes", tag = "8")]
    pub(super) fingerprint: bytes::Bytes,
    /// When it was put back or became a dead letter, since 1970.
    #[prost(uint64, tag = "9")]
    pub(super) at_unix_ms: u64,
    /// Leases that ended by themselves, one after the other.
    #[prost(uint32, tag = "10")]
    pub(super) expiries: u32,
    /// How often it was replayed by policy.
    #[prost(uint32, tag = "11")]
    pub(super) redriven: u32,
    /// Jobs with the same key are done one after the other; empty for none.
    #[prost(string, tag = "12")]
    pub(super) key: String,
    /// How many jobs were accepted before it.
    #[prost(uint64, tag = "13")]
    pub(super) nth: u64,
}

impl Job {
    /// How much of a time that began when it was put back, or became a dead letter, is left. A clock
    /// that was put back makes it no longer.
    pub(super) fn left(&self, time: Duration) -> Duration {
        let ends = Duration::from_millis(self.at_unix_ms).saturating_add(time);
        ends.saturating_sub(since_1970()).min(time)
    }

    /// How long it still has to wait.
    pub(super) fn pause_left(&self) -> Duration {
        // Journals of before have pauses of any length.
        self.left(Duration::from_millis(self.delay_ms.min(DELAY_MS_MAX)))
    }
}

/// By the clock of this machine.
pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A failed attempt.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Failed {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) error: String,
    #[prost(uint64, tag = "3")]
    pub(super) delay_ms: u64,
    /// Was it the job's own failure?
    #[prost(bool, tag = "4")]
    pub(super) counts: bool,
    /// When it failed, since 1970.
    #[prost(uint64, tag = "5")]
    pub(super) at_unix_ms: u64,
}

impl From<Change> for Record {
    fn from(change: Change) -> Self {
        Self { change: Some(change) }
    }
}
