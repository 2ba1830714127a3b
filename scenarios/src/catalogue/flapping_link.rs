//! The link to a dependency goes down and up.

use squall::{
    Scenario,
    objective::{availability, recovers, succeeded},
    plan::flap,
};

use crate::shop::{ms, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "flapping-link",
        "When the link to reviews flaps, pages come in time, some without reviews",
    )
    .fault(flap("api", "reviews", ms(150), ms(350)).from(ms(1_500)).until(ms(3_500)))
    .objective(availability().at_least(0.999))
    // What is sent while the link is down comes after a retransmit timeout: 50 ms late at the most
    // with seeds 1 to 5, and as late as a second attempt if the first one meets the next gap.
    .works_on_for(ms(600))
    .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
    .build()
}
