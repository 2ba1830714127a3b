//! The name of a dependency leads to somebody else: an address that has been given to another service,
//! or a machine that says it is the dependency.

use serde_json::json;
use squall::{
    Scenario,
    objective::{availability, never, recovers, sometimes, spans, succeeded},
    plan::{reset, stale_dns},
};

use crate::{
    certificates::{secured, server},
    shop::{breaker, ms, shop},
};

/// The name of the scenario, what the peer shows, and what that lacks.
const PEERS: [(&str, &str, &str); 2] = [
    ("tls-wrong-name", "somebody-else", "is certified for another name"),
    ("tls-other-authority", "reviews-forged", "is certified by an unknown authority"),
];

pub(super) fn scenarios() -> [Scenario; 2] {
    PEERS.map(|(name, certificate, lacks)| {
        let peer = json!({
            "kind": "reviews", "listen": "0.0.0.0:50053",
            // As well as the service that it is taken for.
            "grpc": { "tls": server(certificate) },
        });
        let shop = shop(
            name,
            format!(
                "When the address of reviews leads to a service that {lacks}, that gets no request, and \
                 pages come in time without reviews"
            ),
        );
        secured(shop)
            .plan(|mut plan| {
                plan.topology = plan.topology.host("peer", "dependency", peer).port(50053);
                plan
            })
            .fault(stale_dns("api", "reviews", "peer").from(ms(1_500)).until(ms(3_500)))
            .fault(reset("reviews").from(ms(1_600)).until(ms(1_700)))
            .objective(never(spans("serve").on("peer")).named("requests that reach the wrong service"))
            .objective(availability().at_least(0.999))
            .objective(sometimes(breaker("reviews", "closed", "open")))
            .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
            .build()
    })
}
