//! Gates: what the metrics of a new revision say about the bounds that it must hold.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    exposition::samples,
    plan::{BurnWindow, Gate, GateBound, MetricNames, nanos},
};

/// The counters of one revision, as its load balancers show them together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) requests: f64,
    pub(crate) failures: f64,
    /// How many were answered within each bound of the histogram, by the bound in nanoseconds.
    within: BTreeMap<u64, f64>,
}

impl Counts {
    /// Reads the counters of a group of endpoints from a page of metrics.
    pub(crate) fn read(page: &str, names: &MetricNames, group: &str) -> Self {
        let mut counts = Self::default();
        let buckets = format!("{}_bucket", names.latency);
        let of_group = samples(page)
            .filter(|it| it.series.labels.get(&names.group).is_some_and(|label| label == group));
        for sample in of_group {
            let name = &sample.series.name;
            if *name == names.requests {
                counts.requests += sample.value;
            } else if *name == names.failures {
                counts.failures += sample.value;
            } else if *name == buckets
                && let Some(bound) = sample.series.labels.get("le").and_then(|le| bound_ns(le))
            {
                *counts.within.entry(bound).or_default() += sample.value;
            }
        }
        counts
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        for (bound, count) in &other.within {
            *self.within.entry(*bound).or_default() += count;
        }
    }

    fn since(&self, before: &Self) -> Self {
        let within = self.within.iter().map(|(bound, count)| {
            (*bound, count - before.within.get(bound).copied().unwrap_or_default())
        });
        Self {
            requests: self.requests - before.requests,
            failures: self.failures - before.failures,
            within: within.collect(),
        }
    }

    fn error_share(&self) -> f64 {
        self.failures / self.requests
    }

    /// Which share of the answers came within `bound`, as far as the buckets tell: those of the
    /// bucket that the bound lies in count as in time. 1 without a histogram.
    fn share_within(&self, bound: u64) -> f64 {
        let all = self.within.last_key_value().map_or(0.0, |(_, count)| *count);
        let within = self.within.range(bound..).next().map_or(all, |(_, count)| *count);
        if all > 0.0 { within / all } else { 1.0 }
    }
}

/// The bound of a bucket, given in seconds.
fn bound_ns(le: &str) -> Option<u64> {
    if le == "+Inf" {
        return Some(u64::MAX);
    }
    let seconds: f64 = le.parse().ok()?;
    std::time::Duration::try_from_secs_f64(seconds).ok().map(nanos)
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Evaluate {
    /// Some window has too few requests to tell, and none is over its bound.
    TooFew,
    /// All bounds hold.
    Open,
    /// This bound does not hold.
    Closed { bound: &'static str, observed: f64 },
}

/// A gate and what was read since it was set up.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    gate: Gate,
    /// From the oldest to the newest, as far back as the longest window.
    read: VecDeque<(u64, Counts)>,
}

impl Watch {
    pub(crate) fn new(gate: Gate) -> Self {
        Self { gate, read: VecDeque::new() }
    }

    /// Notes what was read at `now`, and judges.
    pub(crate) fn note(&mut self, now: u64, counts: Counts) -> Evaluate {
        // A load balancer that was started again counts from zero.
        if self.read.back().is_some_and(|(_, last)| counts.requests < last.requests) {
            self.read.clear();
        }
        self.read.push_back((now, counts));
        let begin = now.saturating_sub(self.gate.longest_window());
        // The last one that is older than the longest window is where that window begins.
        while self.read.get(1).is_some_and(|(at, _)| *at <= begin) {
            self.read.pop_front();
        }
        let mut judged = Evaluate::Open;
        for bound in &self.gate.bounds {
            match self.judge(bound, now) {
                Evaluate::Open => {}
                Evaluate::TooFew => judged = Evaluate::TooFew,
                closed @ Evaluate::Closed { .. } => return closed,
            }
        }
        judged
    }

    fn judge(&self, bound: &GateBound, now: u64) -> Evaluate {
        match bound {
            GateBound::ErrorShare { at_most, window } => self.over(nanos(*window), now, |counts| {
                let share = counts.error_share();
                (share > *at_most).then_some(("error_share", share))
            }),
            GateBound::P99 { at_most, window } => self.over(nanos(*window), now, |counts| {
                let share = counts.share_within(nanos(*at_most));
                (share < 0.99).then_some(("p99", share))
            }),
            GateBound::BurnRate { objective, windows } => {
                let pairs = windows.iter().map(|pair| self.judge_burn(*objective, pair, now));
                pairs.fold(Evaluate::Open, |all, pair| match (&all, &pair) {
                    (Evaluate::Closed { .. }, _) | (_, Evaluate::Open) => all,
                    _ => pair,
                })
            }
        }
    }

    /// A pair of windows is over its factor if both are.
    fn judge_burn(&self, objective: f64, pair: &BurnWindow, now: u64) -> Evaluate {
        let burn = |window| {
            self.over(nanos(window), now, |counts| {
                let rate = counts.error_share() / (1.0 - objective);
                (rate > pair.factor).then_some(("burn_rate", rate))
            })
        };
        match (burn(pair.long), burn(pair.short)) {
            (closed @ Evaluate::Closed { .. }, Evaluate::Closed { .. }) => closed,
            (Evaluate::TooFew, _) | (_, Evaluate::TooFew) => Evaluate::TooFew,
            _ => Evaluate::Open,
        }
    }

    /// Judges the requests of the window that ends now. A window that began before the gate has
    /// what there is since then.
    fn over(
        &self,
        window: u64,
        now: u64,
        fails: impl Fn(&Counts) -> Option<(&'static str, f64)>,
    ) -> Evaluate {
        let begin = now.saturating_sub(window);
        let before = self.read.iter().rev().find(|(at, _)| *at <= begin).or(self.read.front());
        let (Some((_, before)), Some((_, last))) = (before, self.read.back()) else {
            return Evaluate::TooFew;
        };
        let counts = last.since(before);
        #[expect(clippy::cast_precision_loss, reason = "a count of requests, far below 2^52")]
        let enough = self.gate.samples_min as f64;
        if counts.requests < enough.max(1.0) {
            return Evaluate::TooFew;
        }
        match fails(&counts) {
            Some((bound, observed)) => Evaluate::Closed { bound, observed },
            None => Evaluate::Open,
        }
    }
}

impl Gate {
    /// The longest of its windows, in nanoseconds.
    pub(crate) fn longest_window(&self) -> u64 {
        let windows = self.bounds.iter().flat_map(|bound| match bound {
            GateBound::ErrorShare { window, .. } | GateBound::P99 { window, .. } => vec![*window],
            GateBound::BurnRate { windows, .. } => windows.iter().map(|pair| pair.long).collect(),
        });
        windows.map(nanos).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
