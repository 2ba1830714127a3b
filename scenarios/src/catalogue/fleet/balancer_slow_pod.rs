//! One pod takes much longer than the others.

use serde_json::json;
use squall::{
    Scenario,
    objective::{failed, sometimes},
};

use crate::balanced::{balanced, work_of};

pub(super) fn scenario() -> Scenario {
    // Of three thousand; drawn at random it would get a third.
    let few = sometimes(work_of("pod-c")).times_at_least(1).times_at_most(300);
    balanced("slow-pod", "A pod that is slow gets few of the requests")
        .configure("pod-c", &json!({ "takes_ms": 200 }))
        .objective(failed().none())
        .objective(few.named("requests that a slow pod gets"))
        .build()
}
