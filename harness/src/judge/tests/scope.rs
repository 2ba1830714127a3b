//! What an objective is restricted to.

use squall_reports::{
    record::{Outcome, Phase},
    verdict::Verdict,
};

use super::{RecordBuilder, fails, ms, no_data, on, one, passes};
use crate::objective::{Outcome as Any, availability, p99, spans, useful};

#[test]
fn a_phase_that_the_run_does_not_have_is_no_data() {
    let record = RecordBuilder::new().only(Phase::During).ok(0, 1).build();
    let finding = no_data(
        &record,
        p99().at_most(ms(10)).in_phase(Phase::Recovery),
        "the run has no phase recovery",
    );
    assert_eq!(finding.phase, Some(Phase::Recovery));
}

#[test]
fn a_record_without_phases_is_judged_and_does_not_pass() {
    let record = RecordBuilder::new().without_phases().ok(0, 1).build();
    no_data(&record, p99().at_most(ms(10)), "the run has no phases");
    passes(&record, p99().at_most(ms(10)).over_the_run(), "1 ms");
}

#[test]
fn by_route() {
    let record = RecordBuilder::new()
        .only(Phase::During)
        .routed("GET /x", Outcome::Succeeded, 0, 10)
        .routed("PUT /x", Outcome::Succeeded, 0, 90)
        .build();
    let finding = passes(&record, p99().at_most(ms(50)).on_route("GET /x"), "10 ms");
    assert_eq!((finding.scope.as_str(), finding.samples), ("route GET /x", 1));
    fails(
        &record,
        p99().at_most(ms(50)).on_route("PUT /x"),
        "p99 latency was 90 ms in phase during, 40 ms over the bound of 50 ms (1 sample)",
    );
    no_data(
        &record,
        p99().at_most(ms(50)).on_route("GET /unheard-of"),
        "no request in phase during has a latency to judge",
    );
}

#[test]
fn by_client_host() {
    let record = RecordBuilder::new().only(Phase::During).ok(0, 10).build();
    passes(&record, p99().at_most(ms(50)).on_host("client"), "10 ms");
    no_data(
        &record,
        p99().at_most(ms(50)).on_host("api"),
        "no request in phase during has a latency to judge",
    );
}

/// Five calls to pricing with every kind of end, one of them to reviews, and what pricing itself
/// says of one of them.
fn calls() -> RecordBuilder {
    RecordBuilder::new()
        .only(Phase::During)
        .routed("GET /x", Outcome::Succeeded, 0, 100)
        .routed("PUT /x", Outcome::Succeeded, 0, 100)
        .span("call", "dependency=pricing outcome=ok", 0, 10)
        .span("call", "dependency=pricing outcome=timeout", 0, 150)
        .span("call", "dependency=pricing outcome=rejected", 0, 1)
        .span("call", "dependency=pricing", 0, 300)
        .span("call", "dependency=reviews outcome=ok", 0, 900)
        .span_of(2, 0, "call", "dependency=pricing outcome=degraded", 0, 20)
        .span("serve", "dependency=pricing outcome=ok", 0, 9)
}

#[test]
fn by_dependency() {
    let record = calls().build();
    let latency = || p99().at_most(ms(200)).to_dependency("pricing");
    let finding = fails(
        &record,
        latency(),
        "p99 latency was 300 ms in phase during, 100 ms over the bound of 200 ms (4 samples)",
    );
    assert_eq!((finding.scope.as_str(), finding.samples), ("dependency pricing", 4));
    fails(
        &record,
        p99().at_most(ms(100)).to_dependency("pricing"),
        "p99 latency was 300 ms in phase during, 200 ms over the bound of 100 ms (4 samples)",
    );
    // ok and degraded of all but the one that was dropped.
    passes(&record, useful().at_least(0.5).to_dependency("pricing"), "50 %");
    fails(
        &record,
        availability().at_least(0.99).to_dependency("pricing"),
        "availability: 50 % in phase during, under the bound of 99 % (2 of 4 calls)",
    );
    no_data(
        &record,
        p99().at_most(ms(100)).to_dependency("inventory"),
        "no call in phase during has a latency to judge",
    );
}

#[test]
fn by_dependency_route_and_host() {
    let record = calls().build();
    passes(&record, p99().at_most(ms(100)).to_dependency("pricing").on_route("PUT /x"), "20 ms");
    passes(&record, p99().at_most(ms(300)).to_dependency("pricing").on_host("api"), "300 ms");
    let elsewhere = p99().at_most(ms(100)).to_dependency("pricing").on_host("worker");
    assert_eq!(one(&record, elsewhere).verdict, Verdict::NoData);
}

#[test]
fn by_spans_of_another_name() {
    let record = calls().build();
    let serve = || p99().at_most(ms(10)).of_calls(spans("serve").with("dependency", "pricing"));
    let finding = passes(&record, serve(), "9 ms");
    assert_eq!(finding.scope, "span \"serve\" dependency=pricing");
    let dropped = p99().at_most(ms(300)).to_dependency("pricing").with_outcomes([Any::Abandoned]);
    passes(&record, dropped, "300 ms");
}

#[test]
fn a_call_that_hangs_until_its_caller_leaves_counts_for_latency() {
    for outcome in [" outcome=cancelled", " outcome=abandoned", ""] {
        let record = RecordBuilder::new()
            .only(Phase::During)
            .span("call", "dependency=pricing outcome=ok", 0, 10)
            .span("call", &format!("dependency=pricing{outcome}"), 20, 920)
            .build();
        fails(
            &record,
            p99().at_most(ms(200)).to_dependency("pricing"),
            "p99 latency was 900 ms in phase during, 700 ms over the bound of 200 ms (2 samples)",
        );
        // Nobody knows how it would have ended.
        let finding =
            passes(&record, availability().at_least(1.0).to_dependency("pricing"), "100 %");
        assert_eq!(finding.samples, 1);
    }
}

#[test]
fn calls_belong_to_the_phase_they_began_in() {
    let record = RecordBuilder::new()
        .span("call", "dependency=pricing outcome=ok", 990, 1_020)
        .span("call", "dependency=pricing outcome=ok", 1_000, 1_005)
        .build();
    let findings = on(&record, p99().at_most(ms(50)).to_dependency("pricing"));
    let found: Vec<_> = findings.iter().map(|finding| finding.observed.as_str()).collect();
    assert_eq!(found, ["30 ms", "5 ms", "", ""]);
}
