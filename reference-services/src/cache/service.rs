//! The life of a pod: bind, warm up and serve, stop listening, drain, end.

use std::{net::SocketAddr, sync::Arc};

use hyper::service::service_fn;
use tokio::task::JoinSet;

use super::{Config, http::handle, state::Cache, warm_up};
use crate::{
    config::{Config as _, Live},
    server::{Error, Http},
    tls::Trust,
};

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
    let http = Http::bind(&config.listen, &config.http).await?;
    let trust = match &config.tls {
        Some(tls) => Some(Trust::new(tls, false).await?),
        None => None,
    };
    let cache = Arc::new(Cache::new(live, http.tls(), trust.as_ref())?);
    Ok(Bound { http, cache })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    cache: Arc<Cache>,
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

    /// Serves until `stop` completes, then drains.
    ///
    /// # Errors
    ///
    /// As `stop`, after the drain; or when the version is one that crashes.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { http, cache } = self;
        tracing::info!(address = %http.local_addr(), version = cache.config.get().version, "listening");
        let mut background = JoinSet::new();
        background.spawn({
            let cache = Arc::clone(&cache);
            async move {
                warm_up::warm_up(&cache).await;
                let config = cache.config.get();
                tokio::select! {
                    () = warm_up::keep_fresh(&cache) => {}
                    () = config.trouble.crash() => {}
                }
            }
        });
        let mut stopped = Ok(());
        let stop = async {
            stopped = stop.await;
            cache.stop();
            tracing::info!("draining");
        };
        let service = |_| {
            let cache = Arc::clone(&cache);
            service_fn(move |request| handle(Arc::clone(&cache), request))
        };
        tokio::select! {
            biased;
            () = http.serve_each(service, stop, cache.drain()) => {}
            // It keeps the cache fresh for ever, unless the version is one that crashes.
            _ = background.join_next() => return Err(Error::Crashed),
        }
        tracing::info!("stopped");
        stopped
    }
}
