//! What a page says, that it is bounded, and that text from a record stays text.

use std::collections::BTreeSet;

use super::{Entry, Golden, index, live_index, page};
use crate::{
    Record, Report, fixture,
    in_progress::{InProgress, Running},
    json::RunReport,
    record::{Backend, Event, EventKind, Gauge, Outcome, Request},
    summary::summary,
    verdict::{Good, Judgement, Verdict},
};

fn report<'a>(record: &'a Record, judgement: &'a Judgement) -> Report<'a> {
    let replay = "cargo squall run reviews-slow --seed 7";
    Report { record, judgement, replay, source: None }
}

#[track_caller]
fn says(page: &str, texts: &[&str]) {
    for text in texts {
        assert!(page.contains(text), "expected {text:?} in {page}");
    }
}

#[test]
fn a_page_says_what_an_engineer_asks_first() {
    let record = fixture::record();
    let judgement = fixture::judged([fixture::passed(), fixture::failed()]);
    let page = page(&report(&record, &judgement), &Golden::Missing);
    says(
        &page,
        &[
            "<p class=\"verdict fail\">FAIL</p>",
            "<h1>reviews-slow</h1>",
            "slow reviews cost a section, not the page",
            "cargo squall run reviews-slow --seed 7</code>",
            &record.digest().to_string(),
            "54 ms over the bound of 100 ms (2 samples)",
            "latency api -&gt; reviews 150 ms",
            "1,234 packets",
            "The slowest: request 3",
            "The first that failed: request 4",
            "dependency=reviews outcome=timeout",
            "There is no golden",
        ],
    );
    let fail = page.find("p99 latency [route GET /x]").expect("a finding");
    let during = page[fail..].find("during").expect("its phase");
    assert!(page[fail..fail + during].len() < 60, "the failed finding comes first");
}

#[test]
fn an_operation_is_a_band_a_lane_and_a_part_of_the_strip() {
    let record = fixture::operated();
    let judgement = fixture::judged([fixture::passed()]);
    let page = page(&report(&record, &judgement), &Golden::Missing);
    says(
        &page,
        &[
            "Operations, and what they came to",
            "rollout of web, from 50 ms to 150 ms: rolled back",
            "drain a, from 200 ms on: not over",
            "<rect class=\"band operation\"",
            "<div class=\"gutter\">operation</div>",
        ],
    );
    let none = fixture::record();
    let judgement = fixture::judged([fixture::passed()]);
    assert!(
        !super::page(&report(&none, &judgement), &Golden::Missing).contains("Operations, and what")
    );
}

#[test]
fn the_golden_is_compared_line_by_line() {
    let record = fixture::record();
    let judgement = fixture::judged([fixture::failed()]);
    let report = report(&record, &judgement);
    let golden = summary(&record, &judgement);
    says(
        &page(&report, &Golden::Summary(golden.clone())),
        &["None: the summary of this run is the golden."],
    );
    let other = golden.replace("1,234 packets", "1,200 packets");
    says(&page(&report, &Golden::Summary(other)), &["<del>- ", "1,200 packets", "<ins>+ "]);
    let unreadable = page(&report, &Golden::Unreadable("permission denied".to_owned()));
    says(&unreadable, &["The golden cannot be read: ", "permission denied"]);
    assert!(!unreadable.contains("There is no golden"));
}

#[test]
fn a_page_says_who_performed_the_run() {
    let judgement = fixture::judged([fixture::failed()]);
    let mut record = fixture::record();
    let golden = Golden::Summary("scenario: another\n".to_owned());
    let simulated = page(&report(&record, &judgement), &golden);
    says(
        &simulated,
        &[
            "<dt>backend</dt><dd>simulation</dd>",
            "<dt>simulated</dt><dd>400 ms</dd>",
            "href=\"#difference\"",
            "<del>- scenario: another",
        ],
    );
    assert!(!simulated.contains("Performed on"), "{simulated}");
    record.header.backend = Backend::Processes;
    let real = page(&report(&record, &judgement), &golden);
    says(
        &real,
        &[
            "<title>FAIL: reviews-slow +no-call-timeout on processes</title>",
            "Performed on processes of this machine, in real time: with the same seed it is another run",
            "<dt>backend</dt><dd>processes</dd>",
            "<dt>lasted</dt><dd>400 ms</dd>",
        ],
    );
    // There is no golden of what is another run each time, and its digest is that of no other.
    for text in ["golden", "#difference", "digest", "simulated", &record.digest().to_string()] {
        assert!(!body(&real).contains(text), "unexpected {text} in {real}");
    }
}

