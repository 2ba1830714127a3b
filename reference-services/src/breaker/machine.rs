//! The state machine: closed, open, half open with one probe.
//!
//! A dependency that keeps failing is not asked again for a while: that spares the caller the
//! wait and the dependency the load. The breaker opens when, within a rolling window, enough
//! calls ended and enough of them failed. A share of failures is the measure, not a run of them,
//! because with hundreds of calls in flight one lucky answer would break any run.
//!
//! Each admitted call holds an [`Admission`] and settles it. One that is dropped unsettled (the
//! client went away) says nothing about the dependency and counts for nothing.
//!
//! The time is an argument throughout, so that the machine can be tested without a clock.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{BreakerConfig, BreakerGauge, BreakerState};
use crate::window::Window;

/// The breaker of one dependency.
#[derive(Debug)]
pub(crate) struct Breaker {
    dependency: &'static str,
    calls_min: u32,
    failure_percent: u32,
    open: Duration,
    gauge: BreakerGauge,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: BreakerState,
    /// Counts the transitions, so that an answer to a call admitted before the last one is known
    /// to be stale.
    epoch: u64,
    /// Judged while closed.
    window: Window,
    /// When an open breaker may let a probe through.
    reopens: Instant,
    /// Is a probe under way? Meaningful while half open.
    probing: bool,
}

impl Breaker {
    /// A closed breaker for `dependency`, which shows its state in `gauge`.
    pub(crate) fn new(
        dependency: &'static str,
        config: &BreakerConfig,
        gauge: BreakerGauge,
    ) -> Self {
        let now = Instant::now();
        Self {
            dependency,
            calls_min: config.calls_min,
            failure_percent: config.failure_percent,
            open: Duration::from_millis(config.open_ms),
            gauge,
            inner: Mutex::new(Inner {
                state: BreakerState::Closed,
                epoch: 0,
                window: Window::new(Duration::from_millis(config.window_ms), now),
                reopens: now,
                probing: false,
            }),
        }
    }

    /// Asks to make a call; `None` means that it has failed already.
    pub(crate) fn admit(&self, now: Instant) -> Option<Admission<'_>> {
        let mut inner = self.lock();
        let mut moved = None;
        if inner.state == BreakerState::Open && now >= inner.reopens {
            moved = Some(inner.move_to(BreakerState::HalfOpen));
        }
        let admitted = match inner.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => !std::mem::replace(&mut inner.probing, true),
        };
        let epoch = inner.epoch;
        drop(inner);
        self.announce(moved);
        admitted.then(|| Admission { breaker: self, epoch, settled: false })
    }

    /// How many calls may be begun at `now`, for those who fetch work before they do it; if none,
    /// when to ask again.
    pub(crate) fn room(&self, now: Instant) -> Room {
        let inner = self.lock();
        match inner.state {
            BreakerState::Closed => Room::Any,
            BreakerState::Open if now < inner.reopens => Room::NoneUntil(inner.reopens),
            BreakerState::HalfOpen if inner.probing => Room::NoneUntil(now + self.open / 10),
            BreakerState::Open | BreakerState::HalfOpen => Room::One,
        }
    }

    /// Is it closed, so that a failure may be a call's own?
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().state == BreakerState::Closed
    }

    /// Where the breaker stands. An open one moves on only when it is next asked.
    #[cfg(test)]
    pub(super) fn state(&self) -> BreakerState {
        self.lock().state
    }

    fn settle(&self, epoch: u64, verdict: Verdict) {
        let mut inner = self.lock();
        if inner.epoch != epoch {
            return;
        }
        let moved = match (inner.state, verdict) {
            (BreakerState::Closed, Verdict::Succeeded(now)) => {
                inner.window.count(now, false);
                None
            }
            (BreakerState::Closed, Verdict::Failed(now)) => {
                inner.window.count(now, true);
                let (calls, failures) = inner.window.totals();
                let trips = calls >= self.calls_min
                    && u64::from(failures) * 100
                        >= u64::from(calls) * u64::from(self.failure_percent);
                trips.then(|| inner.open_until(now + self.open))
            }
            (BreakerState::HalfOpen, Verdict::Succeeded(now)) => {
                inner.window.clear(now);
                Some(inner.move_to(BreakerState::Closed))
            }
            (BreakerState::HalfOpen, Verdict::Failed(now)) => {
                Some(inner.open_until(now + self.open))
            }
            (BreakerState::HalfOpen, Verdict::Unknown) => {
                inner.probing = false;
                None
            }
            (BreakerState::Closed, Verdict::Unknown) | (BreakerState::Open, _) => None,
        };
        drop(inner);
        self.announce(moved);
    }

    fn announce(&self, moved: Option<(BreakerState, BreakerState)>) {
        let Some((from, to)) = moved else { return };
        self.gauge.show(to);
        tracing::info!(
            target: "breaker",
            dependency = self.dependency,
            from = from.name(),
            to = to.name(),
            "the breaker moved"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn move_to(&mut self, to: BreakerState) -> (BreakerState, BreakerState) {
        self.epoch += 1;
        self.probing = false;
        (std::mem::replace(&mut self.state, to), to)
    }

    fn open_until(&mut self, reopens: Instant) -> (BreakerState, BreakerState) {
        self.reopens = reopens;
        self.move_to(BreakerState::Open)
    }
}

/// How many calls a breaker would admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Any,
    /// The probe.
    One,
    NoneUntil(Instant),
}

#[derive(Clone, Copy)]
enum Verdict {
    Succeeded(Instant),
    Failed(Instant),
    Unknown,
}

/// The permission to make one call.
#[derive(Debug)]
#[must_use = "a call that is not settled counts for nothing"]
pub(crate) struct Admission<'a> {
    breaker: &'a Breaker,
    epoch: u64,
    settled: bool,
}

impl Admission<'_> {
    /// The dependency answered, if only to say no.
    pub(crate) fn succeeded(mut self, now: Instant) {
        self.settled = true;
        self.breaker.settle(self.epoch, Verdict::Succeeded(now));
    }

    /// Leaves it to the caller to settle it, come what may.
    pub(crate) fn unguarded(mut self) -> Self {
        self.settled = true;
        self
    }

    /// The dependency gave no answer, or one that shows it is unwell.
    pub(crate) fn failed(mut self, now: Instant) {
        self.settled = true;
        self.breaker.settle(self.epoch, Verdict::Failed(now));
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.settle(self.epoch, Verdict::Unknown);
        }
    }
}
