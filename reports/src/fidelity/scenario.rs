//! One scenario, in simulation and on other backends.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Agreement, Aspect, ClaimOnSides, Conclusion, Curves, Performed, claims::side_by_side,
    performed::Fault,
};
use crate::{
    compare::{LEVEL, rank},
    record::{Backend, Phase},
    stats::Percentile,
    tally::Verdicts,
};

/// A scenario side by side. The first side is the simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScenarioFidelity {
    /// The scenario, with its defects.
    pub scenario: String,
    /// What it claims.
    pub hypothesis: String,
    /// Which part of its load was given, on all sides.
    pub rate_factor: f64,
    /// What bounds on times have more on the other sides, in milliseconds.
    pub slack_ms: f64,
    /// Who performed it.
    pub sides: Vec<SideOfScenario>,
    /// Its objectives and invariants.
    pub claims: Vec<ClaimOnSides>,
    /// Latency and availability, by phase.
    pub measures: Vec<MeasureOnSides>,
    /// What its faults affected.
    pub faults: Vec<FaultOnSides>,
}

/// Who performed a scenario, how often, and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SideOfScenario {
    /// Who.
    pub backend: Backend,
    /// How many runs came to which verdict.
    pub verdicts: Verdicts,
    /// Why runs were left out, each with its seed.
    pub left_out: Vec<String>,
    /// How the first run went.
    #[serde(skip)]
    pub(crate) curves: Option<Curves>,
}

/// A measure of a phase on all sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MeasureOnSides {
    /// The phase.
    pub phase: Phase,
    /// What is measured.
    pub aspect: Aspect,
    /// On each side, in their order; `None` where no run has it.
    pub sides: Vec<Option<SideOfMeasure>>,
    /// Whether the simulation agrees with each of the other sides.
    pub agreements: Vec<Agreement>,
}

/// A measure on one side, over its runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SideOfMeasure {
    /// The median; of an even number the lower one. Latencies are in nanoseconds, shares parts of 1.
    pub median: f64,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// How likely such a difference from the simulation is without one, corrected for the number of
    /// measures; `None` for the simulation itself, and where one of the two has nothing.
    pub p: Option<f64>,
}

/// What a fault affected on all sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FaultOnSides {
    /// The fault.
    pub label: String,
    /// On each side the median count, and of what.
    pub affected: Vec<(u64, String)>,
}

impl ScenarioFidelity {
    /// Sets the runs of a scenario side by side. A side may have none.
    #[must_use]
    pub fn between(simulated: &Performed, others: &[Performed]) -> Self {
        let sides: Vec<&Performed> = std::iter::once(simulated).chain(others).collect();
        let said = |name: &str| simulated.plan.get("processes")?.get(name)?.as_f64();
        let faults = simulated.faults.iter().enumerate().map(|(number, fault)| FaultOnSides {
            label: fault.label.clone(),
            affected: sides.iter().map(|side| median_count(side.faults.get(number))).collect(),
        });
        Self {
            scenario: simulated.title.clone().unwrap_or_default(),
            hypothesis: simulated.hypothesis.clone(),
            rate_factor: said("rate_factor").unwrap_or(1.0),
            slack_ms: said("slack_ms").unwrap_or(0.0),
            sides: sides.iter().map(|side| SideOfScenario::of(side)).collect(),
            claims: side_by_side(&sides),
            measures: measures(&sides),
            faults: faults.collect(),
        }
    }

