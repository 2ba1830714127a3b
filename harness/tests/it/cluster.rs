//! A small cluster for the tests: a service with probes, a balancer that says what it is told, and
//! what is read from their records.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::{Response, StatusCode};
use serde::Deserialize;
use squall::plan::{Cluster, Deployment, Latency, Plan, Probe};
use squall_os::signal;

use crate::world::{Done, Seen, World, http, log, ms};

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What takes a few round trips on the way is not exact.
#[track_caller]
pub(crate) fn near(found: Duration, expected: Duration) {
    let error = found.abs_diff(expected);
    assert!(error < ms(20), "expected {expected:?}, found {found:?}");
}

/// How the service of the tests behaves. It answers `/readyz`, `/healthz` and `/bye`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Behaviour {
    version: u32,
    /// Ready this long after its start.
    ready_after_ms: u64,
    never_ready: bool,
    /// Dead, as far as `/healthz` says, from then on.
    dead_after_ms: Option<u64>,
    /// Ends with an error after so long.
    fails_after_ms: Option<u64>,
    /// Takes so long to stop.
    stops_after_ms: u64,
    /// Takes so long to say good bye.
    bye_ms: u64,
}

async fn app(behaviour: Behaviour) -> Done {
    log("app starts");
    let started = tokio::time::Instant::now();
    let fails = behaviour.fails_after_ms;
    let stops_after = ms(behaviour.stops_after_ms);
    let server = http(8080, move |request| {
        let behaviour = behaviour.clone();
        async move {
            let up = started.elapsed();
            let good = match request.uri().path() {
                "/readyz" => !behaviour.never_ready && up >= ms(behaviour.ready_after_ms),
                "/healthz" => behaviour.dead_after_ms.is_none_or(|after| up < ms(after)),
                "/bye" => {
                    tokio::time::sleep(ms(behaviour.bye_ms)).await;
                    true
                }
                _ => true,
            };
            let mut answer = Response::new(format!("version {}", behaviour.version));
            if !good {
                *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            answer
        }
    });
    tokio::select! {
        done = server => done,
        () = async {
            match fails {
                Some(after) => tokio::time::sleep(ms(after)).await,
                None => std::future::pending().await,
            }
        } => Err("out of luck".into()),
        asked = signal::terminate() => {
            asked?;
            log("app is asked to stop");
            tokio::time::sleep(stops_after).await;
            Ok(())
        }
    }
}

/// Takes `PUT /endpoints` and says who is in it. Its metrics pretend that each group with
/// endpoints has had a hundred requests more at each look, all of which failed in the groups that
/// are `bad`.
async fn balancer(config: serde_json::Value) -> Done {
    let groups: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    http(9901, move |request| {
        let (groups, bad) = (Arc::clone(&groups), config["bad"].clone());
        async move {
            if request.method() == hyper::Method::GET {
                let mut groups = groups.lock().expect("nobody panics");
                return Response::new(metrics(&mut groups, &bad));
            }
            let told = told(request).await;
            let mut groups = groups.lock().expect("nobody panics");
            for name in told {
                groups.entry(name).or_default();
            }
            Response::new(String::new())
        }
    })
    .await
}

fn metrics(groups: &mut BTreeMap<String, u32>, bad: &serde_json::Value) -> String {
    let mut page = String::new();
    for (name, requests) in groups {
        *requests += 100;
        let failures = if bad == name.as_str() { *requests } else { 0 };
        for (metric, count) in [("requests", *requests), ("failures", failures)] {
            page.push_str(&format!("balancer_{metric}_total{{group=\"{name}\"}} {count}\n"));
        }
    }
    page
}

/// Logs what the balancer is told, and hands out the names of the groups that are new to it.
async fn told(request: hyper::Request<hyper::body::Incoming>) -> Vec<String> {
    let path = request.uri().path().to_owned();
    let body = http_body_util::BodyExt::collect(request.into_body()).await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let groups = body["groups"].as_array().cloned().unwrap_or_default();
    let names = groups.iter().filter_map(|group| group["name"].as_str());
    let names: Vec<String> = names.map(str::to_owned).collect();
    let groups: Vec<String> = groups
        .iter()
        .map(|group| {
            let endpoints = group["endpoints"].as_array().cloned().unwrap_or_default();
            let endpoints: Vec<&str> = endpoints.iter().filter_map(|it| it.as_str()).collect();
            let name = group["name"].as_str().unwrap_or("?");
            format!("{name}*{}={}", group["weight"], endpoints.join(","))
        })
        .collect();
    log(&format!("{path} {}", groups.join(" ")));
    names
}

/// Three pods of the service on two nodes, in a world whose plan begins after ten seconds.
pub(crate) fn app_with(config: serde_json::Value) -> Deployment {
    Deployment::new("app", "app", config, 3)
        .readiness(Probe::get("/readyz").period(secs(1)))
        .container_start(Latency::constant(ms(500)))
        .max_surge(1)
        .max_unavailable(0)
        .publish_to("lb:9901")
}

pub(crate) fn cluster(deployment: Deployment) -> Cluster {
    let delay = Latency::constant(ms(300));
    Cluster::new()
        .node("node-a", 8)
        .node("node-b", 8)
        .endpoint_propagation(delay)
        .deployment(deployment)
}

/// A world with this cluster that goes on for so long after its first ten seconds.
pub(crate) fn world(cluster: Cluster, lasts: Duration) -> World {
    world_with(cluster, lasts, "")
}

/// The same, with this group of endpoints failing.
pub(crate) fn world_with(cluster: Cluster, lasts: Duration, bad: &str) -> World {
    let config = serde_json::json!({ "bad": bad });
    World::new()
        .service("app", app)
        .service("balancer", balancer)
        .topology(|topology| topology.host("lb", "balancer", config))
        .plan(|plan: Plan| plan.cluster(cluster).boot(secs(10)).lasts(lasts))
}

/// One line of the orchestrator's log.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, String>,
}

