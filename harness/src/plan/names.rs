//! Do the names in a plan's objectives refer to something?
//!
//! Hosts, routes and gauges are known before a run. Names that only a run shows, of spans, log
//! messages and their attributes, are looked at when it is judged.

use super::{InvalidPlan, Plan};
use crate::objective::{Objective, fits, nearest};

/// The gauges that every run has.
pub(crate) const GAUGES: [&str; 5] =
    ["tasks", "sockets", "connections_opened", "memory_growth_mib", "requests_sent"];

impl Plan {
    /// Checks the names in an objective, in a plan that has the hosts of its cluster.
    pub(super) fn check_names(
        &self,
        place: &str,
        objective: &Objective,
    ) -> Result<(), InvalidPlan> {
        let hosts: Vec<&str> = self.topology.hosts.iter().map(|host| &*host.name).collect();
        let routes: Vec<&str> =
            self.loads.iter().flat_map(|load| &load.mix).map(|request| &*request.route).collect();
        let scraped = self.scrapes.iter().flat_map(|scrape| &scrape.series).map(|it| &**it);
        let gauges: Vec<&str> = GAUGES.into_iter().chain(scraped).collect();
        let unknown = |what: &str, things: &str, known: &[&str], found: &str| {
            let known = match nearest(found, known.iter().copied()) {
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None if known.is_empty() => "the plan has none".to_owned(),
                None => format!("known are {}", known.join(", ")),
            };
            InvalidPlan::new(
                place,
                format!("expected {what} that {things}, found {found:?}: {known}"),
            )
        };
        for pattern in objective.hosts() {
            if !hosts.iter().any(|host| fits(pattern, host)) {
                return Err(unknown("a host", "the topology has", &hosts, pattern));
            }
        }
        for route in objective.routes() {
            if !routes.contains(&route) {
                return Err(unknown("a route", "a load of the plan requests", &routes, route));
            }
        }
        for gauge in objective.gauges() {
            if !gauges.contains(&gauge) {
                let things = "every run has or the plan scrapes";
                return Err(unknown("a gauge", things, &gauges, gauge));
            }
        }
        Ok(())
    }
}