    /// What it comes to.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        let [_, others @ ..] = self.sides.as_slice() else { return Conclusion::Inconclusive };
        let agreements = || {
            let wanted = self.measures.iter().filter(|it| it.aspect.is_wanted());
            wanted.flat_map(|it| &it.agreements)
        };
        let is_one_empty = self.sides.iter().any(SideOfScenario::is_empty);
        let untold = |it: &Agreement| matches!(it, Agreement::TooFewRuns | Agreement::Missing);
        if self.differing().next().is_some() || agreements().any(|it| *it == Agreement::Apart) {
            Conclusion::Apart
        } else if others.is_empty()
            || is_one_empty
            || self.sides.iter().any(|side| !side.left_out.is_empty())
            || self.is_any_without_data()
            || agreements().any(untold)
        {
            Conclusion::Inconclusive
        } else {
            Conclusion::Close
        }
    }

    /// Had a run nothing to judge, or a fault that never bit? That it is so on all sides is no agreement.
    fn is_any_without_data(&self) -> bool {
        let of_claims = self.claims.iter().flat_map(|claim| &claim.sides).map(|side| side.verdicts);
        let of_runs = self.sides.iter().map(|side| side.verdicts);
        of_claims.chain(of_runs).any(|verdicts| verdicts.no_data > 0)
    }

    /// The objectives of which a verdict is another one on some side that has runs.
    pub(crate) fn differing(&self) -> impl Iterator<Item = &ClaimOnSides> {
        self.claims.iter().filter(|claim| {
            let mut sides = claim.sides.iter().zip(&self.sides).skip(1);
            sides.any(|(it, side)| !it.is_same && !side.is_empty())
        })
    }

    /// Of how many objectives the verdict is the same on this side.
    pub(crate) fn same_on(&self, side: usize) -> usize {
        self.claims.iter().filter(|it| it.sides.get(side).is_some_and(|it| it.is_same)).count()
    }

    /// Of the measures of this aspect on a side, the one that is furthest off, one that is apart before the
    /// others: its phase, the values of the simulation and of the side, and whether they agree.
    pub(crate) fn furthest(
        &self,
        aspect: Aspect,
        side: usize,
    ) -> Option<(Phase, f64, f64, Agreement)> {
        let of_aspect = self.measures.iter().filter(|it| it.aspect == aspect);
        let values = of_aspect.filter_map(|it| {
            let simulated = it.sides.first().copied().flatten()?.median;
            let real = it.sides.get(side).copied().flatten()?.median;
            Some((it.phase, simulated, real, *it.agreements.get(side.checked_sub(1)?)?))
        });
        let severity = |it: &(Phase, f64, f64, Agreement)| {
            let off = (it.1 - it.2).abs();
            let rank = match it.3 {
                Agreement::Apart => 2,
                Agreement::TooFewRuns | Agreement::Missing | Agreement::WithinNoise => 1,
                Agreement::Close => 0,
            };
            (rank, off)
        };
        values.max_by(|a, b| {
            let ((rank_a, off_a), (rank_b, off_b)) = (severity(a), severity(b));
            rank_a.cmp(&rank_b).then(off_a.total_cmp(&off_b))
        })
    }
}

impl SideOfScenario {
    fn of(side: &Performed) -> Self {
        Self {
            backend: side.backend,
            verdicts: side.verdicts(),
            left_out: side.left_out.clone(),
            curves: side.curves.clone(),
        }
    }

    /// How many runs count.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.verdicts.pass + self.verdicts.no_data + self.verdicts.fail
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs() == 0
    }
}

fn median_count(fault: Option<&Fault>) -> (u64, String) {
    let Some(fault) = fault else { return (0, String::new()) };
    let mut affected = fault.affected.clone();
    (Percentile::P50.select(&mut affected).unwrap_or(0), fault.counts.clone())
}

/// All measures that any side has.
fn measures(sides: &[&Performed]) -> Vec<MeasureOnSides> {
    let keys: BTreeSet<(Phase, Aspect)> =
        sides.iter().flat_map(|side| side.values.keys().copied()).collect();
    let sorted = |side: &Performed, key: &(Phase, Aspect)| {
        let mut values = side.values.get(key).cloned().unwrap_or_default();
        values.sort_by(f64::total_cmp);
        values
    };
    let tests: Vec<Vec<Test>> = match sides {
        [simulated, others @ ..] => others
            .iter()
            .map(|side| {
                let pairs = keys.iter().map(|key| (sorted(simulated, key), sorted(side, key)));
                Test::all(&pairs.collect::<Vec<_>>())
            })
            .collect(),
        [] => Vec::new(),
    };
    let measures = keys.iter().enumerate().map(|(number, key)| {
        let of_sides = sides.iter().enumerate().map(|(side, performed)| {
            let p = side.checked_sub(1).map(|other| tests[other][number].p);
            SideOfMeasure::of(&sorted(performed, key), p)
        });
        let of_sides: Vec<Option<SideOfMeasure>> = of_sides.collect();
        let agreements = tests.iter().zip(of_sides.iter().skip(1)).map(|(tests, side)| {
            match (of_sides.first().copied().flatten(), side) {
                (Some(simulated), Some(side)) => {
                    let Test { p, can_tell } = tests[number];
                    Agreement::of(key.1, (simulated.median, side.median), p, can_tell)
                }
                _ => Agreement::Missing,
            }
        });
        let agreements = agreements.collect();
        MeasureOnSides { phase: key.0, aspect: key.1, sides: of_sides, agreements }
    });
    measures.collect()
}

impl SideOfMeasure {
    fn of(sorted: &[f64], p: Option<f64>) -> Option<Self> {
        let median = sorted[Percentile::P50.rank(sorted.len())? - 1];
        Some(Self { median, lowest: *sorted.first()?, highest: *sorted.last()?, p })
    }
}

/// Whether two sides differ in a measure by more than their runs do.
struct Test {
    /// Corrected for the number of measures.
    p: f64,
    /// Could so many runs tell any difference?
    can_tell: bool,
}

impl Test {
    fn all(pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<Self> {
        let raw: Vec<f64> = pairs.iter().map(|(a, b)| rank::p_value(a, b)).collect();
        let strictest = LEVEL / rank::real(pairs.len().max(1));
        let tests = rank::holm(&raw).into_iter().zip(pairs).map(|(p, (a, b))| Self {
            p,
            can_tell: rank::p_smallest(a.len(), b.len()) <= strictest,
        });
        tests.collect()
    }
}
