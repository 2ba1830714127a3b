//! What machines tell the run of the processes on them: how these end, and what those write and measure
//! that do not say it over OTLP themselves.

use std::time::SystemTime;

use squall_reports::record::Level;
use tokio::sync::mpsc;

use super::{exit::Exit, telemetry::Told, told::Listener};

/// Lines of one stream of one process that are in the record. A program that never stops writing would
/// fill it.
const LINES_MAX: usize = 10_000;

/// So much of a line is in the record.
const LINE_CHARS_MAX: usize = 400;

/// Whom machines tell.
#[derive(Clone)]
pub(in crate::backend) struct Ear {
    exits: mpsc::UnboundedSender<Exit>,
    listener: Listener,
}

impl Ear {
    pub(super) fn new(exits: mpsc::UnboundedSender<Exit>, listener: Listener) -> Self {
        Self { exits, listener }
    }

    /// A process has ended.
    pub(in crate::backend) fn exit(&self, exit: Exit) {
        // Nobody listens any more once the run is over.
        let _ = self.exits.send(exit);
    }

    /// Something of a host was measured now.
    pub(in crate::backend) fn gauge(&self, host: &str, name: &str, value: f64) {
        let (host, name) = (host.to_owned(), name.to_owned());
        self.listener.take(Told::Gauge { host, at: now(), name, value });
    }

    /// Takes the lines of a stream, such as `stdout`, of the process of a host.
    pub(in crate::backend) fn lines(&self, host: &str, stream: &'static str) -> Lines {
        Lines {
            listener: self.listener.clone(),
            host: host.to_owned(),
            stream,
            left: LINES_MAX + 1,
        }
    }
}

/// The lines of a stream of a process, as log events.
pub(in crate::backend) struct Lines {
    listener: Listener,
    host: String,
    stream: &'static str,
    /// So many more are taken, of which the last says that there were others.
    left: usize,
}

impl Lines {
    /// A line was written.
    pub(in crate::backend) fn take(&mut self, line: &str) {
        self.left = match self.left {
            0 => return,
            left => left - 1,
        };
        let line = line.char_indices().nth(LINE_CHARS_MAX).map_or(line, |(end, _)| &line[..end]);
        let message = if self.left == 0 { "further lines are left out" } else { line };
        self.listener.take(Told::Log {
            host: self.host.clone(),
            at: now(),
            level: Level::Info,
            target: self.stream.to_owned(),
            message: message.to_owned(),
            attributes: Vec::new(),
            request: 0,
        });
    }
}

/// Nanoseconds of the wall clock since its epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
