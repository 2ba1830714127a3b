//! Bounds on what there is at an instant: open spans, queues, tasks, sockets.

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect, early::Early};

/// A number of spans is open at most at any instant, over all hosts together.
///
/// Exact: the maximum over every instant, from the times at which spans opened and closed. A
/// span is open up to but without the instant it closes at, so one that opens as another closes
/// does not count beside it. A span that closes at the instant it opened counts as one beside
/// those that were open, not beside others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Concurrency {
    /// Which spans.
    pub spans: Matching,
    /// How many may be open at once.
    pub at_most: u64,
}

/// A gauge is bounded: every sample of it from the beginning of the load on, on every host by
/// itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Level {
    /// Which quantity.
    pub gauge: String,
    /// How large it may or must be.
    #[serde(flatten)]
    pub bound: LevelBound,
}

/// The bound of a gauge.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LevelBound {
    /// How large it may be.
    AtMost(f64),
    /// How large it must be.
    AtLeast(f64),
}

/// A number that bounds a gauge.
pub trait Quantity {
    /// The number.
    fn value(self) -> f64;
}

impl Quantity for f64 {
    fn value(self) -> f64 {
        self
    }
}

impl Quantity for i32 {
    fn value(self) -> f64 {
        self.into()
    }
}

impl Quantity for u32 {
    fn value(self) -> f64 {
        self.into()
    }
}

impl Quantity for u64 {
    #[expect(clippy::cast_precision_loss, reason = "gauges are no more exact")]
    fn value(self) -> f64 {
        self as f64
    }
}

/// A gauge returns to where it was before the load, on every host that has it.
///
/// Compared are the last samples at or before [`Mark::LoadBegins`] and [`Mark::Settled`]. One
/// from before the end of the load does not show how things settled, and is no data.
///
/// [`Mark::LoadBegins`]: squall_reports::record::Mark::LoadBegins
/// [`Mark::Settled`]: squall_reports::record::Mark::Settled
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settles {
    /// Which quantity.
    pub gauge: String,
    /// How much higher it may be.
    pub tolerance: u64,
}

/// Open spans that need a bound.
#[derive(Clone, Debug)]
#[must_use = "a concurrency is no objective until it has a bound"]
pub struct ConcurrencyBuilder {
    spans: Matching,
    pub(super) early: Early,
}

/// A gauge that needs a bound.
#[derive(Clone, Debug)]
#[must_use = "a gauge is no objective until it has a bound"]
pub struct LevelBuilder {
    gauge: String,
    pub(super) early: Early,
}

/// The number of these spans that are open at an instant.
pub fn concurrency_of(spans: impl Into<Matching>) -> ConcurrencyBuilder {
    ConcurrencyBuilder { spans: spans.into(), early: Early::default() }
}

/// A quantity that is sampled, such as `tasks` or `queue_depth`.
pub fn gauge(name: impl Into<String>) -> LevelBuilder {
    LevelBuilder { gauge: name.into(), early: Early::default() }
}

/// The gauge `name` returns to where it was before the load: nothing leaked.
pub fn returns_to_baseline(name: impl Into<String>) -> Objective {
    let claim = Settles { gauge: name.into(), tolerance: 0 };
    Objective::new(Claim::Settles(claim), Over::Run)
}

impl ConcurrencyBuilder {
    /// At most `count` at any instant of the run.
    pub fn at_most(self, count: u64) -> Objective {
        let claim = Concurrency { spans: self.spans, at_most: count };
        self.early.give_to(Objective::new(Claim::Concurrency(claim), Over::Run))
    }
}

impl LevelBuilder {
    /// At most `value` in every sample of the run.
    pub fn at_most(self, value: impl Quantity) -> Objective {
        self.bounded(LevelBound::AtMost(value.value()))
    }

    /// At least `value` in every sample of the run.
    pub fn at_least(self, value: impl Quantity) -> Objective {
        self.bounded(LevelBound::AtLeast(value.value()))
    }

    fn bounded(self, bound: LevelBound) -> Objective {
        let claim = Level { gauge: self.gauge, bound };
        self.early.give_to(Objective::new(Claim::Level(claim), Over::Run))
    }
}

impl Objective {
    /// For [`returns_to_baseline`]: up to `count` more than before is no leak.
    pub fn with_tolerance(mut self, count: u64) -> Self {
        if let Claim::Settles(claim) = &mut self.claim {
            claim.tolerance = count;
        }
        self
    }
}

impl Describe for Concurrency {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("concurrency of {}", self.spans)
    }

    fn bound(&self) -> String {
        format!("at most {}", words::count(self.at_most))
    }

    fn check(&self) -> Result<(), String> {
        if self.at_most == 0 {
            return Err("expected a bound above 0, found 0: say never(..) instead".to_owned());
        }
        self.spans.check_span()
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Host, Phase, Route};
        &[Phase, Route, Host, Boot]
    }
}

impl Describe for Level {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("gauge {}", self.gauge)
    }

    fn bound(&self) -> String {
        match self.bound {
            LevelBound::AtMost(most) => format!("at most {}", words::quantity(most)),
            LevelBound::AtLeast(least) => format!("at least {}", words::quantity(least)),
        }
    }

    fn check(&self) -> Result<(), String> {
        let (LevelBound::AtMost(bound) | LevelBound::AtLeast(bound)) = self.bound;
        if !bound.is_finite() {
            return Err(format!("expected a finite bound, found {bound}"));
        }
        expect::named("the name of a gauge", &self.gauge)
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Phase, Dimension::Host, Dimension::Boot]
    }
}

impl Describe for Settles {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("{} return to baseline", self.gauge)
    }

    fn bound(&self) -> String {
        match self.tolerance {
            0 => "no more than before the load".to_owned(),
            more => format!("at most {} more than before the load", words::count(more)),
        }
    }

    fn check(&self) -> Result<(), String> {
        expect::named("the name of a gauge", &self.gauge)
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Host]
    }
}
