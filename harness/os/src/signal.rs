//! The request to stop gracefully.

/// Waits until this process is asked to stop: SIGTERM or Ctrl-C in production, the plan's
/// graceful stop inside a run.
///
/// # Errors
///
/// When the signal handlers cannot be installed. Never inside a run.
pub async fn terminate() -> std::io::Result<()> {
    #[cfg(feature = "sim")]
    if crate::sim::active() {
        std::future::poll_fn(|cx| {
            crate::sim::with(|host| host.poll_terminated(cx)).unwrap_or(std::task::Poll::Pending)
        })
        .await;
        return Ok(());
    }
    #[cfg(unix)]
    {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            _ = term.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted,
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
