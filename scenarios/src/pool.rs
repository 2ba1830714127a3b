//! The worker pool: a queue broker, four worker hosts, the external API, the result store, and
//! what is expected of them whatever breaks.

use std::time::Duration;

use reference_services::{external_api, queue_broker, result_store, worker};
use serde_json::{Value, json};
use squall::{
    Scenario, Services,
    objective::{
        Matching, Objective, accounting, concurrency_of, distinct, gauge, gauge_at_end, logs,
        never_after, once_per, only_after, returns_to_baseline, spans,
    },
    plan::{Arrivals, DiskConfig, Fault, Load, Plan, Processes, RequestSpec, Scrape, Topology},
};

use crate::{shop::ms, witness::with_witnesses};

/// Why a loss of power is not for real processes.
pub(crate) const NOTHING_IS_LOST: &str =
    "what a process has written survives it here, whether it was synced or not";

/// The worker hosts.
pub(crate) const WORKERS: [&str; 4] = ["worker-1", "worker-2", "worker-3", "worker-4"];

/// Calls at once of one worker host.
const CONCURRENCY: u64 = 25;

/// The limit of the external API.
const CALLS_MAX: u64 = 100;

/// Tasks of the connections that a worker host keeps once it has had work: to the result store, and
/// from who reads its metrics.
const CONNECTION_TASKS: u64 = 4;

/// How long a worker has a job.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// What of the broker is read from its metrics.
const QUEUED: &str = "queue_broker_queued";
const LEASED: &str = "queue_broker_leased";
const DEAD: &str = "queue_broker_dead_letters";
pub(crate) const BYTES: &str = "queue_broker_bytes";

/// A job, accepted for good.
pub(crate) fn accepted() -> Matching {
    logs("job accepted").on("broker")
}

/// A result that is stored.
pub(crate) fn stored() -> Matching {
    logs("job stored").on("store")
}

/// A result of a job that had one: it was delivered twice.
pub(crate) fn stored_again() -> Matching {
    logs("job was stored already").on("store")
}

/// A call of a worker to the external API.
pub(crate) fn external_call() -> Matching {
    spans("external call")
}

/// The same call as the external API sees it, which works on it.
pub(crate) fn processing() -> Matching {
    spans("process").on("api")
}

/// The effect of a job on the world outside.
pub(crate) fn processed() -> Matching {
    logs("job processed").on("api")
}

/// A job that is done: the broker hands it out no more.
pub(crate) fn acknowledged() -> Matching {
    logs("job acknowledged").on("broker")
}

/// A lease that ended by itself.
pub(crate) fn expired() -> Matching {
    logs("lease expired").on("broker")
}

/// Each job that was accepted is done in the end.
pub(crate) fn all_done() -> Objective {
    accounting(distinct("job", accepted())).equals(distinct("job", acknowledged()))
}

/// A job that has failed for the last time.
pub(crate) fn dead_lettered() -> Matching {
    logs("job dead-lettered").on("broker")
}

/// No job is a dead letter, at any time.
pub(crate) fn no_dead_letters() -> Objective {
    gauge(DEAD).at_most(0).on_host("broker")
}

