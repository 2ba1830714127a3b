//! What every HTTP server answers besides its own: `/healthz`, `/readyz` and `/metrics`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use prometheus_client::registry::Registry;

use super::{Body, Handler, Problem, metrics, text};

/// The health of a service, and what it counts.
#[derive(Debug)]
pub(crate) struct Probes {
    registry: Registry,
    draining: AtomicBool,
    /// What the service cannot do its work for, while it is so.
    trouble: Option<(Arc<AtomicBool>, &'static str)>,
}

impl Probes {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry, draining: AtomicBool::new(false), trouble: None }
    }

    /// The service is not ready while this is so.
    pub(crate) fn unready_while(mut self, trouble: Arc<AtomicBool>, detail: &'static str) -> Self {
        self.trouble = Some((trouble, detail));
        self
    }

    /// Why the service is not ready.
    fn unready(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("the service is stopping");
        }
        let (trouble, detail) = self.trouble.as_ref()?;
        trouble.load(Ordering::Relaxed).then_some(*detail)
    }

    /// From now on the service is not ready.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Answers a request for one of the three, and any other with the problem that it is.
    pub(crate) fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if !["/healthz", "/readyz", "/metrics"].contains(&path) {
            return Problem::new(StatusCode::NOT_FOUND, "no such resource").response();
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let detail = "this resource can only be read";
            return Problem::method_not_allowed(detail, "GET, HEAD").response();
        }
        match path {
            "/metrics" => metrics(&self.registry),
            "/readyz" => match self.unready() {
                Some(detail) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).response(),
                None => text("ready\n"),
            },
            _ => text("ok\n"),
        }
    }
}

impl Handler for Probes {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        self.answer(&request)
    }
}
