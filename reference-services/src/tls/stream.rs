//! A connection with or without TLS, of a listener or of a client.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper_util::client::legacy::connect::{Connected, Connection};
use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::{Accept, TlsStream};

/// What may wait to be encrypted and sent: TCP has buffers enough.
const UNSENT_BYTES_MAX: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct Stream(State);

#[derive(Debug)]
enum State {
    Plain(TcpStream),
    Handshake(Box<Handshake>),
    Tls(Box<TlsStream<TcpStream>>),
    /// There was no handshake.
    Failed,
}

struct Handshake {
    accept: Accept<TcpStream>,
    until: Pin<Box<Sleep>>,
    failures: Counter,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        // A socket that the peer has already closed refuses the option; reading finds that out.
        let _ = stream.set_nodelay(true);
        Self(State::Plain(stream))
    }
}

impl Stream {
    /// One that begins with a handshake, within this time.
    pub(super) fn handshake(
        accept: Accept<TcpStream>,
        within: Duration,
        failures: Counter,
    ) -> Self {
        if let Some(stream) = accept.get_ref() {
            let _ = stream.set_nodelay(true);
        }
        let until = Box::pin(sleep(within));
        Self(State::Handshake(Box::new(Handshake { accept, until, failures })))
    }

    /// One whose handshake is done.
    pub(super) fn tls(stream: impl Into<TlsStream<TcpStream>>) -> Self {
        let mut stream = stream.into();
        match &mut stream {
            TlsStream::Client(stream) => {
                stream.get_mut().1.set_buffer_limit(Some(UNSENT_BYTES_MAX));
            }
            TlsStream::Server(stream) => {
                stream.get_mut().1.set_buffer_limit(Some(UNSENT_BYTES_MAX));
            }
        }
        Self(State::Tls(Box::new(stream)))
    }

    /// May something that was taken by a write still be here?
    pub(crate) fn buffers(&self) -> bool {
        matches!(self.0, State::Tls(_))
    }

    /// The stream below, after its handshake.
    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut (dyn Duplex + Unpin)>>> {
        if let State::Handshake(handshake) = &mut self.0 {
            let done = match Pin::new(&mut handshake.accept).poll(cx) {
                Poll::Ready(done) => done,
                Poll::Pending => {
                    ready!(handshake.until.as_mut().poll(cx));
                    Err(io::Error::new(ErrorKind::TimedOut, "no handshake in time"))
                }
            };
            match done {
                Ok(stream) => *self = Self::tls(stream),
                Err(error) => {
                    handshake.failures.inc();
                    tracing::debug!(%error, "no handshake");
                    self.0 = State::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match &mut self.0 {
            State::Plain(stream) => Ok(Pin::new(stream)),
            State::Tls(stream) => Ok(Pin::new(&mut **stream)),
            State::Handshake(_) | State::Failed => Err(ErrorKind::NotConnected.into()),
        })
    }
}

/// What is read from and written to.
trait Duplex: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Duplex for T {}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        // Both of those below take several pieces at once.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            // Nothing has been said, so nothing is taken leave of.
            State::Handshake(_) | State::Failed => {
                self.0 = State::Failed;
                Poll::Ready(Ok(()))
            }
            State::Plain(_) | State::Tls(_) => ready!(self.poll_open(cx))?.poll_shutdown(cx),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
