//! The back stands still for a second, and is then as well as before, with less than half of its capacity
//! asked for. What could keep the chain down is its own doing: a queue that is longer than anybody
//! waits, of work for those who have gone, which each layer refills with its retries. Such a state is
//! called metastable (Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021).

use squall::{
    Scenario,
    objective::{Phase, availability, recovers, retry_amplification, succeeded},
    plan::{Processes, pause},
};

use crate::{
    chain::{chain, reached},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    let (work, before_and_after) = ("GET /work/{id}", [Phase::Baseline, Phase::After]);
    chain(
        "metastable",
        "When the back has stood still for a second, retries within a budget do not keep the chain down",
    )
    .fault(pause("back").from(ms(1_500)).until(ms(2_500)))
    .objective(availability().at_least(0.999).on_route(work).in_phases(before_and_after))
    .objective(
        recovers(succeeded().at_least(0.99).on_route(work)).holding_for(ms(500)).within(ms(1_500)),
    )
    .objective(
        retry_amplification(reached("back"))
            .at_most(1.2)
            .in_phases([Phase::Baseline, Phase::During, Phase::Recovery]),
    )
    .objective(
        retry_amplification(reached("back"))
            .at_most(1.01)
            .in_phase(Phase::After)
            .named("calls to the back for each request, once it has been well for two seconds"),
    )
    .plan(|mut plan| {
        // Long enough to see that it is no queue that has yet to be worked off.
        for load in &mut plan.loads {
            load.lasts = ms(12_000);
        }
        plan.recovery(ms(2_000)).on_processes(Processes::new().refused(
            "what the back computes is stated, and takes time of a simulated processor only",
        ))
    })
    .build()
}
