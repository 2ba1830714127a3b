//! What is printed where, and what a command comes to that cannot print.

use std::process::Stdio;

use serde_json::Value;

use super::{
    Test,
    catalogue::{HOSTILE, SEED},
    place::{Place, ended, full, ran},
};

pub(crate) const TESTS: &[Test] = &[
    ("standard_output_for_programs_holds_nothing_else", json_alone),
    ("a_kept_seed_that_is_the_golden_s_runs_once", the_golden_s_seed_once),
    ("output_that_cannot_be_written_is_an_error", full_disk),
    ("a_reader_that_goes_first_is_no_error", closed_pipe),
    ("nobody_need_hear_what_is_said", deaf),
    ("a_passed_run_is_shown_when_asked_for", verbose),
    ("what_is_shown_fits_the_terminal", width),
    ("what_a_service_says_is_text", hostile),
    ("a_seed_is_not_rounded", large_seed),
];

/// The objects, if there is nothing but one in each line.
#[track_caller]
fn objects(out: &str) -> Vec<Value> {
    let read = |line: &str| {
        let object: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} in {out}"));
        assert!(object.is_object(), "{line}");
        object
    };
    assert!(out.ends_with('\n') || out.is_empty(), "{out:?}");
    out.lines().map(read).collect()
}

fn json_alone() {
    let place = Place::new("json");
    let ran = place.run(&["run", "bad", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert_eq!(objects(&ran.out).len(), 1);
    let kept =
        format!("squall: kept seed 1 of bad in {}\n", place.at("fixtures/regressions/bad.seeds"));
    assert!(ran.err.contains(&kept), "{}", ran.err);
    assert_eq!(place.files(), ["fixtures/regressions/bad.seeds"]);
    // For people it is part of what they read.
    let ran = place.run(&["run", "bad", "--seed", "2"]);
    assert!(ran.out.contains("  kept seed 2 of bad"), "{}", ran.out);
    for arguments in [&["list", "--format", "json"][..], &["defects", "--format", "json"]] {
        assert!(!objects(&place.run(arguments).out).is_empty());
    }
}

fn the_golden_s_seed_once() {
    let place = Place::new("twice");
    let seeds = |out: &str| -> Vec<String> {
        objects(out).iter().map(|run| run["seed"].as_str().expect("a string").to_owned()).collect()
    };
    for _ in 0..2 {
        let ran = place.run(&["run", "bad", "--format", "json"]);
        assert_eq!(seeds(&ran.out), [SEED.to_string()]);
    }
    std::fs::write(place.path("fixtures/regressions/bad.seeds"), "7\r\n7\r\n1").expect("a file");
    assert_eq!(seeds(&place.run(&["run", "bad", "--format", "json"]).out), ["7", "1"]);
}

/// Each command, in each format.
fn full_disk() {
    let place = Place::new("full");
    let (records, record) = (place.at("records"), place.at("records/good-1.jsonl"));
    let ran = place.run(&["run", "good", "--record", &records]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let commands: &[(&[&str], i32)] = &[
        (&["--help"], 3),
        (&["--version"], 3),
        (&["run", "--help"], 3),
        (&["list"], 3),
        (&["list", "--format", "json"], 3),
        (&["run", "good"], 3),
        (&["run", "good", "--verbose"], 3),
        (&["run", "good", "--format", "json"], 3),
        (&["run", "bad", "--seed", "3"], 1),
        (&["run", "bad", "--seed", "3", "--format", "json"], 1),
        (&["report", &records], 3),
        (&["replay", &record], 3),
        (&["compare", &records, &records], 3),
        (&["compare", &records, &records, "--format", "json"], 3),
        (&["compare", &records, &records, "--format", "markdown"], 3),
        (&["defects"], 3),
        (&["defects", "--format", "json"], 3),
        (&["serve", &records, "--listen", "127.0.0.1:0"], 3),
    ];
    for (arguments, code) in commands {
        let mut command = place.command(arguments);
        let mut child =
            command.stdout(full()).stderr(Stdio::piped()).spawn().expect("it can be started");
        let status = ended(&mut child);
        let err = std::io::read_to_string(child.stderr.take().expect("a pipe")).expect("text");
        assert_eq!(status.code(), Some(*code), "{arguments:?}: {err}");
        assert!(err.contains("squall: cannot write to standard output: "), "{arguments:?}: {err}");
    }
}

fn closed_pipe() {
    let place = Place::new("pipe");
    for (arguments, code) in [
        (&["list"][..], 0),
        (&["run", "good", "--format", "json"][..], 0),
        (&["run", "bad"][..], 1),
    ] {
        let mut child = place
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        drop(child.stdout.take());
        assert_eq!(ended(&mut child).code(), Some(code), "{arguments:?}");
    }
}

fn deaf() {
    let place = Place::new("deaf");
    for (arguments, code) in [(&["run", "good"][..], 0), (&["run", "nope"][..], 3)] {
        let mut command = place.command(arguments);
        let mut child =
            command.stdout(Stdio::null()).stderr(full()).spawn().expect("it can be started");
        assert_eq!(ended(&mut child).code(), Some(code), "{arguments:?}");
    }
}

fn verbose() {
    let place = Place::new("verbose");
    let plain = place.run(&["run", "good"]).out;
    assert!(!plain.contains("availability"), "{plain}");
    let shown = place.run(&["run", "good", "--verbose"]).out;
    for text in ["claims: every request is answered", "availability", "100 %", "at least 99.9 %"] {
        assert!(shown.contains(text), "{text} in {shown}");
    }
    assert!(shown.ends_with("\n1 run: 1 pass, 0 fail, 0 inconclusive\n"), "{shown}");
}

fn width() {
    let place = Place::new("width");
    for columns in ["60", "80", "100", "140"] {
        let mut command = place.command(&["run", "bad", "--seed", "7"]);
        let ran = ran({
            // Paths are shown as they are from there.
            command.env("COLUMNS", columns).current_dir(place.path("."));
            command
        });
        let most: usize = columns.parse().expect("a number");
        let wide: Vec<&str> = ran
            .out
            .lines()
            .filter(|line| line.chars().count() > most && !line.contains("replay: "))
            .collect();
        // The first line of a run is one line.
        let few = if most < 80 { 1 } else { 0 };
        assert!(wide.len() <= few, "{columns}: {wide:#?}");
        assert!(!ran.out.contains('\u{1b}'), "no colours for a pipe: {:?}", ran.out);
    }
}

fn hostile() {
    let place = Place::new("hostile");
    let report = place.at("report");
    let ran = place.run(&["run", "panics", "--report", &report]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let files = ["annotations.txt", "summary.md", "junit.xml"].map(|name| format!("report/{name}"));
    let mut texts = vec![ran.out.clone(), ran.err, place.read("fixtures/regressions/panics.seeds")];
    texts.extend(files.iter().map(|name| place.read(name)));
    for text in texts {
        let wrong = |c: char| (c.is_control() && c != '\n') || c == '\u{fffe}';
        assert!(!text.contains(wrong), "{text:?}");
        // In XML a line is a line; elsewhere it would be a command.
        let is_xml = text.starts_with("<?xml");
        assert!(is_xml || !text.lines().any(|line| line.starts_with("::error::forged")), "{text}");
    }
    assert!(HOSTILE.contains("owned") && ran.out.contains("owned"), "{}", ran.out);
    let seeds = place.read("fixtures/regressions/panics.seeds");
    assert_eq!(seeds.lines().count(), 1, "{seeds:?}");
}

fn large_seed() {
    let place = Place::new("seed");
    let (records, seed) = (place.at("records"), u64::MAX.to_string());
    let ran =
        place.run(&["run", "good", "--seed", &seed, "--format", "json", "--record", &records]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(objects(&ran.out)[0]["seed"], Value::from(seed.as_str()));
    let name = format!("records/good-{seed}.jsonl");
    let header = place.read(&name);
    let header: Value = serde_json::from_str(header.lines().next().expect("a line")).expect("JSON");
    assert_eq!(header["seed"], Value::from(seed.as_str()));
    let replay = place.run(&["replay", &place.at(&name)]);
    assert_eq!(replay.code, Some(0), "{}", replay.err);
    // A record that has it as a number is the same record.
    let number = place.read(&name).replacen(&format!("\"{seed}\""), &seed, 1);
    std::fs::write(place.path(&name), number).expect("a file");
    assert_eq!(place.run(&["replay", &place.at(&name)]).code, Some(0));
    assert_eq!(place.run(&["report", &records, "--json"]).code, Some(0));
    let defects = place.run(&["defects", "--seed", &seed, "--format", "json"]);
    assert_eq!(objects(&defects.out)[0]["seed"], Value::from(seed.as_str()), "{}", defects.err);
}
