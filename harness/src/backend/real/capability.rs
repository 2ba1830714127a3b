//! What real processes lack to perform a plan: told before the run, never as a finding without data.

use squall_reports::record::Backend;

use crate::{
    plan::{DiskFault, Fault, FaultKind, Plan, ProcessFault, Target},
    scenario::Scenario,
    service::Foreign,
};

use super::{gauges::CONNECTIONS_OPENED, layout::HOSTS_MAX, names::undeclared, toxics::act_of};

/// The gauges of every process, and of the run.
const GAUGES: [&str; 6] =
    ["sockets", "descriptors", "threads", "resident_mib", "requests_sent", "load_lag_ms"];

/// Those of them that nobody tells of an image that is not ours.
const NOT_OF_IMAGES: [&str; 2] = ["sockets", "descriptors"];

/// Whether the health check of an image is content, if it has one.
const HEALTHY: &str = "healthy";

/// The gauges that only functions of this program tell of themselves.
const OF_FUNCTIONS: [&str; 2] = ["tasks", "memory_growth_mib"];

/// What a backend of real processes can do here.
pub(in crate::backend) struct Abilities {
    pub(in crate::backend) backend: Backend,
    /// Is the proxy server the run's own?
    pub(in crate::backend) has_own_proxy: bool,
    /// Can a process be given a part of a processor?
    pub(in crate::backend) has_quotas: fn() -> bool,
    /// Can a host have a disk that can be full?
    pub(in crate::backend) has_disks: fn() -> bool,
}

/// What it lacks for a checked scenario, each in a sentence.
pub(in crate::backend) fn lacks(scenario: &Scenario, able: &Abilities) -> Vec<String> {
    let plan = scenario.plan().clone().with_cluster_hosts();
    let mut lacks: Vec<String> = plan.processes.refused.iter().cloned().collect();
    let hosts = plan.topology.hosts.len();
    if hosts > HOSTS_MAX {
        lacks.push(format!("it has {hosts} hosts, and there are addresses for {HOSTS_MAX}"));
    }
    lacks.extend(undeclared(&plan));
    lacks.extend(services_of_others(scenario, able.backend));
    lacks.extend(
        plan.faults.iter().filter_map(|fault| lacks_for_fault(scenario, &plan, fault, able)),
    );
    lacks.extend(lacks_for_gauges(scenario, able.has_own_proxy));
    lacks.extend(without_bound(&plan, able.backend));
    lacks.dedup();
    lacks
}

/// Services that are made for another backend.
fn services_of_others(scenario: &Scenario, backend: Backend) -> impl Iterator<Item = String> {
    let services = scenario.used_services().into_iter();
    services.filter_map(move |name| {
        let foreign = scenario.services().foreign(name)?;
        let because = match (foreign, backend) {
            (Foreign::Image(_), Backend::Containers)
            | (Foreign::Program(_), Backend::Processes) => {
                return None;
            }
            (Foreign::Image(_), _) => "the image of a container",
            (Foreign::Program(_), _) => "a program of this machine",
        };
        Some(format!("the service {name} is {because}"))
    })
}

fn lacks_for_fault(
    scenario: &Scenario,
    plan: &Plan,
    fault: &Fault,
    able: &Abilities,
) -> Option<String> {
    let because = match &fault.kind {
        FaultKind::Network(kind) => act_of(kind).err().map(str::to_owned),
        FaultKind::Process(kind) => without_process(plan, fault, kind, able),
        FaultKind::Disk(kind) => without_disk(scenario, plan, (fault, kind), able),
        FaultKind::Clock(_) => Some("a process has the clocks of this machine".to_owned()),
        FaultKind::Names(_) => Some("hosts are reached by their addresses".to_owned()),
        FaultKind::Service(_) => without_ports(plan, fault),
        FaultKind::Load(_) => None,
    };
    let because = because.or_else(|| without_proxy(plan, fault))?;
    Some(format!("{}: {because}", fault.label()))
}

fn without_process(
    plan: &Plan,
    fault: &Fault,
    kind: &ProcessFault,
    able: &Abilities,
) -> Option<String> {
    match kind {
        ProcessFault::TornWrite => {
            return Some("what a process has written stays written".to_owned());
        }
        ProcessFault::SlowCpu { .. } if !(able.has_quotas)() => {
            return Some("no control group can be made here to give a process a quota".to_owned());
        }
        ProcessFault::Crash
        | ProcessFault::PowerLoss
        | ProcessFault::CrashLoop { .. }
        | ProcessFault::Restart { .. }
        | ProcessFault::Pause
        | ProcessFault::SlowCpu { .. } => {}
    }
    let Target::Host { host, .. } = &fault.target else { return None };
    let spec = plan.topology.hosts.iter().find(|spec| spec.name == *host)?;
    plan.service_of(spec).is_none().then(|| no_process(host))
}

