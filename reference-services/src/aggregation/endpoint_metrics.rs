//! What is counted of the endpoints of dependencies that have several, and of hedging where it is on.
//! A dependency with a single endpoint has no such series: its own say as much.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::config::Config;
use crate::{dependency::Kind, metrics::Table};

/// The metrics of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointMetrics {
    pub(super) in_flight: Gauge,
    pub(super) healthy: Gauge,
    pub(super) ejections: Counter,
}

/// What became of hedges of calls to one dependency.
#[derive(Clone, Debug, Default)]
pub(super) struct HedgeMetrics {
    pub(super) sent: Counter,
    /// They answered first.
    pub(super) won: Counter,
    /// A call took long, and there was no hedge.
    pub(super) not_permitted: Counter,
}

/// Registers the metrics of all endpoints of dependencies that have several; returns them by
/// dependency, in the order of [`Kind::ALL`], and within it in the order of the configuration.
pub(super) fn register_endpoints(
    registry: &mut Registry,
    config: &Config,
) -> [Vec<EndpointMetrics>; 4] {
    let addresses = Kind::ALL.map(|kind| {
        let uris = config.upstreams.uris(kind).unwrap_or_default();
        let uris = uris.iter().filter(|_| uris.len() > 1);
        uris.filter_map(|uri| Some(uri.authority()?.to_string())).collect::<Vec<_>>()
    });
    // Clones of one would all count together.
    let all: [Vec<_>; 4] = addresses
        .each_ref()
        .map(|addresses| addresses.iter().map(|_| EndpointMetrics::default()).collect());
    if all.iter().all(Vec::is_empty) {
        return all;
    }
    let each = || {
        let by_kind = Kind::ALL.into_iter().zip(addresses.iter().zip(&all));
        by_kind.flat_map(|(kind, (addresses, all))| {
            addresses.iter().zip(all).map(move |(address, metrics)| {
                let labels = [("dependency", kind.name()), ("endpoint", address.as_str())];
                (labels.map(|(key, value)| (key.to_owned(), value.to_owned())), metrics)
            })
        })
    };
    registry.register(
        "endpoint_in_flight",
        "Attempts in flight to an endpoint",
        each().map(|(labels, it)| (labels, &it.in_flight)).collect::<Table<_, _, 2>>(),
    );
    registry.register(
        "endpoint_healthy",
        "1 if the endpoint is well by its own word",
        each().map(|(labels, it)| (labels, &it.healthy)).collect::<Table<_, _, 2>>(),
    );
    registry.register(
        "endpoint_ejections",
        "How often an endpoint was left out for its failures",
        each().map(|(labels, it)| (labels, &it.ejections)).collect::<Table<_, _, 2>>(),
    );
    all
}

/// Registers what became of hedges, where there may be any.
pub(super) fn register_hedges(registry: &mut Registry, config: &Config, all: &[&HedgeMetrics; 4]) {
    let may_hedge = |kind| config.upstreams.uris(kind).is_ok_and(|uris| uris.len() > 1);
    let each = || Kind::ALL.into_iter().zip(all).filter(|&(kind, _)| may_hedge(kind));
    if !config.hedge.is_on() || each().next().is_none() {
        return;
    }
    let labelled = each().flat_map(|(kind, it)| {
        let outcomes = [("sent", &it.sent), ("won", &it.won), ("not-permitted", &it.not_permitted)];
        outcomes
            .map(|(outcome, count)| ([("dependency", kind.name()), ("outcome", outcome)], count))
    });
    registry.register(
        "hedges",
        "Second attempts at another endpoint: sent, answered first, and not permitted",
        labelled.collect::<Table<_, _, 2>>(),
    );
}
