//! What the services need of a network, so that the same ones run on each contestant's.

use std::{future::Future, io};

use tokio::io::{AsyncRead, AsyncWrite};

/// The port that everybody listens on.
pub(crate) const PORT: u16 = 80;

/// Connections between hosts that are known by name.
pub(crate) trait Transport: Clone + Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    type Listener: Send + 'static;

    /// Listens on the host `name`, whose code runs now.
    fn listen(&self, name: &'static str)
    -> impl Future<Output = io::Result<Self::Listener>> + Send;

    fn accept(
        listener: &mut Self::Listener,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    fn connect(&self, name: &'static str) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}
