//! What always, never, sometimes or eventually happens.
//!
//! A span happens when it opens, a log event when it is logged.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect};

/// A claim about how often something happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Occurrence {
    /// What happens.
    pub what: Matching,
    /// How often.
    pub required: Requirement,
}

/// How often something happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Requirement {
    /// Each time it happens, it is also like this.
    Always(Matching),
    /// At least and at most this often.
    Count {
        /// How often at least.
        at_least: u64,
        /// How often at most; without it there is no such bound.
        at_most: Option<u64>,
    },
    /// At least once at or after the last heal.
    Eventually {
        /// How long after the last heal at most.
        #[serde(rename = "within_ms", with = "super::millis::optional", default)]
        within: Option<Duration>,
    },
    /// At least once at or after each time that something else happens.
    Follows {
        /// What it follows.
        trigger: Matching,
        /// The field whose value both must share, such as the number of a job.
        same: Option<String>,
        /// How long after at most.
        #[serde(rename = "within_ms", with = "super::millis::optional", default)]
        within: Option<Duration>,
        /// Or at any time before it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        or_before: bool,
    },
    /// At or after something else, each time.
    Preceded {
        /// What comes first.
        before: Matching,
        /// The field whose value both must share, such as the number of a job.
        same: Option<String>,
    },
    /// At most once for each value of this field.
    OncePer(String),
}

/// Each time `what` happens, it is also like `condition`. Of the same kind, please: both spans
/// or both log events. If `what` never happens, there is no data.
pub fn always(what: impl Into<Matching>, condition: impl Into<Matching>) -> Objective {
    occurrence(what.into(), Requirement::Always(condition.into()))
}

/// It never happens, in a run that has spans or log events at all.
///
/// A record knows no more than what happened in it, so a misspelt name passes like one that is
/// right, with a note if no such name was ever seen. Plant the mistake that the claim is to notice,
/// and see it fail.
pub fn never(what: impl Into<Matching>) -> Objective {
    occurrence(what.into(), Requirement::Count { at_least: 0, at_most: Some(0) })
}

/// It happens at least once; [`Objective::times_at_least`] and [`Objective::times_at_most`]
/// say more.
pub fn sometimes(what: impl Into<Matching>) -> Objective {
    occurrence(what.into(), Requirement::Count { at_least: 1, at_most: None })
}

/// It happens at least once at or after the last heal.
pub fn eventually(what: impl Into<Matching>) -> Objective {
    occurrence(what.into(), Requirement::Eventually { within: None })
}

/// Each time `trigger` happens, it is followed by `then`.
pub fn every(trigger: impl Into<Matching>, then: impl Into<Matching>) -> Objective {
    let (trigger, same, within, or_before) = (trigger.into(), None, None, false);
    occurrence(then.into(), Requirement::Follows { trigger, same, within, or_before })
}

/// Each time `what` happens, `before` has happened: nothing is acknowledged before it is stored.
/// What happens at one instant on different hosts has no order, and passes; on one host the order
/// in which it was logged or opened counts.
pub fn only_after(what: impl Into<Matching>, before: impl Into<Matching>) -> Objective {
    let (before, same) = (before.into(), None);
    occurrence(what.into(), Requirement::Preceded { before, same })
}

/// It happens at most once for each value of its field `field`.
pub fn once_per(field: impl Into<String>, what: impl Into<Matching>) -> Objective {
    occurrence(what.into(), Requirement::OncePer(field.into()))
}

fn occurrence(what: Matching, required: Requirement) -> Objective {
    Objective::new(Claim::Occurrence(Occurrence { what, required }), Over::Run)
}

impl Objective {
    /// For [`sometimes`]: at least this often.
    pub fn times_at_least(mut self, times: u64) -> Self {
        if let Some(Requirement::Count { at_least, .. }) = self.requirement() {
            *at_least = times;
        }
        self
    }

    /// For [`sometimes`]: at most this often.
    pub fn times_at_most(mut self, times: u64) -> Self {
        if let Some(Requirement::Count { at_most, .. }) = self.requirement() {
            *at_most = Some(times);
        }
        self
    }

    /// For [`eventually`] and [`every`]: no later than this after the heal or the trigger.
    pub fn soon(mut self, bound: Duration) -> Self {
        if let Some(Requirement::Eventually { within } | Requirement::Follows { within, .. }) =
            self.requirement()
        {
            *within = Some(bound);
        }
        self
    }

