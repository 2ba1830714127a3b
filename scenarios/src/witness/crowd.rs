//! A crowd that connects and says nothing: it takes up the places of those who have something to
//! say, until the server turns it out.

use std::{io, sync::Arc, time::Duration};

use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::{io::AsyncReadExt, task::JoinSet, time::sleep};

/// Who comes, when, and to whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The server, as `host:port`.
    target: String,
    /// How many connect, all at once.
    connections: u64,
    /// When they do.
    from_ms: u64,
}

/// Ends when the server has ended the last of the connections.
pub(super) async fn run(config: Config) -> io::Result<()> {
    sleep(Duration::from_millis(config.from_ms)).await;
    let target: Arc<str> = config.target.into();
    let mut crowd = JoinSet::new();
    for _ in 0..config.connections {
        crowd.spawn(linger(Arc::clone(&target)));
    }
    while let Some(ended) = crowd.join_next().await {
        match ended.map_err(io::Error::other)? {
            Ok(()) => tracing::info!("silent connection turned out"),
            Err(error) => tracing::info!(%error, "silent connection broken"),
        }
    }
    Ok(())
}

/// Connects, and waits for the server to have had enough.
async fn linger(target: Arc<str>) -> io::Result<()> {
    let mut stream = TcpStream::connect(&*target).await?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await?;
    Ok(())
}
