//! HTTP/1.1 to another service: one client with a pool of connections that all calls share.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};

use crate::tls::{Connector, Protocol, Trust};

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
    answer_bytes_max: usize,
}

/// How a client is tuned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// Connections that are kept for the next call.
    pub(crate) idle_max: usize,
    /// How long they are kept: less than any server would.
    pub(crate) idle: Duration,
    /// Time to connect.
    pub(crate) connect: Duration,
    /// Size of the body of an answer.
    pub(crate) answer_bytes_max: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the call failed: {}", chain(.0))]
    Call(#[from] legacy::Error),
    #[error("the answer broke off or is too long: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
}

impl Client {
    /// A client for `http` addresses, and for `https` ones if there is `trust`.
    pub(crate) fn new(tuning: Tuning, trust: Option<&Trust>) -> Self {
        let connector = match trust {
            Some(trust) => trust.connector(Protocol::Http1, tuning.connect),
            None => Connector::plain(tuning.connect),
        };
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(tuning.idle_max)
            .pool_idle_timeout(tuning.idle)
            .build(connector);
        Self { inner, answer_bytes_max: tuning.answer_bytes_max }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, CallError> {
        let (head, body) = self.inner.request(request).await?.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await;
        Ok(Response::from_parts(head, body.map_err(CallError::Body)?.to_bytes()))
    }
}

/// An error with its causes, which say more than itself.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
