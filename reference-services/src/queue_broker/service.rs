//! The life of the broker: bind, recover, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};
use tonic::server::NamedService;

use super::{
    Config, Defect, core::Core, grpc::Workers, handle::Handle, http::Api, ledger::Ledger,
    metrics::Metrics,
};
use crate::{
    config::{Config as _, Live},
    journal::{Access, Kept, Unsynced},
    pb::queue::queue_server::QueueServer,
    server::{Error, Grpc, Http, Probes, grpc},
    tls,
};

/// Why a broker is not ready that cannot accept a job.
const DISK_REFUSES: &str = "the disk refuses what is written to the journal";

/// Thousands of leases fit.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid, an address cannot be listened on, or the journal cannot
/// be used.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens and recovers the jobs, but does not accept yet. Who finds an address taken has not
/// touched the journal.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let mut config = Config::clone(&live.get());
    config.validate()?;
    // Defect: nobody has set this bound.
    if config.defects.contains(&Defect::UnboundedConnections) {
        config.http.connections_max = usize::MAX;
    }
    let has = |defect| config.defects.contains(&defect);
    // Defect: the journal is read and repaired before anything says that it is another one's.
    let early = if has(Defect::UnlockedJournal) { Some(recover(&config).await?) } else { None };
    let http = Http::bind(&config.listen, &config.http).await?;
    let grpc = Grpc::bind(&config.listen_workers, &config.grpc).await?;
    let kept = match early {
        Some(kept) => kept,
        None => recover(&config).await?,
    };
    Ok(Bound { http, grpc, kept, live })
}

/// The jobs of the journal.
async fn recover(config: &Config) -> Result<Kept<Ledger>, Error> {
    let has = |defect| config.defects.contains(&defect);
    // Defect: no job that is done is remembered.
    let mut ledger = Ledger::new(if has(Defect::ForgetsDone) { 0 } else { config.done_max });
    ledger.replay_keeps_failures = has(Defect::ReplayKeepsAttempts);
    let access = if has(Defect::UnlockedJournal) { Access::Shared } else { Access::Alone };
    let kept = Kept::open(&config.journal, ledger, config.compact_bytes_min, access).await;
    let kept = kept.map_err(|source| Error::Journal { path: config.journal.clone(), source })?;
    if has(Defect::UnsyncedRewrite) {
        return Ok(kept.leaving_unsynced(Unsynced::Rewrites));
    }
    Ok(kept)
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    grpc: Grpc,
    kept: Kept<Ledger>,
    live: Live<Config>,
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
        self.grpc.local_addr()
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
        let Self { http, grpc, kept, live } = self;
        let config = live.get();
        tracing::info!(
            address = %http.local_addr(), workers = %grpc.local_addr(), jobs = kept.state.len(),
            "listening"
        );
        let (metrics, mut registry) = Metrics::new();
        live.register(&mut registry);
        tls::register(&mut registry, [("http", http.tls()), ("grpc", grpc.tls())]);
        let (handle, commands) = Handle::new(config.in_flight_max);
        let handle = Arc::new(handle);
        let workers = Workers {
            handle: Arc::clone(&handle),
            lease: config.lease(),
            wait_max: Duration::from_millis(config.wait_ms_max),
            cpu: config.cpu(),
        };
        let mut probes = Probes::new(registry);
        // Defect: whether it can do its work is another question.
        if !config.defects.contains(&Defect::ReadyWithoutDisk) {
            probes = probes.unready_while(kept.refused(), DISK_REFUSES);
        }
        let api = Arc::new(Api::new(live.clone(), Arc::clone(&handle), metrics.clone(), probes));
        let drain = Duration::from_millis(config.drain_ms);
        // Ends with the service, however that ends.
        let mut core = JoinSet::new();
        core.spawn(Core::new(live, kept, metrics).run(commands));
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
        let router = grpc.router(health, QueueServer::<Workers>::NAME).add_service(workers);
        let serve_http = http.serve(Arc::clone(&api), stop_of(stopped.clone()), drain);
        let health = (reporter, QueueServer::<Workers>::NAME);
        let serve_grpc = grpc::serve_until(router, grpc, health, stop_of(stopped), || (), drain);
        let (asked, (), served) = tokio::join!(asked, serve_http, serve_grpc);
        drop((api, handle));
        // Nobody can ask any more: what is in hand is committed, then it ends.
        if let Some(Err(error)) = core.join_next().await {
            std::panic::resume_unwind(error.into_panic());
        }
        if !served?.in_time {
            tracing::warn!("cut off calls that did not end in time");
        }
        tracing::info!("stopped");
        asked
    }
}
