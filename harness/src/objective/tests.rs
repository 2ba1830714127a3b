//! Tests of objectives as data: what they say of themselves, what is refused, and that a plan
//! can keep them.

use std::time::Duration;

use squall_reports::record::Level;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One of everything, with its name and its bound in words.
fn all() -> Vec<(Objective, &'static str, &'static str)> {
    vec![
        (p50().at_most(ms(5)), "p50 latency", "at most 5 ms"),
        (p95().at_most(ms(50)), "p95 latency", "at most 50 ms"),
        (p99().at_most(ms(200)), "p99 latency", "at most 200 ms"),
        (percentile(99.9).at_most(ms(1500)), "p99.9 latency", "at most 1.5 s"),
        (p99().at_most_times_baseline(3.0), "p99 latency", "at most 3 times the baseline"),
        (failures().p99_at_most(ms(20)), "p99 latency", "at most 20 ms"),
        (answers([Outcome::Shed]).percentile_at_most(100.0, ms(1)), "p100 latency", "at most 1 ms"),
        (availability().at_least(0.999), "availability", "at least 99.9 %"),
        (useful().at_least(0.9), "useful answers", "at least 90 %"),
        (goodput().within(ms(200)).at_least(0.99), "goodput within 200 ms", "at least 99 %"),
        (succeeded().at_least(0.5), "complete answers", "at least 50 %"),
        (degraded().at_most(0.05), "degraded answers", "at most 5 %"),
        (shed().at_most(0.0), "shed requests", "at most 0 %"),
        (failed().count_at_most(1_000), "failed requests", "at most 1,000"),
        (failed().none(), "failed requests", "none"),
        (wrong().none(), "wrong answers", "none"),
        (abandoned().at_most(0.2), "abandoned requests", "at most 20 %"),
        (error_budget(0.999).spent_at_most(1.0), "error budget of 99.9 %", "at most 100 % spent"),
        (burn_rate(0.99), "burn rate of 99 %", "at most 14.4x, 6x, 3x, 1x"),
        (burn_rate(0.99).paging_only(), "burn rate of 99 %", "at most 14.4x, 6x"),
        (
            recovers(availability().at_least(0.99).on_route("GET /x"))
                .holding_for(ms(500))
                .within(ms(2_000)),
            "recovery of availability (route GET /x) at least 99 %",
            "within 2 s, holding for 500 ms",
        ),
        (
            retry_amplification(spans("serve").with("dependency", "pricing")).at_most(1.2),
            "retry amplification of span \"serve\" dependency=pricing",
            "at most 1.2x",
        ),
        (
            retry_amplification("attempt").per("call").at_most(1.1),
            "retry amplification of span \"attempt\" per span \"call\"",
            "at most 1.1x",
        ),
        (client_retry_amplification().at_most(2.0), "retry amplification by clients", "at most 2x"),
        (
            pause_between("attempt").at_least(ms(50)),
            "pause between span \"attempt\"",
            "at least 50 ms",
        ),
        (
            pause_between("job").with_same("job").at_most(ms(2_000)),
            "pause between span \"job\" with the same job",
            "at most 2 s",
        ),
        (
            pause_between("attempt").growing_by(1.5),
            "pause between span \"attempt\"",
            "growing by at least 1.5x",
        ),
        (
            pause_between("attempt").spread_at_least(0.2),
            "pause between span \"attempt\"",
            "spread over at least 20 % of the median",
        ),
        (
            pause_between("attempt").not_before("retry_after_ms"),
            "pause between span \"attempt\"",
            "at least the retry_after_ms of the attempt before",
        ),
        (concurrency_of("call").at_most(100), "concurrency of span \"call\"", "at most 100"),
        (gauge("queue_depth").at_most(20), "gauge queue_depth", "at most 20"),
        (returns_to_baseline("tasks"), "tasks return to baseline", "no more than before the load"),
        (
            returns_to_baseline("sockets").with_tolerance(2),
            "sockets return to baseline",
            "at most 2 more than before the load",
        ),
        (
            accounting(count(logs("accepted"))).equals(
                distinct("job", logs("stored"))
                    .plus(sum_of("jobs", logs("handed back")))
                    .plus(gauge_at_end("in_flight"))
                    .plus(requests([Outcome::Failed, Outcome::Shed]))
                    .plus(requests([])),
            ),
            "accounting of log \"accepted\"",
            "equals each job of log \"stored\" + total jobs of log \"handed back\" + gauge \
             in_flight at the end + requests failed or shed + requests",
        ),
        (
            always_balanced(["accepted"], ["stored", "queued"]),
            "balance of accepted",
            "equals stored + queued in every sample",
        ),
        (no_span_outlives_its_parent("call"), "no span \"call\" outlives its parent", "none"),
        (
            no_span_outlives_its_root("call", "request"),
            "no span \"call\" outlives span \"request\"",
            "none",
        ),
        (
            no_span_outlives_its_request("call").with_grace(ms(10)),
            "no span \"call\" outlives its request",
            "none by more than 10 ms",
        ),
        (
            always(spans("call"), any_span().having("dependency")),
            "always, span \"call\"",
            "any span dependency=*",
        ),
        (never(any_log().at_least(Level::Error)), "never any log at least error", "none"),
        (
            sometimes(logs("shed").target("api").on("api-1").on("api-2")),
            "sometimes log \"shed\" of api on api-1 or api-2",
            "at least 1",
        ),
        (
            sometimes("call").times_at_least(2).times_at_most(5),
            "sometimes span \"call\"",
            "from 2 to 5",
        ),
        (
            sometimes("call").times_at_least(0).times_at_most(5),
            "sometimes span \"call\"",
            "at most 5",
        ),
        (
            eventually(logs("breaker closed")).soon(ms(500)),
            "eventually log \"breaker closed\"",
            "at least once after the last heal within 500 ms",
        ),
        (
            every(logs("accepted"), logs("stored")).with_same("job").soon(ms(30_000)),
            "every log \"accepted\" is followed",
            "by log \"stored\" with the same job within 30 s",
        ),
        (
            only_after(logs("acknowledged"), logs("stored")).with_same("job"),
            "log \"acknowledged\" only after log \"stored\"",
            "with the same job",
        ),
        (
            never_after(spans("call"), logs("expired")).with_same("lease"),
            "span \"call\" never after log \"expired\"",
            "none with the same lease",
        ),
        (once_per("job", logs("stored")), "log \"stored\" once per job", "at most once"),
        (
            sequence([logs("closed"), logs("open"), logs("closed")]),
            "sequence",
            "log \"closed\", then log \"open\", then log \"closed\"",
        ),
        (
            at_most_between(1, "probe").of(logs("half-open"), logs("closed")),
            "span \"probe\" from log \"half-open\" until log \"closed\"",
            "at most 1",
        ),
    ]
}

