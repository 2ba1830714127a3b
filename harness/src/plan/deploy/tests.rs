//! Tests of the plan's cluster: what is refused, and what is merged. How amounts are rounded is
//! tested with the controllers, next to what the documentation says of it.

use std::time::Duration;

use serde_json::json;

use super::{
    Cluster, Deployment, DisruptionBudget, Gate, Probe, canary, drain, percent, rollout, scale,
};
use crate::plan::{Latency, Plan, Topology};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn web() -> Deployment {
    Deployment::new("web", "hello", json!({ "version": 1 }), 3)
}

fn cluster() -> Cluster {
    Cluster::new().node("node-a", 10)
}

fn plan(cluster: Cluster) -> Plan {
    Plan::new(Topology::new().host("lb", "balancer", json!({}))).cluster(cluster)
}

#[track_caller]
fn refused(cluster: Cluster, expected: &str) {
    let error = plan(cluster).check().expect_err("the plan is refused").to_string();
    assert!(error.contains(expected), "expected {expected:?} in {error:?}");
}

#[track_caller]
fn refused_deployment(change: impl FnOnce(Deployment) -> Deployment, expected: &str) {
    refused(cluster().deployment(change(web())), expected);
}

#[test]
fn an_objective_names_operations_that_the_plan_has() {
    use crate::objective::{Objective, availability};
    let operated = |objective: Objective| {
        let cluster = cluster()
            .deployment(web())
            .operation(rollout("web", json!({ "version": 2 })).at(secs(5)))
            .operation(rollout("web", json!({ "version": 3 })).at(secs(1)))
            .operation(drain("node-a").at(secs(9)));
        plan(cluster).objective(objective)
    };
    let in_operation = |label: &str| availability().at_least(1.0).in_operation(label);
    for label in ["rollout of web", "rollout of web (2)", "drain node-a"] {
        operated(in_operation(label)).check().expect(label);
    }
    operated(availability().at_least(1.0).during_operations()).check().expect("there are some");
    let error = operated(in_operation("rollout of wbe")).check().expect_err("no such operation");
    let expected = "expected an operation that the plan performs, found \"rollout of wbe\": did you \
                    mean \"rollout of web\"?";
    assert!(error.to_string().contains(expected), "{error}");
    let none = plan(cluster().deployment(web()));
    let error = none.objective(availability().at_least(1.0).during_operations()).check();
    let error = error.expect_err("no operations").to_string();
    assert!(
        error.contains("expected operations on a cluster, found a plan without any"),
        "{error}"
    );
    let whole = crate::objective::returns_to_baseline("tasks").during_operations();
    let error = operated(whole).check().expect_err("it is about the run").to_string();
    assert!(error.contains("it cannot be restricted to operations"), "{error}");
}

#[test]
fn a_whole_cluster_can_be_performed_and_written_down() {
    let web = web()
        .startup(Probe::get("/healthz").failure_threshold(30))
        .readiness(Probe::get("/readyz").period(secs(1)).success_threshold(2))
        .liveness(Probe::get("/healthz"))
        .pre_stop_sleep(secs(5))
        .publish_to("lb:9901");
    let cluster = cluster()
        .deployment(web)
        .disruption_budget(DisruptionBudget::max_unavailable("web", percent(30)))
        .operation(rollout("web", json!({ "version": 2 })).at(secs(1)))
        .operation(
            canary("web", json!({ "version": 3 }))
                .gate(Gate::new().error_share(0.01, secs(5)).burn_rate(
                    0.999,
                    14.4,
                    secs(10),
                    secs(2),
                ))
                .at(secs(60)),
        )
        .operation(scale("web", 5).at(secs(2)))
        .operation(drain("node-a").at(secs(3)));
    let plan = plan(cluster);
    plan.check().expect("a plan that can be performed");
    assert_eq!(plan.duration(), secs(60 + 4 * 10), "the steps of the canary are part of it");
    let json = serde_json::to_string(&plan).expect("plans are plain data");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("plans can be read back"), plan);
}

#[test]
fn pods_nodes_and_the_control_plane_are_hosts() {
    let whole = plan(cluster().deployment(web().pods_max(4).cores(2))).with_cluster_hosts();
    let names: Vec<&str> = whole.topology.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["lb", "control-plane", "node-a", "web-1", "web-2", "web-3", "web-4"]);
    assert_eq!(whole.topology.hosts[6].cores, 2);
}

#[test]
fn faults_may_name_pods_and_nodes() {
    let cluster = cluster().deployment(web());
    for host in ["web-1", "node-a", "control-plane"] {
        let fault = crate::plan::crash(host).from(secs(1)).until(secs(2));
        plan(cluster.clone()).lasts(secs(5)).fault(fault).check().expect(host);
    }
    let fault = crate::plan::crash("web-21").from(secs(1)).until(secs(2));
    let error = plan(cluster).lasts(secs(5)).fault(fault).check().expect_err("pods_max is 20");
    assert!(error.to_string().contains("\"web-21\""), "{error}");
}

