//! The halves of a `TcpStream`, borrowed and owned.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Defines a read half that is either the operating system's or simulated.
macro_rules! read_half {
    ($(#[$doc:meta])* $name:ident $(<$lt:lifetime>)?, $os:ty, $sim:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name$(<$lt>)?(Either<$os, $sim>);

        impl$(<$lt>)? From<$os> for $name$(<$lt>)? {
            fn from(half: $os) -> Self {
                Self(Either::Os(half))
            }
        }

        #[cfg(feature = "sim")]
        impl$(<$lt>)? From<$sim> for $name$(<$lt>)? {
            fn from(half: $sim) -> Self {
                Self(Either::Sim(half))
            }
        }

        impl$(<$lt>)? AsyncRead for $name$(<$lt>)? {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match &mut self.0 {
                    Either::Os(half) => Pin::new(half).poll_read(cx, buf),
                    Either::Sim(half) => Pin::new(half).poll_read(cx, buf),
                }
            }
        }
    };
}

/// Defines a write half that is either the operating system's or simulated.
macro_rules! write_half {
    ($(#[$doc:meta])* $name:ident $(<$lt:lifetime>)?, $os:ty, $sim:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name$(<$lt>)?(Either<$os, $sim>);

        impl$(<$lt>)? From<$os> for $name$(<$lt>)? {
            fn from(half: $os) -> Self {
                Self(Either::Os(half))
            }
        }

        #[cfg(feature = "sim")]
        impl$(<$lt>)? From<$sim> for $name$(<$lt>)? {
            fn from(half: $sim) -> Self {
                Self(Either::Sim(half))
            }
        }

        impl$(<$lt>)? AsyncWrite for $name$(<$lt>)? {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                match &mut self.0 {
                    Either::Os(half) => Pin::new(half).poll_write(cx, buf),
                    Either::Sim(half) => Pin::new(half).poll_write(cx, buf),
                }
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut self.0 {
                    Either::Os(half) => Pin::new(half).poll_flush(cx),
                    Either::Sim(half) => Pin::new(half).poll_flush(cx),
                }
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                match &mut self.0 {
                    Either::Os(half) => Pin::new(half).poll_shutdown(cx),
                    Either::Sim(half) => Pin::new(half).poll_shutdown(cx),
                }
            }
        }
    };
}

#[derive(Debug)]
enum Either<O, S> {
    Os(O),
    #[cfg_attr(not(feature = "sim"), expect(dead_code, reason = "made by simulated streams"))]
    Sim(S),
}

#[cfg(feature = "sim")]
use crate::sim;
/// Without the simulated half nothing makes one: the type that stands in has no values.
#[cfg(not(feature = "sim"))]
mod sim {
    pub(super) type ReadHalf<'a> = tokio::net::tcp::ReadHalf<'a>;
    pub(super) type WriteHalf<'a> = tokio::net::tcp::WriteHalf<'a>;
    pub(super) type OwnedReadHalf = tokio::net::tcp::OwnedReadHalf;
    pub(super) type OwnedWriteHalf = tokio::net::tcp::OwnedWriteHalf;
}

read_half!(
    /// The borrowed read half, made by [`TcpStream::split`](super::TcpStream::split).
    ReadHalf<'a>, tokio::net::tcp::ReadHalf<'a>, sim::ReadHalf<'a>
);
read_half!(
    /// The owned read half, made by [`TcpStream::into_split`](super::TcpStream::into_split).
    OwnedReadHalf, tokio::net::tcp::OwnedReadHalf, sim::OwnedReadHalf
);
write_half!(
    /// The borrowed write half, made by [`TcpStream::split`](super::TcpStream::split).
    WriteHalf<'a>, tokio::net::tcp::WriteHalf<'a>, sim::WriteHalf<'a>
);
write_half!(
    /// The owned write half, made by [`TcpStream::into_split`](super::TcpStream::into_split).
    OwnedWriteHalf, tokio::net::tcp::OwnedWriteHalf, sim::OwnedWriteHalf
);
