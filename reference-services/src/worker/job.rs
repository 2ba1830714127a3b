//! One job: call, store, acknowledge; or put back.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tracing::{Instrument, Span, field::Empty};

use super::{
    Config, Defect,
    api::{CallError, ExternalApi},
    held::Held,
    metrics::{Metrics, Outcome},
    queue::{Job, PutBack, Queue, QueueError},
    store::ResultStore,
};
use crate::{
    backoff::{doubled, pause},
    breaker::Breaker,
    config::Live,
    server::Trace,
};

/// How often the queue is told what became of a job.
const TELL_MAX: u32 = 5;

/// The pause before the queue is told again, doubled each time.
const TELL_PAUSE: Duration = Duration::from_millis(100);

/// What jobs need.
#[derive(Debug)]
pub(super) struct Work<Q> {
    pub(super) config: Live<Config>,
    pub(super) queue: Q,
    pub(super) api: ExternalApi,
    pub(super) store: ResultStore,
    pub(super) breaker: Breaker,
    pub(super) held: Arc<Held>,
    pub(super) metrics: Metrics,
}

impl<Q: Queue> Work<Q> {
    /// Does all that is to be done for a job. It is held no more afterwards.
    pub(super) async fn perform(&self, job: Job, worker: usize) {
        let busy = self.metrics.begin(worker);
        let trace = Trace::resume(&job.traceparent);
        let attempt = job.failures + 1;
        let span = tracing::info_span!(
            parent: None, "job", job = job.lease.job, attempt, trace_id = %trace, outcome = Empty
        );
        trace.adopt(&span);
        let mut observed = Observed { span: span.clone(), outcome: Outcome::Cancelled };
        let outcome = self.process(&job, trace).instrument(span).await;
        self.held.leave(&job.lease);
        observed.outcome = outcome;
        busy.end(outcome);
    }

    async fn process(&self, job: &Job, trace: Trace) -> Outcome {
        if self.config.get().cpu_us > 0 {
            squall_os::cpu::spend(Duration::from_micros(self.config.get().cpu_us)).await;
        }
        // It may have waited in the buffer for too long, and is then somebody else's. Nothing is
        // waited for between this and the call.
        let ours = self.held.until(&job.lease, Instant::now()).is_some();
        if !ours && !self.config.get().has(Defect::WorksWithoutLease) {
            return Outcome::Lost;
        }
        let Some(admission) = self.breaker.admit(Instant::now()) else {
            return self.hand_back(job).await;
        };
        // Defect: the broker is never told that it was the job's failure.
        let counts = !self.config.get().has(Defect::RetriesForever);
        let result = match self.api.process(job, trace).await {
            Ok(result) => {
                admission.succeeded(Instant::now());
                result
            }
            Err(CallError::Refused(error)) => {
                admission.succeeded(Instant::now());
                return self.put_back(job, error, counts, Duration::ZERO).await;
            }
            Err(CallError::Failed(error)) => {
                admission.failed(Instant::now());
                // While all jobs fail, none does so by its own fault.
                let counts = counts && self.breaker.is_closed();
                return self.put_back(job, error, counts, Duration::ZERO).await;
            }
            Err(CallError::Limited(after)) => {
                // That it turns calls away says nothing of how it is.
                drop(admission);
                let error = "the external API admits no more calls".to_owned();
                return self.put_back(job, error, false, after.unwrap_or_default()).await;
            }
        };
        if self.config.get().has(Defect::AckBeforeStore) {
            // Defect: a crash from here on loses the result.
            let outcome = self.acknowledge(job).await;
            let _ = self.store.put(&job.lease.job, result, trace).await;
            return outcome;
        }
        match self.store.put(&job.lease.job, result, trace).await {
            // Defect: nobody looks at what the store has answered.
            Err(error) if !self.config.get().has(Defect::IgnoresStoreError) => {
                self.put_back(job, error, false, Duration::ZERO).await
            }
            _ => self.acknowledge(job).await,
        }
    }

    async fn acknowledge(&self, job: &Job) -> Outcome {
        self.tell(job, Outcome::Done, || self.queue.acknowledge(&job.lease)).await
    }

    /// Hands a job back as if it had never been taken.
    async fn hand_back(&self, job: &Job) -> Outcome {
        let lease = || vec![job.lease.clone()];
        self.tell(job, Outcome::Deferred, || self.queue.release(lease())).await
    }

    /// Puts a job back for later; no worker waits for that.
    async fn put_back(&self, job: &Job, error: String, counts: bool, asked: Duration) -> Outcome {
        let delay = self.delay(job, asked);
        let why = PutBack { error, delay, counts };
        let outcome = if counts { Outcome::Failed } else { Outcome::Deferred };
        self.tell(job, outcome, || self.queue.put_back(&job.lease, &why)).await
    }

    /// When a job may be tried again: after the pause that somebody has asked for, and then another
    /// one, since all who were turned away together were asked for the same.
    fn delay(&self, job: &Job, asked: Duration) -> Duration {
        let config = self.config.get();
        let backoff = &config.backoff;
        // Defects: each leaves out a part of the pause.
        let asked = if config.has(Defect::IgnoresRetryAfter) { Duration::ZERO } else { asked };
        let pause = if config.has(Defect::NoBackoff) {
            Duration::ZERO
        } else if config.has(Defect::NoJitter) {
            doubled(backoff, job.last_delay)
        } else {
            pause(backoff, job.last_delay, &mut rand::rng())
        };
        asked.saturating_add(pause)
    }

    /// Tells the queue what became of a job, as often as it takes while the job is ours.
    async fn tell<F: Future<Output = Result<(), QueueError>>>(
        &self,
        job: &Job,
        outcome: Outcome,
        told: impl Fn() -> F,
    ) -> Outcome {
        let mut wait = TELL_PAUSE;
        for again in (0..TELL_MAX).rev() {
            match told().await {
                Ok(()) => return outcome,
                Err(QueueError::Lost) => return Outcome::Lost,
                Err(QueueError::Unavailable(error)) => {
                    self.metrics.queue_errors.inc();
                    let until = self.held.until(&job.lease, Instant::now());
                    if again == 0 || until.is_none_or(|until| until < Instant::now() + wait) {
                        tracing::warn!(job = job.lease.job, error, "could not tell the queue");
                        return Outcome::Lost;
                    }
                }
            }
            sleep(wait).await;
            wait *= 2;
        }
        Outcome::Lost
    }
}

/// Records how a job ended; one that is dropped ends unfinished.
struct Observed {
    span: Span,
    outcome: Outcome,
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.name());
    }
}
