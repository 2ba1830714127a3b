//! Every second call of each optional dependency fails, at random.

use squall::{
    Scenario,
    objective::{recovers, retry_amplification, succeeded, useful},
    plan::fail_fraction,
};

use crate::shop::{OPTIONAL, ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    let mut shop = shop(
        "half-failing",
        "With half of the calls failing at random, at least 90 % of the answers are useful",
    );
    for dependency in OPTIONAL {
        shop = shop.fault(fail_fraction(dependency, 0.5, 500).from(ms(1_500)).until(ms(3_500)));
    }
    shop.fault(fail_fraction("inventory", 0.05, 503).from(ms(1_500)).until(ms(3_500)))
        .objective(useful().at_least(0.9))
        .objective(retry_amplification(served_by("inventory")).at_most(1.2))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
}
