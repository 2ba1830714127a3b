//! A pod that runs, as the one that starts knows it: it has a snapshot of what it holds.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::{task::JoinSet, time::timeout};

use super::snapshot::BYTES_MAX;

/// Asks the pod at `peer` for its snapshot.
pub(super) async fn snapshot_of(
    peer: &str,
    within: Duration,
) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no snapshot in time");
    timeout(within, fetch(peer)).await.map_err(|_| late())?
}

async fn fetch(peer: &str) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(peer).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this function.
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // Its errors reach the one who waits for the answer.
        let _ = connection.await;
    });
    let request = Request::get("/snapshot")
        .header(header::HOST, peer)
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if !response.status().is_success() {
        return Err(format!("expected a snapshot, found status {}", response.status()).into());
    }
    Ok(Limited::new(response.into_body(), BYTES_MAX).collect().await?.to_bytes())
}
