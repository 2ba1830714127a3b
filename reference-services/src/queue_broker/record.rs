//! What the journal of the broker holds.

/// A change of a job.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(oneof = "Change", tags = "1, 2, 3, 4, 5")]
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
    /// It is done: no more is known of it than its id.
    #[prost(bool, tag = "7")]
    pub(super) done: bool,
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
}

impl From<Change> for Record {
    fn from(change: Change) -> Self {
        Self { change: Some(change) }
    }
}
