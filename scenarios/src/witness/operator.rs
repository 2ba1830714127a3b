//! Tells a load balancer its endpoints, at times that are planned.

use std::{convert::Infallible, time::Duration};

use http::Request;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::client::send;

/// Whom to tell what, and when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The admin port of the load balancer, as `host:port`.
    target: String,
    /// One after the other.
    steps: Vec<Step>,
}

/// All endpoints from an instant on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at_ms: u64,
    endpoints: Vec<String>,
}

/// Ends with the last step.
pub(super) async fn run(config: Config) -> Result<(), Infallible> {
    let begun = Instant::now();
    for Step { at_ms, endpoints } in config.steps {
        sleep_until(begun + Duration::from_millis(at_ms)).await;
        let group = json!({ "name": "pods", "weight": 1, "endpoints": endpoints });
        let body = json!({ "groups": [group] }).to_string();
        match send(&config.target, Request::put("/endpoints"), body).await {
            Ok(answer) => {
                let (endpoints, status) = (endpoints.join(" "), answer.status.as_u16());
                tracing::info!(endpoints, status, "endpoints named");
            }
            Err(error) => tracing::warn!(%error, "endpoints not named"),
        }
    }
    Ok(())
}
