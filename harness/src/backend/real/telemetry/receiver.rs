//! Receives what the processes of a run say: a server for OTLP over HTTP/1.1.
//!
//! Whoever says something may be killed in the middle of it. So a connection is read to its end
//! whatever becomes of the answers, and an exporter of ours is not answered at all.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Sleep, sleep, timeout},
};

use super::{Sink, Told, UNANSWERED, answer::answer};

/// As many processes may speak at once; the others wait.
const CONNECTIONS_MAX: usize = 1024;

const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// When the receiver is to stop, a connection on which nothing has come for this long has nothing
/// more to say: what was sent before is there within microseconds.
const QUIET: Duration = Duration::from_millis(100);

/// The longest that stopping takes.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that hands over what it is told.
#[must_use = "what has arrived is handed over for sure by `stop` alone"]
pub(crate) struct Receiver {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// Listens at `address` and hands what it is told to `sink`, which must not take long.
    ///
    /// # Errors
    ///
    /// If it cannot listen there.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with IO and time.
    pub(crate) fn bind(
        address: SocketAddr,
        sink: impl Fn(Told) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Self::serve(socket.listen(1024)?, sink)
    }

    /// As [`bind`](Self::bind), on a socket that listens already.
    pub(super) fn serve(
        listener: TcpListener,
        sink: impl Fn(Told) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, Arc::new(sink), stopped));
        Ok(Self { address, stop, accepting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it when all that had been sent to it before is handed over, or after ten seconds.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        if timeout(STOP_TIMEOUT, &mut self.accepting).await.is_err() {
            self.accepting.abort();
        }
    }
}

async fn accept(listener: TcpListener, sink: Arc<Sink>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    // Those who connect while it stops are to know that it does.
    let stopped = stop.clone();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, sink.clone(), stop.clone()));
                }
                Err(_) => sleep(ACCEPT_RETRY).await,
            }
        }
    }
    // Who has connected by now may have said all that it has to say.
    while let Ok(Ok((stream, _))) = timeout(QUIET, listener.accept()).await {
        connections.spawn(converse(stream, sink.clone(), stopped.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn converse(stream: TcpStream, sink: Arc<Sink>, mut stop: watch::Receiver<bool>) {
    let unanswered = Arc::new(AtomicBool::new(false));
    let patient =
        Patient { stream, unanswered: Arc::clone(&unanswered), stop: stop.clone(), quiet: None };
    let service = service_fn(move |request: Request<Incoming>| {
        if request.headers().contains_key(UNANSWERED) {
            unanswered.store(true, Ordering::Relaxed);
        }
        let sink = sink.clone();
        async move { Ok::<_, Infallible>(answer(request, &*sink).await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new().half_close(true).serve_connection(TokioIo::new(patient), service)
    );
    // How a connection ends is the other side's business.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.changed() => {}
    }
    // From now on it ends by itself, as soon as nothing comes any more.
    let _ = connection.await;
}

/// A stream that is read to its end: a write never fails, and after the receiver was stopped a
/// pause is the end.
struct Patient {
    stream: TcpStream,
    /// What is written goes nowhere.
    unanswered: Arc<AtomicBool>,
    stop: watch::Receiver<bool>,
    quiet: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.quiet = None;
            return read;
        }
        // Who has dropped the receiver wants nothing more of it either.
        if !*self.stop.borrow() && self.stop.has_changed().is_ok() {
            return Poll::Pending;
        }
        let quiet = self.quiet.get_or_insert_with(|| Box::pin(sleep(QUIET)));
        ready!(quiet.as_mut().poll(context));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.unanswered.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        Poll::Ready(Ok(written.unwrap_or(bytes.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = ready!(Pin::new(&mut self.stream).poll_flush(context));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
        Poll::Ready(Ok(()))
    }
}
