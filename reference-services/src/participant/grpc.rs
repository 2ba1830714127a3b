//! The interface for sagas.

use rand::Rng;
use tonic::{Request, Response, Status, metadata::MetadataMap};
use tracing::{Instrument, field::Empty};

use super::{
    Config, Kind,
    books::{Books, Entry, Refusal},
    metrics::Metrics,
};
use crate::{
    config::Live,
    ids::is_id,
    journal::{Keeper, Undecided},
    pb::participant::{
        PerformReply, PerformRequest, UndoReply, UndoRequest, participant_server::Participant,
    },
    server::Trace,
};

/// Answers calls.
#[derive(Debug)]
pub(super) struct Calls {
    kind: Kind,
    config: Live<Config>,
    keeper: Keeper<Books>,
    metrics: Metrics,
}

impl Calls {
    pub(super) fn new(config: Live<Config>, keeper: Keeper<Books>, metrics: Metrics) -> Self {
        Self { kind: config.get().kind, config, keeper, metrics }
    }

    /// Takes its time, has something decided about a key, and answers, perhaps not with what was decided.
    async fn serve(
        &self,
        asks: &'static str,
        metadata: &MetadataMap,
        (key, order): (&str, &str),
        decide: impl FnOnce(&Books, &[Entry]) -> (Vec<Entry>, Result<bool, Refusal>) + Send + 'static,
    ) -> Result<bool, Status> {
        if !is_id(key) || !is_id(order) {
            let expected = "expected a key and an order of 1 to 128 letters, digits and ._:-";
            return Err(Status::invalid_argument(expected));
        }
        let trace = Trace::of_call(metadata);
        let dependency = self.kind.name();
        let span = tracing::info_span!(
            parent: None, "serve", trace_id = %trace, dependency, asks, order, outcome = Empty
        );
        trace.adopt(&span);
        let work = async {
            let config = self.config.get();
            if let Some(cost) = config.cpu() {
                squall_os::cpu::spend(cost).await;
            }
            let latency = config.latency.sample(&mut rand::rng());
            tokio::time::sleep(latency).await;
            let decided = self.keeper.decide(key, decide).await.map_err(undecided)?;
            if rand::rng().random_bool(config.lose_answer_fraction) {
                return Err(Status::unavailable("the answer is lost, as the configuration says"));
            }
            decided.map_err(|refusal| self.status(refusal))
        };
        let served = work.instrument(span.clone()).await;
        span.record("outcome", if served.is_ok() { "ok" } else { "error" });
        if matches!(served, Ok(true)) {
            tracing::info!(order, key, asks, "nothing was left to do");
            self.metrics.repeated.inc();
        }
        served
    }

    fn status(&self, refusal: Refusal) -> Status {
        match refusal {
            Refusal::Refused => Status::failed_precondition(self.kind.refusal()),
            Refusal::Undone => Status::failed_precondition("it was undone"),
            Refusal::Another => Status::already_exists("the key is that of something else"),
            Refusal::Full => Status::resource_exhausted("there is no place for another key"),
        }
    }
}

fn undecided(undecided: Undecided) -> Status {
    Status::unavailable(match undecided {
        Undecided::Disk => "the change could not be stored",
        Undecided::Gone => "the service is stopping",
    })
}

#[tonic::async_trait]
impl Participant for Calls {
    async fn perform(
        &self,
        request: Request<PerformRequest>,
    ) -> Result<Response<PerformReply>, Status> {
        let (metadata, _, request) = request.into_parts();
        let PerformRequest { key, order, item, quantity, amount_minor } = request;
        let fate = 0;
        let asked =
            Entry { key: key.clone(), order: order.clone(), item, quantity, amount_minor, fate };
        let refused = rand::rng().random_bool(self.config.get().refuse_fraction);
        let decide = move |books: &Books, batch: &[Entry]| books.perform(&asked, batch, || refused);
        let repeated = self.serve("perform", &metadata, (&key, &order), decide).await?;
        Ok(Response::new(PerformReply { repeated }))
    }

    async fn undo(&self, request: Request<UndoRequest>) -> Result<Response<UndoReply>, Status> {
        let (metadata, _, UndoRequest { key, order }) = request.into_parts();
        let undone = (key.clone(), order.clone());
        let decide = move |books: &Books, batch: &[Entry]| books.undo(&undone.0, &undone.1, batch);
        let repeated = self.serve("undo", &metadata, (&key, &order), decide).await?;
        Ok(Response::new(UndoReply { repeated }))
    }
}
