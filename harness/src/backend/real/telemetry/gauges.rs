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
use crate::interpose;

/// A thread that samples until this is dropped.
pub(super) struct Sampling {
    /// Nothing is sent: it ends with this.
    ends: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampling {
    /// Samples at once and then every `interval`.
    pub(super) fn begin(
        connection: Arc<Connection>,
        runtime: Handle,
        interval: Duration,
    ) -> io::Result<Self> {
        let (ends, end) = mpsc::channel();
        let sample = move || {
            loop {
                connection.say(Signal::Metrics, &connection.metrics(samples(&runtime)));
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

fn samples(runtime: &Handle) -> Vec<Metric> {
    let tasks = i64::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(i64::MAX);
    let mut samples = vec![gauge("tasks", tasks)];
    samples.extend(interpose::live_bytes_of_process().map(|bytes| gauge("memory_bytes", bytes)));
    samples
}

fn gauge(name: &str, value: i64) -> Metric {
    let point =
        NumberPoint { time_unix_nano: unix_now(), as_int: Some(value), ..NumberPoint::default() };
    let gauge = Numbers { data_points: vec![point], ..Numbers::default() };
    Metric { name: name.to_owned(), gauge: Some(gauge), ..Metric::default() }
}
