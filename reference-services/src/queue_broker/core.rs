//! The one task that decides: takes commands, commits what they change in batches, answers.
//!
//! While a batch is being synced, commands wait; what has come by then is the next batch. A
//! command about a job that is in the batch waits for it to be committed, so that each decision
//! rests on what is durable, and a batch that fails leaves nothing to undo.

use std::{collections::BTreeSet, time::Duration};

use prost::Message;
use rand::Rng;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    Config, Defect,
    leased::{Lease, Leased},
    ledger::{Known, Ledger},
    metrics::{Counts, Metrics},
    parked::Parked,
    record::{Change, DELAY_MS_MAX, Failed, Job, since_1970},
    redrive::Redrive,
    schedule::Schedule,
};
use crate::{alarm::alarm, config::Live, journal::Kept, lease::mark};

/// Commands that are committed together at the most.
const BATCH_MAX: usize = 1024;

/// Dead letters shown in one list.
const LIST_MAX: usize = 1000;

/// A longer error is cut.
const ERROR_BYTES_MAX: usize = 512;

/// The pause before a dead letter that could not be replayed is replayed.
const REDRIVE_RETRY: Duration = Duration::from_secs(1);

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no place for another job.
    Full,
    /// The disk refuses.
    Disk,
    /// The lease has expired, or never was.
    NoLease,
    /// There is no such dead letter.
    Unknown,
    /// There is another job with this id.
    Another,
}

pub(super) type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

/// What is asked of the broker.
pub(super) enum Command {
    Accept {
        job: Job,
        answer: Answer<()>,
    },
    Lease {
        worker: String,
        jobs_max: usize,
        wait: Duration,
        answer: oneshot::Sender<Vec<Leased>>,
    },
    Acknowledge {
        lease: Lease,
        answer: Answer<()>,
    },
    Fail {
        lease: Lease,
        error: String,
        delay_ms: u64,
        counts: bool,
        answer: Answer<()>,
    },
    Extend {
        leases: Vec<Lease>,
        answer: oneshot::Sender<Vec<Lease>>,
    },
    Release {
        leases: Vec<Lease>,
        answer: oneshot::Sender<u32>,
    },
    Stats {
        answer: oneshot::Sender<Counts>,
    },
    DeadLetters {
        answer: oneshot::Sender<(usize, Vec<Job>)>,
    },
    DeadLetter {
        id: String,
        answer: Answer<Job>,
    },
    Replay {
        id: String,
        answer: Answer<()>,
    },
    ReplayAll {
        answer: Answer<usize>,
    },
    /// Nobody waits for jobs any longer.
    Drain,
}

/// What remains to be done when the batch is durable.
enum Then {
    Enter,
    /// The job is done or dead, says whoever has this token.
    Remove(u64),
    PutBack(u64, Duration),
    /// Its lease has expired: it can be taken again.
    Again,
    /// Its lease has expired once too often.
    Bury,
}

pub(super) struct Core {
    config: Live<Config>,
    kept: Kept<Ledger>,
    schedule: Schedule,
    parked: Parked,
    redrive: Redrive,
    /// The jobs in the batch, what then, and who waits for it.
    batch: Vec<(String, Then, Option<Answer<()>>)>,
    in_batch: BTreeSet<String>,
    entering: usize,
    entering_bytes: u64,
    draining: bool,
    metrics: Metrics,
}

impl Core {
    pub(super) fn new(live: Live<Config>, kept: Kept<Ledger>, metrics: Metrics) -> Self {
        let config = live.get();
        let mut schedule = Schedule::default();
        let now = Instant::now();
        // Defect: the next one of a key need not wait for one that is tried again.
        schedule.overtaking = config.defects.contains(&Defect::UnorderedRedelivery);
        for job in kept.state.live_jobs() {
            // Defect: nobody has written down until when.
            let forgotten = config.defects.contains(&Defect::ForgetsPauses);
            let pause = if forgotten { Duration::ZERO } else { job.pause_left() };
            schedule.enter(job.id.clone(), &job.key, now, now + pause);
        }
        let redrive = Redrive::of(&config.redrive, kept.state.dead().values(), now);
        let core = Self {
            config: live,
            kept,
            schedule,
            parked: Parked::default(),
            redrive,
            batch: Vec::new(),
            in_batch: BTreeSet::new(),
            entering: 0,
            entering_bytes: 0,
            draining: false,
            metrics,
        };
        core.show();
        core
    }

