//! Pods: how the kubelet starts, probes, restarts and ends them.

use std::time::Duration;

use serde_json::json;
use squall::plan::{Deployment, Probe, crash, power_loss, restart, rollout, scale, torn_write};
use squall_reports::record::HostState;

use crate::{
    cluster::{app_with, cluster, near, secs, world},
    world::{Seen, ms},
};

/// One pod, and what became of it in a minute or so.
fn alone(config: serde_json::Value, change: impl FnOnce(Deployment) -> Deployment) -> Seen {
    let mut deployment = change(app_with(config));
    deployment.replicas = 1;
    world(cluster(deployment), secs(90)).completes(1)
}

/// Times in milliseconds since the first start of the container.
fn since_start(seen: &Seen, message: &str) -> Vec<u128> {
    let begin = seen.when("container started", "app-1");
    let events = seen.events_of(message, "app-1");
    events.iter().map(|event| (event.at.saturating_sub(begin)).as_millis()).collect()
}

#[test]
fn a_pod_is_ready_when_its_probe_says_so() {
    let seen = alone(json!({ "ready_after_ms": 3_500 }), |it| it);
    near(seen.when("container started", "app-1"), ms(500));
    // Probed at once and then every second.
    near(seen.when("pod ready", "app-1"), ms(500 + 4_000));
}

#[test]
fn without_a_readiness_probe_a_pod_is_ready_at_once() {
    let seen = alone(json!({ "ready_after_ms": 3_500 }), |mut it| {
        it.template.readiness = None;
        it
    });
    near(seen.when("pod ready", "app-1"), ms(500));
}

#[test]
fn a_success_threshold_and_an_initial_delay_make_a_pod_wait() {
    let probe = Probe::get("/readyz").period(secs(1)).success_threshold(3).initial_delay(secs(2));
    let seen = alone(json!({}), |it| it.readiness(probe));
    near(seen.when("pod ready", "app-1"), ms(500 + 2_000 + 2_000));
}

#[test]
fn a_startup_probe_holds_back_the_others() {
    let startup = Probe::get("/readyz").period(secs(2)).failure_threshold(30);
    let seen = alone(json!({ "ready_after_ms": 5_000, "dead_after_ms": 0 }), |it| {
        // Ready and dead from the beginning, as far as the other probes can tell.
        it.startup(startup)
            .readiness(Probe::get("/").period(secs(1)))
            .liveness(Probe::get("/healthz").period(secs(1)).failure_threshold(1))
    });
    near(seen.when("startup probe succeeded", "app-1"), ms(500 + 6_000));
    near(seen.when("pod ready", "app-1"), ms(500 + 6_000));
    let unhealthy = seen.events_of("container unhealthy", "app-1").remove(0);
    assert_eq!(unhealthy.field("probe"), "liveness");
    near(unhealthy.at, ms(500 + 6_000));
}

#[test]
fn a_container_that_does_not_start_in_time_is_started_again() {
    let startup = Probe::get("/readyz").period(secs(1)).failure_threshold(3);
    let seen = alone(json!({ "never_ready": true }), |it| it.startup(startup));
    let unhealthy = seen.events_of("container unhealthy", "app-1").remove(0);
    assert_eq!(unhealthy.field("probe"), "startup");
    near(unhealthy.at, ms(500 + 2_000));
    assert!(seen.events_of("container started", "app-1").len() > 2);
    assert!(seen.events_of("pod ready", "").is_empty());
}

#[test]
fn a_container_that_is_not_alive_is_asked_to_stop_and_started_again() {
    let liveness = Probe::get("/healthz").period(secs(2)).failure_threshold(3);
    let seen = alone(json!({ "dead_after_ms": 9_000, "stops_after_ms": 1_000 }), |it| {
        it.liveness(liveness).pre_stop_sleep(secs(1))
    });
    // Failed at 10, 12 and 14 s; a second for the hook, one to stop, and half a one to start.
    let started = since_start(&seen, "container started");
    near(ms(started[1].try_into().expect("few")), ms(14_000 + 1_000 + 1_000 + 500));
    // The second time it waits for ten seconds before.
    let again = started[2] - started[1];
    near(ms(again.try_into().expect("few")), ms(16_500 + 10_000));
    let restarts = seen.events_of("container started", "app-1");
    let restarts: Vec<&str> = restarts.iter().map(|event| event.field("restarts")).collect();
    assert_eq!(restarts[..3], ["0", "1", "2"]);
    let not_ready = seen.events_of("pod not ready", "app-1");
    assert_eq!(not_ready[0].field("reason"), "container");
    assert_eq!(seen.events_of("pod removed", "").len(), 0, "it is the same pod");
}

#[test]
fn a_container_that_fails_is_started_at_once_and_then_backs_off() {
    let seen = alone(json!({ "fails_after_ms": 1_000 }), |it| it);
    let ended = seen.events_of("container ended", "app-1");
    assert_eq!(ended[0].field("how"), "out of luck", "the error is in the record");
    let pauses = seen.events_of("container backs off", "app-1");
    let pauses: Vec<&str> = pauses.iter().map(|event| event.field("pause_ms")).collect();
    assert_eq!(pauses[..3], ["10000", "20000", "40000"]);
    let started = since_start(&seen, "container started");
    // A second of life and half a one to start, each time.
    assert_eq!(started[..4], [0, 1_500, 13_000, 34_500]);
}

