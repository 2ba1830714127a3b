//! A pod fails for a moment, and is well again.

use squall::{
    Scenario,
    objective::{Phase, failed, sometimes},
    plan::crash,
};

use crate::{
    balanced::{balanced, work_of},
    fleet::secs,
};

pub(super) fn scenario() -> Scenario {
    // Five seconds are left, with a hundred requests a second for each pod.
    let share = sometimes(work_of("pod-b")).times_at_least(300).in_phase(Phase::After);
    balanced("share", "A pod that was away for a moment gets its share of the requests again")
        .fault(crash("pod-b").from(secs(3)).spread(secs(1)).until(secs(4)))
        .objective(failed().none())
        .objective(share.named("requests that a pod gets when it is well again"))
        .build()
}
