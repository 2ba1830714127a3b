//! Where hosts are that are containers, on the network of their run.
//!
//! A host has the address of the container that holds its network, which stays when its process ends. Each
//! way is a port of the container of the proxies. What the run itself is on behalf of a host (a sidecar, a
//! part of the cluster) is a port of this machine's own address there.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use super::network::Network;
use crate::{
    backend::real::{Layout, Way, has_sidecar},
    plan::Plan,
};

/// The ports from here on are given out, far from those of services and below those that the kernel gives
/// to connections.
const PORTS_FROM: u16 = 20_000;

/// The longest name that is still read with ease.
const NAME_MAX: usize = 63;

/// The network of one run.
pub(super) struct Bridge {
    name: String,
    gateway: Ipv4Addr,
    proxies: Ipv4Addr,
    hosts: Vec<Host>,
    given: Mutex<Given>,
}

struct Host {
    /// What the names of its containers begin with.
    name: String,
    /// Has it a process?
    has_process: bool,
    has_sidecar: bool,
}

#[derive(Default)]
struct Given {
    /// The addresses of hosts, once their networks are there.
    addresses: BTreeMap<u16, Ipv4Addr>,
    ways: BTreeMap<Way, u16>,
    bound: BTreeMap<(u16, u16), u16>,
}

impl Bridge {
    pub(super) fn new(plan: &Plan, network: &Network, proxies: Ipv4Addr) -> Self {
        let hosts = plan.topology.hosts.iter().enumerate().map(|(number, host)| {
            let name = format!("{}-{}", network.name, host.name);
            let is_name = name.len() <= NAME_MAX && host.name.chars().all(is_of_a_name);
            Host {
                name: if is_name { name } else { format!("{}-h{number}", network.name) },
                has_process: plan.service_of(host).is_some(),
                has_sidecar: has_sidecar(plan, number),
            }
        });
        Self {
            name: network.name.clone(),
            gateway: network.gateway,
            proxies,
            hosts: hosts.collect(),
            given: Mutex::default(),
        }
    }

    /// What the names begin with of all that is made for a host.
    pub(super) fn name_of(&self, host: u16) -> &str {
        &self.hosts[usize::from(host)].name
    }

    /// The volume that a host keeps its files in, whatever becomes of its containers.
    pub(super) fn volume(&self, host: u16) -> String {
        format!("{}-files", self.name_of(host))
    }

    /// The hosts that have a process.
    pub(super) fn hosts(&self) -> impl Iterator<Item = u16> {
        let hosts = (0..).zip(&self.hosts);
        hosts.filter(|(_, host)| host.has_process).map(|(number, _)| number)
    }

    /// The network of a host is there, and this is its address.
    pub(super) fn found(&self, host: u16, address: Ipv4Addr) {
        self.given().addresses.insert(host, address);
    }

    fn given(&self) -> std::sync::MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn port(&self, way: Way) -> u16 {
        let mut given = self.given();
        let next = next(given.ways.len());
        *given.ways.entry(way).or_insert(next)
    }
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-'
}

fn next(given: usize) -> u16 {
    PORTS_FROM + u16::try_from(given).expect("a run has fewer ways than ports")
}

impl Layout for Bridge {
    fn label(&self) -> String {
        self.name.clone()
    }

    /// A container has all of its addresses for itself.
    fn listens(&self, _: u16) -> Ipv4Addr {
        Ipv4Addr::UNSPECIFIED
    }

    fn service(&self, host: u16, port: u16) -> SocketAddr {
        let address = self.given().addresses.get(&host).copied();
        (address.expect("the networks of hosts are there before their processes"), port).into()
    }

    fn front(&self, host: u16, port: u16) -> String {
        let at = &self.hosts[usize::from(host)];
        let is_container = at.has_process && !at.has_sidecar;
        let at = if is_container { self.service(host, port) } else { self.binds(host, port) };
        at.to_string()
    }

    fn binds(&self, host: u16, port: u16) -> SocketAddr {
        let mut given = self.given();
        let next = next(given.bound.len());
        let bound = *given.bound.entry((host, port)).or_insert(next);
        (self.gateway, bound).into()
    }

    fn entrance(&self, way: Way) -> SocketAddr {
        (self.proxies, self.port(way)).into()
    }

    fn proxy_listens(&self, way: Way) -> SocketAddr {
        (Ipv4Addr::UNSPECIFIED, self.port(way)).into()
    }
}
