//! Asks each pod for everything it must have, at the moment at which it says that it is ready.

use std::{convert::Infallible, time::Duration};

use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::client::ask;

/// How often a pod is asked whether it is ready.
const EVERY: Duration = Duration::from_millis(50);

/// Whom to ask, and for what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Pods, as `host:port`; they need not be there yet.
    pods: Vec<String>,
    /// Items are numbered from 1 to this.
    items: u64,
}

/// Ends when every pod was ready once.
pub(super) async fn run(config: Config) -> Result<(), Infallible> {
    let mut pods = JoinSet::new();
    for pod in config.pods {
        pods.spawn(watch(pod, config.items));
    }
    while pods.join_next().await.is_some() {}
    Ok(())
}

async fn watch(pod: String, items: u64) {
    // A machine that is not there yet does not even refuse.
    let is_ready = async || match timeout(EVERY, ask(&pod, Request::get("/readyz"))).await {
        Ok(Ok(answer)) => answer.status == StatusCode::OK,
        _ => false,
    };
    while !is_ready().await {
        sleep(EVERY).await;
    }
    let mut lacking = 0;
    // What comes last is lacking longest.
    for item in (1..=items).rev() {
        let answer = ask(&pod, Request::get(format!("/items/{item}"))).await;
        let is_whole = answer.is_ok_and(|answer| {
            answer.status == StatusCode::OK && answer.body["warnings"] == Value::Array(Vec::new())
        });
        lacking += u64::from(!is_whole);
    }
    tracing::info!(pod, items, lacking, "pod asked when it was ready");
}
