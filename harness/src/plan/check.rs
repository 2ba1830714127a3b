//! Is a plan one that can be performed?

mod effect;
mod load;

use std::time::Duration;

use super::{Cluster, Direction, Fault, FaultKind, Latency, Link, Plan, Scrape, Target};
use crate::exposition::Selector;

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct InvalidPlan {
    place: String,
    reason: String,
}

/// Linux takes no more for `tcp_syn_retries`; beyond it waiting has no end that a run could see.
const TCP_RETRIES_MAX: u32 = 127;

/// Bounds of the sizes of TCP's buffers, in bytes.
const TCP_BUFFER_MIN: u64 = 2_048;
const TCP_BUFFER_MAX: u64 = 1 << 30;

impl InvalidPlan {
    pub(crate) fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }

    /// A name that refers to nothing.
    pub(crate) fn unknown<'a>(
        place: &str,
        things: &str,
        known: impl Iterator<Item = &'a str>,
        found: &str,
    ) -> Self {
        let known: Vec<&str> = known.collect();
        Self::new(
            place,
            format!("expected one of the {things} {}, found {found:?}", known.join(", ")),
        )
    }
}

/// Longer than any test: what a person did not mean, and what does not overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl Plan {
    /// Checks that the plan can be performed: that names refer to something, that times are in
    /// order and that shares are shares.
    ///
    /// # Errors
    ///
    /// Names the first thing that is wrong, what was expected and what was found.
    pub fn check(&self) -> Result<(), InvalidPlan> {
        match &self.cluster {
            Some(cluster) => {
                cluster.check()?;
                let whole = self.clone().with_cluster_hosts();
                whole.check_cluster_hosts(cluster)?;
                whole.check_parts()
            }
            None => self.check_parts(),
        }
    }

    fn check_parts(&self) -> Result<(), InvalidPlan> {
        self.check_times()?;
        self.check_hosts()?;
        self.check_tcp()?;
        self.scrapes.iter().enumerate().try_for_each(|(at, it)| self.check_scrape(at, it))?;
        self.loads.iter().enumerate().try_for_each(|(at, load)| self.check_load(at, load))?;
        self.faults.iter().enumerate().try_for_each(|(at, fault)| self.check_fault(at, fault))?;
        self.check_processes()?;
        self.check_backend_settings()?;
        for (at, objective) in self.objectives.iter().enumerate() {
            let place = || format!("objective {}", at + 1);
            objective.check().map_err(|error| InvalidPlan::new(place(), error.to_string()))?;
            self.check_names(&place(), objective)?;
        }
        Ok(())
    }

    /// A process is in one state at a time, and the heal of a fault puts it back to normal: what
    /// another one still broke would be whole before its time.
    fn check_processes(&self) -> Result<(), InvalidPlan> {
        let is_one = |fault: &Fault| matches!(fault.kind, FaultKind::Process(_));
        let faults = || self.faults.iter().enumerate();
        for (at, fault) in faults().filter(|(_, fault)| is_one(fault)) {
            let Target::Host { host, .. } = &fault.target else { continue };
            let other = faults().take(at).find(|(_, other)| {
                is_one(other)
                    && other.is_on(host)
                    && other.inject < fault.heal + fault.spread
                    && fault.inject < other.heal + other.spread
            });
            if let Some((number, other)) = other {
                let place = format!("fault {} ({})", at + 1, fault.label());
                let reason = format!(
                    "expected one fault of a process at a time, found fault {} ({}) on it from \
                     {:?} to {:?}",
                    number + 1,
                    other.label(),
                    other.inject,
                    other.heal
                );
                return Err(InvalidPlan::new(place, reason));
            }
        }
        Ok(())
    }

    fn check_backend_settings(&self) -> Result<(), InvalidPlan> {
        let place = "processes";
        self.processes.check().map_err(|reason| InvalidPlan::new(place, reason))?;
        self.processes.without_proxy.iter().try_for_each(|host| self.known(place, host))
    }

    /// No time in the plan is longer than [`LONGEST`], limits aside.
    fn check_times(&self) -> Result<(), InvalidPlan> {
        let mut plan = serde_json::to_value(self).expect("plans are plain data");
        if let Some(parts) = plan.as_object_mut() {
            parts.retain(|part, _| part != "limits" && part != "objectives");
        }
        match too_long("plan", &plan) {
            Some((place, found)) => {
                let reason = format!("expected at most {LONGEST:?}, found {found} ms");
                Err(InvalidPlan::new(place, reason))
            }
            None => Ok(()),
        }
    }

    fn check_tcp(&self) -> Result<(), InvalidPlan> {
        let tcp = &self.topology.tcp;
        let wrong = |reason: &str| Err(InvalidPlan::new("tcp", reason));
        let times = [
            tcp.rto_initial,
            tcp.rto_min,
            tcp.rto_max,
            tcp.fin_timeout,
            tcp.keepalive_time,
            tcp.keepalive_intvl,
        ];
        if times.iter().any(Duration::is_zero) {
            return wrong("expected times above zero, found zero");
        }
        if tcp.rto_min > tcp.rto_max || tcp.rto_initial > tcp.rto_max {
            return wrong("expected an rto_max that is not below rto_min and rto_initial");
        }
        let counts = [tcp.syn_retries, tcp.syn_linear_timeouts, tcp.synack_retries, tcp.retries2];
        if let Some(count) = counts.into_iter().find(|count| *count > TCP_RETRIES_MAX) {
            let reason = format!("expected at most {TCP_RETRIES_MAX} retries, found {count}");
            return wrong(&reason);
        }
        for (name, [least, first, most]) in [("rmem", tcp.rmem), ("wmem", tcp.wmem)] {
            if !(TCP_BUFFER_MIN <= least
                && least <= first
                && first <= most
                && most <= TCP_BUFFER_MAX)
            {
                let reason = format!(
                    "expected {name} to be three rising sizes from {TCP_BUFFER_MIN} to \
                     {TCP_BUFFER_MAX} bytes, found {least}, {first}, {most}"
                );
                return wrong(&reason);
            }
        }
        if !(10..=10_000).contains(&tcp.hz) {
            return wrong("expected hz from 10 to 10000 ticks in a second");
        }
        if tcp.initcwnd == 0 || tcp.initcwnd > 1000 {
            return wrong("expected an initcwnd from 1 to 1000 segments");
        }
        if tcp.somaxconn == 0 {
            return wrong("expected a somaxconn of at least one connection, found 0");
        }
        Ok(())
    }

    fn check_hosts(&self) -> Result<(), InvalidPlan> {
        let topology = &self.topology;
        if topology.hosts.is_empty() {
            return Err(InvalidPlan::new("topology", "expected at least one host, found none"));
        }
        if topology.hosts.len() > 10_000 {
            let found = topology.hosts.len();
            return Err(InvalidPlan::new(
                "topology",
                format!("expected at most 10000 hosts, found {found}"),
            ));
        }
        for (at, host) in topology.hosts.iter().enumerate() {
            let place = || format!("host {:?}", host.name);
            let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || c == '_';
            if host.name.is_empty()
                || !host.name.chars().all(named)
                || host.name.parse::<std::net::IpAddr>().is_ok()
                || host.name == "localhost"
            {
                return Err(InvalidPlan::new(
                    place(),
                    "expected a name of letters, digits, `-`, `_` and `.` that is no address",
                ));
            }
            if topology.index_of(&host.name) != Some(at) {
                return Err(InvalidPlan::new(
                    place(),
                    "expected each host once, found the name twice",
                ));
            }
            if host.cores == 0 {
                return Err(InvalidPlan::new(place(), "expected at least one core, found 0"));
            }
            if host.disk.capacity_bytes == 0 {
                return Err(InvalidPlan::new(place(), "expected a disk with space, found 0 bytes"));
            }
        }
        let step = topology.resolution;
        if step.is_zero() || step > Duration::from_millis(100) {
            let reason =
                format!("expected a resolution above zero and up to 100 ms, found {step:?}");
            return Err(InvalidPlan::new("topology", reason));
        }
        check_link("link", &topology.link)?;
        for spec in &topology.links {
            let place = format!("link from {} to {}", spec.from, spec.to);
            self.known(&place, &spec.from)?;
            self.known(&place, &spec.to)?;
            check_link(&place, &spec.link)?;
        }
        Ok(())
    }

    /// What a cluster says of hosts, in a topology that has those of the cluster as well.
    fn check_cluster_hosts(&self, cluster: &Cluster) -> Result<(), InvalidPlan> {
        if let Some(wrong) = cluster.endpoint_propagation.check() {
            return Err(InvalidPlan::new("endpoint_propagation", wrong));
        }
        for deployment in &cluster.deployments {
            let place = format!("deployment {:?}", deployment.name);
            if self.topology.index_of(&deployment.name).is_some() {
                return Err(InvalidPlan::new(place, "expected a name of its own, found a host's"));
            }
            for address in &deployment.publish_to {
                self.known_target(&place, address)?;
            }
        }
        Ok(())
    }

    fn known(&self, place: &str, host: &str) -> Result<(), InvalidPlan> {
        if self.topology.index_of(host).is_some() {
            return Ok(());
        }
        let known = self.topology.hosts.iter().map(|host| host.name.as_str());
        Err(InvalidPlan::unknown(place, "hosts", known, host))
    }

    /// A `name:port` whose name is a host.
    fn known_target(&self, place: &str, target: &str) -> Result<(), InvalidPlan> {
        let Some((host, Ok(_))) = target.rsplit_once(':').map(|(h, p)| (h, p.parse::<u16>()))
        else {
            let reason = format!("expected a target name:port, found {target:?}");
            return Err(InvalidPlan::new(place, reason));
        };
        self.known(place, host)
    }

    fn check_scrape(&self, at: usize, scrape: &Scrape) -> Result<(), InvalidPlan> {
        let place = format!("scrape {}", at + 1);
        self.known(&place, &scrape.client)?;
        self.known_target(&place, &scrape.target)?;
        if scrape.every.is_zero() {
            return Err(InvalidPlan::new(place, "expected an interval above zero, found zero"));
        }
        if !is_path(&scrape.path) {
            let reason = format!("expected a path from / on, found {:?}", scrape.path);
            return Err(InvalidPlan::new(place, reason));
        }
        if scrape.series.is_empty() {
            return Err(InvalidPlan::new(place, "expected a series to read, found none"));
        }
        let not_one = scrape.series.iter().find(|series| Selector::parse(series).is_none());
        not_one.map_or(Ok(()), |series| {
            let reason =
                format!("expected a series name or name{{label=\"value\"}}, found {series:?}");
            Err(InvalidPlan::new(place, reason))
        })
    }

    fn check_fault(&self, at: usize, fault: &Fault) -> Result<(), InvalidPlan> {
        let place = format!("fault {} ({})", at + 1, fault.label());
        if fault.heal <= fault.inject || fault.heal > LONGEST {
            let reason = format!(
                "expected a heal after the injection at {:?}, found {:?}",
                fault.inject, fault.heal
            );
            return Err(InvalidPlan::new(place, reason));
        }
        let end = self.undisturbed();
        let latest = fault.inject.saturating_add(fault.spread);
        if latest >= end {
            let reason =
                format!("expected an injection while the plan lasts ({end:?}), found {latest:?}");
            return Err(InvalidPlan::new(place, reason));
        }
        let acts_on_target = match &fault.kind {
            FaultKind::Network(_) => !matches!(fault.target, Target::Load),
            FaultKind::Process(_)
            | FaultKind::Disk(_)
            | FaultKind::Clock(_)
            | FaultKind::Names(_)
            | FaultKind::Service(_) => matches!(fault.target, Target::Host { .. }),
            FaultKind::Load(_) => matches!(fault.target, Target::Load),
        };
        if !acts_on_target {
            let reason = format!("a fault of this kind cannot act on {:?}", fault.target);
            return Err(InvalidPlan::new(place, reason));
        }
        match &fault.target {
            Target::Host { host, .. } => self.known(&place, host)?,
            Target::Between { a, b, .. } => {
                if a.is_empty() || b.is_empty() {
                    return Err(InvalidPlan::new(
                        place,
                        "expected hosts on both sides, found none on one",
                    ));
                }
                a.iter().chain(b).try_for_each(|host| self.known(&place, host))?;
            }
            Target::Load => {}
        }
        fault.named_hosts().try_for_each(|host| self.known(&place, host))?;
        let wrong = fault.check_attributes(self.topology.resolution);
        let wrong = wrong.or_else(|| self.has_no_effect(fault));
        wrong.map_or(Ok(()), |reason| Err(InvalidPlan::new(place, reason)))
    }
}

