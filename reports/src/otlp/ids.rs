//! Ids of traces and spans that are the same whenever the same run is sent.

use crate::record::{RequestId, SpanId};

/// The ids of one run.
pub(super) struct Ids {
    /// A hash into which the digest of the record went.
    run: blake3::Hasher,
}

impl Ids {
    /// Those of the run whose record has this digest.
    pub(super) fn new(digest: &str) -> Self {
        let mut run = blake3::Hasher::new_derive_key("squall otlp ids");
        run.update(digest.as_bytes());
        Self { run }
    }

    /// The trace of the run itself.
    pub(super) fn trace_of_run(&self) -> Vec<u8> {
        self.id::<16>("trace of run", 0)
    }

    /// The trace of a request.
    pub(super) fn trace_of_request(&self, request: RequestId) -> Vec<u8> {
        self.id::<16>("trace of request", request.into())
    }

    /// The trace that begins with a span of no request.
    pub(super) fn trace_of_span(&self, span: SpanId) -> Vec<u8> {
        self.id::<16>("trace of span", span.into())
    }

    /// The span of a request as its client saw it.
    pub(super) fn request(&self, request: RequestId) -> Vec<u8> {
        self.id::<8>("request", request.into())
    }

    /// A span of a service.
    pub(super) fn span(&self, span: SpanId) -> Vec<u8> {
        self.id::<8>("span", span.into())
    }

    /// A span of the run's own trace: 0 for the root.
    pub(super) fn of_run(&self, number: u64) -> Vec<u8> {
        self.id::<8>("run", number)
    }

    fn id<const N: usize>(&self, kind: &str, number: u64) -> Vec<u8> {
        let mut hasher = self.run.clone();
        hasher.update(kind.as_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.finalize().as_bytes()[..N].to_vec()
    }
}
