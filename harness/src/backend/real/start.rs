//! How a process of a host is started: this program again, with a hidden subcommand, which is told on
//! its standard input what it is, or in its environment, if it is in a container.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{telemetry, within::DiskAct};

/// The hidden subcommand.
pub(crate) const SUBCOMMAND: &str = "process-of-a-host";

/// The variable of the environment that says what a process is which has no standard input.
pub(crate) const START_VARIABLE: &str = "SQUALL_START";

/// The longest line that a process reads to learn what it is.
pub(crate) const START_BYTES_MAX: u64 = 16 << 20;

/// What a process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The host that it is the process of.
    pub(crate) host: String,
    /// The process that starts it, if that is of the same machine: without that one it is nothing.
    pub(crate) parent: Option<i32>,
    pub(crate) what: Entrypoint,
    /// Where it says over OTLP what it does.
    pub(crate) telemetry: SocketAddr,
    /// How often it reads its gauges.
    pub(crate) sample_every_ms: u64,
    /// The file in which it counts the writes that its full disk refuses, if that can be full.
    pub(crate) refused_writes: Option<PathBuf>,
}

impl Start {
    /// A process of a container that is none of the service of its host.
    pub(crate) fn beside(host: &str, what: Entrypoint) -> Self {
        Self {
            host: host.to_owned(),
            parent: None,
            what,
            telemetry: SocketAddr::from(([127, 0, 0, 1], 0)),
            sample_every_ms: 0,
            refused_writes: None,
        }
    }

    /// What it is told, in a line without an end.
    pub(crate) fn line(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }

    /// What is in its environment, for those who have an exporter of OpenTelemetry themselves.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let endpoint = telemetry::endpoint(self.telemetry, &self.host);
        let all = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_SERVICE_NAME", self.host.clone()),
            ("OTEL_RESOURCE_ATTRIBUTES", format!("host.name={}", self.host)),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// What runs in a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entrypoint {
    /// A service of a scenario of this program's catalogue.
    Function { scenario: String, service: String, config: serde_json::Value },
    /// Another program, in whose place this one is until it is started.
    Program { path: PathBuf, args: Vec<String>, env: Vec<(String, String)> },
    /// A container of an image, which is started in the place of this program.
    Image { image: String, args: Vec<String>, env: Vec<(String, String)> },
    /// Nothing: it is there for what it holds.
    Nothing,
    /// Something is done to the disk of a host, and the count of writes that were refused on it is printed.
    Disk(DiskAct),
}
