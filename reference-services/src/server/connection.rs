//! A connection of a client with what bounds it: how long it may say nothing at its beginning, how
//! long an answer may wait to be read, and its place among all connections.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use crate::tls::Stream;

/// A client that has taken so much since an answer began to wait reads, if slowly.
const READ_BYTES: usize = 16 * 1024;

/// A stream whose writes fail when nobody reads, and whose first reads fail when nobody writes.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    beginning: Option<Beginning>,
    unread: Option<Unread>,
    unread_max: Duration,
    _place: Option<OwnedSemaphorePermit>,
}

/// What is still to come before the client is known to speak the protocol.
#[derive(Debug)]
struct Beginning {
    bytes: usize,
    until: Pin<Box<Sleep>>,
}

/// Something waits to be read.
#[derive(Debug)]
struct Unread {
    until: Pin<Box<Sleep>>,
    /// Taken since it began to wait.
    taken: usize,
}

impl Connection {
    /// A connection whose client has `unread_max` to read some of what waits for it.
    pub(crate) fn new(stream: impl Into<Stream>, unread_max: Duration) -> Self {
        Self { stream: stream.into(), beginning: None, unread: None, unread_max, _place: None }
    }

    /// The client has to send so many bytes within this time.
    pub(crate) fn begins_with(mut self, bytes: usize, within: Duration) -> Self {
        self.beginning = Some(Beginning { bytes, until: Box::pin(sleep(within)) });
        self
    }

    /// Keeps a place until the connection ends.
    pub(crate) fn in_place(mut self, place: OwnedSemaphorePermit) -> Self {
        self._place = Some(place);
        self
    }

    /// Passes on what became of a write of `offered` bytes, unless one has waited for too long.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        offered: usize,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if let Some(unread) = &mut self.unread {
                    unread.taken += bytes;
                    if bytes >= offered || unread.taken >= READ_BYTES {
                        self.unread = None;
                    }
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let longest = self.unread_max;
                let unread = self
                    .unread
                    .get_or_insert_with(|| Unread { until: Box::pin(sleep(longest)), taken: 0 });
                ready!(unread.until.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "nobody reads the answer")))
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some(beginning) = &mut self.beginning else { return read };
        if read.is_pending() {
            ready!(beginning.until.as_mut().poll(cx));
            let late = io::Error::new(ErrorKind::TimedOut, "the client has not begun in time");
            return Poll::Ready(Err(late));
        }
        beginning.bytes = beginning.bytes.saturating_sub(buf.filled().len() - before);
        if beginning.bytes == 0 {
            self.beginning = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, written, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, written, bufs.iter().map(|buf| buf.len()).sum())
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if !self.stream.buffers() {
            return flushed;
        }
        // What was written is on its way when it is flushed, and not before.
        let nothing = flushed.map_ok(|()| 0);
        self.written(cx, nothing, 0).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        time::{Instant, timeout},
    };

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(20);

    async fn pair(unread_max: Duration) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let client = TcpStream::connect(address).await.expect("connected");
        let (accepted, _) = listener.accept().await.expect("accepted");
        (Connection::new(accepted, unread_max), client)
    }

    #[tokio::test]
    async fn who_says_too_little_is_given_up_and_who_says_enough_may_be_silent() {
        let (server, mut client) = pair(LONG).await;
        let mut server = server.begins_with(4, SHORT);
        client.write_all(b"abc").await.expect("written");
        let mut bytes = [0; 4];
        let error = server.read_exact(&mut bytes).await.expect_err("too little");
        assert_eq!(error.kind(), ErrorKind::TimedOut);

        let (server, mut client) = pair(LONG).await;
        let mut server = server.begins_with(4, SHORT);
        client.write_all(b"abcd").await.expect("written");
        server.read_exact(&mut bytes).await.expect("enough");
        let more = timeout(SHORT * 3, server.read_exact(&mut bytes)).await;
        assert!(more.is_err(), "it has begun, and may take its time: {more:?}");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let (mut server, client) = pair(SHORT).await;
        let begun = Instant::now();
        let answer = vec![0; 64 << 20];
        let error = timeout(LONG, server.write_all(&answer)).await.expect("given up");
        assert_eq!(error.expect_err("unread").kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= SHORT);
        drop(client);
    }

    #[tokio::test]
    async fn an_answer_that_is_read_slowly_is_not() {
        let (mut server, mut client) = pair(SHORT * 20).await;
        let length = 16 << 20;
        let reading = tokio::spawn(async move {
            let (mut bytes, mut read) = (vec![0; 256 << 10], 0);
            while read < length {
                // Pauses that add up to more than a silence may last.
                sleep(SHORT / 2).await;
                read += client.read(&mut bytes).await.expect("read");
            }
        });
        let begun = Instant::now();
        server.write_all(&vec![0; length]).await.expect("written");
        assert!(begun.elapsed() > SHORT * 20, "it was not slow");
        reading.await.expect("all of it came");
    }
}
