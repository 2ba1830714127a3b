//! Operations on a cluster in the record: when each began, when it was over, and what it came to.

use serde_json::json;
use squall::plan::{Cluster, Gate, canary, cordon, drain, rollout, scale, uncordon};
use squall_reports::record::{EventKind, OperationState};

use crate::{
    cluster::{app_with, cluster, secs, world},
    world::Seen,
};

/// The operations of a run as a reader sees them: label, outcome, and how long each took in whole
/// seconds.
fn came_to(cluster: Cluster, lasts: u64) -> Vec<(String, &'static str, Option<u64>)> {
    let seen = world(cluster, secs(lasts)).completes(1);
    shown(&seen)
}

fn shown(seen: &Seen) -> Vec<(String, &'static str, Option<u64>)> {
    let took = |from: u64, at: u64| (at - from) / 1_000_000_000;
    let operations = seen.0.record.operations().into_iter().map(|span| {
        (span.label.to_owned(), span.outcome(), span.ended.map(|(at, _)| took(span.from, at)))
    });
    operations.collect()
}

fn is(label: &str, outcome: &'static str, took: u64) -> (String, &'static str, Option<u64>) {
    (label.to_owned(), outcome, Some(took))
}

#[test]
fn a_rollout_is_over_when_all_pods_are_updated_and_available() {
    let deployment = app_with(json!({ "version": 1 })).max_surge(1).max_unavailable(0);
    let cluster = cluster(deployment.min_ready(secs(2)))
        .operation(rollout("app", json!({ "version": 2 })).at(secs(2)));
    let seen = world(cluster, secs(60)).completes(1);
    let span = seen.0.record.operations()[0];
    assert_eq!((span.label, span.outcome()), ("rollout of app", "completed"));
    assert_eq!(u128::from(span.from), secs(12).as_nanos());
    let last = seen.events_of("rollout complete", "").pop().expect("it completes");
    assert_eq!(u128::from(span.ended.expect("it ends").0), last.at.as_nanos());
    let planned = &seen.0.record.header.operations;
    assert_eq!((planned.len(), u128::from(planned[0].at)), (1, secs(12).as_nanos()));
}

#[test]
fn a_rollout_that_is_taken_back_is_over_when_all_is_as_before() {
    let deployment =
        app_with(json!({})).progress_deadline(secs(20)).rollback_on_progress_deadline();
    let bad = rollout("app", json!({ "never_ready": true })).at(secs(5));
    assert_eq!(
        came_to(cluster(deployment).operation(bad), 60),
        [is("rollout of app", "rolled back", 20)]
    );
}

#[test]
fn a_rollout_that_stalls_has_failed_at_its_deadline() {
    let deployment = app_with(json!({})).progress_deadline(secs(20));
    let bad = rollout("app", json!({ "never_ready": true })).at(secs(5));
    assert_eq!(
        came_to(cluster(deployment).operation(bad), 60),
        [is("rollout of app", "failed", 20)]
    );
}

#[test]
fn what_is_not_over_has_no_end() {
    let bad = rollout("app", json!({ "never_ready": true })).at(secs(5));
    let found = came_to(cluster(app_with(json!({}))).operation(bad), 20);
    assert_eq!(found, [("rollout of app".to_owned(), "not over", None)]);
}

#[test]
fn a_rollout_that_changes_nothing_is_over_at_once() {
    let same = rollout("app", json!({})).at(secs(2));
    assert_eq!(
        came_to(cluster(app_with(json!({}))).operation(same), 10),
        [is("rollout of app", "completed", 0)]
    );
}

#[test]
fn a_newer_rollout_overtakes_and_has_a_label_of_its_own() {
    let deployment = app_with(json!({ "ready_after_ms": 3_000 }));
    let cluster = cluster(deployment)
        // Given in another order than that of time.
        .operation(rollout("app", json!({ "version": 3 })).at(secs(4)))
        .operation(rollout("app", json!({ "version": 2 })).at(secs(2)));
    let found = came_to(cluster, 60);
    assert_eq!(found[0], is("rollout of app", "overtaken", 2));
    assert_eq!((found[1].0.as_str(), found[1].1), ("rollout of app (2)", "completed"));
}

