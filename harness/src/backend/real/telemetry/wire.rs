//! The connection of a process to the receiver: OTLP over HTTP/1.1, one request after the other,
//! unanswered.
//!
//! What is said is in the kernel's buffer when [`Connection::say`] returns, and arrives even if the
//! process is killed the next moment. Who speaks waits for a second at most, once; as long as the
//! receiver takes nothing after that, what is said is dropped and counted, and the count is told as
//! soon as there is somebody to tell. A connection that broke is made again in the background.

#![expect(clippy::disallowed_types, reason = "outside of a simulation, on whichever thread speaks")]

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use prost::Message;

use super::{
    DROPPED, UNANSWERED,
    messages::{
        DELTA, Metric, Metrics, NumberPoint, Numbers, Resource, ResourceMetrics, ScopeMetrics,
    },
    unix_now,
};

/// Half of how long somebody who speaks may be kept waiting: a write that is cut short by its timeout
/// may be followed by one more.
const WRITE_TIMEOUT: Duration = Duration::from_millis(500);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

const RECONNECT_EVERY: Duration = Duration::from_millis(100);

/// What a message is about, which is a path of the receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    pub(super) fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.path() == path)
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }
}

/// A connection to the receiver, shared by all threads of the process.
pub(super) struct Connection {
    endpoint: SocketAddr,
    resource: Resource,
    line: Mutex<Line>,
}

struct Line {
    stream: Option<TcpStream>,
    /// The request under way. After a stall, what of it the receiver has not taken yet; nothing
    /// else can be sent before that.
    request: Vec<u8>,
    sent: usize,
    /// How much is dropped if the request under way is lost.
    at_stake: u64,
    /// Not told yet.
    dropped: u64,
    closed: bool,
}

impl Connection {
    /// # Errors
    ///
    /// If nobody listens at `endpoint`.
    pub(super) fn open(endpoint: SocketAddr, resource: Resource) -> io::Result<Arc<Self>> {
        let stream = connect(endpoint)?;
        let reader = stream.try_clone()?;
        let line = Line {
            stream: Some(stream),
            request: Vec::new(),
            sent: 0,
            at_stake: 0,
            dropped: 0,
            closed: false,
        };
        let connection = Arc::new(Self { endpoint, resource, line: Mutex::new(line) });
        let watched = Arc::clone(&connection);
        thread::Builder::new()
            .name("squall-telemetry".to_owned())
            .spawn(move || watched.watch(reader))?;
        Ok(connection)
    }

    /// What the messages of this process are about.
    pub(super) fn resource(&self) -> Option<Resource> {
        Some(self.resource.clone())
    }

    /// Sends a message, or drops it. After the connection was closed nothing is kept or counted.
    pub(super) fn say(&self, signal: Signal, message: &impl Message) {
        let mut line = self.line();
        if line.closed {
            return;
        }
        if line.is_free() {
            self.confess(&mut line);
        }
        if line.is_free() {
            line.send(self.endpoint, signal, message, 1);
        } else {
            line.dropped += 1;
        }
    }