impl Event {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Seen {
    /// What the orchestrator logged.
    pub(crate) fn events(&self) -> Vec<Event> {
        let record = &self.0.record;
        let logs = record.events.iter().filter_map(|event| match &event.what {
            squall_reports::record::EventKind::Log(log)
                if record.text(log.target) == "orchestrator" =>
            {
                let fields = record.attributes(log.attributes);
                Some(Event {
                    at: Duration::from_nanos(event.at),
                    message: record.text(log.message).to_owned(),
                    fields: fields.map(|(name, value)| (name.into(), value.into())).collect(),
                })
            }
            _ => None,
        });
        logs.collect()
    }

    /// The lines with this message about this pod, or about all if it is empty.
    pub(crate) fn events_of(&self, message: &str, pod: &str) -> Vec<Event> {
        let mut events = self.events();
        events.retain(|event| event.message == message);
        events.retain(|event| pod.is_empty() || event.field("pod") == pod);
        events
    }

    /// When this was logged first of this pod, or of all if it is empty.
    #[track_caller]
    pub(crate) fn when(&self, message: &str, pod: &str) -> Duration {
        let events = self.events_of(message, pod);
        let first = events.first();
        first.unwrap_or_else(|| panic!("expected {message:?} in {:#?}", self.events())).at
    }

    /// Counts pods at each event: how many there are that are not being deleted, and how many of
    /// them are ready.
    pub(crate) fn counts(&self) -> Vec<(Duration, usize, usize)> {
        let mut pods: BTreeMap<String, bool> = BTreeMap::new();
        let mut counts = Vec::new();
        for event in self.events() {
            let pod = event.field("pod").to_owned();
            match event.message.as_str() {
                "pod created" => drop(pods.insert(pod, false)),
                "pod ready" => drop(pods.insert(pod, true)),
                "pod not ready" => drop(pods.insert(pod, false)),
                "pod terminating" => drop(pods.remove(&pod)),
                _ => continue,
            }
            counts.push((event.at, pods.len(), pods.values().filter(|ready| **ready).count()));
        }
        counts
    }
}
