//! The mistakes that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// Each job gets a task of its own at once.
    TaskPerJob = "task-per-job", "starts a task for each job, however many there are";
    /// The request to stop is not heard.
    IgnoresShutdown = "ignores-shutdown", "goes on as if nobody had asked it to stop";
    /// No failure counts as one.
    RetriesForever = "retries-forever", "puts a failed job back without counting the failure";
    /// A client with the two connections that many have unless told otherwise.
    UntunedClient = "untuned-client", "calls wait for one of two connections";
    /// A job is acknowledged before its result is stored.
    AckBeforeStore = "ack-before-store", "acknowledges a job, then stores its result";
    /// An error of the store is logged and otherwise ignored.
    IgnoresStoreError = "ignores-store-error", "acknowledges a job whose result was not stored";
    /// A call has no idempotency key.
    NoIdempotencyKey = "no-idempotency-key", "calls the external API without an idempotency key";
    /// What has waited in the buffer for too long is begun all the same.
    WorksWithoutLease = "works-without-lease", "begins jobs whose lease has ended";
    /// Leases end while their jobs are still here.
    NeverExtends = "never-extends", "does not extend the leases of the jobs that it has";
    /// What keeps failing is asked all the same.
    NoBreaker = "no-breaker", "goes on taking jobs while the external API does not answer";
    /// A failed job can be taken again at once.
    NoBackoff = "no-backoff", "puts failed jobs back without a pause";
    /// Jobs that failed together are tried again together.
    NoJitter = "no-jitter", "doubles the pause of a job and draws nothing";
    /// What the external API says of when to come again is not read.
    IgnoresRetryAfter = "ignores-retry-after", "does not heed Retry-After";
}
