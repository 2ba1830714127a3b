//! One simulated machine: a Tokio runtime of its own, and what waits to be handed to it.

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

use squall_reports::record::HostState;
use tokio::runtime::{Builder, RngSeed, Runtime};

use super::host_os::HostOs;
use crate::interpose;

/// Tokio's timers have this resolution.
const TICK_NS: u64 = 1_000_000;

pub(crate) struct Machine {
    pub(crate) state: HostState,
    pub(crate) host_os: Rc<HostOs>,
    process: Option<Process>,
    /// How often the process was started.
    pub(crate) incarnation: u64,
    /// Tasks to be woken when the process next runs.
    pub(crate) wakers: Vec<Waker>,
    /// When the process next has something to do by itself.
    pub(crate) deadline: Option<u64>,
    /// Since when the process stands still.
    pub(crate) paused_since: Option<u64>,
    /// The process slept instead of waiting, until then.
    pub(crate) blocked_until: u64,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The harness itself has failed. To drop a runtime waits for its threads, which nobody moves any
        // more: it is left behind, so that the failure is heard of.
        if std::thread::panicking() {
            std::mem::forget(self.process.take());
        }
    }
}

struct Process {
    runtime: Runtime,
    /// Timers fire at whole milliseconds from here on, by the monotonic clock of the host.
    origin: u64,
}

/// How a turn of a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It has nothing more to do.
    Idle,
    /// It had more to do when the run was over.
    Cut,
}

impl Machine {
    pub(crate) fn new(host_os: Rc<HostOs>) -> Self {
        Self {
            state: HostState::PoweredOff,
            host_os,
            process: None,
            incarnation: 0,
            wakers: Vec::new(),
            deadline: None,
            paused_since: None,
            blocked_until: 0,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts a process at `now`.
    ///
    /// # Errors
    ///
    /// When the operating system has no more file descriptors for another runtime.
    pub(crate) fn start(&mut self, seed: u64, now: u64) -> std::io::Result<()> {
        interpose::set_now(now);
        let clock = self.host_os.clocks.get();
        let _clock = interpose::use_clock(clock);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
            .build()?;
        self.process = Some(Process { runtime, origin: clock.monotonic(now) % TICK_NS });
        self.incarnation += 1;
        self.host_os.reset();
        self.state = HostState::Up;
        self.deadline = Some(now);
        self.blocked_until = now;
        Ok(())
    }

    /// Spawns a task on the process, if there is one.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(process) = &self.process {
            drop(process.runtime.spawn(task));
        }
    }

    /// Drops the process with all its tasks. The caller has made this host the current one.
    pub(crate) fn kill(&mut self) {
        self.wakers.clear();
        self.deadline = None;
        self.paused_since = None;
        if let Some(process) = self.process.take() {
            // Threads that it started end by themselves, if they do.
            process.runtime.shutdown_background();
        }
    }

    /// Wakes the tasks that something has happened for and runs the process until it has nothing to
    /// do, or `over` says that the run is.
    pub(crate) fn run(&mut self, now: u64, over: impl Fn() -> bool) -> Turn {
        let Self { host_os, process, wakers, deadline, blocked_until, .. } = self;
        let Some(process) = process.as_ref() else { return Turn::Idle };
        let mut first = true;
        let idle_ms = process.runtime.block_on(poll_fn(|cx| {
            if first {
                // Inside the runtime, so that waking a task puts it straight into its queue.
                first = false;
                interpose::expect_idle(cx.waker());
                for waker in wakers.drain(..) {
                    waker.wake();
                }
                return Poll::Pending;
            }
            match interpose::idle_for() {
                Some(idle_ms) => Poll::Ready(Some(idle_ms)),
                None if over() => Poll::Ready(None),
                None => Poll::Pending,
            }
        }));
        // Later than `now` if the process slept in between.
        let local = interpose::now();
        interpose::set_now(now);
        *blocked_until = local;
        let Some(idle_ms) = idle_ms else { return Turn::Cut };
        let clock = host_os.clocks.get();
        *deadline = u64::try_from(idle_ms).ok().map(|idle_ms| {
            let latest = clock.monotonic(local) + idle_ms * TICK_NS;
            clock.when(latest - (latest - process.origin) % TICK_NS)
        });
        Turn::Idle
    }

    /// The tasks that are alive.
    pub(crate) fn tasks(&self) -> u64 {
        self.process
            .as_ref()
            .map_or(0, |process| process.runtime.metrics().num_alive_tasks() as u64)
    }
}
