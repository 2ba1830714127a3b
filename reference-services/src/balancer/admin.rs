//! The port for the orchestrator and for probes.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{EndpointsSpec, forward::Proxy};
use crate::server::{Body, Handler, Limits, Problem, json, metrics, read_json, text};

/// Answers on the admin port.
#[derive(Debug)]
pub(super) struct Admin {
    proxy: Arc<Proxy>,
    limits: Limits,
}

impl Admin {
    pub(super) fn new(proxy: Arc<Proxy>, limits: Limits) -> Self {
        Self { proxy, limits }
    }

    async fn endpoints(&self, request: Request<Incoming>) -> Response<Body> {
        if request.method() != Method::PUT {
            return json(StatusCode::OK, &self.proxy.groups.spec());
        }
        let expected = "expected a JSON object with groups, each of a name, a weight and endpoints";
        let spec: EndpointsSpec = match read_json(request.into_body(), &self.limits, expected).await
        {
            Ok(spec) => spec,
            Err(problem) => return problem.response(),
        };
        if let Err(error) = spec.validate() {
            return Problem::new(StatusCode::BAD_REQUEST, error.to_string()).response();
        }
        tracing::debug!(groups = spec.groups.len(), "endpoints named");
        self.proxy.groups.set(spec);
        let mut response = text("");
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }

    fn ready(&self) -> Response<Body> {
        let not = |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).response();
        if self.proxy.is_stopping() {
            return not("the service is stopping");
        }
        if self.proxy.groups.any() { text("ready\n") } else { not("there is no endpoint") }
    }
}

impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        if path == "/endpoints" {
            if !reads && request.method() != Method::PUT {
                let detail = "endpoints are read with GET and named with PUT";
                return Problem::method_not_allowed(detail, "GET, HEAD, PUT").response();
            }
            return self.endpoints(request).await;
        }
        if !reads {
            let detail = "this resource can only be read";
            return Problem::method_not_allowed(detail, "GET, HEAD").response();
        }
        match path {
            "/healthz" => text("ok\n"),
            "/readyz" => self.ready(),
            "/metrics" => metrics(&self.proxy.metrics.registry),
            _ => Problem::new(StatusCode::NOT_FOUND, "no such resource").response(),
        }
    }
}
