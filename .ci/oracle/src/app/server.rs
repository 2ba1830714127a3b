//! The server: answers with as many bytes as the path asks for.

use std::{convert::Infallible, io};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Net, job::Job};

/// Serves for ever.
pub(crate) async fn serve<N: Net>(net: N, job: Job, ready: impl FnOnce()) -> io::Result<()> {
    let listener = net.listen().await?;
    ready();
    loop {
        let stream = TokioIo::new(N::accept(&listener).await?);
        let http2 = job.is_http2();
        tokio::spawn(async move {
            // A client that goes away is no concern of the server.
            let _ = if http2 {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(stream, service_fn(answer))
                    .await
            } else {
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(stream, service_fn(answer))
                    .await
            };
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let bytes = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
    // What cannot be read to its end ends with its connection.
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from(vec![b'x'; bytes]))))
}
