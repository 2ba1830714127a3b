//! Verdicts: what the harness concluded from a record. Data only; computing them is the
//! harness's business, showing them is the renderers'.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{Phase, RequestId};

/// The conclusion on one objective, or on a whole run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It held.
    Pass,
    /// There was nothing to judge: inconclusive, and so not a pass.
    NoData,
    /// It did not hold.
    Fail,
}

impl Verdict {
    /// The verdict's name, as it is shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NoData => "no data",
            Self::Fail => "FAIL",
        }
    }

    /// The verdict on the whole: a failure outweighs missing data, which outweighs a pass.
    /// Nothing to judge at all is no data.
    #[must_use]
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::NoData)
    }
}

/// What kind of claim a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A service level objective.
    Objective,
    /// Something that must hold at every event.
    Invariant,
    /// That a fault affected anything at all.
    Fault,
    /// That the run came to its planned end.
    Completion,
}

/// The conclusion on one objective, invariant or fault, with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What kind of claim.
    pub kind: FindingKind,
    /// The objective in words: `p99 latency`, `availability`.
    pub name: String,
    /// What it is restricted to besides the phase, in words: `route GET /x`; empty for all.
    pub scope: String,
    /// The phase that was judged; `None` for the whole run.
    pub phase: Option<Phase>,
    /// The bound in words: `at most 200 ms`.
    pub bound: String,
    /// What was observed, in words; empty if nothing was.
    pub observed: String,
    /// The conclusion.
    pub verdict: Verdict,
    /// How many samples the conclusion rests on.
    pub samples: u64,
    /// How far from the bound, as a fraction of it: positive on the good side.
    pub margin: Option<f64>,
    /// What was observed and its bound as numbers, if both are.
    #[serde(default)]
    pub figures: Option<Figures>,
    /// The request that shows the worst of it.
    pub worst: Option<RequestId>,
    /// Why, in one sentence, when it is not a pass.
    pub reason: String,
    /// What a reader should know besides, in one sentence; empty for nothing. A pass may have a
    /// note, too, such as that a name was never seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When it first went wrong, in nanoseconds since the run began; `None` for a pass, and where no
    /// instant can be named.
    #[serde(default, rename = "at_ns", skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Which other findings it follows from; `None` for one that stands by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Follows>,
}

/// That a finding says nothing which others do not say already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Follows {
    /// The places of these others in the list of findings, from 0, the first cause first. None of
    /// them follows from another one.
    pub from: Vec<usize>,
    /// What shows it, in words: `the same 30 requests`.
    pub why: String,
}

/// What was observed, and the bound that it is held to. Both are in nanoseconds, or shares of 1, or
/// numbers of things.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// What was observed.
    pub observed: f64,
    /// Its bound.
    pub bound: f64,
    /// On which side of the bound it must be.
    pub good: Good,
}

/// On which side of its bound something must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Good {
    /// On the bound or below it.
    AtMost,
    /// On the bound or above it.
    AtLeast,
}

impl Finding {
    /// Notes what was observed and its bound as numbers, and the margin between them. There is no
    /// margin from a bound of zero.
    pub fn compare(&mut self, observed: f64, good: Good, bound: f64) {
        let room = match good {
            Good::AtMost => bound - observed,
            Good::AtLeast => observed - bound,
        };
        self.margin = (bound > 0.0).then(|| room / bound).filter(|margin| margin.is_finite());
        // JSON has no other numbers.
        let are_numbers = observed.is_finite() && bound.is_finite();
        self.figures = are_numbers.then_some(Figures { observed, bound, good });
    }
}

/// What was concluded from a record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Judgement {
    /// The objectives in the order of the plan, then what is always judged.
    pub findings: Vec<Finding>,
    /// The worst of them.
    pub verdict: Verdict,
}

impl Judgement {
    /// What these findings come to.
    #[must_use]
    pub fn of(findings: Vec<Finding>) -> Self {
        let verdict = Verdict::worst(findings.iter().map(|finding| finding.verdict));
        Self { findings, verdict }
    }

    /// What is not a pass, as [`problems`] orders it.
    #[must_use]
    pub fn problems(&self) -> Vec<&Finding> {
        problems(&self.findings)
    }
}

/// What of `findings` is not a pass, the likely causes first: failures before missing data, and what
/// went wrong first before what may follow from it. Failures without an instant come after those
/// with one, and equals in the order of the plan.
#[must_use]
pub fn problems(findings: &[Finding]) -> Vec<&Finding> {
    places_of_problems(findings).into_iter().map(|place| &findings[place]).collect()
}

/// The places of what [`problems`] gives.
pub(crate) fn places_of_problems(findings: &[Finding]) -> Vec<usize> {
    let mut places: Vec<usize> =
        (0..findings.len()).filter(|place| findings[*place].verdict != Verdict::Pass).collect();
    places.sort_by_key(|place| {
        let finding = &findings[*place];
        (std::cmp::Reverse(finding.verdict), finding.at.unwrap_or(u64::MAX))
    });
    places
}
