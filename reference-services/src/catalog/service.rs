//! The life of the catalog source: bind, serve with health, stop, drain, end.

use std::{net::SocketAddr, num::NonZeroU64, sync::Arc, time::Duration};

use tonic::server::NamedService;

use super::{Config, handlers::Handlers};
use crate::{
    config::{Config as _, Live},
    dependency::Behaviour,
    pb::catalog::catalog_server::CatalogServer,
    server::{Error, Grpc, grpc},
};

/// No request is near this.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid or the address cannot be listened on.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens, but does not accept yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let grpc = Grpc::bind(&config.listen, &config.grpc).await?;
    Ok(Bound { grpc, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    grpc: Grpc,
    live: Live<Config>,
}

impl Bound {
    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.grpc.local_addr()
    }

    /// Serves until the process is asked to terminate.
    ///
    /// # Errors
    ///
    /// When the signal cannot be waited for or the server fails.
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_until(async { squall_os::signal::terminate().await.map_err(Error::Signal) })
            .await
    }

    /// Serves until `stop` completes, then drains.
    ///
    /// # Errors
    ///
    /// As `stop`, after the drain; or when the server fails.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { grpc, live } = self;
        let config = live.get();
        tracing::info!(address = %grpc.local_addr(), "listening");
        let (reporter, health) = tonic_health::server::health_reporter();
        let handlers = Handlers {
            items: config.items,
            page_size: config.page_size,
            changes_every_ms: NonZeroU64::new(config.changes_every_ms),
            behaviour: Arc::new(Behaviour::new(live.map(Config::behaviour))),
        };
        let catalog = CatalogServer::new(handlers).max_decoding_message_size(REQUEST_BYTES_MAX);
        let stopped = grpc::serve_until(
            grpc.router(health, CatalogServer::<Handlers>::NAME).add_service(catalog),
            grpc,
            (reporter, CatalogServer::<Handlers>::NAME),
            stop,
            || tracing::info!("draining"),
            Duration::from_millis(config.drain_ms),
        )
        .await?;
        if !stopped.in_time {
            tracing::warn!("cut off what did not end in time");
        }
        tracing::info!("stopped");
        stopped.asked.unwrap_or(Ok(()))
    }
}
