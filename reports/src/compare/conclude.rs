//! Compares two sides, and concludes.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{
    comparison::{
        Answer, Comparison, Conclusion, Direction, MeasureComparison, Part, ScenarioComparison,
        VerdictChange,
    },
    extract::Values,
    measure::{Measure, Worse},
    noise,
    plan::PlanDifferences,
    rank,
    side::{Group, Key, Side, pairs},
};
use crate::{record::Backend, report::titled, stats::Percentile, verdict::Verdict};

/// How often, at most, a scenario of which nothing changed has any measure that is said to have
/// moved.
pub const LEVEL: f64 = 0.05;

/// What a difference is held against.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Noise<'a> {
    /// The seeds of both sides.
    Seeds,
    /// Runs of the same scenario with other seeds.
    Runs(&'a Side),
}

/// Why two sides cannot be compared: what differs between two backends is no change of the code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{a} has runs on {of_a} and {b} has runs on {of_b}, expected one backend")]
pub struct DifferentBackends {
    a: String,
    of_a: Backend,
    b: String,
    of_b: Backend,
}

/// What moved from `a` to `b`.
///
/// # Errors
///
/// When different backends performed their runs, or those that show the noise. A side without runs
/// fits any other.
pub fn compare(a: &Side, b: &Side, noise: Noise<'_>) -> Result<Comparison, DifferentBackends> {
    check_backends(a, b)?;
    if let Noise::Runs(runs) = noise {
        check_backends(a, runs)?;
        check_backends(b, runs)?;
    }
    let pairs = pairs(a, b);
    let scenario = |(key_a, key_b): &(&Key, &Key)| {
        let (group_a, group_b) = (a.groups().get(*key_a)?, b.groups().get(*key_b)?);
        Some(compare_groups((key_a, group_a), (key_b, group_b), noise))
    };
    let scenarios: Vec<ScenarioComparison> = pairs.iter().filter_map(scenario).collect();
    let only = |side: &Side, paired: &BTreeSet<&Key>| {
        let left = side.groups().keys().filter(|key| !paired.contains(key));
        left.map(|(scenario, defects)| titled(scenario, defects)).collect()
    };
    let only_in_a: Vec<String> = only(a, &pairs.iter().map(|(a, _)| *a).collect());
    Ok(Comparison {
        backend: a.backend().or(b.backend()),
        a: a.name().to_owned(),
        b: b.name().to_owned(),
        level: LEVEL,
        conclusion: conclude(&scenarios, !only_in_a.is_empty()),
        only_in_a,
        only_in_b: only(b, &pairs.iter().map(|(_, b)| *b).collect()),
        scenarios,
    })
}

fn check_backends(a: &Side, b: &Side) -> Result<(), DifferentBackends> {
    match (a.backend(), b.backend()) {
        (Some(of_a), Some(of_b)) if of_a != of_b => {
            let [a, b] = [a, b].map(|side| side.name().to_owned());
            Err(DifferentBackends { a, of_a, b, of_b })
        }
        _ => Ok(()),
    }
}

/// A scenario that B does not have any more may be worse: nobody has looked.
fn conclude(scenarios: &[ScenarioComparison], is_one_missing: bool) -> Conclusion {
    let measures = || scenarios.iter().flat_map(|scenario| &scenario.measures);
    let mut changes = scenarios.iter().flat_map(|scenario| &scenario.verdicts_changed);
    let worse =
        |it: &MeasureComparison| it.answer == Answer::Moved && it.direction == Direction::Worse;
    let undecided = |it: &MeasureComparison| matches!(it.answer, Answer::TooFewSeeds { .. });
    if measures().any(worse) || changes.any(|change| change.a == Verdict::Pass) {
        Conclusion::Worse
    } else if scenarios.is_empty()
        || is_one_missing
        || measures().any(undecided)
        || scenarios.iter().any(ScenarioComparison::is_any_alone)
    {
        Conclusion::Inconclusive
    } else {
        Conclusion::NothingWorse
    }
}

