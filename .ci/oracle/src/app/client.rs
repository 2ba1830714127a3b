//! The client: performs a job and reports what it saw.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use squall::BoxError;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use super::{
    Net, Report, Request,
    job::{Http, Job},
};

/// The body of a small request, and of its answer.
const SMALL: usize = 1024;

/// Performs `job`. Says when the load begins as soon as that is known.
///
/// # Errors
///
/// When there is no connection to begin with.
pub(crate) async fn perform<N: Net>(
    net: N,
    job: Job,
    begins: impl FnOnce(Instant),
) -> Result<Report, BoxError> {
    let begin = Instant::now() + job.settles();
    let end = begin + job.ends();
    match job {
        Job::Bulk { bytes } => {
            begins(begin);
            sleep_until(begin).await;
            let started = Instant::now();
            let transfer = async {
                let mut sender = open(&net).await?;
                exchange(&mut sender, 0, bytes).await
            };
            let done = timeout_at(end, transfer).await;
            let answered = matches!(done, Ok(Ok(())));
            let (at, took) = (nanos(started - begin), nanos(started.elapsed()));
            Ok(Report { requests: vec![Request { at, took, fresh: true, answered }] })
        }
        Job::Requests { http: Http::One { connections }, per_second, lasts } => {
            let pool = Pool { net, idle: Arc::default() };
            pool.fill(connections, begin).await;
            let begin = begin.max(Instant::now() + Duration::from_millis(20));
            begins(begin);
            let send = move || {
                let pool = pool.clone();
                async move { pool.send().await }
            };
            Ok(open_loop(begin, per_second, lasts, end, send).await)
        }
        Job::Requests { http: Http::Two, per_second, lasts } => {
            let stream = TokioIo::new(net.connect().await?);
            let (mut sender, connection) =
                http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            for _ in 0..20 {
                multiplex(&mut sender).await?;
            }
            let begin = begin.max(Instant::now() + Duration::from_millis(20));
            begins(begin);
            let send = move || {
                let mut sender = sender.clone();
                async move { multiplex(&mut sender).await.map(|()| false).map_err(|_| false) }
            };
            Ok(open_loop(begin, per_second, lasts, end, send).await)
        }
    }
}

/// Sends requests at their times, each a task, and waits for all of them until `end`. `send` says
/// whether it opened a connection, also when it failed.
///
/// A request is counted from the moment at which its task runs, not from the one at which it was
/// due: between them lies Tokio's timer, whose resolution of a millisecond is not the network's.
async fn open_loop<F>(
    begin: Instant,
    per_second: u32,
    lasts: Duration,
    end: Instant,
    send: impl Fn() -> F,
) -> Report
where
    F: Future<Output = Result<bool, bool>> + Send + 'static,
{
    let requests = per_second * u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX);
    let mut sent = JoinSet::new();
    for number in 0..requests {
        sleep_until(begin + Duration::from_secs(1) * number / per_second).await;
        let request = send();
        sent.spawn(async move {
            let started = Instant::now();
            let done = timeout_at(end, request).await;
            Request {
                at: nanos(started.saturating_duration_since(begin)),
                took: nanos(started.elapsed()),
                fresh: matches!(done, Ok(Ok(true) | Err(true))),
                answered: matches!(done, Ok(Ok(_))),
            }
        });
    }
    let mut requests = sent.join_all().await;
    requests.sort_by_key(|request| request.at);
    Report { requests }
}

type Http1 = http1::SendRequest<Full<Bytes>>;

/// Connections that wait for a request. The last one that was used is the next.
#[derive(Clone)]
struct Pool<N> {
    net: N,
    idle: Arc<Mutex<Vec<Http1>>>,
}

impl<N: Net> Pool<N> {
    /// Opens connections and sends one request on each. Those that take long are left to come.
    async fn fill(&self, connections: u32, until: Instant) {
        let mut opened = JoinSet::new();
        for _ in 0..connections {
            let pool = self.clone();
            opened.spawn(async move { pool.send_on(None).await });
            sleep(Duration::from_millis(2)).await;
        }
        if timeout_at(until, async { while opened.join_next().await.is_some() {} }).await.is_err() {
            opened.detach_all();
        }
    }

    async fn send(&self) -> Result<bool, bool> {
        let idle = self.take();
        let fresh = idle.is_none();
        self.send_on(idle).await.map(|()| fresh).map_err(|_| fresh)
    }

    fn take(&self) -> Option<Http1> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(Http1::is_ready)
    }

    async fn send_on(&self, connection: Option<Http1>) -> Result<(), BoxError> {
        let mut sender = match connection {
            Some(sender) => sender,
            None => open(&self.net).await?,
        };
        exchange(&mut sender, SMALL, SMALL).await?;
        if sender.ready().await.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        }
        Ok(())
    }
}

async fn open<N: Net>(net: &N) -> Result<Http1, BoxError> {
    let (sender, connection) = http1::handshake(TokioIo::new(net.connect().await?)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a body of `send` bytes and reads the `expect` bytes of the answer.
async fn exchange(sender: &mut Http1, send: usize, expect: usize) -> Result<(), BoxError> {
    let answer = sender.send_request(request(send, expect)?).await?;
    let mut body = answer.into_body();
    let mut found = 0;
    while let Some(frame) = body.frame().await {
        found += frame?.data_ref().map_or(0, Bytes::len);
    }
    if found == expect {
        Ok(())
    } else {
        Err(format!("expected an answer of {expect} bytes, found {found}").into())
    }
}

async fn multiplex(sender: &mut http2::SendRequest<Full<Bytes>>) -> Result<(), BoxError> {
    sender.ready().await?;
    sender.send_request(request(SMALL, SMALL)?).await?.into_body().collect().await?;
    Ok(())
}

fn request(send: usize, expect: usize) -> Result<hyper::Request<Full<Bytes>>, BoxError> {
    let body = Full::new(Bytes::from(vec![b'r'; send]));
    let request = hyper::Request::post(format!("http://server/{expect}")).header("host", "server");
    Ok(request.body(body)?)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
