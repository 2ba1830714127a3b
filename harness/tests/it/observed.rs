//! What services say of themselves, as the record has it.

use squall::{
    objective::{any_span, failed, never, p99, sequence, spans},
    plan::{Load, slow_answer},
};
use squall_reports::{
    record::{TEXT_BYTES_MAX, WARM_UP},
    verdict::Verdict,
};
use tokio::time::sleep;

use crate::world::{Seen, World, http, ms};

/// What a service does, on a host of its own.
fn says(what: fn()) -> Seen {
    let host = move || async move {
        what();
        Ok(())
    };
    World::new().host("a", host).completes(1)
}

/// The attributes of the only span.
fn attributes(seen: &Seen) -> Vec<(String, String)> {
    let record = &seen.0.record;
    let (_, span) = record.spans().next().expect("a span");
    let pairs = record.attributes(span.attributes);
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn what_is_recorded_later_replaces_what_was_there() {
    let seen = says(|| {
        let span =
            tracing::info_span!("call", outcome = "ok", job = 7, late = tracing::field::Empty);
        span.record("outcome", "error");
        span.record("late", true);
        span.record("outcome", "timeout");
    });
    let expected = [pair("outcome", "timeout"), pair("job", "7"), pair("late", "true")];
    assert_eq!(attributes(&seen), expected);
}

#[test]
fn no_value_reaches_into_another() {
    let seen = says(|| {
        drop(
            tracing::info_span!("call", error = "lost job=9 outcome=ok", body = %"b".repeat(9_000), job = 7),
        );
    });
    let found = attributes(&seen);
    assert_eq!(found[0], pair("error", "lost job=9 outcome=ok"));
    assert_eq!(found[2], pair("job", "7"), "behind one that is too long");
    let (_, body) = &found[1];
    assert!(body.len() <= TEXT_BYTES_MAX && body.starts_with("bbbb"), "{body}");
    assert!(body.contains("... (9000 bytes, blake3 "), "the mark: {body}");
}

#[test]
fn a_log_event_knows_its_request_and_its_place() {
    let seen = says(|| {
        tracing::info!("before");
        let span = tracing::info_span!("serve", trace_id = "737175616c6c00000000000000000007");
        let _entered = span.enter();
        tracing::info!("inside");
    });
    let seen = seen.0.record;
    let logs: Vec<_> = seen
        .events
        .iter()
        .filter_map(|event| match &event.what {
            squall_reports::record::EventKind::Log(log) => {
                Some((seen.text(log.message), log.request, log.after))
            }
            _ => None,
        })
        .collect();
    assert_eq!(logs, [("before", 0, 0), ("inside", 7, 1)]);
}

/// A server whose first requests, which warm it up, fail slowly, and a load on it.
fn warmed_up() -> World {
    World::new()
        .host("b", || {
            http(80, |request| async move {
                let trace = request.headers()["traceparent"].to_str().expect("text");
                let warms_up = trace[3..35].ends_with(&format!("{WARM_UP:08x}"));
                let span = tracing::info_span!(
                    "call",
                    dependency = "c",
                    outcome = if warms_up { "error" } else { "ok" },
                    trace_id = &trace[3..35],
                );
                sleep(ms(if warms_up { 300 } else { 3 })).await;
                drop(span);
                hyper::Response::new(String::new())
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            // Warming up takes half a second longer than the boot does.
            let load = Load::constant("a", "b:80", 200.0).lasts(ms(3_000)).warm_up(5).get("/");
            plan.boot(ms(2_000)).load(load)
        })
}

#[test]
fn warm_up_is_no_part_of_what_is_judged() {
    let judged = |objective| {
        let seen = warmed_up().plan(|plan| plan.objective(objective)).completes(1);
        let spans: Vec<u32> = seen.0.record.spans().map(|(_, span)| span.request).collect();
        assert_eq!(spans.iter().filter(|request| **request == WARM_UP).count(), 5);
        seen.0.judgement.findings[0].clone()
    };
    assert_eq!(judged(failed().none().to_dependency("c")).verdict, Verdict::Pass);
    assert_eq!(judged(never(any_span().with("outcome", "error"))).verdict, Verdict::Pass);
    let slowest = judged(squall::objective::percentile(100.0).at_most(ms(20)).to_dependency("c"));
    assert_eq!(slowest.verdict, Verdict::Pass, "{slowest:?}");
    let with_boot = judged(failed().none().to_dependency("c").including_boot());
    assert_eq!((with_boot.verdict, with_boot.observed.as_str()), (Verdict::Fail, "5"));
    let boot = sequence([spans("call").with("outcome", "error"), spans("call")]);
    assert_eq!(judged(boot.clone()).verdict, Verdict::Fail);
    assert_eq!(judged(boot.including_boot()).verdict, Verdict::Pass);
}

#[test]
fn a_baseline_is_not_what_warming_up_took() {
    let slow = slow_answer("b", ms(250)).from(ms(1_000)).until(ms(2_000));
    let seen = warmed_up().plan(|plan| {
        let bound = p99().at_most_times_baseline(3.0).to_dependency("c");
        plan.fault(slow).objective(bound.in_every_phase())
    });
    let findings = seen.completes(1).0.judgement.findings;
    let bounds: Vec<_> = findings.iter().filter(|it| it.name == "p99 latency").collect();
    assert!(bounds.iter().all(|it| it.bound.contains("(9.6 ms)")), "{bounds:#?}");
}
