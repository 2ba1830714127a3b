//! The stream is cut twice while stock changes: by a network that loses everything, and by a reset.

use serde_json::json;
use squall::{
    Scenario,
    objective::{every, logs, never, once_per, sometimes},
    plan::{partition, reset},
};

use crate::{
    shop::ms,
    watch::{CHANGES_PER_S, applied, begun, changed, watch},
};

pub(super) fn scenario() -> Scenario {
    watch(
        "watch-resumes",
        "A replica whose stream is cut goes on where it was: it applies every change, each once",
        ms(9_000),
    )
    .witnessed()
    // All of them have arrived when the run ends.
    .configure("inventory", &json!({ "stock": { "changes_max": 9 * CHANGES_PER_S } }))
    .fault(partition("inventory", "replica").from(ms(1_500)).spread(ms(200)).until(ms(4_500)))
    .fault(reset("replica").from(ms(7_000)).spread(ms(200)).until(ms(7_100)))
    .objective(sometimes(begun("resumed")).times_at_least(2))
    // All of it was in the history.
    .objective(never(logs("snapshot taken").on("replica")))
    .objective(
        every(changed(), applied())
            .with_same("change")
            // The partition, an attempt to connect that began in it, and the longest pause after it.
            .soon(ms(6_000))
            .named("changes that the replica applies"),
    )
    .objective(once_per("change", applied()))
    .build()
}
