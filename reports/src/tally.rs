//! How many requests came to which end, and how many runs to which verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{record::Outcome, verdict::Verdict};

/// Requests, counted by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// All of them.
    pub sent: u64,
    /// Complete answers.
    pub succeeded: u64,
    /// Useful answers with something left out.
    pub degraded: u64,
    /// Errors, wrong answers, no answer in time.
    pub failed: u64,
    /// Refused by a service that protects itself.
    pub shed: u64,
    /// The client went away.
    pub abandoned: u64,
}

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        self.sent += 1;
        let slot = match outcome {
            Outcome::Succeeded => &mut self.succeeded,
            Outcome::Degraded => &mut self.degraded,
            Outcome::Failed => &mut self.failed,
            Outcome::Shed => &mut self.shed,
            Outcome::Abandoned => &mut self.abandoned,
        };
        *slot += 1;
    }

    /// How many had this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Succeeded => self.succeeded,
            Outcome::Degraded => self.degraded,
            Outcome::Failed => self.failed,
            Outcome::Shed => self.shed,
            Outcome::Abandoned => self.abandoned,
        }
    }
}

impl FromIterator<Outcome> for Tally {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        let mut tally = Self::default();
        outcomes.into_iter().for_each(|outcome| tally.add(outcome));
        tally
    }
}

/// Runs, counted by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// All objectives held.
    pub pass: u64,
    /// There was something without data, and nothing failed.
    pub no_data: u64,
    /// Something failed.
    pub fail: u64,
}

impl FromIterator<Verdict> for Verdicts {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut all = Self::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Pass => &mut all.pass,
                Verdict::NoData => &mut all.no_data,
                Verdict::Fail => &mut all.fail,
            } += 1;
        }
        all
    }
}
