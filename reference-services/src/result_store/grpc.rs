//! The interface: put, get, count.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status};
use tracing::{Instrument, field::Empty};

use super::{
    core::{Command, Refusal},
    metrics::Metrics,
    results::Stored,
};
use crate::{
    pb::results::{
        GetReply, GetRequest, PutReply, PutRequest, StatsReply, StatsRequest,
        results_server::Results,
    },
    server::Trace,
};

/// A longer name of a job is refused.
const JOB_BYTES_MAX: usize = 128;

/// Answers calls.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) result_bytes_max: usize,
    pub(super) cpu: Option<Duration>,
    pub(super) metrics: Metrics,
}

impl Calls {
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Status> {
        if let Some(cost) = self.cpu {
            squall_os::cpu::spend(cost).await;
        }
        let gone = || Status::unavailable("the service is stopping");
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }

    async fn keep(&self, request: PutRequest) -> Result<Response<PutReply>, Status> {
        let PutRequest { job, result } = request;
        check_job(&job)?;
        if result.len() > self.result_bytes_max {
            let (most, found) = (self.result_bytes_max, result.len());
            let wrong = format!("expected a result of at most {most} bytes, found {found}");
            return Err(Status::invalid_argument(wrong));
        }
        let record = Stored { job, result: result.into() };
        let answered = self.ask(|answer| Command::Put { record, answer }).await?;
        let kept = answered.map_err(|refusal| match refusal {
            Refusal::Full => Status::resource_exhausted("the store is full"),
            Refusal::Disk => Status::unavailable("the result could not be stored"),
        })?;
        Ok(Response::new(PutReply { result: kept.result.to_vec(), duplicate: kept.duplicate }))
    }
}

fn check_job(job: &str) -> Result<(), Status> {
    if (1..=JOB_BYTES_MAX).contains(&job.len()) {
        return Ok(());
    }
    let found = job.len();
    let wrong = format!("expected a job's name of 1 to {JOB_BYTES_MAX} bytes, found {found}");
    Err(Status::invalid_argument(wrong))
}

#[tonic::async_trait]
impl Results for Calls {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutReply>, Status> {
        let trace = Trace::of_call(request.metadata());
        let request = request.into_inner();
        let span = tracing::info_span!(
            parent: None, "store", trace_id = %trace, job = request.job, outcome = Empty
        );
        trace.adopt(&span);
        let kept = self.keep(request).instrument(span.clone()).await;
        span.record("outcome", if kept.is_ok() { "ok" } else { "error" });
        kept
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetReply>, Status> {
        let GetRequest { job } = request.into_inner();
        check_job(&job)?;
        match self.ask(|answer| Command::Get { job, answer }).await? {
            Some(result) => Ok(Response::new(GetReply { result: result.to_vec() })),
            None => Err(Status::not_found("no result of this job")),
        }
    }

    async fn stats(&self, _: Request<StatsRequest>) -> Result<Response<StatsReply>, Status> {
        let results = self.ask(|answer| Command::Count { answer }).await?;
        let duplicates = self.metrics.duplicates.get();
        Ok(Response::new(StatsReply { results: results as u64, duplicates }))
    }
}
