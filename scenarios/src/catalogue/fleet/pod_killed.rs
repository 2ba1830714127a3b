//! A pod of the new version is killed in the middle of its rollout.

use squall::{Scenario, objective::sometimes, plan::crash};

use crate::{
    fleet::{deploys, fleet, rollout, secs, v2},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    fleet("pod-killed", "A pod that is killed in the middle of a rollout costs no request")
        .retries(3)
        .operation(rollout(v2(), secs(2)))
        .fault(crash("cache-4").from(ms(6_500)).until(ms(7_000)))
        .objective(sometimes(deploys("container started").with("restarts", "1").on("cache-4")))
        .completes()
        .build()
}
