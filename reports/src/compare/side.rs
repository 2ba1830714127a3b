//! One side of a comparison: runs by scenario and defects, of which the measures are kept.

use std::collections::BTreeMap;

use super::extract::{Values, measures};
use crate::{
    Record,
    record::{Backend, Digest},
    report::titled,
    verdict::{Judgement, Verdict},
};

/// More records than a person makes of one state of the code.
const RUNS_MAX: usize = 10_000;

/// The runs of one side.
#[derive(Clone, Debug)]
pub struct Side {
    name: String,
    /// Who performed its runs, once there is one.
    backend: Option<Backend>,
    groups: BTreeMap<Key, Group>,
    runs: usize,
}

/// A scenario and its defects.
pub(super) type Key = (String, Vec<String>);

/// The runs of a scenario with the same defects, by seed.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) plan: serde_json::Value,
    pub(super) runs: BTreeMap<u64, Measured>,
}

/// What is kept of a run.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) digest: Digest,
    pub(super) verdict: Verdict,
    pub(super) values: Values,
}

/// Why a run cannot be on a side with those that are there already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Two runs with a seed are one run, or of different code.
    #[error("{side} has two records of {scenario} with seed {seed}, expected one")]
    Twice {
        /// The side.
        side: String,
        /// The scenario with its defects.
        scenario: String,
        /// The seed.
        seed: u64,
    },
    /// Seeds of different plans show more than the noise between seeds.
    #[error("{side} has records of {scenario} with different plans, expected one plan")]
    Plans {
        /// The side.
        side: String,
        /// The scenario with its defects.
        scenario: String,
    },
    /// What differs between two backends is no change of the code.
    #[error("{side} has records of runs on {there} and on {found}, expected one backend")]
    Backends {
        /// The side.
        side: String,
        /// Who performed the runs that are there.
        there: Backend,
        /// Who performed this one.
        found: Backend,
    },
    /// More than can be compared at once.
    #[error("{side} has more than {RUNS_MAX} records")]
    TooMany {
        /// The side.
        side: String,
    },
}

impl Side {
    /// A side without runs; `name` is what it is called in reports.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), backend: None, groups: BTreeMap::new(), runs: 0 }
    }

    /// Measures a run. The record can be dropped afterwards.
    ///
    /// # Errors
    ///
    /// When a run of this scenario, with the same defects, is there that has the same seed or
    /// another plan, when another backend performed the runs that are there, or when there are too
    /// many.
    pub fn add(&mut self, record: &Record, judgement: &Judgement) -> Result<(), Refused> {
        let header = &record.header;
        let (side, scenario) = (self.name.clone(), titled(&header.scenario, &header.defects));
        if self.runs == RUNS_MAX {
            return Err(Refused::TooMany { side });
        }
        let (there, found) = (self.backend.unwrap_or(header.backend), header.backend);
        if there != found {
            return Err(Refused::Backends { side, there, found });
        }
        let key = (header.scenario.clone(), header.defects.clone());
        let new = || Group { plan: header.plan.clone(), runs: BTreeMap::new() };
        let group = self.groups.entry(key).or_insert_with(new);
        if group.plan != header.plan {
            return Err(Refused::Plans { side, scenario });
        }
        if group.runs.contains_key(&header.seed) {
            return Err(Refused::Twice { side, scenario, seed: header.seed });
        }
        let measured = Measured {
            digest: record.digest(),
            verdict: judgement.verdict,
            values: measures(record, judgement),
        };
        group.runs.insert(header.seed, measured);
        self.backend = Some(found);
        self.runs += 1;
        Ok(())
    }

    /// How many runs it has.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Who performed its runs; `None` if it has none.
    #[must_use]
    pub fn backend(&self) -> Option<Backend> {
        self.backend
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn groups(&self) -> &BTreeMap<Key, Group> {
        &self.groups
    }
}

/// The groups that are compared: those with the same defects, and, of a scenario that each side has
/// in one way only, those two.
pub(super) fn pairs<'s>(a: &'s Side, b: &'s Side) -> Vec<(&'s Key, &'s Key)> {
    let mut pairs = Vec::new();
    for key in a.groups.keys() {
        if let Some((other, _)) = b.groups.get_key_value(key) {
            pairs.push((key, other));
        } else if let (Some(_), Some(other)) = (only(a, &key.0), only(b, &key.0)) {
            pairs.push((key, other));
        }
    }
    pairs
}

/// The only group of a scenario.
fn only<'s>(side: &'s Side, scenario: &str) -> Option<&'s Key> {
    let mut of_scenario = side.groups.keys().filter(|(name, _)| name == scenario);
    let first = of_scenario.next()?;
    of_scenario.next().is_none().then_some(first)
}
