//! A pod is lost with all the sessions that were begun on it.

use squall::{Scenario, objective::failed, plan::power_loss};

use crate::{
    fleet::{fleet, rollout, secs, v2},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let unknown = failed().none().on_route("GET /items/{id}");
    fleet("sessions", "Sessions survive the loss of any pod, in a rollout and out of it")
        .retries(3)
        .requests(300.0, secs(26))
        .sessions(100)
        // The beginning of a session is not repeated for a client, but by it.
        .plan(|mut plan| {
            plan.loads = plan.loads.into_iter().map(|load| load.retry(3, ms(20))).collect();
            plan
        })
        .operation(rollout(v2(), secs(6)))
        .fault(power_loss("cache-2").from(secs(3)).until(secs(5)))
        .objective(unknown.named("requests whose session no pod knew"))
        .completes()
        .build()
}
