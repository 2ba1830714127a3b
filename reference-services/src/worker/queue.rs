//! What a worker wants of a queue. A trait, because there are many: this one is ours, others are
//! products.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// A job that this host has for a while.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) lease: Lease,
    /// JSON.
    pub(super) payload: Bytes,
    /// W3C Trace Context of the request that brought it.
    pub(super) traceparent: String,
    /// How often it has failed.
    pub(super) failures: u32,
    /// How long it waited before this attempt.
    pub(super) last_delay: Duration,
    /// Until when it is ours. Counted from before it was asked for, by the monotonic clock of
    /// this process, so that it ends here before it ends there.
    pub(super) until: Instant,
    /// How long a lease lasts.
    pub(super) lasts: Duration,
}

/// The proof that one has a job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lease {
    pub(super) job: String,
    pub(super) token: u64,
}

/// Why a job is put back.
#[derive(Clone, Debug)]
pub(super) struct PutBack {
    pub(super) error: String,
    pub(super) delay: Duration,
    /// Was it the job's own failure?
    pub(super) counts: bool,
}

/// Why a queue did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    /// The lease has expired: the job is somebody else's.
    #[error("the lease has expired")]
    Lost,
    /// Worth trying again.
    #[error("the queue is not available: {0}")]
    Unavailable(String),
}

/// A queue with leases: a job that is neither acknowledged nor put back in time is handed out
/// again.
pub(super) trait Queue: Send + Sync + 'static {
    /// Takes up to so many jobs; waits for the first one, but not for long.
    fn lease(&self, jobs_max: usize) -> impl Future<Output = Result<Vec<Job>, QueueError>> + Send;

    /// The result of the job is stored.
    fn acknowledge(&self, lease: &Lease) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// The job is to be tried again later.
    fn put_back(
        &self,
        lease: &Lease,
        why: &PutBack,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Keeps jobs for the time of another lease; says which ones are lost.
    fn extend(
        &self,
        leases: Vec<Lease>,
    ) -> impl Future<Output = Result<Vec<Lease>, QueueError>> + Send;

    /// Hands jobs back, as if they had never been taken.
    fn release(&self, leases: Vec<Lease>) -> impl Future<Output = Result<(), QueueError>> + Send;
}
