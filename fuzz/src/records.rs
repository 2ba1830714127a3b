//! Records of runs, which `squall report`, `compare` and `replay` read from files of anybody.
//!
//! A record is read, or refused with the file and the line; one that is read can be judged by the
//! objectives it carries and drawn in every way; and one that is written is read as it was. Two digests
//! in a file would keep every changed one from all of this but the first, so a record is also made of
//! the lines as they are, as whoever works out the digests could.

use std::{
    fs,
    path::Path,
    sync::{LazyLock, Mutex},
};

use serde::Deserialize;
use serde_json::Value;
use squall::objective::Objective;
use squall_reports::{
    Record, Report, SCHEMA,
    compare::Side,
    file::ReadError,
    html::{Entry, Golden, index, page},
    json::RunReport,
    junit::junit,
    markdown::{annotations, markdown},
    name,
    otlp::batches,
    prometheus::Metrics,
    record::{Attribute, AttributeTable, End, Event, Header, Symbols},
    summary::summary,
    terminal::{self, Look},
    trace_events::trace_events,
    verdict::{Judgement, Verdict},
};

use crate::{edits::edit, input::Input, scratch::Scratch};

/// Events of one kind that are kept of a record, so that a change is likely to matter.
const EVENTS_OF_A_KIND: usize = 12;

/// The records that inputs change, line by line.
static RECORDS: LazyLock<[Vec<Value>; 3]> = LazyLock::new(|| {
    [
        include_str!("../../fixtures/records/reviews-hung.jsonl"),
        include_str!("../../fixtures/records/pool-broker-crashes.jsonl"),
        include_str!("../../fixtures/records/deploy-rolling-update.jsonl"),
    ]
    .map(shortened)
});

static SCRATCH: LazyLock<Mutex<Scratch>> = LazyLock::new(|| Mutex::new(Scratch::new("records")));

/// The lines of a record with a few events of each kind only.
fn shortened(record: &str) -> Vec<Value> {
    let mut kinds = std::collections::BTreeMap::new();
    let lines = record.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    let few = |line: &Value| {
        let Some(what) = line.pointer("/event/what").and_then(Value::as_object) else {
            return true;
        };
        let kind = what.keys().next().cloned().unwrap_or_default();
        let seen = kinds.entry(kind).or_insert(0_usize);
        *seen += 1;
        *seen <= EVENTS_OF_A_KIND
    };
    lines.filter(few).collect()
}

/// An input that begins with `{` is a file. Any other is changes of one of three records.
///
/// # Panics
///
/// If anything of the above is not so.
pub fn records(data: &[u8]) {
    let scratch = SCRATCH.lock().expect("no input has failed");
    let path = scratch.file("run.jsonl");
    let text = if data.first() == Some(&b'{') { data.to_vec() } else { changed(data) };
    fs::write(&path, &text).expect("a file in memory");
    match Record::read(&path) {
        Ok((record, kept)) => use_it(&record, &kept, &path),
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("run.jsonl"), "expected the name of the file: {said}");
        }
    }
    if let Some(record) = parsed(&text) {
        use_it(&record, &Judgement::of(Vec::new()), &path);
    }
}

fn changed(data: &[u8]) -> Vec<u8> {
    let mut input = Input::new(data);
    let record = &RECORDS[usize::from(input.byte()) % RECORDS.len()];
    let mut document = Value::Array(record.clone());
    edit(&mut document, &mut input);
    let lines = document.as_array().map_or(&[][..], Vec::as_slice);
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// The record of these lines, whatever their digests say.
fn parsed(text: &[u8]) -> Option<Record> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Line {
        Symbols(Vec<String>),
        Attributes(Vec<Vec<Attribute>>),
        Event(Event),
        Findings(serde::de::IgnoredAny),
        End { end: End },
    }
    let mut lines = std::str::from_utf8(text).ok()?.lines();
    let header: Header = serde_json::from_str(lines.next()?).ok()?;
    let (mut symbols, mut attributes, mut events) =
        (Symbols::default(), AttributeTable::default(), Vec::new());
    loop {
        match serde_json::from_str(lines.next()?).ok()? {
            Line::Symbols(texts) => symbols = texts.iter().map(String::as_str).collect(),
            Line::Attributes(sets) => attributes = sets.into_iter().collect(),
            Line::Event(event) => events.push(event),
            Line::Findings(_) => {}
            Line::End { end } => return Some(Record { header, symbols, attributes, events, end }),
        }
    }
}

/// Writes it and reads it again; judges it and draws what comes of it.
fn use_it(record: &Record, kept: &Judgement, path: &Path) {
    record.write(kept, path).expect("written into memory");
    match Record::read(path) {
        Ok((again, judgement)) => {
            assert_eq!(again, *record, "what was written is read as it was");
            assert_eq!(judgement, *kept, "and what was concluded from it");
        }
        Err(ReadError::Schema { found, .. }) => assert_ne!(found, u64::from(SCHEMA)),
        Err(error) => {
            let header = &record.header;
            let mut names = std::iter::once(&header.scenario).chain(&header.defects);
            let why = header.phases.is_empty() || names.any(|text| name::check(text).is_err());
            assert!(why, "what was written is refused: {error}");
            return;
        }
    }
    let objectives = record.header.plan.get("objectives").cloned().unwrap_or_default();
    let Ok(objectives) = serde_json::from_value::<Vec<Objective>>(objectives) else { return };
    draw(record, &squall::judge::judge(record, &objectives));
}

fn draw(record: &Record, judgement: &Judgement) {
    let replay = "cargo squall run it";
    let report = Report { record, judgement, replay, source: None };
    let run = RunReport::new(&report, None);
    let line = run.to_line();
    serde_json::from_str::<Value>(&line).expect("JSON");
    serde_json::from_str::<Value>(&trace_events(&report)).expect("JSON");
    let golden = Golden::Summary(summary(record, judgement));
    let (page, entry) = (page(&report, &golden), Entry::new(&run, "run.html"));
    assert!(page.ends_with("</html>") && index(&[entry], &[]).ends_with("</html>"));
    let runs = [run];
    assert!(!junit(&runs).is_empty() && !markdown(&runs).is_empty());
    // Of what a record says, nothing becomes a command of its own.
    let commands = annotations(&runs).lines().count();
    assert_eq!(commands, usize::from(judgement.verdict != Verdict::Pass));
    assert!(!terminal::report(record, judgement, replay, Look::PLAIN).is_empty());
    let metrics = Metrics::default();
    metrics.enter(&report);
    assert!(metrics.page().ends_with("# EOF\n"));
    assert!(batches(&report, u64::MAX).all(|batch| batch.spans <= 1_000));
    let mut side = Side::new("a");
    // One of a kind that is not compared is refused.
    let _ = side.add(record, judgement);
}
