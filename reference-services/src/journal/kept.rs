//! A state that is kept in a journal.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use prost::Message;
use tokio::time::Instant;

use super::file::{Access, Journal, OpenError, Unsynced};

/// A file is rewritten when it is so many times as long as what it would then hold.
const COMPACT_FACTOR: u64 = 4;

/// A batch is committed at the latest when it has this many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// How often a disk that refuses is asked again.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// A state that changes by records only.
pub(crate) trait State {
    /// A change.
    type Record: Message + Default;

    /// Makes a change that is durable.
    fn apply(&mut self, record: Self::Record);

    /// Tells an observer of a change that is durable. It may be told of one twice: after a crash
    /// nobody knows whether it was.
    fn observe(&self, record: &Self::Record, recovered: bool);

    /// The changes that lead from nothing to this state.
    fn snapshot(&self) -> Vec<Self::Record>;

    /// About how many bytes the snapshot has.
    fn snapshot_bytes(&self) -> u64;
}

/// A state with its journal, and the changes that are not durable yet.
#[derive(Debug)]
pub(crate) struct Kept<S: State> {
    pub(crate) state: S,
    journal: Journal,
    staged: Vec<S::Record>,
    staged_bytes: usize,
    /// A shorter file is not rewritten.
    compact_bytes_min: u64,
    /// Nor is one shorter than this, after a rewrite that failed.
    compact_at: u64,
    /// The disk has refused the last batch.
    refused: Arc<AtomicBool>,
    /// When the disk is asked whether it takes something again.
    next_probe: Option<Instant>,
}

impl<S: State> Kept<S> {
    /// Opens the journal at `path` and brings `state`, which must be empty, to where it ended. The
    /// file is rewritten when most of it is history, but not below `compact_bytes_min`.
    pub(crate) async fn open(
        path: &Path,
        mut state: S,
        compact_bytes_min: u64,
        access: Access,
    ) -> Result<Self, OpenError> {
        let (mut journal, found) = Journal::open(path, access).await?;
        let answered = found.records.len() - found.last;
        for (at, bytes) in found.records.iter().enumerate() {
            let record = S::Record::decode(bytes.as_slice())?;
            if at >= answered {
                state.observe(&record, true);
            }
            state.apply(record);
        }
        if found.outdated {
            let snapshot = state.snapshot();
            let snapshot: Vec<Vec<u8>> = snapshot.iter().map(Message::encode_to_vec).collect();
            journal.rewrite(&snapshot).await?;
        }
        let (staged, staged_bytes) = (Vec::new(), 0);
        let compact_at = compact_bytes_min;
        let refused = Arc::default();
        Ok(Self {
            state,
            journal,
            staged,
            staged_bytes,
            compact_bytes_min,
            compact_at,
            refused,
            next_probe: None,
        })
    }

    /// Whether the disk refuses, as it was last seen: for probes of readiness.
    pub(crate) fn refused(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.refused)
    }

    /// When [`probe`](Self::probe) has something to do.
    pub(crate) fn next_probe(&self) -> Option<Instant> {
        self.next_probe
    }

    /// Asks a disk that refuses whether it takes something again, when it is time to. Otherwise nobody
    /// would find out: who sees that the service is not ready sends nothing.
    pub(crate) async fn probe(&mut self) {
        if self.next_probe.is_some_and(|at| at <= Instant::now()) {
            let takes = self.journal.has_room().await.is_ok();
            self.seen(takes);
        }
    }

    fn seen(&mut self, takes: bool) {
        self.refused.store(!takes, Ordering::Relaxed);
        self.next_probe = (!takes).then(|| Instant::now() + PROBE_EVERY);
    }

    /// The same without some syncs, for services that are to be wrong.
    pub(crate) fn leaving_unsynced(mut self, unsynced: Unsynced) -> Self {
        self.journal.unsynced = unsynced;
        self
    }

    /// Adds a change to the batch.
    pub(crate) fn stage(&mut self, record: S::Record) {
        self.staged_bytes += record.encoded_len();
        self.staged.push(record);
    }

    /// The changes in the batch.
    pub(crate) fn staged(&self) -> &[S::Record] {
        &self.staged
    }

    /// Is there nothing in the batch?
    pub(crate) fn is_settled(&self) -> bool {
        self.staged.is_empty()
    }

    /// Has the batch as many bytes as it should?
    pub(crate) fn is_full(&self) -> bool {
        self.staged_bytes >= BATCH_BYTES
    }

    /// Makes the batch durable, then makes its changes. After an error it is forgotten.
    pub(crate) async fn commit(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.staged);
        self.staged_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let bytes: Vec<Vec<u8>> = batch.iter().map(Message::encode_to_vec).collect();
        let appended = self.journal.append(&bytes).await;
        self.seen(appended.is_ok());
        appended?;
        for record in batch {
            self.state.observe(&record, false);
            self.state.apply(record);
        }
        self.compact().await;
        Ok(())
    }

    /// Writes the journal again if most of it is history.
    async fn compact(&mut self) {
        let (bytes, lives) = (self.journal.bytes(), self.state.snapshot_bytes());
        if bytes < self.compact_at || bytes < lives.saturating_mul(COMPACT_FACTOR) {
            return;
        }
        let snapshot: Vec<Vec<u8>> =
            self.state.snapshot().iter().map(Message::encode_to_vec).collect();
        match self.journal.rewrite(&snapshot).await {
            Ok(()) => self.compact_at = self.compact_bytes_min,
            Err(error) => {
                // The batch is durable all the same; the file only stays long.
                tracing::warn!(%error, "could not write the journal anew");
                self.compact_at = bytes + self.compact_bytes_min;
            }
        }
    }
}
