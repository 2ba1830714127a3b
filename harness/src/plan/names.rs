//! Do the names in a plan's objectives refer to something?
//!
//! Hosts, routes, gauges and operations are known before a run. Names that only a run shows, of
//! spans, log messages and their attributes, are looked at when it is judged.

use super::{InvalidPlan, Plan};
use crate::objective::{Objective, Over, fits, nearest};

/// The gauges that every run has.
pub(crate) const GAUGES: [&str; 5] =
    ["tasks", "sockets", "connections_opened", "memory_growth_mib", "requests_sent"];

/// Gauges that there are where time is real: of a process, of a container, of the load.
pub(crate) const REAL_GAUGES: [&str; 5] =
    ["descriptors", "threads", "resident_mib", "healthy", "load_lag_ms"];

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
        let deployments = self.cluster.iter().flat_map(|cluster| &cluster.deployments);
        let pods: Vec<String> =
            deployments.flat_map(|it| [it.missing_gauge(), it.surplus_gauge()]).collect();
        let pods = pods.iter().map(String::as_str);
        let gauges: Vec<&str> = GAUGES.into_iter().chain(scraped).chain(pods).collect();
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
        let operations = self.planned_operations();
        let operations: Vec<&str> = operations.iter().map(|planned| &*planned.label).collect();
        match &objective.scope.over {
            Over::EachOperation if operations.is_empty() => {
                let expected = "expected operations on a cluster, found a plan without any";
                return Err(InvalidPlan::new(place, expected));
            }
            Over::Operation(label) if !operations.contains(&label.as_str()) => {
                return Err(unknown("an operation", "the plan performs", &operations, label));
            }
            _ => {}
        }
        for route in objective.routes() {
            if !routes.contains(&route) {
                return Err(unknown("a route", "a load of the plan requests", &routes, route));
            }
        }
        for gauge in objective.gauges() {
            if !gauges.contains(&gauge) && !REAL_GAUGES.contains(&gauge) {
                let things = "every run or cluster has or the plan scrapes";
                return Err(unknown("a gauge", things, &gauges, gauge));
            }
        }
        Ok(())
    }
}
