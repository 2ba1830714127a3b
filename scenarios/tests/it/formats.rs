//! What the command line prints for other programs, against the published schema.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{command, ended};

/// The published schema, as other programs read it.
fn schema() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../reports/schema/run-report.schema.json");
    let text = fs::read_to_string(path).expect("the schema is published");
    serde_json::from_str(&text).expect("JSON")
}

/// The line, if the schema accepts it.
#[track_caller]
fn check_accepted(line: &str) -> Value {
    let validator = jsonschema::draft202012::new(&schema()).expect("a schema");
    let line: Value = serde_json::from_str(line).expect("one JSON object a line");
    let complaints: Vec<String> =
        validator.iter_errors(&line).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(complaints.is_empty(), "{line}: {complaints:?}");
    line
}

/// Runs one scenario and returns its line.
#[track_caller]
fn check_run(arguments: &[&str], code: i32) -> Value {
    let arguments = [&["run", "--format", "json"], arguments].concat();
    let output = command(&arguments).output().expect("squall can be started");
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    check_accepted(&String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn a_passed_run_is_as_the_schema_says() {
    let line = check_run(&["paused-dependency", "--seed", "7"], 0);
    assert_eq!((&line["verdict"], &line["end"]), (&"pass".into(), &"completed".into()));
    assert_eq!(line["objectives"][0]["reason"], "");
}

#[test]
fn a_failed_run_is_as_the_schema_says() {
    let line = check_run(&["reviews-hung", "--seed", "3", "--defect", "no-call-timeout"], 1);
    assert_eq!(line["verdict"], "fail");
    let worst =
        line["objectives"].as_array().expect("a list").iter().find_map(|it| it["worst"].as_u64());
    assert!(worst.is_some(), "{line}");
}

#[test]
fn an_interrupted_run_is_as_the_schema_says() {
    // A signal that comes between two runs interrupts none.
    let interrupted = (0..10).map(|_| interrupt()).find(|ends| ends.len() > 1);
    let ends = interrupted.expect("a run that went on when the signal came");
    assert_eq!(ends.last(), Some(&"interrupted".into()));
    assert!(ends[..ends.len() - 1].iter().all(|end| end == "completed"), "{ends:?}");
}

/// Interrupts runs after the first of them: how each of them ended.
fn interrupt() -> Vec<Value> {
    let mut child =
        command(&["run", "steady-state", "--seeds", "0..1000", "--jobs", "1", "--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("squall can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a first run").expect("text");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("there is a kill command").success());
    let mut ends = vec![check_accepted(&first)["end"].clone()];
    for line in lines {
        ends.push(check_accepted(&line.expect("text"))["end"].clone());
    }
    assert_eq!(ended(&mut child).code(), Some(130));
    ends
}
