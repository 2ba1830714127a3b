//! HTTP/1.1 to another service: one client with a pool of connections that all calls share.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use squall_os::net::TcpStream;
use tower_service::Service;

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
    answer_bytes_max: usize,
}

/// How a client is tuned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// Connections that are kept for the next call.
    pub(crate) idle_max: usize,
    /// How long they are kept: less than any server would.
    pub(crate) idle: Duration,
    /// Time to connect.
    pub(crate) connect: Duration,
    /// Size of the body of an answer.
    pub(crate) answer_bytes_max: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the call failed: {}", chain(.0))]
    Call(#[from] legacy::Error),
    #[error("the answer broke off or is too long: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

impl Client {
    pub(crate) fn new(tuning: Tuning) -> Self {
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(tuning.idle_max)
            .pool_idle_timeout(tuning.idle)
            .build(Connector { timeout: tuning.connect });
        Self { inner, answer_bytes_max: tuning.answer_bytes_max }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, CallError> {
        let (head, body) = self.inner.request(request).await?.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await;
        Ok(Response::from_parts(head, body.map_err(CallError::Body)?.to_bytes()))
    }
}

/// An error with its causes, which say more than itself.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Connects over the sockets of the seam.
#[derive(Clone, Debug)]
struct Connector {
    timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.timeout;
        Box::pin(async move {
            let stream = squall_os::tonic::connector().call(uri);
            let late = || io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
            let stream = tokio::time::timeout(limit, stream).await.map_err(|_| late())?;
            stream.map(Stream)
        })
    }
}

/// A connection as the pool knows it.
struct Stream(TokioIo<TcpStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}
