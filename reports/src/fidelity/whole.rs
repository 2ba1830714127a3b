//! All scenarios, and what they come to.

use serde::Serialize;

use super::{
    ScenarioFidelity,
    agreement::{Conclusion, TOLERANCE, TOLERANCE_NS},
};
use crate::compare::LEVEL;

/// Scenarios in simulation and on other backends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Fidelity {
    /// The level of the tests, [`LEVEL`].
    pub level: f64,
    /// [`TOLERANCE`].
    pub tolerance: f64,
    /// [`TOLERANCE_NS`].
    pub tolerance_ns: f64,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// The scenarios, in the order in which they were performed.
    pub scenarios: Vec<ScenarioFidelity>,
}

impl Fidelity {
    /// What these scenarios come to.
    #[must_use]
    pub fn of(scenarios: Vec<ScenarioFidelity>) -> Self {
        let worst = scenarios.iter().map(ScenarioFidelity::conclusion).max();
        Self {
            level: LEVEL,
            tolerance: TOLERANCE,
            tolerance_ns: TOLERANCE_NS,
            conclusion: worst.unwrap_or(Conclusion::Inconclusive),
            scenarios,
        }
    }

    /// What it comes to, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self.conclusion {
            Conclusion::Close => {
                "close: the same verdicts, and every p50 and p99 within the tolerance or within noise"
            }
            Conclusion::Inconclusive if self.scenarios.is_empty() => {
                "inconclusive: nothing was performed"
            }
            Conclusion::Inconclusive => {
                "inconclusive: something has no data, runs were left out, or there are too few of them"
            }
            Conclusion::Apart => "apart: a verdict differs, or a p50 or p99 is too far off",
        }
    }

    /// All of it as one JSON object, for other programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("it is plain data")
    }
}
