//! `squall compare` as a user meets it: what is said to have moved, exit codes, and bad input.

use std::{fs, path::Path};

use serde_json::Value;
use squall_reports::{Record, record::Backend};

use super::support::{Folder, check_refused, squall, text};

/// One that takes half a second, and a defect that makes it slower in every phase.
const SCENARIO: &str = "inventory-down";
const DEFECT: &str = "sequential-calls";

/// Records of these seeds, with the defect or without.
#[track_caller]
fn record(name: &str, seeds: &str, defects: &[&str]) -> Folder {
    let folder = Folder::new(name);
    let path = folder.path();
    let mut arguments = vec!["run", SCENARIO, "--seeds", seeds, "--record", &path];
    arguments.extend(defects.iter().flat_map(|defect| ["--defect", defect]));
    let run = squall(&arguments);
    assert!(matches!(run.status.code(), Some(0 | 1)), "{}", text(&run.stderr));
    folder
}

/// The exit code of a comparison and what was printed.
fn compare(a: &Path, b: &Path, more: &[&str]) -> (Option<i32>, String) {
    let [a, b] = [a, b].map(|path| path.to_string_lossy().into_owned());
    let mut arguments = vec!["compare", &a, &b];
    arguments.extend(more);
    let output = squall(&arguments);
    (output.status.code(), text(&output.stdout))
}

fn json(out: &str) -> Value {
    serde_json::from_str(out).expect("one JSON object")
}

/// The names of the measures that moved this way, with their places.
fn moved(comparison: &Value, direction: &str) -> Vec<String> {
    let measures = comparison["scenarios"][0]["measures"].as_array().expect("measures");
    let moved =
        measures.iter().filter(|it| it["answer"] == "moved" && it["direction"] == direction);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    moved.map(|it| format!("{}, {}", word(&it["name"]), word(&it["place"]))).collect()
}

#[test]
fn folders_are_compared_over_their_seeds() {
    let before = record("compare-before", "0..9", &[]);
    let after = record("compare-after", "0..9", &[DEFECT]);
    assert_eq!(after.files()[0], format!("{SCENARIO}-0-{DEFECT}.jsonl"));

    let (code, out) = compare(&before.0, &before.0, &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("the same runs with all 9 seeds in common"), "{out}");
    assert!(!out.contains("moved"), "{out}");

    let (code, out) = compare(&before.0, &after.0, &["--format", "json"]);
    assert_eq!(code, Some(1), "{out}");
    let comparison = json(&out);
    assert_eq!(comparison["conclusion"], "worse");
    assert_eq!(comparison["scenarios"][0]["b"]["defects"][0], DEFECT);
    let worse = moved(&comparison, "worse");
    for expected in
        ["p50 latency, baseline", "p50 latency, after", "margin of p99 latency, baseline"]
    {
        assert!(worse.iter().any(|it| it == expected), "{expected} is not in {worse:?}");
    }
    assert!(!worse.iter().any(|it| it.starts_with("failed")), "{worse:?}");
    let plan = comparison["scenarios"][0]["plan"]["named"].as_array().expect("differences");
    assert!(plan.iter().any(|it| it["b"].as_str().is_some_and(|b| b.contains(DEFECT))), "{plan:?}");

    let (code, out) = compare(&after.0, &before.0, &["--format", "json"]);
    assert_eq!(moved(&json(&out), "worse"), Vec::<String>::new());
    assert_eq!(moved(&json(&out), "better").len(), worse.len());
    assert_eq!(code, Some(0));

    let (code, out) = compare(&before.0, &after.0, &["--format", "markdown"]);
    assert_eq!(code, Some(1));
    assert!(
        out.starts_with("## Squall: worse") && out.contains("| ❌ worse | p50 latency"),
        "{out}"
    );
}

