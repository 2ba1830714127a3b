//! Accounts that are to balance.

use squall_reports::{record::Outcome, verdict::Verdict};

use super::{RecordBuilder, fails, no_data, passes};
use crate::objective::{
    Objective, accounting, count, distinct, gauge_at_end, logs, requests, sum_of,
};

/// Jobs that were accepted, done and dead-lettered, and some in flight at the end.
fn jobs(accepted: u64, done: u64, dead: u64, in_flight: u64) -> RecordBuilder {
    let mut record = RecordBuilder::new().gauge("worker", "in_flight", 5, 77).gauge(
        "worker",
        "in_flight",
        3_900,
        in_flight,
    );
    for (message, count) in [("accepted", accepted), ("done", done), ("dead", dead)] {
        for job in 0..count {
            record = record.log(10 + job, message, &format!("job={job}"));
        }
    }
    record
}

fn balance() -> Objective {
    let out = count(logs("done")).plus(count(logs("dead"))).plus(gauge_at_end("in_flight"));
    accounting(count(logs("accepted"))).equals(out)
}

#[test]
fn good() {
    let finding = passes(&jobs(10, 6, 1, 3).build(), balance(), "10 = 6 + 1 + 3");
    assert_eq!(finding.samples, 10);
}

#[test]
fn bad() {
    let finding = fails(&jobs(10, 6, 1, 1).build(), balance(), "2 more on the left: 10 against 8");
    assert_eq!(finding.observed, "10 against 6 + 1 + 1");
    fails(&jobs(10, 11, 0, 0).build(), balance(), "1 more on the right: 10 against 11");
}

#[test]
fn empty() {
    no_data(&jobs(0, 0, 0, 0).build(), balance(), "both sides are zero: nothing happened");
    no_data(&RecordBuilder::new().build(), balance(), "no samples of in_flight");
}

#[test]
fn one_of_each() {
    passes(&jobs(1, 1, 0, 0).build(), balance(), "1 = 1 + 0 + 0");
}

#[test]
fn distinct_values_totals_and_requests() {
    let record = RecordBuilder::new()
        .request(Outcome::Succeeded, 0, 1)
        .request(Outcome::Degraded, 1, 1)
        .request(Outcome::Failed, 2, 1)
        .log(10, "stored", "job=1")
        .log(11, "stored", "job=1")
        .log(12, "stored", "job=2")
        .log(13, "handed back", "jobs=2")
        .log(14, "handed back", "jobs=1")
        .log(15, "broken", "jobs=many")
        .log(16, "moved", "bytes=5000000000")
        .log(17, "arrived", "bytes=4999999999")
        .log(18, "arrived", "bytes=1")
        .build();
    let all = || requests([]);
    passes(&record, all().equals(sum_of("jobs", logs("handed back"))), "3 = 3");
    let bytes = sum_of("bytes", logs("moved")).equals(sum_of("bytes", logs("arrived")));
    passes(&record, bytes, "5,000,000,000 = 5,000,000,000");
    let useful = requests([Outcome::Succeeded, Outcome::Degraded]);
    passes(&record, useful.equals(distinct("job", logs("stored"))), "2 = 2");
    no_data(
        &record,
        all().equals(sum_of("jobs", logs("broken"))),
        "expected a whole number in jobs of log \"broken\", found \"many\"",
    );
}

#[test]
fn gauges_are_added_up_over_the_hosts() {
    let record = RecordBuilder::new()
        .gauge("api", "held", 10, 2)
        .gauge("worker", "held", 10, 3)
        .request(Outcome::Succeeded, 0, 1)
        .build();
    fails(&record, requests([]).equals(gauge_at_end("held")), "4 more on the right: 1 against 5");
    fails(
        &record,
        requests([]).equals(gauge_at_end("held")).on_host("api"),
        "2 more on the right: 0 against 2",
    );
}

#[test]
fn gauges_of_any_size_and_sign_are_added_up() {
    let account = || accounting(gauge_at_end("in")).equals(gauge_at_end("out"));
    let held = |left: f64, right: f64| {
        let record = RecordBuilder::new().gauge("api", "in", 10, left);
        record.gauge("api", "out", 10, right).build()
    };
    passes(&held(0.3, 0.1 + 0.2), account(), "0.3 = 0.3");
    passes(&held(-2.0, -2.0), account(), "-2 = -2");
    fails(&held(0.49, 0.5), account(), "0.01 more on the right: 0.49 against 0.5");
    fails(&held(-1.0, 1.0), account(), "2 more on the right: -1 against 1");
    // Beyond what is exact nothing is claimed.
    for large in [u64::MAX, (1 << 53) + 2] {
        let record = RecordBuilder::new()
            .gauge("api", "in", 10, large)
            .gauge("worker", "in", 10, large)
            .gauge("api", "out", 10, large);
        let finding = super::one(&record.build(), account());
        assert_eq!(finding.verdict, Verdict::NoData);
        assert!(finding.reason.starts_with("expected sums up to 2^53"), "{}", finding.reason);
    }
}
