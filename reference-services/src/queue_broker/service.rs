//! The life of the broker: recover, bind, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::server::NamedService;

use super::{
    Config, Defect, core::Core, grpc::Workers, handle::Handle, http::Api, ledger::Ledger,
    metrics::Metrics,
};
use crate::{
    config::Config as _,
    journal::{Kept, Unsynced},
    pb::queue::queue_server::QueueServer,
    server::{Error, Http, Probes, grpc, listen},
};

/// Thousands of leases fit.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid, an address cannot be listened on, or the journal cannot
/// be used.
pub async fn run(config: Config) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Recovers the jobs and listens, but does not accept yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(mut config: Config) -> Result<Bound, Error> {
    config.validate()?;
    // Defect: nobody has set this bound.
    if config.defects.contains(&Defect::UnboundedConnections) {
        config.http.connections_max = usize::MAX;
    }
    // Defect: nor this one.
    if config.defects.contains(&Defect::UnboundedBodies) {
        config.http.body_bytes_max = usize::MAX;
    }
    let has = |defect| config.defects.contains(&defect);
    // Defect: no job that is done is remembered.
    let mut ledger = Ledger::new(if has(Defect::ForgetsDone) { 0 } else { config.done_max });
    ledger.replay_keeps_failures = has(Defect::ReplayKeepsAttempts);
    let kept = Kept::open(&config.journal, ledger, config.compact_bytes_min).await;
    let mut kept =
        kept.map_err(|source| Error::Journal { path: config.journal.clone(), source })?;
    if has(Defect::UnsyncedRewrite) {
        kept = kept.leaving_unsynced(Unsynced::Rewrites);
    }
    let http = Http::bind(&config.listen, &config.http).await?;
    let (grpc, grpc_address) = listen(&config.listen_workers).await?;
    Ok(Bound { http, grpc, grpc_address, kept, config })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    grpc: TcpListener,
    grpc_address: SocketAddr,
    kept: Kept<Ledger>,
    config: Config,
}

impl Bound {
    /// The address that was bound for jobs and operators.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// The address that was bound for workers.
    #[must_use]
    pub fn workers_addr(&self) -> SocketAddr {
        self.grpc_address
    }

    /// Serves until the process is asked to terminate.
    ///
    /// # Errors
    ///
    /// When the signal cannot be waited for or a server fails.
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_until(async { squall_os::signal::terminate().await.map_err(Error::Signal) })
            .await
    }

    /// Serves until `stop` completes, then drains.
    ///
    /// # Errors
    ///
    /// As `stop`, after the drain; or when a server fails.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { http, grpc, grpc_address, kept, config } = self;
        tracing::info!(
            address = %http.local_addr(), workers = %grpc_address, jobs = kept.state.len(),
            "listening"
        );
        let (metrics, registry) = Metrics::new();
        let (handle, commands) = Handle::new(config.in_flight_max);
        let handle = Arc::new(handle);
        let workers = Workers {
            handle: Arc::clone(&handle),
            lease: config.lease(),
            wait_max: Duration::from_millis(config.wait_ms_max),
            cpu: config.cpu(),
        };
        let probes = Probes::new(registry);
        let api = Arc::new(Api::new(&config, Arc::clone(&handle), metrics.clone(), probes));
        let drain = Duration::from_millis(config.drain_ms);
        let core = tokio::spawn(Core::new(config, kept, metrics).run(commands));
        let (stopping, stopped) = watch::channel(());
        let asked = async {
            let asked = stop.await;
            api.probes.drain();
            handle.drain().await;
            tracing::info!("draining");
            stopping.send_replace(());
            asked
        };
        let stop_of = |mut stopped: watch::Receiver<()>| async move {
            // The sender is kept until both have ended.
            let _ = stopped.changed().await;
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        let workers = QueueServer::new(workers).max_decoding_message_size(REQUEST_BYTES_MAX);
        let router = grpc::server().add_service(health).add_service(workers);
        let serve_http = http.serve(Arc::clone(&api), stop_of(stopped.clone()), drain);
        let health = (reporter, QueueServer::<Workers>::NAME);
        let serve_grpc = grpc::serve_until(router, grpc, health, stop_of(stopped), || (), drain);
        let (asked, (), served) = tokio::join!(asked, serve_http, serve_grpc);
        drop((api, handle));
        // Nobody can ask any more: what is in hand is committed, then it ends.
        if let Err(error) = core.await {
            std::panic::resume_unwind(error.into_panic());
        }
        if !served?.in_time {
            tracing::warn!("cut off calls that did not end in time");
        }
        tracing::info!("stopped");
        asked
    }
}