#[test]
fn single_records_are_held_against_runs() {
    let before = record("compare-one", "3..4", &[]);
    let after = record("compare-other", "3..4", &[DEFECT]);
    let [a, b] = [&before, &after].map(|folder| folder.0.join(&folder.files()[0]));

    let (code, out) = compare(&a, &a, &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("  the same run\n"), "{out}");

    let (code, out) = compare(&a, &b, &[]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("too few seeds to tell"), "{out}");
    assert!(out.contains("the runs part at event"), "{out}");

    let (code, out) = compare(&a, &b, &["--noise", "10..20"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("noise from 10 runs"), "{out}");
    assert!(out.contains("    p50 latency, baseline"), "{out}");

    let seven = record("compare-seven", "7..8", &[]);
    let (code, out) = compare(&a, &seven.0, &["--noise", "10..20"]);
    assert_eq!(code, Some(0), "another seed is nothing but noise: {out}");

    let elsewhere = before.0.join("elsewhere.jsonl");
    let (mut record, judgement) = Record::read(&a).expect("a record");
    record.header.plan["boot_ms"] = serde_json::json!(1.0);
    record.write(&judgement, &elsewhere).expect("the folder is there");
    let [a, b] = [&elsewhere, &elsewhere].map(|path| path.to_string_lossy().into_owned());
    let noisy = ["compare", &a, &b, "--noise", "0..10"];
    check_refused(&noisy, "inventory-down was changed since both records were made");
    "elsewhere".clone_into(&mut record.header.scenario);
    record.write(&judgement, &elsewhere).expect("the folder is there");
    check_refused(&noisy, "is of the scenario \"elsewhere\", which is not here");
    let (code, out) = compare(&elsewhere, &seven.0, &[]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("only in A: elsewhere"), "{out}");
}

#[test]
fn what_cannot_be_compared_is_refused_in_one_sentence() {
    let kept = record("compare-refused", "1..3", &[]);
    let folder = kept.path();
    let both = ["compare", &folder, &folder];
    let noise = |seeds: &'static str| [&both[..], &["--noise", seeds]].concat();
    check_refused(&noise("0..10"), "expected two single records with --noise");
    check_refused(&noise("0..3"), "expected 10 to 200 seeds");
    check_refused(&noise("9..3"), "expected two seeds A..B with A below B");
    check_refused(&["compare", &folder], "required arguments were not provided");
    check_refused(&["compare", "/nowhere/at.all", &folder], "cannot read the record");
    check_refused(&["compare", &folder, &folder, "--format", "xml"], "invalid value 'xml'");

    let [first, second] = [&kept.files()[0], &kept.files()[1]].map(|name| kept.0.join(name));
    let twice = kept.0.join("copied.jsonl");
    fs::copy(&first, &twice).expect("a copy");
    check_refused(&both, "has two records of inventory-down with seed 1");
    fs::remove_file(&twice).expect("the copy is there");

    let whole = fs::read(&second).expect("the record");
    fs::write(&second, &whole[..whole.len() / 2]).expect("the record can be cut");
    check_refused(&both, "is damaged at line");
    fs::write(&second, "{\"schema\":99}\n").expect("the record can be replaced");
    check_refused(&both, "is of schema version 99");
    let empty = Folder::new("compare-empty");
    let empty = empty.path();
    check_refused(&["compare", &empty, &folder], "expected records (NAME.jsonl");
}

#[test]
fn runs_on_different_backends_are_not_compared() {
    let simulated = record("compare-simulated", "1..2", &[]);
    let file = simulated.0.join(&simulated.files()[0]);
    let (mut record, judgement) = Record::read(&file).expect("a record");
    record.header.backend = Backend::Processes;
    let real = Folder::new("compare-processes");
    let other = real.0.join("real.jsonl");
    record.write(&judgement, &other).expect("the folder is there");
    check_refused(&["compare", &simulated.path(), &real.path()], "expected one backend");

    let (code, out) = compare(&other, &other, &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("both on processes of this machine, in real time"), "{out}");
    let other = other.to_string_lossy();
    let noisy = ["compare", &*other, &*other, "--noise", "0..10"];
    check_refused(&noisy, "expected records of simulations with --noise");
}
