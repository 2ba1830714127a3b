//! The life of a dependency: bind, serve with health, stop, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tonic::transport::server::Router;

use super::{
    Config, Defect, Error, Kind,
    behaviour::Behaviour,
    handlers::Handlers,
    stock::{Store, keep_changing},
};
use crate::{
    config::{Config as _, Live},
    pb::{
        inventory::inventory_server::InventoryServer, pricing::pricing_server::PricingServer,
        recommendations::recommendations_server::RecommendationsServer,
        reviews::reviews_server::ReviewsServer,
    },
    server::{Grpc, grpc},
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
    let mut limits = config.grpc.clone();
    if let Some(tls) = &mut limits.tls {
        if config.defects.contains(&Defect::NeverReloadsCertificates) {
            // Defect: nobody looks at the files again.
            tls.reload_ms = u64::MAX;
        }
        if config.defects.contains(&Defect::ClientCertificateOptional) {
            // Defect: nobody is asked for a certificate.
            tls.client_authority = None;
        }
    }
    let grpc = Grpc::bind(&config.address(), &limits).await?;
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
        let kind = config.kind;
        tracing::info!(dependency = kind.name(), address = %grpc.local_addr(), "listening");
        let (reporter, health) = tonic_health::server::health_reporter();
        let stock = Arc::new(Store::new(config.stock.clone(), config.cpu_us, |it| {
            config.defects.contains(&it)
        }));
        let handlers = Handlers {
            kind,
            stock: Arc::clone(&stock),
            products: config.products,
            behaviour: Arc::new(Behaviour::new(live)),
            works_for_nobody: config.defects.contains(&Defect::WorksForNobody),
        };
        let draining = || {
            tracing::info!(dependency = kind.name(), "draining");
            stock.stop();
        };
        let name = service_name(kind);
        let served = grpc::serve_until(
            router(grpc.router(health, name), handlers),
            grpc,
            (reporter, name),
            stop,
            draining,
            Duration::from_millis(config.drain_ms),
        );
        let changes = async {
            match kind {
                Kind::Inventory => keep_changing(&stock).await,
                _ => std::future::pending().await,
            }
        };
        let stopped = tokio::select! {
            biased;
            served = served => served?,
            never = changes => match never {},
        };
        if !stopped.in_time {
            tracing::warn!("cut off what did not end in time");
        }
        tracing::info!(dependency = kind.name(), "stopped");
        stopped.asked.unwrap_or(Ok(()))
    }
}

fn router(router: Router, handlers: Handlers) -> Router {
    match handlers.kind {
        Kind::Inventory => router.add_service(
            InventoryServer::new(handlers).max_decoding_message_size(REQUEST_BYTES_MAX),
        ),
        Kind::Pricing => router
            .add_service(PricingServer::new(handlers).max_decoding_message_size(REQUEST_BYTES_MAX)),
        Kind::Reviews => router
            .add_service(ReviewsServer::new(handlers).max_decoding_message_size(REQUEST_BYTES_MAX)),
        Kind::Recommendations => router.add_service(
            RecommendationsServer::new(handlers).max_decoding_message_size(REQUEST_BYTES_MAX),
        ),
    }
}

fn service_name(kind: Kind) -> &'static str {
    use tonic::server::NamedService;
    match kind {
        Kind::Inventory => InventoryServer::<Handlers>::NAME,
        Kind::Pricing => PricingServer::<Handlers>::NAME,
        Kind::Reviews => ReviewsServer::<Handlers>::NAME,
        Kind::Recommendations => RecommendationsServer::<Handlers>::NAME,
    }
}
