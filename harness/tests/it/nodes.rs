//! Nodes: lost, drained, and with room or without.

use serde_json::json;
use squall::plan::{
    Cluster, DisruptionBudget, Latency, cordon, crash, drain, partition, power_loss, rollout,
    scale, uncordon,
};
use squall_reports::record::HostState;

use crate::{
    cluster::{app_with, cluster, near, secs, world},
    world::{Seen, ms},
};

fn nodes(seen: &Seen) -> Vec<(String, String)> {
    let scheduled = seen.events_of("pod scheduled", "");
    let on = |name: &str, event: &crate::cluster::Event| event.field(name).to_owned();
    scheduled.iter().map(|event| (on("pod", event), on("node", event))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

/// A lost node is noticed after six seconds, its pods are given up after ten more.
fn impatient() -> Cluster {
    cluster(app_with(json!({}))).node_monitor_grace(secs(6)).toleration(secs(10))
}

#[test]
fn pods_are_spread_over_the_nodes() {
    let seen = world(cluster(app_with(json!({}))), secs(5)).completes(1);
    assert_eq!(
        nodes(&seen),
        pairs(&[("app-1", "node-a"), ("app-2", "node-b"), ("app-3", "node-a")])
    );
}

#[test]
fn the_pods_of_a_node_that_stays_away_are_replaced_on_others() {
    let fault = power_loss("node-a").from(secs(10)).until(secs(60));
    let seen = world(impatient(), secs(80)).plan(|plan| plan.fault(fault)).completes(1);
    let lost = seen.when("node not ready", "");
    assert!(lost > secs(20 + 4) && lost <= secs(20 + 6), "{lost:?}");
    assert_eq!(seen.states("app-1")[1], (secs(20), HostState::PoweredOff));
    // Only from then on are they no endpoints any more, and nothing replaces them yet.
    let not_ready = seen.events_of("pod not ready", "app-1").remove(0);
    assert_eq!((not_ready.at, not_ready.field("reason")), (lost, "node"));
    let published = seen.events_of("endpoints published", "");
    let without = published.iter().find(|event| event.at > secs(20)).expect("it is told");
    near(without.at, lost + ms(300));
    let moved = lost + secs(10);
    assert_eq!(seen.when("pod terminating", "app-1"), moved);
    let after: Vec<_> = nodes(&seen).split_off(3);
    assert_eq!(after, pairs(&[("app-4", "node-b"), ("app-5", "node-b")]));
    assert_eq!(seen.events_of("pod created", "")[3].at, moved);
    // They are gone when somebody can say so: when their kubelet is back.
    let removed = seen.when("pod removed", "app-1");
    assert!(removed >= secs(70) && removed < secs(71), "{removed:?}");
    assert!(seen.when("node ready", "") >= secs(70));
    assert_eq!(seen.events_of("container started", "app-1").len(), 1, "not started again");
    let told = seen.said("lb");
    assert!(
        told.last().is_some_and(|it| it.ends_with("=app-2:8080,app-4:8080,app-5:8080")),
        "{told:?}"
    );
}

#[test]
fn a_node_that_comes_back_in_time_starts_its_pods_again() {
    let fault = power_loss("node-a").from(secs(10)).until(secs(20));
    let seen = world(impatient(), secs(40)).plan(|plan| plan.fault(fault)).completes(1);
    assert!(seen.events_of("pod terminating", "").is_empty());
    let started = seen.events_of("container started", "app-1");
    assert_eq!(started.len(), 2);
    near(started[1].at, secs(30) + ms(500));
    let ready = seen.events_of("pod ready", "app-1");
    assert!(ready[1].at > started[1].at, "{ready:?}");
    assert_eq!(seen.events_of("pod created", "").len(), 3);
}

#[test]
fn a_drain_evicts_as_far_as_the_budget_allows_and_tries_again() {
    let deployment = app_with(json!({ "ready_after_ms": 2_000 })).pre_stop_sleep(secs(3));
    let cluster = cluster(deployment)
        .disruption_budget(DisruptionBudget::min_available("app", 2))
        .operation(drain("node-a").at(secs(5)))
        .operation(uncordon("node-a").at(secs(40)))
        .operation(scale("app", 4).at(secs(42)));
    let seen = world(cluster, secs(60)).completes(1);
    assert_eq!(seen.when("node cordoned", ""), secs(15));
    assert_eq!(seen.when("pod evicted", "app-1"), secs(15));
    assert_eq!(seen.when("eviction refused", "app-3"), secs(15));
    // The replacement of the first is ready within five seconds, so the second may go then.
    assert_eq!(seen.when("pod evicted", "app-3"), secs(20));
    assert!(seen.when("node drained", "") >= secs(23));
    let from = secs(15);
    let counts = seen.counts();
    for (at, _, ready) in counts.iter().filter(|(at, ..)| *at >= from) {
        assert!(*ready >= 2, "{ready} ready at {at:?}");
    }
    let moved = nodes(&seen).split_off(3);
    assert_eq!(moved, pairs(&[("app-4", "node-b"), ("app-5", "node-b"), ("app-6", "node-a")]));
}

#[test]
fn a_budget_that_leaves_nothing_keeps_a_node_from_being_drained() {
    // "If you try to drain a Node where an unevictable Pod is running, the drain never completes":
    // https://kubernetes.io/docs/tasks/run-application/configure-pdb/
    let cluster = cluster(app_with(json!({})))
        .disruption_budget(DisruptionBudget::max_unavailable("app", 0))
        .operation(drain("node-a").at(secs(5)));
    let seen = world(cluster, secs(27)).completes(1);
    let refused = seen.events_of("eviction refused", "app-1");
    let at: Vec<u64> = refused.iter().map(|event| event.at.as_secs()).collect();
    assert_eq!(at, [15, 20, 25, 30, 35]);
    assert!(seen.events_of("node drained", "").is_empty());
    assert!(seen.events_of("pod terminating", "").is_empty());
}

#[test]
fn a_pod_without_a_node_waits_for_one() {
    let cluster = Cluster::new()
        .node("node-a", 2)
        .node("node-b", 1)
        .endpoint_propagation(Latency::constant(ms(300)))
        .deployment(app_with(json!({})))
        .operation(cordon("node-b").at(secs(1)))
        .operation(scale("app", 4).at(secs(2)))
        .operation(scale("app", 2).at(secs(8)));
    let seen = world(cluster, secs(20)).completes(1);
    assert_eq!(seen.when("pod unschedulable", "app-4"), secs(12));
    // Those on no node go first, and then one that shares its node.
    assert_eq!(seen.when("pod removed", "app-4"), secs(18));
    assert_eq!(seen.when("pod terminating", "app-3"), secs(18));
    assert_eq!(nodes(&seen).len(), 3);
}

#[test]
fn pods_on_a_node_that_is_cut_off_go_on_until_their_kubelet_is_told() {
    let cut = partition("node-a", "control-plane").from(secs(10)).until(secs(40));
    let seen = world(impatient(), secs(60)).plan(|plan| plan.fault(cut)).completes(1);
    let lost = seen.when("node not ready", "");
    assert!(lost > secs(20 + 4) && lost <= secs(20 + 6), "{lost:?}");
    assert_eq!(seen.when("pod terminating", "app-1"), lost + secs(10));
    assert_eq!(seen.events_of("pod created", "")[3].at, lost + secs(10));
    // Nobody can tell the container to stop before the partition heals.
    let asked = seen.when("container asked to stop", "app-1");
    assert!(asked > secs(50) && asked < secs(54), "{asked:?}");
    assert_eq!(seen.when("pod removed", "app-1"), seen.when("container ended", "app-1"));
    assert_eq!(seen.events_of("container started", "app-1").len(), 1);
    assert!(seen.affected()[0] > 0);
}

#[test]
fn what_a_kubelet_cannot_report_is_not_known() {
    // The container is started again meanwhile, and nobody learns that it was not ready.
    let cut = partition("node-a", "control-plane").from(secs(10)).until(secs(14));
    let died = crash("app-1").from(secs(12)).until(secs(13));
    let world = world(cluster(app_with(json!({}))), secs(30));
    let seen = world.plan(|plan| plan.fault(cut).fault(died)).completes(1);
    assert_eq!(seen.events_of("container started", "app-1").len(), 2);
    // The lease is renewed every ten seconds here: the partition may pass unnoticed.
    let lost: Vec<_> = seen.events_of("pod not ready", "app-1");
    assert!(lost.len() <= 1, "{lost:?}");
    assert!(seen.events_of("node not ready", "").is_empty());
}

#[test]
fn probes_that_do_not_get_through_take_a_pod_out_of_the_endpoints() {
    let cut = partition("node-a", "app-1").from(secs(10)).until(secs(20));
    let world = world(cluster(app_with(json!({}))), secs(40));
    let seen = world.plan(|plan| plan.fault(cut)).completes(1);
    let not_ready = seen.events_of("pod not ready", "app-1").remove(0);
    assert_eq!(not_ready.field("reason"), "probe");
    // Three probes a second apart, each of which waits for a second.
    assert!(not_ready.at > secs(22) && not_ready.at < secs(25), "{:?}", not_ready.at);
    let ready = seen.events_of("pod ready", "app-1").remove(1).at;
    assert!(ready > secs(30) && ready < secs(33), "{ready:?}");
    assert!(seen.events_of("container unhealthy", "").is_empty(), "there is no liveness probe");
}

#[test]
fn a_control_plane_that_comes_back_goes_on_where_things_stand() {
    let down = crash("control-plane").from(secs(5)).until(secs(60));
    let update = rollout("app", json!({ "version": 2 })).at(secs(4));
    let later = scale("app", 4).at(secs(20));
    let cluster = impatient().operation(update).operation(later);
    let seen = world(cluster, secs(120)).plan(|plan| plan.fault(down)).completes(1);
    // Nothing new is begun without it, and nothing is lost because no lease could be renewed.
    let created: Vec<u64> =
        seen.events_of("pod created", "").iter().map(|event| event.at.as_secs()).collect();
    assert_eq!(created[..5], [0, 0, 0, 14, 14]);
    assert!(created[5..].iter().all(|at| *at >= 70), "{created:?}");
    assert!(seen.events_of("node not ready", "").is_empty());
    assert_eq!(seen.when("deployment scaled", ""), secs(70));
    assert_eq!(seen.events_of("rollout complete", "").len(), 2);
    let told = seen.said("lb");
    let last = told.last().expect("the balancer is told");
    assert_eq!(last.matches("app-").count(), 4, "{last}");
}

#[test]
fn a_crash_of_a_node_takes_its_pods_along() {
    let fault = crash("node-b").from(secs(10)).until(secs(12));
    let world = world(cluster(app_with(json!({}))), secs(30));
    let seen = world.plan(|plan| plan.fault(fault)).completes(1);
    let states = |pod| seen.states(pod).into_iter().map(|(_, state)| state).collect::<Vec<_>>();
    assert_eq!(states("app-2"), [HostState::Up, HostState::Crashed, HostState::Up]);
    assert_eq!(states("app-1"), [HostState::Up]);
    near(seen.events_of("container started", "app-2")[1].at, secs(22) + ms(500));
}

#[test]
fn a_balancer_that_was_started_anew_learns_the_endpoints() {
    let fault = crash("lb").from(secs(10)).until(secs(12));
    let update = scale("app", 4).at(secs(11));
    let cluster = cluster(app_with(json!({}))).operation(update);
    let seen = world(cluster, secs(40)).plan(|plan| plan.fault(fault)).completes(1);
    // What was refused meanwhile is told again as soon as it listens.
    let published = seen.events_of("endpoints published", "");
    let again = published.iter().find(|event| event.at > secs(20)).expect("it is told again");
    assert_eq!(again.field("endpoints"), "4");
    assert!(again.at > secs(22) && again.at < secs(23), "{:?}", again.at);
    // And without a change it is told every five seconds, as it does not say that it forgot.
    assert!(seen.said("lb").len() > 6, "{:?}", seen.said("lb"));
}
