//! The ways between the hosts of a run: each host reaches each other one through a proxy of its own,
//! in which the network faults act.
//!
//! A way is made when it is first needed. Proxies are driven over the HTTP API of Toxiproxy alone, so
//! that a server which somebody else runs will do.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use squall_proxy::{
    Attributes, Client, ClientError, Direction, NewToxic, ProxyConfig, ProxyUpdate,
};
use tokio::sync::Mutex;

use super::{
    layout::{Layout, Way},
    names::Names,
    toxics::{Act, act_of},
};
use crate::plan::{Fault, FaultKind, NetworkFault, Plan};

/// The ways of one run.
pub(super) struct Network {
    layout: Arc<dyn Layout>,
    names: Names,
    client: Client,
    hosts: Vec<String>,
    /// Hosts that reach others, and are reached, without a proxy.
    direct: BTreeSet<u16>,
    state: Mutex<Ways>,
}

#[derive(Default)]
struct Ways {
    made: BTreeSet<Way>,
    acting: BTreeMap<u16, Acting>,
}

/// A fault of the network that acts now.
struct Acting {
    fault: Fault,
    act: Act,
    /// What had passed each way that it acts on, in bytes, when it began to act there.
    passed: BTreeMap<(Way, Direction), u64>,
}

impl Network {
    pub(super) fn new(plan: &Plan, layout: Arc<dyn Layout>, client: Client) -> Self {
        let hosts: Vec<String> = plan.topology.hosts.iter().map(|it| it.name.clone()).collect();
        let direct =
            (0..).zip(&hosts).filter(|(_, name)| plan.processes.without_proxy.contains(name));
        let direct = direct.map(|(number, _)| number).collect();
        let names = Names::of(plan);
        Self { layout, names, client, hosts, direct, state: Mutex::default() }
    }

