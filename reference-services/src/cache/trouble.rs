//! A version that is not as it should be: it fails, it is slow, or it crashes.

use std::time::Duration;

use http::StatusCode;
use rand::Rng;
use tokio::time::sleep;

use super::TroubleConfig;
use crate::server::Problem;

impl TroubleConfig {
    /// What a request for an item meets.
    pub(super) async fn meet(&self) -> Result<(), Problem> {
        if self.slow_ms > 0 {
            sleep(Duration::from_millis(self.slow_ms)).await;
        }
        if self.fail_fraction > 0.0 && rand::rng().random_bool(self.fail_fraction) {
            let detail = "this version is broken";
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
        }
        Ok(())
    }

    /// Completes when the process is to crash, if ever.
    pub(super) async fn crash(&self) {
        match self.crash_after_ms {
            0 => std::future::pending().await,
            ms => sleep(Duration::from_millis(ms)).await,
        }
    }
}
