//! A new version takes the place of the old one, pod by pod, under full load.

use std::time::Duration;

use squall::{Scenario, objective::at_most_between, plan::Processes};

use crate::fleet::{deploys, fleet, rollout, secs, v2};

pub(super) fn scenario() -> Scenario {
    at_rate(10_000.0, secs(20))
}

/// The same at another rate, and for longer.
pub(crate) fn at_rate(rate: f64, lasts: Duration) -> Scenario {
    let started = deploys("rollout started").with("revision", "2");
    let complete = deploys("rollout complete").with("revision", "2");
    let one_short = deploys("endpoints changed").with("endpoints", "2");
    fleet(
        "rolling-update",
        "A rolling update at 10,000 requests a second fails none and meets no cold cache",
    )
    .requests(rate, lasts)
    .plan(|plan| {
        // A thousand requests a second.
        plan.on_processes(Processes::new().rate_factor(0.1).slack(Duration::from_millis(50)))
    })
    .sessions(200)
    .operation(rollout(v2(), secs(1)))
    .objective(
        at_most_between(0, one_short)
            .of(started, complete)
            .named("times with fewer than three endpoints during the rollout"),
    )
    .keeps_capacity()
    .completes()
    .build()
}