/// A page without style and script.
fn body(page: &str) -> &str {
    let (_, body) = page.split_once("<body>").expect("a page");
    body.rsplit_once("<script nonce").expect("a script at the end").0
}

#[test]
fn an_index_says_which_runs_were_not_simulated() {
    let judgement = fixture::judged([fixture::passed()]);
    let mut record = fixture::record();
    let entry = |record: &Record| {
        Entry::new(&RunReport::new(&report(record, &judgement), None), "run.html")
    };
    let digest = record.digest().to_string();
    let simulated = index(&[entry(&record)], &[]);
    says(body(&simulated), &["reviews-slow</a></td>", &digest]);
    record.header.backend = Backend::Processes;
    let real = index(&[entry(&record)], &[]);
    says(body(&real), &["reviews-slow</a> on processes</td>", "data-lasted=\"400\""]);
    assert!(!body(&real).contains(&digest), "{real}");
}

#[test]
fn hostile_text_stays_text() {
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";
    let mut record = fixture::record();
    evil.clone_into(&mut record.header.scenario);
    evil.clone_into(&mut record.header.hypothesis);
    evil.clone_into(&mut record.header.hosts[1]);
    evil.clone_into(&mut record.header.faults[0].label);
    record.header.plan = serde_json::json!({ evil: evil });
    record.symbols = record.symbols.iter().map(|_| evil).collect();
    let mut finding = fixture::failed();
    evil.clone_into(&mut finding.reason);
    let judgement = fixture::judged([finding]);
    let report = Report { replay: evil, ..report(&record, &judgement) };
    let entry = Entry::new(&RunReport::new(&report, None), "x.html");
    let unread = [(evil.to_owned(), evil.to_owned())];
    let running = Running {
        scenario: evil.to_owned(),
        defects: vec![evil.to_owned()],
        seed: 1,
        reached_ms: 7,
        lasts_ms: 0,
    };
    let in_progress = InProgress { done: 1, of: 2, running: vec![running] };
    let entries = [entry];
    for text in [
        page(&report, &Golden::Summary(evil.to_owned())),
        page(&report, &Golden::Unreadable(evil.to_owned())),
        index(&entries, &unread),
        live_index(&entries, &unread, Some(&in_progress)),
    ] {
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
        assert_eq!(text.matches("</script>").count(), text.matches("<script").count());
        assert!(text.contains("script-src 'nonce-"), "a policy");
    }
}

