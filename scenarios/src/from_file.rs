//! A service whose configuration is a file on its host, which somebody changes while it runs.

use std::{error::Error, io, time::Duration};

use reference_services::config::{Config, Live, Reloading, Sources};
use tokio::time::{Instant, sleep_until};

/// What the file is called, in the folder that the service runs in.
const FILE: &str = "service.toml";

/// Another content of the file, and when it comes, counted from the start of the service.
pub(crate) type Change = (Duration, String);

/// The content of a file with this configuration.
///
/// # Panics
///
/// When it is none.
pub(crate) fn toml<C: Config>(config: &C) -> String {
    toml::to_string(config).expect("a configuration is a table")
}

/// Runs a service with its configuration in a file, and puts the others in its place in turn.
///
/// # Errors
///
/// Those of the service, of the first configuration, and of the disk.
pub(crate) async fn run<C, F, E>(
    first: &C,
    changes: Vec<Change>,
    service: impl FnOnce(Live<C>) -> F,
) -> io::Result<()>
where
    C: Config,
    F: Future<Output = Result<(), E>>,
    E: Error + Send + Sync + 'static,
{
    put(&toml(first)).await?;
    let sources = Sources { file: Some(FILE.into()), ..Sources::default() };
    let reloading = Reloading::load(sources).map_err(io::Error::other)?;
    let begun = Instant::now();
    let operator = async {
        for (at, text) in changes {
            sleep_until(begun + at).await;
            put(&text).await?;
        }
        std::future::pending::<io::Result<()>>().await
    };
    tokio::select! {
        ended = reloading.run(service) => ended.map_err(io::Error::other),
        failed = operator => failed,
    }
}

/// Puts a file in the place of the one that is there, in one step.
async fn put(text: &str) -> io::Result<()> {
    let beside = format!("{FILE}.new");
    tokio::fs::write(&beside, text).await?;
    tokio::fs::rename(beside, FILE).await
}
