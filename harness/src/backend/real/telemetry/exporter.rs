//! What the process of a host says, sent to the receiver as it says it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::runtime::Handle;
use tracing_core::Dispatch;

use super::{
    HOST_NAME, SERVICE_NAME,
    gauges::Sampling,
    messages::{KeyValue, Resource},
    subscriber::{Spans, Teller},
    wire::Connection,
};
use crate::interpose;

/// The exporter of this process.
#[must_use = "the spans that are open when the process ends are told by `finish` alone"]
pub(crate) struct Exporter {
    connection: Arc<Connection>,
    spans: Arc<Spans>,
    sampling: Vec<Sampling>,
}

/// Sends what this process says from now on, as that of `host`, to the receiver at `endpoint`.
///
/// # Errors
///
/// If nobody listens there, or the process has a subscriber already.
pub(crate) fn install(endpoint: SocketAddr, host: &str) -> io::Result<Exporter> {
    interpose::count_process();
    let exporter = Exporter::connect(endpoint, host)?;
    tracing::dispatcher::set_global_default(exporter.dispatch()).map_err(io::Error::other)?;
    Ok(exporter)
}

impl Exporter {
    /// Connects to the receiver at `endpoint`.
    pub(super) fn connect(endpoint: SocketAddr, host: &str) -> io::Result<Self> {
        let named = |name| KeyValue::text(name, host.to_owned());
        let resource = Resource { attributes: vec![named(SERVICE_NAME), named(HOST_NAME)] };
        let connection = Connection::open(endpoint, resource)?;
        let spans = Arc::new(Spans::new(Arc::clone(&connection)));
        Ok(Self { connection, spans, sampling: Vec::new() })
    }

    /// A subscriber that tells this exporter what is said.
    pub(super) fn dispatch(&self) -> Dispatch {
        Dispatch::new(Teller(Arc::clone(&self.spans)))
    }

    /// Samples how many tasks `runtime` has and how much memory the process, now and every
    /// `interval`: the gauges `tasks` and `memory_bytes`. A program that does not count its memory
    /// has no gauge of it. Also what the system tells of this process, if nobody else reads that.
    ///
    /// # Errors
    ///
    /// If there is no thread for it.
    pub(crate) fn gauges(
        &mut self,
        runtime: Handle,
        interval: Duration,
        with_system: bool,
    ) -> io::Result<()> {
        let connection = Arc::clone(&self.connection);
        self.sampling.push(Sampling::begin(connection, runtime, interval, with_system)?);
        Ok(())
    }

    /// The process ends in order: tells the spans that are still open and what has been dropped.
    /// What is said later is told to nobody.
    pub(crate) fn finish(mut self) {
        self.sampling.clear();
        self.spans.close_all();
        self.connection.close();
    }

    /// How much was dropped and not told yet.
    #[cfg(test)]
    pub(super) fn dropped(&self) -> u64 {
        self.connection.dropped()
    }
}