fn check_link(place: &str, link: &Link) -> Result<(), InvalidPlan> {
    for (name, rate) in [
        ("loss", link.loss),
        ("duplicate", link.duplicate),
        ("reorder", link.reorder),
        ("corrupt", link.corrupt),
    ] {
        if !(0.0..=1.0).contains(&rate) {
            let reason = format!("expected a share from 0 to 1 for {name}, found {rate}");
            return Err(InvalidPlan::new(place, reason));
        }
    }
    if link.bandwidth_bps == Some(0) {
        return Err(InvalidPlan::new(place, "expected a bandwidth above zero, found 0"));
    }
    link.latency.check().map_or(Ok(()), |reason| Err(InvalidPlan::new(place, reason)))
}

impl Latency {
    /// What is wrong with the parameters of the distribution.
    pub(super) fn check(&self) -> Option<String> {
        match self {
            Self::Uniform { min, max } if min > max => {
                Some(format!("expected {min:?} to be at most {max:?}"))
            }
            Self::LogNormal { sigma, .. } if !(0.0..=10.0).contains(sigma) => {
                Some(format!("expected a sigma from 0 to 10, found {sigma}"))
            }
            Self::Pareto { shape, .. } if !(*shape > 0.0 && shape.is_finite()) => {
                Some(format!("expected a shape above 0, found {shape}"))
            }
            _ => None,
        }
    }
}

pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.parse::<http::uri::PathAndQuery>().is_ok()
}

/// The first time in `value` that is longer than [`LONGEST`], and where it is.
fn too_long(place: &str, value: &serde_json::Value) -> Option<(String, f64)> {
    match value {
        serde_json::Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let place = format!("{place}.{name}");
            let longest_ms = LONGEST.as_secs_f64() * 1e3;
            match value.as_f64() {
                Some(ms) if name == "ms" || name.ends_with("_ms") => {
                    (ms > longest_ms).then_some((place, ms))
                }
                // What a service is configured with is its own business.
                _ if name == "config" || name == "patch" => None,
                _ => too_long(&place, value),
            }
        }),
        serde_json::Value::Array(values) => (values.iter().enumerate())
            .find_map(|(at, value)| too_long(&format!("{place}[{at}]"), value)),
        _ => None,
    }
}

impl Direction {
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::Downstream | Self::Both)
    }

    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::Upstream | Self::Both)
    }
}

#[cfg(test)]
mod tests;
