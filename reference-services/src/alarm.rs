//! What a task that waits for commands is woken by besides them.

use tokio::time::{Instant, sleep_until};

/// Completes at this instant; never if there is none.
pub(crate) async fn alarm(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
