//! Tests of what a terminal shows, with the exact text.

use super::{Colour, Look, line, report, table};
use crate::{
    fixture,
    record::Backend,
    verdict::{Finding, Judgement, Verdict},
};

#[test]
fn a_pass_is_one_line() {
    let record = fixture::record();
    assert_eq!(
        report(&record, &fixture::judged([fixture::passed()]), "squall replay 7", Look::PLAIN),
        "pass    reviews-slow (seed 7, 1 finding, 4 requests, 400 ms simulated)\n"
    );
}

#[test]
fn a_failure_says_what_where_by_how_much_and_how_to_see_it_again() {
    let record = fixture::record();
    let findings = fixture::judged([fixture::passed(), fixture::failed()]);
    assert_eq!(
        report(&record, &findings, "cargo squall run reviews-slow --seed 7", Look::PLAIN),
        "FAIL    reviews-slow (seed 7, 2 findings, 4 requests, 400 ms simulated)
  claims: slow reviews cost a section, not the page
  with defects: no-call-timeout

  FAIL  during    p99 latency [route GET /x]  154 ms  at most 100 ms
  pass  baseline  p99 latency [route GET /x]  10 ms   at most 100 ms

  FAIL: p99 latency [route GET /x]
    because   p99 latency was 154 ms in phase during, 54 ms over the bound of 100 ms (2 samples)
    bound     at most 100 ms
    observed  154 ms
    samples   2
    margin    -54 %
    phase     during
    worst     request 3
      request 3 GET /x degraded after 154 ms, status 200, 1 attempt, from client at 110 ms in
        phase during: reviews
        handle +1 ms, 152 ms on api
          call +2 ms, 13 ms on api dependency=pricing outcome=ok
          call +2 ms, 150 ms on api dependency=reviews outcome=timeout

  replay: cargo squall run reviews-slow --seed 7
"
    );
}

#[test]
fn a_failure_says_which_operations_went_on() {
    let findings = fixture::judged([fixture::failed()]);
    let text = report(&fixture::operated(), &findings, "again", Look::PLAIN);
    let expected = "  operation: rollout of web, from 50 ms to 150 ms: rolled back\n  \
                    operation: drain a, from 200 ms on: not over\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_spans_of_a_request_are_shown_once() {
    let record = fixture::record();
    let findings = fixture::judged([fixture::failed(), fixture::failed()]);
    let text = report(&record, &findings, "again", Look::PLAIN);
    assert_eq!(text.matches("handle +1 ms").count(), 1, "{text}");
    assert!(text.contains("    worst     request 3, shown above\n"), "{text}");
}

#[test]
fn no_data_is_shown_in_full_too() {
    let mut record = fixture::record();
    record.header.defects.clear();
    let mut finding = fixture::passed();
    finding.verdict = Verdict::NoData;
    finding.observed.clear();
    (finding.samples, finding.margin, finding.worst) = (0, None, None);
    finding.reason = "no request in phase baseline has a latency to judge".to_owned();
    assert_eq!(
        report(&record, &fixture::judged([finding]), "again", Look::PLAIN),
        "no data reviews-slow (seed 7, 1 finding, 4 requests, 400 ms simulated)
  claims: slow reviews cost a section, not the page

  no data  baseline  p99 latency [route GET /x]    at most 100 ms

  no data: p99 latency [route GET /x]
    because   no request in phase baseline has a latency to judge
    bound     at most 100 ms
    samples   0
    phase     baseline

  replay: again
"
    );
}

#[test]
fn a_run_without_findings_did_not_pass() {
    let text = report(&fixture::record(), &fixture::judged([]), "again", Look::PLAIN);
    assert!(text.starts_with("no data reviews-slow (seed 7, 0 findings"), "{text}");
    assert!(text.ends_with("\n  replay: again\n"), "{text}");
}

#[test]
fn colours_come_when_asked_for() {
    let record = fixture::record();
    let plain = line(&record, &fixture::judged([fixture::failed()]), Colour::Never);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let red = line(&record, &fixture::judged([fixture::failed()]), Colour::Always);
    assert!(red.starts_with("\u{1b}[1m\u{1b}[31mFAIL   \u{1b}[0m reviews-slow"), "{red:?}");
    let look = Look { colour: Colour::Always, ..Look::PLAIN };
    let green = table(&[fixture::passed()], look);
    assert!(green.starts_with("  \u{1b}[32mpass\u{1b}[0m  baseline"), "{green:?}");
}

