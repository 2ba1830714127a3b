//! Worker hosts pause for longer than a lease, with jobs in work, and then go on as if nothing was.

use serde_json::json;
use squall::{
    Scenario,
    objective::{sometimes, spans, succeeded},
    plan::{Arrivals, pause},
};

use crate::{
    pool::{LEASE, WORKERS, all_done, expired, no_dead_letters, pool},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let pause = |host, at| pause(host).from(ms(at)).spread(ms(300)).lasting(LEASE + ms(200));
    pool(
        "pool-late-workers",
        "A worker host that comes back when its leases have ended begins none of its jobs, and is \
         not believed that one is done",
    )
    .arrivals(Arrivals::Poisson { rate: 400.0 }, ms(3_000))
    // It finds the answers to its calls when it goes on.
    .configure(&WORKERS, &json!({ "call_timeout_ms": 8_000 }))
    .plan(|plan| plan.lasts(ms(6_500)))
    .fault(pause("worker-1", 900))
    .fault(pause("worker-2", 1_300))
    .fault(pause("worker-3", 1_700))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(expired()))
    .objective(sometimes(spans("job").with("outcome", "lost")))
    .objective(all_done())
    .objective(no_dead_letters())
    .build()
}
