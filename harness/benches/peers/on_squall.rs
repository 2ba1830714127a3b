//! The aggregation on Squall: its hosts, its load and its record.

use std::{io, net::Ipv4Addr, time::Duration};

use squall::{
    Run, Scenario, Services,
    plan::{Link, Load, Plan, Topology},
};

use crate::{
    app::{App, CLIENT, Demand, GATEWAY, LATENCY, SERVICES},
    transport::{PORT, Transport},
};

/// How the network of a Squall run is observed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    /// The time resolution of the network.
    pub(crate) resolution: Duration,
    /// Each of the five hosts opens a span for each request.
    pub(crate) spans: bool,
}

/// The network of a Squall run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Squall;

impl Transport for Squall {
    type Stream = tokio::net::TcpStream;
    type Listener = tokio::net::TcpListener;

    async fn listen(&self, _: &'static str) -> io::Result<Self::Listener> {
        tokio::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await
    }

    async fn accept(listener: &mut Self::Listener) -> io::Result<Self::Stream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(&self, name: &'static str) -> io::Result<Self::Stream> {
        tokio::net::TcpStream::connect((name, PORT)).await
    }
}

/// Performs `aggregate-5k`, or something like it, on Squall.
pub(crate) fn run(demand: Demand, detail: Detail) -> Run {
    let app = App { net: Squall, traced: detail.spans };
    let config = || serde_json::Value::Null;
    let mut topology = Topology::new()
        .link(Link::constant(LATENCY))
        .resolution(detail.resolution)
        .host(GATEWAY, GATEWAY, config());
    let gateway = app.clone();
    let mut services =
        Services::new().with(GATEWAY, move |_: serde_json::Value| gateway.clone().gateway());
    for (name, takes) in SERVICES {
        let app = app.clone();
        topology = topology.host(name, name, config());
        services =
            services.with(name, move |_: serde_json::Value| app.clone().service(name, takes));
    }
    let load = Load::constant(CLIENT, "gateway:80", f64::from(demand.rate))
        .lasts(demand.lasts)
        .warm_up(0)
        .get("/products/{id}");
    let plan = Plan::new(topology.client(CLIENT)).load(load);
    let scenario = Scenario::new("aggregate-5k", "nothing is broken", plan, services);
    squall::run(&scenario, 1).expect("the plan can be performed")
}
