//! The command line as a user meets it: exit codes, what is printed where, and what is written.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use squall_reports::record::EndCause;

use super::support::{Folder, check_refused, command, ended, squall, text};

#[test]
fn bad_arguments_are_refused_in_one_sentence() {
    check_refused(&["run", "nope"], "no scenario has \"nope\" in its name");
    check_refused(&["run", "--seed", "seven"], "invalid value 'seven' for '--seed <N>'");
    check_refused(&["run", "--seed", "18446744073709551616"], "number too large");
    check_refused(&["run", "--seeds", "5..5"], "expected two seeds A..B with A below B");
    check_refused(&["run", "--seeds", "0..100001"], "expected at most 100000 seeds");
    check_refused(&["run", "--seed", "1", "--seeds", "1..2"], "cannot be used with");
    check_refused(&["run", "--defect", "nix"], "expected one of the defects sequential-calls");
    check_refused(&["run", "--format", "xml"], "invalid value 'xml'");
    check_refused(&["run", "--jobs", "0"], "0 is not in 1..=256");
    check_refused(&["sprint"], "unrecognized subcommand 'sprint'");
    check_refused(&["new", "Not_A_Name"], "expected a name of lower-case words");
    for reserved in ["loop", "match", "async", "crate", "squall", "std"] {
        check_refused(&["new", reserved], "expected a name that a Rust module can have");
    }
    check_refused(&["new", "steady-state"], "there is already a scenario steady-state");
}

#[test]
fn unreadable_records_are_refused_in_one_sentence() {
    let folder = Folder::new("unreadable");
    let file = |name: &str, content: &[u8]| {
        let path = folder.0.join(name);
        fs::write(&path, content).expect("the file can be written");
        path.to_string_lossy().into_owned()
    };
    check_refused(&["replay", "/nowhere/at.all"], "cannot read the record");
    check_refused(&["replay", &file("empty", b"")], "expected a header, the file is empty");
    check_refused(&["replay", &file("prose", b"hello\n")], "damaged at line 1: expected a header");
    check_refused(&["replay", &file("binary", &[0xff, 0xfe, 0])], "cannot read the record");
    check_refused(&["replay", &file("old", b"{\"schema\":0}\n")], "is of schema version 0");
    check_refused(&["replay", &file("new", b"{\"schema\":99}\n")], "is of schema version 99");
}

