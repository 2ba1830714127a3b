//! Where hosts are on this machine: a network of loopback addresses of a run's own, in which each host has
//! one, and each host sees every other at another.
//!
//! | address | is |
//! | --- | --- |
//! | 127.N.0.b | host b itself |
//! | 127.N.a.b | host b as host a sees it: the way between the two |
//! | 127.N.255.b | the service of host b, behind its sidecar |
//!
//! N is taken by a listener that the run keeps, so that runs at the same time do not meet, and that is
//! free again however the run ends.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::TcpListener;

use crate::{
    backend::real::{Layout, Way, has_sidecar},
    plan::Plan,
};

/// The networks of runs: 127.64.0.0/16 to 127.254.0.0/16, far from what people use by hand.
const NETWORKS: std::ops::RangeInclusive<u8> = 64..=254;

/// Whoever listens here has the network.
const LOCK: (u8, u8, u16) = (255, 254, 61_700);

/// The network of one run.
#[derive(Debug)]
pub(super) struct Loopback {
    network: u8,
    /// The hosts whose services are behind sidecars.
    sidecars: Vec<bool>,
    _lock: TcpListener,
}

impl Loopback {
    /// Takes a network for the hosts of `plan`.
    ///
    /// # Errors
    ///
    /// When all networks are taken, or the system refuses.
    pub(super) async fn take(plan: &Plan) -> io::Result<Self> {
        let hosts = 0..plan.topology.hosts.len();
        let sidecars = hosts.map(|host| has_sidecar(plan, host)).collect();
        // Not the same for all: runs that start together would wait for each other's locks.
        let first = std::process::id() % (u32::from(*NETWORKS.end() - *NETWORKS.start()) + 1);
        let in_turn = NETWORKS.cycle().skip(first as usize).take(NETWORKS.count());
        for network in in_turn {
            let (c, d, port) = LOCK;
            match TcpListener::bind((Ipv4Addr::new(127, network, c, d), port)).await {
                Ok(lock) => {
                    return Ok(Self { network, sidecars, _lock: lock });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "all networks of runs are taken"))
    }

    /// Its number, which no other run has at the same time.
    pub(super) fn number(&self) -> u8 {
        self.network
    }

    fn own(&self, host: u16) -> Ipv4Addr {
        self.address(0, host)
    }

    fn address(&self, third: u8, host: u16) -> Ipv4Addr {
        Ipv4Addr::new(127, self.network, third, octet(host))
    }
}

impl Layout for Loopback {
    fn label(&self) -> String {
        self.network.to_string()
    }

    fn listens(&self, host: u16) -> Ipv4Addr {
        if self.sidecars[usize::from(host)] { self.address(255, host) } else { self.own(host) }
    }

    fn service(&self, host: u16, port: u16) -> SocketAddr {
        SocketAddr::from((self.listens(host), port))
    }

    fn front(&self, host: u16, port: u16) -> String {
        self.binds(host, port).to_string()
    }

    fn binds(&self, host: u16, port: u16) -> SocketAddr {
        SocketAddr::from((self.own(host), port))
    }

    fn entrance(&self, way: Way) -> SocketAddr {
        SocketAddr::from((self.address(octet(way.from), way.to), way.port))
    }

    fn proxy_listens(&self, way: Way) -> SocketAddr {
        self.entrance(way)
    }
}

/// The last part of the address of a host, and the third of what it sees.
fn octet(host: u16) -> u8 {
    u8::try_from(host + 1).expect("a run on processes has at most 250 hosts")
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use serde_json::json;

    use super::Loopback;
    use crate::{
        backend::real::{Layout, Way},
        plan::{Plan, Topology, hang},
    };

    fn plan() -> Plan {
        let topology = Topology::new()
            .host("db", "db", json!({}))
            .port(5432)
            .host("web", "web", json!({}))
            .port(80);
        let ms = std::time::Duration::from_millis;
        Plan::new(topology).fault(hang("db").from(ms(1)).until(ms(2)))
    }

    #[tokio::test]
    async fn two_runs_have_two_networks() {
        let (one, other) = (Loopback::take(&plan()).await, Loopback::take(&plan()).await);
        let (one, other) = (one.expect("a network"), other.expect("another"));
        assert_ne!(one.label(), other.label());
        assert!(one.own(0) != Ipv4Addr::LOCALHOST && one.own(0).is_loopback());
    }

    #[tokio::test]
    async fn each_host_sees_each_other_one_at_an_address_of_its_own() {
        let at = Loopback::take(&plan()).await.expect("a network");
        let network = at.number();
        let address = |third, host, port| SocketAddr::from(([127, network, third, host], port));
        let way = Way { from: 1, to: 0, port: 5432 };
        assert_eq!((at.entrance(way), at.proxy_listens(way)), {
            let entrance = address(2, 1, 5432);
            (entrance, entrance)
        });
        assert_eq!(at.front(0, 5432), address(0, 1, 5432).to_string());
        // A sidecar has taken the place of the first, and of the second there is none.
        assert_eq!(at.service(0, 5432), address(255, 1, 5432));
        assert_eq!(at.service(1, 80), address(0, 2, 80));
    }
}
