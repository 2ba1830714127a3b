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
}
