//! The schema: that the published file is what the types give, and what it accepts.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::schema;
use crate::{
    Record, Report, fixture,
    json::RunReport,
    record::EndCause,
    verdict::{Finding, Judgement},
};

fn line(record: &Record, judgement: &Judgement, wall_ms: Option<u64>) -> Value {
    let report = Report { record, judgement, replay: "again", source: None };
    serde_json::from_str(&RunReport::new(&report, wall_ms).to_line()).expect("JSON")
}

fn any() -> Value {
    let judgement = fixture::judged([fixture::passed(), fixture::failed()]);
    line(&fixture::record(), &judgement, Some(12))
}

/// What is wrong with `line`, each with its place.
fn complaints(line: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&schema()).expect("a schema");
    validator.iter_errors(line).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[track_caller]
fn check_refused(place: &str, change: impl FnOnce(&mut Value)) {
    let mut line = any();
    change(&mut line);
    let complaints = complaints(&line);
    assert!(complaints.iter().any(|it| it.starts_with(place)), "{complaints:?}");
}

#[test]
fn the_published_file_is_what_the_types_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/run-report.schema.json");
    let given = schema();
    if std::env::var_os("SQUALL_WRITE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&given).expect("plain data") + "\n";
        fs::write(&path, text).expect("the folder is there");
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        serde_json::from_str::<Value>(&published).is_ok_and(|published| published == given),
        "{} is not what the types give; look at the difference after \
         `SQUALL_WRITE_SCHEMA=1 cargo test -p squall-reports published`",
        path.display()
    );
}

#[test]
fn what_runs_come_to_is_accepted() {
    let nobody = || ("api".to_owned(), "no such thing".to_owned());
    let (host, message) = nobody();
    let (other, what) = nobody();
    let ends = [
        EndCause::Completed,
        EndCause::Interrupted,
        EndCause::Panicked { host: host.clone(), message: message.clone() },
        EndCause::ServiceFailed { host, message },
        EndCause::NotDeterministic { host: other, what },
        EndCause::LimitReached { limit: "10 packets (packets_max)".to_owned() },
    ];
    let inconclusive = Finding { margin: None, worst: None, phase: None, ..fixture::passed() };
    for cause in ends {
        let mut record = fixture::record();
        record.end.cause = cause;
        for findings in [vec![], vec![fixture::failed()], vec![inconclusive.clone()]] {
            let line = line(&record, &Judgement::of(findings), None);
            assert_eq!(complaints(&line), Vec::<String>::new(), "{line}");
        }
    }
}

#[test]
fn what_is_no_report_is_refused() {
    for field in any().as_object().expect("an object").keys() {
        check_refused("", |line| {
            line.as_object_mut().expect("an object").remove(field);
        });
    }
    check_refused("/verdict", |line| line["verdict"] = json!("no data"));
    check_refused("/digest", |line| line["digest"] = json!("c0ffee"));
    check_refused("/seed", |line| line["seed"] = json!(-1));
    check_refused("/seed", |line| line["seed"] = json!(9_007_199_254_740_993_u64));
    check_refused("/end", |line| line["end"] = json!({"exploded": {}}));
    check_refused("/objectives/0/phase", |line| line["objectives"][0]["phase"] = json!("dusk"));
    check_refused("/objectives/1", |line| line["objectives"][1] = json!({"name": "p99"}));
    check_refused("/faults/0/affected", |line| line["faults"][0]["affected"] = json!("many"));
    check_refused("/requests", |line| line["requests"] = json!([]));
}

/// A program that validates today must not break on a field that comes tomorrow.
#[test]
fn fields_of_a_later_version_are_accepted() {
    let mut line = any();
    line["weather"] = json!("fair");
    line["objectives"][0]["colour"] = json!("green");
    assert_eq!(complaints(&line), Vec::<String>::new());
}
