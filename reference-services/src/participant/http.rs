//! The interface for operators: the book, page by page.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use super::books::{Books, Entry};
use crate::{
    journal::Keeper,
    server::{Body, Handler, Probes, Problem, json},
};

/// Entries on one page.
const ENTRIES_MAX: usize = 1_000;

/// Answers requests.
#[derive(Debug)]
pub(super) struct Operators {
    pub(super) keeper: Keeper<Books>,
    pub(super) probes: Arc<Probes>,
}

#[derive(Serialize)]
struct Shown<'a> {
    key: &'a str,
    order: &'a str,
    fate: &'static str,
}

#[derive(Serialize)]
struct Page<'a> {
    entries: Vec<Shown<'a>>,
}

impl Operators {
    async fn entries(&self, query: &str) -> Result<Response<Body>, Problem> {
        // Keys are plain, and so need no decoding.
        let after = query.strip_prefix("after=").unwrap_or_default().to_owned();
        let entries = self.keeper.read(move |books| books.after(&after, ENTRIES_MAX)).await;
        let stopping = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping");
        let entries = entries.map_err(stopping)?;
        let entries = entries.iter().map(|entry| {
            let Entry { key, order, .. } = entry;
            Shown { key, order, fate: entry.fate().name() }
        });
        Ok(json(StatusCode::OK, &Page { entries: entries.collect() }))
    }
}

impl Handler for Operators {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if request.uri().path() != "/entries" {
            return self.probes.answer(&request);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let detail = "this resource can only be read";
            return Problem::method_not_allowed(detail, "GET, HEAD").response();
        }
        let entries = self.entries(request.uri().query().unwrap_or_default()).await;
        entries.unwrap_or_else(Problem::response)
    }
}
