//! How a dependency behaves, whatever it is asked: queueing, failing, working, taking its time.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use rand::Rng;
use tokio::sync::Semaphore;
use tonic::Status;

use super::{Config, WarmUp};
use crate::{config::Live, server::PUSHBACK};

/// The state that all calls to one dependency share.
#[derive(Debug)]
pub(crate) struct Behaviour {
    config: Live<Config>,
    concurrency: usize,
    answers: AtomicU64,
    working: Semaphore,
    waiting: AtomicUsize,
    seen: AtomicU64,
}

impl Behaviour {
    pub(crate) fn new(config: Live<Config>) -> Self {
        let concurrency = config.get().concurrency.min(Semaphore::MAX_PERMITS);
        let places = config.get().warm_up.map_or(concurrency, |it| it.places(concurrency, 0));
        Self {
            config,
            concurrency,
            answers: AtomicU64::new(0),
            working: Semaphore::new(places),
            waiting: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// Does what a call costs, and says whether it succeeds.
    pub(crate) async fn perform(&self, product_id: u64) -> Result<(), Status> {
        let config = self.config.get();
        let _working = match self.working.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = self.wait(&config)?;
                // Nobody closes the semaphore.
                self.working.acquire().await.map_err(|_| Status::internal("closed"))?
            }
        };
        if self.fails(&config) {
            return Err(put_off(
                &config,
                Status::new(config.fail_code.into(), "a planned failure"),
            ));
        }
        if config.cpu_us > 0 {
            squall_os::cpu::spend(Duration::from_micros(config.cpu_us)).await;
        }
        let latency = config.latency.unwrap_or(config.kind.latency()).sample(&mut rand::rng());
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if !(1..=config.products).contains(&product_id) {
            return Err(Status::not_found("no such product"));
        }
        if let Some(warm_up) = config.warm_up {
            self.warm_up(warm_up);
        }
        Ok(())
    }

    /// One more answer: perhaps there is room for more calls at once from now on.
    fn warm_up(&self, warm_up: WarmUp) {
        let answers = self.answers.fetch_add(1, Ordering::Relaxed);
        let [before, now] =
            [answers, answers + 1].map(|answers| warm_up.places(self.concurrency, answers));
        self.working.add_permits(now - before);
    }

    fn wait(&self, config: &Config) -> Result<Waiting<'_>, Status> {
        let one_more = |waiting| (waiting < config.queue_max).then_some(waiting + 1);
        match self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Waiting(&self.waiting)),
            Err(_) => Err(put_off(config, Status::resource_exhausted("too many calls wait"))),
        }
    }

    fn fails(&self, config: &Config) -> bool {
        let first = config.fail_first;
        if first > 0 && self.seen.fetch_add(1, Ordering::Relaxed) < first {
            return true;
        }
        config.fail_fraction > 0.0 && rand::rng().random_bool(config.fail_fraction)
    }
}

/// Says when to come again, if the configuration does.
fn put_off(config: &Config, mut status: Status) -> Status {
    if let Some(after_ms) = config.retry_after_ms {
        status.metadata_mut().insert(PUSHBACK, after_ms.into());
    }
    status
}

/// A place in the queue, given back on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
