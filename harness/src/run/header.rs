//! What a record says at its beginning: what was run, and what was meant to happen.

use squall_reports::record::{Backend, FaultSpan, Header, SCHEMA};

use crate::plan::{FaultKind, Plan, nanos};

/// What a record says about the run besides what the plan says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Title {
    pub(crate) scenario: String,
    pub(crate) hypothesis: String,
    pub(crate) defects: Vec<String>,
}

impl Title {
    /// The header of a run: it has the `plan` as it was written, and the hosts and times that it comes
    /// to, which `whole` has. `counts` says what the count of a fault counts there.
    pub(crate) fn header(
        self,
        backend: Backend,
        (plan, whole): (&Plan, &Plan),
        seed: u64,
        counts: impl Fn(&FaultKind) -> &'static str,
    ) -> Header {
        let begin = nanos(plan.boot);
        Header {
            schema: SCHEMA,
            backend,
            scenario: self.scenario,
            hypothesis: self.hypothesis,
            seed,
            defects: self.defects,
            hosts: whole.topology.hosts.iter().map(|host| host.name.clone()).collect(),
            faults: whole
                .faults
                .iter()
                .map(|fault| FaultSpan {
                    kind: fault.kind.name().to_owned(),
                    label: fault.label(),
                    inject: begin + nanos(fault.inject),
                    heal: begin + nanos(fault.heal),
                    counts: counts(&fault.kind).to_owned(),
                })
                .collect(),
            operations: whole.planned_operations(),
            phases: whole.phases(),
            plan: serde_json::to_value(plan).expect("plans are plain data"),
        }
    }
}
