//! What is sampled in a process every so often: how many tasks it has, and how much memory.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    messages::{Metric, NumberPoint, Numbers},
    unix_now,
    wire::{Connection, Signal},
};
use crate::{backend::real::gauges, interpose};

/// A thread that samples until this is dropped.
pub(super) struct Sampling {
    /// Nothing is sent: it ends with this.
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampling {
    /// Samples at once and then every `interval`: also what the system tells of this process, if nobody
    /// else reads that.
    pub(super) fn begin(
        connection: Arc<Connection>,
        runtime: Handle,
        interval: Duration,
        with_system: bool,
    ) -> io::Result<Self> {
        let (ends, end) = mpsc::channel();
        let sample = move || {
            loop {
                connection
                    .say(Signal::Metrics, &connection.metrics(samples(&runtime, with_system)));
                if end.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("squall-gauges".to_owned()).spawn(sample)?;
        Ok(Self { ends: Some(ends), thread: Some(thread) })
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.ends.take();
        if let Some(thread) = self.thread.take() {
            // It panics in no way that anybody could be told of.
            let _ = thread.join();
        }
    }
}

fn samples(runtime: &Handle, with_system: bool) -> Vec<Metric> {
    let tasks = i64::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(i64::MAX);
    let mut samples = vec![gauge("tasks", tasks)];
    samples.extend(interpose::live_bytes_of_process().map(|bytes| gauge("memory_bytes", bytes)));
    if with_system {
        let of_system = gauges::of(rustix::process::getpid()).into_iter();
        samples.extend(of_system.map(|(name, value)| {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number of what there is")]
            let value = value as i64;
            gauge(name, value)
        }));
    }
    samples
}

fn gauge(name: &str, value: i64) -> Metric {
    let point =
        NumberPoint { time_unix_nano: unix_now(), as_int: Some(value), ..NumberPoint::default() };
    let gauge = Numbers { data_points: vec![point], ..Numbers::default() };
    Metric { name: name.to_owned(), gauge: Some(gauge), ..Metric::default() }
}