#[test]
fn scaling_is_over_when_the_pods_are_there_or_gone() {
    let cluster = cluster(app_with(json!({ "ready_after_ms": 3_000 })))
        .operation(scale("app", 4).at(secs(2)))
        .operation(scale("app", 2).at(secs(20)));
    let found = came_to(cluster, 30);
    assert_eq!((found[0].0.as_str(), found[0].1), ("scale app to 4", "completed"));
    assert!(found[0].2.is_some_and(|took| took >= 3), "{found:?}");
    assert_eq!(found[1], is("scale app to 2", "completed", 0));
}

#[test]
fn a_drain_is_over_when_the_node_is_empty() {
    let cluster = cluster(app_with(json!({ "stops_after_ms": 3_000 })))
        .operation(drain("node-a").at(secs(2)))
        .operation(uncordon("node-a").at(secs(20)))
        .operation(cordon("node-b").at(secs(21)));
    let seen = world(cluster, secs(30)).completes(1);
    let found = shown(&seen);
    assert_eq!(found[0], is("drain node-a", "completed", 3));
    assert_eq!(
        found[1..],
        [is("uncordon node-a", "completed", 0), is("cordon node-b", "completed", 0)]
    );
    let drained = seen.when("node drained", "").as_nanos();
    let end = seen.0.record.operations()[0].ended.expect("it ends").0;
    assert_eq!(u128::from(end), drained);
}

#[test]
fn a_drain_that_is_undone_is_overtaken() {
    let cluster = cluster(app_with(json!({ "stops_after_ms": 9_000 })))
        .operation(drain("node-a").at(secs(2)))
        .operation(uncordon("node-a").at(secs(4)));
    let found = came_to(cluster, 30);
    assert_eq!(found[0], is("drain node-a", "overtaken", 2));
}

#[test]
fn a_rollout_under_a_gate_is_over_when_the_gate_lets_it_pass() {
    let gate = || Gate::new().error_share(0.5, secs(5));
    let gated = rollout("app", json!({ "version": 2 })).gate(gate()).at(secs(2));
    let deployment = || app_with(json!({ "version": 1 })).publish_to("lb:9901");
    let seen = world(cluster(deployment()).operation(gated), secs(60)).completes(1);
    let end = seen.0.record.operations()[0].ended.expect("it ends");
    assert_eq!(end.1, OperationState::Completed);
    assert_eq!(u128::from(end.0), seen.when("gate passed", "").as_nanos());
    let step = canary("app", json!({ "version": 2 })).weights(&[50], secs(3)).gate(gate());
    let seen = world(cluster(deployment()).operation(step.at(secs(2))), secs(60)).completes(1);
    let end = seen.0.record.operations()[0].ended.expect("it ends");
    assert_eq!(
        (end.1, seen.events_of("canary promoted", "").len()),
        (OperationState::Completed, 1)
    );
    assert_eq!(u128::from(end.0), seen.when("gate passed", "").as_nanos());
}

#[test]
fn a_deployment_says_what_it_lacks_and_what_it_has_too_many() {
    let deployment = app_with(json!({ "version": 1 })).max_surge(1).max_unavailable(1);
    let cluster =
        cluster(deployment).operation(rollout("app", json!({ "version": 2 })).at(secs(2)));
    let seen = world(cluster, secs(60)).completes(1);
    let record = &seen.0.record;
    let begin = record.operations()[0].from;
    let values = |name: &str| -> Vec<f64> {
        let later = record.events.iter().filter(|event| event.at >= begin);
        let of = later.filter_map(|event| match &event.what {
            EventKind::Gauge(gauge) if record.text(gauge.name) == name => Some(gauge.value),
            _ => None,
        });
        of.collect()
    };
    for gauge in ["pods_missing{deployment=\"app\"}", "pods_surplus{deployment=\"app\"}"] {
        let values = values(gauge);
        assert!(values.len() > 2, "{gauge}: {values:?}");
        assert!(values.iter().all(|value| *value <= 1.0), "{gauge}: {values:?}");
        assert!(values.contains(&1.0), "{gauge}: {values:?}");
    }
}
