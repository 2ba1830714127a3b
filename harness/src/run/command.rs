//! What is wanted of a process, by those who do not run processes themselves.

/// Something to be done to the process of a host.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Start this service on this host, with this configuration.
    Start { host: u16, service: String, config: serde_json::Value },
    /// Ask the service on this host to stop.
    Terminate { host: u16 },
    /// Kill the process of this host.
    Kill { host: u16 },
}
