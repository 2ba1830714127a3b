//! Why a call did not succeed.

use std::io;

/// Why a call of a [`Client`](super::Client) did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not `http://host:port`.
    #[error("expected http://host:port, found \"{0}\"")]
    Url(String),
    /// Nobody can be connected to there.
    #[error("cannot connect to {0}")]
    Unreachable(String, #[source] io::Error),
    /// The connection ended before the answer.
    #[error("no answer from {0}")]
    Broken(String, #[source] hyper::Error),
    /// The server took too long.
    #[error("no answer from {0} in time")]
    TimedOut(String),
    /// The server says no.
    #[error("{message} (HTTP status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The server's sentence.
        message: String,
    },
    /// The answer, or the request, is not what the API has.
    #[error("expected an answer of Toxiproxy: {0}")]
    Answer(String),
}
