//! The life of the store: bind, recover, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tonic::server::NamedService;

use super::{Config, Defect, core::Core, grpc::Calls, metrics::Metrics, results::Results};
use crate::{
    config::{Config as _, Live},
    journal::{Access, Kept, Unsynced},
    pb::results::results_server::ResultsServer,
    server::{Error, Grpc, Http, Probes, grpc},
    tls,
};

/// Commands that have not been taken yet; further calls wait.
const COMMANDS_MAX: usize = 1024;

/// Why a store is not ready that cannot keep a result.
const DISK_REFUSES: &str = "the disk refuses what is written to the journal";

/// What a request has besides its result.
const REQUEST_BYTES: usize = 1024;

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid, an address cannot be listened on, or the journal cannot
/// be used.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens and recovers the results, but does not accept yet. Who finds an address taken has not
/// touched the journal.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let http = Http::bind(&config.listen_probes, &config.http).await?;
    let grpc = Grpc::bind(&config.listen, &config.grpc).await?;
    let (results, bytes_min) = (Results::default(), config.compact_bytes_min);
    let kept = Kept::open(&config.journal, results, bytes_min, Access::Alone).await;
    let mut kept =
        kept.map_err(|source| Error::Journal { path: config.journal.clone(), source })?;
    if config.defects.contains(&Defect::NeverSyncs) {
        kept = kept.leaving_unsynced(Unsynced::Batches);
    }
    Ok(Bound { http, grpc, kept, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    grpc: Grpc,
    kept: Kept<Results>,
    live: Live<Config>,
}

impl Bound {
    /// The address that was bound for calls.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.grpc.local_addr()
    }

    /// The address that was bound for probes.
    #[must_use]
    pub fn probes_addr(&self) -> SocketAddr {
        self.http.local_addr()
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
            address = %grpc.local_addr(), probes = %http.local_addr(), results = kept.state.len(),
            "listening"
        );
        let (metrics, mut registry) = Metrics::new();
        live.register(&mut registry);
        tls::register(&mut registry, [("http", http.tls()), ("grpc", grpc.tls())]);
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let result_bytes_max = config.result_bytes_max;
        let cpu = config.cpu();
        let calls = Calls { commands: sender, result_bytes_max, cpu, metrics: metrics.clone() };
        let probes = Probes::new(registry).unready_while(kept.refused(), DISK_REFUSES);
        let probes = Arc::new(probes);
        let drain = Duration::from_millis(config.drain_ms);
        // Ends with the service, however that ends.
        let mut core = JoinSet::new();
        core.spawn(Core::new(live, kept, metrics).run(commands));
        let (stopping, stopped) = watch::channel(());
        let asked = async {
            let asked = stop.await;
            probes.drain();
            tracing::info!("draining");
            stopping.send_replace(());
            asked
        };
        let stop_of = |mut stopped: watch::Receiver<()>| async move {
            // The sender is kept until both have ended.
            let _ = stopped.changed().await;
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        let bytes_max = result_bytes_max + REQUEST_BYTES;
        let calls = ResultsServer::new(calls).max_decoding_message_size(bytes_max);
        let router = grpc.router(health, ResultsServer::<Calls>::NAME).add_service(calls);
        let serve_http = http.serve(Arc::clone(&probes), stop_of(stopped.clone()), drain);
        let health = (reporter, ResultsServer::<Calls>::NAME);
        let serve_grpc = grpc::serve_until(router, grpc, health, stop_of(stopped), || (), drain);
        let (asked, (), served) = tokio::join!(asked, serve_http, serve_grpc);
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
