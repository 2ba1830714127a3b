//! Files that cannot be written, names that lead elsewhere, and what is no file.

use std::process::Command;

use super::{
    Test,
    catalogue::NAME,
    place::{Place, Ran, ran},
};

pub(crate) const TESTS: &[Test] = &[
    ("the_verdict_wins_over_what_could_not_be_written", the_verdict_wins),
    ("a_name_leads_to_no_other_file", names),
    ("a_record_names_no_other_file", names_of_records),
    ("a_pipe_is_no_record", pipes),
    ("what_cannot_be_read_does_not_mask_what_failed", unread),
];

/// Runs a scenario where something stands in the way of each file that is asked for in turn.
fn blocked(scenario: &str, blocked: &str) -> Ran {
    let place = Place::new(&format!("blocked-{scenario}-{}", blocked.replace('/', "-")));
    place.block(blocked);
    let (records, report) = (place.at("records"), place.at("report"));
    place.run(&["run", scenario, "--record", &records, "--report", &report])
}

fn the_verdict_wins() {
    for (scenario, code) in [("good", 3), ("bad", 1), ("panics", 1)] {
        for file in [
            format!("records/{scenario}-1.partial"),
            format!("report/{scenario}-1.html"),
            "report/junit.xml.partial".to_owned(),
            "report/index.html".to_owned(),
        ] {
            let ran = blocked(scenario, &file);
            assert_eq!(ran.code, Some(code), "{scenario}, {file}: {}", ran.err);
            assert!(ran.err.contains("squall: cannot write the re"), "{file}: {}", ran.err);
        }
    }
    let ran = blocked("bad", "fixtures/regressions/bad.seeds.partial");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("squall: cannot keep the failed seed"), "{}", ran.err);
}

fn names() {
    let long = "x".repeat(300);
    for name in ["../up", "a/b", "", "Good", "a b", "con", ".", &long] {
        let place = Place::new("names/inner");
        let records = place.at("records");
        let mut command = place.command(&["run", "--record", &records]);
        command.env(NAME, name);
        let ran = ran(command);
        assert_eq!(ran.code, Some(3), "{name:?}: {}", ran.err);
        let sentence = "scenario: expected a name of 1 to 100 lower-case letters";
        assert!(ran.err.contains(sentence), "{name:?}: {}", ran.err);
        assert!(ran.err.contains("named.rs"), "{name:?}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{name:?}: {}", ran.err);
        assert_eq!(place.files(), Vec::<String>::new(), "{name:?}");
    }
}

/// A record may come from anywhere.
fn names_of_records() {
    let place = Place::new("foreign");
    let records = place.at("records");
    assert_eq!(place.run(&["run", "good", "--record", &records]).code, Some(0));
    let record = place.read("records/good-1.jsonl");
    let foreign = record.replacen("\"scenario\":\"good\"", "\"scenario\":\"../../good\"", 1);
    assert_ne!(foreign, record);
    std::fs::write(place.path("records/good-1.jsonl"), foreign).expect("a file");
    let record = place.at("records/good-1.jsonl");
    for arguments in
        [&["report", &records][..], &["replay", &record], &["compare", &record, &record]]
    {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("expected a name of 1 to 100"), "{arguments:?}: {}", ran.err);
    }
}

fn pipes() {
    let place = Place::new("pipes");
    let records = place.at("records");
    assert_eq!(place.run(&["run", "good", "--record", &records]).code, Some(0));
    let pipe = place.at("records/pipe.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("there is a mkfifo command");
    assert!(made.success());
    for arguments in [
        &["report", &records][..],
        &["replay", &pipe],
        &["compare", &records, &records],
        &["compare", &pipe, &pipe],
        &["replay", "/dev/zero"],
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}: {}", ran.err);
        assert!(
            ran.err.contains("expected a regular file, found a "),
            "{arguments:?}: {}",
            ran.err
        );
    }
    // What is kept of runs may be one too.
    std::fs::create_dir_all(place.path("fixtures/regressions")).expect("a folder");
    let seeds = place.path("fixtures/regressions/good.seeds");
    assert!(Command::new("mkfifo").arg(seeds).status().is_ok_and(|made| made.success()));
    let ran = place.run(&["run", "good"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("expected a regular file, found a pipe"), "{}", ran.err);
}

fn unread() {
    let place = Place::new("unread");
    let records = place.at("records");
    assert_eq!(place.run(&["run", "bad", "--record", &records]).code, Some(1));
    std::fs::write(place.path("records/cut.jsonl"), "{\"schema\":99}\n").expect("a file");
    let ran = place.run(&["report", &records]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("is of schema version 99"), "{}", ran.err);
    std::fs::remove_file(place.path("records/bad-1.jsonl")).expect("it is there");
    assert_eq!(place.run(&["report", &records]).code, Some(3), "nothing could be read");
}
