//! Error budgets, and the rate at which they burn.
//!
//! The budget of an availability target is the share of requests that may be bad: 0.1 % for
//! 99.9 %. A request is bad if it is neither `Succeeded` nor `Degraded`; the `Abandoned` do not
//! count. A burn rate of 1 spends the budget exactly in the period of the objective.
//!
//! The alert windows are those of *The Site Reliability Workbook*, chapter 5, "Alerting on
//! SLOs", approach 6 (<https://sre.google/workbook/alerting-on-slos/>): an alert fires when the
//! burn rate exceeds a factor both over a long window and over a twelfth of it. The workbook's
//! windows belong to a period of 30 days; here the run is the period and a window is the same
//! fraction of the run.

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Objective, Over, claim::expect, early::Early};

/// An error budget is not overspent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Budget {
    /// The availability that the budget belongs to, below 1.
    pub target: f64,
    /// How much of the budget may be spent; 1 is all of it.
    pub spent_at_most: f64,
}

/// No burn rate alert would have fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Burn {
    /// The availability that the budget belongs to, below 1.
    pub target: f64,
    /// The windows that are watched; one finding for each.
    pub windows: Vec<BurnWindow>,
    /// How many requests the short window must hold for the rate over it to mean something.
    pub samples_at_least: u64,
}

/// A window over which the burn rate is watched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BurnWindow {
    /// What exceeding it would do.
    pub severity: Severity,
    /// The burn rate that may not be exceeded.
    pub factor: f64,
    /// The long window as a fraction of the run; the short one is a twelfth of it.
    pub long: f64,
}

/// What an alert does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It wakes somebody.
    Page,
    /// Somebody looks at it in the morning.
    Ticket,
}

/// An error budget that needs a bound.
#[derive(Clone, Debug)]
#[must_use = "a budget is no objective until it has a bound"]
pub struct BudgetBuilder {
    target: f64,
    pub(super) early: Early,
}

/// Hours in the 30 days of the workbook.
const PERIOD_HOURS: f64 = 720.0;

/// The error budget of the availability `target`.
pub fn error_budget(target: f64) -> BudgetBuilder {
    BudgetBuilder { target, early: Early::default() }
}

impl BudgetBuilder {
    /// At most `fraction` of the budget is spent over the run; 1 is all of it.
    pub fn spent_at_most(self, fraction: f64) -> Objective {
        let claim = Budget { target: self.target, spent_at_most: fraction };
        self.early.give_to(Objective::new(Claim::Budget(claim), Over::Run))
    }
}

/// None of the workbook's alerts fires on the budget of the availability `target`: 14.4 times
/// over an hour of 30 days and 6 times over 6 hours, which page; 3 times over a day and once
/// over 3 days, which open a ticket. [`Objective::paging_only`] keeps the first two.
pub fn burn_rate(target: f64) -> Objective {
    use Severity::{Page, Ticket};
    let windows = [(Page, 14.4, 1.0), (Page, 6.0, 6.0), (Ticket, 3.0, 24.0), (Ticket, 1.0, 72.0)]
        .map(|(severity, factor, hours)| BurnWindow {
            severity,
            factor,
            long: hours / PERIOD_HOURS,
        })
        .to_vec();
    let claim = Burn { target, windows, samples_at_least: 1 };
    Objective::new(Claim::Burn(claim), Over::Run)
}

impl Objective {
    /// For a burn rate: watches only the windows that page. Nothing else has any.
    pub fn paging_only(mut self) -> Self {
        if let Claim::Burn(burn) = &mut self.claim {
            burn.windows.retain(|window| window.severity == Severity::Page);
        }
        self
    }

    /// For a burn rate: looks only where the short window holds at least `samples` requests, so
    /// that one failure in a thin load does not count as an outage.
    pub fn where_samples_at_least(mut self, samples: u64) -> Self {
        if let Claim::Burn(burn) = &mut self.claim {
            burn.samples_at_least = samples;
        }
        self
    }
}

impl BurnWindow {
    pub(crate) fn name(&self) -> String {
        let severity = match self.severity {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        };
        format!("{severity} at {}x", self.factor)
    }

    pub(crate) fn bound(&self) -> String {
        let (long, short) = (words::percent(self.long), words::percent(self.long / 12.0));
        format!("at most {} over {long} and {short} of the run", self.factor)
    }
}

impl Describe for Budget {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        format!("error budget of {}", words::percent_exact(self.target))
    }

    fn bound(&self) -> String {
        format!("at most {} spent", words::percent_exact(self.spent_at_most))
    }

    fn check(&self) -> Result<(), String> {
        target(self.target)?;
        expect::positive("a share of the budget", self.spent_at_most)
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Calls, Host, Phase, Route};
        &[Phase, Route, Calls, Host, Boot]
    }
}

impl Describe for Burn {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        format!("burn rate of {}", words::percent_exact(self.target))
    }

    fn bound(&self) -> String {
        let factors: Vec<_> = self.windows.iter().map(|w| format!("{}x", w.factor)).collect();
        format!("at most {}", factors.join(", "))
    }

    fn check(&self) -> Result<(), String> {
        target(self.target)?;
        if self.windows.is_empty() {
            return Err("expected at least one window, found none".to_owned());
        }
        self.windows.iter().try_for_each(|window| {
            expect::positive("a burn rate", window.factor)?;
            expect::positive_fraction("a window", window.long)
        })
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Calls, Host, Route};
        &[Route, Calls, Host, Boot]
    }
}

fn target(target: f64) -> Result<(), String> {
    let good = target > 0.0 && target <= 0.999_999;
    good.then_some(())
        .ok_or_else(|| format!("expected a target above 0 and at most 0.999999, found {target}"))
}
