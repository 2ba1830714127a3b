//! Two states of the code, or two plans, side by side: what moved from A to B, by how much, and
//! whether that is more than seeds differ from each other.
//!
//! A [`Side`] is filled with records, of which it keeps the measures. [`compare`] groups the runs by
//! scenario and defects and concludes; [`text`], [`markdown`] and [`Comparison::to_json`] show it.
//!
//! Each measure is tested over the seeds of both sides: Mann-Whitney U, with Holm's correction over
//! the measures of a scenario, at [`LEVEL`]. Two single records say nothing of seeds, so that
//! [`Noise::Runs`] holds them against runs that differ in nothing but the seed.

mod comparison;
mod conclude;
mod extract;
mod markdown;
mod measure;
mod noise;
mod plan;
pub(crate) mod rank;
mod side;
mod text;

pub use comparison::{
    Answer, Comparison, Conclusion, Direction, MeasureComparison, Part, ScenarioComparison,
    VerdictChange,
};
pub use conclude::{DifferentBackends, LEVEL, Noise, compare};
pub use markdown::markdown;
pub use measure::{Measure, Unit, Worse};
pub use plan::{PlanDifference, PlanDifferences};
pub use side::{Refused, Side};
pub use text::text;

#[cfg(test)]
mod tests;
