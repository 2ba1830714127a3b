//! Every second call of each optional dependency fails, and every tenth of the critical one, at
//! random.

use squall::{
    Scenario,
    objective::{recovers, retry_amplification, spans, succeeded, useful},
    plan::fail_fraction,
};

use crate::shop::{OPTIONAL, ms, shop};

pub(super) fn scenario() -> Scenario {
    let mut shop = shop(
        "half-failing",
        "With half of the optional calls and a tenth of the critical ones failing, nine in ten answers \
         are useful",
    );
    for dependency in OPTIONAL {
        shop = shop.fault(fail_fraction(dependency, 0.5, 500).from(ms(1_500)).until(ms(3_500)));
    }
    shop.fault(fail_fraction("inventory", 0.1, 503).from(ms(1_500)).until(ms(3_500)))
        .objective(useful().at_least(0.9))
        .objective(retry_amplification(spans("call").with("dependency", "inventory")).at_most(1.2))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
        .build()
}
