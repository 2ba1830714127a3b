//! What a run that failed shows, and what it does not.

use std::time::Duration;

use squall_reports::{
    SCHEMA,
    record::{AttributeTable, End, EndCause, Header, Record, Symbols},
    verdict::{Finding, FindingKind, Judgement, Verdict},
};

use super::Run;

fn finding(kind: FindingKind, name: &str, verdict: Verdict) -> Finding {
    Finding {
        kind,
        name: name.to_owned(),
        scope: String::new(),
        phase: None,
        bound: String::new(),
        observed: String::new(),
        verdict,
        samples: 1,
        margin: None,
        figures: None,
        worst: None,
        reason: String::new(),
        note: String::new(),
        at: None,
        follows: None,
    }
}

/// A run that ended like this, with a failure of each kind and an objective that passed.
pub(crate) fn failed_run(cause: EndCause) -> Run {
    let findings = vec![
        finding(FindingKind::Objective, "p50 latency", Verdict::Pass),
        finding(FindingKind::Objective, "p99 latency", Verdict::Fail),
        finding(FindingKind::Invariant, "conservation", Verdict::Fail),
        finding(FindingKind::Fault, "slow pricing", Verdict::Fail),
        finding(FindingKind::Completion, "completion", Verdict::Fail),
    ];
    Run {
        record: Record {
            header: Header {
                schema: SCHEMA,
                backend: squall_reports::record::Backend::Simulation,
                scenario: "handmade".to_owned(),
                hypothesis: String::new(),
                seed: 1,
                defects: Vec::new(),
                hosts: Vec::new(),
                faults: Vec::new(),
                operations: Vec::new(),
                phases: Vec::new(),
                plan: serde_json::Value::Null,
            },
            symbols: Symbols::default(),
            attributes: AttributeTable::default(),
            events: Vec::new(),
            end: End { at: 0, cause },
        },
        judgement: Judgement::of(findings),
        wall: Duration::ZERO,
    }
}

fn limit(limit: &str) -> EndCause {
    EndCause::LimitReached { limit: limit.to_owned() }
}

#[test]
fn only_a_claim_in_a_complete_run_has_failed() {
    let run = failed_run(EndCause::Completed);
    let names: Vec<&str> = run.failed().iter().map(|finding| finding.name.as_str()).collect();
    assert_eq!(names, ["p99 latency", "conservation"]);
    for cause in [EndCause::Interrupted, limit("10 packets (packets_max)")] {
        assert!(failed_run(cause).failed().is_empty());
    }
}

#[test]
fn only_real_time_runs_out() {
    assert!(failed_run(limit("50ms of real time (wall_time_ms)")).is_out_of_time());
    for cause in [EndCause::Completed, limit("1s of virtual time (virtual_time_ms)")] {
        assert!(!failed_run(cause).is_out_of_time());
    }
}
