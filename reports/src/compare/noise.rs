//! What differences there are between runs of which nothing but the seed differs: the noise that a
//! difference between two single runs is held against.

use super::{extract::Values, measure::Measure};

/// How much further apart than any two of the runs two others must be.
///
/// Each of a hundred measures has its own extreme runs. Bounds that 5 % of the pairs are outside
/// of, for each measure by itself, would nearly always be passed by one of them; and two more runs
/// of the same kind are further apart than all pairs of ten in one measure of sixty.
const TIMES: f64 = 2.0;

/// Some runs that differ in nothing but the seed.
pub(super) struct Noise(Vec<Values>);

impl Noise {
    pub(super) fn of(runs: Vec<Values>) -> Self {
        Self(runs)
    }

    /// The largest difference that is noise: twice the largest between any two of the runs. 0 if
    /// they do not differ, or do not have this measure.
    pub(super) fn bound(&self, measure: &Measure) -> f64 {
        let values = || self.0.iter().filter_map(|run| run.get(measure)).copied();
        let Some(lowest) = values().reduce(f64::min) else { return 0.0 };
        let highest = values().fold(lowest, f64::max);
        TIMES * (highest - lowest)
    }
}