    pub(super) fn layout(&self) -> &dyn Layout {
        &*self.layout
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The host and port that `target` names.
    pub(super) fn find(&self, target: &str) -> Option<(u16, u16)> {
        self.names.find(target)
    }

    /// Where `from` reaches `target`, a `name:port`. The way is there when this returns.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if no host has that name; and when the proxy refuses.
    pub(super) async fn way(&self, from: u16, target: &str) -> io::Result<String> {
        let found = self.find(target);
        let (to, port) = found.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("no host is called as in {target:?}"))
        })?;
        self.make(from, &[(to, port)]).await.map_err(io::Error::other)?;
        Ok(self.address(from, to, port))
    }

    /// Where `from` reaches a port, once there is a way.
    pub(super) fn address(&self, from: u16, to: u16, port: u16) -> String {
        if self.is_direct(from, to) {
            self.layout.front(to, port)
        } else {
            self.layout.entrance(Way { from, to, port }).to_string()
        }
    }

    fn is_direct(&self, from: u16, to: u16) -> bool {
        from == to || self.direct.contains(&from) || self.direct.contains(&to)
    }

    /// Makes the ways from a host to these ports, with the faults that act on them now.
    pub(super) async fn make(&self, from: u16, to: &[(u16, u16)]) -> Result<(), ClientError> {
        let mut state = self.state.lock().await;
        let wanted = to.iter().map(|&(to, port)| Way { from, to, port });
        let wanted: Vec<Way> = wanted
            .filter(|way| !self.is_direct(way.from, way.to) && !state.made.contains(way))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let proxies: Vec<ProxyConfig> = wanted.iter().map(|way| self.proxy(*way)).collect();
        self.client.populate(&proxies).await?;
        let Ways { made, acting } = &mut *state;
        made.extend(&wanted);
        let passed = self.passed().await;
        for (number, fault) in acting {
            for way in &wanted {
                self.begin(*number, fault, *way, &passed).await?;
            }
        }
        Ok(())
    }

    fn proxy(&self, way: Way) -> ProxyConfig {
        let listen = self.layout.proxy_listens(way);
        let upstream = self.layout.front(way.to, way.port);
        ProxyConfig::new(self.name(way), listen.to_string(), upstream)
    }

    /// The proxy of a way. A server that somebody else runs may have those of other runs.
    fn name(&self, way: Way) -> String {
        let name = |host: u16| &self.hosts[usize::from(host)];
        let network = self.layout.label();
        format!("squall-{network}-{}-{}-{}", name(way.from), name(way.to), way.port)
    }

    /// Lets a fault of the network act from now on.
    pub(super) async fn inject(&self, number: u16, fault: &Fault) -> Result<(), ClientError> {
        let Some(act) = act(fault) else { return Ok(()) };
        let mut state = self.state.lock().await;
        let mut acting = Acting { fault: fault.clone(), act, passed: BTreeMap::new() };
        let passed = self.passed().await;
        for way in state.made.clone() {
            self.begin(number, &mut acting, way, &passed).await?;
        }
        if acting.act.is_momentary() {
            return Ok(());
        }
        state.acting.insert(number, acting);
        Ok(())
    }

    /// Lets a fault act on a way, in the directions in which it does.
    async fn begin(
        &self,
        number: u16,
        acting: &mut Acting,
        way: Way,
        passed: &BTreeMap<(String, Direction), u64>,
    ) -> Result<(), ClientError> {
        let directions = self.directions(&acting.fault, way);
        if directions.is_empty() {
            return Ok(());
        }
        for direction in directions {
            let before = passed.get(&(self.name(way), direction)).copied().unwrap_or(0);
            acting.passed.insert((way, direction), before);
            match &acting.act {
                Act::Toxic { attributes, .. } => {
                    self.add(number, attributes, way, direction).await?;
                }
                Act::Off => {
                    self.client.update(&self.name(way), &ProxyUpdate::enabled(false)).await?;
                }
            }
        }
        Ok(())
    }

    async fn add(
        &self,
        number: u16,
        attributes: &Attributes,
        way: Way,
        direction: Direction,
    ) -> Result<(), ClientError> {
        let toxic = NewToxic::new(*attributes, direction).named(toxic(number, direction));
        self.client.add_toxic(&self.name(way), &toxic).await.map(drop)
    }

    /// In which directions of a way a fault acts.
    fn directions(&self, fault: &Fault, way: Way) -> Vec<Direction> {
        let name = |host: u16| self.hosts[usize::from(host)].as_str();
        let (from, to) = (name(way.from), name(way.to));
        let both = [
            (Direction::Upstream, fault.sees(from, to)),
            (Direction::Downstream, fault.sees(to, from)),
        ];
        both.into_iter().filter(|(_, acts)| *acts).map(|(direction, _)| direction).collect()
    }

    /// Lets a fault act no more: how many bytes came to where it acted.
    pub(super) async fn heal(&self, number: u16) -> Result<u64, ClientError> {
        let mut state = self.state.lock().await;
        let Some(acting) = state.acting.remove(&number) else { return Ok(0) };
        self.end(number, &acting).await
    }

    async fn end(&self, number: u16, acting: &Acting) -> Result<u64, ClientError> {
        let mut affected = 0;
        let now = self.passed().await;
        for (&(way, direction), before) in &acting.passed {
            let passed = now.get(&(self.name(way), direction)).copied().unwrap_or(0);
            affected += match &acting.act {
                Act::Toxic { .. } => passed.saturating_sub(*before),
                // Nothing passes there, so what had passed shows that it was used at all.
                Act::Off => u64::from(*before > 0),
            };
            match &acting.act {
                Act::Toxic { .. } => {
                    self.client.remove_toxic(&self.name(way), &toxic(number, direction)).await?;
                }
                Act::Off => {
                    self.client.update(&self.name(way), &ProxyUpdate::enabled(true)).await?;
                }
            }
        }
        Ok(affected)
    }

    /// Resets the connections of a fault now: how many ways had carried anything.
    pub(super) async fn reset(&self, number: u16, fault: &Fault) -> Result<u64, ClientError> {
        let Some(act) = act(fault) else { return Ok(0) };
        let mut acting = Acting { fault: fault.clone(), act, passed: BTreeMap::new() };
        let made = self.state.lock().await.made.clone();
        let passed = self.passed().await;
        for way in made {
            self.begin(number, &mut acting, way, &passed).await?;
        }
        let used = acting.passed.values().filter(|passed| **passed > 0).count();
        self.end(number, &acting).await?;
        Ok(used as u64)
    }

    /// What has passed each way so far, in bytes, by the proxy's name.
    async fn passed(&self) -> BTreeMap<(String, Direction), u64> {
        let mut passed = BTreeMap::new();
        let Ok(page) = self.client.metrics().await else { return passed };
        for Counted { labels, count } in counted(&page, "toxiproxy_proxy_received_bytes_total") {
            if let (Some(proxy), Some(direction)) =
                (label(labels, "proxy"), label(labels, "direction").and_then(direction_of))
            {
                *passed.entry((proxy.to_owned(), direction)).or_default() += whole(count);
            }
        }
        passed
    }

    /// How many connections each host has opened through proxies so far, if the proxies tell.
    pub(super) async fn connections_opened(&self) -> Option<BTreeMap<u16, f64>> {
        let mut opened = BTreeMap::new();
        let made = self.state.lock().await.made.clone();
        let from: BTreeMap<String, u16> =
            made.into_iter().map(|way| (self.name(way), way.from)).collect();
        let page = self.client.metrics().await.ok()?;
        for Counted { labels, count } in counted(&page, "squall_proxy_connections_total") {
            if let Some(host) = label(labels, "proxy").and_then(|proxy| from.get(proxy)) {
                *opened.entry(*host).or_default() += count;
            }
        }
        Some(opened)
    }

    /// Removes what the run has made of proxies.
    pub(super) async fn remove(&self) {
        let mut state = self.state.lock().await;
        for way in std::mem::take(&mut state.made) {
            // A server that is gone has none any more.
            let _ = self.client.delete(&self.name(way)).await;
        }
    }
}

