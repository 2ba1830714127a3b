//! Clients retry while the critical dependency is down, and all come back at once.

use squall::{
    Scenario,
    objective::{Phase, availability, client_retry_amplification, recovers, retry_amplification},
    plan::crash,
};

use crate::shop::{ms, served_by, shop};

pub(super) fn scenario() -> Scenario {
    shop(
        "retry-storm",
        "After an outage with retrying clients, the load on inventory stays bounded",
    )
    .client_retries(3, ms(100))
    .fault(crash("inventory").from(ms(1_500)).until(ms(3_000)))
    .objective(client_retry_amplification().at_most(2.0).in_phase(Phase::Recovery))
    .objective(client_retry_amplification().at_most(1.01).in_phase(Phase::After))
    .objective(retry_amplification(served_by("inventory")).at_most(1.2))
    .objective(availability().at_least(0.999).in_phases([Phase::Baseline, Phase::After]))
    .objective(recovers(availability().at_least(0.999)).holding_for(ms(500)).within(ms(1_500)))
    .build()
}
