//! Files whose findings were changed, and files without a plan.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::json;
use squall_reports::{
    record::{EventKind, Outcome, Record, Request},
    verdict::{Judgement, Verdict},
};

use super::Stored;
use crate::{judge::judge, objective::p99, run::perform::tests::failed_run};

/// A file that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn of(name: &str, record: &Record, judgement: &Judgement) -> Self {
        let name = format!("squall-stored-{}-{name}.jsonl", std::process::id());
        let scratch = Self(std::env::temp_dir().join(name));
        record.write(judgement, &scratch.0).expect("a scratch file");
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A record with one request of 300 ms, which is to take 200 ms.
fn record() -> Record {
    let mut record = failed_run(squall_reports::record::EndCause::Completed).record;
    let slow = p99().at_most(Duration::from_millis(200)).over_the_run();
    record.header.plan = json!({ "objectives": [slow] });
    record.header.phases = crate::plan::Plan::new(crate::plan::Topology::new()).phases();
    record.header.phases[0].until = 1_000_000_000;
    let (route, note) = (record.symbols.intern("GET /"), record.symbols.intern(""));
    let request = Request {
        id: 1,
        client: 0,
        route,
        intended: 0,
        started: 0,
        outcome: Outcome::Succeeded,
        status: 200,
        attempts: 1,
        note,
    };
    let what = EventKind::Request(request);
    record.events.push(squall_reports::record::Event { at: 300_000_000, what });
    record
}

#[test]
fn what_was_kept_is_what_counts_if_it_is_what_the_events_give() {
    let record = record();
    let objectives = super::objectives(&record).expect("objectives");
    let judgement = judge(&record, &objectives);
    assert_eq!(judgement.verdict, Verdict::Fail);
    let scratch = Scratch::of("same", &record, &judgement);
    let stored = Stored::read(&scratch.0).expect("a record");
    assert_eq!((stored.judgement, stored.differs), (judgement, None));
}

#[test]
fn changed_findings_change_no_verdict_and_are_named() {
    let record = record();
    let mut kept = judge(&record, &super::objectives(&record).expect("objectives"));
    for finding in &mut kept.findings {
        finding.verdict = Verdict::Pass;
    }
    let scratch = Scratch::of("changed", &record, &Judgement::of(kept.findings));
    let stored = Stored::read(&scratch.0).expect("a record");
    assert_eq!(stored.judgement.verdict, Verdict::Fail);
    let differs = stored.differs.expect("a difference");
    assert!(differs.contains("p99 latency (kept pass, judged FAIL)"), "{differs}");
    // Findings that are missing altogether make no record that passes.
    let scratch = Scratch::of("none", &record, &Judgement::of(Vec::new()));
    let stored = Stored::read(&scratch.0).expect("a record");
    assert_eq!(stored.judgement.verdict, Verdict::Fail);
    assert!(stored.differs.expect("a difference").contains("p99 latency (not kept)"));
}

#[test]
fn a_record_without_objectives_to_read_is_refused() {
    let mut record = record();
    record.header.plan = json!({ "objectives": ["p99"] });
    let scratch = Scratch::of("plan", &record, &Judgement::of(Vec::new()));
    let error = Stored::read(&scratch.0).expect_err("no objectives").to_string();
    assert!(error.contains("expected a plan with objectives to judge the record by"), "{error}");
}

/// What a run was found to be is found again, also what follows from what.
#[test]
fn what_was_kept_with_a_run_is_what_its_record_gives() {
    let records = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/records");
    for name in ["reviews-hung", "pool-broker-crashes", "deploy-rolling-update"] {
        let path = PathBuf::from(records).join(name).with_extension("jsonl");
        let (_, kept) = Record::read(&path).expect("a whole record");
        let judged = Stored::read(&path).expect("a whole record");
        assert_eq!(judged.judgement, kept, "{name}");
        assert_eq!(judged.differs, None, "{name}");
    }
}
