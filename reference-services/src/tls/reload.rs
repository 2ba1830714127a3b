//! Files that are looked at again and again: what is made of them is made anew when they have changed.
//!
//! It is what is in them that is compared: a secret that Kubernetes mounts changes by a link to a
//! folder, and a copy may keep the time of its original.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{
    error::TlsError,
    files::{Content, Made, read},
    metrics::Metrics,
};

/// What is made of files, as they are now. When the last one of these is dropped, nobody looks any
/// more.
#[derive(Debug)]
pub(super) struct Reloaded<T>(watch::Receiver<Arc<T>>);

impl<T> Clone for Reloaded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Reloaded<T> {
    /// What new connections use.
    pub(super) fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }
}

/// What files say at one moment, or why they say nothing.
struct Look {
    mark: blake3::Hash,
    files: Result<Vec<Content>, TlsError>,
}

impl Look {
    async fn at(paths: &[PathBuf]) -> Self {
        let (mut files, mut mark) = (Vec::new(), blake3::Hasher::new());
        for path in paths {
            match read(path).await {
                Ok(content) => {
                    mark.update(&(content.bytes.len() as u64).to_le_bytes()).update(&content.bytes);
                    files.push(content);
                }
                Err(error) => {
                    mark.update(error.to_string().as_bytes());
                    return Self { mark: mark.finalize(), files: Err(error) };
                }
            }
        }
        Self { mark: mark.finalize(), files: Ok(files) }
    }
}

/// Makes something of files, and does so again when they have changed. What cannot be used is left,
/// and told when it is the same the second time: files that belong together are written one by one.
///
/// # Errors
///
/// When they cannot be used to begin with.
pub(super) async fn reloading<T: Send + Sync + 'static>(
    side: &'static str,
    paths: Vec<PathBuf>,
    every: Duration,
    metrics: Metrics,
    make: impl Fn(&[Content]) -> Result<Made<T>, TlsError> + Send + Sync + 'static,
) -> Result<Reloaded<T>, TlsError> {
    let first = Look::at(&paths).await;
    let Made { config, not_after } = make(&first.files?)?;
    metrics.not_after.set(not_after.unwrap_or(0));
    tracing::info!(side, not_after, "TLS");
    let (sender, receiver) = watch::channel(config);
    tokio::spawn(async move {
        let watching = watch_files(side, first.mark, &paths, every, &metrics, &make, &sender);
        tokio::select! {
            () = sender.closed() => {}
            () = watching => {}
        }
    });
    Ok(Reloaded(receiver))
}

async fn watch_files<T>(
    side: &'static str,
    mut used: blake3::Hash,
    paths: &[PathBuf],
    every: Duration,
    metrics: &Metrics,
    make: &impl Fn(&[Content]) -> Result<Made<T>, TlsError>,
    sender: &watch::Sender<Arc<T>>,
) {
    // What cannot be used, and whether that has been told.
    let mut refused: Option<(blake3::Hash, bool)> = None;
    loop {
        sleep(every).await;
        let look = Look::at(paths).await;
        if look.mark == used {
            refused = None;
            continue;
        }
        match look.files.and_then(|files| make(&files)) {
            Ok(Made { config, not_after }) => {
                (used, refused) = (look.mark, None);
                metrics.reloads.inc();
                metrics.not_after.set(not_after.unwrap_or(0));
                sender.send_replace(config);
                tracing::info!(side, not_after, "certificates taken over");
            }
            Err(error) => {
                let again = refused.filter(|(mark, _)| *mark == look.mark);
                if let Some((_, false)) = again {
                    metrics.reload_failures.inc();
                    tracing::warn!(side, %error, "certificates left as they were");
                }
                refused = Some((look.mark, again.is_some()));
            }
        }
    }
}
