//! The request to stop gracefully, and the one to read the configuration again.

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

/// The requests to read the configuration again, from when this is made: SIGHUP in production. Inside
/// a run there are none: there a service learns of a new configuration from its file.
#[derive(Debug)]
pub struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    /// Begins to listen; until then SIGHUP ends the process.
    ///
    /// # Errors
    ///
    /// When the signal handler cannot be installed. Never inside a run.
    pub fn new() -> std::io::Result<Self> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            return Ok(Self {
                #[cfg(unix)]
                signal: None,
            });
        }
        Ok(Self {
            #[cfg(unix)]
            signal: Some(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?),
        })
    }

    /// Waits for the next one. Those that come while nobody waits are one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}
