//! What is counted of TLS, for each listener and for the clients of a service.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::metrics::Table;

/// What one listener counts, or all clients of a service together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    pub(super) reloads: Counter,
    pub(super) reload_failures: Counter,
    pub(super) handshake_failures: Counter,
    /// Zero without a certificate of its own.
    pub(super) not_after: Gauge<i64>,
}

/// One of the counters.
type Counted = fn(&Metrics) -> &Counter<u64, AtomicU64>;

/// Adds the series of those of `sides` that speak TLS, if there are any.
pub(crate) fn register<'a>(
    registry: &mut Registry,
    sides: impl IntoIterator<Item = (&'static str, Option<&'a Metrics>)>,
) {
    let sides: Vec<_> =
        sides.into_iter().filter_map(|(side, metrics)| Some((side, metrics?))).collect();
    if sides.is_empty() {
        return;
    }
    let counters: [(&str, &str, Counted); 3] = [
        ("tls_reloads", "Changes of certificates, keys and authorities taken over", |it| {
            &it.reloads
        }),
        ("tls_reload_failures", "Changes of those that cannot be used", |it| &it.reload_failures),
        ("tls_handshake_failures", "Connections without a handshake", |it| &it.handshake_failures),
    ];
    for (name, help, counter) in counters {
        let series = sides.iter().map(|(side, metrics)| ([("side", *side)], counter(metrics)));
        registry.register(name, help, series.collect::<Table<_, _, 1>>());
    }
    let ends = sides.iter().map(|(side, metrics)| ([("side", *side)], &metrics.not_after));
    registry.register_with_unit(
        "tls_certificate_not_after",
        "Until when the certificate in use is valid, since 1970; 0 for no certificate",
        Unit::Seconds,
        ends.collect::<Table<_, _, 1>>(),
    );
}
