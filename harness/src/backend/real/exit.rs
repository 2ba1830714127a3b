//! How a process of a host has ended.

use std::process::ExitStatus;

/// A process that has ended by itself, or was asked to.
#[derive(Debug)]
pub(in crate::backend) struct Exit {
    pub(in crate::backend) host: u16,
    /// Which one of the host's.
    pub(in crate::backend) incarnation: u64,
    pub(in crate::backend) status: ExitStatus,
    /// The end of what it has written.
    pub(in crate::backend) output: String,
}
