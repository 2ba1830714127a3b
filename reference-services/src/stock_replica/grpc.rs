//! What is asked over gRPC: the stock of a product, as the inventory would answer. What the copy cannot
//! answer is asked of the inventory, in what is left of the caller's time.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status, Streaming, transport::Channel};
use tracing::{Instrument, field::Empty};

use super::{
    Config, Defect,
    shared::{Known, Shared},
};
use crate::{
    config::Live,
    pb::inventory::{
        GetStockRequest, SetStockReply, SetStockRequest, Stock, WatchReply, WatchRequest,
        inventory_client::InventoryClient, inventory_server::Inventory,
    },
    server::{TRACEPARENT, Trace, time_left},
};

/// How old an answer of the copy may be, in milliseconds, in its metadata.
const AGE: &str = "x-stock-age-ms-max";

/// Answers calls.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) shared: Arc<Shared>,
    pub(super) inventory: InventoryClient<Channel>,
    pub(super) config: Live<Config>,
}

#[tonic::async_trait]
impl Inventory for Calls {
    async fn get_stock(
        &self,
        request: Request<GetStockRequest>,
    ) -> Result<Response<Stock>, Status> {
        let begun = Instant::now();
        let trace = Trace::of_call(request.metadata());
        let serve = tracing::info_span!(
            parent: None, "serve", dependency = "stock-replica", trace_id = %trace, outcome = Empty
        );
        trace.adopt(&serve);
        let ending = Ending(serve.clone());
        let asked = async {
            if let Some(cost) = self.config.get().cpu() {
                squall_os::cpu::spend(cost).await;
            }
            match self.shared.find(request.get_ref().product_id) {
                Ok(known) => Ok(from_copy(known)),
                Err(_) => self.ask_inventory(&request, trace, begun).await,
            }
        };
        let answer = asked.instrument(serve).await;
        ending.record(if answer.is_ok() { "ok" } else { "error" });
        answer
    }

    async fn set_stock(
        &self,
        _: Request<SetStockRequest>,
    ) -> Result<Response<SetStockReply>, Status> {
        Err(Status::failed_precondition("a replica changes nothing; ask the inventory"))
    }

    type WatchStream = futures_util::stream::Empty<Result<WatchReply, Status>>;

    async fn watch(
        &self,
        _: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::failed_precondition("a replica tells nobody; watch the inventory"))
    }
}

fn from_copy(known: Known) -> Response<Stock> {
    let age = u64::try_from(known.age_max.as_millis()).unwrap_or(u64::MAX);
    let mut response = Response::new(known.stock);
    response.metadata_mut().insert(AGE, age.into());
    response
}

impl Calls {
    /// Asks the inventory. It is told how long its answer is of use: as long as is left to the caller,
    /// from which what was spent here is taken, and never longer than a call may take.
    async fn ask_inventory(
        &self,
        request: &Request<GetStockRequest>,
        trace: Trace,
        begun: Instant,
    ) -> Result<Response<Stock>, Status> {
        self.shared.metrics().read_through.inc();
        let config = self.config.get();
        let own = config.call_timeout();
        // Defect: a timeout that somebody once wrote down, whatever the caller has left.
        let heeds = !config.has(Defect::RestartsDeadline);
        let given = time_left(request.metadata()).filter(|_| heeds);
        let deadline = begun + given.map_or(own, |given| given.min(own));
        let mut call = Request::new(*request.get_ref());
        call.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let span = tracing::info_span!("call", dependency = "inventory", outcome = Empty);
        if let Some(traceparent) = trace.for_call(&span) {
            call.metadata_mut().insert(TRACEPARENT, traceparent);
        }
        let ending = Ending(span.clone());
        let mut inventory = self.inventory.clone();
        let answer = timeout_at(deadline, inventory.get_stock(call)).instrument(span).await;
        match answer {
            Ok(Ok(answer)) => {
                ending.record("ok");
                Ok(Response::new(answer.into_inner()))
            }
            Ok(Err(status)) => {
                ending.record("error");
                Err(Status::new(status.code(), status.message()))
            }
            Err(_) => {
                ending.record("timeout");
                Err(Status::deadline_exceeded("the inventory did not answer in time"))
            }
        }
    }
}

/// Records how something ended; nothing has if it was dropped.
struct Ending(tracing::Span);

impl Ending {
    fn record(&self, outcome: &'static str) {
        self.0.record("outcome", outcome);
    }
}
