//! What each renderer makes of the records in `fixtures/records`, as reviewed and accepted in
//! `fixtures/reports`. A change is reviewed with `cargo insta review`.

use std::path::{Path, PathBuf};

use squall_reports::{
    Record, Report,
    html::{self, Entry, Golden},
    json::RunReport,
    junit::junit,
    markdown::{annotations, markdown},
    prometheus::Metrics,
    summary::summary,
    terminal::{self, Look},
    trace_events::trace_events,
    verdict::Judgement,
};

/// One that failed, one without data, one that passed.
const RECORDS: [&str; 3] = ["reviews-hung", "pool-broker-crashes", "deploy-rolling-update"];

struct Kept {
    name: &'static str,
    record: Record,
    judgement: Judgement,
    replay: String,
}

impl Kept {
    fn read(name: &'static str) -> Self {
        let path = fixtures().join("records").join(name).with_extension("jsonl");
        let (record, judgement) = Record::read(&path).expect("a whole record");
        Self { name, record, judgement, replay: format!("cargo squall run {name} --seed 1") }
    }

    fn report(&self) -> Report<'_> {
        Report {
            record: &self.record,
            judgement: &self.judgement,
            replay: &self.replay,
            source: Some("scenarios/src/catalogue/mod.rs"),
        }
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn all() -> Vec<Kept> {
    RECORDS.map(Kept::read).into()
}

fn runs() -> Vec<RunReport> {
    all().iter().map(|kept| RunReport::new(&kept.report(), None)).collect()
}

#[track_caller]
fn check(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fixtures().join("reports"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A page without what does not depend on the record, an element a line.
fn body(page: &str) -> String {
    let (_, body) = page.split_once("<body>").expect("a page");
    let (body, _) = body.rsplit_once("<script nonce").expect("a script at the end");
    body.replace("><", ">\n<")
}

#[test]
fn pages() {
    for kept in all() {
        let page = html::page(&kept.report(), &Golden::Missing);
        check(&format!("{}.html", kept.name), &body(&page));
    }
}

#[test]
fn index() {
    let entries: Vec<Entry> =
        runs().iter().map(|run| Entry::new(run, &format!("{}.html", run.scenario))).collect();
    let unread = [("cut.jsonl".to_owned(), "the record cut.jsonl is damaged".to_owned())];
    check("index.html", &body(&html::index(&entries, &unread)));
}

#[test]
fn formats_of_all_runs() {
    let runs = runs();
    check("junit.xml", &junit(&runs));
    check("summary.md", &markdown(&runs));
    check("annotations.txt", &annotations(&runs));
    let objects: Vec<String> = runs
        .iter()
        .map(|run| serde_json::to_string_pretty(run).expect("reports are plain data"))
        .collect();
    check("runs.json", &objects.join("\n"));
    let metrics = Metrics::default();
    for kept in all() {
        metrics.enter(&kept.report());
    }
    check("metrics.prom", &metrics.page());
}

#[test]
fn formats_of_one_run() {
    for kept in all() {
        let report = terminal::report(&kept.record, &kept.judgement, &kept.replay, Look::PLAIN);
        check(&format!("{}.txt", kept.name), &report);
        check(&format!("{}.summary", kept.name), &summary(&kept.record, &kept.judgement));
    }
}

/// A trace is long: how it begins, for a reader, and a hash of all of it.
#[test]
fn traces() {
    for kept in all() {
        let trace = trace_events(&kept.report());
        let events = trace.replace("},{\"", "},\n{\"");
        let begin: Vec<&str> = events.lines().take(60).collect();
        let hash = blake3::hash(trace.as_bytes()).to_hex();
        let text = format!("{}\n... BLAKE3 of the whole: {hash}", begin.join("\n"));
        check(&format!("{}.trace", kept.name), &text);
    }
}
