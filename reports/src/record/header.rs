//! What a run was, and what was meant to happen in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PlannedOperation;

/// The first part of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the schema, [`SCHEMA`](super::SCHEMA).
    pub schema: u32,
    /// Who performed the plan.
    pub backend: Backend,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario claims, in one sentence.
    pub hypothesis: String,
    /// The seed of all randomness.
    #[serde(with = "crate::seed")]
    pub seed: u64,
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// The hosts; events refer to them by index.
    pub hosts: Vec<String>,
    /// The faults of the plan, in its order; events refer to them by index.
    pub faults: Vec<FaultSpan>,
    /// The operations on the plan's cluster, in order of time; events refer to them by index.
    pub operations: Vec<PlannedOperation>,
    /// The phases of the run, in order, without gaps. A phase that the plan does not have is
    /// left out.
    pub phases: Vec<PhaseSpan>,
    /// The plan as data.
    pub plan: serde_json::Value,
}

/// Who performs a plan.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Backend {
    /// A simulation in virtual time, which is the same each time.
    #[default]
    Simulation,
    /// Processes of this machine, in its time.
    Processes,
    /// Containers of this machine, in its time.
    Containers,
}

impl Backend {
    /// Its name, as commands take it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Processes => "processes",
            Self::Containers => "containers",
        }
    }

    /// Where it performs plans and in what time, for people.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Simulation => "simulation, in virtual time",
            Self::Processes => "processes of this machine, in real time",
            Self::Containers => "containers of this machine, in real time",
        }
    }

    /// Is a run with the same plan and seed the same run?
    #[must_use]
    pub fn is_deterministic(self) -> bool {
        self == Self::Simulation
    }
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// When a fault was meant to act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// The kind of the fault: `latency`, `partition`, `crash`.
    pub kind: String,
    /// Kind, target and attributes in one line for people.
    pub label: String,
    /// When it is injected.
    pub inject: u64,
    /// When it is healed.
    pub heal: u64,
    /// What the count of affected things counts: `packets`, `requests`, `connections`.
    pub counts: String,
}

/// A part of the run, relative to its faults.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the first fault.
    Baseline,
    /// From the first injection to the last heal.
    During,
    /// After the last heal, for as long as the plan allows for recovery.
    Recovery,
    /// When all should be as before.
    After,
}

impl Phase {
    /// All phases in the order of time.
    pub const ALL: [Self; 4] = [Self::Baseline, Self::During, Self::Recovery, Self::After];

    /// The phase's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::During => "during",
            Self::Recovery => "recovery",
            Self::After => "after",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// When a phase begins and ends: from `from`, up to but without `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseSpan {
    /// Which phase.
    pub phase: Phase,
    /// Its first instant.
    pub from: u64,
    /// The first instant after it.
    pub until: u64,
}

impl PhaseSpan {
    /// The phase of `phases` that `at` lies in, as [`Header::phase_at`] has it.
    #[must_use]
    pub fn phase_at(phases: &[Self], at: u64) -> Phase {
        let later = phases.iter().find(|span| at < span.until);
        later.or(phases.last()).map_or(Phase::Baseline, |span| span.phase)
    }
}

impl Header {
    /// The phase that `at` lies in: the last one for all that comes later, the first for all
    /// that comes before. Without phases everything is baseline.
    #[must_use]
    pub fn phase_at(&self, at: u64) -> Phase {
        PhaseSpan::phase_at(&self.phases, at)
    }

    /// The span of `phase`, if the run has it.
    #[must_use]
    pub fn span_of(&self, phase: Phase) -> Option<PhaseSpan> {
        self.phases.iter().copied().find(|span| span.phase == phase)
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;

    #[test]
    fn every_instant_has_a_phase() {
        let mut header = crate::fixture::record().header;
        assert_eq!(header.phase_at(0), Phase::Baseline);
        assert_eq!(header.phase_at(u64::MAX), Phase::During);
        header.phases.clear();
        assert_eq!(header.phase_at(u64::MAX), Phase::Baseline);
    }
}
