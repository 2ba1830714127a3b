//! Jobs that are handed out, each under a lease.

use bytes::Bytes;

/// A job, and the proof that one has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) id: String,
    pub(super) token: u64,
}

/// A job that is handed out.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) lease: Lease,
    pub(super) payload: Bytes,
    pub(super) traceparent: String,
    pub(super) failures: u32,
    pub(super) last_delay_ms: u64,
}
