//! What a client is to do, and what it saw. Both cross a pipe between processes as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a client does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// One answer with a large body, over a connection of its own.
    Bulk { bytes: usize },
    /// Small requests at a constant rate, whether or not earlier ones were answered.
    Requests { http: Http, per_second: u32, lasts: Duration },
}

/// How the small requests share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Http {
    /// HTTP/1.1, over a pool that holds so many connections when the load begins.
    One { connections: u32 },
    /// HTTP/2, all over one connection.
    Two,
}

/// After the load, for requests that still wait.
const DRAIN: Duration = Duration::from_secs(15);

/// The longest that a bulk transfer may take.
const BULK: Duration = Duration::from_secs(240);

impl Job {
    /// HTTP/1.1 with keep-alive.
    pub(crate) fn http1(per_second: u32, connections: u32, lasts: Duration) -> Self {
        Self::Requests { http: Http::One { connections }, per_second, lasts }
    }

    pub(crate) fn http2(per_second: u32, lasts: Duration) -> Self {
        Self::Requests { http: Http::Two, per_second, lasts }
    }

    /// How long the client waits before its load begins: so long that every connection that it
    /// opens in advance is there, also if packets of its handshake were lost.
    pub(crate) fn settles(&self) -> Duration {
        match self {
            Self::Bulk { .. } => Duration::from_millis(100),
            Self::Requests { .. } => Duration::from_secs(3),
        }
    }

    /// Until when everything is over, counted from the begin of the load.
    pub(crate) fn ends(&self) -> Duration {
        match self {
            Self::Bulk { .. } => BULK,
            Self::Requests { lasts, .. } => *lasts + DRAIN,
        }
    }

    /// Does it speak HTTP/2?
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Requests { http: Http::Two, .. })
    }
}

/// What a client saw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Each request, in the order in which they were sent.
    pub(crate) requests: Vec<Request>,
}

/// One request.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// When it was sent, in nanoseconds since the begin of the load.
    pub(crate) at: u64,
    /// How long it took until the whole answer was there, or until it was given up.
    pub(crate) took: u64,
    /// It opened a connection for itself.
    pub(crate) fresh: bool,
    /// It was answered.
    pub(crate) answered: bool,
}

impl Request {
    pub(crate) fn ended(&self) -> u64 {
        self.at + self.took
    }
}
