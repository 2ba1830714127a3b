//! Percentiles of latency.
//!
//! The latency of a request is the time from the instant it was *meant* to start to its end, so
//! a client that falls behind does not hide what its users waited (no coordinated omission). It
//! counts in the phase of that instant. Which requests count: those that a client waited for,
//! which are `Succeeded`, `Degraded` and `Failed`; neither the `Shed`, which are refused in
//! microseconds and would improve any percentile, nor the `Abandoned`, which have no answer. Of
//! calls the abandoned count as well, with the time that they were under way: a call that hangs
//! until its caller leaves is as slow as that, at least.
//! [`Objective::with_outcomes`] and [`answers`] choose others. A percentile is an exact order
//! statistic, see [`squall_reports::stats`].

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::{
    record::{Outcome, Phase},
    stats::Percentile,
    verdict::FindingKind,
    words,
};

use super::{Claim, Describe, Dimension, Objective, Over, claim::expect, early::Early};

/// A percentile of latency is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// Which percentile, above 0 and at most 100.
    pub percentile: f64,
    /// How large it may be.
    pub bound: LatencyBound,
    /// How much larger than a multiple of the baseline it may be on the backend that it is judged for: a
    /// plan says it, and no objective does.
    #[serde(skip)]
    pub(crate) slack: Duration,
}

/// How large a latency may be. The bound itself is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LatencyBound {
    /// At most this.
    #[serde(rename = "at_most_ms", with = "super::millis")]
    AtMost(Duration),
    /// At most this many times the same percentile in the baseline.
    TimesBaseline(f64),
}

/// A percentile of latency that needs a bound.
#[derive(Clone, Debug)]
#[must_use = "a percentile is no objective until it has a bound"]
pub struct LatencyBuilder {
    percentile: f64,
    pub(super) early: Early,
}

/// Requests of some outcomes, whose latency can be bounded.
#[derive(Clone, Debug)]
#[must_use = "a choice of outcomes is no objective until it has a bound"]
pub struct Answers {
    outcomes: Vec<Outcome>,
    pub(super) early: Early,
}

/// The median latency.
pub fn p50() -> LatencyBuilder {
    percentile(50.0)
}

/// The latency that 95 of a hundred requests do not exceed.
pub fn p95() -> LatencyBuilder {
    percentile(95.0)
}

/// The latency that 99 of a hundred requests do not exceed.
pub fn p99() -> LatencyBuilder {
    percentile(99.0)
}

/// The latency that `percentile` of a hundred requests do not exceed: `percentile(99.9)`.
pub fn percentile(percentile: f64) -> LatencyBuilder {
    LatencyBuilder { percentile, early: Early::default() }
}

/// The requests that failed: an error is to be fast too.
pub fn failures() -> Answers {
    answers([Outcome::Failed])
}

/// The requests that ended in one of `outcomes`.
pub fn answers(outcomes: impl IntoIterator<Item = Outcome>) -> Answers {
    Answers { outcomes: outcomes.into_iter().collect(), early: Early::default() }
}

impl LatencyBuilder {
    /// At most `bound`, in each phase of the run.
    pub fn at_most(self, bound: Duration) -> Objective {
        self.bounded(LatencyBound::AtMost(bound), Over::EachPhase)
    }

    /// At most `times` what it was in the baseline, in each later phase.
    pub fn at_most_times_baseline(self, times: f64) -> Objective {
        let later = vec![Phase::During, Phase::Recovery, Phase::After];
        self.bounded(LatencyBound::TimesBaseline(times), Over::Phases(later))
    }

    fn bounded(self, bound: LatencyBound, over: Over) -> Objective {
        let claim = Latency { percentile: self.percentile, bound, slack: Duration::ZERO };
        self.early.give_to(Objective::new(Claim::Latency(claim), over))
    }
}

impl Answers {
    /// Their 99th percentile is at most `bound` over the run.
    pub fn p99_at_most(self, bound: Duration) -> Objective {
        self.percentile_at_most(99.0, bound)
    }

    /// Their percentile `percentile` is at most `bound` over the run. Over the run, because a
    /// phase may well have none of them.
    pub fn percentile_at_most(self, percentile: f64, bound: Duration) -> Objective {
        let claim =
            Latency { percentile, bound: LatencyBound::AtMost(bound), slack: Duration::ZERO };
        let objective = Objective::new(Claim::Latency(claim), Over::Run);
        self.early.give_to(objective.with_outcomes(self.outcomes))
    }
}

impl Latency {
    /// The percentile, if it is one.
    pub(crate) fn exact(&self) -> Option<Percentile> {
        Percentile::new(self.percentile).ok()
    }
}

impl Describe for Latency {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        format!("p{} latency", self.percentile)
    }

    fn bound(&self) -> String {
        match self.bound {
            LatencyBound::AtMost(bound) => format!("at most {}", words::duration(bound)),
            LatencyBound::TimesBaseline(times) => {
                let more = words::duration(self.slack);
                let more =
                    if self.slack.is_zero() { String::new() } else { format!(" and {more}") };
                format!("at most {times} times the baseline{more}")
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        Percentile::new(self.percentile).map_err(|error| error.to_string())?;
        match self.bound {
            LatencyBound::AtMost(bound) => expect::some_time("a bound", bound),
            LatencyBound::TimesBaseline(times) => expect::positive("a factor", times),
        }
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Calls, Host, Outcome, Phase, Route};
        &[Phase, Route, Calls, Host, Outcome, Boot]
    }
}
