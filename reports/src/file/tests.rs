//! Tests of records on disk: what is written is read, and what was tampered with is refused.

use std::{fs, path::PathBuf};

use super::ReadError;
use crate::{Record, fixture, verdict::Judgement};

/// A file that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("squall-record-{}-{name}.jsonl", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn holding(name: &str, text: &str) -> Self {
        let scratch = Self::new(name);
        fs::write(&scratch.0, text).expect("a scratch file");
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The lines of a good file.
fn lines(name: &str) -> Vec<String> {
    let scratch = Scratch::new(name);
    fixture::record().write(&fixture::judged([fixture::failed()]), &scratch.0).expect("written");
    let text = fs::read_to_string(&scratch.0).expect("a file");
    text.lines().map(str::to_owned).collect()
}

/// Reading `text` is refused as damage at `line` for a reason that contains `reason`.
#[track_caller]
fn check_damaged(name: &str, text: &str, expected_line: usize, expected: &str) {
    let scratch = Scratch::holding(name, text);
    match Record::read(&scratch.0) {
        Err(ReadError::Damaged { line, reason, path }) => {
            assert_eq!((line, &path), (expected_line, &scratch.0), "{reason}");
            assert!(reason.contains(expected), "found: {reason}");
        }
        other => panic!("expected damage, found {other:?}"),
    }
}

#[test]
fn what_is_written_is_read() {
    let scratch = Scratch::new("round-trip");
    let findings = vec![fixture::passed(), fixture::failed()];
    let (record, judgement) = (fixture::record(), Judgement::of(findings));
    record.write(&judgement, &scratch.0).expect("written");
    let (read, found) = Record::read(&scratch.0).expect("read");
    assert_eq!(read, record);
    assert_eq!(found, judgement);
    assert_eq!(read.digest(), record.digest());
    assert!(!scratch.0.with_extension("partial").exists(), "the file beside was left behind");
}

#[test]
fn every_line_but_the_last_is_one_fact() {
    let lines = lines("lines");
    assert_eq!(lines.len(), 3 + fixture::record().events.len() + 2);
    assert!(
        lines[0].starts_with(r#"{"schema":3,"backend":"simulation","scenario":"reviews-slow""#),
        "{}",
        lines[0]
    );
    assert!(lines[1].starts_with(r#"{"symbols":["","#), "{}", lines[1]);
    assert!(lines[2].starts_with(r#"{"attributes":[[],[["#), "{}", lines[2]);
    assert_eq!(lines[3], r#"{"event":{"at":0,"what":{"mark":"load_begins"}}}"#);
}

#[test]
fn a_folder_that_is_not_there_is_refused() {
    let path = std::env::temp_dir().join("squall-no-such-folder").join("record.jsonl");
    let error =
        fixture::record().write(&fixture::judged([]), &path).expect_err("no folder").to_string();
    assert!(error.starts_with(&format!("cannot write the record {}: ", path.display())), "{error}");
    let error = Record::read(&path).expect_err("no file");
    assert!(matches!(error, ReadError::Io { .. }), "{error}");
}

#[test]
fn an_empty_file_is_refused() {
    check_damaged("empty", "", 1, "expected a header, the file is empty");
}

#[test]
fn what_is_not_json_is_refused() {
    check_damaged("not-json", "once upon a time\n", 1, "expected a header, expected value");
    check_damaged("no-schema", "{}\n", 1, "expected a header with a schema version");
    check_damaged("half-header", "{\"schema\":3}\n", 1, "missing field `backend`");
    let mut lines = lines("broken-event");
    lines[4] = "{\"event\":".to_owned();
    check_damaged("broken-event", &lines.join("\n"), 5, "expected an event");
}

#[test]
fn another_schema_is_refused_before_anything_is_guessed() {
    let scratch = Scratch::holding("schema", "{\"schema\":1,\"anything\":true}\n");
    let error = Record::read(&scratch.0).expect_err("another schema");
    assert_eq!(
        error.to_string(),
        format!(
            "the record {} is of schema version 1, this squall reads version 3: run it with the \
             version that wrote it",
            scratch.0.display()
        )
    );
}

#[test]
fn a_file_that_stops_is_refused_wherever_it_stops() {
    let lines = lines("cut");
    for kept in 1..lines.len() {
        let text = lines[..kept].join("\n");
        check_damaged("cut", &text, kept + 1, "the file stops before it");
    }
}

#[test]
fn a_file_that_stops_inside_a_line_is_refused() {
    let lines = lines("torn");
    let mut text = lines[..5].join("\n");
    text.truncate(text.len() - 7);
    check_damaged("torn", &text, 5, "expected an event");
}

#[test]
fn a_changed_event_is_refused() {
    let text = lines("changed").join("\n");
    let changed = text.replacen("\"at\":12000000", "\"at\":12000001", 1);
    assert_ne!(text, changed);
    let last = text.lines().count();
    check_damaged("changed", &changed, last, "it was changed");
}

#[test]
fn a_changed_name_is_refused() {
    let text = lines("renamed").join("\n");
    let changed = text.replacen("\"GET /x\"", "\"GET /y\"", 1);
    assert_ne!(text, changed);
    check_damaged("renamed", &changed, text.lines().count(), "it was changed");
}

#[test]
fn a_header_without_phases_is_refused() {
    let mut lines = lines("phases");
    let mut header: serde_json::Value = serde_json::from_str(&lines[0]).expect("a header");
    header["phases"] = serde_json::json!([]);
    lines[0] = header.to_string();
    check_damaged("phases", &lines.join("\n"), 1, "expected at least one phase");
}

#[test]
fn a_changed_plan_is_refused() {
    let text = lines("plan").join("\n");
    let changed = text.replacen(r#""plan":{"load":"constant"}"#, r#""plan":{"load":"none"}"#, 1);
    assert_ne!(text, changed);
    check_damaged("plan", &changed, text.lines().count(), "the plan has the digest");
}

#[test]
fn a_changed_attribute_is_refused() {
    let text = lines("attribute").join("\n");
    let start = text.find("{\"attributes\":[[],").expect("a table") + "{\"attributes\":[[],".len();
    let end = start + text[start..].find("]]").expect("a set") + "]]".len();
    let changed = format!("{}[]{}", &text[..start], &text[end..]);
    check_damaged("attribute", &changed, text.lines().count(), "it was changed");
}