/// A line of a page of metrics.
struct Counted<'a> {
    labels: &'a str,
    count: f64,
}

/// The lines of a counter.
fn counted<'a>(page: &'a str, counter: &str) -> impl Iterator<Item = Counted<'a>> {
    page.lines().filter_map(move |line| {
        let line = line.strip_prefix(counter)?.strip_prefix('{')?;
        let (labels, count) = line.rsplit_once(' ')?;
        Some(Counted { labels, count: count_of(count)? })
    })
}

/// The value of a label. Names of proxies and directions have nothing in them that is escaped.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let value = labels.split_once(&format!("{name}=\""))?.1;
    value.split_once('"').map(|(value, _)| value)
}

fn direction_of(name: &str) -> Option<Direction> {
    [Direction::Upstream, Direction::Downstream].into_iter().find(|it| it.name() == name)
}

/// A count as Prometheus has it: a number with a fraction or an exponent, if it is a large one.
fn count_of(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|count| *count >= 0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes, to the byte as far as a page of metrics has them"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

/// What a proxy does for a fault. A machine without power is as silent as a network that carries
/// nothing.
fn act(fault: &Fault) -> Option<Act> {
    match &fault.kind {
        FaultKind::Network(fault) => act_of(fault).ok(),
        FaultKind::Process(_) => act_of(&NetworkFault::Blackhole).ok(),
        _ => None,
    }
}

fn toxic(number: u16, direction: Direction) -> String {
    format!("fault-{number}-{}", direction.name())
}

#[cfg(test)]
mod tests {
    use super::{count_of, counted, label, whole};

    #[test]
    fn counts_are_read_as_prometheus_writes_them() {
        let bytes = |text| count_of(text).map(whole);
        assert_eq!(bytes("0"), Some(0));
        assert_eq!(bytes("1234"), Some(1234));
        assert_eq!(bytes("1.234567e+06"), Some(1_234_567));
        assert_eq!(bytes("NaN"), None);
        assert_eq!(bytes("-1"), None);
        assert_eq!(bytes("many"), None);
    }

    #[test]
    fn only_the_lines_of_a_counter_are_read() {
        let page = "# TYPE taken counter\ntaken{proxy=\"a\"} 3\ntaken_total{proxy=\"b\"} 4\n\
                    other{proxy=\"c\"} 5\ntaken{direction=\"up\",proxy=\"d\"} 1e3\ntaken{} x\n";
        let read: Vec<_> =
            counted(page, "taken").map(|it| (label(it.labels, "proxy"), it.count)).collect();
        assert_eq!(read, [(Some("a"), 3.0), (Some("d"), 1000.0)]);
    }
}
