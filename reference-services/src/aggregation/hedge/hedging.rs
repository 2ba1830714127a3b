//! The hedging of calls to one dependency: how long an answer is waited for, and whether there may be
//! a hedge now.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{HedgeConfig, budget::HedgeBudget, latencies::Latencies};

/// For how long nothing is hedged after a dependency has put a caller off, if it names no longer time.
const PUT_OFF_MIN: Duration = Duration::from_secs(1);

/// The hedging of calls to one dependency.
#[derive(Debug)]
pub(crate) struct Hedging {
    /// Nothing for the percentile.
    delay: Option<Duration>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    budget: HedgeBudget,
    latencies: Latencies,
    not_before: Option<Instant>,
}

impl Hedging {
    /// Nothing if it is off.
    pub(crate) fn new(config: &HedgeConfig) -> Option<Self> {
        let inner = Inner {
            budget: HedgeBudget::new(config),
            latencies: Latencies::default(),
            not_before: None,
        };
        let delay = (config.delay_ms > 0).then(|| Duration::from_millis(config.delay_ms));
        config.is_on().then(|| Self { delay, inner: Mutex::new(inner) })
    }

    /// A call begins: after what time without an answer is it hedged? Not at all as long as too little
    /// is known of how long calls take.
    pub(crate) fn begin(&self) -> Option<Duration> {
        let mut inner = self.lock();
        inner.budget.earn();
        self.delay.or_else(|| inner.latencies.p95())
    }

    /// An attempt took so long, or at least so long.
    pub(crate) fn took(&self, time: Duration) {
        if self.delay.is_none() {
            self.lock().latencies.add(time);
        }
    }

    /// The dependency wants to be left alone for this time.
    pub(crate) fn put_off(&self, now: Instant, wait: Duration) {
        let mut inner = self.lock();
        inner.not_before = inner.not_before.max(Some(now + wait.max(PUT_OFF_MIN)));
    }

    /// May a call be hedged now? If so that is paid for.
    pub(crate) fn permits(&self, now: Instant) -> bool {
        let mut inner = self.lock();
        inner.not_before.is_none_or(|not_before| now >= not_before) && inner.budget.spend()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hedging(delay_ms: u64) -> Hedging {
        let config = HedgeConfig { percent: 5.0, delay_ms, tokens_max: 1 };
        Hedging::new(&config).expect("it is on")
    }

    #[test]
    fn it_is_off_unless_it_is_switched_on() {
        assert!(Hedging::new(&HedgeConfig::default()).is_none());
    }

    #[test]
    fn a_delay_is_as_configured_or_the_percentile() {
        assert_eq!(hedging(30).begin(), Some(Duration::from_millis(30)));
        let hedging = hedging(0);
        assert_eq!(hedging.begin(), None, "nothing is known");
        (1..=100).for_each(|ms| hedging.took(Duration::from_millis(ms)));
        let delay = hedging.begin().expect("enough is known");
        assert!(delay >= Duration::from_millis(60), "{delay:?}");
    }

    #[test]
    fn who_is_put_off_does_not_hedge() {
        let (hedging, now) = (hedging(30), Instant::now());
        hedging.put_off(now, Duration::from_millis(3000));
        hedging.put_off(now, Duration::from_millis(10));
        assert!(!hedging.permits(now + Duration::from_millis(2999)));
        assert!(hedging.permits(now + Duration::from_millis(3000)), "and nothing was spent");
        assert!(!hedging.permits(now + Duration::from_millis(3000)));
    }
}
