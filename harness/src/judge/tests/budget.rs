//! Error budgets and burn rates.

use squall_reports::verdict::Verdict;

use super::{RecordBuilder, fails, no_data, on, passes};
use crate::objective::{Objective, burn_rate, error_budget};

/// One request each millisecond for `count`; those that `is_bad` picks fail.
fn steady(count: u64, is_bad: impl Fn(u64) -> bool) -> RecordBuilder {
    (0..count).fold(RecordBuilder::new(), |record, at| {
        if is_bad(at) { record.bad(at, 5) } else { record.ok(at, 5) }
    })
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
        verdicts(RecordBuilder::new().bad(0, 1), burn_rate(0.5)),
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
