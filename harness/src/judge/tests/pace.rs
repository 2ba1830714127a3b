//! The pace of retries.

use squall_reports::record::Phase;

use super::{RecordBuilder, fails, ms, no_data, passes};
use crate::objective::{Matching, Objective, pause_between, spans};

fn calls() -> Matching {
    spans("call").with("dependency", "pricing")
}

/// Attempts of 10 ms at jobs, one job for each list of pauses, which begin every 100 ms.
fn jobs(pauses: &[&[u64]]) -> RecordBuilder {
    let mut record = RecordBuilder::new();
    for (job, pauses) in (0_u64..).zip(pauses) {
        let mut at = 100 * job;
        for (attempt, pause) in (1..).zip(std::iter::once(&0).chain(*pauses)) {
            at += pause;
            let fields = format!("dependency=pricing job=j{job} attempt={attempt}");
            // No request of the load: a worker resumes no trace of a client that left.
            record = record.span_on("worker", 0, 0, ("call", &fields), at, at + 10);
            at += 10;
        }
    }
    record
}

fn of_jobs() -> crate::objective::PaceBuilder {
    pause_between(calls()).with_same("job")
}

fn at_least(pause: u64) -> Objective {
    of_jobs().at_least(ms(pause))
}

#[test]
fn good() {
    let finding = passes(&jobs(&[&[50, 80], &[60], &[]]).build(), at_least(40), "50 ms");
    assert_eq!((finding.samples, finding.margin), (3, Some(0.25)));
}

#[test]
fn bad() {
    fails(
        &jobs(&[&[50, 80], &[20], &[0]]).build(),
        at_least(40),
        "attempt 2 of job=j2 began on worker at 210 ms, 0 ns after attempt 1 ended on worker at \
         210 ms, expected at least 40 ms (2 of 4 pauses are wrong)",
    );
}

#[test]
fn empty() {
    let reason = "no span \"call\" dependency=pricing was followed by another attempt over the run";
    no_data(&jobs(&[]).build(), at_least(40), reason);
    no_data(&jobs(&[&[], &[]]).build(), at_least(40), reason);
}

#[test]
fn one_sample() {
    passes(&jobs(&[&[41]]).build(), at_least(40), "41 ms");
}

#[test]
fn exactly_the_bound_is_allowed() {
    passes(&jobs(&[&[40]]).build(), at_least(40), "40 ms");
    passes(&jobs(&[&[40]]).build(), of_jobs().at_most(ms(40)), "40 ms");
}

#[test]
fn a_pause_that_is_too_long() {
    fails(
        &jobs(&[&[50], &[90, 40]]).build(),
        of_jobs().at_most(ms(60)),
        "attempt 2 of job=j1 began on worker at 200 ms, 90 ms after attempt 1 ended on worker at \
         110 ms, expected at most 60 ms (1 of 3 pauses are wrong)",
    );
}

#[test]
fn the_pause_begins_where_the_attempt_ends() {
    // From beginning to beginning there would be 100 ms.
    let record = RecordBuilder::new()
        .ok(0, 200)
        .span_of(1, 0, "call", "dependency=pricing", 0, 95)
        .span_of(1, 0, "call", "dependency=pricing", 100, 105)
        .build();
    fails(
        &record,
        pause_between(calls()).at_least(ms(50)),
        "attempt 2 of request 1 began on api at 100 ms, 5 ms after attempt 1 ended on api at 95 \
         ms, expected at least 50 ms (1 of 1 pauses are wrong)",
    );
}

#[test]
fn attempts_that_overlap_have_no_pause_between_them() {
    let record = RecordBuilder::new()
        .ok(0, 200)
        // The second one closes first; they are in the order in which they began all the same.
        .span_of(1, 0, "call", "dependency=pricing", 0, 300)
        .span_of(1, 0, "call", "dependency=pricing", 100, 105)
        .build();
    fails(
        &record,
        pause_between(calls()).at_least(ms(50)),
        "attempt 2 of request 1 began on api at 100 ms, before attempt 1 ended on api at 300 ms, \
         expected at least 50 ms (1 of 1 pauses are wrong)",
    );
}

#[test]
fn attempts_at_different_things_have_no_pause_between_them() {
    // One after the other without a pause, each for another request; and what is of no request.
    let record = RecordBuilder::new()
        .ok(0, 200)
        .ok(0, 200)
        .span_of(1, 0, "call", "dependency=pricing", 0, 10)
        .span_of(2, 0, "call", "dependency=pricing", 10, 20)
        .span_of(0, 0, "call", "dependency=pricing", 20, 30)
        .span_of(0, 0, "call", "dependency=pricing", 30, 40)
        .build();
    no_data(
        &record,
        pause_between(calls()).at_least(ms(5)),
        "no span \"call\" dependency=pricing was followed by another attempt over the run",
    );
}

#[test]
fn a_job_goes_from_host_to_host() {
    let record = RecordBuilder::new()
        .span_on("worker", 0, 0, ("call", "dependency=pricing job=7"), 0, 10)
        .span_on("api", 0, 0, ("call", "dependency=pricing job=7"), 12, 20)
        .build();
    fails(
        &record,
        at_least(40),
        "attempt 2 of job=7 began on api at 12 ms, 2 ms after attempt 1 ended on worker at 10 ms, \
         expected at least 40 ms (1 of 1 pauses are wrong)",
    );
    no_data(
        &record,
        at_least(40).on_host("api"),
        "no span \"call\" dependency=pricing was followed by another attempt over the run",
    );
}

