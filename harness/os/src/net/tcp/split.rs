//! The halves of a `TcpStream`.

use std::{
    error::Error,
    fmt, io,
    io::IoSlice,
    net::{Shutdown, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use super::TcpStream;

/// The borrowed read half, made by [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(pub(super) &'a TcpStream);

/// The borrowed write half, made by [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a>(pub(super) &'a TcpStream);

/// The owned read half, made by [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(Arc<TcpStream>);

/// The owned write half, made by [`TcpStream::into_split`]. Dropped, it ends the stream to the
/// peer.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    shut_on_drop: bool,
}

/// The error of [`OwnedReadHalf::reunite`]: the halves, which are not of one stream.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tried to reunite halves that are not from the same socket")
    }
}

impl Error for ReuniteError {}

pub(super) fn split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    let write = OwnedWriteHalf { stream: Arc::clone(&stream), shut_on_drop: true };
    (OwnedReadHalf(stream), write)
}

/// What both kinds of a half have.
macro_rules! half {
    ($name:ident $(<$lt:lifetime>)?, $self:ident => $stream:expr) => {
        impl$(<$lt>)? $name$(<$lt>)? {
            /// The address of this end.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::local_addr`].
            pub fn local_addr(&$self) -> io::Result<SocketAddr> {
                $stream.local_addr()
            }

            /// The address of the other end.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::peer_addr`].
            pub fn peer_addr(&$self) -> io::Result<SocketAddr> {
                $stream.peer_addr()
            }

            /// Waits until the stream is ready for something of `interest`.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::ready`].
            pub async fn ready(&$self, interest: Interest) -> io::Result<Ready> {
                $stream.ready(interest).await
            }
        }

        impl$(<$lt>)? AsRef<TcpStream> for $name$(<$lt>)? {
            fn as_ref(&$self) -> &TcpStream {
                $stream
            }
        }
    };
}

macro_rules! read_half {
    ($name:ident $(<$lt:lifetime>)?) => {
        impl$(<$lt>)? $name$(<$lt>)? {
            /// Reads what has arrived and leaves it there.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::peek`].
            pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.peek(buf).await
            }

            /// Waits until there is something to read, an end or an error.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::readable`].
            pub async fn readable(&self) -> io::Result<()> {
                self.0.readable().await
            }

            /// Reads what has arrived.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing has.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.try_read(buf)
            }
        }

        impl$(<$lt>)? AsyncRead for $name$(<$lt>)? {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.0.poll_read_shared(cx, buf)
            }
        }
    };
}

macro_rules! write_half {
    ($name:ident $(<$lt:lifetime>)?, $self:ident => $stream:expr $(, $shut:expr)?) => {
        impl$(<$lt>)? $name$(<$lt>)? {
            /// Waits until something can be written.
            ///
            /// # Errors
            ///
            /// As [`TcpStream::writable`].
            pub async fn writable(&$self) -> io::Result<()> {
                $stream.writable().await
            }

            /// Writes what there is room for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is none.
            pub fn try_write(&$self, buf: &[u8]) -> io::Result<usize> {
                $stream.try_write(buf)
            }

            /// Writes what there is room for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is none.
            pub fn try_write_vectored(&$self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                $stream.try_write_vectored(bufs)
            }
        }

        impl$(<$lt>)? AsyncWrite for $name$(<$lt>)? {
            fn poll_write(
                $self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                $stream.poll_write_shared(cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                $self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $stream.poll_write_shared(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                // TCP has nothing to flush.
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown($self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                let done = $stream.shutdown_shared(Shutdown::Write);
                $($shut;)?
                Poll::Ready(done)
            }
        }
    };
}

half!(ReadHalf<'a>, self => self.0);
half!(WriteHalf<'a>, self => self.0);
half!(OwnedReadHalf, self => &self.0);
half!(OwnedWriteHalf, self => &self.stream);
read_half!(ReadHalf<'a>);
read_half!(OwnedReadHalf);
write_half!(WriteHalf<'a>, self => self.0);
write_half!(OwnedWriteHalf, self => self.stream, { self.get_mut().shut_on_drop = false });

impl OwnedReadHalf {
    /// Puts the halves of one stream together again.
    ///
    /// # Errors
    ///
    /// When they are of different streams: both come back.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.0, &write.stream) {
            return Err(ReuniteError(self, write));
        }
        write.forget();
        // The other owner is gone: the halves are not `Clone`.
        Ok(Arc::try_unwrap(self.0).expect("the halves were the only owners of their stream"))
    }
}

impl OwnedWriteHalf {
    /// Drops the half without ending the stream to the peer.
    pub fn forget(mut self) {
        self.shut_on_drop = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shut_on_drop {
            // Who drops a half does not hear whether that worked, as with Tokio.
            let _ = self.stream.shutdown_shared(Shutdown::Write);
        }
    }
}
