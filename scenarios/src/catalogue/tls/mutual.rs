//! The API and its dependencies speak mutual TLS, and somebody without a certificate calls, too.

use squall::{
    Scenario,
    objective::{availability, degraded, never, spans, succeeded},
    plan::Load,
};

use crate::{
    certificates::{nobody, secured, upstreams},
    shop::{api, ms, product_page, shop},
};

pub(super) fn scenario() -> Scenario {
    // An API that believes the right ones, and cannot say who it is.
    let stranger = {
        let mut config = api();
        config["upstreams"] = upstreams(&nobody())["upstreams"].clone();
        config
    };
    let outsiders = Load::constant("outsiders", "stranger:8080", 50.0)
        .lasts(ms(6_000))
        .warm_up(0)
        .request(product_page());
    let served = spans("call").on("stranger").with("outcome", "ok");
    secured(shop(
        "tls-mutual",
        "With mutual TLS the API keeps to its objectives, and a caller without a certificate gets nothing \
         from any dependency",
    ))
    .plan(|mut plan| {
        plan.topology =
            plan.topology.host("stranger", "aggregation-api", stranger).port(8080).client("outsiders");
        plan.load(outsiders)
    })
    .objective(availability().at_least(1.0).on_host("clients"))
    .objective(degraded().none().on_host("clients"))
    .objective(never(served).named("calls without a certificate that are answered"))
    .objective(succeeded().none().on_host("outsiders"))
    .build()
}
