//! Latency percentiles.

use squall_reports::{
    record::{Outcome, Phase},
    verdict::Verdict,
};

use super::{RecordBuilder, fails, ms, no_data, on, passes};
use crate::objective::{failures, p50, p99, percentile};

/// A hundred requests in the baseline that took 1 to 100 ms.
fn hundred() -> RecordBuilder {
    (1..=100).fold(RecordBuilder::new().only(Phase::Baseline), |record, latency| {
        record.ok(latency, latency)
    })
}

#[test]
fn good() {
    let finding = passes(&hundred().build(), p99().at_most(ms(198)), "99 ms");
    assert_eq!((finding.samples, finding.worst), (100, Some(100)));
    assert_eq!(finding.phase, Some(Phase::Baseline));
    assert_eq!(finding.margin, Some(0.5));
    passes(&hundred().build(), p50().at_most(ms(50)), "50 ms");
}

#[test]
fn bad() {
    let finding = fails(
        &hundred().build(),
        p99().at_most(ms(90)),
        "p99 latency was 99 ms in phase baseline, 9 ms over the bound of 90 ms (100 samples)",
    );
    assert_eq!((finding.worst, finding.margin), (Some(100), Some(-0.1)));
    assert_eq!((finding.bound.as_str(), finding.observed.as_str()), ("at most 90 ms", "99 ms"));
}

#[test]
fn thousands_are_readable() {
    let record = RecordBuilder::new().only(Phase::During);
    let record = (0..1_234).fold(record, |record, _| record.ok(10, 412)).build();
    fails(
        &record,
        p99().at_most(ms(200)),
        "p99 latency was 412 ms in phase during, 212 ms over the bound of 200 ms (1,234 samples)",
    );
}

#[test]
fn empty() {
    let record = RecordBuilder::new().only(Phase::During).build();
    let finding =
        no_data(&record, p99().at_most(ms(1)), "no request in phase during has a latency to judge");
    assert_eq!((finding.samples, finding.worst, finding.margin), (0, None, None));
}

#[test]
fn one_sample() {
    let record = RecordBuilder::new().only(Phase::After).ok(5, 7).build();
    assert_eq!(passes(&record, p99().at_most(ms(10)), "7 ms").samples, 1);
    fails(
        &record,
        percentile(1.0).at_most(ms(6)),
        "p1 latency was 7 ms in phase after, 1 ms over the bound of 6 ms (1 sample)",
    );
}

#[test]
fn exactly_the_bound_is_allowed() {
    let finding = passes(&hundred().build(), p99().at_most(ms(99)), "99 ms");
    assert_eq!(finding.margin, Some(0.0));
    fails(
        &hundred().build(),
        p99().at_most(ms(99) - std::time::Duration::from_nanos(1)),
        "p99 latency was 99 ms in phase baseline, 1 ns over the bound of 98.999999 ms (100 samples)",
    );
}

#[test]
fn each_phase_is_judged_by_itself_by_the_intended_start() {
    // Intended at the end of the baseline, answered in during: a request of the baseline.
    let record = RecordBuilder::new().ok(999, 300).ok(1_000, 5).ok(2_500, 6).build();
    let findings = on(&record, p99().at_most(ms(10)));
    let found: Vec<_> =
        findings.iter().map(|f| (f.phase, f.verdict, f.observed.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some(Phase::Baseline), Verdict::Fail, "300 ms"),
            (Some(Phase::During), Verdict::Pass, "5 ms"),
            (Some(Phase::Recovery), Verdict::Pass, "6 ms"),
            (Some(Phase::After), Verdict::NoData, ""),
        ]
    );
    let over_the_run = p99().at_most(ms(10)).over_the_run();
    fails(
        &record,
        over_the_run,
        "p99 latency was 300 ms over the run, 290 ms over the bound of 10 ms (3 samples)",
    );
}

#[test]
fn counts_what_a_client_waited_for() {
    let record = RecordBuilder::new()
        .only(Phase::During)
        .request(Outcome::Succeeded, 0, 10)
        .request(Outcome::Degraded, 0, 20)
        .request(Outcome::Failed, 0, 30)
        .request(Outcome::Shed, 0, 40)
        .request(Outcome::Abandoned, 0, 50)
        .build();
    let all = percentile(100.0).at_most(ms(100));
    let finding = passes(&record, all.clone(), "30 ms");
    assert_eq!((finding.samples, finding.worst), (3, Some(3)));
    let finding = passes(&record, all.with_outcomes([Outcome::Shed]), "40 ms");
    assert_eq!((finding.samples, finding.scope.as_str()), (1, "shed"));
}

#[test]
fn failures_are_to_be_fast() {
    let record = RecordBuilder::new().ok(1, 900).bad(2, 30).build();
    let finding = passes(&record, failures().p99_at_most(ms(50)), "30 ms");
    assert_eq!((finding.phase, finding.worst), (None, Some(2)));
    fails(
        &record,
        failures().p99_at_most(ms(20)),
        "p99 latency was 30 ms over the run, 10 ms over the bound of 20 ms (1 sample)",
    );
    no_data(
        &RecordBuilder::new().ok(1, 1).build(),
        failures().p99_at_most(ms(20)),
        "no request over the run has a latency to judge",
    );
}

#[test]
fn relative_to_the_baseline() {
    let record = RecordBuilder::new().ok(0, 10).ok(1_000, 30).build();
    let during = |times| p99().at_most_times_baseline(times).in_phase(Phase::During);
    let finding = passes(&record, during(3.0), "30 ms");
    assert_eq!(finding.bound, "at most 3 times the baseline (30 ms)");
    fails(
        &record,
        during(2.5),
        "p99 latency was 30 ms in phase during, 5 ms over the bound of 25 ms (1 sample)",
    );
    let phases: Vec<_> =
        on(&record, p99().at_most_times_baseline(3.0)).iter().map(|f| f.phase).collect();
    assert_eq!(phases, [Some(Phase::During), Some(Phase::Recovery), Some(Phase::After)]);
}

#[test]
fn relative_to_a_baseline_that_is_not_there() {
    let record = RecordBuilder::new().ok(1_000, 30).build();
    let finding = no_data(
        &record,
        p99().at_most_times_baseline(3.0).in_phase(Phase::During),
        "the baseline has no latency to compare with",
    );
    assert_eq!(finding.observed, "30 ms");
}

#[test]
fn the_worst_of_equals_is_the_first() {
    let record = RecordBuilder::new().only(Phase::During).ok(0, 9).ok(1, 9).ok(2, 9).build();
    assert_eq!(passes(&record, p99().at_most(ms(9)), "9 ms").worst, Some(1));
}