#[test]
fn a_version_with_a_wrong_configuration_does_not_end_the_run() {
    let cluster = cluster(app_with(json!({})))
        .operation(rollout("app", json!({ "unheard_of": 1 })).at(secs(2)));
    let seen = world(cluster, secs(30)).completes(1);
    let ended = seen.events_of("container ended", "app-4");
    assert!(ended.len() >= 2, "{ended:?}");
    assert!(seen.events_of("pod terminating", "").is_empty(), "the old version stays");
}

/// The pod is deleted at 12 s; what happened to it from then on, in seconds.
fn ending(
    config: serde_json::Value,
    change: impl FnOnce(Deployment) -> Deployment,
) -> Vec<(String, f64)> {
    let mut deployment = change(app_with(config));
    deployment.replicas = 1;
    let cluster = cluster(deployment).operation(scale("app", 0).at(secs(2)));
    let seen = world(cluster, secs(60)).completes(1);
    let mut ending = seen.events();
    ending.retain(|event| event.at >= secs(12) && event.field("pod") == "app-1");
    let rounded = |at: Duration| ((at - secs(12)).as_secs_f64() * 10.0).round() / 10.0;
    ending.into_iter().map(|event| (event.message, rounded(event.at))).collect()
}

#[track_caller]
fn ends(found: &[(String, f64)], expected: &[(&str, f64)]) {
    let found: Vec<(&str, f64)> = found.iter().map(|(what, at)| (what.as_str(), *at)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_pod_is_ended_with_grace() {
    let quick = ending(json!({ "stops_after_ms": 3_000 }), |it| it.pre_stop_sleep(secs(5)));
    ends(
        &quick,
        &[
            ("pod terminating", 0.0),
            ("pre-stop hook started", 0.0),
            ("pre-stop hook ended", 5.0),
            ("container asked to stop", 5.0),
            ("container ended", 8.0),
            ("pod removed", 8.0),
        ],
    );
    // The grace counts from the deletion, the hook included.
    let slow = ending(json!({ "stops_after_ms": 60_000 }), |it| {
        it.pre_stop_sleep(secs(5)).termination_grace(secs(20))
    });
    ends(
        &slow[3..],
        &[
            ("container asked to stop", 5.0),
            ("container killed", 20.0),
            ("container ended", 20.0),
            ("pod removed", 20.0),
        ],
    );
    // "If the preStop hook is still running after the grace period expires, the kubelet requests
    // a small, one-off grace period extension of 2 seconds."
    let stuck = ending(json!({ "stops_after_ms": 60_000 }), |it| {
        it.pre_stop_sleep(secs(30)).termination_grace(secs(10))
    });
    ends(
        &stuck[2..5],
        &[
            ("pre-stop hook cut off", 10.0),
            ("container asked to stop", 10.0),
            ("container killed", 12.0),
        ],
    );
    let asked = ending(json!({ "bye_ms": 2_000 }), |it| it.pre_stop_get("/bye"));
    ends(&asked[2..4], &[("pre-stop hook ended", 2.0), ("container asked to stop", 2.0)]);
    // Without grace there is neither a hook nor a request.
    let none = ending(json!({ "stops_after_ms": 3_000 }), |it| {
        it.pre_stop_sleep(secs(5)).termination_grace(Duration::ZERO)
    });
    assert_eq!(none.last().map(|(what, at)| (what.as_str(), *at)), Some(("pod removed", 0.0)));
}

#[test]
fn a_pod_that_dies_by_a_fault_is_started_by_its_kubelet_and_not_by_the_heal() {
    let faults = [
        (crash("app-1"), 1),
        (restart("app-1", secs(5)), 1),
        (power_loss("app-1"), 1),
        // It has no file, and so no write that could be torn.
        (torn_write("app-1"), 0),
    ];
    // Before the kubelet has started it again, and after.
    for (heal, (fault, affected)) in
        [ms(5_200), secs(12)].into_iter().flat_map(|heal| faults.clone().map(|it| (heal, it)))
    {
        let fault = fault.from(secs(5)).until(heal);
        let label = fault.label();
        let world = world(cluster(app_with(json!({}))), secs(40));
        let seen = world.plan(|plan| plan.fault(fault)).completes(1);
        assert_eq!(seen.affected(), [affected], "{label}");
        let started: Vec<_> = seen.events_of("container started", "app-1");
        assert_eq!(started.len(), 2, "{label}: {started:?}");
        assert_eq!(started[1].at, secs(15) + ms(500), "{label}");
        let up = seen.states("app-1").into_iter().filter(|(_, state)| *state == HostState::Up);
        assert_eq!(up.count(), 2, "{label}");
        assert!(seen.events_of("pod terminating", "").is_empty(), "{label}");
    }
}
