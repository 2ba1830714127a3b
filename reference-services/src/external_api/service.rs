//! The life of the external API: bind, serve, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::{Config, http::Api};
use crate::{
    config::{Config as _, Live},
    server::{Error, Http},
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
    Ok(Bound { http, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
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

    /// Serves until `stop` completes, then drains.
    ///
    /// # Errors
    ///
    /// As `stop`, after the drain.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        tracing::info!(address = %self.local_addr(), "listening");
        let drain = Duration::from_millis(self.live.get().drain_ms);
        let api = Arc::new(Api::new(self.live, self.http.tls()));
        let mut stopped = Ok(());
        let stop = async {
            stopped = stop.await;
            api.probes.drain();
            tracing::info!("draining");
        };
        self.http.serve(Arc::clone(&api), stop, drain).await;
        tracing::info!("stopped");
        stopped
    }
}
