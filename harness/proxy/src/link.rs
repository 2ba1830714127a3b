//! One direction of one connection: reads one socket and writes the other, through a pipeline.
//!
//! Bytes that no toxic touches go from a buffer that the whole thread shares straight into the
//! other socket, so that a connection with nothing to do holds no buffer. As in Toxiproxy there is
//! no half of a connection: the end of what is read closes the other socket once all is written.

use std::{
    cell::RefCell,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Buf, Bytes};
use tokio::{
    net::TcpStream,
    sync::{Notify, watch},
    task::coop,
    time::{Instant, sleep_until},
};

use crate::{pipeline::Pipeline, toxic::Direction, toxics::Chains};

/// What is read at once without toxics.
const PLAIN: usize = 128 * 1024;

/// What toxics get at once, as in Toxiproxy: slices and delays are of this much at the most.
const CHUNK: usize = 32 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PLAIN]);
}

/// One end of a connection, shared by the link that reads it and the link that writes it. It is
/// closed when both have let go of it.
#[derive(Clone, Debug)]
pub(crate) struct End {
    socket: Arc<TcpStream>,
    /// Told when the link that writes has let go.
    closing: Arc<Notify>,
}

impl End {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket: Arc::new(socket), closing: Arc::new(Notify::new()) }
    }

    /// To close it will be a reset.
    pub(crate) fn reset_when_closed(&self) {
        // A socket that cannot be told is one that is gone already.
        drop(self.socket.set_zero_linger());
    }
}

/// How many bytes went through.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
}

/// One direction of one connection.
pub(crate) struct Link {
    pub(crate) direction: Direction,
    pub(crate) source: End,
    pub(crate) target: End,
    pub(crate) pipeline: Pipeline,
    pub(crate) chains: watch::Receiver<Arc<Chains>>,
    pub(crate) counters: Arc<Counters>,
}

impl Link {
    /// Carries bytes until there are no more, then lets go of both ends.
    pub(crate) async fn run(self) {
        let Self { direction, source, target, mut pipeline, mut chains, counters } = self;
        let target_closing = Arc::clone(&target.closing);
        let source_closing = Arc::clone(&source.closing);
        let mut reader = Some(source.socket);
        let writer = target.socket;
        loop {
            coop::consume_budget().await;
            if chains.has_changed().unwrap_or(false) {
                let now = Arc::clone(&chains.borrow_and_update());
                pipeline.become_chain(now.of(direction));
            }
            let wake = if pipeline.is_plain() { None } else { pipeline.advance(Instant::now()) };
            match write(&writer, &mut pipeline, &counters) {
                Ok(Progress::Some) => continue,
                Ok(Progress::None) => {}
                Err(_) => break,
            }
            if pipeline.is_over() {
                break;
            }
            let reading = reader.as_ref().filter(|_| pipeline.accepts());
            if let Some(socket) = reading {
                match read(socket, &writer, &mut pipeline, &counters) {
                    Ok(Progress::Some) => continue,
                    Ok(Progress::None) => {}
                    Err(_) => {
                        reader = None;
                        pipeline.end();
                        continue;
                    }
                }
            }
            let blocked = pipeline.front().is_some();
            tokio::select! {
                biased;
                _ = chains.changed() => chains.mark_changed(),
                () = source_closing.notified(), if reader.is_some() => {
                    reader = None;
                    pipeline.end();
                }
                () = readable(reading) => {}
                () = writable(&writer), if blocked => {}
                () = until(wake) => {}
            }
        }
        drop(writer);
        target_closing.notify_one();
    }
}

enum Progress {
    Some,
    None,
}

fn progress(done: io::Result<usize>) -> io::Result<Progress> {
    match done {
        // The end of what is read, and a socket that takes nothing.
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(Progress::Some),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Progress::None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Progress::Some),
        Err(error) => Err(error),
    }
}

/// Writes what is due, as much of it as the socket takes at once.
fn write(writer: &TcpStream, pipeline: &mut Pipeline, counters: &Counters) -> io::Result<Progress> {
    let Some(front) = pipeline.front() else { return Ok(Progress::None) };
    let written = writer.try_write(front);
    if let Ok(count) = written {
        counters.sent.fetch_add(count as u64, Ordering::Relaxed);
        front.advance(count);
        if front.is_empty() {
            pipeline.written();
        }
    }
    progress(written)
}

/// Reads once, and writes what was read at once if no toxic is in between.
fn read(
    reader: &TcpStream,
    writer: &TcpStream,
    pipeline: &mut Pipeline,
    counters: &Counters,
) -> io::Result<Progress> {
    BUFFER.with_borrow_mut(|buffer| {
        let size = if pipeline.is_plain() { PLAIN } else { CHUNK };
        let read = reader.try_read(&mut buffer[..size]);
        if let Ok(count @ 1..) = read {
            counters.received.fetch_add(count as u64, Ordering::Relaxed);
            let mut data = &buffer[..count];
            if pipeline.is_plain()
                && let Ok(written) = writer.try_write(data)
            {
                counters.sent.fetch_add(written as u64, Ordering::Relaxed);
                data.advance(written);
            }
            if !data.is_empty() {
                pipeline.push(Bytes::copy_from_slice(data), Instant::now());
            }
        }
        progress(read)
    })
}

// Errors show at the next read or write.
async fn readable(socket: Option<&Arc<TcpStream>>) {
    match socket {
        Some(socket) => drop(socket.readable().await),
        None => std::future::pending().await,
    }
}

async fn writable(socket: &TcpStream) {
    drop(socket.writable().await);
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
