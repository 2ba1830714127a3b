//! One direction of one connection: reads one socket and writes the other, through a pipeline.
//!
//! Bytes that no toxic touches go from a buffer that the whole thread shares straight into the
//! other socket, so that a connection with nothing to do holds no buffer. As in Toxiproxy there is
//! no half of a connection: the end of what is read closes the other socket once all is written.

use std::{
    cell::RefCell,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

use crate::{metrics::Counters, pipeline::Pipeline, toxic::Direction, toxics::Chains};

/// What is read at once without toxics.
const PLAIN: usize = 128 * 1024;

/// What toxics get at once, as in Toxiproxy: slices and delays are of this much at the most.
const CHUNK: usize = 32 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PLAIN]);
}

/// Whether the link that writes a socket has let go of it, for the link that reads it: a socket is
/// closed when both have.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    closes: AtomicBool,
    told: Notify,
}

impl Closing {
    fn close(&self) {
        self.closes.store(true, Ordering::Release);
        self.told.notify_one();
    }

    fn closes(&self) -> bool {
        self.closes.load(Ordering::Acquire)
    }
}

/// One direction of one connection.
pub(crate) struct Link {
    pub(crate) direction: Direction,
    pub(crate) reader: OwnedReadHalf,
    pub(crate) writer: OwnedWriteHalf,
    /// Of the socket that is read.
    pub(crate) source: Arc<Closing>,
    /// Of the socket that is written.
    pub(crate) target: Arc<Closing>,
    pub(crate) pipeline: Pipeline,
    pub(crate) chains: watch::Receiver<Arc<Chains>>,
    pub(crate) counters: Arc<Counters>,
}

impl Link {
    /// Carries bytes until there are no more, then lets go of both sockets.
    pub(crate) async fn run(self) {
        let Self { direction, reader, writer, source, target, mut chains, counters, .. } = self;
        let (mut reader, mut ends) = (Some(reader), Ends { writer, pipeline: self.pipeline });
        // Both wait as long as the link is there, and cost nothing while bytes pass.
        let mut closing = pin!(source.told.notified());
        let mut changed = pin!(change(chains.clone()));
        loop {
            if chains.has_changed().unwrap_or(false) {
                let now = Arc::clone(&chains.borrow_and_update());
                ends.pipeline.become_chain(now.of(direction));
            }
            if reader.is_some() && source.closes() {
                reader = None;
                ends.pipeline.end();
            }
            let plain = ends.pipeline.is_plain();
            let wake = if plain { None } else { ends.pipeline.advance(Instant::now()) };
            if ends.pipeline.is_over() {
                break;
            }
            let closes = reader.is_some();
            tokio::select! {
                biased;
                transfer = std::future::poll_fn(|cx| ends.poll(cx, &mut reader, &counters)) => {
                    if transfer.is_err() {
                        break;
                    }
                }
                () = &mut closing, if closes => {}
                watcher = &mut changed => changed.set(change(watcher)),
                () = until(wake) => {}
            }
        }
        // Dropped, it would shut down its half; the socket is to be closed as a whole.
        ends.writer.forget();
        target.close();
    }
}

/// What bytes go into.
struct Ends {
    writer: OwnedWriteHalf,
    pipeline: Pipeline,
}

impl Ends {
    /// Writes what is due, or reads if something may be read. An error is one of writing.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut Option<OwnedReadHalf>,
        counters: &Counters,
    ) -> Poll<io::Result<()>> {
        if let Some(front) = self.pipeline.front()
            && let Poll::Ready(written) = Pin::new(&mut self.writer).poll_write(cx, front)
        {
            let count = written?;
            counters.sent.fetch_add(count as u64, Ordering::Relaxed);
            front.advance(count);
            if front.is_empty() {
                self.pipeline.written();
            }
            return Poll::Ready(Ok(()));
        }
        let Some(half) = reader.as_mut().filter(|_| self.pipeline.accepts()) else {
            return Poll::Pending;
        };
        if ready!(self.poll_read(cx, half, counters)).is_err() {
            *reader = None;
            self.pipeline.end();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes what was read at once if no toxic is in between. The end of what is
    /// read is an error.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut OwnedReadHalf,
        counters: &Counters,
    ) -> Poll<io::Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let plain = self.pipeline.is_plain();
            let mut room = ReadBuf::new(&mut buffer[..if plain { PLAIN } else { CHUNK }]);
            ready!(Pin::new(reader).poll_read(cx, &mut room))?;
            let mut data = room.filled();
            if data.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            counters.received.fetch_add(data.len() as u64, Ordering::Relaxed);
            if plain && let Ok(written) = self.writer.try_write(data) {
                counters.sent.fetch_add(written as u64, Ordering::Relaxed);
                data.advance(written);
            }
            // A socket that cannot be written says so when the rest is.
            if !data.is_empty() {
                self.pipeline.push(Bytes::copy_from_slice(data), Instant::now());
            }
            Poll::Ready(Ok(()))
        })
    }
}

/// Until there are other toxics than there were. For good if there never will be.
async fn change(mut chains: watch::Receiver<Arc<Chains>>) -> watch::Receiver<Arc<Chains>> {
    if chains.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    chains
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
