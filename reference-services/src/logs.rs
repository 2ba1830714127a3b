//! Log lines on their way to standard output, which somebody reads, or nobody: a service never
//! waits for that.
//!
//! A thread writes the lines. Those that it has not written yet are bounded; what comes on top is
//! dropped and counted. Not `tracing-appender`: it counts lines, however long they are, and when it
//! ends while nobody reads, it writes a line about that, and waits for it.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
    registry::Registry,
};
use tracing_subscriber::fmt::MakeWriter;

/// What waits to be written at the most.
const BYTES_MAX: usize = 1 << 20;

/// Lines that were dropped, in all of this process.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Shows in the metrics of a service how many lines were dropped.
pub(crate) fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(Dropped));
}

#[derive(Debug)]
struct Dropped;

impl Collector for Dropped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let dropped = ConstCounter::new(DROPPED.load(Ordering::Relaxed));
        let help = "Log lines that were dropped because nobody read them";
        let kind = dropped.metric_type();
        dropped.encode(encoder.encode_descriptor("log_lines_dropped", help, None, kind)?)
    }
}

/// Takes lines, and never waits.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    text: Vec<u8>,
    /// Taken by the thread and not written yet.
    writing: usize,
    dropped: u64,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logs {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    ///
    /// When there can be no further thread.
    pub(crate) fn to(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let logs = Self { shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("logs".to_owned());
        thread.spawn(move || {
            loop {
                let (text, dropped) = take(&shared);
                // A reader that has gone wants no more lines.
                let _ = out.write_all(&text).and_then(|()| out.flush());
                shared.queue().writing = 0;
                shared.changed.notify_all();
                if dropped > 0 {
                    tracing::warn!(lines = dropped, "log lines were dropped");
                }
            }
        })?;
        Ok(logs)
    }

    /// Waits until all lines are written, but not for long.
    pub(crate) fn flush(&self, longest: Duration) {
        let queue = self.shared.queue();
        let waits = |queue: &mut Queue| queue.writing > 0 || !queue.text.is_empty();
        // Poisoned or not: the process ends.
        drop(self.shared.changed.wait_timeout_while(queue, longest, waits));
    }
}

/// Waits for lines and takes them all; says how many were dropped before.
fn take(shared: &Shared) -> (Vec<u8>, u64) {
    let empty = |queue: &mut Queue| queue.text.is_empty();
    let queue = shared.changed.wait_while(shared.queue(), empty);
    let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
    let text = std::mem::take(&mut queue.text);
    queue.writing = text.len();
    (text, std::mem::take(&mut queue.dropped))
}

/// One line that is being made.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    shared: &'a Shared,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        if queue.writing + queue.text.len() + self.text.len() > BYTES_MAX {
            queue.dropped += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.text.append(&mut self.text);
        drop(queue);
        self.shared.changed.notify_all();
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { shared: &self.shared, text: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes when it is let, and tells what.
    struct Gate(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            self.1.send(text.to_vec()).map_err(io::Error::other)?;
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn say(logs: &Logs, text: &[u8]) {
        logs.make_writer().write_all(text).expect("never an error");
    }

    #[test]
    fn lines_that_nobody_reads_are_bounded_and_counted_and_hold_nobody_up() {
        let (open, gate) = mpsc::channel();
        let (told, written) = mpsc::channel();
        let logs = Logs::to(Gate(gate, told)).expect("a thread");
        let before = DROPPED.load(Ordering::Relaxed);
        let line = [b'x'; 1000];
        for _ in 0..3000 {
            say(&logs, &line);
        }
        let dropped = DROPPED.load(Ordering::Relaxed) - before;
        assert_eq!(dropped, 3000 - BYTES_MAX as u64 / 1000);
        logs.flush(Duration::from_millis(20));
        // Somebody reads after all.
        let mut length = 0;
        while length < BYTES_MAX / 1000 * 1000 {
            open.send(()).expect("it waits to write");
            length += written.recv().expect("written").len();
        }
        logs.flush(Duration::from_secs(20));
        say(&logs, b"more\n");
        open.send(()).expect("it waits to write");
        assert_eq!(written.recv().expect("written"), b"more\n");
    }
}
