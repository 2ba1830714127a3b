//! The catalog changes all the time, and is away for a moment now and then.

use squall::{Scenario, objective::sometimes, plan::crash};

use crate::{
    fleet::{Items, deploys, fleet, item_checked, none_over_age, rollout, secs, v2},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let items = Items { count: 200, fresh_for: secs(3), change_every: ms(100) };
    let both = |version: &str| sometimes(item_checked().with("version", version));
    fleet("items-change", "No answer is older than it may be, though refreshes fail now and then")
        .items_checked(items)
        .requests(50.0, secs(24))
        .operation(rollout(v2(), secs(2)))
        .fault(crash("catalog").from(secs(4)).spread(secs(1)).until(ms(4_700)))
        .fault(crash("catalog").from(secs(9)).spread(secs(1)).until(ms(9_700)))
        .objective(none_over_age())
        .objective(both("v1").named("answers of the first version that were looked at"))
        .objective(both("v2").named("answers of the second version that were looked at"))
        .objective(sometimes(deploys("rollout complete").with("revision", "2")))
        .build()
}
