//! The mistakes that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// A result is answered for while it is only in memory.
    AnswersBeforeSync = "answers-before-sync", "answers before the result is on the disk";
    /// The disk is written, but never told to keep it.
    NeverSyncs = "never-syncs", "writes results to the disk without a sync";
}
