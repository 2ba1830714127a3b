//! A run as one JSON object, for other programs.
//!
//! What such an object looks like is published as a JSON Schema, `reports/schema/`, which is made
//! of the types here.

mod schema;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Report,
    record::{Backend, Digest, EndCause, OperationSpan, OperationState},
    report::{Open, open, titled_on},
    tally::Tally,
    verdict::{Finding, Verdict},
    words,
};

pub use schema::schema;

/// What other programs are told of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RunReport {
    /// The version of the record's schema.
    pub schema: u32,
    /// Who performed the plan.
    pub backend: Backend,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario claims.
    pub hypothesis: String,
    /// The seed of all randomness.
    #[serde(with = "crate::seed")]
    #[schemars(with = "crate::seed::SeedSchema")]
    pub seed: u64,
    /// The defects that were switched on.
    pub defects: Vec<String>,
    /// The verdict on the run.
    pub verdict: Verdict,
    /// The digest of its record. Two runs of a simulation with the same one are the same run.
    pub digest: Digest,
    /// Why the run ended.
    pub end: EndCause,
    /// All findings: on objectives, invariants, faults and completion.
    pub objectives: Vec<Finding>,
    /// The faults, with what they affected.
    pub faults: Vec<FaultReport>,
    /// The operations on the cluster that began, with what they came to.
    pub operations: Vec<OperationReport>,
    /// The requests of the load, counted by outcome.
    pub requests: Tally,
    /// How long the run was, in milliseconds of virtual time; on processes, of real time.
    pub sim_ms: u64,
    /// How long the run took, in milliseconds; not given for a record that was read from a file.
    pub wall_ms: Option<u64>,
    /// The command that runs it again.
    pub replay: String,
    /// The file that the scenario is written in, relative to the root of its repository.
    pub source: Option<String>,
}

/// A fault, and what it affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FaultReport {
    /// The kind of the fault.
    pub kind: String,
    /// Kind, target and attributes in one line for people.
    pub label: String,
    /// When it was to be injected, in milliseconds since the run began.
    pub inject_ms: u64,
    /// When it was to be healed, in milliseconds since the run began.
    pub heal_ms: u64,
    /// How much it affected.
    pub affected: u64,
    /// What that counts.
    pub counts: String,
}

/// An operation on the cluster, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct OperationReport {
    /// What was done, and to what.
    pub label: String,
    /// When it began, in milliseconds since the run began.
    pub began_ms: u64,
    /// When it ended; null if it was not over at the end of the run.
    pub ended_ms: Option<u64>,
    /// How it ended; null if it did not.
    pub outcome: Option<OperationState>,
}

impl fmt::Display for OperationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |ms: u64| words::time(ms.saturating_mul(NANOS_PER_MS));
        write!(f, "{}, from {}", self.label, shown(self.began_ms))?;
        match (self.ended_ms, self.outcome) {
            (Some(at), Some(how)) => write!(f, " to {}: {}", shown(at), how.name()),
            _ => f.write_str(" on: not over"),
        }
    }
}

const NANOS_PER_MS: u64 = 1_000_000;

impl RunReport {
    /// What `report` comes to.
    #[must_use]
    pub fn new(report: &Report<'_>, wall_ms: Option<u64>) -> Self {
        let (record, judgement) = (report.record, report.judgement);
        let header = &record.header;
        let fault = |(fault, affected): (&crate::record::FaultSpan, u64)| FaultReport {
            kind: fault.kind.clone(),
            label: fault.label.clone(),
            inject_ms: fault.inject / NANOS_PER_MS,
            heal_ms: fault.heal / NANOS_PER_MS,
            affected,
            counts: fault.counts.clone(),
        };
        let operation = |span: OperationSpan<'_>| OperationReport {
            label: span.label.to_owned(),
            began_ms: span.from / NANOS_PER_MS,
            ended_ms: span.ended.map(|(at, _)| at / NANOS_PER_MS),
            outcome: span.ended.map(|(_, how)| how),
        };
        Self {
            schema: header.schema,
            backend: header.backend,
            scenario: header.scenario.clone(),
            hypothesis: header.hypothesis.clone(),
            seed: header.seed,
            defects: header.defects.clone(),
            verdict: judgement.verdict,
            digest: record.digest(),
            end: record.end.cause.clone(),
            objectives: judgement.findings.clone(),
            faults: header.faults.iter().zip(record.affected()).map(fault).collect(),
            operations: record.operations().into_iter().map(operation).collect(),
            requests: record.requests().map(|(_, request)| request.outcome).collect(),
            sim_ms: record.end.at / NANOS_PER_MS,
            wall_ms,
            replay: report.replay.to_owned(),
            source: report.source.map(str::to_owned),
        }
    }

    /// The scenario, with the defects that were switched on, and where it was performed if that was
    /// no simulation.
    #[must_use]
    pub fn title(&self) -> String {
        titled_on(&self.scenario, &self.defects, self.backend)
    }

    /// The findings that are not a pass, failures first, and what has no data for one reason as one.
    pub(crate) fn open(&self) -> Vec<Open<'_>> {
        open(&self.objectives)
    }

    /// The report in one line.
    #[must_use]
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("reports are plain data")
    }
}

#[cfg(test)]
mod tests;
