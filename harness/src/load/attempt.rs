//! One attempt of a request: sent in the protocol that it is of, and what the answer is worth.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Request, header, request};
use http_body_util::Full;
use squall_reports::record::{Outcome, RequestId, WARM_UP};
use tracing::Instrument;

use super::{
    Source,
    answer::{Asked, Ending, shown},
    client::io_reason,
    first_message::FirstMessage,
    grpc::Called,
};
use crate::{
    call::{Call, Reply},
    plan::{GrpcCall, RequestSpec, fill_in, nanos},
    run::{environment::Environment, rng, trace},
    service::{BoxError, CallFuture, chain},
};

/// One attempt that is about to be made.
pub(super) struct Attempt<'a, E> {
    pub(super) source: &'a Source<E>,
    pub(super) spec: &'a RequestSpec,
    /// The number of the request, [`WARM_UP`] for one that warms up.
    pub(super) request: RequestId,
    /// Its own number, from 1 on.
    pub(super) number: u8,
    /// What was drawn for `{id}`.
    pub(super) id: u64,
    /// Which of the clients that keep cookies sends it, if any does.
    pub(super) session: Option<usize>,
    pub(super) intended: u64,
    /// When the first attempt began.
    pub(super) started: u64,
    /// What else the request is made of is drawn from this.
    pub(super) seed: u64,
}

impl<E: Environment> Attempt<'_, E> {
    pub(super) async fn perform(&self) -> Ending {
        // Boxed, so that the most common kind of request does not carry the room for the others.
        match (&self.spec.call, &self.spec.grpc) {
            (Some(name), _) => Box::pin(self.call(name)).await,
            (None, Some(grpc)) => Box::pin(self.grpc(grpc)).await,
            (None, None) => self.http().await,
        }
    }

    async fn http(&self) -> Ending {
        let request = self.http_request();
        let sent = if self.source.load.http2_connections.is_some() {
            let sent = Box::pin(self.source.connections.send(request)).await;
            sent.map_err(|broken| broken.reason)
        } else {
            self.source.client.send(request).await
        };
        match sent {
            Ok(answer) => {
                if let Some(session) = self.session.filter(|_| self.request != WARM_UP) {
                    self.source.sessions.keep(session, &answer.headers);
                }
                Ending::of(&answer, &self.spec.expect, &self.source.load.statuses, self.asked())
            }
            Err(reason) => Ending::without_answer(Outcome::Failed, reason),
        }
    }

    async fn grpc(&self, call: &GrpcCall) -> Ending {
        let request = self.over_http2(Request::post(self.url()));
        let called = Called {
            call,
            statuses: &self.source.load.statuses,
            asked: self.asked(),
            time_left: self.time_left(),
            first: FirstMessage::new(
                self.source.environment.clone(),
                self.request,
                self.intended,
                self.number,
                call.streams,
            ),
        };
        called.perform(&self.source.connections, request).await
    }

    /// Lets the user's own code do it, in a span that belongs to the request, and so do those
    /// inside of it.
    async fn call(&self, name: &str) -> Ending {
        let Some(call) = self.source.calls.get(name) else {
            return Ending::without_answer(Outcome::Failed, "no such call");
        };
        let asked = match self.asked_of_call().await {
            Ok(asked) => asked,
            Err(error) => return Ending::without_answer(Outcome::Failed, &error.to_string()),
        };
        let span = tracing::info_span!(
            "client call",
            trace_id = trace::id_of(&asked.traceparent),
            route = self.spec.route,
            attempt = self.number,
            outcome = tracing::field::Empty,
        );
        let future: CallFuture = call(asked);
        let ending = match future.instrument(span.clone()).await {
            Ok(reply) => told(reply),
            Err(error) => Ending::without_answer(Outcome::Failed, &failure(&error)),
        };
        span.record("outcome", ending.outcome.name());
        ending
    }

    async fn asked_of_call(&self) -> io::Result<Call> {
        let environment = &self.source.environment;
        let target = environment.address_of(&self.source.load.target).await?;
        Ok(Call {
            number: self.asked().request,
            id: self.id,
            attempt: self.number,
            seed: rng::seed(self.seed, "call"),
            intended: Duration::from_nanos(self.intended),
            time_left: self.time_left(),
            route: self.spec.route.clone(),
            target,
            host: environment.host_name(environment.host()),
            traceparent: trace::parent_of(self.request, self.number),
            kept: self.source.kept.clone(),
        })
    }

    fn asked(&self) -> Asked {
        // Those that warm up are none of the load.
        let request = if self.request == WARM_UP { 0 } else { self.request };
        Asked { id: self.id, request }
    }

    fn time_left(&self) -> Duration {
        let passed = self.source.environment.now().saturating_sub(self.started);
        Duration::from_nanos(nanos(self.source.load.timeout).saturating_sub(passed))
    }

    fn filled_in(&self, text: &str) -> String {
        let asked = self.asked();
        fill_in(text, asked.id, asked.request)
    }

    fn http_request(&self) -> Request<Full<Bytes>> {
        let spec = self.spec;
        let mut request = Request::builder().method(spec.method.as_str());
        request = if self.source.load.http2_connections.is_some() {
            self.over_http2(request.uri(self.url()))
        } else {
            self.traced(
                request
                    .uri(self.filled_in(&spec.path))
                    .header(header::HOST, self.source.client.target()),
            )
        };
        let says_type =
            |(name, _): &(String, String)| name.eq_ignore_ascii_case(header::CONTENT_TYPE.as_str());
        if !spec.body.is_empty() && !spec.headers.iter().any(says_type) {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(cookies) = self.session.and_then(|client| self.source.sessions.header(client)) {
            request = request.header(header::COOKIE, cookies);
        }
        request
            .body(Full::from(self.filled_in(&spec.body)))
            .expect("a checked plan has methods and paths that make requests")
    }

    /// Over HTTP/2 the scheme and the authority are told with the path.
    fn url(&self) -> String {
        format!("http://{}{}", self.source.load.target, self.filled_in(&self.spec.path))
    }

    fn over_http2(&self, request: request::Builder) -> request::Builder {
        self.traced(request.version(http::Version::HTTP_2))
    }

    fn traced(&self, request: request::Builder) -> request::Builder {
        let request = request.header("traceparent", trace::parent_of(self.request, self.number));
        let headers = self.spec.headers.iter();
        headers.fold(request, |request, (name, value)| request.header(name, self.filled_in(value)))
    }
}

/// What the user's own code has said.
fn told(reply: Reply) -> Ending {
    let may_be_retried = reply.may_be_retried;
    Ending { may_be_retried, ..Ending::new(reply.outcome, reply.status, shown(&reply.note)) }
}

/// An error in a word, if it is one of the network, else in its own.
fn failure(error: &BoxError) -> String {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            let reason = io_reason(io);
            // Which says less than the error does.
            if reason != "connection failed" {
                return reason.to_owned();
            }
        }
        source = cause.source();
    }
    shown(&chain(&**error))
}
