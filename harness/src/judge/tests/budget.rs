//! Error budgets and burn rates.

use squall_reports::verdict::Verdict;

use super::{RecordBuilder, fails, no_data, on, passes};
use crate::objective::{Objective, burn_rate, error_budget};

/// One request each millisecond for `count`, which is the load; those that `is_bad` picks fail.
fn steady(count: u64, is_bad: impl Fn(u64) -> bool) -> RecordBuilder {
    let record = RecordBuilder::new().load(0, count - 1, 4_000);
    (0..count).fold(
        record,
        |record, at| {
            if is_bad(at) { record.bad(at, 5) } else { record.ok(at, 5) }
        },
    )
}

#[test]
fn budget_good() {
    let record = steady(1_000, |at| at % 200 == 0).build();
    let finding = passes(&record, error_budget(0.99).spent_at_most(1.0), "50 % spent");
    assert_eq!((finding.samples, finding.worst, finding.margin), (1_000, Some(1), Some(0.5)));
}

#[test]
fn budget_bad() {
    let finding = fails(
        &steady(1_000, |at| at % 50 == 0).build(),
        error_budget(0.99).spent_at_most(1.0),
        "error budget of 99 %: 200 % was spent over the run, over the bound of 100 % (20 of 1,000 \
         requests bad)",
    );
    assert_eq!(finding.margin, Some(-1.0));
}

#[test]
fn budget_empty() {
    no_data(
        &RecordBuilder::new().build(),
        error_budget(0.99).spent_at_most(1.0),
        "no request over the run came to an end",
    );
}

#[test]
fn budget_one_sample() {
    let good = RecordBuilder::new().ok(0, 1).build();
    passes(&good, error_budget(0.99).spent_at_most(1.0), "0 % spent");
    fails(
        &RecordBuilder::new().bad(0, 1).build(),
        error_budget(0.99).spent_at_most(1.0),
        "error budget of 99 %: 10000 % was spent over the run, over the bound of 100 % (1 of 1 \
         request bad)",
    );
}

#[test]
fn a_budget_may_be_spent_to_the_last_request() {
    // In floating point 1 - 0.9 is less than 0.1, so one of ten would be too many.
    for (target, count) in [(0.9, 10), (0.99, 100), (0.999, 1_000)] {
        let record = steady(count, |at| at == 3).build();
        let finding = passes(&record, error_budget(target).spent_at_most(1.0), "100 % spent");
        assert_eq!(finding.margin, Some(0.0));
    }
}

fn verdicts(record: RecordBuilder, objective: Objective) -> Vec<Verdict> {
    on(&record.build(), objective).iter().map(|finding| finding.verdict).collect()
}

#[test]
fn burn_good() {
    let findings = on(&steady(3_600, |at| at % 200 == 7).build(), burn_rate(0.9));
    let shown: Vec<_> = findings
        .iter()
        .map(|f| (f.name.as_str(), f.bound.as_str(), f.verdict, f.samples))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "burn rate of 90 %, page at 14.4x",
                "at most 14.4 over 0.1389 % and 0.0116 % of the run",
                Verdict::Pass,
                3_600
            ),
            (
                "burn rate of 90 %, page at 6x",
                "at most 6 over 0.8333 % and 0.0694 % of the run",
                Verdict::Pass,
                3_600
            ),
            (
                "burn rate of 90 %, ticket at 3x",
                "at most 3 over 3.3333 % and 0.2778 % of the run",
                Verdict::Pass,
                3_600
            ),
            (
                "burn rate of 90 %, ticket at 1x",
                "at most 1 over 10 % and 0.8333 % of the run",
                Verdict::Pass,
                3_600
            ),
        ]
    );
}

#[test]
fn burn_bad() {
    // Half of the requests fail for a ninth of the run.
    let record = steady(3_600, |at| (1_800..2_200).contains(&at) && at % 2 == 0);
    let findings = on(&record.build(), burn_rate(0.9));
    // Half of all is five times a budget of a tenth: enough for both tickets, for neither page.
    let found: Vec<_> = findings.iter().map(|f| f.verdict).collect();
    assert_eq!(found, [Verdict::Pass, Verdict::Pass, Verdict::Fail, Verdict::Fail]);
    assert_eq!(
        findings[3].reason,
        "burn rate of 90 % reached 5x at 2.158 s, over the bound of 1x (360 requests in the long \
         window)"
    );
    assert_eq!(findings[3].worst, Some(2_159));
}

