//! The mistakes that engineers really make with a load balancer, switchable by name.

use std::collections::BTreeSet;

crate::defect::defects! {
    /// An attempt without an answer counts as in flight for ever.
    LeaksInFlight = "leaks-in-flight", "counts a request as in flight for ever after an error";
    /// The busier of two endpoints is picked.
    PicksWorse = "picks-worse", "sends each request to the busier of two endpoints";
    /// An endpoint that fails again and again is never left out.
    NeverEjects = "never-ejects", "goes on sending requests to an endpoint that fails";
    /// Any request without a body is sent again, whatever it changes.
    RepeatsOrders = "repeats-orders", "sends a request again that may have changed something";
    /// Connections to an endpoint outlive it.
    KeepsRemoved = "keeps-removed", "keeps its connections to an endpoint that was removed";
    /// Connections of clients are left open when the service stops.
    StopsLate = "stops-late", "leaves idle connections of clients open when it stops";
}

/// One flag each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defects {
    pub(super) leaks_in_flight: bool,
    pub(super) picks_worse: bool,
    pub(super) never_ejects: bool,
    pub(super) retries_unsafe: bool,
    pub(super) keeps_removed: bool,
    pub(super) stops_late: bool,
}

impl From<&BTreeSet<Defect>> for Defects {
    fn from(defects: &BTreeSet<Defect>) -> Self {
        let has = |defect| defects.contains(&defect);
        Self {
            leaks_in_flight: has(Defect::LeaksInFlight),
            picks_worse: has(Defect::PicksWorse),
            never_ejects: has(Defect::NeverEjects),
            retries_unsafe: has(Defect::RepeatsOrders),
            keeps_removed: has(Defect::KeepsRemoved),
            stops_late: has(Defect::StopsLate),
        }
    }
}
