//! The life of the orders: bind, recover, resume, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinSet};

use super::{
    Config,
    consumer::Consumer,
    desk::{self, Desk},
    http::Api,
    ledger::{Ledger, Terms},
    metrics::Metrics,
    relay::relay,
    work::Work,
};
use crate::{
    config::{Config as _, Live},
    journal::{Access, Keeper, Kept, keep},
    server::{Error, Http, Probes},
};

/// Why orders are not taken.
const DISK_REFUSES: &str = "the disk refuses what is written to the journal";

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid, the address cannot be listened on, or the journal cannot be
/// used.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens and recovers the orders, but does not accept yet. Who finds the address taken has not
/// touched the journal.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let http = Http::bind(&config.listen, &config.http).await?;
    let ledger = Ledger::new(Terms::of(&config));
    let kept = Kept::open(&config.journal, ledger, config.compact_bytes_min, Access::Alone).await;
    let kept = kept.map_err(|source| Error::Journal { path: config.journal.clone(), source })?;
    Ok(Bound { http, kept, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    kept: Kept<Ledger>,
    live: Live<Config>,
}

impl Bound {
    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// Serves until the process is asked to terminate.
    ///
    /// # Errors
    ///
    /// When the signal cannot be waited for.
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_until(async { squall_os::signal::terminate().await.map_err(Error::Signal) })
            .await
    }

    /// Takes up the orders that are open, and serves until `stop` completes. Then it takes no more, lets
    /// sagas go on for a while, and leaves the rest to the next start.
    ///
    /// # Errors
    ///
    /// As `stop`, after that.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { http, kept, live } = self;
        let config = live.get();
        let open: Vec<_> = kept.state.open().cloned().collect();
        tracing::info!(address = %http.local_addr(), orders = open.len(), "listening");
        let (metrics, mut registry) = Metrics::new();
        live.register(&mut registry);
        let probes = Probes::new(registry).unready_while(kept.refused(), DISK_REFUSES);
        let probes = Arc::new(probes);
        let (keeper, questions) = Keeper::new();
        let written = Arc::new(Notify::new());
        // These end with the service, however that ends.
        let (mut core, mut relaying) = (JoinSet::new(), JoinSet::new());
        let (shown, wakes) = (metrics.clone(), Arc::clone(&written));
        core.spawn(keep(kept, questions, move |ledger: &Ledger, committed| {
            if committed.is_err() {
                shown.disk_failures.inc();
            }
            shown.show(ledger);
            if ledger.unsent() > 0 {
                wakes.notify_one();
            }
        }));
        let consumer = Consumer::new(config.notifications()?, config.call_timeout());
        relaying.spawn(relay(keeper.clone(), consumer.clone(), live.clone(), written));
        let (desk, handed_in) = Desk::new();
        let drain = Duration::from_millis(config.drain_ms);
        let (asks, counts) = (keeper.clone(), metrics.clone());
        let api = Arc::new(Api::new(live.clone(), desk, asks, counts, Arc::clone(&probes)));
        let work = Arc::new(Work::new(live, keeper, consumer, metrics)?);
        let mut asked = Ok(());
        let stopping = async {
            asked = stop.await;
            probes.drain();
            tracing::info!("draining");
        };
        let serving = async {
            http.serve(Arc::clone(&api), stopping, drain).await;
            drop(api);
        };
        tokio::join!(serving, desk::serve(work, open, handed_in, drain));
        // What was not sent is sent after the next start.
        relaying.shutdown().await;
        // Nobody can ask any more: what is in hand is committed, then it ends.
        if let Some(Err(error)) = core.join_next().await {
            std::panic::resume_unwind(error.into_panic());
        }
        tracing::info!("stopped");
        asked
    }
}
