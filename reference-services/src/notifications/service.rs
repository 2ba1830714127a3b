//! The life of the notifications: bind, recover, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tonic::server::NamedService;

use super::{Config, Defect, grpc::Deliveries, http::Operators, inbox::Inbox, metrics::Metrics};
use crate::{
    config::{Config as _, Live},
    journal::{Access, Keeper, Kept, keep},
    pb::notifications::notifications_server::NotificationsServer,
    server::{Both, Error, Probes},
};

/// Why a service is not ready that cannot take an event.
const DISK_REFUSES: &str = "the disk refuses what is written to the journal";

/// As many events as one delivery may have fit, each as large as it may be.
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

/// Listens and recovers the inbox, but does not accept yet. Who finds an address taken has not
/// touched the journal.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let (grpc, http) = ((&*config.listen, &config.grpc), (&*config.listen_http, &config.http));
    let both = Both::bind(grpc, http).await?;
    let mut inbox = Inbox::new(config.events_max);
    inbox.tells_again = config.defects.contains(&Defect::NotifiesTwice);
    let kept = Kept::open(&config.journal, inbox, config.compact_bytes_min, Access::Alone).await;
    let kept = kept.map_err(|source| Error::Journal { path: config.journal.clone(), source })?;
    Ok(Bound { both, kept, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    both: Both,
    kept: Kept<Inbox>,
    live: Live<Config>,
}

impl Bound {
    /// The address that was bound for events.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.both.grpc_addr()
    }

    /// The address that was bound for operators and probes.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.both.http_addr()
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
        let Self { both, kept, live } = self;
        let config = live.get();
        tracing::info!(
            address = %both.grpc_addr(), http = %both.http_addr(), events = kept.state.len(),
            "listening"
        );
        let (metrics, mut registry) = Metrics::new();
        live.register(&mut registry);
        let probes = Probes::new(registry).unready_while(kept.refused(), DISK_REFUSES);
        let probes = Arc::new(probes);
        let (keeper, questions) = Keeper::new();
        // Ends with the service, however that ends.
        let mut core = JoinSet::new();
        let shown = metrics.clone();
        core.spawn(keep(kept, questions, move |inbox: &Inbox, committed| {
            if committed.is_err() {
                shown.disk_failures.inc();
            }
            shown.show(inbox);
        }));
        let deliveries = Deliveries { keeper: keeper.clone(), cpu: config.cpu(), metrics };
        let deliveries =
            NotificationsServer::new(deliveries).max_decoding_message_size(REQUEST_BYTES_MAX);
        let (reporter, health) = tonic_health::server::health_reporter();
        let name = NotificationsServer::<Deliveries>::NAME;
        let router = both.router(health, name).add_service(deliveries);
        let operators = Arc::new(Operators { keeper, probes: Arc::clone(&probes) });
        let health = (reporter, name);
        let drain = Duration::from_millis(config.drain_ms);
        let asked =
            both.serve_until(router, health, operators, (stop, || probes.drain()), drain).await;
        // Nobody can ask any more: what is in hand is committed, then it ends.
        if let Some(Err(error)) = core.join_next().await {
            std::panic::resume_unwind(error.into_panic());
        }
        tracing::info!("stopped");
        asked
    }
}
