//! The sidecar: performs the faults of a service, as the proxy of a service mesh does.
//!
//! A host whose service has faults in the plan gets one for each port that the service listens
//! on. The sidecar takes the port, the service listens behind it on loopback, and every request
//! passes through: HTTP/1.1 and HTTP/2, gRPC with its trailers. While a fault acts it answers
//! itself, waits, or damages the answer; the service has no line in it for that.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    plan::ServiceFault,
    run::{environment::Environment, rng},
    service::BoxError,
};

type Body = BoxBody<Bytes, BoxError>;

/// The prefix of a gRPC message: a flag and its length.
const GRPC_PREFIX: usize = 5;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effect {
    Pass,
    Fail(u16),
    Delay(Duration),
    Hang,
    /// The answer is damaged by this fault, if the service gives one in which something can be.
    Damage(u16, Damage),
}

/// How an answer is damaged.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    Corrupt,
    Truncate,
}

/// Serves `port` of the host that `environment` is of, on `listener`, in front of the service that
/// listens at `behind`.
pub(crate) async fn serve(
    environment: impl Environment,
    port: u16,
    listener: TcpListener,
    behind: SocketAddr,
) {
    let host = environment.host_name(environment.host());
    let random = environment.random(&format!("sidecar {host} {port}"));
    let faults = Faults { environment, host, random: Arc::new(Mutex::new(random)) };
    while let Ok((stream, _)) = listener.accept().await {
        let upstream = Upstream::new(behind);
        let faults = faults.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (upstream, faults) = (upstream.clone(), faults.clone());
                async move { Ok::<_, Infallible>(faults.pass(request, &upstream).await) }
            });
            // What the peer has closed already refuses the option; reading finds that out.
            let _ = stream.set_nodelay(true);
            let io = TokioIo::new(stream);
            let builder = auto::Builder::new(TokioExecutor::new());
            // A connection that fails is the client's to notice.
            let _ = builder.serve_connection(io, service).await;
        });
    }
}

/// The faults of the service on one host.
#[derive(Clone)]
struct Faults<E> {
    environment: E,
    host: String,
    random: Arc<Mutex<ChaCha8Rng>>,
}

impl<E: Environment> Faults<E> {
    /// What the acting faults want of the next request.
    fn draw(&self) -> Effect {
        let environment = &self.environment;
        let mut random = self.random.lock().expect("nothing panics while it holds the lock");
        for (number, fault) in environment.plan().service_faults(&self.host) {
            if !environment.is_active(number) {
                continue;
            }
            let effect = match *fault {
                ServiceFault::FailFirst { requests, status } => {
                    (environment.affected(number) < requests).then_some(Effect::Fail(status))
                }
                ServiceFault::FailFraction { rate, status } => {
                    rng::chance(rate, &mut random).then_some(Effect::Fail(status))
                }
                ServiceFault::ErrorCode { status } => Some(Effect::Fail(status)),
                ServiceFault::SlowAnswer { delay } => Some(Effect::Delay(delay)),
                ServiceFault::Hang => Some(Effect::Hang),
                ServiceFault::CorruptAnswer { rate } => rng::chance(rate, &mut random)
                    .then_some(Effect::Damage(number, Damage::Corrupt)),
                ServiceFault::TruncateAnswer { rate } => rng::chance(rate, &mut random)
                    .then_some(Effect::Damage(number, Damage::Truncate)),
            };
            let Some(effect) = effect else { continue };
            match effect {
                // Counted when there is something to damage.
                Effect::Damage(..) => {}
                Effect::Pass | Effect::Fail(_) | Effect::Delay(_) | Effect::Hang => {
                    environment.affect(number, 1)
                }
            }
            return effect;
        }
        Effect::Pass
    }

    async fn pass(&self, request: Request<Incoming>, upstream: &Upstream) -> Response<Body> {
        let grpc = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let effect = self.draw();
        match effect {
            Effect::Fail(status) => return failure(status, grpc),
            Effect::Hang => return std::future::pending().await,
            Effect::Delay(delay) => tokio::time::sleep(delay).await,
            Effect::Pass | Effect::Damage(..) => {}
        }
        let answer = match upstream.send(request).await {
            Ok(answer) => answer,
            Err(_) => return failure(502, grpc),
        };
        match effect {
            Effect::Damage(fault, how) => self.damage(answer, grpc, fault, how).await,
            _ => answer.map(|body| body.map_err(BoxError::from).boxed()),
        }
    }

