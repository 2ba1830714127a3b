//! A service that knows a name. Nothing in it knows that it is tested.

use std::io;

use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the topology says about its host.
#[derive(Debug, Deserialize)]
pub struct Config {
    listen: String,
}

/// Serves until the process ends.
///
/// # Errors
///
/// When it cannot listen.
pub async fn run(config: Config) -> io::Result<()> {
    let app = Router::new().route("/name", get(name));
    let listener = TcpListener::bind(config.listen).await?;
    axum::serve(listener, app).await
}

async fn name() -> Json<Value> {
    Json(json!({ "name": "Ada" }))
}
