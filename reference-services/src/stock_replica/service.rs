//! The life of a replica: bind, follow, serve, stop, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;
use tonic::{server::NamedService, transport::Channel};

use super::{
    Config,
    follow::{connect, follow},
    grpc::Calls,
    http::Api,
    metrics::Metrics,
    shared::Shared,
};
use crate::{
    config::{Config as _, Live},
    pb::inventory::{inventory_client::InventoryClient, inventory_server::InventoryServer},
    server::{Error, Grpc, Http, Probes, grpc},
};

/// No request is near this.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Why a replica is not ready at first.
const NO_COPY: &str = "there is no copy of the stock yet";

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid or an address cannot be listened on.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens, but neither accepts nor follows yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let http = Http::bind(&config.listen, &config.http).await?;
    let grpc = Grpc::bind(&config.listen_grpc, &config.grpc).await?;
    let inventory = connect(&config)?;
    Ok(Bound { http, grpc, inventory, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    grpc: Grpc,
    inventory: InventoryClient<Channel>,
    live: Live<Config>,
}

impl Bound {
    /// The address that was bound for HTTP.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// The address that was bound for gRPC.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
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
        let Self { http, grpc, inventory, live } = self;
        let config = live.get();
        tracing::info!(address = %http.local_addr(), calls = %grpc.local_addr(), "listening");
        let (metrics, mut registry) = Metrics::new();
        live.register(&mut registry);
        let shared = Shared::new(config.products, config.unnoticed(), config.stale_max(), metrics);
        let shared = Arc::new(shared);
        let probes = Probes::new(registry).unready_while(shared.unready(), NO_COPY);
        let api = Arc::new(Api { probes, shared: Arc::clone(&shared), cpu: config.cpu() });
        let drain = Duration::from_millis(config.drain_ms);
        let (stopping, stopped) = watch::channel(());
        let asked = async {
            let asked = stop.await;
            api.probes.drain();
            tracing::info!("draining");
            stopping.send_replace(());
            asked
        };
        let stop_of = |mut stopped: watch::Receiver<()>| async move {
            // The sender is kept until both have ended.
            let _ = stopped.changed().await;
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        let calls = Calls {
            shared: Arc::clone(&shared),
            inventory: inventory.clone(),
            config: live.clone(),
        };
        let name = InventoryServer::<Calls>::NAME;
        let calls = InventoryServer::new(calls).max_decoding_message_size(REQUEST_BYTES_MAX);
        let router = grpc.router(health, name).add_service(calls);
        let serve_http = http.serve(Arc::clone(&api), stop_of(stopped.clone()), drain);
        let health = (reporter, name);
        let serve_grpc = grpc::serve_until(router, grpc, health, stop_of(stopped), || (), drain);
        let serving = async { tokio::join!(asked, serve_http, serve_grpc) };
        // It is followed until the last answer is given.
        let (asked, (), served) = tokio::select! {
            biased;
            served = serving => served,
            never = follow(shared, inventory, live) => match never {},
        };
        if !served?.in_time {
            tracing::warn!("cut off calls that did not end in time");
        }
        tracing::info!("stopped");
        asked
    }
}