#[test]
fn a_short_burst_does_not_page_for_long_after() {
    // The long window still remembers it when the short one is clean: no alert.
    let burst = |at: u64| (1_000..1_010).contains(&at);
    assert_eq!(
        verdicts(steady(3_600, burst), burn_rate(0.5)),
        [Verdict::Pass, Verdict::Pass, Verdict::Pass, Verdict::Pass]
    );
}

#[test]
fn burn_empty() {
    let record = RecordBuilder::new().build();
    for finding in on(&record, burn_rate(0.99)) {
        assert_eq!(finding.verdict, Verdict::NoData);
        assert_eq!(finding.reason, "no window held 1 request from its beginning to its end");
    }
}

#[test]
fn burn_one_sample() {
    // A run of one instant has windows of no length, and they hold the request.
    assert_eq!(
        verdicts(RecordBuilder::new().load(0, 0, 4_000).bad(0, 1), burn_rate(0.5)),
        [Verdict::Pass, Verdict::Pass, Verdict::Pass, Verdict::Fail]
    );
}

#[test]
fn exactly_the_burn_rate_does_not_fire() {
    // Every other request fails all the time: a rate of 1 where a window holds an even number.
    let record = steady(3_601, |at| at % 2 == 0);
    let findings = on(&record.build(), burn_rate(0.5));
    assert_eq!(findings[3].verdict, Verdict::Fail, "an odd window holds one more");
    let record = steady(3_591, |at| at % 2 == 0);
    let ticket = &on(&record.build(), burn_rate(0.5))[3];
    assert_eq!((ticket.verdict, ticket.observed.as_str()), (Verdict::Pass, "1"));
    assert_eq!(ticket.margin, Some(0.0));
}

#[test]
fn thin_windows_can_be_left_out() {
    let thin = steady(40, |at| at == 39).build();
    let findings = on(&thin, burn_rate(0.9).where_samples_at_least(10));
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::NoData), "{findings:#?}");
    assert_eq!(findings[0].reason, "no window held 10 requests from its beginning to its end");
    assert_eq!(on(&thin, burn_rate(0.9).paging_only()).len(), 2);
}

#[test]
fn requests_of_one_instant_are_one_observation() {
    // A thousand good ones and one bad one at each instant, in either order.
    let ticket = |bad_first: bool| {
        let record = RecordBuilder::new().load(0, 3_600, 4_000);
        let record = (0..=36).fold(record, |record, place| {
            let at = place * 100;
            let good = |record| (0..100).fold(record, |record: RecordBuilder, _| record.ok(at, 5));
            if bad_first { good(record.bad(at, 5)) } else { good(record).bad(at, 5) }
        });
        on(&record.build(), burn_rate(0.9)).pop().expect("four windows")
    };
    let (first, last) = (ticket(true), ticket(false));
    assert_eq!((first.verdict, first.observed.as_str()), (Verdict::Pass, "0.099"));
    assert_eq!(last.observed, first.observed);
}

#[test]
fn windows_are_of_the_load_and_not_of_a_route() {
    use squall_reports::record::Outcome;
    // A route that is asked for 36 ms of 3.6 s, and fails throughout.
    let record = (0..3_600).fold(RecordBuilder::new().load(0, 3_600, 4_000), |record, at| {
        let record = record.ok(at, 5);
        if (1_800..1_836).contains(&at) {
            record.routed("GET /rare", Outcome::Failed, at, 5)
        } else {
            record
        }
    });
    let record = record.build();
    let findings = on(&record, burn_rate(0.5).on_route("GET /rare"));
    // The short window of the widest is 30 ms: all of it was bad.
    let shown: Vec<_> = findings.iter().map(|it| (it.verdict, it.observed.as_str())).collect();
    assert_eq!(shown[3], (Verdict::Fail, "2"));
    assert_eq!(findings[3].at, Some(1_800_000_000));
}
