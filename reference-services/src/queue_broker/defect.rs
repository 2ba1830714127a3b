//! The mistakes that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// A job that has failed for the last time is dropped.
    NoDeadLetter = "no-dead-letter", "a job that has failed for the last time vanishes";
    /// A dead letter lacks the failure that made it one.
    BareDeadLetter = "bare-dead-letter", "a dead letter does not say what failed last";
    /// A dead letter that is replayed has one attempt, not as many as a new job.
    ReplayKeepsAttempts = "replay-keeps-attempts", "a replayed job is as if it had failed before";
    /// Whoever says that a job is done is believed, whatever lease they name.
    LateAcknowledgement = "late-acknowledgement", "acknowledges a job without looking at the lease";
    /// A job that is posted again when it is done is a new one.
    ForgetsDone = "forgets-done", "accepts a job again that is done";
    /// Jobs are accepted however many there are.
    UnboundedQueue = "unbounded-queue", "accepts jobs beyond its bounds";
    /// Connections are accepted however many there are.
    UnboundedConnections = "unbounded-connections", "accepts connections beyond its bound";
    /// A body is read however long it is.
    UnboundedBodies = "unbounded-bodies", "reads a body of any size";
    /// The journal that was rewritten takes the old one's place before its jobs are on the disk.
    UnsyncedRewrite = "unsynced-rewrite", "replaces its journal by one whose jobs were not synced";
}
