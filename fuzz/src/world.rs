//! The services of the repository in one process, each on a port of loopback that is free.
//!
//! All of them run on the thread that sends the input, so that what follows from an input has happened
//! when its answer is there. What a service keeps is bounded by its configuration; a world that has
//! seen many inputs is given up for a new one.

use std::net::SocketAddr;

use reference_services::{
    aggregation, balancer, cache, catalog,
    dependency::{self, Kind, Latency},
    external_api, queue_broker, result_store,
};
use tokio::runtime::Runtime;

use crate::{runtime, scratch::Scratch};

/// Inputs that a world sees.
const INPUTS_MAX: usize = 1000;

/// Far more than an answer takes; less than libFuzzer waits by default.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// What sessions are signed with.
const KEY: &str = "a key of at least thirty-two bytes";

/// The services, and where they are.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    inputs: usize,
    pub(crate) http: Vec<Http>,
    pub(crate) grpc: Vec<SocketAddr>,
    pub(crate) broker: SocketAddr,
    _scratch: Scratch,
}

/// A port that speaks HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Http {
    pub(crate) address: SocketAddr,
    /// Is it the balancer's, which answers what its endpoint does, and 503 without one?
    pub(crate) passes_on: bool,
}

macro_rules! serve {
    ($bound:expr) => {
        tokio::spawn($bound.serve_until(std::future::pending()))
    };
}

impl World {
    /// The world of `place`, or a new one if there is none or it has seen enough.
    pub(crate) fn of<'w>(place: &'w mut Option<Self>, name: &str) -> &'w mut Self {
        if place.as_ref().is_some_and(|world| world.inputs >= INPUTS_MAX) {
            *place = None;
        }
        let world = place.get_or_insert_with(|| Self::start(name));
        world.inputs += 1;
        world
    }

    /// How many inputs it has seen, with this one.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    fn start(name: &str) -> Self {
        let (runtime, scratch) = (runtime(), Scratch::new(name));
        let (http, grpc, broker) = runtime.block_on(start_all(&scratch));
        Self { runtime, inputs: 0, http, grpc, broker, _scratch: scratch }
    }
}

fn anywhere() -> String {
    "127.0.0.1:0".to_owned()
}

async fn start_all(scratch: &Scratch) -> (Vec<Http>, Vec<SocketAddr>, SocketAddr) {
    let own = |address| Http { address, passes_on: false };
    let (mut http, mut grpc) = (Vec::new(), Vec::new());

    let mut api = aggregation::Config::default();
    for kind in Kind::ALL {
        let mut config = dependency::Config::new(kind);
        (config.listen, config.cpu_us) = (Some(anywhere()), 0);
        config.latency = Some(Latency::Constant { ms: 0.0 });
        let bound = dependency::bind(config).await.expect("a free port");
        let address = bound.local_addr();
        serve!(bound);
        grpc.push(address);
        let upstream = match kind {
            Kind::Inventory => &mut api.upstreams.inventory,
            Kind::Pricing => &mut api.upstreams.pricing,
            Kind::Reviews => &mut api.upstreams.reviews,
            Kind::Recommendations => &mut api.upstreams.recommendations,
        };
        *upstream = format!("http://{address}").into();
    }
    (api.listen, api.cpu_us) = (anywhere(), 0);
    let bound = aggregation::bind(api).await.expect("a free port");
    http.push(own(bound.local_addr()));
    serve!(bound);

    let mut config = catalog::Config::default();
    (config.listen, config.items, config.cpu_us) = (anywhere(), 10, 0);
    config.latency = Latency::Constant { ms: 0.0 };
    let bound = catalog::bind(config).await.expect("a free port");
    let source = bound.local_addr();
    serve!(bound);
    grpc.push(source);

    let mut config = cache::Config::default();
    (config.listen, config.items, config.cpu_us) = (anywhere(), 10, 0);
    (config.source, config.export_pause_ms) = (format!("http://{source}"), 0);
    config.prestop_delay_ms = 0;
    config.session.key = serde_json::from_value(KEY.into()).ok();
    let bound = cache::bind(config).await.expect("a free port");
    http.push(own(bound.local_addr()));
    serve!(bound);

    let mut config = queue_broker::Config::default();
    (config.listen, config.listen_workers, config.cpu_us) = (anywhere(), anywhere(), 0);
    (config.jobs_max, config.done_max, config.wait_ms_max) = (50, 50, 1);
    config.journal = scratch.file("jobs.journal");
    let bound = queue_broker::bind(config).await.expect("free ports");
    let broker = bound.local_addr();
    http.push(own(broker));
    grpc.push(bound.workers_addr());
    serve!(bound);

    let mut config = result_store::Config::default();
    (config.listen, config.listen_probes, config.cpu_us) = (anywhere(), anywhere(), 0);
    config.results_max = 50;
    config.journal = scratch.file("results.journal");
    let bound = result_store::bind(config).await.expect("free ports");
    http.push(own(bound.probes_addr()));
    grpc.push(bound.local_addr());
    serve!(bound);

    let mut config = external_api::Config::default();
    (config.listen, config.cpu_us, config.keys_max) = (anywhere(), 0, 50);
    config.latency = Latency::Constant { ms: 0.0 };
    let bound = external_api::bind(config).await.expect("a free port");
    let external = bound.local_addr();
    http.push(own(external));
    serve!(bound);

    // The one for clients has an endpoint; of the other one only the admin port is asked, since its
    // endpoints may come to be any.
    for endpoints in [vec![external.to_string()], Vec::new()] {
        let passes_on = !endpoints.is_empty();
        let mut config = balancer::Config::default();
        (config.listen, config.admin, config.cpu_us) = (anywhere(), anywhere(), 0);
        let group = serde_json::json!({ "name": "stable", "weight": 1, "endpoints": endpoints });
        config.endpoints =
            serde_json::from_value(serde_json::json!({ "groups": [group] })).expect("endpoints");
        let bound = balancer::bind(config).await.expect("free ports");
        let address = if passes_on { bound.local_addr() } else { bound.admin_addr() };
        http.push(Http { address, passes_on });
        serve!(bound);
    }
    (http, grpc, broker)
}
