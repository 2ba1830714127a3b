//! Tests of the summary: its exact text, for a whole run and for an empty one.

use super::summary;
use crate::{
    fixture,
    record::{EndCause, Event, EventKind},
};

#[test]
fn a_run_in_words() {
    let record = fixture::record();
    let text = summary(&record, &fixture::judged([fixture::passed(), fixture::failed()]));
    let expected = format!(
        "scenario: reviews-slow
hypothesis: slow reviews cost a section, not the page
verdict: FAIL
seed: 7
defects: no-call-timeout
end: the plan was performed to its end, after 400 ms
digest: {}

findings:
  pass    baseline p99 latency [route GET /x]: 10 ms; bound: at most 100 ms (1 sample)
  FAIL    during   p99 latency [route GET /x]: 154 ms; bound: at most 100 ms (2 samples)
          because p99 latency was 154 ms in phase during, 54 ms over the bound of 100 ms (2 samples)

faults:
  latency api -> reviews 150 ms, 100 ms to 300 ms: 1,234 packets

requests:
  baseline 2 sent, 2 succeeded, 0 degraded, 0 failed, 0 shed, 0 abandoned
  during   2 sent, 0 succeeded, 1 degraded, 1 failed, 0 shed, 0 abandoned

latency:
  baseline GET /x: p50 10 ms, p95 10 ms, p99 10 ms, max 10 ms (1 sample)
  baseline PUT /x: p50 20 ms, p95 20 ms, p99 20 ms, max 20 ms (1 sample)
  during   GET /x: p50 150 ms, p95 154 ms, p99 154 ms, max 154 ms (2 samples)
  during   PUT /x: p50 none, p95 none, p99 none, max none (0 samples)
",
        record.digest()
    );
    assert_eq!(text, expected);
}

#[test]
fn an_empty_run_in_words() {
    let mut record = fixture::record();
    record.events.clear();
    record.header.faults.clear();
    record.header.defects.clear();
    record.end.cause = EndCause::Interrupted;
    let text = summary(&record, &fixture::judged([]));
    assert!(text.contains("\nverdict: no data\n"), "{text}");
    assert!(text.contains("\ndefects: none\n"), "{text}");
    assert!(text.contains("\nend: the run was interrupted, after 400 ms\n"), "{text}");
    assert!(text.contains("\nfaults: none\n"), "{text}");
    assert!(text.contains("\n  during   0 sent, 0 succeeded,"), "{text}");
    assert!(text.ends_with("\nlatency:\n"), "{text}");
}

#[test]
fn one_more_request_changes_only_the_lines_it_belongs_to() {
    let record = fixture::record();
    let mut longer = record.clone();
    let mut request = longer.requests().last().map(|(_, request)| *request).expect("a request");
    request.id = 5;
    longer.events.push(Event { at: 310 * fixture::MS, what: EventKind::Request(request) });
    let (before, after) =
        (summary(&record, &fixture::judged([])), summary(&longer, &fixture::judged([])));
    let changed: Vec<&str> = before
        .lines()
        .zip(after.lines())
        .filter(|(before, after)| before != after)
        .map(|(_, after)| after.split([':', ',']).next().unwrap_or_default())
        .collect();
    assert_eq!(changed, ["digest", "  during   3 sent", "  during   GET /x"]);
}
