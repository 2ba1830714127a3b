//! A service with two interfaces: gRPC for other services, and HTTP for probes and operators.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;
use tonic::transport::server::Router;
use tonic_health::{
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use super::{
    error::Error,
    grpc::{self, Grpc, Limits as GrpcLimits},
    http::{Handler, Http, Limits},
};

/// Both, listening.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub(crate) struct Both {
    grpc: Grpc,
    http: Http,
}

impl Both {
    /// Listens on an address for each, but does not accept yet.
    pub(crate) async fn bind(
        (grpc, grpc_limits): (&str, &GrpcLimits),
        (http, limits): (&str, &Limits),
    ) -> Result<Self, Error> {
        Ok(Self {
            http: Http::bind(http, limits).await?,
            grpc: Grpc::bind(grpc, grpc_limits).await?,
        })
    }

    /// The address for gRPC.
    pub(crate) fn grpc_addr(&self) -> SocketAddr {
        self.grpc.local_addr()
    }

    /// The address for HTTP.
    pub(crate) fn http_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// What the gRPC server answers besides the service with this name.
    pub(crate) fn router(&self, health: HealthServer<impl Health>, name: &str) -> Router {
        self.grpc.router(health, name)
    }

    /// Serves both until `stop` completes. Then it calls `draining`, and both take no more and let what is
    /// in flight end within `drain`.
    pub(crate) async fn serve_until(
        self,
        router: Router,
        health: (HealthReporter, &'static str),
        handler: Arc<impl Handler>,
        (stop, draining): (impl Future<Output = Result<(), Error>>, impl FnOnce()),
        drain: Duration,
    ) -> Result<(), Error> {
        let (stopping, stopped) = watch::channel(());
        let asked = async {
            let asked = stop.await;
            draining();
            tracing::info!("draining");
            stopping.send_replace(());
            asked
        };
        let stop_of = |mut stopped: watch::Receiver<()>| async move {
            // The sender is kept until both have ended.
            let _ = stopped.changed().await;
        };
        let serve_http = self.http.serve(handler, stop_of(stopped.clone()), drain);
        let serve_grpc =
            grpc::serve_until(router, self.grpc, health, stop_of(stopped), || (), drain);
        let (asked, (), served) = tokio::join!(asked, serve_http, serve_grpc);
        if !served?.in_time {
            tracing::warn!("cut off calls that did not end in time");
        }
        asked
    }
}