    /// Works until nobody can ask any more.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut replaced = self.config.changes();
        loop {
            let next = [
                self.schedule.next(),
                self.parked.next(),
                self.redrive.next(),
                self.kept.next_probe(),
            ];
            let next = next.into_iter().flatten().min();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.take(command).await,
                    None => return,
                },
                () = alarm(next) => {}
                Ok(()) = replaced.changed() => {
                    let dead = self.kept.state.dead().values();
                    self.redrive = Redrive::of(&self.config.get().redrive, dead, Instant::now());
                }
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
            self.pass_time().await;
            self.redrive().await;
            self.hand_out();
            self.show();
        }
    }

    async fn take(&mut self, command: Command) {
        match command {
            Command::Accept { job, answer } => self.accept(job, answer).await,
            Command::Lease { worker, jobs_max, wait, answer } => {
                let wait = if self.draining { Duration::ZERO } else { wait };
                self.parked.enter(worker, jobs_max, Instant::now() + wait, answer);
            }
            Command::Acknowledge { lease, answer } => self.acknowledge(lease, answer).await,
            Command::Fail { lease, error, delay_ms, counts, answer } => {
                let id = lease.id.clone();
                let failed = Failed { id, error, delay_ms, counts, at_unix_ms: now_unix_ms() };
                self.fail(lease, failed, answer).await;
            }
            Command::Extend { leases, answer } => {
                let (now, until) = (Instant::now(), Instant::now() + self.config.get().lease());
                let holds = |lease: &Lease| self.schedule.holds(&lease.id, lease.token, now);
                let (held, lost): (Vec<_>, Vec<_>) = leases.into_iter().partition(holds);
                for lease in &held {
                    self.schedule.extend(&lease.id, until);
                }
                // Who does not wait any more keeps what it has until it expires.
                let _ = answer.send(lost);
            }
            Command::Release { leases, answer } => self.release(&leases, answer),
            Command::Stats { answer } => {
                let _ = answer.send(self.counts());
            }
            Command::DeadLetters { answer } => {
                let dead = self.kept.state.dead();
                let shown = dead.values().take(LIST_MAX).cloned().collect();
                let _ = answer.send((dead.len(), shown));
            }
            Command::DeadLetter { id, answer } => {
                let _ =
                    answer.send(self.kept.state.dead().get(&id).cloned().ok_or(Refusal::Unknown));
            }
            Command::Replay { id, answer } => self.replay(id, answer).await,
            Command::ReplayAll { answer } => self.replay_all(answer).await,
            Command::Drain => {
                self.draining = true;
                self.parked.hurry(Instant::now());
            }
        }
    }

    /// Commits the batch if this job is in it.
    async fn settle(&mut self, id: &str) {
        if self.in_batch.contains(id) {
            self.commit().await;
        }
    }

    fn stage(&mut self, id: String, change: Change, then: Then, answer: Option<Answer<()>>) {
        self.kept.stage(change.into());
        self.in_batch.insert(id.clone());
        self.batch.push((id, then, answer));
    }

    async fn accept(&mut self, mut job: Job, answer: Answer<()>) {
        self.settle(&job.id).await;
        if let Some(known) = self.kept.state.known(&job.id, &job.payload) {
            // Defect: whoever sent the other one is not told that it was dropped.
            let same = known == Known::Same || self.has(Defect::DropsConflicts);
            // Whoever sent it before has the same answer, or never got one.
            let _ = answer.send(if same { Ok(()) } else { Err(Refusal::Another) });
            return;
        }
        job.nth = self.kept.state.accepted() + self.entering as u64;
        let bytes = job.encoded_len() as u64;
        let ledger = &self.kept.state;
        let full = ledger.len() + self.entering >= self.config.get().jobs_max
            || ledger.bytes() + self.entering_bytes + bytes > self.config.get().bytes_max;
        // Defect: the memory of the process is the only bound.
        if full && !self.has(Defect::UnboundedQueue) {
            let _ = answer.send(Err(Refusal::Full));
            return;
        }
        self.entering += 1;
        self.entering_bytes += bytes;
        self.stage(job.id.clone(), Change::Job(Box::new(job)), Then::Enter, Some(answer));
    }

    async fn acknowledge(&mut self, lease: Lease, answer: Answer<()>) {
        self.settle(&lease.id).await;
        let held = self.schedule.holds(&lease.id, lease.token, Instant::now());
        // Defect: it is enough that the job is there.
        let believed =
            self.has(Defect::LateAcknowledgement) && self.kept.state.live(&lease.id).is_some();
        if !held && !believed {
            self.metrics.late.inc();
            let _ = answer.send(Err(Refusal::NoLease));
            return;
        }
        let Lease { id, token } = lease;
        self.stage(id.clone(), Change::Acknowledged(id), Then::Remove(token), Some(answer));
    }

    async fn fail(&mut self, lease: Lease, mut failed: Failed, answer: Answer<()>) {
        self.settle(&lease.id).await;
        let job = self.kept.state.live(&lease.id);
        let held = self.schedule.holds(&lease.id, lease.token, Instant::now());
        let Some(job) = job.filter(|_| held) else {
            self.metrics.late.inc();
            let _ = answer.send(Err(Refusal::NoLease));
            return;
        };
        let failures = job.failures.len() + usize::from(failed.counts);
        shorten(&mut failed.error);
        failed.delay_ms = failed.delay_ms.min(DELAY_MS_MAX);
        let delay = Duration::from_millis(failed.delay_ms);
        let Lease { id, token } = lease;
        let (change, then) = if failures < self.config.get().failures_max || !failed.counts {
            (Change::Failed(failed), Then::PutBack(token, delay))
        } else if self.has(Defect::NoDeadLetter) {
            // Defect: nobody will ever hear of it again.
            tracing::warn!(job = id, "job given up");
            let done = Job { id: id.clone(), done: true, ..Job::default() };
            (Change::Job(Box::new(done)), Then::Remove(token))
        } else {
            // Defect: the job is a dead letter before its last failure is one of the job's.
            failed.counts = !self.has(Defect::BareDeadLetter);
            (Change::DeadLettered(failed), Then::Remove(token))
        };
        self.stage(id, change, then, Some(answer));
    }

    fn release(&mut self, leases: &[Lease], answer: oneshot::Sender<u32>) {
        let now = Instant::now();
        let mut released = 0;
        // The last one first, so that they come again in the order in which they came.
        for lease in leases.iter().rev() {
            let in_batch = self.in_batch.contains(&lease.id);
            if !in_batch && self.schedule.holds(&lease.id, lease.token, now) {
                self.schedule.put_back(&lease.id, None);
                tracing::info!(job = lease.id, lease = mark(lease.token), "job handed back");
                released += 1;
            }
        }
        let _ = answer.send(released);
    }

    async fn replay(&mut self, id: String, answer: Answer<()>) {
        self.settle(&id).await;
        if !self.kept.state.dead().contains_key(&id) {
            let _ = answer.send(Err(Refusal::Unknown));
            return;
        }
        self.stage(id.clone(), Change::Replayed(id), Then::Enter, Some(answer));
    }

    async fn replay_all(&mut self, answer: Answer<usize>) {
        self.commit().await;
        let ids: Vec<String> = self.kept.state.dead().keys().cloned().collect();
        let mut replayed = 0;
        for batch in ids.chunks(BATCH_MAX) {
            for id in batch {
                self.stage(id.clone(), Change::Replayed(id.clone()), Then::Enter, None);
            }
            if !self.commit().await {
                let _ = answer.send(Err(Refusal::Disk));
                return;
            }
            replayed += batch.len();
        }
        let _ = answer.send(Ok(replayed));
    }

    /// Makes the batch durable and answers; says whether that went well.
    async fn commit(&mut self) -> bool {
        let committed = if self.kept.is_settled() { Ok(()) } else { self.kept.commit().await };
        (self.entering, self.entering_bytes) = (0, 0);
        self.in_batch.clear();
        let batch = std::mem::take(&mut self.batch);
        if let Err(error) = committed {
            tracing::warn!(%error, changes = batch.len(), "the disk refused a batch");
            self.metrics.disk_failures.inc();
            for (id, then, answer) in batch {
                if matches!(then, Then::Again | Then::Bury) {
                    // It has no lease, whether or not that could be written down.
                    self.schedule.put_back(&id, None);
                }
                // Who does not wait any more will ask again.
                let _ = answer.map(|answer| answer.send(Err(Refusal::Disk)));
            }
            return false;
        }
        let now = Instant::now();
        for (id, then, answer) in batch {
            match then {
                Then::Enter => {
                    self.metrics.accepted.inc();
                    let key = self.kept.state.live(&id).map_or("", |job| &*job.key);
                    self.schedule.enter(id, key, now, now);
                }
                Then::Remove(token) => {
                    tracing::info!(job = id, lease = mark(token), "lease used");
                    self.leave(&id, now);
                }
                Then::PutBack(token, delay) => {
                    tracing::info!(job = id, lease = mark(token), "lease used");
                    self.schedule.put_back(&id, Some(now + delay));
                }
                Then::Again => self.schedule.put_back(&id, None),
                Then::Bury => self.leave(&id, now),
            }
            let _ = answer.map(|answer| answer.send(Ok(())));
        }
        true
    }

    /// A job is done or dead.
    fn leave(&mut self, id: &str, now: Instant) {
        self.schedule.remove(id);
        if let Some(dead) = self.kept.state.dead().get(id) {
            self.redrive.enter(dead, now);
        }
    }

    async fn pass_time(&mut self) {
        for (id, token) in self.schedule.advance(Instant::now()) {
            tracing::info!(job = id, lease = mark(token), "lease expired");
            self.metrics.expired.inc();
            let Some(job) = self.kept.state.live(&id) else { continue };
            let expiries = job.expiries + 1;
            // Defect: there is no number that is too many.
            let (change, then) = if expiries < self.config.get().expiries_max
                || self.has(Defect::ExpiresForever)
            {
                (Change::Expired(id.clone()), Then::Again)
            } else {
                let error = format!("its lease expired {expiries} times, one after the other");
                let (delay_ms, at_unix_ms) = (0, now_unix_ms());
                let failed = Failed { id: id.clone(), error, delay_ms, counts: true, at_unix_ms };
                (Change::DeadLettered(failed), Then::Bury)
            };
            self.stage(id, change, then, None);
            if self.batch.len() >= BATCH_MAX || self.kept.is_full() {
                self.commit().await;
            }
        }
        self.commit().await;
    }

    /// Makes a job of the dead letter whose time has come, one in each pass, so that nobody waits for
    /// all of them.
    async fn redrive(&mut self) {
        let Some(id) = self.redrive.take(Instant::now()) else { return };
        let Some(dead) = self.kept.state.dead().get(&id) else { return };
        if !self.redrive.is_due(dead) {
            // It was replayed and is one again, or the clock of this machine was put back.
            self.redrive.enter(dead, Instant::now());
            return;
        }
        self.stage(id.clone(), Change::Redriven(id.clone()), Then::Enter, None);
        if !self.commit().await {
            self.redrive.put_off(id, Instant::now() + REDRIVE_RETRY);
        }
    }

    /// Gives jobs to those who wait for some, and nothing to those who have waited long enough.
    fn hand_out(&mut self) {
        let now = Instant::now();
        while self.schedule.ready() > 0
            && let Some((worker, jobs_max, answer)) = self.parked.first()
        {
            let count = jobs_max.min(self.config.get().lease_jobs_max);
            let jobs = self.lease(&worker, count, now + self.config.get().lease());
            if let Err(jobs) = answer.send(jobs) {
                // Nobody is there to take them.
                for job in jobs.iter().rev() {
                    self.schedule.put_back(&job.lease.id, None);
                }
            }
        }
        self.parked.dismiss(now);
    }

    fn lease(&mut self, worker: &str, count: usize, until: Instant) -> Vec<Leased> {
        let mut jobs = Vec::new();
        while jobs.len() < count {
            // Not to be guessed, and not one of before a restart.
            let token = rand::rng().random();
            let Some(id) = self.schedule.lease(token, until) else { break };
            let Some(job) = self.kept.state.live(&id) else {
                // It was done while it waited.
                self.schedule.remove(&id);
                continue;
            };
            let failures = job.failures.len();
            tracing::info!(job = id, worker, failures, lease = mark(token), "job leased");
            self.metrics.leases.inc();
            jobs.push(Leased {
                lease: Lease { id, token },
                payload: job.payload.clone(),
                traceparent: job.traceparent.clone(),
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                last_delay_ms: job.delay_ms,
            });
        }
        jobs
    }

    fn has(&self, defect: Defect) -> bool {
        self.config.get().defects.contains(&defect)
    }

    fn counts(&self) -> Counts {
        Counts {
            queued: self.schedule.queued(),
            ready: self.schedule.ready(),
            waiting: self.schedule.waiting(),
            leased: self.schedule.leased(),
            dead_letters: self.kept.state.dead().len(),
            bytes: self.kept.state.bytes(),
        }
    }

    fn show(&self) {
        self.metrics.show(&self.counts(), self.schedule.oldest());
    }
}

fn now_unix_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// Cuts an error to its bound, not inside of a character.
fn shorten(error: &mut String) {
    if error.len() > ERROR_BYTES_MAX {
        let end = (0..=ERROR_BYTES_MAX).rev().find(|at| error.is_char_boundary(*at));
        error.truncate(end.unwrap_or(0));
    }
}
