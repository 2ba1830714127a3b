//! The addresses of a run on one machine: a network of loopback addresses of its own, in which each
//! host has one, and each host sees every other at another.
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
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use serde_json::Value;
use tokio::net::TcpListener;

use crate::plan::Plan;

/// More hosts have no address each that the others can see them at.
pub(super) const HOSTS_MAX: usize = 250;

/// The networks of runs: 127.64.0.0/16 to 127.254.0.0/16, far from what people use by hand.
const NETWORKS: std::ops::RangeInclusive<u8> = 64..=254;

/// Whoever listens here has the network.
const LOCK: (u8, u8, u16) = (255, 254, 61_700);

/// What services write that listen on all addresses of their host.
const ANY: [&str; 2] = ["0.0.0.0", "[::]"];

/// The addresses of one run.
#[derive(Debug)]
pub(super) struct Addresses {
    network: u8,
    hosts: BTreeMap<String, Declared>,
    _lock: TcpListener,
}

#[derive(Debug)]
struct Declared {
    number: u16,
    ports: Vec<u16>,
}

/// An address in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    /// Where the service itself listens.
    Own { port: u16 },
    /// Another host, as this one reaches it.
    Peer { host: u16, port: u16 },
}

impl Addresses {
    /// Takes a network for the hosts of `plan`.
    ///
    /// # Errors
    ///
    /// When all networks are taken, or the system refuses.
    pub(super) async fn take(plan: &Plan) -> io::Result<Self> {
        // Not the same for all: runs that start together would wait for each other's locks.
        let first = std::process::id() % (u32::from(*NETWORKS.end() - *NETWORKS.start()) + 1);
        let in_turn = NETWORKS.cycle().skip(first as usize).take(NETWORKS.count());
        for network in in_turn {
            let (c, d, port) = LOCK;
            match TcpListener::bind((Ipv4Addr::new(127, network, c, d), port)).await {
                Ok(lock) => {
                    return Ok(Self { network, hosts: declared(plan), _lock: lock });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "all networks of runs are taken"))
    }

    /// The address of a host itself.
    pub(super) fn own(&self, host: u16) -> Ipv4Addr {
        self.address(0, host)
    }

    /// The address of `to` as `from` sees it.
    pub(super) fn seen(&self, from: u16, to: u16) -> Ipv4Addr {
        self.address(octet(from), to)
    }

    /// The address of the service of a host that has a sidecar.
    pub(super) fn behind(&self, host: u16) -> Ipv4Addr {
        self.address(255, host)
    }

    fn address(&self, third: u8, host: u16) -> Ipv4Addr {
        Ipv4Addr::new(127, self.network, third, octet(host))
    }

    /// The host and port that `target` names.
    pub(super) fn find(&self, target: &str) -> Option<(u16, u16)> {
        let (host, port) = target.rsplit_once(':')?;
        let declared = self.hosts.get(&host.to_ascii_lowercase())?;
        Some((declared.number, port.parse().ok()?))
    }

    /// The ports that a host has declared.
    pub(super) fn ports(&self, host: u16) -> &[u16] {
        let found = self.hosts.values().find(|declared| declared.number == host);
        found.map_or(&[], |declared| &declared.ports)
    }

    /// The hosts and ports that a configuration of `host` reaches.
    pub(super) fn peers_in(&self, host: u16, config: &Value) -> Vec<(u16, u16)> {
        let mut peers = Vec::new();
        visit(config, &mut |text| {
            if let Some((_, Meant::Peer { host, port })) = meant(&self.hosts, host, text) {
                peers.push((host, port));
            }
        });
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// A configuration of `host` with the addresses of this run in it: `way` says where a peer is
    /// reached, and the service itself listens at `listens`.
    pub(super) fn filled_in(
        &self,
        host: u16,
        config: &Value,
        listens: Ipv4Addr,
        way: &impl Fn(u16, u16) -> SocketAddr,
    ) -> Value {
        match config {
            Value::String(text) => Value::String(match meant(&self.hosts, host, text) {
                Some((range, Meant::Own { port })) => {
                    replaced(text, range, SocketAddr::new(IpAddr::V4(listens), port))
                }
                Some((range, Meant::Peer { host, port })) => replaced(text, range, way(host, port)),
                None => text.clone(),
            }),
            Value::Array(values) => {
                let values = values.iter().map(|it| self.filled_in(host, it, listens, way));
                values.collect()
            }
            Value::Object(fields) => {
                let fields = fields.iter();
                let filled =
                    fields.map(|(name, it)| (name.clone(), self.filled_in(host, it, listens, way)));
                Value::Object(filled.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => config.clone(),
        }
    }
}

/// The last part of the address of a host, and the third of what it sees.
fn octet(host: u16) -> u8 {
    u8::try_from(host + 1).expect("a run on processes has at most 250 hosts")
}

fn declared(plan: &Plan) -> BTreeMap<String, Declared> {
    let hosts = (0..).zip(&plan.topology.hosts);
    let declared = hosts.map(|(number, host)| {
        (host.name.to_ascii_lowercase(), Declared { number, ports: host.ports.clone() })
    });
    declared.collect()
}

/// The addresses in the configurations of `plan` of ports that nobody has declared, in words.
pub(super) fn undeclared(plan: &Plan) -> Vec<String> {
    let hosts = declared(plan);
    let mut missing = Vec::new();
    let mut look = |name: &str, number: u16, config: &Value| {
        visit(config, &mut |text| {
            let (found, port) = match meant(&hosts, number, text) {
                Some((_, Meant::Own { port })) => (number, port),
                Some((_, Meant::Peer { host, port })) => (host, port),
                None => return,
            };
            let Some((host, declared)) = hosts.iter().find(|(_, it)| it.number == found) else {
                return;
            };
            if !declared.ports.contains(&port) {
                missing.push(format!(
                    "the configuration of {name} has {text:?}, and {host} declares no port {port} \
                     (Topology::port)"
                ));
            }
        });
    };
    for (number, host) in (0..).zip(&plan.topology.hosts) {
        look(&host.name, number, &host.config);
    }
    for deployment in plan.cluster.iter().flat_map(|cluster| &cluster.deployments) {
        let pod = deployment.pod(1);
        let number = hosts.get(&pod.to_ascii_lowercase()).map_or(u16::MAX, |pod| pod.number);
        look(&deployment.name, number, &deployment.template.config);
    }
    missing.sort();
    missing.dedup();
    missing
}

fn visit(config: &Value, see: &mut impl FnMut(&str)) {
    match config {
        Value::String(text) => see(text),
        Value::Array(values) => values.iter().for_each(|value| visit(value, see)),
        Value::Object(fields) => fields.values().for_each(|value| visit(value, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The address that a text is, or that a URL begins with: where in the text, and what it means to the
/// service of `own`.
fn meant(
    hosts: &BTreeMap<String, Declared>,
    own: u16,
    text: &str,
) -> Option<(std::ops::Range<usize>, Meant)> {
    let begin = match text.find("://") {
        Some(at) => at + 3,
        // An argument of a program: --listen=0.0.0.0:80.
        None => text.rfind('=').map_or(0, |at| at + 1),
    };
    let end = text[begin..].find('/').map_or(text.len(), |at| begin + at);
    let (host, port) = text[begin..end].rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let meant = if ANY.contains(&host) {
        Meant::Own { port }
    } else {
        let declared = hosts.get(&host.to_ascii_lowercase())?;
        // By its own name a host reaches itself as it is.
        if declared.number == own {
            Meant::Own { port }
        } else {
            Meant::Peer { host: declared.number, port }
        }
    };
    Some((begin..end, meant))
}

fn replaced(text: &str, range: std::ops::Range<usize>, address: SocketAddr) -> String {
    let mut text = text.to_owned();
    text.replace_range(range, &address.to_string());
    text
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use serde_json::json;

    use super::{Addresses, undeclared};
    use crate::plan::{Plan, Topology};

    fn plan() -> Plan {
        let topology = Topology::new()
            .host("db", "db", json!({ "listen": "0.0.0.0:5432" }))
            .port(5432)
            .host("web", "web", json!({}))
            .port(80)
            .client("clients");
        Plan::new(topology)
    }

    #[tokio::test]
    async fn a_configuration_gets_the_addresses_of_the_run() {
        let addresses = Addresses::take(&plan()).await.expect("there is a network");
        let way = |host, port| SocketAddr::from((addresses.seen(1, host), port));
        let config = json!({
            "listen": "0.0.0.0:80", "six": "[::]:80", "db": "db:5432", "urls": ["http://DB:5432/x?y"],
            "self": "http://web:80", "text": "a db:5432 in the middle", "number": 5432, "none": "db",
        });
        let filled = addresses.filled_in(1, &config, addresses.own(1), &way);
        let network = addresses.own(0).octets()[1];
        let (own, db) = (format!("127.{network}.0.2:80"), format!("127.{network}.2.1:5432"));
        let expected = json!({
            "listen": own, "six": own, "db": db, "urls": [format!("http://{db}/x?y")],
            "self": format!("http://{own}"), "text": "a db:5432 in the middle", "number": 5432,
            "none": "db",
        });
        assert_eq!(filled, expected);
        assert_eq!(addresses.peers_in(1, &config), [(0, 5432)]);
        assert_eq!(addresses.find("db:5432"), Some((0, 5432)));
        assert_eq!(addresses.find("dB:1"), Some((0, 1)));
        assert_eq!(addresses.find("nobody:1"), None);
    }

    #[tokio::test]
    async fn two_runs_have_two_networks() {
        let (one, other) = (Addresses::take(&plan()).await, Addresses::take(&plan()).await);
        let network = |it: &Addresses| it.own(0);
        let (one, other) = (one.expect("a network"), other.expect("another"));
        assert_ne!(network(&one), network(&other));
        assert!(network(&one) != Ipv4Addr::LOCALHOST && network(&one).is_loopback());
    }

    #[test]
    fn a_port_that_nobody_declares_is_told_before_the_run() {
        assert_eq!(undeclared(&plan()), Vec::<String>::new());
        let config = json!({ "db": "http://db:5433", "listen": "0.0.0.0:81" });
        let plan = Plan::new(plan().topology.patched("web", &config));
        let told = undeclared(&plan);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("declares no port 81"), "{told:?}");
        assert!(told[1].contains("\"http://db:5433\", and db declares no port 5433"), "{told:?}");
    }
}
