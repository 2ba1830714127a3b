//! The fleet: a cache that is deployed in versions, behind a load balancer, on the nodes of a
//! cluster; and what is expected of a deploy whatever breaks.

mod witnessed;

use std::time::Duration;

use reference_services::{balancer, cache, catalog};
use serde_json::{Value, json};
use squall::{
    Scenario, Services,
    objective::{
        Matching, Objective, availability, degraded, every, failed, gauge, logs, never, p99, shed,
    },
    plan::{
        Cluster, Deployment, DisruptionBudget, Fault, Latency, Load, Operation, Plan, Probe,
        Processes, RequestSpec, Topology,
    },
};

pub(crate) use self::witnessed::{Items, item_checked, none_over_age};
use crate::{shop::ms, witness::with_witnesses};

/// What pods sign sessions with.
const KEY: &str = "the key that all pods of the fleet share";

/// Pods of the deployment.
pub(crate) const REPLICAS: u32 = 3;

/// How soon a version must have taken the place of the one before.
const REPLACED: Duration = Duration::from_secs(40);

/// How soon a version that fails its checks must be gone.
const ROLLED_BACK: Duration = Duration::from_secs(60);

/// Seconds.
pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A time as services are configured with it.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An event of the orchestrator.
pub(crate) fn deploys(message: &str) -> Matching {
    logs(message).target("orchestrator")
}

/// Requests for items.
pub(crate) fn items() -> RequestSpec {
    RequestSpec::get("/items/{id}")
        .expect_present("/value")
        .degraded_by("/warnings")
        .expect_error_type("application/problem+json")
}

/// A rollout of the cache, its configuration changed by `patch`.
pub(crate) fn rollout(patch: Value, at: Duration) -> Operation {
    squall::plan::rollout("cache", patch).at(at)
}

/// The second version, as it should be.
pub(crate) fn v2() -> Value {
    json!({ "version": "v2" })
}

pub(crate) fn services() -> Services {
    let services = Services::new()
        .with("cache-service", cache::run)
        .with("catalog-source", catalog::run)
        .with("load-balancer", balancer::run);
    with_witnesses(services)
}

/// What a load balancer is configured with. It tries once: a deploy must not need more.
pub(crate) fn balancer() -> Value {
    json!({
        "listen": "0.0.0.0:8080",
        "admin": "0.0.0.0:9901",
        "retry": { "attempts_max": 1 },
    })
}

/// A cache that is no part of the deployment, for its pods to be seeded from: as old as its items
/// are, it is content with them.
pub(crate) fn seed(items: Items) -> Value {
    let mut config = pod();
    config["items"] = json!(items.count);
    config
}

/// What a pod of the cache is configured with.
pub(crate) fn pod() -> Value {
    json!({
        "listen": "0.0.0.0:8080",
        "version": "v1",
        "source": "http://catalog:50061",
        "session": { "key": KEY },
    })
}

/// A deployment of the cache, which replaces one pod at a time and is never one short.
pub(crate) fn deployment(name: &str, balancer: &str, config: Value) -> Deployment {
    Deployment::new(name, "cache-service", config, REPLICAS)
        .max_surge(1)
        .max_unavailable(0)
        .min_ready(secs(2))
        .readiness(Probe::get("/readyz").period(secs(1)).failure_threshold(1))
        .liveness(Probe::get("/livez").period(secs(2)).failure_threshold(3))
        .pre_stop_get("/prestop")
        .termination_grace(secs(30))
        .progress_deadline(secs(15))
        .rollback_on_progress_deadline()
        .pods_max(8)
        .publish_to(format!("{balancer}:9901"))
}

/// Room for the pods of two rollouts and a way back.
pub(crate) fn more_pods(mut cluster: Cluster) -> Cluster {
    cluster.deployments.iter_mut().for_each(|deployment| deployment.pods_max = 16);
    cluster
}

/// A scenario on the fleet, under construction.
pub(crate) struct Fleet {
    name: String,
    hypothesis: String,
    plan: Plan,
    cluster: Cluster,
    /// What the slowest answer but one in a hundred may take.
    p99: Duration,
    /// Are requests lost here, to show how?
    lossy: bool,
}

/// A scenario on the fleet: 300 requests a second for 22 seconds, and nothing deployed yet.
pub(crate) fn fleet(name: impl Into<String>, hypothesis: impl Into<String>) -> Fleet {
    let topology = Topology::new()
        .host("catalog", "catalog-source", json!({ "listen": "0.0.0.0:50061" }))
        .port(50061)
        .host("lb", "load-balancer", balancer())
        .port(8080)
        .port(9901)
        .client("clients");
    let load = Load::constant("clients", "lb:8080", 300.0).lasts(secs(22)).request(items());
    let cluster = Cluster::new()
        .node("node-a", 8)
        .node("node-b", 8)
        .node("node-c", 8)
        .endpoint_propagation(Latency::Uniform { min: ms(300), max: ms(1_500) })
        .deployment(deployment("cache", "lb", pod()));
    Fleet {
        name: format!("deploy-{}", name.into()),
        hypothesis: hypothesis.into(),
        plan: Plan::new(topology)
            .load(load)
            .boot(secs(6))
            .on_processes(Processes::new().slack(ms(50))),
        cluster,
        p99: ms(20),
        lossy: false,
    }
}

