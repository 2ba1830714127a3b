//! Availability, goodput and the other shares.

use squall_reports::record::{Outcome, Phase, Record};

use super::{RecordBuilder, fails, ms, no_data, passes};
use crate::objective::{
    abandoned, availability, degraded, failed, failed_otherwise_than, goodput, shed, succeeded,
    useful, wrong,
};

/// A run of one phase with that many of each outcome.
fn mixed(succeeded: u64, degraded: u64, failed: u64, shed: u64, abandoned: u64) -> RecordBuilder {
    let counts = [succeeded, degraded, failed, shed, abandoned];
    let mut record = RecordBuilder::new().only(Phase::During);
    for (outcome, count) in Outcome::ALL.into_iter().zip(counts) {
        for place in 0..count {
            record = record.request(outcome, place, 10 + place);
        }
    }
    record
}

#[test]
fn good() {
    let record = mixed(7, 2, 1, 0, 5).build();
    let finding = passes(&record, availability().at_least(0.8), "90 %");
    // The abandoned do not count; the worst is the one that failed.
    assert_eq!((finding.samples, finding.worst), (10, Some(10)));
    assert!((finding.margin.expect("a margin") - 0.125).abs() < 1e-9);
    passes(&record, useful().at_least(0.9), "90 %");
    passes(&record, succeeded().at_least(0.7), "70 %");
    passes(&record, degraded().at_most(0.2), "20 %");
    passes(&record, shed().at_most(0.0), "0 %");
    passes(&record, failed().count_at_most(1), "1");
}

#[test]
fn bad() {
    let record = mixed(7, 2, 3, 4, 4).build();
    let finding = fails(
        &record,
        availability().at_least(0.999),
        "availability: 56.25 % in phase during, under the bound of 99.9 % (9 of 16 requests)",
    );
    // The slowest of those without a useful answer, and the first of equals.
    assert_eq!(finding.worst, Some(16));
    fails(
        &record,
        degraded().at_most(0.1),
        "degraded answers: 12.5 % in phase during, over the bound of 10 % (2 of 16 requests)",
    );
    fails(
        &record,
        shed().at_most(0.1),
        "shed requests: 25 % in phase during, over the bound of 10 % (4 of 16 requests)",
    );
    fails(
        &record,
        failed().count_at_most(2),
        "failed requests: 3 of 16 requests over the run, at most 2 allowed",
    );
    let finding = fails(
        &record,
        failed().none(),
        "failed requests: 3 of 16 requests over the run, at most 0 allowed",
    );
    assert_eq!((finding.margin, finding.worst), (None, Some(12)));
    // Of all that were sent.
    fails(
        &record,
        abandoned().at_most(0.1),
        "abandoned requests: 20 % in phase during, over the bound of 10 % (4 of 20 requests)",
    );
}

#[test]
fn empty() {
    let record = mixed(0, 0, 0, 0, 0).build();
    no_data(&record, availability().at_least(0.9), "no request in phase during came to an end");
    no_data(&record, failed().none(), "no request over the run came to an end");
    // Only abandoned requests: nobody knows.
    let record = mixed(0, 0, 0, 0, 3).build();
    no_data(&record, availability().at_least(0.9), "no request in phase during came to an end");
}

#[test]
fn one_sample() {
    let good = mixed(1, 0, 0, 0, 0).build();
    assert_eq!(passes(&good, availability().at_least(1.0), "100 %").worst, None);
    let bad = mixed(0, 0, 1, 0, 0).build();
    fails(
        &bad,
        availability().at_least(0.5),
        "availability: 0 % in phase during, under the bound of 50 % (0 of 1 request)",
    );
}

#[test]
fn exactly_the_bound_is_allowed() {
    passes(&mixed(999, 0, 1, 0, 0).build(), availability().at_least(0.999), "99.9 %");
    passes(&mixed(9, 1, 0, 0, 0).build(), degraded().at_most(0.1), "10 %");
    let finding = passes(&mixed(5, 0, 2, 0, 0).build(), failed().count_at_most(2), "2");
    assert_eq!(finding.margin, Some(0.0));
    fails(
        &mixed(998, 0, 2, 0, 0).build(),
        availability().at_least(0.999),
        "availability: 99.8 % in phase during, under the bound of 99.9 % (998 of 1,000 requests)",
    );
}

#[test]
fn goodput_is_good_and_on_time() {
    let record = RecordBuilder::new()
        .only(Phase::During)
        .request(Outcome::Succeeded, 0, 100)
        .request(Outcome::Degraded, 0, 100)
        .request(Outcome::Succeeded, 0, 101)
        .request(Outcome::Failed, 0, 1)
        .build();
    // Exactly at the time is on time; an error is never good, however fast.
    passes(&record, goodput().within(ms(100)).at_least(0.5), "50 %");
    let finding = fails(
        &record,
        goodput().within(ms(100)).at_least(0.75),
        "goodput within 100 ms: 50 % in phase during, under the bound of 75 % (2 of 4 requests)",
    );
    assert_eq!(finding.worst, Some(3));
}

/// A run with one answer of each kind, and one more failure with this status.
fn failing_with(status: u16) -> Record {
    RecordBuilder::new()
        .only(Phase::During)
        .answered(Outcome::Succeeded, 200)
        .answered(Outcome::Failed, 503)
        .answered(Outcome::Shed, 429)
        .answered(Outcome::Failed, status)
        .build()
}

#[test]
fn errors_of_another_status_stand_out() {
    passes(&failing_with(503), failed_otherwise_than(503).none(), "0");
    for status in [0, 500] {
        fails(
            &failing_with(status),
            failed_otherwise_than(503).none(),
            "requests that failed otherwise than with 503: 1 of 4 requests over the run, at most 0 \
             allowed",
        );
    }
}

#[test]
fn a_wrong_answer_is_one_of_status_2xx() {
    for status in [0, 199, 300, 404, 503] {
        passes(&failing_with(status), wrong().none(), "0");
    }
    for status in [200, 206, 299] {
        fails(
            &failing_with(status),
            wrong().none(),
            "wrong answers: 1 of 4 requests over the run, at most 0 allowed",
        );
    }
}
