//! A pod that does next to nothing, and logs each request that reached it: what a load balancer
//! sent, as seen by those it was sent to.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::{task::JoinSet, time::sleep};

/// How a pod answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The address to listen on.
    listen: String,
    /// How long each answer takes.
    takes_ms: u64,
    /// The status of each answer.
    #[serde(default = "ok")]
    status: u16,
}

fn ok() -> u16 {
    200
}

/// Serves for as long as the run lasts.
pub(super) async fn run(config: Config) -> io::Result<()> {
    let status = StatusCode::from_u16(config.status).map_err(io::Error::other)?;
    let takes = Duration::from_millis(config.takes_ms);
    let listener = TcpListener::bind(&*config.listen).await?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                connections.spawn(converse(stream, takes, status));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, takes: Duration, status: StatusCode) {
    let service = service_fn(move |request| answer(request, takes, status));
    // A connection that breaks is none of a pod's business.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Whatever a request changes is changed when it has come, before its answer has gone: a client
/// that gets no answer does not know.
async fn answer(
    request: Request<Incoming>,
    takes: Duration,
    status: StatusCode,
) -> Result<Response<Full<Bytes>>, Infallible> {
    match request.uri().path().strip_prefix("/orders/") {
        Some(order) => tracing::info!(order, "order taken"),
        None => tracing::info!("work taken"),
    }
    // `/work/slow` and the like: a second longer.
    let longer = request.uri().path().ends_with("/slow");
    sleep(takes + if longer { Duration::from_secs(1) } else { Duration::ZERO }).await;
    let mut response = Response::new(Full::from("{}"));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}