/// A client that posts a job with this payload, again until it is accepted.
pub(crate) fn post(payload: &str) -> RequestSpec {
    RequestSpec::new("POST", "/jobs")
        .body(format!(r#"{{"id":"job-{{request}}","payload":{payload}}}"#))
        .expect_present("/id")
        .expect_error_type("application/problem+json")
}

/// What operators do at `at`: one request to the broker.
pub(crate) fn operate(at: Duration, request: RequestSpec) -> Load {
    // Nothing in the first half; one request as the second one begins.
    let rates = vec![0.0, 0.5 / at.as_secs_f64()];
    Load::new("operator", "broker:8050", Arrivals::Steps { rates })
        .lasts(2 * at)
        .timeout(ms(5_000))
        .warm_up(0)
        .request(request)
}

/// The dead letters are replayed at `at`, all at once.
pub(crate) fn replay(at: Duration) -> Load {
    operate(at, RequestSpec::new("POST", "/deadletter/replay").expect_present("/replayed"))
}

fn services() -> Services {
    let services = Services::new()
        .with("queue-broker", queue_broker::run)
        .with("worker", worker::run)
        .with("external-api", external_api::run)
        .with("result-store", result_store::run);
    with_witnesses(services)
}

fn topology() -> Topology {
    let lease_ms = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
    let broker = json!({
        "listen": "0.0.0.0:8050", "listen_workers": "0.0.0.0:50071", "lease_ms": lease_ms
    });
    let store = json!({ "listen": "0.0.0.0:50072", "listen_probes": "0.0.0.0:8072" });
    let mut topology = Topology::new()
        .host("broker", "queue-broker", broker)
        .port(8050)
        .port(50071)
        .host("store", "result-store", store)
        .port(50072)
        .port(8072)
        .host("api", "external-api", json!({ "listen": "0.0.0.0:8070" }))
        .port(8070);
    for name in WORKERS {
        let config = json!({
            "name": name,
            "listen": "0.0.0.0:8060",
            "queue": "http://broker:50071",
            "external_api": "http://api:8070",
            "result_store": "http://store:50072",
            "concurrency": CONCURRENCY,
            "buffer_max": 2 * CONCURRENCY,
        });
        topology = topology.host(name, "worker", config).port(8060);
    }
    topology.client("clients").client("operator")
}

/// A scenario on the worker pool, under construction.
pub(crate) struct Pool {
    name: String,
    hypothesis: String,
    plan: Plan,
    services: Services,
}

/// A scenario on the worker pool: 100 jobs a second for three seconds, and nothing broken yet.
pub(crate) fn pool(name: impl Into<String>, hypothesis: impl Into<String>) -> Pool {
    // A job that was not accepted is posted again, as the same one.
    let load = Load::constant("clients", "broker:8050", 100.0)
        .lasts(ms(3_000))
        .timeout(ms(20_000))
        .retry(20, ms(200))
        .warm_up(0)
        .request(post(r#"{"n":{id}}"#));
    let broker = [QUEUED, LEASED, DEAD, BYTES]
        .into_iter()
        .fold(Scrape::new("operator", "broker:8050"), Scrape::series);
    let mut plan = Plan::new(topology()).load(load).scrape(broker).settle(ms(15_000));
    plan = plan.on_processes(Processes::new().slack(ms(50)));
    for name in WORKERS {
        let buffer = Scrape::new("operator", format!("{name}:8060")).series("worker_buffered");
        plan = plan.scrape(buffer);
    }
    Pool { name: name.into(), hypothesis: hypothesis.into(), plan, services: services() }
}

impl Pool {
    /// Sets when jobs arrive, and for how long.
    pub(crate) fn arrivals(mut self, arrivals: Arrivals, lasts: Duration) -> Self {
        if let Some(load) = self.plan.loads.first_mut() {
            load.arrivals = arrivals;
            load.lasts = lasts;
        }
        self
    }

    /// Adds a kind of job.
    pub(crate) fn jobs(mut self, request: RequestSpec) -> Self {
        if let Some(load) = self.plan.loads.first_mut() {
            load.mix.push(request);
        }
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

    /// Changes the configuration of these hosts.
    pub(crate) fn configure(mut self, hosts: &[&str], changes: &Value) -> Self {
        let topology = std::mem::take(&mut self.plan.topology);
        self.plan.topology =
            hosts.iter().fold(topology, |topology, host| topology.patched(host, changes));
        self
    }

    /// Changes the plan in a way that the pool has no word for.
    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Takes other services under the same names.
    pub(crate) fn services(mut self, change: impl FnOnce(Services) -> Services) -> Self {
        self.services = change(self.services);
        self
    }

    /// Gives a host a disk whose syncs take so long.
    pub(crate) fn slow_sync(self, host: &str, sync: Duration) -> Self {
        self.plan(|mut plan| {
            let hosts = plan.topology.hosts.iter_mut();
            for host in hosts.filter(|found| found.name == host) {
                host.disk = DiskConfig::default().sync(sync);
            }
            plan
        })
    }

    /// Adds what holds whatever breaks: never more calls than the external API admits; one effect
    /// there and one result for each job, stored before it is acknowledged; each accepted job has a
    /// result, and is done, unless it is a dead letter or still in the queue; under a lease that has
    /// expired no call begins, and nobody is believed; no host has more jobs than it works on and
    /// may buffer; workers have as many tasks as before the load.
    pub(crate) fn build(self) -> Scenario {
        let first_stored = stored().with("recovered", "false");
        let inside = || gauge_at_end(DEAD).plus(gauge_at_end(QUEUED)).plus(gauge_at_end(LEASED));
        let mut plan = self
            .plan
            .objective(concurrency_of(external_call()).at_most(CALLS_MAX))
            .objective(once_per("job", first_stored))
            .objective(only_after(logs("job acknowledged"), stored()).with_same("job"))
            .objective(
                accounting(distinct("job", accepted()))
                    .equals(distinct("job", stored()).plus(inside())),
            )
            .objective(
                accounting(distinct("job", accepted()))
                    .equals(distinct("job", acknowledged()).plus(inside())),
            )
            .objective(once_per("job", processed()))
            .objective(never_after(external_call(), expired()).with_same("lease"))
            .objective(never_after(logs("lease used"), expired()).with_same("lease"))
            .objective(gauge("worker_buffered").at_most(2 * CONCURRENCY))
            // What the hosts say of their buffers, seen from outside.
            .objective(gauge(LEASED).at_most(3 * CALLS_MAX).on_host("broker"))
            .objective(gauge("memory_growth_mib").at_most(128));
        for worker in WORKERS {
            plan = plan
                .objective(concurrency_of(external_call().on(worker)).at_most(CONCURRENCY))
                .objective(
                    returns_to_baseline("tasks").with_tolerance(CONNECTION_TASKS).on_host(worker),
                );
        }
        Scenario::new(self.name, self.hypothesis, plan, self.services)
    }
}