#[test]
fn a_pass_is_shown_with_its_findings_when_asked_for() {
    let (record, judgement) = (fixture::record(), fixture::judged([fixture::passed()]));
    let look = Look { verbose: true, ..Look::PLAIN };
    assert_eq!(
        report(&record, &judgement, "again", look),
        "pass    reviews-slow (seed 7, 1 finding, 4 requests, 400 ms simulated)
  claims: slow reviews cost a section, not the page
  with defects: no-call-timeout

  pass  baseline  p99 latency [route GET /x]  10 ms  at most 100 ms
"
    );
}

/// A failed finding below dozens without data is what the reader is there for.
#[test]
fn what_failed_is_not_buried() {
    let record = fixture::record();
    let without = || Finding {
        verdict: Verdict::NoData,
        reason: "the run was cut short".to_owned(),
        ..fixture::passed()
    };
    let findings = Judgement::of(
        std::iter::repeat_with(without).take(40).chain([fixture::failed()]).collect(),
    );
    let text = report(&record, &findings, "again", Look::PLAIN);
    let failed = text.find("FAIL: p99 latency").expect("the failure");
    let without = text.find("no data: 40 findings: p99 latency [route GET /x]").expect("the rest");
    assert!(failed < without, "{text}");
    assert_eq!(text.matches("the run was cut short").count(), 1, "{text}");
    assert!(text.lines().count() < 30, "{text}");
}

/// Whatever a service or a plan says, a terminal shows it and does not obey it.
#[test]
fn hostile_text_stays_text() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\0\u{ffff}";
    let mut record = fixture::record();
    evil.clone_into(&mut record.header.scenario);
    evil.clone_into(&mut record.header.hypothesis);
    record.header.defects = vec![evil.to_owned()];
    record.header.hosts.iter_mut().for_each(|host| evil.clone_into(host));
    let texts: Vec<String> = record.symbols.iter().map(|text| format!("{text}{evil}")).collect();
    record.symbols = texts.iter().map(String::as_str).collect();
    let mut finding = fixture::failed();
    for text in [
        &mut finding.name,
        &mut finding.scope,
        &mut finding.bound,
        &mut finding.observed,
        &mut finding.reason,
    ] {
        *text = format!("{evil}\nsecond line");
    }
    let judgement = fixture::judged([finding, fixture::passed()]);
    let text = report(&record, &judgement, evil, Look::PLAIN);
    let is_shown = |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{ffff}".contains(c));
    assert!(text.chars().all(is_shown), "{text:?}");
    // A line of a service is below its label, not a line of the report.
    assert!(text.contains("\n              second line\n"), "{text}");
    assert!(!text.contains("\nsecond line"), "{text}");
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let mut finding = fixture::failed();
    finding.name =
        "eventually log \"the breaker moved\" dependency=reviews from=half-open".repeat(3);
    finding.reason = "a reason that is longer than a terminal is wide ".repeat(6);
    let judgement = fixture::judged([finding, fixture::passed()]);
    for columns in [60, 80, 120] {
        let look = Look { columns, ..Look::PLAIN };
        let text = report(&fixture::record(), &judgement, "again", look);
        // Of the first line there is no more than one.
        for line in text.lines().skip(1) {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

/// A pass that may rest on a misspelt name says so without being asked.
#[test]
fn what_is_to_be_noted_is_shown_with_a_pass() {
    let record = fixture::record();
    let mut finding = fixture::passed();
    "nothing is called reveiws; the nearest is reviews".clone_into(&mut finding.note);
    let judgement = fixture::judged([finding.clone(), finding]);
    let text = report(&record, &judgement, "again", Look::PLAIN);
    let note = "  note: p99 latency [route GET /x] (baseline): nothing is called reveiws";
    assert_eq!(text.matches(note).count(), 1, "{text}");
}

#[test]
fn a_run_on_processes_is_not_called_simulated() {
    let mut record = fixture::record();
    record.header.backend = Backend::Processes;
    assert_eq!(
        line(&record, &fixture::judged([fixture::passed()]), Colour::Never),
        "pass    reviews-slow (seed 7, 1 finding, 4 requests, 400 ms on processes)"
    );
    record.header.plan["processes"] =
        serde_json::json!({ "rate_factor": 0.2, "slack_ms": 40.0, "without_proxy": [] });
    let text = line(&record, &fixture::judged([fixture::passed()]), Colour::Never);
    assert!(text.ends_with("400 ms on processes, 0.2 of the load, 40 ms of slack)"), "{text}");
}