fn compare_groups(
    (key_a, a): (&Key, &Group),
    (key_b, b): (&Key, &Group),
    noise: Noise<'_>,
) -> ScenarioComparison {
    let part = |key: &Key, group: &Group| Part {
        defects: key.1.clone(),
        seeds: group.runs.len(),
        verdicts: group.runs.values().map(|run| run.verdict).collect(),
    };
    let common: Vec<_> =
        a.runs.iter().filter_map(|(seed, run)| Some((*seed, run, b.runs.get(seed)?))).collect();
    let changed = common.iter().filter(|(_, a, b)| a.verdict != b.verdict);
    let noise_of = |side: &Side| -> Vec<Values> {
        let of_scenario = side.groups().iter().filter(|(key, _)| key.0 == key_a.0);
        let runs = of_scenario.flat_map(|(_, group)| group.runs.values());
        runs.map(|run| run.values.clone()).collect()
    };
    let runs = match noise {
        Noise::Seeds => None,
        Noise::Runs(side) => Some(noise_of(side)),
    };
    let mut samples = Samples::of(a, b);
    let (runs_a, runs_b) = (a.runs.len(), b.runs.len());
    ScenarioComparison {
        scenario: key_a.0.clone(),
        a: part(key_a, a),
        b: part(key_b, b),
        seeds_in_common: common.len(),
        same_runs: common.iter().filter(|(_, a, b)| a.digest == b.digest).count(),
        noise_runs: runs.as_ref().map(Vec::len),
        plan: PlanDifferences::between(&a.plan, &b.plan),
        verdicts_changed: changed
            .map(|(seed, a, b)| VerdictChange { seed: *seed, a: a.verdict, b: b.verdict })
            .collect(),
        only_in_a: samples.take(|sample| sample.b.is_empty()),
        only_in_b: samples.take(|sample| sample.a.is_empty()),
        lost_in_a: samples.lost(|it| it.b.len() == runs_b && it.a.len() < runs_a),
        lost_in_b: samples.lost(|it| it.a.len() == runs_a && it.b.len() < runs_b),
        unvaried: samples.take_unvaried(),
        measures: match runs {
            None => samples.over_seeds(),
            Some(runs) => samples.against(runs),
        },
        divergence: None,
    }
}

/// The values of a measure on both sides, in ascending order.
struct Sample<'r> {
    measure: &'r Measure,
    a: Vec<f64>,
    b: Vec<f64>,
}

struct Samples<'r>(Vec<Sample<'r>>);