#[test]
fn everything_is_valid_and_says_what_it_is() {
    for (objective, name, bound) in all() {
        assert_eq!((objective.name().as_str(), objective.bound().as_str()), (name, bound));
        assert_eq!(objective.check(), Ok(()));
        let named = objective.named("my own");
        assert_eq!(named.name(), "my own");
    }
}

#[test]
fn everything_survives_being_kept() {
    for (objective, name, _) in all() {
        let scoped = objective.named("kept");
        let text = serde_json::to_string(&scoped).expect("json");
        let read: Objective = serde_json::from_str(&text).expect(name);
        assert_eq!(read, scoped, "{text}");
    }
}

#[test]
fn is_readable_as_data() {
    let objective = p99().at_most(ms(200)).in_phase(Phase::During).on_route("GET /x");
    assert_eq!(
        serde_json::to_string(&objective).expect("json"),
        r#"{"claim":{"latency":{"percentile":99.0,"bound":{"at_most_ms":200.0}}},"#.to_owned()
            + r#""scope":{"over":{"phases":["during"]},"route":"GET /x"}}"#
    );
}

#[test]
fn scopes_are_in_words() {
    #[track_caller]
    fn check(objective: &Objective, expected: &str) {
        assert_eq!(objective.scope.describe(), expected);
        assert_eq!(objective.check(), Ok(()));
    }
    let p99 = || p99().at_most(ms(200));
    check(&p99(), "");
    check(&p99().on_route("GET /x").on_host("client"), "route GET /x, host client");
    check(&p99().to_dependency("pricing"), "dependency pricing");
    check(&p99().of_calls(spans("job").with("kind", "bulk")), "span \"job\" kind=bulk");
    check(&p99().with_outcomes([Outcome::Failed, Outcome::Shed]), "failed or shed");
}

#[test]
fn latency_looks_at_each_phase_and_counts_at_the_run() {
    assert_eq!(p99().at_most(ms(1)).scope.over, Over::EachPhase);
    assert_eq!(availability().at_least(0.9).scope.over, Over::EachPhase);
    assert_eq!(failed().none().scope.over, Over::Run);
    assert_eq!(failures().p99_at_most(ms(1)).scope.over, Over::Run);
    let later = Over::Phases(vec![Phase::During, Phase::Recovery, Phase::After]);
    assert_eq!(p99().at_most_times_baseline(2.0).scope.over, later);
    assert_eq!(p99().at_most(ms(1)).over_the_run().scope.over, Over::Run);
    assert_eq!(failed().none().in_every_phase().scope.over, Over::EachPhase);
}

