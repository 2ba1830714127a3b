//! The life of the store: recover, bind, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tonic::server::NamedService;

use super::{Config, Defect, core::Core, grpc::Calls, metrics::Metrics, results::Results};
use crate::{
    config::Config as _,
    journal::{Kept, Unsynced},
    pb::results::results_server::ResultsServer,
    server::{Error, Http, Probes, grpc, listen},
};

/// Commands that have not been taken yet; further calls wait.
const COMMANDS_MAX: usize = 1024;

/// What a request has besides its result.
const REQUEST_BYTES: usize = 1024;

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid, an address cannot be listened on, or the journal cannot
/// be used.
pub async fn run(config: Config) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Recovers the results and listens, but does not accept yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: Config) -> Result<Bound, Error> {
    config.validate()?;
    let kept = Kept::open(&config.journal, Results::default(), config.compact_bytes_min).await;
    let mut kept =
        kept.map_err(|source| Error::Journal { path: config.journal.clone(), source })?;
    if config.defects.contains(&Defect::NeverSyncs) {
        kept = kept.leaving_unsynced(Unsynced::Batches);
    }
    let http = Http::bind(&config.listen_probes, &config.http).await?;
    let (grpc, grpc_address) = listen(&config.listen).await?;
    Ok(Bound { http, grpc, grpc_address, kept, config })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    grpc: TcpListener,
    grpc_address: SocketAddr,
    kept: Kept<Results>,
    config: Config,
}

impl Bound {
    /// The address that was bound for calls.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.grpc_address
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
        let Self { http, grpc, grpc_address, kept, config } = self;
        tracing::info!(
            address = %grpc_address, probes = %http.local_addr(), results = kept.state.len(),
            "listening"
        );
        let (metrics, registry) = Metrics::new();
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let result_bytes_max = config.result_bytes_max;
        let cpu = config.cpu();
        let calls = Calls { commands: sender, result_bytes_max, cpu, metrics: metrics.clone() };
        let probes = Arc::new(Probes::new(registry));
        let drain = Duration::from_millis(config.drain_ms);
        let core = tokio::spawn(Core::new(config, kept, metrics).run(commands));
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
        let router = grpc::server().add_service(health).add_service(calls);
        let serve_http = http.serve(Arc::clone(&probes), stop_of(stopped.clone()), drain);
        let health = (reporter, ResultsServer::<Calls>::NAME);
        let serve_grpc = grpc::serve_until(router, grpc, health, stop_of(stopped), || (), drain);
        let (asked, (), served) = tokio::join!(asked, serve_http, serve_grpc);
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
