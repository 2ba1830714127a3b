//! What a comparison came to, as data.

use serde::Serialize;

use super::{measure::Measure, plan::PlanDifferences};
use crate::{
    record::{Backend, Divergence},
    report::titled,
    tally::Verdicts,
    verdict::Verdict,
};

/// What moved from A to B.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Who performed the runs of both sides; `None` if there are none.
    pub backend: Option<Backend>,
    /// What A is called.
    pub a: String,
    /// What B is called.
    pub b: String,
    /// The level of the tests, [`LEVEL`](super::LEVEL).
    pub level: f64,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// The scenarios that both sides have, by name.
    pub scenarios: Vec<ScenarioComparison>,
    /// Scenarios, with their defects, that only A has.
    pub only_in_a: Vec<String>,
    /// Scenarios, with their defects, that only B has.
    pub only_in_b: Vec<String>,
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Nothing is worse by more than noise.
    NothingWorse,
    /// Something differs and there are too few seeds to tell, there is nothing in common, or there
    /// are measures with nothing to compare them with.
    Inconclusive,
    /// A measure is worse by more than noise, or a seed that passed does not pass any more.
    Worse,
}

/// What moved in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScenarioComparison {
    /// The scenario.
    pub scenario: String,
    /// Its runs in A.
    pub a: Part,
    /// Its runs in B.
    pub b: Part,
    /// Seeds that both sides have.
    pub seeds_in_common: usize,
    /// Of these, those whose runs are the same, event by event.
    pub same_runs: usize,
    /// Runs that the noise was taken from, if not from the seeds of both sides.
    pub noise_runs: Option<usize>,
    /// Where the plans differ.
    pub plan: PlanDifferences,
    /// Seeds in common whose verdict changed.
    pub verdicts_changed: Vec<VerdictChange>,
    /// The measures that differ between any two of the runs, the worst first.
    pub measures: Vec<MeasureComparison>,
    /// How many measures have one value in all runs of both sides.
    pub unvaried: usize,
    /// Measures that only runs in A have.
    pub only_in_a: Vec<Measure>,
    /// Measures that only runs in B have.
    pub only_in_b: Vec<Measure>,
    /// Measures that all runs in B have, and some of those in A have not.
    pub lost_in_a: Vec<Measure>,
    /// Measures that all runs in A have, and some of those in B have not.
    pub lost_in_b: Vec<Measure>,
    /// Where two single runs part, if that was looked for.
    pub divergence: Option<Divergence>,
}

/// The runs of a scenario on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Part {
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// How many seeds.
    pub seeds: usize,
    /// How many of them came to which verdict.
    pub verdicts: Verdicts,
}

/// A seed whose verdict changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerdictChange {
    /// The seed.
    #[serde(serialize_with = "crate::seed::serialize")]
    pub seed: u64,
    /// Its verdict in A.
    pub a: Verdict,
    /// Its verdict in B.
    pub b: Verdict,
}

/// A measure over the runs of both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MeasureComparison {
    /// The measure.
    #[serde(flatten)]
    pub measure: Measure,
    /// How many runs of A have it.
    pub runs_a: usize,
    /// How many runs of B have it.
    pub runs_b: usize,
    /// The median over the runs of A, in the unit of the measure. Of an even number the lower one.
    pub median_a: f64,
    /// The same for B.
    pub median_b: f64,
    /// By how much the median of B is higher.
    pub difference: f64,
    /// The same as a fraction of the median of A; `None` if that is zero.
    pub relative: Option<f64>,
    /// How likely so much or more is without a difference between the sides, corrected for the
    /// number of measures; `None` if it was held against runs.
    pub p: Option<f64>,
    /// The largest difference between two runs that is noise, if it was held against runs.
    pub noise: Option<f64>,
    /// Whether it moved.
    #[serde(flatten)]
    pub answer: Answer,
    /// Which way it is different, or would be.
    pub direction: Direction,
}

/// Whether a measure moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// By more than noise.
    Moved,
    /// No difference could be told from noise with so few seeds, however large.
    TooFewSeeds {
        /// So many on each side could tell.
        seeds_needed: usize,
    },
    /// By no more than noise.
    WithinNoise,
}

