//! The interface for workers.

use std::{sync::Arc, time::Duration};

use tokio::sync::SemaphorePermit;
use tonic::{Request, Response, Status};

use super::{
    core::Refusal,
    handle::{Gone, Handle},
    leased::{Lease, Leased},
};
use crate::pb::queue::{self, queue_server::Queue};

/// Leases named in one request.
const LEASES_MAX: usize = 4096;

/// Answers workers.
#[derive(Debug)]
pub(super) struct Workers {
    pub(super) handle: Arc<Handle>,
    pub(super) lease: Duration,
    pub(super) wait_max: Duration,
    pub(super) cpu: Option<Duration>,
}

impl Workers {
    /// A place among the calls in flight, and what a call costs.
    async fn enter(&self) -> Result<SemaphorePermit<'_>, Status> {
        let place = self.handle.enter();
        let place = place.ok_or_else(|| Status::resource_exhausted("too many calls at once"))?;
        if let Some(cost) = self.cpu {
            squall_os::cpu::spend(cost).await;
        }
        Ok(place)
    }
}

impl From<Gone> for Status {
    fn from(_: Gone) -> Self {
        Self::unavailable("the service is stopping")
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoLease => Self::failed_precondition("the lease has expired"),
            Refusal::Disk => Self::unavailable("the change could not be stored"),
            Refusal::Full => Self::resource_exhausted("the queue is full"),
            Refusal::Another => Self::already_exists("there is another job with this id"),
            Refusal::Unknown => Self::not_found("no such job"),
        }
    }
}

fn lease(lease: Option<queue::Lease>) -> Result<Lease, Status> {
    let lease = lease.ok_or_else(|| Status::invalid_argument("expected a lease, found none"))?;
    Ok(Lease { id: lease.job, token: lease.token })
}

fn leases(leases: Vec<queue::Lease>) -> Result<Vec<Lease>, Status> {
    if leases.len() > LEASES_MAX {
        let wrong = format!("expected at most {LEASES_MAX} leases, found {}", leases.len());
        return Err(Status::invalid_argument(wrong));
    }
    Ok(leases.into_iter().map(|lease| Lease { id: lease.job, token: lease.token }).collect())
}

fn sent(lease: Lease) -> queue::Lease {
    queue::Lease { job: lease.id, token: lease.token }
}

#[tonic::async_trait]
impl Queue for Workers {
    async fn lease(
        &self,
        request: Request<queue::LeaseRequest>,
    ) -> Result<Response<queue::LeaseReply>, Status> {
        let queue::LeaseRequest { worker, jobs_max, wait_ms } = request.into_inner();
        let plain = |byte: u8| byte.is_ascii_graphic();
        if !(1..=64).contains(&worker.len()) || !worker.bytes().all(plain) {
            let expected = "expected a worker's name of 1 to 64 visible ASCII characters";
            return Err(Status::invalid_argument(expected));
        }
        if jobs_max == 0 {
            return Err(Status::invalid_argument("expected at least 1 in jobs_max, found 0"));
        }
        let _place = self.enter().await?;
        let wait = Duration::from_millis(wait_ms.into()).min(self.wait_max);
        let jobs_max = usize::try_from(jobs_max).unwrap_or(usize::MAX);
        let leased = self.handle.lease(worker, jobs_max, wait).await?;
        let lease_ms = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        let jobs = leased.into_iter().map(|job| {
            let Leased { lease, payload, traceparent, failures, last_delay_ms } = job;
            queue::LeasedJob {
                lease: Some(sent(lease)),
                payload: payload.to_vec(),
                traceparent,
                lease_ms,
                failures,
                last_delay_ms,
            }
        });
        Ok(Response::new(queue::LeaseReply { jobs: jobs.collect() }))
    }

    async fn ack(
        &self,
        request: Request<queue::AckRequest>,
    ) -> Result<Response<queue::AckReply>, Status> {
        let lease = lease(request.into_inner().lease)?;
        let _place = self.enter().await?;
        self.handle.acknowledge(lease).await?;
        Ok(Response::new(queue::AckReply {}))
    }

    async fn nack(
        &self,
        request: Request<queue::NackRequest>,
    ) -> Result<Response<queue::NackReply>, Status> {
        let queue::NackRequest { lease: failed, error, delay_ms, counts } = request.into_inner();
        let lease = lease(failed)?;
        let _place = self.enter().await?;
        self.handle.fail(lease, error, delay_ms, counts).await?;
        Ok(Response::new(queue::NackReply {}))
    }

    async fn extend(
        &self,
        request: Request<queue::ExtendRequest>,
    ) -> Result<Response<queue::ExtendReply>, Status> {
        let leases = leases(request.into_inner().leases)?;
        let _place = self.enter().await?;
        let lost = self.handle.extend(leases).await?;
        Ok(Response::new(queue::ExtendReply { lost: lost.into_iter().map(sent).collect() }))
    }

    async fn release(
        &self,
        request: Request<queue::ReleaseRequest>,
    ) -> Result<Response<queue::ReleaseReply>, Status> {
        let leases = leases(request.into_inner().leases)?;
        let _place = self.enter().await?;
        let released = self.handle.release(leases).await?;
        Ok(Response::new(queue::ReleaseReply { released }))
    }
}
