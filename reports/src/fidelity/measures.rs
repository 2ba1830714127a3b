//! What is measured of a run: latency and availability by phase.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Record,
    record::{Outcome, Phase},
    stats::Percentile,
    tally::Tally,
    words,
};

/// What is measured in each phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aspect {
    /// The median latency of the requests that a client waited for, in nanoseconds.
    P50,
    /// Their 95th percentile.
    P95,
    /// Their 99th percentile.
    P99,
    /// The share of requests with a useful answer, complete or degraded.
    Availability,
}

impl Aspect {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50 latency",
            Self::P95 => "p95 latency",
            Self::P99 => "p99 latency",
            Self::Availability => "availability",
        }
    }

    /// Is it to be within the tolerance?
    #[must_use]
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::P50 | Self::P99)
    }

    /// Is it a latency?
    #[must_use]
    pub fn is_latency(self) -> bool {
        self != Self::Availability
    }

    /// `value` in words, with its unit: a latency with four digits, as real clocks show no more.
    #[must_use]
    pub fn shown(self, value: f64) -> String {
        match self.is_latency() {
            true => words::time(rounded(value, 4)),
            false => words::percent(value),
        }
    }

    /// A difference between two values in words, without its sign.
    pub(super) fn shown_difference(self, difference: f64) -> String {
        match self.is_latency() {
            true => words::time(rounded(difference, 2)),
            false => words::percent(difference.abs()),
        }
    }
}

/// A time in nanoseconds with so many digits, the others zero.
fn rounded(value: f64, digits: i32) -> u64 {
    let size = value.abs();
    if size < 1.0 {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a time")]
    let unit = 10_f64.powi((size.log10().floor() as i32 + 1 - digits).max(0));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time, not negative"
    )]
    let rounded = ((size / unit).round() * unit) as u64;
    rounded
}

/// The values of a run.
pub(super) fn of(record: &Record) -> BTreeMap<(Phase, Aspect), f64> {
    let mut parts: BTreeMap<Phase, (Tally, Vec<u64>)> = BTreeMap::new();
    for (at, request) in record.requests() {
        let phase = record.header.phase_at(request.intended);
        let (tally, latencies) = parts.entry(phase).or_default();
        tally.add(request.outcome);
        if request.outcome.was_waited_for() {
            latencies.push(at.saturating_sub(request.intended));
        }
    }
    let mut values = BTreeMap::new();
    for (phase, (tally, mut latencies)) in parts {
        let useful = tally.of(Outcome::Succeeded) + tally.of(Outcome::Degraded);
        values.insert((phase, Aspect::Availability), real(useful) / real(tally.sent));
        for (aspect, percentile) in [
            (Aspect::P50, Percentile::P50),
            (Aspect::P95, Percentile::P95),
            (Aspect::P99, Percentile::P99),
        ] {
            if let Some(latency) = percentile.select(&mut latencies) {
                values.insert((phase, aspect), real(latency));
            }
        }
    }
    values
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53: 104 days in nanoseconds")]
pub(super) fn real(value: u64) -> f64 {
    value as f64
}
