//! What becomes of a container: its end, what it writes, and what the engine tells of one with a program that
//! is not ours.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use testcontainers::bollard::{
    container::LogOutput,
    errors::Error,
    models::{ContainerMemoryStats, HealthStatusEnum},
    query_parameters::{InspectContainerOptions, LogsOptionsBuilder, StatsOptionsBuilder},
};

use super::engine::Engine;
use crate::backend::real::{Ear, Lines};

/// So many lines of what a container has written are shown.
const LINES: &str = "20";

/// The engine is not asked more often than this.
const EVERY_MIN: Duration = Duration::from_millis(100);

/// A code above this one is that of a signal, with this added.
const BY_SIGNAL: i32 = 128;

const MIB: f64 = 1024.0 * 1024.0;

/// A container, and the engine that knows it.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) engine: Engine,
    pub(super) id: String,
}

impl Watched {
    /// Waits for its end: how it was, and the end of what it has written; nothing if it was removed, or
    /// the engine is gone, which whoever asks it next is told.
    pub(super) async fn end(&self) -> Option<(ExitStatus, String)> {
        let ended = self.engine.0.wait_container(&self.id, None).next().await;
        let code = match ended {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(_)) | None => return None,
        };
        // An engine tells the end by a signal as a shell does.
        let code = i32::try_from(code & 0xff).expect("it is a byte");
        let raw = if code > BY_SIGNAL { code - BY_SIGNAL } else { code << 8 };
        Some((ExitStatus::from_raw(raw), self.output().await))
    }

    /// The last lines that it has written.
    pub(super) async fn output(&self) -> String {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(LINES).build();
        let mut logs = self.engine.0.logs(&self.id, Some(options));
        let mut text = String::new();
        while let Some(Ok(line)) = logs.next().await {
            text.push_str(&String::from_utf8_lossy(&line.into_bytes()));
        }
        text.trim_end().to_owned()
    }

    /// Tells what it writes until it ends, but for the `heard` lines that were told before.
    pub(super) async fn hear(&self, [mut out, mut err]: [Lines; 2], heard: &AtomicUsize) {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(true).build();
        let mut logs = self.engine.0.logs(&self.id, Some(options));
        let known = heard.load(Ordering::Relaxed);
        let mut seen = 0;
        while let Some(Ok(part)) = logs.next().await {
            let lines = match &part {
                LogOutput::StdErr { .. } => &mut err,
                _ => &mut out,
            };
            for line in String::from_utf8_lossy(&part.into_bytes()).lines() {
                seen += 1;
                if seen > known {
                    lines.take(line);
                    heard.store(seen, Ordering::Relaxed);
                }
            }
        }
    }

    /// Measures it until it ends: memory, processes and threads, and whether its health check is content,
    /// if it has one.
    pub(super) async fn measure(&self, ear: &Ear, host: &str, every: Duration) {
        loop {
            let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
            let mut stats = self.engine.0.stats(&self.id, Some(options));
            let inspected =
                self.engine.0.inspect_container(&self.id, None::<InspectContainerOptions>);
            let (stats, inspected) = tokio::join!(stats.next(), inspected);
            tokio::time::sleep(every.max(EVERY_MIN)).await;
            let inspected = match inspected {
                Ok(inspected) => inspected,
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => return,
                // It is busy, and may be less so later.
                Err(_) => continue,
            };
            let Some(state) = inspected.state.filter(|it| it.running == Some(true)) else { return };
            let Some(Ok(stats)) = stats else { continue };
            if let Some(bytes) = stats.memory_stats.and_then(|it| resident(&it)) {
                ear.gauge(host, "resident_mib", (real(bytes) / MIB).round());
            }
            if let Some(threads) = stats.pids_stats.and_then(|it| it.current) {
                ear.gauge(host, "threads", real(threads));
            }
            let health = state.health.and_then(|health| health.status);
            let is_well = match health {
                Some(HealthStatusEnum::HEALTHY) => Some(1.0),
                Some(HealthStatusEnum::UNHEALTHY) => Some(0.0),
                // It has not been asked yet, or has no health check.
                _ => None,
            };
            if let Some(is_well) = is_well {
                ear.gauge(host, "healthy", is_well);
            }
        }
    }
}

/// The memory of the processes, without what is cached of files: its name depends on the version of control
/// groups.
fn resident(memory: &ContainerMemoryStats) -> Option<u64> {
    let stats = memory.stats.as_ref()?;
    stats.get("anon").or_else(|| stats.get("rss")).copied()
}

#[expect(clippy::cast_precision_loss, reason = "bytes and threads are far below 2^53")]
fn real(value: u64) -> f64 {
    value as f64
}
