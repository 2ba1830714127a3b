//! Gauges that are to balance whenever they are read.

use super::{RecordBuilder, fails, no_data, passes};
use crate::objective::{Objective, always_balanced};

fn balance() -> Objective {
    always_balanced(["accepted"], ["stored", "queued"])
}

/// A page of metrics.
fn page(record: RecordBuilder, host: &str, at: u64, [a, s, q]: [u64; 3]) -> RecordBuilder {
    record.gauge(host, "accepted", at, a).gauge(host, "stored", at, s).gauge(host, "queued", at, q)
}

#[test]
fn good() {
    let record = page(RecordBuilder::new(), "worker", 5, [0, 0, 0]);
    let record = page(record, "worker", 10, [7, 3, 4]);
    let finding = passes(&page(record, "api", 10, [2, 2, 0]).build(), balance(), "up to 7");
    assert_eq!(finding.samples, 3);
}

#[test]
fn bad() {
    let record = page(RecordBuilder::new(), "worker", 10, [7, 3, 4]);
    let lost = page(record, "worker", 15, [7, 4, 1]);
    let healthy_again = page(lost, "worker", 20, [7, 7, 0]).build();
    let finding =
        fails(&healthy_again, balance(), "2 more on the left: 7 against 5, on worker at 15 ms");
    assert_eq!(finding.observed, "7 against 4 + 1");
    let invented = page(RecordBuilder::new(), "worker", 10, [7, 8, 0]).build();
    fails(&invented, balance(), "1 more on the right: 7 against 8, on worker at 10 ms");
}

#[test]
fn hosts_and_instants_are_not_mixed() {
    let apart = page(RecordBuilder::new(), "worker", 10, [1, 0, 0]);
    let apart = page(apart, "api", 10, [0, 1, 0]).build();
    fails(&apart, balance(), "1 more on the right: 0 against 1, on api at 10 ms");
    let half = RecordBuilder::new()
        .gauge("worker", "accepted", 10, 1)
        .gauge("worker", "stored", 11, 1)
        .gauge("worker", "queued", 11, 0)
        .build();
    no_data(&half, balance(), "no sample has all of the gauges");
}

#[test]
fn empty() {
    no_data(&RecordBuilder::new().build(), balance(), "no samples of accepted");
    let idle = page(RecordBuilder::new(), "worker", 10, [0, 0, 0]).build();
    no_data(&idle, balance(), "all of the gauges are zero throughout: nothing happened");
}
