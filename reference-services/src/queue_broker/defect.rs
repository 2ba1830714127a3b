//! The mistake that engineers really make in such a service, switchable by name.

crate::defect::defects! {
    /// A job that has failed for the last time is dropped.
    NoDeadLetter = "no-dead-letter", "a job that has failed for the last time vanishes";
}
