//! The certificates of all run out four seconds after the run begins. Before that others lie in their
//! places; after it each connection is broken off once, so that there are handshakes again.

use squall::{
    Scenario,
    objective::{Phase, availability, degraded, recovers, succeeded},
    plan::reset,
};

use crate::{
    certificates::renewed,
    shop::{DEPENDENCIES, ms, shop},
};

pub(super) fn scenario() -> Scenario {
    let mut shop = renewed(shop(
        "tls-certificate-expires",
        "A certificate that is renewed before it runs out costs no request, whoever connects afterwards",
    ));
    for (dependency, _) in DEPENDENCIES {
        // Times of the load, which begins with the second second; a certificate is good up to the end
        // of the last one that it names.
        shop = shop.fault(reset(dependency).from(ms(4_300)).until(ms(4_400)));
    }
    shop.objective(availability().at_least(0.999))
        .objective(
            availability()
                .at_least(1.0)
                .in_phase(Phase::After)
                .named("answers after the first certificates have run out"),
        )
        .objective(degraded().none().in_phases([Phase::Baseline, Phase::After]))
        .objective(recovers(succeeded().at_least(0.999)).holding_for(ms(500)).within(ms(500)))
        .build()
}