fn no_process(host: &str) -> String {
    format!("{host} has no process of its own here")
}

fn without_disk(
    scenario: &Scenario,
    plan: &Plan,
    (fault, kind): (&Fault, &DiskFault),
    able: &Abilities,
) -> Option<String> {
    match kind {
        DiskFault::Full => {}
        DiskFault::Error { .. } | DiskFault::Slow { .. } | DiskFault::Corrupt { .. } => {
            return Some("a process writes to the disk of this machine".to_owned());
        }
    }
    let Target::Host { host, .. } = &fault.target else { return None };
    let spec = plan.topology.hosts.iter().find(|spec| spec.name == *host)?;
    let service = plan.service_of(spec);
    let foreign = service.and_then(|name| Some((name, scenario.services().foreign(name)?)));
    match (service, foreign) {
        (None, _) => Some(no_process(host)),
        (_, Some((name, foreign))) => {
            Some(format!("nobody sees what the {foreign} {name} is refused"))
        }
        _ if !(able.has_disks)() => {
            Some("nothing can be mounted here to be a small disk".to_owned())
        }
        _ => None,
    }
}

fn without_ports(plan: &Plan, fault: &Fault) -> Option<String> {
    let Target::Host { host, .. } = &fault.target else { return None };
    let spec = plan.topology.hosts.iter().find(|spec| spec.name == *host)?;
    spec.ports.is_empty().then(|| format!("{host} declares no port to stand in front of"))
}

fn without_proxy(plan: &Plan, fault: &Fault) -> Option<String> {
    let silences =
        matches!(fault.kind, FaultKind::Network(_) | FaultKind::Process(ProcessFault::PowerLoss));
    if !silences {
        return None;
    }
    let named: Vec<&String> = match &fault.target {
        Target::Host { host, .. } => vec![host],
        Target::Between { a, b, .. } => a.iter().chain(b).collect(),
        Target::Load => return None,
    };
    let direct = named.into_iter().find(|host| plan.processes.without_proxy.contains(host))?;
    Some(format!("{direct} talks without a proxy in this plan"))
}

/// Objectives that the slack leaves no bound of.
fn without_bound(plan: &Plan, backend: Backend) -> impl Iterator<Item = String> {
    let slack = plan.processes.slack;
    let held = plan.processes.objectives(&plan.objectives, backend);
    held.into_iter().filter_map(move |objective| {
        objective.check().err()?;
        Some(format!("{}: nothing is left of its bound with {slack:?} of slack", objective.name()))
    })
}

/// Gauges that objectives are about and nobody reads here.
fn lacks_for_gauges(scenario: &Scenario, has_own_proxy: bool) -> Vec<String> {
    let plan = scenario.plan();
    let scraped: Vec<&String> = plan.scrapes.iter().flat_map(|scrape| &scrape.series).collect();
    let deployments = plan.cluster.iter().flat_map(|cluster| &cluster.deployments);
    let pods: Vec<String> =
        deployments.flat_map(|it| [it.missing_gauge(), it.surplus_gauge()]).collect();
    let services = scenario.used_services();
    let of = |name| Some((name, scenario.services().foreign(name)?));
    let foreign = services.into_iter().find_map(of);
    let mut lacks = Vec::new();
    for objective in &plan.objectives {
        for gauge in objective.gauges() {
            let is_image = matches!(foreign, Some((_, Foreign::Image(_))));
            let is_untold = is_image && NOT_OF_IMAGES.contains(&gauge);
            let is_known = (GAUGES.contains(&gauge) && !is_untold)
                || (is_image && gauge == HEALTHY)
                || scraped.iter().any(|series| *series == gauge)
                || pods.iter().any(|pod| pod == gauge);
            match foreign {
                _ if is_known => {}
                _ if gauge == CONNECTIONS_OPENED => {
                    let direct = plan.processes.without_proxy.first();
                    let because = match direct {
                        _ if !has_own_proxy => "only the proxy server of the run itself".to_owned(),
                        Some(host) => format!("only proxies, and {host} talks without one,"),
                        None => continue,
                    };
                    lacks.push(format!(
                        "{}: {because} counts the connections that hosts open",
                        objective.name()
                    ));
                }
                None if OF_FUNCTIONS.contains(&gauge) => {}
                Some((name, foreign)) if is_untold || OF_FUNCTIONS.contains(&gauge) => {
                    lacks.push(format!(
                        "{}: the {foreign} {name} does not tell its gauge {gauge}",
                        objective.name()
                    ));
                }
                _ => lacks.push(format!(
                    "{}: nobody reads a gauge {gauge} of a process",
                    objective.name()
                )),
            }
        }
    }
    lacks
}
