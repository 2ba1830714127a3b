//! Rollouts: how many pods there are at each instant, what is published when, and what is rolled
//! back.

use serde_json::json;
use squall::plan::{percent, rollout, scale};

use crate::{
    cluster::{app_with, cluster, secs, world},
    world::ms,
};

#[test]
fn a_rolling_update_keeps_its_bounds_at_every_instant() {
    for (surge, unavailable) in [(1, 0), (0, 1), (2, 1)] {
        let deployment = app_with(json!({ "version": 1 }))
            .max_surge(surge)
            .max_unavailable(unavailable)
            .min_ready(secs(2));
        let cluster =
            cluster(deployment).operation(rollout("app", json!({ "version": 2 })).at(secs(2)));
        let seen = world(cluster, secs(60)).completes(1);
        let begin = seen.events_of("rollout started", "")[1].at;
        assert_eq!(begin, secs(12));
        let counts = seen.counts();
        let during = counts.iter().filter(|(at, ..)| *at >= begin);
        for (at, pods, ready) in during {
            let (most, least) = (3 + surge as usize, 3 - unavailable as usize);
            assert!(*pods <= most, "{pods} pods at {at:?}, surge {surge}");
            assert!(*ready >= least, "{ready} ready at {at:?}, unavailable {unavailable}");
        }
        let complete = seen.events_of("rollout complete", "");
        let revisions: Vec<&str> = complete.iter().map(|event| event.field("revision")).collect();
        assert_eq!(revisions, ["1", "2"]);
        assert_eq!(counts.last().map(|(_, pods, ready)| (*pods, *ready)), Some((3, 3)));
        assert_eq!(seen.events_of("pod created", "").len(), 6);
    }
}

#[test]
fn a_version_that_is_never_ready_stops_and_is_rolled_back_at_the_deadline() {
    let deployment =
        app_with(json!({})).progress_deadline(secs(20)).rollback_on_progress_deadline();
    let cluster =
        cluster(deployment).operation(rollout("app", json!({ "never_ready": true })).at(secs(5)));
    let seen = world(cluster, secs(60)).completes(1);
    let begin = seen.events_of("rollout started", "")[1].at;
    // The pod of the new version is created at once, which is the last progress.
    assert_eq!(seen.when("progress deadline exceeded", ""), begin + secs(20));
    assert_eq!(seen.when("rollback started", ""), begin + secs(20));
    let back = seen.events_of("rollout rolled back", "").remove(0);
    assert_eq!((back.field("revision"), back.field("from")), ("3", "2"));
    assert!(back.at < begin + secs(21), "{:?}", back.at);
    // None of the old version was touched.
    for pod in ["app-1", "app-2", "app-3"] {
        assert!(seen.events_of("pod terminating", pod).is_empty(), "{pod}");
    }
    assert_eq!(seen.events_of("pod created", "").len(), 4);
}

#[test]
fn without_a_policy_a_stalled_rollout_is_only_reported() {
    let deployment = app_with(json!({})).progress_deadline(secs(20));
    let cluster =
        cluster(deployment).operation(rollout("app", json!({ "never_ready": true })).at(secs(5)));
    let seen = world(cluster, secs(60)).completes(1);
    assert_eq!(seen.events_of("progress deadline exceeded", "").len(), 1);
    assert!(seen.events_of("rollback started", "").is_empty());
}

#[test]
fn endpoints_are_published_after_their_delay_and_leave_before_the_container_does() {
    let deployment = app_with(json!({})).pre_stop_sleep(secs(5));
    let cluster = cluster(deployment).operation(scale("app", 2).at(secs(2)));
    let seen = world(cluster, secs(20)).completes(1);
    // Three become ready at almost the same time; what is newest wins.
    let ready = seen.events_of("pod ready", "");
    let published = seen.events_of("endpoints published", "");
    assert!(published[0].at >= ready[0].at + ms(300), "{published:?}");
    assert!(published[0].at < ready[0].at + ms(310), "{published:?}");
    let told = seen.said("lb");
    let last = told.last().expect("the balancer was told");
    assert_eq!(last, "/endpoints revision-1*2=app-1:8080,app-2:8080", "{told:#?}");
    let gone = seen.when("pod terminating", "app-3");
    assert_eq!(gone, secs(12));
    let without = published.iter().find(|event| event.at > gone).expect("it is published").at;
    assert!(without >= gone + ms(300) && without < gone + ms(310), "{without:?}");
    assert!(seen.when("container asked to stop", "app-3") == gone + secs(5));
}

#[test]
fn a_second_rollout_overtakes_the_first() {
    let deployment = app_with(json!({ "ready_after_ms": 3_000 })).max_surge(percent(50));
    let cluster = cluster(deployment)
        .operation(rollout("app", json!({ "version": 2 })).at(secs(2)))
        .operation(rollout("app", json!({ "version": 3 })).at(secs(4)));
    let seen = world(cluster, secs(60)).completes(1);
    let complete = seen.events_of("rollout complete", "");
    let revisions: Vec<&str> = complete.iter().map(|event| event.field("revision")).collect();
    assert_eq!(revisions, ["1", "3"]);
    // Two of the second version were begun, and left as soon as the third came.
    let second = seen.events_of("pod terminating", "");
    let second: Vec<_> = second.iter().filter(|event| event.field("revision") == "2").collect();
    assert_eq!(second.len(), 2);
    assert!(second.iter().all(|event| event.at == secs(14)), "{second:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let cluster = cluster(app_with(json!({})))
            .operation(rollout("app", json!({ "version": 2 })).at(secs(2)));
        world(cluster, secs(30)).completes(seed).0.record.digest()
    };
    assert_eq!(run(7), run(7));
}

#[test]
fn more_pods_than_there_are_hosts_end_the_run() {
    let cluster = cluster(app_with(json!({})).pods_max(4))
        .operation(rollout("app", json!({ "version": 2 })).at(secs(2)));
    let seen = world(cluster, secs(30)).run(1);
    let cause = format!("{:?}", seen.cause());
    assert!(cause.contains("4 pods of app (pods_max)"), "{cause}");
}

#[test]
fn what_fails_goes_back_to_the_last_version_that_was_complete_and_keeps_its_bounds() {
    let deployment = app_with(json!({ "version": 1 }))
        .progress_deadline(secs(10))
        .rollback_on_progress_deadline();
    let cluster = cluster(deployment)
        .operation(rollout("app", json!({ "version": 2 })).at(secs(2)))
        .operation(rollout("app", json!({ "never_ready": true })).at(secs(30)));
    let seen = world(cluster, secs(60)).completes(1);
    let begun = seen.events_of("rollback started", "").remove(0);
    assert_eq!((begun.field("revision"), begun.field("to")), ("3", "2"));
    let back = seen.events_of("rollout rolled back", "").remove(0);
    assert_eq!((back.field("revision"), back.field("from")), ("4", "3"));
    // Its pods are those of the second version, under the name that they were published with.
    let told = seen.said("lb");
    assert!(told.last().is_some_and(|it| it.starts_with("/endpoints revision-2*3=")), "{told:#?}");
    let later = seen.counts().into_iter().filter(|(at, ..)| *at >= secs(40));
    for (at, pods, ready) in later {
        assert!(pods <= 4 && ready >= 3, "{pods} pods, {ready} ready at {at:?}");
    }
}
