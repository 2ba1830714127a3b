//! The life of a worker host: listen for probes, work, stop, hand back, end.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::watch;

use super::{
    Config, Defect, api::ExternalApi, broker::Broker, held::Held, job::Work, metrics::Metrics,
    pool, store::ResultStore,
};
use crate::{
    breaker::Breaker,
    config::{Config as _, Live},
    server::{Error, Http, Probes},
    tls::{self, Trust},
};

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid or the address cannot be listened on.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens for probes, but does not work yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let http = Http::bind(&config.listen, &config.http).await?;
    let trust = match &config.tls {
        Some(tls) => Some(Trust::new(tls, false).await?),
        None => None,
    };
    let (metrics, mut registry) = Metrics::new(config.concurrency);
    live.register(&mut registry);
    let trust = trust.as_ref();
    tls::register(&mut registry, [("http", http.tls()), ("client", trust.map(Trust::metrics))]);
    let rpc = config.rpc_timeout();
    let mut breaker = config.breaker.clone();
    if config.has(Defect::NoBreaker) {
        // Defect: no number of failures is enough.
        breaker.calls_min = u32::MAX;
    }
    let work = Work {
        queue: Broker::new(config.queue()?, trust, config.name.clone(), config.wait_ms, rpc),
        api: ExternalApi::new(live.clone(), &config.external_api()?, trust),
        store: ResultStore::new(config.result_store()?, trust, rpc),
        breaker: Breaker::new("external-api", &breaker, metrics.breaker.clone()),
        held: Arc::new(Held::default()),
        metrics,
        config: live,
    };
    Ok(Bound { http, probes: Probes::new(registry), work: Arc::new(work) })
}

/// A worker host that is ready to work.
#[derive(Debug)]
#[must_use = "no job is taken until it serves"]
pub struct Bound {
    http: Http,
    probes: Probes,
    work: Arc<Work<Broker>>,
}

impl Bound {
    /// The address that was bound for probes.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// Works until the process is asked to terminate.
    ///
    /// # Errors
    ///
    /// When the signal cannot be waited for.
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_until(async { squall_os::signal::terminate().await.map_err(Error::Signal) })
            .await
    }

    /// Works until `stop` completes, then takes no more jobs, finishes those in flight and hands
    /// back the rest.
    ///
    /// # Errors
    ///
    /// As `stop`, after that.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { http, probes, work } = self;
        tracing::info!(address = %http.local_addr(), worker = work.config.get().name, "listening");
        let probes = Arc::new(probes);
        let (stopping, stopped) = watch::channel(());
        let asked = async {
            let asked = stop.await;
            if work.config.get().has(Defect::IgnoresShutdown) {
                // Defect: nobody has told the pool.
                std::future::pending::<()>().await;
            }
            probes.drain();
            stopping.send_replace(());
            asked
        };
        // Probes are answered until all else is done: that is what they are for.
        let (ending, mut ended) = watch::channel(());
        let work = async {
            pool::run(Arc::clone(&work), stopped).await;
            ending.send_replace(());
        };
        let stop_probes = async {
            // The sender is kept until this has ended.
            let _ = ended.changed().await;
        };
        let serving = http.serve(Arc::clone(&probes), stop_probes, std::time::Duration::ZERO);
        let (asked, (), ()) = tokio::join!(asked, work, serving);
        tracing::info!("stopped");
        asked
    }
}
