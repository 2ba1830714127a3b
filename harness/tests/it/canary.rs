//! Gates and canaries: judged by the metrics of the balancer, and rolled back when they fail.

use serde_json::json;
use squall::plan::{Gate, canary, rollout};

use crate::{
    cluster::{Event, app_with, cluster, secs, world_with},
    world::ms,
};

fn gate() -> Gate {
    Gate::new().error_share(0.01, secs(3)).burn_rate(0.999, 10.0, secs(6), secs(2))
}

fn revisions(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.field("revision")).collect()
}

#[test]
fn a_gate_that_closes_rolls_back_even_a_complete_rollout() {
    let cluster = cluster(app_with(json!({})))
        .operation(rollout("app", json!({ "version": 2 })).gate(gate()).at(secs(2)));
    let seen = world_with(cluster, secs(40), "revision-2").completes(1);
    let closed = seen.events_of("gate closed", "").remove(0);
    assert_eq!(closed.field("bound"), "error_share");
    assert_eq!(closed.field("observed"), "1.0000");
    // Published 300 ms after the first pod was ready, read twice: the second reading tells.
    let first = seen.events_of("pod ready", "").into_iter().find(|it| it.field("revision") == "2");
    let first = first.expect("a pod of the new version is ready").at;
    assert!(closed.at > first + ms(300) && closed.at < first + ms(2_400), "{:?}", closed.at);
    let back = seen.events_of("rollout rolled back", "").remove(0);
    assert_eq!((back.field("revision"), back.field("from")), ("3", "2"));
    assert!(back.at < closed.at + secs(10), "{:?}", back.at);
    let told = seen.said("lb");
    assert!(told.last().is_some_and(|it| it.starts_with("/endpoints revision-1*3=")), "{told:#?}");
}

#[test]
fn without_a_history_there_is_nothing_to_roll_back_to() {
    // "Explicitly setting this field to 0, will result in cleaning up all the history of your
    // Deployment thus that Deployment will not be able to roll back":
    // https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy
    for (limit, rolled_back) in [(0, 0), (1, 1)] {
        let cluster = cluster(app_with(json!({})).revision_history_limit(limit))
            .operation(rollout("app", json!({ "version": 2 })).at(secs(2)))
            .operation(rollout("app", json!({ "version": 3 })).gate(late_gate()).at(secs(20)));
        let seen = world_with(cluster, secs(60), "revision-3").completes(1);
        assert_eq!(seen.events_of("gate closed", "").len(), 1);
        assert_eq!(seen.events_of("nothing to roll back to", "").len(), 1 - rolled_back);
        assert_eq!(seen.events_of("rollout rolled back", "").len(), rolled_back);
    }
}

/// Closes only after the rollout is complete: its window is longer.
fn late_gate() -> Gate {
    Gate::new().error_share(0.01, secs(20)).samples_min(1_000)
}

#[test]
fn a_gate_that_stays_open_passes_after_its_longest_window() {
    let cluster = cluster(app_with(json!({})))
        .operation(rollout("app", json!({ "version": 2 })).gate(gate()).at(secs(2)));
    let seen = world_with(cluster, secs(40), "").completes(1);
    let complete = seen.events_of("rollout complete", "").remove(1).at;
    assert_eq!(seen.when("gate passed", ""), complete + secs(6));
    assert!(seen.events_of("gate closed", "").is_empty());
}

#[test]
fn a_canary_takes_its_steps_and_becomes_the_deployment() {
    let steps = canary("app", json!({ "version": 2 })).weights(&[25, 50, 100], secs(5));
    let cluster = cluster(app_with(json!({}))).operation(steps.gate(gate()).at(secs(2)));
    let seen = world_with(cluster, secs(60), "").completes(1);
    let steps = seen.events_of("canary step", "");
    let weights: Vec<&str> = steps.iter().map(|event| event.field("weight")).collect();
    assert_eq!(weights, ["25", "50", "100"]);
    for pair in steps.windows(2) {
        assert!(pair[1].at >= pair[0].at + secs(5), "{steps:?}");
    }
    assert!(seen.when("canary promoted", "") >= steps[2].at + secs(5));
    assert_eq!(revisions(&seen.events_of("rollout complete", "")), ["1", "2"]);
    // A pod is a fourth of the present three, two are half of them.
    let told = seen.said("lb").join("\n");
    for expected in [
        "revision-1*225=app-1:8080,app-2:8080,app-3:8080 revision-2*75=app-4:8080",
        "revision-1*150=app-1:8080,app-2:8080,app-3:8080 revision-2*150=app-4:8080,app-5:8080",
        "revision-2*3=app-4:8080,app-5:8080,app-6:8080",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    // The deployment has all of its pods until the canary has taken over.
    let promoted = seen.when("canary promoted", "");
    assert!(seen.events_of("pod terminating", "").iter().all(|event| event.at >= promoted));
}

#[test]
fn a_canary_that_fails_its_gate_is_rolled_back_in_its_first_step() {
    let steps = canary("app", json!({ "version": 2 })).weights(&[25, 50, 100], secs(10));
    let cluster = cluster(app_with(json!({}))).operation(steps.gate(gate()).at(secs(2)));
    let seen = world_with(cluster, secs(60), "revision-2").completes(1);
    assert_eq!(seen.events_of("canary step", "").len(), 1);
    let back = seen.events_of("rollout rolled back", "").remove(0);
    assert_eq!(back.field("from"), "2");
    assert!(back.at < seen.when("canary step", "") + secs(3), "{:?}", back.at);
    let gone = seen.events_of("pod terminating", "");
    assert_eq!(revisions(&gone), ["2"], "the old version is left alone");
    assert!(seen.events_of("canary promoted", "").is_empty());
}

#[test]
fn a_canary_that_nobody_can_judge_is_not_promoted() {
    // So many requests never come.
    let blind = gate().samples_min(1_000_000);
    let steps = canary("app", json!({ "version": 2 })).weights(&[50, 100], secs(5)).gate(blind);
    let deployment = app_with(json!({})).progress_deadline(secs(15));
    let cluster = cluster(deployment).operation(steps.at(secs(2)));
    let seen = world_with(cluster, secs(60), "").completes(1);
    assert!(seen.events_of("canary promoted", "").is_empty());
    let step = seen.when("canary step", "");
    assert_eq!(seen.when("progress deadline exceeded", ""), step + secs(5 + 15));
    assert_eq!(seen.events_of("rollout rolled back", "").len(), 1);
}

#[test]
fn a_rollout_overtakes_a_canary() {
    let steps = canary("app", json!({ "version": 2 })).weights(&[50, 100], secs(10));
    let cluster = cluster(app_with(json!({})))
        .operation(steps.gate(gate()).at(secs(2)))
        .operation(rollout("app", json!({ "version": 3 })).at(secs(8)));
    let seen = world_with(cluster, secs(60), "").completes(1);
    let taken_back = seen.events_of("rollback started", "").remove(0);
    assert_eq!((taken_back.field("reason"), taken_back.at), ("overtaken", secs(18)));
    assert_eq!(revisions(&seen.events_of("rollout complete", "")), ["1", "3"]);
}
