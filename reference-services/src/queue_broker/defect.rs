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
    /// Whoever runs is ready.
    ReadyWithoutDisk = "ready-without-disk", "says that it is ready while its disk refuses";
    /// An id is enough to know a job by.
    DropsConflicts = "drops-conflicts", "takes another job with a known id for the one it knows";
    /// Pauses are in the memory of the process only.
    ForgetsPauses = "forgets-pauses", "hands out jobs after a restart that have to wait";
    /// A job that failed is passed by the next one of its key.
    UnorderedRedelivery = "unordered-redelivery", "lets a job that failed be passed by the next of its key";
    /// A job is handed out again however often nobody came back from it.
    ExpiresForever = "expires-forever", "hands out a job again however often its lease expires";
    /// Jobs are accepted however many there are.
    UnboundedQueue = "unbounded-queue", "accepts jobs beyond its bounds";
    /// Connections are accepted however many there are.
    UnboundedConnections = "unbounded-connections", "accepts connections beyond its bound";
    /// A body is read however long it is.
    UnboundedBodies = "unbounded-bodies", "reads a body of any size";
    /// Whoever is started on a journal has it, with all others who have it.
    UnlockedJournal = "unlocked-journal", "opens a journal that another process has";
    /// The journal that was rewritten takes the old one's place before its jobs are on the disk.
    UnsyncedRewrite = "unsynced-rewrite", "replaces its journal by one whose jobs were not synced";
}