#[track_caller]
fn refused(objective: Objective, expected: &str) {
    let error = objective.check().expect_err("not valid");
    assert_eq!(error.reason, expected);
    assert!(error.to_string().starts_with("the objective \""), "{error}");
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    refused(
        percentile(0.0).at_most(ms(1)),
        "expected a percentile above 0 and at most 100, found 0",
    );
    refused(
        percentile(100.5).at_most(ms(1)),
        "expected a percentile above 0 and at most 100, found 100.5",
    );
    refused(p99().at_most(ms(0)), "expected a bound above zero, found 0ns");
    refused(p99().at_most_times_baseline(0.0), "expected a factor above 0, found 0");
    refused(availability().at_least(1.5), "expected a share above 0 and at most 1, found 1.5");
    refused(availability().at_least(0.0), "expected a share above 0 and at most 1, found 0");
    refused(availability().at_least(f64::NAN), "expected a share above 0 and at most 1, found NaN");
    refused(degraded().at_most(1.0), "expected a share from 0 to below 1, found 1");
    refused(degraded().at_most(-0.1), "expected a share from 0 to below 1, found -0.1");
    refused(
        goodput().within(ms(0)).at_least(0.9),
        "expected a time for goodput above zero, found 0ns",
    );
    refused(
        error_budget(1.0).spent_at_most(1.0),
        "expected a target above 0 and at most 0.999999, found 1",
    );
    refused(
        error_budget(0.9).spent_at_most(0.0),
        "expected a share of the budget above 0, found 0",
    );
    refused(burn_rate(0.0), "expected a target above 0 and at most 0.999999, found 0");
    refused(
        client_retry_amplification().at_most(0.9),
        "expected a factor of at least 1, found 0.9",
    );
    refused(client_retry_amplification().at_most(f64::NAN), "expected a factor above 0, found NaN");
    refused(pause_between("call").at_least(ms(0)), "expected a pause above zero, found 0ns");
    refused(pause_between("call").growing_by(1.0), "expected a factor above 1, found 1");
    refused(pause_between("call").growing_by(f64::NAN), "expected a factor above 0, found NaN");
    refused(pause_between("call").spread_at_least(0.0), "expected a fraction above 0, found 0");
    refused(
        concurrency_of("call").at_most(0),
        "expected a bound above 0, found 0: say never(..) instead",
    );
    refused(
        sometimes("call").times_at_least(3).times_at_most(2),
        "expected a range, found from 3 to 2",
    );
    refused(eventually("call").soon(ms(0)), "expected a bound above zero, found 0ns");
}

#[test]
fn recoveries_need_something_that_can_be_counted() {
    let good = || availability().at_least(0.9);
    refused(recovers(good()).within(ms(1)), "expected a window for holding above zero, found 0ns");
    refused(
        recovers(good()).holding_for(ms(1)).within(ms(0)),
        "expected a bound above zero, found 0ns",
    );
    refused(
        recovers(gauge("tasks").at_most(1)).holding_for(ms(1)).within(ms(1)),
        "expected a latency or a share to recover",
    );
    refused(
        recovers(availability().at_least(2.0)).holding_for(ms(1)).within(ms(1)),
        "the objective \"availability\" is not valid: expected a share above 0 and at most 1, \
         found 2",
    );
}

#[test]
fn names_that_are_missing_are_refused() {
    refused(gauge("").at_most(1), "expected the name of a gauge, found an empty name");
    refused(never(logs("")), "expected the message of a log event, found an empty name");
    refused(concurrency_of("").at_most(1), "expected the name of a span, found an empty name");
    refused(
        never(spans("call").with("", "x")),
        "expected the name of a field, found an empty name",
    );
    refused(never(spans("call").on("")), "expected the name of a host, found an empty name");
    refused(pause_between("call").not_before(""), "expected a field, found an empty name");
    refused(
        pause_between("call").with_same("").at_least(ms(1)),
        "expected a field, found an empty name",
    );
    refused(
        never_after("call", logs("end")).with_same(""),
        "expected a field, found an empty name",
    );
    refused(once_per("", "call"), "expected a field, found an empty name");
    refused(
        no_span_outlives_its_root("call", ""),
        "expected the name of a root span, found an empty name",
    );
    refused(
        p99().at_most(ms(1)).on_route(""),
        "expected the name of a route or host, found an empty name",
    );
    refused(sequence(["one"]), "expected at least two steps, found 1");
    refused(
        Sum { terms: Vec::new() }.equals(count("call")),
        "expected at least one count, found none",
    );
}

