//! Progress of several runs: bars on a terminal, a line for each run that ends elsewhere.

use std::{
    io::IsTerminal,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::pool::Job;
use crate::run::{Run, RunError};

const NANOS_PER_MS: u64 = 1_000_000;
const REFRESH: Duration = Duration::from_millis(100);

pub(super) enum Progress {
    Bars { bars: MultiProgress, total: ProgressBar },
    Lines { done: AtomicUsize, all: usize },
}

/// What is shown of a run that is going on.
pub(super) struct Shown(Option<Watched>);

struct Watched {
    bar: ProgressBar,
    /// Dropped when the run ends, which ends the thread that watches it.
    stop: Arc<Mutex<bool>>,
}

impl Progress {
    /// Shows the progress of so many runs on standard error.
    pub(super) fn new(runs: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { done: AtomicUsize::new(0), all: runs };
        }
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::new(runs as u64));
        total.set_style(style("{bar:30} {pos}/{len} runs, {elapsed} {wide_msg}"));
        total.tick();
        Self::Bars { bars, total }
    }

    pub(super) fn begin(&self, job: &Job, now: &Arc<AtomicU64>) -> Shown {
        let Self::Bars { bars, total } = self else { return Shown(None) };
        let plan = job.scenario.plan();
        let lasts = plan.boot + plan.duration() + plan.settle;
        let lasts = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        let bar = bars.insert_before(total, ProgressBar::new(lasts));
        bar.set_style(style("{bar:30} {msg} {pos}/{len} ms simulated"));
        bar.set_message(format!("{} seed {}", job.scenario.name(), job.seed));
        let stop = Arc::new(Mutex::new(false));
        watch(&bar, now, &stop);
        Shown(Some(Watched { bar, stop }))
    }

    pub(super) fn end(&self, shown: Shown, job: &Job, done: &Result<Run, RunError>) {
        if let Some(Watched { bar, stop }) = shown.0 {
            *stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
            bar.finish_and_clear();
        }
        match self {
            Self::Bars { total, .. } => total.inc(1),
            Self::Lines { done: so_far, all } => {
                let number = so_far.fetch_add(1, Ordering::Relaxed) + 1;
                let (name, seed) = (job.scenario.name(), job.seed);
                let verdict = match done {
                    Ok(run) => run.verdict().name(),
                    Err(_) => "error",
                };
                eprintln!("[{number}/{all}] {verdict}: {name} seed {seed}");
            }
        }
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        if let Self::Bars { total, .. } = self {
            total.finish_and_clear();
        }
    }

    /// Prints above the bars.
    pub(super) fn print(&self, text: &str) {
        match self {
            Self::Bars { bars, .. } => bars.suspend(|| super::print(text)),
            Self::Lines { .. } => super::print(text),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Moves the bar along with virtual time, until told to stop.
fn watch(bar: &ProgressBar, now: &Arc<AtomicU64>, stop: &Arc<Mutex<bool>>) {
    let (bar, now, stop) = (bar.clone(), Arc::clone(now), Arc::clone(stop));
    // Without the thread the bar stands still, and nothing else changes.
    let _ = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(REFRESH);
            let stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
            if *stopped {
                return;
            }
            bar.set_position(now.load(Ordering::Relaxed) / NANOS_PER_MS);
        }
    });
}
