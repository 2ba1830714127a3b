//! What is asked over HTTP: the stock of a product as the copy has it, and probes.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use super::shared::{Known, Missing, Shared};
use crate::server::{Body, Handler, Probes, Problem, json};

/// Answers requests.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) probes: Probes,
    pub(super) shared: Arc<Shared>,
    pub(super) cpu: Option<std::time::Duration>,
}

/// What is said of a product.
#[derive(Debug, Serialize)]
struct Document<'a> {
    product_id: u64,
    available: u32,
    warehouse: &'a str,
    /// Of the copy.
    revision: u64,
    /// It was so no longer ago than this.
    age_ms_max: u64,
}

impl Handler for Api {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let Some(id) = request.uri().path().strip_prefix("/stock/") else {
            return self.probes.answer(&request);
        };
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let detail = "this resource can only be read";
            return Problem::method_not_allowed(detail, "GET, HEAD").response();
        }
        if let Some(cost) = self.cpu {
            squall_os::cpu::spend(cost).await;
        }
        let unavailable = |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).response();
        match id.parse().map_err(|_| Missing::Product).and_then(|id| self.shared.find(id)) {
            Ok(known) => answer(&known),
            Err(Missing::Product) => {
                Problem::new(StatusCode::NOT_FOUND, "this product is not followed").response()
            }
            Err(Missing::Copy) => unavailable("there is no copy of the stock yet"),
            Err(Missing::Old) => unavailable("the copy of the stock may be too old"),
        }
    }
}

fn answer(known: &Known) -> Response<Body> {
    let document = Document {
        product_id: known.stock.product_id,
        available: known.stock.available,
        warehouse: &known.stock.warehouse,
        revision: known.revision,
        age_ms_max: u64::try_from(known.age_max.as_millis()).unwrap_or(u64::MAX),
    };
    json(StatusCode::OK, &document)
}
