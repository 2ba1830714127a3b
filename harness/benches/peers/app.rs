//! What is simulated: a gateway that asks four services at once and answers with all they said.
//!
//! Real hyper at both ends of each connection, over whichever transport it is given.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use tracing::{Instrument, Span, info_span};

use crate::transport::Transport;

pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const CLIENT: &str = "client";

/// One way, between any two hosts.
pub(crate) const LATENCY: Duration = Duration::from_millis(1);

/// The services behind the gateway, and how long they take.
pub(crate) const SERVICES: [(&str, Duration); 4] = [
    ("pricing", Duration::from_millis(5)),
    ("inventory", Duration::from_millis(10)),
    ("reviews", Duration::from_millis(15)),
    ("recommendations", Duration::from_millis(20)),
];

const TRACEPARENT: &str = "traceparent";

/// How many requests a second, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) rate: u32,
    pub(crate) lasts: Duration,
}

impl Demand {
    pub(crate) fn requests(self) -> u32 {
        let requests = u64::from(self.rate) * self.lasts.as_millis() as u64 / 1000;
        u32::try_from(requests).expect("a benchmark sends fewer requests")
    }
}

/// What is served, and whether each host opens a tracing span for each request.
#[derive(Clone, Debug)]
pub(crate) struct App<T> {
    pub(crate) net: T,
    pub(crate) traced: bool,
}

impl<T: Transport> App<T> {
    /// Runs the service with this name.
    pub(crate) async fn service(self, name: &'static str, takes: Duration) -> io::Result<()> {
        self.serve(name, move |_| async move {
            tokio::time::sleep(takes).await;
            let body = format!(
                r#"{{"service":"{name}","items":[{{"id":17,"score":0.75}},{{"id":23,"score":0.5}}]}}"#
            );
            answer(StatusCode::OK, body)
        })
        .await
    }

    /// Runs the gateway.
    pub(crate) async fn gateway(self) -> io::Result<()> {
        let pool = |name| Pool::new(self.net.clone(), name);
        let pools = Arc::new(SERVICES.map(|(name, _)| pool(name)));
        self.serve(GATEWAY, move |headers| aggregate(Arc::clone(&pools), headers)).await
    }

    async fn serve<F>(
        self,
        name: &'static str,
        handle: impl Fn(HeaderMap) -> F + Clone + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let mut listener = self.net.listen(name).await?;
        let traced = self.traced;
        loop {
            let stream = T::accept(&mut listener).await?;
            let handle = handle.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let headers = request.into_parts().0.headers;
                let span = if traced { span(&headers) } else { Span::none() };
                let handling = handle(headers).instrument(span);
                async move { Ok::<_, Infallible>(handling.await) }
            });
            tokio::spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                // A client that goes away is no concern of the service.
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

fn span(headers: &HeaderMap) -> Span {
    let trace = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()?.get(3..35));
    info_span!("handle", trace_id = trace, method = "GET")
}

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn aggregate<T: Transport>(
    pools: Arc<[Pool<T>; 4]>,
    headers: HeaderMap,
) -> Response<Full<Bytes>> {
    let trace = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let ask = |service: usize| pools[service].send(get("/items/17", pools[service].name, trace));
    let (a, b, c, d) = tokio::join!(ask(0), ask(1), ask(2), ask(3));
    let mut body = Vec::with_capacity(512);
    for part in [a, b, c, d] {
        match part {
            Ok((StatusCode::OK, part)) => {
                body.push(if body.is_empty() { b'[' } else { b',' });
                body.extend_from_slice(&part);
            }
            _ => return answer(StatusCode::BAD_GATEWAY, Bytes::new()),
        }
    }
    body.push(b']');
    answer(StatusCode::OK, body)
}

pub(crate) fn get(path: &str, host: &str, trace: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method("GET")
        .uri(path)
        .header(header::HOST, host)
        .header(TRACEPARENT, trace)
        .body(Full::default())
        .expect("these are the parts of a request")
}

/// A pool of connections to one host.
pub(crate) struct Pool<T> {
    net: T,
    name: &'static str,
    idle: Mutex<VecDeque<SendRequest<Full<Bytes>>>>,
}

/// Why there is no answer is of no interest here: none may be missing.
#[derive(Debug)]
pub(crate) struct NoAnswer;

impl<T: Transport> Pool<T> {
    pub(crate) fn new(net: T, name: &'static str) -> Self {
        Self { net, name, idle: Mutex::default() }
    }

    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        let mut sender = match self.take_idle() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await.map_err(|_| NoAnswer)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
        self.idle.lock().expect("nothing panics while it holds the lock").push_back(sender);
        Ok((head.status, body))
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().expect("nothing panics while it holds the lock");
        std::iter::from_fn(|| idle.pop_back()).find(SendRequest::is_ready)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NoAnswer> {
        let stream = self.net.connect(self.name).await.map_err(|_| NoAnswer)?;
        let io = TokioIo::new(stream);
        let (sender, connection) =
            hyper::client::conn::http1::handshake(io).await.map_err(|_| NoAnswer)?;
        tokio::spawn(async move {
            // Its errors reach whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(sender)
    }
}
