//! How a dependency behaves, whatever it is asked: queueing, failing, working, taking its time.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use rand::Rng;
use tokio::sync::Semaphore;
use tonic::{
    Code, Status,
    metadata::{Ascii, MetadataValue},
};

use super::{Config, Latency};
use crate::server::PUSHBACK;

/// The state that all calls to one dependency share.
#[derive(Debug)]
pub(crate) struct Behaviour {
    latency: Latency,
    fail_first: u64,
    fail_fraction: f64,
    fail_code: Code,
    pushback: Option<MetadataValue<Ascii>>,
    products: u64,
    cpu: Option<Duration>,
    queue_max: usize,
    working: Semaphore,
    waiting: AtomicUsize,
    seen: AtomicU64,
}

impl Behaviour {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            latency: config.latency.unwrap_or(config.kind.latency()),
            fail_first: config.fail_first,
            fail_fraction: config.fail_fraction,
            fail_code: config.fail_code.into(),
            pushback: config.retry_after_ms.map(MetadataValue::from),
            products: config.products,
            cpu: (config.cpu_us > 0).then(|| Duration::from_micros(config.cpu_us)),
            queue_max: config.queue_max,
            working: Semaphore::new(config.concurrency.min(Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// Does what a call costs, and says whether it succeeds.
    pub(crate) async fn perform(&self, product_id: u64) -> Result<(), Status> {
        let _working = match self.working.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = self.wait()?;
                // Nobody closes the semaphore.
                self.working.acquire().await.map_err(|_| Status::internal("closed"))?
            }
        };
        if self.fails() {
            return Err(self.put_off(Status::new(self.fail_code, "a planned failure")));
        }
        if let Some(cost) = self.cpu {
            squall_os::cpu::spend(cost).await;
        }
        let latency = self.latency.sample(&mut rand::rng());
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if !(1..=self.products).contains(&product_id) {
            return Err(Status::not_found("no such product"));
        }
        Ok(())
    }

    fn wait(&self) -> Result<Waiting<'_>, Status> {
        let one_more = |waiting| (waiting < self.queue_max).then_some(waiting + 1);
        match self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Waiting(&self.waiting)),
            Err(_) => Err(self.put_off(Status::resource_exhausted("too many calls wait"))),
        }
    }

    /// Says when to come again, if the configuration does.
    fn put_off(&self, mut status: Status) -> Status {
        if let Some(pushback) = &self.pushback {
            status.metadata_mut().insert(PUSHBACK, pushback.clone());
        }
        status
    }

    fn fails(&self) -> bool {
        if self.fail_first > 0 && self.seen.fetch_add(1, Ordering::Relaxed) < self.fail_first {
            return true;
        }
        self.fail_fraction > 0.0 && rand::rng().random_bool(self.fail_fraction)
    }
}

/// A place in the queue, given back on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