#[test]
fn help_has_examples_and_succeeds() {
    for command in ["run", "report", "replay", "compare", "defects", "new", "init"] {
        let output = squall(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        assert!(text(&output.stdout).contains("Example"), "{command}");
    }
}

#[test]
fn the_list_names_every_scenario_and_what_it_claims() {
    let output = squall(&["list"]);
    assert!(output.status.success());
    let out = text(&output.stdout);
    for listed in squall_scenarios::catalogue().scenarios() {
        assert!(out.contains(listed.scenario.name()), "{}", listed.scenario.name());
        assert!(out.contains(listed.scenario.hypothesis()), "{}", listed.scenario.name());
    }
}

#[test]
fn a_run_is_recorded_and_replayed_to_the_same_digest() {
    let folder = Folder::new("recorded");
    let path = folder.0.to_string_lossy().into_owned();
    let run =
        squall(&["run", "inventory-down", "--seed", "7", "--format", "json", "--record", &path]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(folder.files(), ["inventory-down-7.jsonl"]);
    let line: serde_json::Value = serde_json::from_slice(&run.stdout).expect("one JSON object");
    for field in [
        "scenario",
        "seed",
        "verdict",
        "digest",
        "objectives",
        "faults",
        "requests",
        "sim_ms",
        "wall_ms",
    ] {
        assert!(line.get(field).is_some(), "no {field} in {line}");
    }
    assert_eq!(line["verdict"], "pass");
    assert_eq!(line["faults"][0]["affected"], 1);

    let record = folder.0.join("inventory-down-7.jsonl");
    let replay = squall(&["replay", &record.to_string_lossy()]);
    let out = text(&replay.stdout);
    assert!(replay.status.success(), "{out}{}", text(&replay.stderr));
    let digest = line["digest"].as_str().expect("a digest");
    assert!(out.contains(&format!("the same digest as the record: {digest}")), "{out}");

    let whole = fs::read(&record).expect("the record");
    fs::write(&record, &whole[..whole.len() / 2]).expect("the record can be cut");
    check_refused(&["replay", &record.to_string_lossy()], "is damaged at line");
}

#[test]
fn runs_are_drawn_into_a_folder_and_drawn_again_from_their_records() {
    let drawn = Folder::new("drawn");
    let kept = Folder::new("kept");
    let [pages, records] = [&drawn, &kept].map(|folder| folder.0.to_string_lossy().into_owned());
    let scenario = "paused-dependency";
    let run = squall(&["run", scenario, "--seed", "7", "--report", &pages, "--record", &records]);
    assert!(run.status.success(), "{}", text(&run.stderr));
    let index = drawn.0.join("index.html");
    assert!(text(&run.stdout).ends_with(&format!("report: {}\n", index.display())));
    let own = |end: &str| format!("{scenario}-7{end}");
    let mut expected = ["annotations.txt", "index.html", "junit.xml", "metrics.prom", "runs.jsonl"]
        .map(str::to_owned)
        .to_vec();
    expected.extend([own(".html"), own(".trace.json"), "summary.md".to_owned()]);
    expected.sort();
    assert_eq!(drawn.files(), expected);
    let read = |folder: &Folder, name: &str| {
        fs::read_to_string(folder.0.join(name)).expect("a file of the report")
    };
    let page = read(&drawn, &own(".html"));
    assert!(page.contains("cargo squall run paused-dependency --seed 7"));

    let again = squall(&["report", &records, "--html", "--junit"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let files = ["index.html".to_owned(), "junit.xml".to_owned(), own(".html"), own(".jsonl")];
    assert_eq!(kept.files(), files);
    assert_eq!(read(&kept, &own(".html")), page, "the same from the record");

    fs::write(kept.0.join("cut.jsonl"), "{\"schema\":99}\n").expect("a file");
    let again = squall(&["report", &records, "--html"]);
    assert_eq!(again.status.code(), Some(3), "not all of it could be read");
    assert!(text(&again.stderr).contains("is of schema version 99"));
    let index = read(&kept, "index.html");
    assert!(index.contains("cut.jsonl") && index.contains(&own(".html")), "{index}");
    check_refused(&["report", "/nowhere/at/all"], "cannot read the folder");
    let empty = Folder::new("empty");
    check_refused(&["report", &empty.0.to_string_lossy()], "expected records (NAME.jsonl");
}

#[test]
fn a_defect_fails_the_run_with_a_sentence_that_explains_it() {
    let run = squall(&["run", "reviews-hung", "--seed", "3", "--defect", "no-call-timeout"]);
    let out = text(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{out}");
    assert!(out.contains("p100 latency was"), "{out}");
    assert!(out.contains("over the bound of 152 ms"), "{out}");
    assert!(out.contains("follows   FAIL p99 latency (during): "), "{out}");
    assert!(
        out.contains("replay: cargo squall run reviews-hung --seed 3 --defect no-call-timeout"),
        "{out}"
    );
}

#[test]
fn an_interrupted_run_keeps_what_it_has() {
    check_interrupted("INT");
}

/// CI systems cancel with SIGTERM.
#[test]
fn a_cancelled_run_keeps_what_it_has() {
    check_interrupted("TERM");
}

/// A terminal that is closed sends SIGHUP.
#[test]
fn a_run_whose_terminal_is_closed_keeps_what_it_has() {
    check_interrupted("HUP");
}

/// Is a run going on, as the command itself says?
fn is_running(folder: &Folder) -> bool {
    let said = fs::read_to_string(folder.0.join("in-progress.json")).unwrap_or_default();
    said.contains("reached_ms")
}

fn check_interrupted(signal: &str) {
    let folder = Folder::new(&format!("interrupted-by-{signal}"));
    let path = folder.0.to_string_lossy().into_owned();
    let mut child =
        command(&["run", "steady-state", "--seeds", "0..1000", "--jobs", "1", "--record", &path])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("squall can be started");
    // The handler is installed before the first run begins, and a run takes longer than this.
    let patience = Instant::now();
    while (folder.kept().is_empty() || !is_running(&folder))
        && patience.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupted = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(interrupted.expect("there is a kill command").success());
    let status = ended(&mut child);
    assert_eq!(status.code(), Some(130));
    let read = |name: &String| {
        squall_reports::Record::read(&folder.0.join(name)).expect("a whole record").0
    };
    let records: Vec<(String, squall_reports::Record)> =
        folder.files().into_iter().map(|name| (name.clone(), read(&name))).collect();
    assert!(records.iter().all(|(_, record)| record.header.scenario == "steady-state"));
    let (cut, whole): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|(_, record)| record.end.cause == EndCause::Interrupted);
    let [(name, cut)] = cut.as_slice() else { panic!("{} interrupted records", cut.len()) };
    let fewest = whole.iter().map(|(_, record)| record.events.len()).min().expect("a whole one");
    assert!(cut.events.len() < fewest, "{} of {fewest} events", cut.events.len());
    // What there is of it can be replayed, by a run that completes.
    let replay = squall(&["replay", &folder.0.join(name).to_string_lossy()]);
    let out = text(&replay.stdout);
    assert_eq!(replay.status.code(), Some(0), "{out}{}", text(&replay.stderr));
    assert!(out.contains("the same events as the record, as far as it goes"), "{out}");
    assert!(folder.files().iter().all(|name| name.ends_with(".jsonl")), "nothing half written");
    // And it can be drawn, as what it is.
    squall(&["report", &folder.path(), "--html"]);
    let page = fs::read_to_string(folder.0.join(name).with_extension("html")).expect("its page");
    assert!(page.contains("Partial record") && page.contains("the run was interrupted"), "{page}");
}
