//! How a process of a host is started: this program again, with a hidden subcommand, which is told on
//! its standard input what it is.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The hidden subcommand.
pub(crate) const SUBCOMMAND: &str = "process-of-a-host";

/// The longest line that a process reads to learn what it is.
pub(crate) const START_BYTES_MAX: u64 = 16 << 20;

/// What a process is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The host that it is the process of.
    pub(crate) host: String,
    /// The process that starts it: without that one it is nothing.
    pub(crate) parent: i32,
    pub(crate) what: Entrypoint,
    /// Where it says over OTLP what it does.
    pub(crate) telemetry: SocketAddr,
    /// How often it reads its gauges.
    pub(crate) sample_every_ms: u64,
    /// The file in which it counts the writes that its full disk refuses, if that can be full.
    pub(crate) refused_writes: Option<PathBuf>,
}

/// What runs in a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entrypoint {
    /// A service of a scenario of this program's catalogue.
    Function { scenario: String, service: String, config: serde_json::Value },
    /// Another program, in whose place this one is until it is started.
    Program { path: PathBuf, args: Vec<String>, env: Vec<(String, String)> },
}
