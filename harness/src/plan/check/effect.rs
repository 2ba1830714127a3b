//! Can a fault change anything? One that can be seen not to, before the plan is performed, is a
//! mistake; what only the run shows, the count of the fault says.

use std::time::Duration;

use crate::plan::{Arrivals, Fault, FaultKind, LoadFault, Plan, Target};

impl Plan {
    /// Why a fault cannot change anything in this plan, whatever its attributes are.
    pub(super) fn has_no_effect(&self, fault: &Fault) -> Option<String> {
        match &fault.kind {
            FaultKind::Network(_) => self.without_peer(fault),
            FaultKind::Service(_) => self.without_service(fault),
            FaultKind::Load(kind) => self.without_load(kind, fault.inject),
            FaultKind::Process(_)
            | FaultKind::Disk(_)
            | FaultKind::Clock(_)
            | FaultKind::Names(_) => None,
        }
    }

    /// Traffic of a host with itself meets no fault.
    fn without_peer(&self, fault: &Fault) -> Option<String> {
        let (a, b): (&[String], Vec<&str>) = match &fault.target {
            Target::Host { host, .. } => {
                let hosts = self.topology.hosts.iter();
                (std::slice::from_ref(host), hosts.map(|host| host.name.as_str()).collect())
            }
            Target::Between { a, b, .. } => (a.as_slice(), b.iter().map(String::as_str).collect()),
            Target::Load => return None,
        };
        let apart = a.iter().any(|one| b.iter().any(|other| one != other));
        (!apart).then(|| format!("expected traffic with another host, found only {}", a[0]))
    }

    /// Only what a service listens on gets a sidecar.
    fn without_service(&self, fault: &Fault) -> Option<String> {
        let Target::Host { host, .. } = &fault.target else { return None };
        let spec = self.topology.hosts.iter().find(|spec| spec.name == *host)?;
        let missing = spec.service.is_none() && self.cluster.is_none();
        missing.then(|| format!("expected a host that runs a service, found the client {host}"))
    }

    /// A fault of the load needs one that it can act on.
    fn without_load(&self, fault: &LoadFault, inject: Duration) -> Option<String> {
        if self.loads.is_empty() {
            return Some("expected a load to act on, found none".to_owned());
        }
        let open = |arrivals: &Arrivals| !matches!(arrivals, Arrivals::Closed { .. });
        match *fault {
            LoadFault::Burst { .. } | LoadFault::Ramp { .. } => {
                let lasts = self.loads.iter().filter(|load| open(&load.arrivals));
                match lasts.map(|load| load.lasts).max() {
                    None => Some("expected an open load to act on, found closed ones".to_owned()),
                    Some(lasts) => ended(inject, lasts),
                }
            }
            LoadFault::Disconnect { after, .. } => {
                let lasts = self.loads.iter().map(|load| load.lasts).max().unwrap_or_default();
                let patience = self.loads.iter().map(|load| load.timeout).max().unwrap_or_default();
                let late = || {
                    format!(
                        "expected clients that leave within their timeout of {patience:?}, found \
                         {after:?}"
                    )
                };
                (after > patience).then(late).or_else(|| ended(inject, lasts))
            }
            LoadFault::Stampede { .. } => None,
        }
    }
}

fn ended(inject: Duration, lasts: Duration) -> Option<String> {
    (inject >= lasts)
        .then(|| format!("expected an injection while a load lasts ({lasts:?}), found {inject:?}"))
}
