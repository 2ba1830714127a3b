//! Why a service cannot run.

use std::{io, path::PathBuf};

use crate::{config::Invalid, journal::OpenError, tls::TlsError};

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
    /// A certificate, a key or an authority cannot be used.
    #[error("bad TLS in {0}")]
    Tls(#[from] TlsError),
    /// The version is one that crashes.
    #[error("the process crashed, as its configuration says")]
    Crashed,
    /// The journal cannot be used.
    #[error("cannot use the journal {}: {source}", path.display())]
    #[non_exhaustive]
    Journal {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: OpenError,
    },
}