/// Which way a measure is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// B is worse.
    Worse,
    /// Neither direction is worse, or neither side is higher.
    Neutral,
    /// B is better.
    Better,
}

impl Comparison {
    /// Is a run with the same plan and seed the same run? If not, that none is the same says nothing.
    pub(super) fn is_deterministic(&self) -> bool {
        self.backend.is_none_or(Backend::is_deterministic)
    }

    /// Who performed the runs, if a reader would not take it for granted.
    pub(super) fn performed_by(&self) -> Option<&'static str> {
        self.backend.filter(|it| *it != Backend::Simulation).map(Backend::described)
    }

    /// Adds where the two runs part, to a comparison of two single records.
    #[must_use]
    pub fn parting_at(mut self, divergence: Divergence) -> Self {
        if let [scenario] = self.scenarios.as_mut_slice() {
            scenario.divergence = Some(divergence);
        }
        self
    }

    /// Is there a measure that has no counterpart on the other side?
    pub(super) fn is_any_alone(&self) -> bool {
        self.scenarios.iter().any(ScenarioComparison::is_any_alone)
    }

    /// The comparison as one JSON object, for other programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("comparisons are plain data")
    }
}

impl ScenarioComparison {
    /// Is there a measure that has no counterpart on the other side, in some run at least? What it
    /// would have shown there nobody knows.
    pub(super) fn is_any_alone(&self) -> bool {
        let lists = [&self.only_in_a, &self.only_in_b, &self.lost_in_a, &self.lost_in_b];
        lists.iter().any(|measures| !measures.is_empty())
    }

    /// The measures with this answer and direction.
    pub(super) fn moved(&self, direction: Direction) -> Vec<&MeasureComparison> {
        let moved = |it: &&MeasureComparison| it.answer == Answer::Moved;
        self.measures.iter().filter(moved).filter(|it| it.direction == direction).collect()
    }

    /// The measures that more seeds might tell apart, and how many are needed.
    pub(super) fn undecided(&self) -> (Vec<&MeasureComparison>, usize) {
        let needed = |it: &MeasureComparison| match it.answer {
            Answer::TooFewSeeds { seeds_needed } => Some(seeds_needed),
            Answer::Moved | Answer::WithinNoise => None,
        };
        let undecided: Vec<_> = self.measures.iter().filter(|it| needed(it).is_some()).collect();
        let most = undecided.iter().filter_map(|it| needed(it)).max().unwrap_or(0);
        (undecided, most)
    }

    /// How many measures differ by no more than noise.
    pub(super) fn within_noise(&self) -> usize {
        self.measures.iter().filter(|it| it.answer == Answer::WithinNoise).count()
    }

    /// Its name, with the defects of both sides if they are the same.
    pub(super) fn title(&self) -> String {
        if self.a.defects == self.b.defects {
            return titled(&self.scenario, &self.a.defects);
        }
        self.scenario.clone()
    }
}

impl MeasureComparison {
    /// What moved from where to where, in words.
    pub(super) fn shown(&self) -> [String; 4] {
        let measure = &self.measure;
        let relative = self.relative.map_or(String::new(), |relative| {
            let sign = if relative > 0.0 { "+" } else { "" };
            format!("{sign}{} %", crate::words::decimal(relative * 100.0, 1))
        });
        [
            measure.shown(self.median_a),
            measure.shown(self.median_b),
            measure.shown_difference(self.difference),
            relative,
        ]
    }

    /// What that rests on, in words.
    pub(super) fn grounds(&self) -> String {
        match (self.p, self.noise) {
            // With a few runs every difference is likely.
            _ if matches!(self.answer, Answer::TooFewSeeds { .. }) => String::new(),
            (Some(p), _) if p < 0.0001 => "p below 0.0001".to_owned(),
            (Some(p), _) => format!("p {}", crate::words::decimal(p, 4)),
            (None, Some(noise)) => format!("noise {}", self.measure.shown(noise)),
            (None, None) => String::new(),
        }
    }
}
