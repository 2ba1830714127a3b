//! Things that happen in an order.

use super::{RecordBuilder, fails, no_data, passes};
use crate::objective::{Matching, Objective, at_most_between, logs, sequence, spans};

fn state(name: &str) -> Matching {
    logs("breaker").with("state", name)
}

/// A breaker that goes through these states, one each 10 ms.
fn breaker(states: &[&str]) -> RecordBuilder {
    (0..).zip(states).fold(RecordBuilder::new(), |record, (place, state)| {
        record.log(10 * place, "breaker", &format!("state={state}"))
    })
}

fn whole_cycle() -> Objective {
    sequence(["closed", "open", "half-open", "closed"].map(state))
}

#[test]
fn sequence_good() {
    let record = breaker(&["closed", "open", "half-open", "closed"]).build();
    passes(&record, whole_cycle(), "all 4 steps");
    // Other things may happen in between.
    let record = breaker(&["closed", "open", "half-open", "open", "half-open", "closed"]).build();
    passes(&record, whole_cycle(), "all 4 steps");
}

#[test]
fn sequence_bad() {
    let finding = fails(
        &breaker(&["closed", "open", "closed", "half-open"]).build(),
        whole_cycle(),
        "log \"breaker\" state=closed never happened after log \"breaker\" state=half-open at \
         30 ms: step 4 of 4",
    );
    assert_eq!(finding.observed, "3 of 4 steps");
}

#[test]
fn sequence_empty_and_one() {
    fails(
        &RecordBuilder::new().build(),
        whole_cycle(),
        "log \"breaker\" state=closed never happened: step 1 of 4",
    );
    fails(
        &breaker(&["closed"]).build(),
        whole_cycle(),
        "log \"breaker\" state=open never happened after log \"breaker\" state=closed at 0 ns: \
         step 2 of 4",
    );
}

#[test]
fn at_one_instant_the_order_of_the_record_counts() {
    let together = |first: &str, second: &str| {
        let fields = |state: &str| format!("state={state}");
        RecordBuilder::new()
            .log(5, "breaker", &fields(first))
            .log(5, "breaker", &fields(second))
            .build()
    };
    let opens = || sequence(["closed", "open"].map(state));
    passes(&together("closed", "open"), opens(), "all 2 steps");
    fails(
        &together("open", "closed"),
        opens(),
        "log \"breaker\" state=open never happened after log \"breaker\" state=closed at 5 ms: \
         step 2 of 2",
    );
}

#[test]
fn one_event_is_not_two_steps() {
    let twice = sequence(["closed", "closed"].map(state));
    fails(
        &breaker(&["closed"]).build(),
        twice.clone(),
        "log \"breaker\" state=closed never happened after log \"breaker\" state=closed at 0 ns: \
         step 2 of 2",
    );
    passes(&breaker(&["closed", "closed"]).build(), twice, "all 2 steps");
}

/// One probe after each half-open.
fn probes(count: u64) -> Objective {
    at_most_between(count, spans("probe")).of(state("half-open"), state("closed"))
}

#[test]
fn between_good_at_the_bound_and_bad() {
    let closed = || at_most_between(1, spans("probe")).of(state("half-open"), state("closed"));
    let record = || {
        breaker(&["closed", "open", "half-open", "closed", "open", "half-open"])
            .span("probe", "", 5, 6)
            .span("probe", "", 25, 28)
    };
    let finding = passes(&record().build(), closed(), "1");
    assert_eq!((finding.samples, finding.margin), (2, Some(0.0)));
    // The last stretch never ends.
    let record = record().span_of(1, 0, "probe", "", 60, 61).span_of(7, 0, "probe", "", 70, 71);
    let finding = fails(
        &record.build(),
        closed(),
        "span \"probe\" happened 2 times in the stretch that began at 50 ms, at most 1 allowed (2 \
         begun)",
    );
    assert_eq!(finding.worst, Some(7));
}

#[test]
fn between_empty() {
    no_data(
        &breaker(&["closed"]).build(),
        probes(1),
        "log \"breaker\" state=half-open never happened",
    );
    // What never happens at all meets a bound of zero, and shows nothing of a higher one.
    let record = breaker(&["half-open", "closed"]);
    passes(&record.build(), probes(0), "0");
    no_data(
        &breaker(&["half-open", "closed"]).build(),
        probes(1),
        "span \"probe\" never happened in the run",
    );
    // Outside of the stretches is somewhere.
    let record = breaker(&["half-open", "closed"]).span("probe", "", 50, 51);
    passes(&record.build(), probes(1), "0");
}

#[test]
fn spans_of_one_instant_are_in_the_order_in_which_they_opened() {
    // The inner one closes first, and so is entered first.
    let nested = RecordBuilder::new()
        .span("outer", "", 10, 90)
        .span_of(1, 1, "inner", "", 10, 50)
        .span_of(1, 2, "innermost", "", 10, 10)
        .build();
    passes(&nested, sequence(["outer", "inner", "innermost"]), "all 3 steps");
    fails(
        &nested,
        sequence(["innermost", "inner"]),
        "span \"inner\" never happened after span \"innermost\" at 10 ms: step 2 of 2",
    );
    // On two hosts there is no order at one instant.
    let apart = RecordBuilder::new()
        .span_on("api", 1, 0, ("ask", ""), 10, 90)
        .span_on("worker", 1, 0, ("answer", ""), 10, 50)
        .build();
    passes(&apart, sequence(["ask", "answer"]), "all 2 steps");
    passes(&apart, sequence(["answer", "ask"]), "all 2 steps");
}

#[test]
fn a_stretch_may_begin_before_the_load() {
    let record = RecordBuilder::new()
        .load(500, 3_000, 3_500)
        .log(100, "open", "")
        .span("probe", "", 200, 210)
        .span("probe", "", 600, 610)
        .build();
    let probes = || at_most_between(1, spans("probe")).of(logs("open"), logs("closed"));
    passes(&record, probes(), "1");
    fails(
        &record,
        probes().including_boot(),
        "span \"probe\" happened 2 times in the stretch that began at 100 ms, at most 1 allowed (1 \
         begun)",
    );
}
