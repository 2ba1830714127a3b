//! Tests of what a terminal shows, with the exact text.

use super::{Colour, line, report, table};
use crate::{fixture, verdict::Verdict};

#[test]
fn a_pass_is_one_line() {
    let record = fixture::record();
    assert_eq!(
        report(&record, &fixture::judged([fixture::passed()]), "squall replay 7", Colour::Never),
        "pass    reviews-slow (seed 7, 1 finding, 4 requests, 400 ms simulated)\n"
    );
}

#[test]
fn a_failure_says_what_where_by_how_much_and_how_to_see_it_again() {
    let record = fixture::record();
    let findings = fixture::judged([fixture::passed(), fixture::failed()]);
    assert_eq!(
        report(&record, &findings, "cargo squall run reviews-slow --seed 7", Colour::Never),
        "FAIL    reviews-slow (seed 7, 2 findings, 4 requests, 400 ms simulated)
  claims: slow reviews cost a section, not the page
  with defects: no-call-timeout

  pass    baseline p99 latency [route GET /x]  10 ms   at most 100 ms
  FAIL    during   p99 latency [route GET /x]  154 ms  at most 100 ms

  FAIL: p99 latency [route GET /x]
    because   p99 latency was 154 ms in during, 54 ms over the bound of 100 ms (2 samples)
    bound     at most 100 ms
    observed  154 ms
    samples   2
    margin    -54 %
    phase     during
    worst     request 3
      request 3 GET /x degraded after 154 ms, status 200, 1 attempt, from client at 110 ms in \
         during: reviews
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
    let text = report(&fixture::operated(), &findings, "again", Colour::Never);
    let expected = "  operation: rollout of web, from 50 ms to 150 ms: rolled back\n  \
                    operation: drain a, from 200 ms on: not over\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_spans_of_a_request_are_shown_once() {
    let record = fixture::record();
    let findings = fixture::judged([fixture::failed(), fixture::failed()]);
    let text = report(&record, &findings, "again", Colour::Never);
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
    finding.reason = "no request in baseline has a latency to judge".to_owned();
    assert_eq!(
        report(&record, &fixture::judged([finding]), "again", Colour::Never),
        "no data reviews-slow (seed 7, 1 finding, 4 requests, 400 ms simulated)
  claims: slow reviews cost a section, not the page

  no data baseline p99 latency [route GET /x]    at most 100 ms

  no data: p99 latency [route GET /x]
    because   no request in baseline has a latency to judge
    bound     at most 100 ms
    samples   0
    phase     baseline

  replay: again
"
    );
}

#[test]
fn a_run_without_findings_did_not_pass() {
    let text = report(&fixture::record(), &fixture::judged([]), "again", Colour::Never);
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
    let green = table(&[fixture::passed()], Colour::Always);
    assert!(green.starts_with("  \u{1b}[32mpass   \u{1b}[0m baseline"), "{green:?}");
}
