//! `services probe`: asks a service whether it is well, for the health check of a container that has no
//! other program in it.

use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http::Request;
use http_body_util::Full;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::client::{Client, Tuning};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A page of metrics fits.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Asks an address whether who listens there is well; exit code 0 if so, 4 if not.
#[derive(Debug, Parser)]
#[command(version)]
pub(super) struct Probe {
    /// An http:// address, of which an answer of 200 to 299 is expected, or grpc://HOST:PORT, whose health
    /// service is asked; if not given, what SERVICE_PROBE says in the environment
    #[arg(value_name = "URL")]
    address: Option<String>,
}

/// Where the environment says whom to ask: the health check of an image is the same for all services.
const VARIABLE: &str = "SERVICE_PROBE";

impl Probe {
    pub(super) async fn run(self) -> Result<(), String> {
        let address = self.address.or_else(|| std::env::var(VARIABLE).ok());
        let address = address.ok_or(format!("expected a URL as an argument or in {VARIABLE}"))?;
        let asked = async {
            match address.strip_prefix("grpc://") {
                Some(target) => grpc(target).await,
                None => http(&address).await,
            }
        };
        let answered = tokio::time::timeout(PATIENCE, asked).await;
        let answered = answered.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
        answered.map_err(|reason| format!("{address}: {reason}"))
    }
}

async fn http(address: &str) -> Result<(), String> {
    let request = Request::get(address).body(Full::<Bytes>::default());
    let request = request.map_err(|error| format!("expected an address: {error}"))?;
    let client = Client::new(
        Tuning {
            idle_max: 0,
            idle: PATIENCE,
            connect: PATIENCE,
            answer_bytes_max: ANSWER_BYTES_MAX,
        },
        None,
    );
    let answer = client.send(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let is_well = status.is_success();
    is_well.then_some(()).ok_or_else(|| format!("expected a status of 200 to 299, found {status}"))
}

async fn grpc(target: &str) -> Result<(), String> {
    let endpoint = Endpoint::from_shared(format!("http://{target}"));
    let endpoint = endpoint.map_err(|error| format!("expected grpc://HOST:PORT: {error}"))?;
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    let asked = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    let status = asked.map_err(|status| status.to_string())?.into_inner().status();
    let is_well = status == ServingStatus::Serving;
    is_well.then_some(()).ok_or_else(|| format!("expected SERVING, found {}", status.as_str_name()))
}
