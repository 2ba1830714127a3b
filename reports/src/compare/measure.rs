//! A measure: its name, where it was taken, its unit, and which direction is worse.

use std::fmt;

use serde::Serialize;

use crate::words;

/// A quantity that each run has one value of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Measure {
    /// What: `p99 latency`, `succeeded`, `highest sockets`.
    pub name: String,
    /// What it is restricted to: `route GET /x`, the label of a fault; empty for all.
    pub scope: String,
    /// A phase, a host, or `run`.
    pub place: String,
    /// What its values are in.
    pub unit: Unit,
    /// Which direction is worse.
    pub worse: Worse,
}

/// What the values of a measure are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Nanoseconds of the run's time.
    Nanoseconds,
    /// A fraction: 1 is all, or as much as the bound.
    Fraction,
    /// A number of things.
    Count,
}

/// Which direction of a measure is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// More is worse.
    Higher,
    /// Less is worse.
    Lower,
    /// Neither: it depends on what the service is for.
    Neither,
}

impl Measure {
    /// `value` in words, with its unit.
    #[must_use]
    pub fn shown(&self, value: f64) -> String {
        let size = value.abs();
        let text = match self.unit {
            Unit::Nanoseconds => words::time(whole(size)),
            Unit::Fraction => words::percent(size),
            Unit::Count if size.fract() == 0.0 => words::count(whole(size)),
            Unit::Count => words::decimal(size, 3),
        };
        if value < 0.0 { format!("-{text}") } else { text }
    }

    /// `difference` in words, with its sign and unit.
    #[must_use]
    pub fn shown_difference(&self, difference: f64) -> String {
        let sign = if difference > 0.0 { "+" } else { "" };
        format!("{sign}{}", self.shown(difference))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, rounded"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.scope.is_empty() {
            write!(f, " [{}]", self.scope)?;
        }
        write!(f, ", {}", self.place)
    }
}