    /// For [`every`]: what is to follow may have come before as well, at any time. Whoever is
    /// answered twice is answered the second time for what is done already.
    pub fn or_before(mut self) -> Self {
        if let Some(Requirement::Follows { or_before, .. }) = self.requirement() {
            *or_before = true;
        }
        self
    }

    /// For [`every`] and [`only_after`]: what comes first and what comes later have the same value
    /// in `field`.
    pub fn with_same(mut self, field: impl Into<String>) -> Self {
        if let Some(Requirement::Follows { same, .. } | Requirement::Preceded { same, .. }) =
            self.requirement()
        {
            *same = Some(field.into());
        }
        self
    }

    fn requirement(&mut self) -> Option<&mut Requirement> {
        match &mut self.claim {
            Claim::Occurrence(claim) => Some(&mut claim.required),
            _ => None,
        }
    }
}

impl Describe for Occurrence {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        let what = &self.what;
        match &self.required {
            Requirement::Always(_) => format!("always, {what}"),
            Requirement::Count { at_most: Some(0), .. } => format!("never {what}"),
            Requirement::Count { .. } => format!("sometimes {what}"),
            Requirement::Eventually { .. } => format!("eventually {what}"),
            Requirement::Follows { trigger, .. } => format!("every {trigger} is followed"),
            Requirement::Preceded { before, .. } => format!("{what} only after {before}"),
            Requirement::OncePer(field) => format!("{what} once per {field}"),
        }
    }

    fn bound(&self) -> String {
        let soon = |within: &Option<Duration>| match within {
            Some(bound) => format!(" within {}", words::duration(*bound)),
            None => String::new(),
        };
        match &self.required {
            Requirement::Always(condition) => condition.to_string(),
            Requirement::Count { at_most: Some(0), .. } => "none".to_owned(),
            Requirement::Count { at_least, at_most: None } => {
                format!("at least {}", words::count(*at_least))
            }
            Requirement::Count { at_least: 0, at_most: Some(most) } => {
                format!("at most {}", words::count(*most))
            }
            Requirement::Count { at_least, at_most: Some(most) } => {
                format!("from {} to {}", words::count(*at_least), words::count(*most))
            }
            Requirement::Eventually { within } => {
                format!("at least once after the last heal{}", soon(within))
            }
            Requirement::Follows { same, within, or_before, .. } => {
                let before = if *or_before { ", or comes after it" } else { "" };
                let same = same
                    .as_ref()
                    .map(|field| format!(" with the same {field}"))
                    .unwrap_or_default();
                format!("by {}{same}{}{before}", self.what, soon(within))
            }
            Requirement::Preceded { same: Some(field), .. } => format!("with the same {field}"),
            Requirement::Preceded { same: None, .. } => "each time".to_owned(),
            Requirement::OncePer(_) => "at most once".to_owned(),
        }
    }

    fn check(&self) -> Result<(), String> {
        self.what.check()?;
        let time = |within: &Option<Duration>| {
            within.map_or(Ok(()), |bound| expect::some_time("a bound", bound))
        };
        match &self.required {
            Requirement::Always(condition) => {
                if condition.kind != self.what.kind {
                    return Err(format!(
                        "expected two of a kind, found {} and {condition}",
                        self.what
                    ));
                }
                condition.check()
            }
            Requirement::Count { at_least, at_most } => match at_most {
                Some(most) if most < at_least => {
                    Err(format!("expected a range, found from {at_least} to {most}"))
                }
                _ => Ok(()),
            },
            Requirement::Eventually { within } => time(within),
            Requirement::Follows { trigger, same, within, .. } => {
                trigger.check()?;
                same.as_deref().map_or(Ok(()), |field| expect::named("a field", field))?;
                time(within)
            }
            Requirement::Preceded { before, same } => {
                before.check()?;
                same.as_deref().map_or(Ok(()), |field| expect::named("a field", field))
            }
            Requirement::OncePer(field) => expect::named("a field", field),
        }
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Host, Phase, Route};
        match (&self.required, self.what.is_log()) {
            (
                Requirement::Eventually { .. }
                | Requirement::Follows { .. }
                | Requirement::Preceded { .. },
                _,
            ) => &[Host, Boot],
            (_, true) => &[Phase, Host, Boot],
            (_, false) => &[Phase, Host, Route, Boot],
        }
    }
}