    /// Sends what is left, waiting for a second at most, and ends the connection.
    pub(super) fn close(&self) {
        let mut line = self.line();
        if line.is_stalled() {
            line.wait(true);
            line.push();
        }
        if line.is_free() {
            self.confess(&mut line);
        }
        line.closed = true;
        if let Some(stream) = &line.stream {
            // The receiver sees the end behind all that was said; who is gone sees nothing.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// How much was dropped and not told yet.
    #[cfg(test)]
    pub(super) fn dropped(&self) -> u64 {
        self.line().dropped
    }

    /// Tells how much was dropped, if anything was.
    fn confess(&self, line: &mut Line) {
        let count = std::mem::take(&mut line.dropped);
        if count == 0 {
            return;
        }
        let point = NumberPoint {
            time_unix_nano: unix_now(),
            as_int: Some(i64::try_from(count).unwrap_or(i64::MAX)),
            ..NumberPoint::default()
        };
        let sum = Numbers {
            data_points: vec![point],
            aggregation_temporality: DELTA,
            is_monotonic: true,
        };
        let metric = Metric { name: DROPPED.to_owned(), sum: Some(sum), ..Metric::default() };
        let message = self.metrics(vec![metric]);
        line.send(self.endpoint, Signal::Metrics, &message, count);
    }

    /// Metrics of this process as a message.
    pub(super) fn metrics(&self, metrics: Vec<Metric>) -> Metrics {
        Metrics {
            resource_metrics: vec![ResourceMetrics {
                resource: self.resource(),
                scope_metrics: vec![ScopeMetrics { metrics }],
            }],
        }
    }

    /// Reads until the connection ends, and makes it again, until it is closed. A receiver of ours
    /// sends nothing; another one has its answers taken from it here.
    fn watch(&self, mut reader: TcpStream) {
        let mut answers = [0; 4096];
        loop {
            match reader.read(&mut answers) {
                Ok(1..) => continue,
                // It does not block while the writer tries what a stalled receiver takes.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(RECONNECT_EVERY);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => self.line().give_up(),
            }
            reader = loop {
                if self.line().closed {
                    return;
                }
                thread::sleep(RECONNECT_EVERY);
                let again =
                    connect(self.endpoint).and_then(|stream| Ok((stream.try_clone()?, stream)));
                if let Ok((reader, stream)) = again {
                    let mut line = self.line();
                    if line.closed {
                        return;
                    }
                    line.stream = Some(stream);
                    self.confess(&mut line);
                    break reader;
                }
            };
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // What is in it is whole between any two statements that can panic.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(endpoint: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&endpoint, CONNECT_TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    Ok(stream)
}

impl Line {
    /// Can a request be sent? After a stall, tries whether the receiver takes the rest now.
    fn is_free(&mut self) -> bool {
        if self.is_stalled() {
            self.push();
            if !self.is_stalled() {
                self.wait(true);
            }
        }
        self.stream.is_some() && !self.is_stalled()
    }

    fn is_stalled(&self) -> bool {
        self.sent < self.request.len()
    }

    /// Begins a request when no other is under way.
    fn send(&mut self, host: SocketAddr, signal: Signal, message: &impl Message, at_stake: u64) {
        self.request.clear();
        self.sent = 0;
        self.at_stake = at_stake;
        let (path, length) = (signal.path(), message.encoded_len());
        // A `Vec` takes any bytes and grows as needed.
        let _ = write!(
            self.request,
            "POST {path} HTTP/1.1\r\nhost: {host}\r\n{UNANSWERED}: 1\r\n\
             content-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n"
        );
        let _ = message.encode(&mut self.request);
        self.push();
    }

    /// Hands the request under way to the kernel. If that takes too long, the rest of it is for
    /// later, and from then on nobody waits.
    fn push(&mut self) {
        let began = Instant::now();
        while self.is_stalled() {
            let Some(stream) = &mut self.stream else { return self.give_up() };
            match stream.write(&self.request[self.sent..]) {
                Ok(taken @ 1..) => {
                    self.sent += taken;
                    if self.is_stalled() && began.elapsed() > WRITE_TIMEOUT {
                        return self.wait(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.wait(false),
                Ok(0) | Err(_) => return self.give_up(),
            }
        }
    }

    /// Whether a write may wait.
    fn wait(&self, may: bool) {
        if let Some(stream) = &self.stream {
            // A socket that cannot be told is one that a write finds broken.
            let _ = stream.set_nonblocking(!may);
        }
    }

    /// The connection is broken, and what of the request under way has not been sent is lost.
    fn give_up(&mut self) {
        if let Some(stream) = self.stream.take() {
            // Wakes who reads from it.
            let _ = stream.shutdown(Shutdown::Both);
        }
        if self.is_stalled() {
            self.dropped += self.at_stake;
        }
        self.request.clear();
        self.sent = 0;
    }
}
