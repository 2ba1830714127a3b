//! How many requests may be in flight, found out from how long they take.
//!
//! Of a service whose capacity changes (a neighbour on the machine, a slower dependency, another
//! version) no fixed bound is right: by Little's law it is a bound on latency only at the throughput
//! that it was computed for. The rule here is that of Envoy's gradient controller (`adaptive
//! concurrency filter`) and Netflix's `concurrency-limits`, once in each window:
//!
//! ```text
//! gradient  = latency wanted / latency measured, from 0.5 to 1
//! limit     = gradient * limit + sqrt(gradient * limit)
//! ```
//!
//! The square root is the queue that there may be, and how the limit grows again. It does not grow
//! while less than half of it is used, since what is not used was not tried.
//!
//! Two things are not as there. What is wanted is configured, and is not the latency without load:
//! to measure that, Envoy lets next to nothing in every minute, and Netflix's average over a long time
//! comes to take an overload that lasts for the normal state. And a request whose client has gone
//! counts with the time that it was there, which it would have needed at least.
//!
//! This owns no clock and no lock: instants are arguments, and who enters is for `admission`.

use std::time::Duration;

use tokio::time::Instant;

use super::config::AdaptiveConfig;

/// Fewer latencies than this say nothing.
const SAMPLES_MIN: usize = 10;

/// A window ends when it has so many.
const SAMPLES_MAX: usize = 1000;

/// The latency of a window is that of the request that this share of them were faster than.
const PERCENTILE: f64 = 0.9;

/// The gradient is never less: one bad window at the most halves the limit.
const GRADIENT_MIN: f64 = 0.5;

/// The limit as it is now.
#[derive(Debug)]
pub(super) struct Gradient {
    wanted: Duration,
    min: f64,
    max: f64,
    limit: f64,
    window: Window,
}

/// What was seen since the limit was last looked at.
#[derive(Debug)]
struct Window {
    since: Instant,
    latencies: Vec<Duration>,
    in_flight_max: usize,
}

impl Window {
    fn new(since: Instant) -> Self {
        Self { since, latencies: Vec::new(), in_flight_max: 0 }
    }

    fn latency(&mut self) -> Duration {
        let last = self.latencies.len() - 1;
        let at = (last as f64 * PERCENTILE) as usize;
        *self.latencies.select_nth_unstable(at).1
    }
}

impl Gradient {
    /// A limit that keeps to the configured latency, of at most `max` requests.
    pub(super) fn new(config: &AdaptiveConfig, max: usize, now: Instant) -> Self {
        let (min, max) = (config.min.min(max) as f64, max as f64);
        Self {
            wanted: Duration::from_millis(config.latency_ms),
            min,
            max,
            limit: (config.initial as f64).clamp(min, max),
            window: Window::new(now),
        }
    }

    /// How many requests may be in flight.
    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// One has come in, which makes so many.
    pub(super) fn entered(&mut self, in_flight: usize) {
        self.window.in_flight_max = self.window.in_flight_max.max(in_flight);
    }

    /// One has gone after this time. What failed sooner than is wanted shows no load: a breaker that
    /// is open answers at once.
    pub(super) fn left(&mut self, latency: Duration, failed: bool, now: Instant) {
        if failed && latency <= self.wanted {
            return;
        }
        let window = &mut self.window;
        window.latencies.push(latency);
        // No sooner, since what a change of the limit does is seen after a latency only.
        let is_over = now.saturating_duration_since(window.since) >= self.wanted;
        let samples = window.latencies.len();
        if (is_over && samples >= SAMPLES_MIN) || samples >= SAMPLES_MAX {
            let (latency, in_flight_max) = (window.latency(), window.in_flight_max);
            self.window = Window::new(now);
            self.change(latency, in_flight_max);
        }
    }

    fn change(&mut self, latency: Duration, in_flight_max: usize) {
        let gradient = self.wanted.as_secs_f64() / latency.as_secs_f64().max(f64::MIN_POSITIVE);
        let kept = self.limit * gradient.clamp(GRADIENT_MIN, 1.0);
        let changed = (kept + kept.sqrt()).clamp(self.min, self.max);
        let is_used = in_flight_max as f64 * 2.0 >= self.limit;
        if changed < self.limit || is_used {
            self.limit = changed;
        }
    }
}

#[cfg(test)]
mod tests;
