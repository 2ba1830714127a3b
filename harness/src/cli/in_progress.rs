//! Says in a file how far a command is, for a server that looks on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use squall_reports::{
    in_progress::{InProgress, Running},
    regular,
};

use super::job::Job;

/// The file, in the folder that records are kept in.
const FILE: &str = "in-progress.json";

/// How often it is written.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// A file that is older than this was left behind by a command that was killed.
const STALE_AFTER: Duration = Duration::from_secs(10);

const NANOS_PER_MS: u64 = 1_000_000;

/// How far the command is whose records are kept in `folder`, if one is under way.
pub(super) fn read(folder: &Path) -> Option<InProgress> {
    let path = folder.join(FILE);
    let modified = fs::metadata(&path).ok()?.modified().ok()?;
    // A clock that was set back makes a file that seems to come from the future.
    let age = modified.elapsed().unwrap_or_default();
    if age > STALE_AFTER {
        return None;
    }
    serde_json::from_str(&regular::read_text(&path).ok()?).ok()
}

/// Writes the file as long as it lives, and takes it away then.
pub(super) struct Notice {
    board: Arc<Board>,
    writer: Option<JoinHandle<()>>,
}

struct Board {
    state: Mutex<State>,
    /// Told when the command is over.
    over: Condvar,
}

struct State {
    done: u64,
    of: u64,
    next: u64,
    running: BTreeMap<u64, Going>,
    is_over: bool,
}

/// A run that is going on.
struct Going {
    run: Running,
    now: Arc<AtomicU64>,
}

impl Notice {
    /// A command of so many runs, with the records kept in `folder`.
    pub(super) fn new(folder: &Path, runs: usize) -> Self {
        let state =
            State { done: 0, of: runs as u64, next: 0, running: BTreeMap::new(), is_over: false };
        let board = Arc::new(Board { state: Mutex::new(state), over: Condvar::new() });
        let (shown, path) = (Arc::clone(&board), folder.join(FILE));
        // Without the thread nobody can look on, and nothing else changes.
        let writer = thread::Builder::new().name("in-progress".to_owned());
        let writer = writer.spawn(move || shown.write_until_over(&path)).ok();
        Self { board, writer }
    }

    /// A run begins; what comes back is to be handed in at its end.
    pub(super) fn begin(&self, job: &Job, now: &Arc<AtomicU64>) -> u64 {
        let run = Running {
            scenario: job.scenario.name().to_owned(),
            defects: job.scenario.defects().to_vec(),
            seed: job.seed,
            reached_ms: 0,
            lasts_ms: job.lasts_ms(),
        };
        let mut state = self.board.state();
        let number = state.next;
        state.next += 1;
        state.running.insert(number, Going { run, now: Arc::clone(now) });
        number
    }

    pub(super) fn end(&self, number: u64) {
        let mut state = self.board.state();
        state.running.remove(&number);
        state.done += 1;
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        self.board.state().is_over = true;
        self.board.over.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_until_over(&self, path: &PathBuf) {
        let beside = path.with_extension("partial");
        let mut state = self.state();
        while !state.is_over {
            let text = serde_json::to_vec(&state.in_progress()).unwrap_or_default();
            drop(state);
            // A disk that is full is reported by the records, which matter.
            let _ = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
            state = self.state();
            if !state.is_over {
                let waited = self.over.wait_timeout(state, WRITE_EVERY);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        drop(state);
        let _ = fs::remove_file(&beside);
        let _ = fs::remove_file(path);
    }
}

impl State {
    fn in_progress(&self) -> InProgress {
        let running = self.running.values().map(|going| Running {
            reached_ms: going.now.load(Ordering::Relaxed) / NANOS_PER_MS,
            ..going.run.clone()
        });
        InProgress { done: self.done, of: self.of, running: running.collect() }
    }
}
