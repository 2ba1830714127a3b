//! What the gRPC services share: a tuned server, and its graceful stop.

use std::time::Duration;

use tokio::{net::TcpListener, sync::Notify};
use tonic::transport::{
    Error, Server,
    server::{Router, TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

/// What a trailer says of retries: milliseconds after which to come again, or a negative number
/// for not to (gRFC A6).
pub(crate) const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Room for every call that the API's bulkhead lets through. Calls that ran into their deadline
/// are resets; while this process is paused they pile up, and h2 would take that for an attack.
pub(crate) fn server() -> Server {
    Server::builder()
        .max_concurrent_streams(1024)
        .initial_connection_window_size(1024 * 1024)
        .http2_max_pending_accept_reset_streams(Some(4096))
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
}

/// How a server came to its end.
#[derive(Debug)]
pub(crate) struct Stopped<T> {
    /// What `stop` completed with; nothing if the server ended by itself.
    pub(crate) asked: Option<T>,
    /// Did all that was in flight end in time?
    pub(crate) in_time: bool,
}

/// Serves until `stop` completes. Then it calls `draining`, is no longer healthy, takes no more
/// calls, and lets those in flight end within `drain`.
///
/// # Errors
///
/// When the server fails.
pub(crate) async fn serve_until<T>(
    router: Router,
    listener: TcpListener,
    (reporter, service): (HealthReporter, &'static str),
    stop: impl Future<Output = T>,
    draining: impl FnOnce(),
    drain: Duration,
) -> Result<Stopped<T>, Error> {
    reporter.set_service_status(service, ServingStatus::Serving).await;
    let stopping = Notify::new();
    let mut asked = None;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = router.serve_with_incoming_shutdown(incoming, async {
        asked = Some(stop.await);
        for name in ["", service] {
            reporter.set_service_status(name, ServingStatus::NotServing).await;
        }
        draining();
        stopping.notify_one();
    });
    let bound = async {
        stopping.notified().await;
        tokio::time::sleep(drain).await;
    };
    let in_time = tokio::select! {
        biased;
        served = server => served.map(|()| true)?,
        () = bound => false,
    };
    Ok(Stopped { asked, in_time })
}
