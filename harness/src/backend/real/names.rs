//! The names of a plan's hosts, and the addresses that they are in what services are configured with.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use serde_json::Value;

use crate::plan::Plan;

/// What services write that listen on all addresses of their host.
const ANY: [&str; 2] = ["0.0.0.0", "[::]"];

/// The hosts of a plan, and the ports that they declare.
#[derive(Debug)]
pub(super) struct Names(BTreeMap<String, Declared>);

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

impl Names {
    pub(super) fn of(plan: &Plan) -> Self {
        Self(declared(plan))
    }

    /// The host and port that `target` names.
    pub(super) fn find(&self, target: &str) -> Option<(u16, u16)> {
        let (host, port) = target.rsplit_once(':')?;
        let declared = self.0.get(&host.to_ascii_lowercase())?;
        Some((declared.number, port.parse().ok()?))
    }

    /// The hosts and ports that a configuration of `host` reaches.
    pub(super) fn peers_in(&self, host: u16, config: &Value) -> Vec<(u16, u16)> {
        let mut peers = Vec::new();
        visit(config, &mut |text| {
            if let Some((_, Meant::Peer { host, port })) = meant(&self.0, host, text) {
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
        way: &impl Fn(u16, u16) -> String,
    ) -> Value {
        match config {
            Value::String(text) => Value::String(match meant(&self.0, host, text) {
                Some((range, Meant::Own { port })) => {
                    replaced(text, range, &SocketAddr::from((listens, port)).to_string())
                }
                Some((range, Meant::Peer { host, port })) => {
                    replaced(text, range, &way(host, port))
                }
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

fn replaced(text: &str, range: std::ops::Range<usize>, address: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range, address);
    text
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;

    use super::{Names, undeclared};
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

    #[test]
    fn a_configuration_gets_the_addresses_of_the_run() {
        let names = Names::of(&plan());
        let way = |host, port| format!("127.64.2.{}:{port}", host + 1);
        let config = json!({
            "listen": "0.0.0.0:80", "six": "[::]:80", "db": "db:5432", "urls": ["http://DB:5432/x?y"],
            "self": "http://web:80", "text": "a db:5432 in the middle", "number": 5432, "none": "db",
        });
        let filled = names.filled_in(1, &config, Ipv4Addr::new(127, 64, 0, 2), &way);
        let (own, db) = ("127.64.0.2:80", "127.64.2.1:5432");
        let expected = json!({
            "listen": own, "six": own, "db": db, "urls": [format!("http://{db}/x?y")],
            "self": format!("http://{own}"), "text": "a db:5432 in the middle", "number": 5432,
            "none": "db",
        });
        assert_eq!(filled, expected);
        assert_eq!(names.peers_in(1, &config), [(0, 5432)]);
        assert_eq!(names.find("db:5432"), Some((0, 5432)));
        assert_eq!(names.find("dB:1"), Some((0, 1)));
        assert_eq!(names.find("nobody:1"), None);
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