impl<'r> Samples<'r> {
    fn of(a: &'r Group, b: &'r Group) -> Self {
        let runs = || a.runs.values().chain(b.runs.values());
        let measures: BTreeSet<&Measure> = runs().flat_map(|run| run.values.keys()).collect();
        let values = |group: &Group, measure: &Measure| {
            let values = group.runs.values().filter_map(|run| run.values.get(measure));
            let mut values: Vec<f64> = values.copied().collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let sample = |measure| Sample { measure, a: values(a, measure), b: values(b, measure) };
        Self(measures.into_iter().map(sample).collect())
    }

    /// Takes out the measures that no run differs in, and counts them. Nothing can be concluded
    /// from one of them, so none counts among those that the level is shared by.
    fn take_unvaried(&mut self) -> usize {
        let before = self.0.len();
        self.0.retain(|Sample { a, b, .. }| {
            let Some(first) = a.first() else { return true };
            a.iter().chain(b).any(|value| value != first)
        });
        before - self.0.len()
    }

    fn take(&mut self, which: impl Fn(&Sample<'_>) -> bool) -> Vec<Measure> {
        let taken: Vec<Sample<'_>> = self.0.extract_if(.., |sample| which(sample)).collect();
        taken.into_iter().map(|sample| sample.measure.clone()).collect()
    }

    /// The measures that some runs of one side do not have. Those that have it are compared too.
    fn lost(&self, which: impl Fn(&Sample<'_>) -> bool) -> Vec<Measure> {
        let lost = self.0.iter().filter(|sample| which(sample));
        lost.map(|sample| sample.measure.clone()).collect()
    }

    /// Tests each measure over the seeds.
    fn over_seeds(self) -> Vec<MeasureComparison> {
        let raw: Vec<f64> = self.0.iter().map(|it| rank::p_value(&it.a, &it.b)).collect();
        let adjusted = rank::holm(&raw);
        // The level of the first step: what cannot reach it is never followed by another one.
        let strictest = LEVEL / rank::real(self.0.len().max(1));
        let compared = self.0.iter().zip(adjusted).map(|(sample, p)| {
            let hopeless = rank::p_smallest(sample.a.len(), sample.b.len()) > strictest;
            let answer = if p <= LEVEL {
                Answer::Moved
            } else if hopeless && sample.a != sample.b {
                Answer::TooFewSeeds { seeds_needed: rank::seeds_needed(strictest) }
            } else {
                Answer::WithinNoise
            };
            let towards = rank::tendency(&sample.a, &sample.b);
            MeasureComparison { p: Some(p), ..sample.compared(answer, towards) }
        });
        worst_first(compared.collect())
    }

    /// Holds the difference of the medians against those between runs.
    fn against(self, runs: Vec<Values>) -> Vec<MeasureComparison> {
        let noise = noise::Noise::of(runs);
        let compared = self.0.iter().map(|sample| {
            let difference = median(&sample.b) - median(&sample.a);
            let bound = noise.bound(sample.measure);
            let answer = if difference.abs() > bound { Answer::Moved } else { Answer::WithinNoise };
            let towards = difference.total_cmp(&0.0);
            MeasureComparison { noise: Some(bound), ..sample.compared(answer, towards) }
        });
        worst_first(compared.collect())
    }
}

impl Sample<'_> {
    fn compared(&self, answer: Answer, towards: Ordering) -> MeasureComparison {
        let (median_a, median_b) = (median(&self.a), median(&self.b));
        let difference = median_b - median_a;
        MeasureComparison {
            measure: self.measure.clone(),
            runs_a: self.a.len(),
            runs_b: self.b.len(),
            median_a,
            median_b,
            difference,
            relative: (median_a != 0.0).then(|| difference / median_a.abs()),
            p: None,
            noise: None,
            answer,
            direction: direction(self.measure.worse, towards),
        }
    }
}

/// Which way it is when B is `towards` of A.
fn direction(worse: Worse, towards: Ordering) -> Direction {
    match (worse, towards) {
        (Worse::Neither, _) | (_, Ordering::Equal) => Direction::Neutral,
        (Worse::Higher, Ordering::Greater) | (Worse::Lower, Ordering::Less) => Direction::Worse,
        (Worse::Higher, Ordering::Less) | (Worse::Lower, Ordering::Greater) => Direction::Better,
    }
}

/// An order statistic, as all percentiles here: a value that was observed. 0 for none.
fn median(sorted: &[f64]) -> f64 {
    Percentile::P50.rank(sorted.len()).map_or(0.0, |rank| sorted[rank - 1])
}

/// What moved before what may have, the worse before the better, the surer first, then the larger.
fn worst_first(mut measures: Vec<MeasureComparison>) -> Vec<MeasureComparison> {
    let class = |answer: Answer| match answer {
        Answer::Moved => 0,
        Answer::TooFewSeeds { .. } => 1,
        Answer::WithinNoise => 2,
    };
    let size = |it: &MeasureComparison| it.relative.map_or(f64::INFINITY, f64::abs);
    measures.sort_by(|x, y| {
        let key = |it: &MeasureComparison| (class(it.answer), it.direction);
        let surer = x.p.unwrap_or(0.0).total_cmp(&y.p.unwrap_or(0.0));
        let by_size = || size(y).total_cmp(&size(x)).then_with(|| x.measure.cmp(&y.measure));
        key(x).cmp(&key(y)).then(surer).then_with(by_size)
    });
    measures
}
