//! The one task that decides: takes commands, commits new results in batches, answers.
//!
//! While a batch is being synced, commands wait; what has come by then is the next batch.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;
use tokio::sync::{mpsc, oneshot};

use super::{
    Config, Defect,
    metrics::Metrics,
    results::{Results, Stored},
};
use crate::{
    alarm::alarm,
    config::Live,
    journal::{Kept, State},
};

/// Commands that are committed together at the most.
const BATCH_MAX: usize = 1024;

/// Why a result is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no place for another one.
    Full,
    /// The disk refuses.
    Disk,
}

/// A result that is kept.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) result: Bytes,
    pub(super) duplicate: bool,
}

/// What is asked of the store.
pub(super) enum Command {
    Put { record: Stored, answer: oneshot::Sender<Result<Answered, Refusal>> },
    Get { job: String, answer: oneshot::Sender<Option<Bytes>> },
    Count { answer: oneshot::Sender<usize> },
}

pub(super) struct Core {
    config: Live<Config>,
    kept: Kept<Results>,
    batch: Vec<(Bytes, oneshot::Sender<Result<Answered, Refusal>>)>,
    in_batch: BTreeSet<String>,
    entering_bytes: u64,
    metrics: Metrics,
}

impl Core {
    pub(super) fn new(config: Live<Config>, kept: Kept<Results>, metrics: Metrics) -> Self {
        metrics.show(kept.state.len());
        let (batch, in_batch, entering_bytes) = (Vec::new(), BTreeSet::new(), 0);
        Self { config, kept, batch, in_batch, entering_bytes, metrics }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let next_probe = self.kept.next_probe();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.take(command).await,
                    None => return,
                },
                () = alarm(next_probe) => {}
            }
            for _ in 1..BATCH_MAX {
                if self.kept.is_full() {
                    break;
                }
                let Ok(command) = commands.try_recv() else { break };
                self.take(command).await;
            }
            self.commit().await;
            self.kept.probe().await;
            self.metrics.show(self.kept.state.len());
        }
    }

    async fn take(&mut self, command: Command) {
        match command {
            Command::Put { record, answer } => self.put(record, answer).await,
            Command::Get { job, answer } => {
                // Who does not wait any more needs no answer.
                let _ = answer.send(self.kept.state.get(&job).cloned());
            }
            Command::Count { answer } => {
                let _ = answer.send(self.kept.state.len());
            }
        }
    }

    async fn put(&mut self, record: Stored, answer: oneshot::Sender<Result<Answered, Refusal>>) {
        if self.in_batch.contains(&record.job) {
            self.commit().await;
        }
        if let Some(result) = self.kept.state.get(&record.job) {
            tracing::info!(job = record.job, "job was stored already");
            self.metrics.duplicates.inc();
            let _ = answer.send(Ok(Answered { result: result.clone(), duplicate: true }));
            return;
        }
        let bytes = record.encoded_len() as u64;
        let state = &self.kept.state;
        if state.len() + self.batch.len() >= self.config.get().results_max
            || state.snapshot_bytes() + self.entering_bytes + bytes > self.config.get().bytes_max
        {
            let _ = answer.send(Err(Refusal::Full));
            return;
        }
        self.entering_bytes += bytes;
        self.in_batch.insert(record.job.clone());
        let result = record.result.clone();
        let answer = if self.config.get().defects.contains(&Defect::AnswersBeforeSync) {
            // Defect: the power may fail before the batch is on the disk.
            let _ = answer.send(Ok(Answered { result: result.clone(), duplicate: false }));
            oneshot::channel().0
        } else {
            answer
        };
        self.batch.push((result, answer));
        self.kept.stage(record);
    }

    /// Makes the batch durable, and answers.
    async fn commit(&mut self) {
        let committed = if self.kept.is_settled() { Ok(()) } else { self.kept.commit().await };
        self.in_batch.clear();
        self.entering_bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if let Err(error) = &committed {
            tracing::warn!(%error, changes = batch.len(), "the disk refused a batch");
            self.metrics.disk_failures.inc();
        }
        for (result, answer) in batch {
            // Who does not wait any more will put it again, and be told that it is there.
            let _ = answer.send(match committed {
                Ok(()) => Ok(Answered { result, duplicate: false }),
                Err(_) => Err(Refusal::Disk),
            });
        }
    }
}
