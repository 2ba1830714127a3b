//! The interface for operators: what customers were told, page by page.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use super::inbox::{Inbox, Told};
use crate::{
    journal::Keeper,
    server::{Body, Handler, Probes, Problem, json},
};

/// Notifications on one page.
const EVENTS_MAX: usize = 1_000;

/// Answers requests.
#[derive(Debug)]
pub(super) struct Operators {
    pub(super) keeper: Keeper<Inbox>,
    pub(super) probes: Arc<Probes>,
}

#[derive(Serialize)]
struct Shown<'a> {
    number: u64,
    order: &'a str,
    customer: &'a str,
    kind: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Page<'a> {
    notifications: Vec<Shown<'a>>,
}

impl Operators {
    async fn notifications(&self, query: &str) -> Result<Response<Body>, Problem> {
        let expected = || Problem::new(StatusCode::BAD_REQUEST, "expected after=NUMBER or nothing");
        let after = match query {
            "" => 0,
            query => {
                let number = query.strip_prefix("after=").ok_or_else(expected)?;
                number.parse().map_err(|_| expected())?
            }
        };
        let told = self.keeper.read(move |inbox| inbox.after(after, EVENTS_MAX)).await;
        let stopping = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
        let told = told.map_err(stopping)?;
        let notifications = told.iter().map(|(number, told)| {
            let Told { order, customer, kind, reason, .. } = told;
            Shown { number: *number, order, customer, kind, reason }
        });
        Ok(json(StatusCode::OK, &Page { notifications: notifications.collect() }))
    }
}

impl Handler for Operators {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() != "/notifications" {
            return self.probes.answer(&request);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let detail = "this resource can only be read";
            return Problem::method_not_allowed(detail, "GET, HEAD").response();
        }
        let told = self.notifications(request.uri().query().unwrap_or_default()).await;
        told.unwrap_or_else(Problem::response)
    }
}
