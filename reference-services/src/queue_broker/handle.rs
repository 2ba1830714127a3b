//! How requests reach the task that decides.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

use super::{
    core::{Command, Refusal},
    leased::{Lease, Leased},
    metrics::Counts,
    record::Job,
};

/// Commands that have not been taken yet. Further ones wait, of which there are no more than
/// requests in flight.
const COMMANDS_MAX: usize = 1024;

/// What requests share.
#[derive(Debug)]
pub(super) struct Handle {
    commands: mpsc::Sender<Command>,
    places: Semaphore,
}

/// The task that decides has gone, which only the end of the process brings about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl From<Gone> for Refusal {
    fn from(_: Gone) -> Self {
        Self::Disk
    }
}

impl Handle {
    /// The two ends: for requests, of which `in_flight_max` are let in, and for the task.
    pub(super) fn new(in_flight_max: usize) -> (Self, mpsc::Receiver<Command>) {
        let (commands, taken) = mpsc::channel(COMMANDS_MAX);
        let places = Semaphore::new(in_flight_max.min(Semaphore::MAX_PERMITS));
        (Self { commands, places }, taken)
    }

    /// A place for a request; `None` when all are taken.
    pub(super) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }

    pub(super) async fn accept(&self, job: Job) -> Result<(), Refusal> {
        self.ask(|answer| Command::Accept { job, answer }).await?
    }

    pub(super) async fn lease(
        &self,
        worker: String,
        jobs_max: usize,
        wait: Duration,
    ) -> Result<Vec<Leased>, Gone> {
        self.ask(|answer| Command::Lease { worker, jobs_max, wait, answer }).await
    }

    pub(super) async fn acknowledge(&self, lease: Lease) -> Result<(), Refusal> {
        self.ask(|answer| Command::Acknowledge { lease, answer }).await?
    }

    pub(super) async fn fail(
        &self,
        lease: Lease,
        error: String,
        delay_ms: u64,
        counts: bool,
    ) -> Result<(), Refusal> {
        self.ask(|answer| Command::Fail { lease, error, delay_ms, counts, answer }).await?
    }

    pub(super) async fn extend(&self, leases: Vec<Lease>) -> Result<Vec<Lease>, Gone> {
        self.ask(|answer| Command::Extend { leases, answer }).await
    }

    pub(super) async fn release(&self, leases: Vec<Lease>) -> Result<u32, Gone> {
        self.ask(|answer| Command::Release { leases, answer }).await
    }

    pub(super) async fn stats(&self) -> Result<Counts, Gone> {
        self.ask(|answer| Command::Stats { answer }).await
    }

    pub(super) async fn dead_letters(&self) -> Result<(usize, Vec<Job>), Gone> {
        self.ask(|answer| Command::DeadLetters { answer }).await
    }

    pub(super) async fn dead_letter(&self, id: String) -> Result<Job, Refusal> {
        self.ask(|answer| Command::DeadLetter { id, answer }).await?
    }

    pub(super) async fn replay(&self, id: String) -> Result<(), Refusal> {
        self.ask(|answer| Command::Replay { id, answer }).await?
    }

    pub(super) async fn replay_all(&self) -> Result<usize, Refusal> {
        self.ask(|answer| Command::ReplayAll { answer }).await?
    }

    /// Nobody waits for jobs any longer.
    pub(super) async fn drain(&self) {
        // A task that has gone has nobody waiting.
        let _ = self.commands.send(Command::Drain).await;
    }
}
