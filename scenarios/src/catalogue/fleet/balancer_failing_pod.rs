//! One pod answers nothing but errors, and quickly.

use serde_json::json;
use squall::{
    Scenario,
    objective::{failed, sometimes},
};

use crate::balanced::{balanced, work_of};

pub(super) fn scenario() -> Scenario {
    // Five in a row, and then again after each time that it was left out for.
    let few = sometimes(work_of("pod-c")).times_at_least(5).times_at_most(60);
    balanced("failing-pod", "A pod that fails again and again is left out")
        .configure("pod-c", &json!({ "status": 503, "takes_ms": 1 }))
        .objective(failed().none())
        .objective(few.named("requests that a failing pod gets"))
        .build()
}
