//! The API has a quarter of its processor left, which is half of what is asked of it.

use serde_json::json;
use squall::{
    Scenario,
    objective::{
        Outcome, Phase, answers, availability, failed, goodput, p99, recovers, shed, succeeded,
    },
    plan::{Arrivals, Load, Processes, RequestSpec, slow_cpu},
};

use crate::shop::{ms, product_page, shop};

/// Requests a second of those who pay, of those who do not, and for the health of the API. With a
/// quarter of its processor it answers 500.
const PAYING: f64 = 200.0;
const FREE: f64 = 800.0;
const PROBES: f64 = 20.0;

pub(super) fn scenario() -> Scenario {
    let page = |tenant| product_page().header("x-tenant", tenant);
    let load = |host: &str, rate| Load::poisson(host, "api:8080", rate).lasts(ms(7_000)).warm_up(0);
    let probes = load("prober", PROBES)
        .request(RequestSpec::get("/healthz"))
        .request(RequestSpec::get("/readyz"));
    shop(
        "overload",
        "When the API can do half of what is asked of it, it does so in time, those who pay are served, \
         and it is healthy",
    )
    .arrivals(Arrivals::Poisson { rate: FREE }, ms(7_000))
    .configure(
        "api",
        &json!({
            "cpu_us": 2_000,
            "adaptive": { "latency_ms": 100 },
            "priority": { "paying": ["gold"], "free_percent": 70 },
        }),
    )
    .plan(|mut plan| {
        plan.topology = plan.topology.client("paying").client("prober");
        for load in &mut plan.loads {
            load.mix = vec![page("none")];
        }
        plan.load(load("paying", PAYING).request(page("gold")))
            .load(probes)
            .recovery(ms(1_500))
            .on_processes(Processes::new().refused(
                "what the API computes is stated, and takes time of a simulated processor only",
            ))
    })
    .fault(slow_cpu("api", 4.0).from(ms(1_500)).until(ms(4_000)))
    .objective(
        goodput()
            .within(ms(200))
            .at_least(0.48)
            .on_route("GET /products/{id}")
            .in_phase(Phase::During)
            .named("pages in time, of what an API with a quarter of its processor can do"),
    )
    .objective(
        availability().at_least(0.99).on_host("paying").named("answers for those who pay"),
    )
    .objective(availability().at_least(1.0).on_host("prober").named("health checks that succeed"))
    .objective(p99().at_most(ms(20)).on_host("prober"))
    .objective(shed().at_most(0.0).in_phases([Phase::Baseline, Phase::After]))
    .objective(answers([Outcome::Shed]).p99_at_most(ms(5)))
    .objective(failed().at_most(0.01))
    .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_000)))
    .build()
}
