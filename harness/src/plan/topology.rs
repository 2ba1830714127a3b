//! Hosts and links.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Link, TcpConfig, merge_patch, millis};

/// Hosts, the links between them, and what runs where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Topology {
    /// The hosts, in the order in which they start.
    pub hosts: Vec<HostSpec>,
    /// The link between hosts that have none of their own.
    pub link: Link,
    /// Links between particular hosts.
    pub links: Vec<LinkSpec>,
    /// The time resolution of the network: no hop is wrong by more than one step.
    #[serde(rename = "resolution_ms", with = "millis")]
    pub resolution: Duration,
    /// How TCP behaves on every host.
    pub tcp: TcpConfig,
}

/// One simulated machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostSpec {
    /// Its name, which is also its name in the network.
    pub name: String,
    /// The service that runs on it, by its name among the scenario's services; `None` for a
    /// host that only sends load.
    pub service: Option<String>,
    /// What the service is configured with.
    pub config: serde_json::Value,
    /// The ports that the service listens on. A simulation learns of them as it does; a backend that
    /// has to give hosts addresses does so by this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// How many pieces of work its processor does at once.
    pub cores: u16,
    /// Its disk.
    #[serde(default)]
    pub disk: DiskConfig,
}

/// How the disk of a host behaves. It does one thing after the other; what a service writes goes
/// to a cache first, and only a sync makes it durable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DiskConfig {
    /// How long it takes to read, or to look something up.
    #[serde(rename = "read_ms", with = "millis")]
    pub read: Duration,
    /// How long it takes to write, or to change a directory.
    #[serde(rename = "write_ms", with = "millis")]
    pub write: Duration,
    /// How long it takes to make a file or directory durable.
    #[serde(rename = "sync_ms", with = "millis")]
    pub sync: Duration,
    /// How many bytes the files on it may have together.
    pub capacity_bytes: u64,
}

impl Default for DiskConfig {
    /// A solid-state disk with plenty of space.
    fn default() -> Self {
        Self {
            read: Duration::from_micros(50),
            write: Duration::from_micros(50),
            sync: Duration::from_millis(1),
            capacity_bytes: 1 << 40,
        }
    }
}

impl DiskConfig {
    /// Sets how long it takes to read and to write.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        (self.read, self.write) = (latency, latency);
        self
    }

    /// Sets how long it takes to make something durable.
    #[must_use]
    pub fn sync(mut self, sync: Duration) -> Self {
        self.sync = sync;
        self
    }

    /// Sets how many bytes the files on it may have together.
    #[must_use]
    pub fn capacity_bytes(mut self, capacity_bytes: u64) -> Self {
        self.capacity_bytes = capacity_bytes;
        self
    }
}

/// A link between two particular hosts, in one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LinkSpec {
    /// The sending host.
    pub from: String,
    /// The receiving host.
    pub to: String,
    /// How the link behaves.
    pub link: Link,
}

impl Default for Topology {
    fn default() -> Self {
        Self::new()
    }
}

impl Topology {
    /// No hosts yet; links of half a millisecond, and a time resolution of 100 us.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hosts: Vec::new(),
            link: Link::default(),
            links: Vec::new(),
            resolution: Duration::from_micros(100),
            tcp: TcpConfig::default(),
        }
    }

    /// Adds a host that runs `service`, configured with `config`.
    #[must_use]
    pub fn host(
        mut self,
        name: impl Into<String>,
        service: impl Into<String>,
        config: serde_json::Value,
    ) -> Self {
        self.hosts.push(HostSpec {
            name: name.into(),
            service: Some(service.into()),
            config,
            ports: Vec::new(),
            cores: 4,
            disk: DiskConfig::default(),
        });
        self
    }

    /// Adds a host that only sends load.
    #[must_use]
    pub fn client(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(HostSpec {
            name: name.into(),
            service: None,
            config: serde_json::Value::Null,
            ports: Vec::new(),
            cores: 64,
            disk: DiskConfig::default(),
        });
        self
    }

    /// Says that the service of the last added host listens on this port, besides those that were
    /// said before. In its configuration, and in those of others, the port is written as ever:
    /// `0.0.0.0:8080` where it listens, and `name:8080` or `http://name:8080` where it is reached. A
    /// backend that runs real processes puts the addresses there that they have.
    ///
    /// # Panics
    ///
    /// When there is no host yet.
    #[must_use]
    #[track_caller]
    pub fn port(mut self, port: u16) -> Self {
        let host = self.hosts.last_mut().expect("a host was added before its ports are said");
        host.ports.push(port);
        self
    }

    /// Sets how many pieces of work the last added host does at once.
    ///
    /// # Panics
    ///
    /// When there is no host yet.
    #[must_use]
    #[track_caller]
    pub fn cores(mut self, cores: u16) -> Self {
        self.hosts.last_mut().expect("a host was added before its cores are set").cores = cores;
        self
    }

    /// Sets the disk of the last added host.
    ///
    /// # Panics
    ///
    /// When there is no host yet.
    #[must_use]
    #[track_caller]
    pub fn disk(mut self, disk: DiskConfig) -> Self {
        self.hosts.last_mut().expect("a host was added before its disk is set").disk = disk;
        self
    }

    /// Merges `patch` into what the host with this name is configured with (RFC 7396).
    ///
    /// # Panics
    ///
    /// When there is no such host.
    #[must_use]
    #[track_caller]
    pub fn patched(mut self, host: &str, patch: &serde_json::Value) -> Self {
        let found = self.hosts.iter_mut().find(|known| known.name == host);
        let Some(found) = found else {
            let known: Vec<&str> = self.hosts.iter().map(|known| known.name.as_str()).collect();
            panic!("expected one of the hosts {}, found {host:?}", known.join(", "));
        };
        merge_patch(&mut found.config, patch);
        self
    }

    /// Sets the link between hosts that have none of their own.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Links two hosts in both directions.
    #[must_use]
    pub fn link_between(self, a: &str, b: &str, link: Link) -> Self {
        self.link_from(a, b, link).link_from(b, a, link)
    }

    /// Links `from` to `to` in that direction only.
    #[must_use]
    pub fn link_from(mut self, from: &str, to: &str, link: Link) -> Self {
        self.links.push(LinkSpec { from: from.to_owned(), to: to.to_owned(), link });
        self
    }

    /// Sets the time resolution of the network.
    #[must_use]
    pub fn resolution(mut self, resolution: Duration) -> Self {
        self.resolution = resolution;
        self
    }

    /// Sets how TCP behaves.
    #[must_use]
    pub fn tcp(mut self, tcp: TcpConfig) -> Self {
        self.tcp = tcp;
        self
    }

    /// The place of the host with this name.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.name == name)
    }
}
