//! `queue-broker deadletter`: the dead letters of a running broker, for an operator.

use std::time::Duration;

use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, Request};
use http_body_util::Full;

use crate::{
    client::{CallError, Client, Tuning},
    config::Invalid,
    server::endpoint,
};

/// How long the broker may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A list of a thousand dead letters fits.
const ANSWER_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Args)]
pub(super) struct Deadletter {
    #[command(subcommand)]
    action: Action,
    /// Where the broker is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8050", global = true)]
    broker: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the dead letters, each with its attempts and its last error
    List,
    /// Shows one, with its payload and all its errors
    Show {
        /// The id of the job
        id: String,
    },
    /// Makes jobs of them again: of one, or of all
    Replay {
        /// The id of the job; without it, all
        id: Option<String>,
    },
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeadletterError {
    #[error("bad argument in {0}")]
    Argument(#[from] Invalid),
    #[error("expected an id that can be part of a path, found: {0}")]
    Id(#[from] http::Error),
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the broker did not answer in time")]
    Timeout,
    #[error("the broker answered with status {status}: {body}")]
    Status { status: u16, body: String },
}

impl Deadletter {
    /// Asks the broker, and prints its answer as it is.
    pub(super) async fn run(self) -> Result<(), DeadletterError> {
        let base = endpoint("--broker", &self.broker, None)?.to_string();
        let (method, path) = match &self.action {
            Action::List => (Method::GET, "/deadletter".to_owned()),
            Action::Show { id } => (Method::GET, format!("/deadletter/{id}")),
            Action::Replay { id: Some(id) } => (Method::POST, format!("/deadletter/{id}/replay")),
            Action::Replay { id: None } => (Method::POST, "/deadletter/replay".to_owned()),
        };
        let uri = format!("{}{path}", base.trim_end_matches('/'));
        let request = Request::builder().method(method).uri(uri).body(Full::<Bytes>::default())?;
        let client = Client::new(
            Tuning {
                idle_max: 0,
                idle: PATIENCE,
                connect: PATIENCE,
                answer_bytes_max: ANSWER_BYTES_MAX,
            },
            None,
        );
        let answer = tokio::time::timeout(PATIENCE, client.send(request)).await;
        let answer = answer.map_err(|_| DeadletterError::Timeout)??;
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(DeadletterError::Status { status, body });
        }
        println!("{body}");
        Ok(())
    }
}
