//! Retry amplification.

use squall_reports::{
    record::{Outcome, Phase},
    verdict::Verdict,
};

use super::{RecordBuilder, fails, no_data, on, passes};
use crate::objective::{
    Matching, Objective, client_retry_amplification, retry_amplification, spans,
};

fn to_pricing() -> Matching {
    spans("call").with("dependency", "pricing")
}

fn at_most(times: f64) -> Objective {
    retry_amplification(to_pricing()).at_most(times)
}

/// Requests with that many calls to pricing each, and always one to reviews.
fn calls(attempts: &[u64]) -> RecordBuilder {
    let mut record = RecordBuilder::new().only(Phase::During);
    for (request, attempts) in (1..).zip(attempts) {
        record = record.ok(0, 50).span_of(request, 0, "call", "dependency=reviews", 1, 5);
        for attempt in 0..*attempts {
            let fields = format!("dependency=pricing attempt={attempt}");
            record = record.span_of(request, 0, "call", &fields, 10 * attempt, 10 * attempt + 5);
        }
    }
    record
}

#[test]
fn good() {
    // Two requests never needed pricing: they do not make the others look better.
    let finding = passes(&calls(&[1, 1, 1, 2, 0, 0]).build(), at_most(1.5), "1.25x");
    assert_eq!((finding.samples, finding.worst), (4, Some(4)));
}

#[test]
fn bad() {
    let finding = fails(
        &calls(&[1, 3, 1, 3]).build(),
        at_most(1.2),
        "retry amplification of span \"call\" dependency=pricing was 2x in phase during, over the bound \
         of 1.2x (8 sent for 4 needed)",
    );
    assert_eq!(finding.worst, Some(2));
}

#[test]
fn empty() {
    no_data(&calls(&[0, 0]).build(), at_most(1.2), "nothing was sent in phase during");
}

#[test]
fn one_sample() {
    passes(&calls(&[1]).build(), at_most(1.2), "1x");
}

#[test]
fn exactly_the_bound_is_allowed() {
    let finding = passes(&calls(&[1, 1, 1, 1, 2]).build(), at_most(1.2), "1.2x");
    assert_eq!(finding.margin, Some(0.0));
}

#[test]
fn per_span() {
    let record = RecordBuilder::new()
        .only(Phase::During)
        .span("job", "", 0, 100)
        .span("job", "", 0, 100)
        .span_of(1, 1, "attempt", "", 0, 10)
        .span_of(1, 1, "attempt", "", 20, 30)
        .span_of(1, 2, "attempt", "", 40, 50)
        .build();
    let per_job = |times| retry_amplification("attempt").per("job").at_most(times);
    passes(&record, per_job(1.5), "1.5x");
    fails(
        &record,
        per_job(1.4),
        "retry amplification of span \"attempt\" per span \"job\" was 1.5x in phase during, over the \
         bound of 1.4x (3 sent for 2 needed)",
    );
}

#[test]
fn by_clients() {
    let record = RecordBuilder::new()
        .only(Phase::During)
        .sent(1, "GET /x", Outcome::Succeeded, 0, 1)
        .sent(3, "GET /x", Outcome::Succeeded, 1, 1)
        // Given up before it was sent.
        .sent(0, "GET /x", Outcome::Abandoned, 2, 1)
        .build();
    let finding = passes(&record, client_retry_amplification().at_most(2.0), "2x");
    assert_eq!((finding.samples, finding.worst), (2, Some(2)));
    fails(
        &record,
        client_retry_amplification().at_most(1.1),
        "retry amplification by clients was 2x in phase during, over the bound of 1.1x (4 sent for 2 \
         needed)",
    );
}

#[test]
fn attempts_belong_to_the_phase_of_what_they_are_for() {
    // Four attempts of one request, over the edge from the baseline to during.
    let attempts = [900, 950, 1_050, 1_100];
    let record = attempts.into_iter().fold(RecordBuilder::new().ok(900, 300), |record, at| {
        record.span_of(1, 0, "call", "dependency=pricing", at, at + 5)
    });
    let findings = on(&record.build(), at_most(3.0));
    let shown: Vec<_> = findings.iter().map(|it| (it.verdict, it.observed.as_str())).collect();
    let nothing = (Verdict::NoData, "");
    assert_eq!(shown, [(Verdict::Fail, "4x"), nothing, nothing, nothing]);
    // Work for no request belongs to the phase of the span that it is part of.
    let record = RecordBuilder::new().span_of(0, 0, "job", "", 900, 1_200);
    let record = attempts
        .into_iter()
        .fold(record, |record, at| record.span_of(0, 1, "attempt", "", at, at + 5));
    let findings = on(&record.build(), retry_amplification("attempt").per("job").at_most(3.0));
    let shown: Vec<_> = findings.iter().map(|it| (it.verdict, it.observed.as_str())).collect();
    assert_eq!(shown, [(Verdict::Fail, "4x"), nothing, nothing, nothing]);
}
