//! The result store as a worker knows it.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use tokio::time::timeout;
use tonic::{Request, transport::Channel};

use crate::{
    pb::results::{PutRequest, results_client::ResultsClient},
    server::{TRACEPARENT, Trace, channel},
    tls::Trust,
};

/// Stores results, over gRPC.
#[derive(Clone, Debug)]
pub(super) struct ResultStore {
    client: ResultsClient<Channel>,
    timeout: Duration,
}

impl ResultStore {
    pub(super) fn new(uri: Uri, trust: Option<&Trust>, timeout: Duration) -> Self {
        Self { client: ResultsClient::new(channel(uri, trust)), timeout }
    }

    /// Stores a result, unless the job has one. It is durable then.
    pub(super) async fn put(&self, job: &str, result: Bytes, trace: Trace) -> Result<(), String> {
        let mut request = Request::new(PutRequest { job: job.to_owned(), result: result.into() });
        if let Some(traceparent) = trace.for_call(&tracing::Span::current()) {
            request.metadata_mut().insert(TRACEPARENT, traceparent);
        }
        match timeout(self.timeout, self.client.clone().put(request)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => Err(format!("the result store refused: {}", status.message())),
            Err(_) => Err("no answer of the result store in time".to_owned()),
        }
    }
}