#[test]
fn a_run_of_many_requests_is_a_page_of_bounded_size() {
    let mut record = fixture::record();
    let route = record.symbols.intern("GET /x");
    let none = record.symbols.intern("");
    for id in 10..150_010_u32 {
        let intended = u64::from(id) * 200_000;
        let outcome = if id % 3 == 0 { Outcome::Failed } else { Outcome::Succeeded };
        let latency = 1_000_000 + u64::from(id).wrapping_mul(2_654_435_761) % 400_000_000;
        let request = Request {
            id,
            client: 0,
            route,
            intended,
            started: intended,
            outcome,
            status: 200,
            attempts: 1,
            note: none,
        };
        record.events.push(Event { at: intended + latency, what: EventKind::Request(request) });
    }
    record.end.at = 31_000_000_000;
    let judgement = fixture::judged([fixture::failed()]);
    let page = page(&report(&record, &judgement), &Golden::Missing);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn a_record_without_anything_is_a_page_too() {
    let mut record = fixture::record();
    record.events.clear();
    record.header.faults.clear();
    record.end.at = 0;
    let judgement = fixture::judged([]);
    says(
        &page(&report(&record, &judgement), &Golden::Missing),
        &["no data", "No request came to an end"],
    );
}

#[test]
fn an_index_has_the_worst_first_and_names_what_it_could_not_read() {
    let record = fixture::record();
    let (good, bad) = (fixture::judged([fixture::passed()]), fixture::judged([fixture::failed()]));
    let entries = [
        Entry::new(&RunReport::new(&report(&record, &good), None), "good.html"),
        Entry::new(&RunReport::new(&report(&record, &bad), None), "bad.html"),
    ];
    let unread = [("old.jsonl".to_owned(), "of schema version 0".to_owned())];
    let text = index(&entries, &unread);
    says(&text, &["1 of 2 runs pass", "old.jsonl", "of schema version 0", "-54 %"]);
    assert!(text.find("bad.html") < text.find("good.html"));
}

#[test]
fn the_address_of_a_page_is_no_scheme_and_no_markup() {
    let record = fixture::record();
    let judgement = fixture::judged([fixture::passed()]);
    let run = RunReport::new(&report(&record, &judgement), None);
    for (file, address) in [
        ("reviews-slow-7.html", "reviews-slow-7.html"),
        ("javascript:alert(1).html", "javascript%3Aalert%281%29.html"),
        ("a b#c?d\"e/ü.html", "a%20b%23c%3Fd%22e%2F%C3%BC.html"),
    ] {
        assert_eq!(Entry::new(&run, file).address, address);
    }
}

#[test]
fn a_live_index_says_what_is_going_on() {
    let running = Running {
        scenario: "reviews-hung".to_owned(),
        defects: vec!["no-call-timeout".to_owned()],
        seed: 3,
        reached_ms: 4_500,
        lasts_ms: 9_000,
    };
    let in_progress = InProgress { done: 12, of: 61, running: vec![running] };
    let text = live_index(&[], &[], Some(&in_progress));
    says(
        &text,
        &[
            "12 of 61 runs done",
            "reviews-hung +no-call-timeout, seed 3",
            "4.5 s of 9 s",
            "new EventSource",
        ],
    );
    assert!(text.contains("connect-src 'self';"));
    assert!(!index(&[], &[]).contains("EventSource"));
    assert!(index(&[], &[]).contains("connect-src 'none';"));
}

#[test]
fn a_nonce_is_of_the_whole_page() {
    let record = fixture::record();
    let (good, bad) = (fixture::judged([fixture::passed()]), fixture::judged([fixture::failed()]));
    let nonce = |judgement: &Judgement| {
        let page = page(&report(&record, judgement), &Golden::Missing);
        let (_, rest) = page.split_once("<script nonce=\"").expect("a script");
        rest.split('"').next().expect("a nonce").to_owned()
    };
    let (a, b) = (nonce(&good), nonce(&bad));
    assert_eq!((a.len(), a == nonce(&good)), (64, true));
    assert_ne!(a, b, "of the same record, but not the same page");
}

#[test]
fn what_has_no_data_for_one_reason_is_one_row_after_what_failed() {
    let record = fixture::record();
    let mut without = fixture::passed();
    without.verdict = Verdict::NoData;
    "cut short".clone_into(&mut without.reason);
    let judgement = fixture::judged([without.clone(), without.clone(), fixture::failed(), without]);
    let page = page(&report(&record, &judgement), &Golden::Missing);
    assert_eq!(page.matches("cut short").count(), 1, "{page}");
    says(&page, &["3 findings: p99 latency [route GET /x]", "<summary>All 3</summary>"]);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
    assert!(place("54 ms over the bound") < place("3 findings:"));
}

/// A run that passes says how close it was.
#[test]
fn each_objective_has_a_bar_against_its_bound() {
    let record = fixture::record();
    let mut share = fixture::passed();
    share.observed = "99.95 %".to_owned();
    share.bound = "at least 99.9 %".to_owned();
    share.compare(0.9995, Good::AtLeast, 0.999);
    let judgement = fixture::judged([fixture::passed(), share]);
    let page = page(&report(&record, &judgement), &Golden::Missing);
    says(
        &page,
        &[
            "<svg class=\"bullet pass\"",
            "aria-label=\"observed 10 ms, bound at most 100 ms\"",
            "aria-label=\"observed 99.95 %, bound at least 99.9 %\"",
        ],
    );
    assert_eq!(page.matches("<svg class=\"bullet").count(), 2);
}

#[test]
fn lines_of_a_chart_differ_and_those_that_stand_still_are_counted() {
    let mut record = fixture::record();
    let name = record.symbols.intern("depth");
    for host in 0..22_u16 {
        record.header.hosts.push(format!("host-{host}"));
        for at in 0..3_u32 {
            // Four hosts at zero all the time.
            let value = if host < 4 { 0.0 } else { f64::from(10 * at + u32::from(host)) };
            let gauge = Gauge { host, name, value };
            record.events.push(Event { at: u64::from(at), what: EventKind::Gauge(gauge) });
        }
    }
    let judgement = fixture::judged([fixture::passed()]);
    let page = page(&report(&record, &judgement), &Golden::Missing);
    says(&page, &["4 hosts, unchanged at 0"]);
    let (_, chart) = page.split_once("<figcaption>depth").expect("a chart");
    let (legend, chart) = chart.split_once("</figcaption>").expect("a legend");
    let (chart, _) = chart.split_once("</figure>").expect("its end");
    let looks = |text: &str| {
        let classes = text.split("path class=\"line ").skip(1);
        classes.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    let drawn = looks(chart);
    let distinct: BTreeSet<&String> = drawn.iter().collect();
    assert_eq!((drawn.len(), distinct.len()), (18, 18), "{drawn:?}");
    assert_eq!(looks(legend), drawn, "the legend shows the lines");
}