#[test]
fn spans_and_logs_are_not_confused() {
    refused(
        pause_between(logs("call")).at_least(ms(1)),
        "expected spans, found log \"call\", which have no duration",
    );
    refused(
        concurrency_of(logs("call")).at_most(1),
        "expected spans, found log \"call\", which have no duration",
    );
    refused(
        p99().at_most(ms(1)).of_calls(logs("call")),
        "expected spans for the calls, found logs, which have no duration",
    );
    refused(
        always(spans("call"), logs("call")),
        "expected two of a kind, found span \"call\" and log \"call\"",
    );
    refused(
        never(spans("call").target("api")),
        "expected neither a target nor a level, which spans lack",
    );
}

#[test]
fn a_scope_that_would_be_ignored_is_refused() {
    refused(
        availability().at_least(0.9).with_outcomes([Outcome::Failed]),
        "it cannot be restricted to outcomes",
    );
    refused(burn_rate(0.9).in_phase(Phase::During), "it cannot be restricted to phases");
    refused(
        wrong().none().to_dependency("pricing"),
        "it cannot be restricted to calls to a dependency",
    );
    refused(gauge("tasks").at_most(1).on_route("GET /x"), "it cannot be restricted to a route");
    refused(never(logs("x")).on_route("GET /x"), "it cannot be restricted to a route");
    refused(
        concurrency_of("call").at_most(1).to_dependency("pricing"),
        "it cannot be restricted to calls to a dependency",
    );
    refused(
        recovers(availability().at_least(0.9)).holding_for(ms(1)).within(ms(1)).on_host("api"),
        "it cannot be restricted to a host",
    );
    refused(p99().at_most(ms(1)).in_phases([]), "expected at least one phase, found none");
}

#[test]
fn restrictions_can_be_given_before_the_bound_as_well() {
    type Pair = (Objective, Objective);
    let during = Phase::During;
    let pairs: Vec<Pair> = vec![
        (
            availability().in_phase(during).at_least(0.99),
            availability().at_least(0.99).in_phase(during),
        ),
        (
            p99().over_the_run().on_route("GET /x").at_most(ms(5)),
            p99().at_most(ms(5)).on_route("GET /x").over_the_run(),
        ),
        (
            p99().in_phase(during).at_most_times_baseline(2.0),
            p99().at_most_times_baseline(2.0).in_phase(during),
        ),
        (
            p50().with_outcomes([Outcome::Failed]).at_most(ms(5)),
            p50().at_most(ms(5)).with_outcomes([Outcome::Failed]),
        ),
        (
            failures().in_every_phase().on_host("a").p99_at_most(ms(5)),
            failures().p99_at_most(ms(5)).on_host("a").in_every_phase(),
        ),
        (
            goodput().to_dependency("db").within(ms(5)).in_operation("drain a").at_least(0.9),
            goodput().within(ms(5)).at_least(0.9).in_operation("drain a").to_dependency("db"),
        ),
        (
            failed().during_operations().on_host("a").none(),
            failed().none().on_host("a").during_operations(),
        ),
        (
            error_budget(0.9).of_calls("work").named("budget").spent_at_most(1.0),
            error_budget(0.9).spent_at_most(1.0).named("budget").of_calls("work"),
        ),
        (
            concurrency_of("call").including_boot().at_most(3),
            concurrency_of("call").at_most(3).including_boot(),
        ),
        (gauge("tasks").on_host("a").at_most(3), gauge("tasks").at_most(3).on_host("a")),
        (
            retry_amplification("attempt").in_phase(during).per("call").at_most(1.1),
            retry_amplification("attempt").per("call").at_most(1.1).in_phase(during),
        ),
        (
            pause_between("attempt").on_route("GET /x").at_least(ms(5)),
            pause_between("attempt").at_least(ms(5)).on_route("GET /x"),
        ),
        (
            never_after("work", logs("gone")).on_host("a").with_same("id"),
            never_after("work", logs("gone")).with_same("id").on_host("a"),
        ),
        (
            at_most_between(1, "work").on_host("a").of("x", "y"),
            at_most_between(1, "work").of("x", "y").on_host("a"),
        ),
        (
            recovers(p99().at_most(ms(5))).named("back").holding_for(ms(5)).within(ms(5)),
            recovers(p99().at_most(ms(5))).holding_for(ms(5)).within(ms(5)).named("back"),
        ),
    ];
    for (before, after) in pairs {
        assert_eq!(before, after);
    }
    // What was said last counts, and what nobody has said is the claim's own choice.
    let last = availability().in_phase(during).at_least(0.9).over_the_run();
    assert_eq!(last.scope.over, Over::Run);
    assert_eq!(availability().on_route("GET /x").at_least(0.9).scope.over, Over::EachPhase);
    assert_eq!(failures().on_route("GET /x").p99_at_most(ms(1)).scope.outcomes, [Outcome::Failed]);
    // A restriction that a claim does not know is refused, whenever it was given.
    assert!(gauge("tasks").on_route("GET /x").at_most(3).check().is_err());
}
