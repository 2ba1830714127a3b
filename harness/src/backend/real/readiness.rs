//! When the processes of a run are up: each port that a host has declared can be connected to.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

/// How long processes may take to come up, all of them together.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until somebody listens at `address`, or says who does not after [`PATIENCE`] from `began` on.
pub(super) async fn wait_for(address: SocketAddr, began: Instant) -> Result<(), String> {
    loop {
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > PATIENCE => {
                let port = address.port();
                return Err(format!("nobody listens on port {port} after {PATIENCE:?}: {error}"));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
