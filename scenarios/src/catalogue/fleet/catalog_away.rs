//! The catalog is away for longer than items may be old.

use squall::{
    Scenario,
    objective::{always, any_log, failed, sometimes},
    plan::crash,
};

use crate::{
    fleet::{Items, fleet, item_checked, secs},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let items = Items { count: 200, fresh_for: secs(3), change_every: ms(100) };
    let over_age = || item_checked().with("over_age", "true");
    fleet("catalog-away", "While the catalog is away, what is too old is answered and says so")
        .lossy()
        .items_checked(items)
        .requests(50.0, secs(16))
        .fault(crash("catalog").from(secs(2)).until(secs(10)))
        .objective(failed().none())
        .objective(sometimes(over_age()).times_at_least(100))
        .objective(
            always(over_age(), any_log().with("marked", "true"))
                .named("answers that are too old, marked"),
        )
        .build()
}
