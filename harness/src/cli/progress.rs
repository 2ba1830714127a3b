//! Progress of several runs: bars on a terminal, a line for each run that ends elsewhere.

use std::{
    io::IsTerminal,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{in_progress::Notice, job::Job, output::tell};
use crate::run::{Run, RunError};

const NANOS_PER_MS: u64 = 1_000_000;
const REFRESH: Duration = Duration::from_millis(100);

pub(super) struct Progress {
    terminal: Terminal,
    /// For those who look on from outside.
    notice: Option<Notice>,
}

enum Terminal {
    Bars { bars: MultiProgress, total: ProgressBar },
    Lines { done: AtomicUsize, all: usize },
}

/// What is shown of a run that is going on.
pub(super) struct Shown {
    bar: Option<Watched>,
    /// Its number in the notice.
    noticed: Option<u64>,
}

struct Watched {
    bar: ProgressBar,
    /// Dropped when the run ends, which ends the thread that watches it.
    stop: Arc<Mutex<bool>>,
}

impl Progress {
    /// Shows the progress of so many runs on standard error, and in the folder that their records
    /// are kept in, if they are.
    pub(super) fn new(runs: usize, records: Option<&Path>) -> Self {
        let notice = records.map(|folder| Notice::new(folder, runs));
        if !std::io::stderr().is_terminal() {
            let terminal = Terminal::Lines { done: AtomicUsize::new(0), all: runs };
            return Self { terminal, notice };
        }
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::new(runs as u64));
        let things = if runs == 1 { "run" } else { "runs" };
        total.set_style(style(&format!(
            "{{bar:30}} {{pos}}/{{len}} {things}, {{elapsed}} {{wide_msg}}"
        )));
        total.tick();
        Self { terminal: Terminal::Bars { bars, total }, notice }
    }

    pub(super) fn begin(&self, job: &Job, now: &Arc<AtomicU64>) -> Shown {
        let noticed = self.notice.as_ref().map(|notice| notice.begin(job, now));
        Shown { bar: self.terminal.begin(job, now), noticed }
    }

    pub(super) fn end(&self, shown: Shown, job: &Job, done: &Result<Run, RunError>) {
        if let (Some(notice), Some(number)) = (&self.notice, shown.noticed) {
            notice.end(number);
        }
        if let Some(Watched { bar, stop }) = shown.bar {
            *stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
            bar.finish_and_clear();
        }
        self.terminal.end(job, done);
    }

    /// Takes the bars away.
    pub(super) fn finish(&self) {
        if let Terminal::Bars { total, .. } = &self.terminal {
            total.finish_and_clear();
        }
    }

    /// Prints above the bars, on standard output.
    pub(super) fn print(&self, text: &str) {
        self.above(|| super::print(text));
    }

    /// Says a sentence above the bars, on standard error.
    pub(super) fn say(&self, sentence: &str) {
        self.above(|| super::say(sentence));
    }

    fn above(&self, write: impl FnOnce()) {
        match &self.terminal {
            Terminal::Bars { bars, .. } => bars.suspend(write),
            Terminal::Lines { .. } => write(),
        }
    }
}

impl Terminal {
    fn begin(&self, job: &Job, now: &Arc<AtomicU64>) -> Option<Watched> {
        let Self::Bars { bars, total } = self else { return None };
        let bar = bars.insert_before(total, ProgressBar::new(job.lasts_ms()));
        bar.set_style(style("{bar:30} {msg} {pos}/{len} ms of its plan"));
        bar.set_message(format!("{} seed {}", job.scenario.name(), job.seed));
        let stop = Arc::new(Mutex::new(false));
        watch(&bar, now, &stop);
        Some(Watched { bar, stop })
    }

    fn end(&self, job: &Job, done: &Result<Run, RunError>) {
        match self {
            Self::Bars { total, .. } => total.inc(1),
            Self::Lines { done: so_far, all } => {
                let number = so_far.fetch_add(1, Ordering::Relaxed) + 1;
                let (name, seed) = (job.scenario.name(), job.seed);
                let verdict = match done {
                    Ok(run) => run.verdict().name(),
                    Err(_) => "error",
                };
                tell(&format!("[{number}/{all}] {verdict}: {name} seed {seed}\n"));
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Moves the bar along with the time of the run, until told to stop.
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
