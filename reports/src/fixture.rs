//! A small handmade record for the tests of this crate.

use crate::{
    Record, SCHEMA,
    record::{
        AttributeTable, Attributes, Backend, End, EndCause, Event, EventKind, FaultAction,
        FaultSpan, Gauge, Header, Level, Log, Mark, OperationState, Outcome, Phase, PhaseSpan,
        PlannedOperation, Request, Span, Symbols, set_attribute,
    },
    verdict::{Finding, FindingKind, Judgement, Verdict},
};

pub(crate) const MS: u64 = 1_000_000;

/// Two phases, one fault, four requests of two routes, one of them with spans.
pub(crate) fn record() -> Record {
    let mut symbols = Symbols::default();
    let [get, put, reviews, timeout] =
        ["GET /x", "PUT /x", "reviews", "timeout"].map(|name| symbols.intern(name));
    let [handle, call] = ["handle", "call"].map(|name| symbols.intern(name));
    let mut table = AttributeTable::default();
    let [to_pricing, to_reviews, nothing] =
        ["dependency=pricing outcome=ok", "dependency=reviews outcome=timeout", ""]
            .map(|text| attributes_in(&mut symbols, &mut table, text));
    let [tasks, target, message] =
        ["tasks", "api::breaker", "breaker opened"].map(|name| symbols.intern(name));
    let none = symbols.intern("");
    let request = |id, route, intended, outcome, status, note| {
        let (client, started) = (0, intended);
        EventKind::Request(Request {
            id,
            client,
            route,
            intended,
            started,
            outcome,
            status,
            attempts: 1,
            note,
        })
    };
    let span = |id, parent, name, attributes, opened| {
        EventKind::Span(Span { id, parent, request: 3, host: 1, name, attributes, opened })
    };
    let fault = |action, affected| EventKind::Fault { fault: 0, action, affected };
    let events = [
        (0, EventKind::Mark(Mark::LoadBegins)),
        (MS, EventKind::Gauge(Gauge { host: 1, name: tasks, value: 4.0 })),
        (12 * MS, request(1, get, 2 * MS, Outcome::Succeeded, 200, none)),
        (30 * MS, request(2, put, 10 * MS, Outcome::Succeeded, 200, none)),
        (100 * MS, fault(FaultAction::Inject, 0)),
        (125 * MS, span(3, 2, call, to_pricing, 112 * MS)),
        (
            130 * MS,
            EventKind::Log(Box::new(Log {
                host: 1,
                level: Level::Warn,
                target,
                message,
                attributes: to_reviews,
                request: 3,
                after: 4,
            })),
        ),
        (262 * MS, span(4, 2, call, to_reviews, 112 * MS)),
        (263 * MS, span(2, 0, handle, nothing, 111 * MS)),
        (264 * MS, request(3, get, 110 * MS, Outcome::Degraded, 200, reviews)),
        (270 * MS, request(4, get, 120 * MS, Outcome::Failed, 0, timeout)),
        (300 * MS, fault(FaultAction::Heal, 1_234)),
    ];
    Record {
        header: Header {
            schema: SCHEMA,
            backend: Backend::Simulation,
            scenario: "reviews-slow".to_owned(),
            hypothesis: "slow reviews cost a section, not the page".to_owned(),
            seed: 7,
            defects: vec!["no-call-timeout".to_owned()],
            hosts: vec!["client".to_owned(), "api".to_owned()],
            faults: vec![FaultSpan {
                kind: "latency".to_owned(),
                label: "latency api -> reviews 150 ms".to_owned(),
                inject: 100 * MS,
                heal: 300 * MS,
                counts: "packets".to_owned(),
            }],
            operations: Vec::new(),
            phases: vec![
                PhaseSpan { phase: Phase::Baseline, from: 0, until: 100 * MS },
                PhaseSpan { phase: Phase::During, from: 100 * MS, until: 300 * MS },
            ],
            plan: serde_json::json!({"load": "constant"}),
        },
        symbols,
        attributes: table,
        events: events.into_iter().map(|(at, what)| Event { at, what }).collect(),
        end: End { at: 400 * MS, cause: EndCause::Completed },
    }
}

/// The same with a rollout that is taken back, and a drain that is never over.
pub(crate) fn operated() -> Record {
    let mut record = record();
    record.header.operations = [("rollout of web", 50), ("drain a", 200)]
        .map(|(label, at)| PlannedOperation { label: label.to_owned(), at: at * MS })
        .into();
    let events = [
        (50, 0, OperationState::Began),
        (150, 0, OperationState::RolledBack),
        (200, 1, OperationState::Began),
    ];
    record.events.extend(events.map(|(at, operation, state)| {
        let what = EventKind::Operation { operation, state };
        Event { at: at * MS, what }
    }));
    record.events.sort_by_key(|event| event.at);
    record
}

/// The attributes of `text`, which has them as `name=value`, apart by spaces.
pub(crate) fn attributes(record: &mut Record, text: &str) -> Attributes {
    attributes_in(&mut record.symbols, &mut record.attributes, text)
}

fn attributes_in(symbols: &mut Symbols, table: &mut AttributeTable, text: &str) -> Attributes {
    let mut pairs = Vec::new();
    for (name, value) in text.split(' ').filter_map(|word| word.split_once('=')) {
        let (name, value) = (symbols.intern(name), symbols.intern(value));
        set_attribute(&mut pairs, name, value);
    }
    table.intern(&pairs)
}

/// A finding that passed, on the baseline.
pub(crate) fn passed() -> Finding {
    Finding {
        kind: FindingKind::Objective,
        name: "p99 latency".to_owned(),
        scope: "route GET /x".to_owned(),
        phase: Some(Phase::Baseline),
        bound: "at most 100 ms".to_owned(),
        observed: "10 ms".to_owned(),
        verdict: Verdict::Pass,
        samples: 1,
        margin: Some(0.9),
        figures: None,
        worst: Some(1),
        reason: String::new(),
        note: String::new(),
        at: None,
        follows: None,
    }
}

/// The same finding during the fault, failed.
pub(crate) fn failed() -> Finding {
    Finding {
        phase: Some(Phase::During),
        observed: "154 ms".to_owned(),
        verdict: Verdict::Fail,
        samples: 2,
        margin: Some(-0.54),
        worst: Some(3),
        at: Some(264 * MS),
        reason:
            "p99 latency was 154 ms in phase during, 54 ms over the bound of 100 ms (2 samples)"
                .to_owned(),
        ..passed()
    }
}

/// What these findings come to.
pub(crate) fn judged<const N: usize>(findings: [Finding; N]) -> Judgement {
    Judgement::of(findings.to_vec())
}
