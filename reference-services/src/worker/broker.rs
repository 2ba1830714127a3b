//! The queue that is our broker.

use std::time::Duration;

use http::Uri;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status, transport::Channel};

use super::queue::{Job, Lease, PutBack, Queue, QueueError};
use crate::{
    pb::queue::{self, queue_client::QueueClient},
    server::channel,
    tls::Trust,
};

/// Hundreds of jobs of 64 KiB fit.
const REPLY_BYTES_MAX: usize = 32 << 20;

/// The broker, over gRPC.
#[derive(Clone, Debug)]
pub(super) struct Broker {
    client: QueueClient<Channel>,
    worker: String,
    wait_ms: u32,
    timeout: Duration,
}

impl Broker {
    pub(super) fn new(
        uri: Uri,
        trust: Option<&Trust>,
        worker: String,
        wait_ms: u32,
        timeout: Duration,
    ) -> Self {
        let client = QueueClient::new(channel(uri, trust));
        let client = client.max_decoding_message_size(REPLY_BYTES_MAX);
        Self { client, worker, wait_ms, timeout }
    }

    async fn in_time<T>(
        &self,
        time: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, QueueError> {
        match timeout(time, call).await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(status)) if status.code() == Code::FailedPrecondition => Err(QueueError::Lost),
            Ok(Err(status)) => Err(QueueError::Unavailable(status.message().to_owned())),
            Err(_) => Err(QueueError::Unavailable("no answer in time".to_owned())),
        }
    }
}

impl Queue for Broker {
    async fn lease(&self, jobs_max: usize) -> Result<Vec<Job>, QueueError> {
        let asked = Instant::now();
        let request = queue::LeaseRequest {
            worker: self.worker.clone(),
            jobs_max: u32::try_from(jobs_max).unwrap_or(u32::MAX),
            wait_ms: self.wait_ms,
        };
        let time = Duration::from_millis(self.wait_ms.into()) + self.timeout;
        let reply = self.in_time(time, self.client.clone().lease(request)).await?;
        let jobs = reply.jobs.into_iter().filter_map(|job| {
            let lease = job.lease?;
            let lasts = Duration::from_millis(job.lease_ms);
            Some(Job {
                lease: Lease { job: lease.job, token: lease.token },
                payload: job.payload.into(),
                traceparent: job.traceparent,
                failures: job.failures,
                last_delay: Duration::from_millis(job.last_delay_ms),
                until: asked + lasts,
                lasts,
            })
        });
        Ok(jobs.collect())
    }

    async fn acknowledge(&self, lease: &Lease) -> Result<(), QueueError> {
        let request = queue::AckRequest { lease: Some(sent(lease.clone())) };
        self.in_time(self.timeout, self.client.clone().ack(request)).await.map(drop)
    }

    async fn put_back(&self, lease: &Lease, why: &PutBack) -> Result<(), QueueError> {
        let request = queue::NackRequest {
            lease: Some(sent(lease.clone())),
            error: why.error.clone(),
            delay_ms: u64::try_from(why.delay.as_millis()).unwrap_or(u64::MAX),
            counts: why.counts,
        };
        self.in_time(self.timeout, self.client.clone().nack(request)).await.map(drop)
    }

    async fn extend(&self, leases: Vec<Lease>) -> Result<Vec<Lease>, QueueError> {
        let request = queue::ExtendRequest { leases: leases.into_iter().map(sent).collect() };
        let reply = self.in_time(self.timeout, self.client.clone().extend(request)).await?;
        let lost = reply.lost.into_iter();
        Ok(lost.map(|lease| Lease { job: lease.job, token: lease.token }).collect())
    }

    async fn release(&self, leases: Vec<Lease>) -> Result<(), QueueError> {
        let request = queue::ReleaseRequest { leases: leases.into_iter().map(sent).collect() };
        self.in_time(self.timeout, self.client.clone().release(request)).await.map(drop)
    }
}

fn sent(lease: Lease) -> queue::Lease {
    queue::Lease { job: lease.job, token: lease.token }
}