impl Fleet {
    /// Sets how many requests there are a second, and for how long.
    pub(crate) fn requests(mut self, rate: f64, lasts: Duration) -> Self {
        for load in &mut self.plan.loads {
            load.arrivals = squall::plan::Arrivals::Constant { rate };
            load.lasts = lasts;
        }
        self
    }

    /// Lets clients keep cookies and begin sessions.
    pub(crate) fn sessions(mut self, clients: u32) -> Self {
        for load in &mut self.plan.loads {
            load.mix.iter_mut().for_each(|spec| spec.weight = 20);
            load.mix.push(RequestSpec::new("POST", "/session").expect_present("/id"));
            load.sessions = clients;
        }
        self
    }

    /// Does something to the cluster.
    pub(crate) fn operation(mut self, operation: Operation) -> Self {
        self.cluster = self.cluster.operation(operation);
        self
    }

    /// Adds a fault.
    pub(crate) fn fault(mut self, fault: Fault) -> Self {
        self.plan = self.plan.fault(fault);
        self
    }

    /// Adds an objective.
    pub(crate) fn objective(mut self, objective: Objective) -> Self {
        self.plan = self.plan.objective(objective);
        self
    }

    /// Lets the load balancer send what can be repeated to other pods, up to so many, soon.
    pub(crate) fn retries(mut self, attempts_max: u32) -> Self {
        // Two attempts that were in vain, and one that was not.
        self.p99 = ms(320);
        let changes = json!({
            "retry": { "attempts_max": attempts_max, "on_500": true },
            "connect_timeout_ms": 100,
            "per_try_timeout_ms": 150,
        });
        self.configure("lb", &changes)
    }

    /// Changes the configuration of a host.
    pub(crate) fn configure(mut self, host: &str, changes: &Value) -> Self {
        let topology = std::mem::take(&mut self.plan.topology);
        self.plan.topology = topology.patched(host, changes);
        self
    }

    /// Changes the configuration that pods have at first.
    pub(crate) fn pods(self, changes: Value) -> Self {
        self.pods_of("cache", changes)
    }

    /// The same for the pods of one of several deployments.
    pub(crate) fn pods_of(mut self, name: &str, changes: Value) -> Self {
        for deployment in self.cluster.deployments.iter_mut().filter(|it| it.name == name) {
            deployment.template = deployment.template.patched(&changes);
        }
        self
    }

    /// Changes the cluster in a way that the fleet has no word for.
    pub(crate) fn cluster(mut self, change: impl FnOnce(Cluster) -> Cluster) -> Self {
        self.cluster = change(self.cluster);
        self
    }

    /// Changes the plan in a way that the fleet has no word for.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Evictions leave at least so many pods ready.
    pub(crate) fn min_available(self, pods: u32) -> Self {
        self.cluster(|cluster| {
            cluster.disruption_budget(DisruptionBudget::min_available("cache", pods))
        })
    }

    /// Requests may be lost, and the scenario says itself which.
    pub(crate) fn lossy(mut self) -> Self {
        self.lossy = true;
        self
    }

    /// The second version is there in the end.
    pub(crate) fn completes(self) -> Self {
        let started = deploys("rollout started").with("revision", "2");
        let complete = deploys("rollout complete").with("revision", "2");
        let replaced = every(started, complete).soon(REPLACED);
        self.objective(replaced.named("the second version takes the place of the first"))
    }

    /// The second version is gone in the end, in time.
    pub(crate) fn rolls_back(self) -> Self {
        let started = deploys("rollout started").with("revision", "2");
        let back = deploys("rollout rolled back").with("from", "2");
        let taken_back = every(started, back).soon(ROLLED_BACK);
        self.objective(taken_back.named("the second version is rolled back"))
    }

    /// At no instant a pod is missing, and at no instant there are two too many: neither on the
    /// way nor on the way back.
    pub(crate) fn keeps_capacity(self) -> Self {
        let gauge = |name: &str| gauge(format!("pods_{name}{{deployment=\"cache\"}}"));
        self.objective(gauge("missing").at_most(0).named("pods that are missing"))
            .objective(gauge("surplus").at_most(1).named("pods beyond the desired ones"))
    }

    /// Adds what holds of every deploy: each request has a complete answer, from a cache that is
    /// warm and fresh, in time; and a pod is alive while it warms up.
    pub(crate) fn build(mut self) -> Scenario {
        if !self.lossy {
            let cold = degraded().none().named("answers from a cold or stale cache");
            let in_time = p99().at_most(self.p99);
            self = self
                .objective(failed().none())
                .objective(shed().none())
                .objective(cold)
                .objective(in_time.clone().on_route("GET /items/{id}"));
            if !self.cluster.operations.is_empty() {
                // What a deploy costs is judged while it goes on, and not diluted by what comes after.
                self = self
                    .objective(availability().at_least(1.0).during_operations())
                    .objective(in_time.on_route("GET /items/{id}").during_operations());
            }
        }
        let unhealthy = never(deploys("container unhealthy"));
        self = self.objective(unhealthy.named("containers that fail their liveness probe"));
        Scenario::new(self.name, self.hypothesis, self.plan.cluster(self.cluster), services())
    }
}
