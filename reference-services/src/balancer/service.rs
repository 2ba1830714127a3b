//! The life of the load balancer: bind both ports, serve, stop listening, drain, end.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::HeaderValue;
use hyper::service::service_fn;
use tokio::{sync::oneshot, time::sleep};

use super::{Config, admin::Admin, forward::Proxy};
use crate::{
    config::{Config as _, Live},
    server::{Error, Http, Limits},
};

/// Runs the service until it is asked to terminate.
///
/// # Errors
///
/// When the configuration is invalid or an address cannot be listened on.
pub async fn run(config: Live<Config>) -> Result<(), Error> {
    bind(config).await?.serve().await
}

/// Listens on both ports, but does not accept yet.
///
/// # Errors
///
/// As [`run`].
pub async fn bind(config: impl Into<Live<Config>>) -> Result<Bound, Error> {
    let live = config.into();
    let config = live.get();
    config.validate()?;
    let public = Http::bind(&config.listen, &config.http).await?;
    // What the orchestrator says is not for clients, whatever they are certified as.
    let limits = Limits { body_bytes_max: 256 * 1024, tls: None, ..config.http.clone() };
    let admin = Http::bind(&config.admin, &limits).await?;
    Ok(Bound { public, admin, limits, live })
}

/// A service that listens.
#[derive(Debug)]
#[must_use = "nothing is answered until it serves"]
pub struct Bound {
    public: Http,
    admin: Http,
    /// Of the admin port.
    limits: Limits,
    live: Live<Config>,
}

impl Bound {
    /// The address for clients that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.public.local_addr()
    }

    /// The address for the orchestrator that was bound.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.local_addr()
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

    /// Serves until `stop` completes, then drains. The admin port answers until the end.
    ///
    /// # Errors
    ///
    /// As `stop`, after the drain.
    pub async fn serve_until(
        self,
        stop: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let Self { public, admin, limits, live } = self;
        let config = live.get();
        tracing::info!(address = %public.local_addr(), admin = %admin.local_addr(), "listening");
        let drain = Duration::from_millis(config.drain_ms);
        let delay = Duration::from_millis(config.stop_delay_ms);
        let proxy = Arc::new(Proxy::new(live, public.tls()));
        let public = public.leaves_open(proxy.defects.stops_late);
        let mut stopped = Ok(());
        let stop = async {
            stopped = stop.await;
            proxy.stop();
            sleep(delay).await;
            tracing::info!("draining");
        };
        let service = |peer: SocketAddr| {
            let proxy = Arc::clone(&proxy);
            // An address is plain text.
            let peer = HeaderValue::from_str(&peer.ip().to_string());
            let peer = peer.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
            service_fn(move |request| {
                let (proxy, peer) = (Arc::clone(&proxy), peer.clone());
                async move { Ok::<_, Infallible>(proxy.handle(request, &peer).await) }
            })
        };
        let (done, drained) = oneshot::channel::<()>();
        let clients = async {
            public.serve_each(service, stop, drain).await;
            drop(done);
        };
        let until = async {
            // It is dropped, never sent.
            let _ = drained.await;
        };
        let handler = Arc::new(Admin::new(Arc::clone(&proxy), limits));
        tokio::join!(clients, admin.serve(handler, until, Duration::from_secs(1)));
        tracing::info!("stopped");
        stopped
    }
}