    /// Damages the body of an answer, if there is anything in it, and leaves its trailers.
    async fn damage(
        &self,
        answer: Response<Incoming>,
        grpc: bool,
        fault: u16,
        how: Damage,
    ) -> Response<Body> {
        let (head, body) = answer.into_parts();
        let Ok(collected) = body.collect().await else { return failure(502, grpc) };
        let trailers = collected.trailers().cloned();
        let whole = collected.to_bytes();
        // Bits are flipped in the message, if it is one of gRPC, and not in what is around it.
        let first = if grpc && how == Damage::Corrupt { GRPC_PREFIX } else { 0 };
        if whole.len() <= first {
            return Response::from_parts(head, frames(whole, trailers));
        }
        self.environment.affect(fault, 1);
        let body = match how {
            Damage::Corrupt => {
                frames(corrupt(BytesMut::from(&whole[..]), first, &self.random), trailers)
            }
            Damage::Truncate => first_half(&whole),
        };
        Response::from_parts(head, body)
    }
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// An answer with this HTTP status, or the gRPC status that corresponds.
fn failure(status: u16, grpc: bool) -> Response<Body> {
    let mut response = Response::new(empty());
    if grpc {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(grpc_status(status)));
        headers.insert("grpc-message", HeaderValue::from_static("injected by the plan"));
    } else {
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    }
    response
}

/// The gRPC status of an HTTP status, as `google/rpc/code.proto` maps them.
fn grpc_status(http: u16) -> u16 {
    match http {
        400 => 3,
        401 => 16,
        403 => 7,
        404 => 5,
        409 => 10,
        429 => 8,
        499 => 1,
        500 => 13,
        501 => 12,
        502 | 503 => 14,
        504 => 4,
        _ => 2,
    }
}

fn frames(data: Bytes, trailers: Option<HeaderMap>) -> Body {
    let frames = [Some(Frame::data(data)), trailers.map(Frame::trailers)];
    let frames = frames.into_iter().flatten().map(Ok::<_, BoxError>);
    BodyExt::boxed(StreamBody::new(stream::iter(frames)))
}

/// Flips one bit of the body, from its `first` byte on.
fn corrupt(mut body: BytesMut, first: usize, random: &Mutex<ChaCha8Rng>) -> Bytes {
    let mut random = random.lock().expect("nothing panics while it holds the lock");
    let place = random.random_range(first..body.len());
    body[place] ^= 1 << random.random_range(0..8);
    body.freeze()
}

/// The first half of the body, which then breaks off.
fn first_half(whole: &Bytes) -> Body {
    let half = whole.slice(..whole.len() / 2);
    let frames = stream::once(async { Ok(Frame::data(half)) }).chain(stream::once(async {
        // What fails at once takes the first half with it, which was not yet sent then.
        tokio::task::yield_now().await;
        Err(BoxError::from("broken off by the plan"))
    }));
    BodyExt::boxed(StreamBody::new(frames))
}

/// The way to the service behind the sidecar, of one connection of a client.
#[derive(Clone)]
struct Upstream {
    address: SocketAddr,
    multiplexed: Arc<tokio::sync::Mutex<Option<http2::SendRequest<Incoming>>>>,
}

impl Upstream {
    fn new(address: SocketAddr) -> Self {
        Self { address, multiplexed: Arc::default() }
    }

    async fn send(&self, request: Request<Incoming>) -> Result<Response<Incoming>, BoxError> {
        if request.version() != Version::HTTP_2 {
            let io = TokioIo::new(self.connect().await?);
            let (mut sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            return Ok(sender.send_request(request).await?);
        }
        let mut sender = {
            let mut multiplexed = self.multiplexed.lock().await;
            match multiplexed.as_ref().filter(|sender| !sender.is_closed()) {
                Some(sender) => sender.clone(),
                None => multiplexed.insert(self.open().await?).clone(),
            }
        };
        sender.ready().await?;
        Ok(sender.send_request(request).await?)
    }

    /// Passes on at once what it is given, as proxies do: without Nagle's algorithm.
    async fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn open(&self) -> Result<http2::SendRequest<Incoming>, BoxError> {
        let io = TokioIo::new(self.connect().await?);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::grpc_status;

    #[test]
    fn http_statuses_become_the_grpc_statuses_of_the_code_proto() {
        for (http, grpc) in [(400, 3), (404, 5), (429, 8), (500, 13), (503, 14), (504, 4), (418, 2)]
        {
            assert_eq!(grpc_status(http), grpc, "HTTP {http}");
        }
    }
}