#[test]
fn clusters_that_cannot_be_performed_are_refused() {
    refused(Cluster::new(), "expected at least one node");
    refused(Cluster::new().node("node-a", 0), "expected room for at least one pod");
    refused(cluster().node("node-a", 1), "found the name twice");
    refused(cluster().node("lb", 1), "found the name twice");
    refused(cluster().deployment(web()).deployment(web()), "expected each deployment once");
    refused(cluster().node_monitor_grace(Duration::ZERO), "node_monitor_grace");
    let propagation = Latency::Uniform { min: secs(2), max: secs(1) };
    refused(cluster().endpoint_propagation(propagation), "endpoint_propagation");
    let budget = |name, pods: u32| DisruptionBudget::min_available(name, pods);
    refused(cluster().disruption_budget(budget("web", 1)), "expected one of the deployments");
    let cluster = || cluster().deployment(web());
    refused(
        cluster().disruption_budget(budget("web", 1)).disruption_budget(budget("web", 2)),
        "expected one for a deployment, found two",
    );
    refused(
        cluster().disruption_budget(DisruptionBudget::min_available("web", percent(101))),
        "up to 100, found 101",
    );
    refused(cluster().operation(drain("node-b").at(secs(1))), "expected one of the nodes node-a");
    refused(
        cluster().operation(scale("api", 1).at(secs(1))),
        "expected one of the deployments web",
    );
    let canary = || canary("web", json!({}));
    refused(cluster().operation(canary().at(secs(1))), "expected a load balancer");
    let gate = Gate::new().error_share(0.1, secs(1));
    refused(
        cluster().operation(rollout("web", json!({})).gate(gate).at(secs(1))),
        "expected a load balancer",
    );
}

#[test]
fn deployments_that_cannot_be_performed_are_refused() {
    refused_deployment(
        |web| web.max_surge(0).max_unavailable(percent(0)),
        "max_unavailable above 0",
    );
    refused_deployment(|web| web.max_surge(percent(101)), "max_surge: expected a percentage up to");
    refused_deployment(|web| web.pods_max(2), "at most pods_max (2) replicas, found 3");
    refused_deployment(|web| web.pods_max(0), "expected pods_max from 1");
    refused_deployment(
        |web| web.min_ready(secs(9)).progress_deadline(secs(9)),
        "progress_deadline",
    );
    refused_deployment(|web| web.port(0), "port above 0");
    refused_deployment(|web| web.cores(0), "cores");
    refused_deployment(|web| web.publish_to("lb"), "name:port, found \"lb\"");
    refused_deployment(|web| web.publish_to("nowhere:80"), "expected one of the hosts");
    refused_deployment(|web| web.pre_stop_get("bye"), "pre_stop: expected a path");
    let probe = || Probe::get("/");
    refused_deployment(|web| web.readiness(Probe::get("x")), "readiness probe: expected a path");
    refused_deployment(
        |web| web.readiness(probe().period(Duration::ZERO)),
        "a period and a timeout",
    );
    refused_deployment(|web| web.liveness(probe().failure_threshold(0)), "thresholds from 1 on");
    refused_deployment(|web| web.liveness(probe().success_threshold(2)), "success_threshold of 1");
    refused_deployment(|web| web.startup(probe().success_threshold(2)), "success_threshold of 1");
}

#[test]
fn canaries_that_cannot_be_performed_are_refused() {
    let gate = || Gate::new().error_share(0.01, secs(5));
    let check = |weights: &[u32], gate: Gate, expected: &str| {
        let canary = canary("web", json!({})).weights(weights, secs(1)).gate(gate).at(secs(1));
        let web = web().publish_to("lb:9901");
        refused(cluster().deployment(web).operation(canary), expected);
    };
    check(&[], gate(), "rising weights");
    check(&[50, 25], gate(), "rising weights");
    check(&[50, 101], gate(), "rising weights");
    check(&[50], Gate::new(), "at least one bound");
    check(&[50], Gate::new().error_share(1.0, secs(5)), "shares below 1");
    check(&[50], Gate::new().p99(secs(1), Duration::ZERO), "windows of at least");
    check(&[50], gate().burn_rate(0.99, 2.0, secs(1), secs(2)), "short one first");
    check(&[50], gate().every(Duration::ZERO), "every so often");
}

#[test]
fn a_patch_merges_objects_removes_with_null_and_replaces_the_rest() {
    // The example of RFC 7396, section 3.
    let mut deployment = web();
    deployment.template.config = json!({
        "title": "Goodbye!",
        "author": { "givenName": "John", "familyName": "Doe" },
        "tags": ["example", "sample"],
        "content": "This will be unchanged",
    });
    let patch = json!({
        "title": "Hello!",
        "phoneNumber": "+01-123-456-7890",
        "author": { "familyName": null },
        "tags": ["example"],
    });
    let patched = deployment.template.patched(&patch).config;
    let expected = json!({
        "title": "Hello!",
        "author": { "givenName": "John" },
        "tags": ["example"],
        "content": "This will be unchanged",
        "phoneNumber": "+01-123-456-7890",
    });
    assert_eq!(patched, expected);
}
