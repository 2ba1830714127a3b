//! How true a simulation is: the same scenario with the same load, performed several times in
//! simulation and on other backends, side by side.
//!
//! [`Performed`] is filled with the runs of one scenario on one backend, of which it keeps what is
//! shown. [`ScenarioFidelity::between`] sets them side by side and [`Fidelity`] concludes; [`scenario_text`], [`summary_text`],
//! [`markdown`], [a page](fn@crate::html::fidelity) and [`Fidelity::to_json`] show it.
//!
//! What is wanted is the same verdict on every objective, and the 50th and 99th percentile of latency within
//! [`TOLERANCE`] of those of real runs, or within [`TOLERANCE_NS`] if that is more. A percentile that is
//! further off counts if the runs of the two backends differ by more than runs of one do:
//! Mann-Whitney U with Holm's correction, as in [`compare`](crate::compare).

mod agreement;
mod claims;
mod curves;
mod markdown;
mod measures;
mod performed;
mod scenario;
pub(crate) mod text;
mod whole;

pub use agreement::{Agreement, Conclusion, TOLERANCE, TOLERANCE_NS};
pub use claims::{ClaimOnSides, SideOfClaim};
pub use markdown::markdown;
pub use measures::Aspect;
pub use performed::{NotAlike, Performed};
pub use scenario::{FaultOnSides, MeasureOnSides, ScenarioFidelity, SideOfMeasure, SideOfScenario};
pub use text::{scenario as scenario_text, summary as summary_text};
pub use whole::Fidelity;

pub(crate) use curves::Curves;

#[cfg(test)]
mod tests;
