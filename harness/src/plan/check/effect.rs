//! Can a fault change anything? One that can be seen not to, before the plan is performed, is a
//! mistake; what only the run shows, the count of the fault says.

use std::time::Duration;

use super::InvalidPlan;
use crate::plan::{Arrivals, Fault, FaultKind, Performer, Plan, Target};

impl Plan {
    /// Refuses a fault that cannot change anything in this plan.
    pub(super) fn check_effect(&self, place: &str, fault: &Fault) -> Result<(), InvalidPlan> {
        let wrong = self
            .below_resolution(&fault.kind)
            .or_else(|| without_length(&fault.kind))
            .or_else(|| self.without_peer(fault))
            .or_else(|| self.without_service(fault))
            .or_else(|| self.without_load(fault));
        wrong.map_or(Ok(()), |reason| Err(InvalidPlan::new(place, reason)))
    }

    /// Packets that are held up for less than a step of the network arrive when they would.
    fn below_resolution(&self, kind: &FaultKind) -> Option<String> {
        let (what, most) = match kind {
            FaultKind::Latency { latency, jitter } => ("latency", *latency + *jitter),
            FaultKind::Jitter { jitter } => ("jitter", *jitter),
            FaultKind::Reorder { by, .. } => ("delay", *by),
            FaultKind::SlowClose { delay } => ("delay", *delay),
            _ => return None,
        };
        let step = self.topology.resolution;
        (most < step).then(|| {
            format!(
                "expected a {what} of at least {step:?}, the resolution of the network, found \
                 {most:?}"
            )
        })
    }

    /// Traffic of a host with itself meets no fault.
    fn without_peer(&self, fault: &Fault) -> Option<String> {
        if fault.kind.performer() != Performer::Network {
            return None;
        }
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
        let missing = fault.kind.performer() == Performer::Service
            && spec.service.is_none()
            && self.cluster.is_none();
        missing.then(|| format!("expected a host that runs a service, found the client {host}"))
    }

    /// A fault of the load needs one that it can act on.
    fn without_load(&self, fault: &Fault) -> Option<String> {
        if fault.kind.performer() != Performer::Load {
            return None;
        }
        if self.loads.is_empty() {
            return Some("expected a load to act on, found none".to_owned());
        }
        let open = |arrivals: &Arrivals| !matches!(arrivals, Arrivals::Closed { .. });
        match fault.kind {
            FaultKind::Burst { .. } | FaultKind::Ramp { .. } => {
                let lasts = self.loads.iter().filter(|load| open(&load.arrivals));
                match lasts.map(|load| load.lasts).max() {
                    None => Some("expected an open load to act on, found closed ones".to_owned()),
                    Some(lasts) => ended(fault.inject, lasts),
                }
            }
            FaultKind::Disconnect { after, .. } => {
                let lasts = self.loads.iter().map(|load| load.lasts).max().unwrap_or_default();
                let patience = self.loads.iter().map(|load| load.timeout).max().unwrap_or_default();
                let late = || {
                    format!(
                        "expected clients that leave within their timeout of {patience:?}, found \
                         {after:?}"
                    )
                };
                (after > patience).then(late).or_else(|| ended(fault.inject, lasts))
            }
            _ => None,
        }
    }
}

fn ended(inject: Duration, lasts: Duration) -> Option<String> {
    (inject >= lasts)
        .then(|| format!("expected an injection while a load lasts ({lasts:?}), found {inject:?}"))
}

/// What takes no time, or none that a clock shows, changes nothing.
fn without_length(kind: &FaultKind) -> Option<String> {
    match kind {
        FaultKind::Slicer { delay, .. } if delay.is_zero() => Some(
            "expected a pause between the pieces, without which they are read as one, found zero"
                .to_owned(),
        ),
        FaultKind::SlowAnswer { delay } | FaultKind::SlowDns { delay } if delay.is_zero() => {
            Some("expected a delay above zero, found zero".to_owned())
        }
        FaultKind::ClockDrift { rate } if rate.abs() < 1e-9 => {
            Some(format!("expected at least a nanosecond per second, 1e-9, found {rate}"))
        }
        _ => None,
    }
}
