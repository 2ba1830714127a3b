//! Where the hosts of a run are, for those who reach them.

use std::net::{Ipv4Addr, SocketAddr};

use crate::plan::{FaultKind, Plan};

/// More hosts have no address each that the others can see them at.
pub(in crate::backend) const HOSTS_MAX: usize = 250;

/// From one host to a port of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::backend) struct Way {
    pub(in crate::backend) from: u16,
    pub(in crate::backend) to: u16,
    pub(in crate::backend) port: u16,
}

/// The addresses of a run. The same question has the same answer throughout it.
pub(in crate::backend) trait Layout: Send + Sync {
    /// What tells the run's network from that of every other run.
    fn label(&self) -> String;

    /// The address on which the service of a host is told to listen.
    fn listens(&self, host: u16) -> Ipv4Addr;

    /// Where the run reaches the service of a host itself.
    fn service(&self, host: u16, port: u16) -> SocketAddr;

    /// Where the ways to a host lead, an address or a name that proxies know, with a port: to its service,
    /// or to the sidecar in front of that.
    fn front(&self, host: u16, port: u16) -> String;

    /// Where the run listens for a host: as its sidecar, or since the host is a part of the run.
    fn binds(&self, host: u16, port: u16) -> SocketAddr;

    /// Where the host that a way begins at finds the proxy of that way.
    fn entrance(&self, way: Way) -> SocketAddr;

    /// Where the proxy of a way listens, as the proxy's machine sees it.
    fn proxy_listens(&self, way: Way) -> SocketAddr;
}

/// Does a plan break the service of a host, so that a sidecar is in front of it?
pub(in crate::backend) fn has_sidecar(plan: &Plan, host: usize) -> bool {
    let name = &plan.topology.hosts[host].name;
    let mut faults = plan.faults.iter();
    faults.any(|fault| matches!(fault.kind, FaultKind::Service(_)) && fault.is_on(name))
}
