//! The life of the service: bind, serve, stop listening, drain, end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Config, Defect, Error, http::Api};
use crate::{
    config::{Config as _, Live},
    server::{Http, Limits},
    tls::Trust,
};

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid or the address cannot be listened on.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    let mut replaced = config.changes();
    let drops = config.get().defects.contains(&Defect::ReloadDropsConnections);
    loop {
        let service = bind(config.clone()).await?;
        tokio::select! {
            biased;
            ended = service.serve() => return ended,
            // Defect: what has another configuration is another service, in the place of this one.
            Ok(()) = replaced.changed(), if drops => {}
        }
    }
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
    // Defect: nobody has set this bound.
    let unlimited = config.defects.contains(&Defect::NoConnectionLimit);
    let limits = Limits {
        connections_max: if unlimited { usize::MAX } else { config.connections_max },
        header_timeout_ms: config.header_timeout_ms,
        header_bytes_max: config.header_bytes_max,
        headers_max: config.headers_max,
        tls: config.tls.clone(),
        ..Limits::default()
    };
    let unverified = config.defects.contains(&Defect::AcceptsAnyCertificate);
    let trust = match &config.upstreams.tls {
        Some(tls) => Some(Trust::new(tls, unverified).await?),
        None => None,
    };
    let http = Http::bind(&config.listen, &limits).await?;
    let api = Arc::new(Api::new(live.clone(), http.tls(), trust.as_ref())?);
    Ok(Bound { http, api, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    http: Http,
    api: Arc<Api>,
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
        let Self { http, api, live } = self;
        let config = live.get();
        tracing::info!(address = %http.local_addr(), "listening");
        let mut stopped = Ok(());
        let stop = async {
            stopped = stop.await;
            api.drain();
            sleep(Duration::from_millis(config.stop_delay_ms)).await;
            tracing::info!("draining");
        };
        // Defect: the signal is taken for a kill.
        let cut_off = config.defects.contains(&Defect::CutOffAtStop);
        let drain = Duration::from_millis(if cut_off { 0 } else { config.drain_ms });
        let beside = async { tokio::join!(api.warm_up(), api.watch()) };
        tokio::select! {
            biased;
            () = http.serve(Arc::clone(&api), stop, drain) => {}
            _ = beside => {}
        }
        tracing::info!("stopped");
        stopped
    }
}
