//! Connections of the API's clients, bounded in number and in the time that they may take.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::Api;

/// Clients at the same time. One more takes the place of the oldest, which is most likely one that
/// has nothing to say.
const CONNECTIONS_MAX: usize = 512;

/// For the head of a request, and between two requests of a connection.
const HEAD_MAX: Duration = Duration::from_secs(15);

/// For what is under way when the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests until `stop` says so, then finishes those under way.
pub(crate) async fn serve(api: Arc<Api>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    oldest_first.retain(|connection| !connection.is_finished());
                    while oldest_first.len() >= CONNECTIONS_MAX
                        && let Some(oldest) = oldest_first.pop_front()
                    {
                        oldest.abort();
                    }
                    let serving = connection(Arc::clone(&api), TokioIo::new(client), stop.clone());
                    oldest_first.push_back(connections.spawn(serving));
                }
                Err(_) => sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_MAX, drained).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(
    api: Arc<Api>,
    client: TokioIo<tokio::net::TcpStream>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(api.answer(request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(client, service));
    // That a client goes away or talks no HTTP is its own business.
    tokio::select! {
        _ = &mut serving => {}
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
        }
    }
}

/// Until the server stops, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
