//! Spans of runs, sent by the real command line to a collector on loopback.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Output,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use squall_reports::{Record, record::Outcome};

use crate::support::{
    Folder,
    collector::{Answer, Collector, Sent, attribute},
    command,
};

/// A header that says who sends, its value as OpenTelemetry's exporters take it.
const HEADERS: &str = "x-tenant=first%20floor";

async fn squall(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", HEADERS);
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    output.expect("nothing panics").expect("squall can be started")
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_nanos()).expect("before 2554")
}

fn ids(sent: &[Sent]) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    sent.iter().map(|it| (it.span.trace_id.clone(), it.span.span_id.clone())).collect()
}

/// The root of the run's own trace.
#[track_caller]
fn root(sent: &[Sent]) -> &Sent {
    let own = |it: &&Sent| it.service == "squall" && it.span.parent_span_id.is_empty();
    sent.iter().find(own).expect("a span for the run")
}

#[tokio::test]
async fn a_collector_gets_the_spans_of_a_run_and_the_same_from_its_record() {
    let collector = Collector::start(Answer::Takes).await;
    let folder = Folder::new("otlp");
    let records = folder.path();
    let began = nanos(SystemTime::now());
    let run = ["run", "paused-dependency", "--seed", "7", "--record", &records];
    let run = squall(&[&run[..], &["--otlp", &collector.url]].concat()).await;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let sent = collector.take();
    assert_eq!(collector.header("content-type").as_deref(), Some("application/x-protobuf"));
    assert_eq!(collector.header("x-tenant").as_deref(), Some("first floor"));
    let ended = root(&sent).span.end_time_unix_nano;
    assert!((began..=nanos(SystemTime::now())).contains(&ended), "{ended}");

    let file = folder.0.join("paused-dependency-7.jsonl");
    let (record, _) = Record::read(&file).expect("a record");
    check_spans(&record, &sent);
    check_parents(&sent);

    for _ in 0..2 {
        let drawn = squall(&["report", &records, "--json", "--otlp", &collector.url]).await;
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
        let again = collector.take();
        assert_eq!(ids(&again), ids(&sent), "the same spans each time");
        let written = fs::metadata(&file).and_then(|it| it.modified()).expect("a time");
        assert_eq!(root(&again).span.end_time_unix_nano, nanos(written));
    }
}

/// As many as the record has, on the hosts and at the times that it says.
#[track_caller]
fn check_spans(record: &Record, sent: &[Sent]) {
    assert_eq!(ids(sent).len(), sent.len(), "no id is there twice");
    let began = root(sent).span.start_time_unix_nano;
    let requests: BTreeMap<String, &Sent> = sent
        .iter()
        .filter_map(|it| Some((attribute(&it.span.attributes, "squall.request")?, it)))
        .collect();
    assert_eq!(requests.len(), record.requests().count());
    for (at, request) in record.requests() {
        let found = requests[&request.id.to_string()];
        assert_eq!(found.service, record.host(request.client));
        let times = (found.span.start_time_unix_nano, found.span.end_time_unix_nano);
        assert_eq!(times, (began + request.intended, began + at), "request {}", request.id);
        assert_eq!(found.span.status.is_some(), request.outcome == Outcome::Failed);
    }
    let known = |id: u32| id == 0 || requests.contains_key(&id.to_string());
    let spans = record.spans().filter(|(_, span)| known(span.request)).count();
    let phases_and_faults = record.header.phases.len() + record.header.faults.len();
    assert_eq!(sent.len(), requests.len() + spans + 1 + phases_and_faults);
    let digest = record.digest().to_string();
    for it in sent {
        assert_eq!(attribute(&it.resource, "squall.digest").as_ref(), Some(&digest));
        assert_eq!(attribute(&it.resource, "squall.seed").as_deref(), Some("7"));
        let known = it.service == "squall" || record.header.hosts.contains(&it.service);
        assert!(known, "{}", it.service);
    }
}

/// Every parent was sent, in the same trace, and each request has work of services below it.
#[track_caller]
fn check_parents(sent: &[Sent]) {
    let ids = ids(sent);
    let mut children = 0;
    for it in sent.iter().filter(|it| !it.span.parent_span_id.is_empty()) {
        let parent = (it.span.trace_id.clone(), it.span.parent_span_id.clone());
        assert!(ids.contains(&parent), "{it:?}");
        children += 1;
    }
    let by_span: BTreeMap<&[u8], &Sent> =
        sent.iter().map(|it| (it.span.span_id.as_slice(), it)).collect();
    let below_a_request = sent.iter().filter(|it| {
        let parent = by_span.get(it.span.parent_span_id.as_slice());
        it.service == "api"
            && parent.is_some_and(|parent| {
                attribute(&parent.span.attributes, "squall.request").is_some()
            })
    });
    assert!(below_a_request.count() > 1_000, "{children} children");
}

/// The run passes and its report is there; the command ends with 4 and one sentence.
async fn check_not_sent(url: &str, expected: &[&str]) {
    let name = url.rsplit(':').next().unwrap_or_default();
    let folder = Folder::new(&format!("otlp-{name}"));
    let report = folder.path();
    let arguments = ["run", "paused-dependency", "--seeds", "7..9", "--format", "json"];
    let more = ["--report", &report, "--otlp", url];
    let run = squall(&[&arguments[..], &more].concat()).await;
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert_eq!(run.status.code(), Some(4), "{err}");
    assert_eq!(out.matches("\"verdict\":\"pass\",\"digest\"").count(), 2, "{out}");
    assert!(folder.0.join("junit.xml").exists() && folder.0.join("index.html").exists());
    let told: Vec<&str> = err.lines().filter(|line| line.starts_with("squall: ")).collect();
    assert_eq!(told.len(), 1, "{err}");
    let runs = "the spans of paused-dependency-7, paused-dependency-8 to";
    let url = format!("{url}/v1/traces");
    for part in [runs, &url].iter().chain(expected) {
        assert!(err.contains(part), "expected {part}, found {err}");
    }
}

#[tokio::test]
async fn a_collector_that_refuses_is_named_with_its_answer() {
    let collector = Collector::start(Answer::Refuses).await;
    let shown = format!("503 Service Unavailable: come later{}\n", "!".repeat(190));
    check_not_sent(&collector.url, &[&shown]).await;
    assert_eq!(collector.messages(), 1, "it is not asked again");
}

#[tokio::test]
async fn a_collector_that_hangs_is_given_up() {
    let collector = Collector::start(Answer::Hangs).await;
    let began = Instant::now();
    check_not_sent(&collector.url, &["expected an answer within 10 s, found none"]).await;
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_listens() {
    let url = Collector::start(Answer::Takes).await.url.clone();
    check_not_sent(&url, &["onnection refused"]).await;
}

#[tokio::test]
async fn rejected_spans_are_told() {
    let collector = Collector::start(Answer::TakesMost).await;
    check_not_sent(&collector.url, &["rejected 3 spans: older than an hour"]).await;
}

#[tokio::test]
async fn only_http_is_spoken() {
    for arguments in [&["run", "steady-state"][..], &["report", "."]] {
        let refused = squall(&[arguments, &["--otlp", "https://127.0.0.1:4318"]].concat()).await;
        let err = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{err}");
        assert!(err.contains("put a collector in between"), "{err}");
    }
}
