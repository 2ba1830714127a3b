//! Two packets in a hundred are lost between the API and its dependencies.

use squall::{
    Scenario,
    objective::{availability, recovers, succeeded},
    plan::{Arrivals, loss},
};

use crate::shop::{OPTIONAL, ms, shop};

pub(super) fn scenario() -> Scenario {
    let mut shop = shop(
        "packet-loss",
        "When 2 % of the packets of an optional dependency are lost, pages come in time",
    );
    for dependency in OPTIONAL {
        shop = shop.fault(loss(dependency, 0.02).from(ms(1_500)).until(ms(3_500)));
    }
    shop.objective(availability().at_least(0.999))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(2_000)))
        .plan(|plan| plan.recovery(ms(2_000)))
        // A cancellation that is lost comes again after a retransmit timeout, or several: 450 ms
        // late at the most with seeds 1 to 5. Timeouts of 200, 400 and 800 ms in a row are rare.
        .works_on_for(ms(1_500))
        .arrivals(Arrivals::Constant { rate: 500.0 }, ms(7_000))
        .build()
}
