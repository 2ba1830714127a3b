//! Why a service cannot run.

use std::io;

use crate::config::Invalid;

/// Why a service cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration is out of its range.
    #[error("bad configuration in {0}")]
    Config(#[from] Invalid),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    #[non_exhaustive]
    Listen {
        /// The address.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The signal to terminate cannot be waited for.
    #[error("cannot wait for the signal to terminate: {0}")]
    Signal(#[source] io::Error),
    /// The gRPC server failed.
    #[error("the gRPC server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}
