//! How many requests there may be at once, and how many may wait for that.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::Config;

/// A bound on requests in flight with a bounded queue before it.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue_max: usize,
    longest: Duration,
}

impl Admission {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.concurrency_max.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            queue_max: config.queue_max,
            longest: Duration::from_millis(config.queue_timeout_ms),
        }
    }

    /// Waits for a place; `None` if too many wait already, or it takes too long.
    pub(super) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        let one_more = |waiting| (waiting < self.queue_max).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        let _waiting = Waiting(&self.waiting);
        timeout(self.longest, Arc::clone(&self.places).acquire_owned()).await.ok()?.ok()
    }
}

/// A place in the queue, given back on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(concurrency_max: usize, queue_max: usize) -> Admission {
        let queue_timeout_ms = 60;
        let config = Config { concurrency_max, queue_max, queue_timeout_ms, ..Config::default() };
        Admission::new(&config)
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_place() {
        let admission = admission(1, 1);
        let place = admission.enter().await.expect("a place");
        let (next, beyond, ()) = tokio::join!(admission.enter(), admission.enter(), async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            drop(place);
        });
        assert!(next.is_some(), "it waited");
        assert!(beyond.is_none(), "the queue was full");
    }

    #[tokio::test]
    async fn who_waits_too_long_is_turned_away() {
        let admission = admission(1, 1);
        let _place = admission.enter().await.expect("a place");
        let begun = tokio::time::Instant::now();
        assert!(admission.enter().await.is_none());
        assert!(begun.elapsed() >= Duration::from_millis(60));
        assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
    }
}