#[test]
fn a_pause_belongs_to_the_phase_of_its_request() {
    let record = RecordBuilder::new()
        .ok(990, 500)
        .span_of(1, 0, "call", "dependency=pricing", 1_010, 1_020)
        .span_of(1, 0, "call", "dependency=pricing", 1_025, 1_030)
        .build();
    let bound = || pause_between(calls()).at_least(ms(5));
    passes(&record, bound().in_phase(Phase::Baseline), "5 ms");
    no_data(
        &record,
        bound().in_phase(Phase::During),
        "no span \"call\" dependency=pricing was followed by another attempt in phase during",
    );
}

#[test]
fn pauses_that_grow() {
    let good: &[u64] = &[20, 40, 80];
    let growing = || of_jobs().growing_by(1.5);
    passes(&jobs(&[good; 8]).build(), growing(), "2x");
    let bad: &[u64] = &[20, 40, 40];
    fails(
        &jobs(&[bad; 9]).build(),
        growing(),
        "pause between span \"call\" dependency=pricing with the same job did not grow over the \
         run: after attempt 3 the median of 9 was 40 ms, 1x the 40 ms of the pause before, \
         expected at least 1.5x; for example attempt 4 of job=j0 began on worker at 130 ms, 40 ms \
         after attempt 3 ended on worker at 90 ms",
    );
    no_data(
        &jobs(&[good; 7]).build(),
        growing(),
        "expected at least 8 chains with the same two pauses in a row, found 7",
    );
}

#[test]
fn growth_is_that_of_the_same_chains() {
    // Jobs with short pauses are done after the second attempt. Over all jobs the second pause is
    // far longer than the first one, but nobody's pause ever grew.
    let (quick, slow): (&[u64], &[u64]) = (&[10], &[50, 50]);
    let all: Vec<&[u64]> = [[quick; 20], [slow; 20]].concat();
    fails(
        &jobs(&all).build(),
        of_jobs().growing_by(1.5),
        "pause between span \"call\" dependency=pricing with the same job did not grow over the \
         run: after attempt 2 the median of 20 was 50 ms, 1x the 50 ms of the pause before, \
         expected at least 1.5x; for example attempt 3 of job=j20 began on worker at 2.12 s, 50 \
         ms after attempt 2 ended on worker at 2.07 s",
    );
}

#[test]
fn nothing_does_not_grow() {
    let none: &[u64] = &[0, 0];
    let finding = super::one(&jobs(&[none; 8]).build(), of_jobs().growing_by(1.5));
    assert_eq!((finding.observed.as_str(), finding.verdict), ("0x", super::Verdict::Fail));
    // An attempt again at once, and only then pauses, is growth.
    let later: &[u64] = &[0, 20];
    let finding = super::one(&jobs(&[later; 8]).build(), of_jobs().growing_by(1.5));
    assert_eq!(finding.verdict, super::Verdict::Pass);
}

#[test]
fn pauses_that_differ() {
    let all: Vec<Vec<u64>> = (0..8).map(|job| vec![20 + 5 * job]).collect();
    let all: Vec<&[u64]> = all.iter().map(Vec::as_slice).collect();
    // Quartiles 25 and 45, median 35.
    passes(&jobs(&all).build(), of_jobs().spread_at_least(0.5), "57.1429 %");
    no_data(
        &jobs(&all[1..]).build(),
        of_jobs().spread_at_least(0.5),
        "expected at least 8 pauses after the same attempt, found 7",
    );
}

#[test]
fn exponential_pauses_without_jitter_are_alike() {
    // All pauses together are spread from 10 to 80 ms.
    let doubled: &[u64] = &[10, 20, 40, 80];
    fails(
        &jobs(&[doubled; 10]).build(),
        of_jobs().spread_at_least(0.2),
        "pause between span \"call\" dependency=pricing with the same job was too much alike over \
         the run: after attempt 1 half of 10 were from 10 ms to 10 ms, 0 % of the median, \
         expected at least 20 %; for example attempt 2 of job=j0 began on worker at 20 ms, 10 ms \
         after attempt 1 ended on worker at 10 ms",
    );
}

#[test]
fn one_that_is_far_off_is_no_spread() {
    // Their standard deviation is larger than their mean.
    let (alike, off): (&[u64], &[u64]) = (&[20], &[900]);
    let mut all = vec![alike; 11];
    all.push(off);
    let finding = super::one(&jobs(&all).build(), of_jobs().spread_at_least(0.2));
    assert_eq!((finding.observed.as_str(), finding.verdict), ("0 %", super::Verdict::Fail));
}

#[test]
fn who_is_told_when_to_come_again_does_not_come_before() {
    let record = |second, field: &str| {
        let first = format!("dependency=pricing job=7 {field}");
        RecordBuilder::new()
            .span_on("worker", 0, 0, ("call", &first), 0, 10)
            .span_on("worker", 0, 0, ("call", "dependency=pricing job=7"), second, second + 5)
            .span_on("worker", 0, 0, ("call", "dependency=pricing job=7"), second + 6, second + 7)
            .build()
    };
    let objective = || of_jobs().not_before("retry_after_ms");
    // The second attempt says nothing, so the third one may come at once.
    let finding = passes(&record(60, "retry_after_ms=50"), objective(), "1 of 1");
    assert_eq!((finding.samples, finding.margin), (1, Some(0.0)));
    fails(
        &record(59, "retry_after_ms=50"),
        objective(),
        "attempt 2 of job=7 began on worker at 59 ms, 49 ms after attempt 1 ended on worker at 10 \
         ms, expected the 50 ms that its retry_after_ms asked for (1 of 1 pauses are wrong)",
    );
    no_data(
        &record(60, "outcome=rejected"),
        objective(),
        "no attempt with a retry_after_ms was followed by another one",
    );
    fails(
        &record(60, "retry_after_ms=soon"),
        objective(),
        "expected a whole number of milliseconds in retry_after_ms of attempt 1 of job=7, found \
         \"soon\"",
    );
}
