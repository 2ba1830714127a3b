//! A load of calls of gRPC, on a server of tonic: its health service, whose `Check` is unary and
//! whose `Watch` is a stream, with answers of our own.

use std::{collections::BTreeMap, convert::Infallible, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::{Response, body::Frame, server::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use squall::{
    Verdict,
    objective::{failed_otherwise_than, p99, percentile, shed, spans, wrong},
    plan::{
        GrpcCode, Load, Message, RequestSpec, corrupt_answer, crash, error_code, pause,
        truncate_answer,
    },
};
use squall_reports::record::Outcome;
use tokio::{net::TcpListener, time::sleep};
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_server::{Health, HealthServer},
};

use crate::world::{Done, Seen, World, log, ms};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// Numbers with pauses before them, in milliseconds, and perhaps an error.
type Parts = Vec<(u64, Result<i32, Status>)>;

/// What is answered when a shop with this number is asked for.
type Answer = fn(i32) -> Parts;

type Answers = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

/// A health service that answers like this.
#[derive(Clone)]
struct Answering(Answer);

fn number(request: &tonic::Request<HealthCheckRequest>) -> i32 {
    let name = &request.get_ref().service;
    name.strip_prefix("shop-").and_then(|number| number.parse().ok()).expect("a number")
}

#[tonic::async_trait]
impl Health for Answering {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        assert!(request.metadata().contains_key("traceparent"));
        let mut answers = (self.0)(number(&request)).into_iter();
        let (pause, answer) = answers.next().expect("an answer");
        sleep(ms(pause)).await;
        answer.map(|status| tonic::Response::new(HealthCheckResponse { status }))
    }

    type WatchStream = Answers;

    async fn watch(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Answers>, Status> {
        let answers = stream::iter((self.0)(number(&request))).then(|(pause, answer)| async move {
            sleep(ms(pause)).await;
            answer.map(|status| HealthCheckResponse { status })
        });
        Ok(tonic::Response::new(Box::pin(answers)))
    }
}

async fn serve(answering: Answering) -> Done {
    let address = "0.0.0.0:50051".parse()?;
    let server = tonic::transport::Server::builder().add_service(HealthServer::new(answering));
    Ok(server.serve(address).await?)
}

fn load(spec: RequestSpec) -> Load {
    let spec = spec
        .message(Message::new().text(1, "shop-{id}"))
        .expect_message(Message::new().number(1, "{id}"));
    Load::constant("a", "b:50051", 100.0).lasts(ms(1_000)).warm_up(0).request(spec)
}

fn loaded(load: Load, answer: Answer) -> World {
    World::new()
        .host("b", move || serve(Answering(answer)))
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load))
}

fn right(number: i32) -> Parts {
    vec![(0, Ok(number))]
}

/// A stream of three, 30 ms apart.
fn three(number: i32) -> Parts {
    vec![(30, Ok(number)), (30, Ok(number)), (30, Ok(number))]
}

#[track_caller]
fn check(seen: &Seen, expected: &[(&str, u16, u8)]) {
    let mut found: BTreeMap<(String, u16, u8), usize> = BTreeMap::new();
    for (_, request) in seen.requests() {
        let note = seen.0.record.text(request.note);
        let name = format!("{} {note}", request.outcome.name()).trim_end().to_owned();
        *found.entry((name, request.status, request.attempts)).or_default() += 1;
    }
    let kinds: Vec<_> =
        found.keys().map(|(name, status, tries)| (&**name, *status, *tries)).collect();
    assert_eq!(kinds, expected, "{found:?}");
    seen.conserved();
}

fn errors(number: i32) -> Parts {
    let answer = match number % 6 {
        0 => Err(Status::unavailable("overloaded: 50 %")),
        1 => Err(Status::resource_exhausted("quota")),
        2 => Err(Status::not_found("no such shop")),
        3 => Err(Status::internal("")),
        4 => Err(Status::new(Code::DataLoss, "ü")),
        _ => Ok(number),
    };
    vec![(0, answer)]
}

#[test]
fn the_outcome_of_a_call_follows_its_status() {
    let check_spec = || load(RequestSpec::unary(CHECK)).retry(2, ms(1));
    let seen = loaded(check_spec(), errors)
        .plan(|plan| {
            plan.objective(shed().at_most(0.5)).objective(failed_otherwise_than(404).none())
        })
        .completes(1);
    check(
        &seen,
        &[
            ("failed DATA_LOSS: ü", 500, 2),
            ("failed INTERNAL", 500, 2),
            ("failed NOT_FOUND: no such shop", 404, 1),
            ("shed RESOURCE_EXHAUSTED: quota", 429, 2),
            ("shed UNAVAILABLE: overloaded: 50 %", 503, 2),
            ("succeeded", 200, 1),
        ],
    );
    assert_eq!(seen.verdict_on("shed requests"), Some(Verdict::Pass));
    let otherwise = "requests that failed otherwise than with 404";
    assert_eq!(seen.verdict_on(otherwise), Some(Verdict::Fail));
    // What is shed and what is degraded can be said.
    let told = check_spec()
        .shed_on([GrpcCode::RESOURCE_EXHAUSTED])
        .degraded_on([GrpcCode::NOT_FOUND, GrpcCode::DATA_LOSS]);
    check(
        &loaded(told, errors).completes(1),
        &[
            ("degraded DATA_LOSS: ü", 500, 1),
            ("degraded NOT_FOUND: no such shop", 404, 1),
            ("failed INTERNAL", 500, 2),
            ("failed UNAVAILABLE: overloaded: 50 %", 503, 2),
            ("shed RESOURCE_EXHAUSTED: quota", 429, 2),
            ("succeeded", 200, 1),
        ],
    );
}

#[test]
fn a_method_that_is_not_there_is_unimplemented() {
    let seen = loaded(load(RequestSpec::unary("/grpc.health.v1.Health/Ask")), right).completes(1);
    check(&seen, &[("failed UNIMPLEMENTED", 501, 1)]);
}

#[test]
fn wrong_replies_are_noticed() {
    let judged = |load, answer| {
        loaded(load, answer).plan(|plan| plan.objective(wrong().none())).completes(1)
    };
    let unary = || load(RequestSpec::unary(CHECK));
    let stream = || load(RequestSpec::server_stream(WATCH).expect_messages(3));
    for seen in [judged(unary(), right), judged(stream(), three)] {
        check(&seen, &[("succeeded", 200, 1)]);
        assert_eq!(seen.0.verdict(), Verdict::Pass, "{:#?}", seen.0.judgement);
    }
    // Half of the shops are taken for others.
    let of_200 = |mut load: Load| {
        load.mix[0].ids = 200;
        load
    };
    let wrong: [(Load, Answer, &str); 4] = [
        (of_200(unary()), |it| vec![(0, Ok(if it > 100 { it + 1 } else { it }))], "field 1 is"),
        (stream(), |it| vec![(0, Ok(it)), (0, Ok(it))], "the answer has 2 messages, not 3"),
        (stream(), |it| vec![(0, Ok(it)), (0, Ok(it)), (0, Ok(it + 1))], "field 1 is"),
        (load(RequestSpec::unary(WATCH)), three, "the answer has 3 messages, not 1"),
    ];
    for (load, answer, note) in wrong {
        let seen = judged(load, answer);
        assert_eq!(seen.verdict_on("wrong answers"), Some(Verdict::Fail), "{note}");
        let failed = seen.requests().into_iter().filter(|(_, it)| it.outcome == Outcome::Failed);
        let mut notes = failed.map(|(_, it)| seen.0.record.text(it.note).to_owned());
        assert!(notes.all(|found| found.starts_with(note)), "{note}: {:?}", seen.outcomes());
    }
}

#[test]
fn a_stream_lasts_until_its_end_and_tells_of_its_first_message() {
    let objectives = |bound| {
        let spec = RequestSpec::server_stream(WATCH).expect_messages(3);
        loaded(load(spec), three)
            .plan(|plan| {
                plan.objective(p99().of_calls(spans("first message")).at_most(bound))
                    .objective(percentile(1.0).at_most(ms(89)).named("too fast"))
            })
            .completes(1)
    };
    let seen = objectives(ms(40));
    check(&seen, &[("succeeded", 200, 1)]);
    for (at, request) in seen.requests() {
        let latency = Duration::from_nanos(at - request.intended);
        assert!(latency >= ms(90) && latency < ms(110), "{latency:?}");
    }
    let first = seen.spans("first message");
    assert_eq!(first.len(), 100);
    for (at, span, outcome) in &first {
        let (_, request) = seen.requests()[usize::try_from(span.request).expect("small") - 1];
        assert_eq!(span.opened, request.intended);
        let took = Duration::from_nanos(at - span.opened);
        assert!(took >= ms(30) && took < ms(45), "{took:?}");
        assert_eq!(outcome, "ok");
    }
    assert_eq!(seen.verdict_on("p99 latency"), Some(Verdict::Pass), "{:#?}", seen.0.judgement);
    assert_eq!(seen.verdict_on("too fast"), Some(Verdict::Fail));
    assert_eq!(objectives(ms(29)).verdict_on("p99 latency"), Some(Verdict::Fail));
}

#[test]
fn a_stream_that_fails_or_is_given_up_before_its_end_has_not_succeeded() {
    let stream = || load(RequestSpec::server_stream(WATCH));
    let fails = loaded(stream(), |it| {
        vec![(10, Ok(it)), (10, Ok(it)), (10, Err(Status::aborted("changed")))]
    });
    let seen = fails.completes(1);
    check(&seen, &[("failed ABORTED: changed", 409, 1)]);
    assert!(seen.spans("first message").iter().all(|(_, _, outcome)| outcome == "ok"));
    let at_once = loaded(stream(), |_| vec![(10, Err(Status::aborted("no")))]).completes(1);
    check(&at_once, &[("failed ABORTED: no", 409, 1)]);
    assert!(at_once.spans("first message").iter().all(|(_, _, outcome)| outcome == "failed"));
    let endless = loaded(stream().timeout(ms(75)), three).completes(1);
    check(&endless, &[("failed timeout", 0, 1)]);
    assert_eq!(endless.spans("first message").len(), 100);
    let silent = loaded(stream().timeout(ms(20)), three).completes(1);
    check(&silent, &[("failed timeout", 0, 1)]);
    let outcomes = silent.spans("first message").into_iter().map(|(_, _, outcome)| outcome);
    assert_eq!(outcomes.collect::<Vec<_>>(), vec![""; 100], "it was given up");
    let empty = loaded(stream(), |_| Vec::new()).completes(1);
    check(&empty, &[("succeeded", 200, 1)]);
    assert_eq!(empty.spans("first message"), []);
}

#[test]
fn latency_counts_from_the_intended_start_while_the_server_is_stalled() {
    let seen = loaded(load(RequestSpec::unary(CHECK)), right)
        .plan(|plan| {
            plan.fault(pause("b").from(ms(295)).until(ms(595)))
                .objective(p99().over_the_run().at_most(ms(100)))
        })
        .completes(1);
    for (at, request) in seen.requests() {
        if (300_000_000..590_000_000).contains(&request.intended) {
            let stalled = Duration::from_nanos(595_000_000 - request.intended);
            let latency = Duration::from_nanos(at - request.intended);
            assert!(latency >= stalled && latency < stalled + ms(20), "{request:?}: {latency:?}");
        }
    }
    assert_eq!(seen.verdict_on("p99 latency"), Some(Verdict::Fail));
    // A client that stands still hides nothing either, nor does its first message.
    let spec = RequestSpec::server_stream(WATCH);
    let seen = loaded(load(spec), three)
        .plan(|plan| plan.fault(pause("a").from(ms(295)).until(ms(595))))
        .completes(1);
    let late = seen.spans("first message").into_iter().filter(|(at, span, _)| {
        (300_000_000..500_000_000).contains(&span.opened) && at - span.opened > 95_000_000
    });
    assert_eq!(late.count(), 20);
}

#[test]
fn a_server_that_dies_breaks_off_what_is_under_way_and_is_found_again() {
    let dies = |load: Load| {
        let world = loaded(load, three);
        world.plan(|plan| plan.fault(crash("b").from(ms(405)).until(ms(605)))).completes(1)
    };
    let seen = dies(load(RequestSpec::server_stream(WATCH)));
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    let failed: usize =
        outcomes.iter().filter(|it| it.0.starts_with("failed")).map(|it| it.1).sum();
    assert_eq!(outcomes["failed connection refused"], 20, "{outcomes:?}");
    assert_eq!(outcomes.get("failed connection closed"), Some(&(failed - 20)), "{outcomes:?}");
    assert!((29..=30).contains(&failed), "those that were under way: {outcomes:?}");
    seen.conserved();
    let again = load(RequestSpec::server_stream(WATCH)).retry(20, ms(30)).timeout(ms(2_000));
    assert_eq!(dies(again).outcomes(), [("succeeded".to_owned(), 100)]);
}

#[test]
fn faults_of_the_service_are_seen_as_what_they_are() {
    let with = |fault: squall::plan::FaultBuilder| {
        loaded(load(RequestSpec::unary(CHECK)), right)
            .plan(|plan| plan.fault(fault.from(ms(0)).until(ms(1_000))).objective(wrong().none()))
            .completes(1)
    };
    let refused = with(error_code("b", 503));
    check(&refused, &[("shed UNAVAILABLE: injected by the plan", 503, 1)]);
    let failed = with(error_code("b", 500));
    check(&failed, &[("failed INTERNAL: injected by the plan", 500, 1)]);
    let corrupt = with(corrupt_answer("b", 1.0));
    assert_eq!(corrupt.verdict_on("wrong answers"), Some(Verdict::Fail));
    assert!(corrupt.requests().iter().all(|(_, it)| it.outcome == Outcome::Failed));
    let truncated = with(truncate_answer("b", 1.0));
    check(&truncated, &[("failed INTERNAL: stream reset", 500, 1)]);
}

/// A server that speaks HTTP/2 and answers every call with this status, data and trailers.
fn odd(
    status: u16,
    data: &'static [u8],
    trailers: &'static [(&'static str, &'static str)],
) -> Seen {
    let server = move || async move {
        let listener = TcpListener::bind("0.0.0.0:50051").await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
                    let _: hyper::body::Incoming = request.into_body();
                    let trailers = trailers.iter().map(|(name, value)| {
                        let value = value.parse::<hyper::header::HeaderValue>().expect("a value");
                        (name.parse::<hyper::header::HeaderName>().expect("a name"), value)
                    });
                    let frames = [
                        Frame::data(bytes::Bytes::from_static(data)),
                        Frame::trailers(trailers.collect()),
                    ];
                    let body = stream::iter(frames.map(Ok::<_, Infallible>));
                    let response = Response::builder().status(status);
                    let response = response.body(StreamBody::new(body));
                    async move { response }
                });
                let server = http2::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(stream), service).await
            });
        }
    };
    World::new()
        .host("b", server)
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load(RequestSpec::unary(CHECK)).lasts(ms(20))))
        .completes(1)
}

#[test]
fn what_is_no_answer_of_grpc_is_none() {
    let ok = &[("grpc-status", "0")];
    check(&odd(200, b"", &[]), &[("failed the answer has no grpc-status", 0, 1)]);
    check(&odd(200, b"", ok), &[("failed the answer has 0 messages, not 1", 200, 1)]);
    check(&odd(200, b"\0\0\0\0\x09abc", ok), &[("failed answer broken off", 0, 1)]);
    check(&odd(200, b"\0\0\0\0\x01\xff", ok), &[("failed the answer is no message", 200, 1)]);
    let compressed = "failed a message is compressed, which nobody asked for";
    check(&odd(200, b"\x01\0\0\0\0", ok), &[(compressed, 0, 1)]);
    check(&odd(503, b"", &[]), &[("shed UNAVAILABLE: 503", 503, 1)]);
    check(&odd(404, b"", &[]), &[("failed UNIMPLEMENTED: 404", 501, 1)]);
    check(&odd(200, b"", &[("grpc-status", "x")]), &[("failed UNKNOWN", 500, 1)]);
}

#[test]
fn the_server_is_told_how_long_the_client_waits() {
    let seen = World::new()
        .host("b", || async {
            let told = |request: tonic::Request<()>| {
                let timeout = request.metadata().get("grpc-timeout");
                log(timeout.and_then(|timeout| timeout.to_str().ok()).unwrap_or("none"));
                Ok(request)
            };
            let health = HealthServer::with_interceptor(Answering(right), told);
            let server = tonic::transport::Server::builder().add_service(health);
            Ok(server.serve("0.0.0.0:50051".parse()?).await?)
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load(RequestSpec::unary(CHECK)).timeout(ms(250)).lasts(ms(20))))
        .completes(1);
    assert_eq!(seen.said("b"), ["250000u", "250000u"]);
}

#[test]
fn calls_that_warm_up_are_not_part_of_the_load() {
    let load = load(RequestSpec::server_stream(WATCH)).warm_up(3);
    let seen = loaded(load, three).plan(|plan| plan.boot(ms(1_000))).completes(1);
    check(&seen, &[("succeeded", 200, 1)]);
    let first = seen.spans("first message");
    assert_eq!((seen.requests().len(), first.len()), (100, 100));
    assert!(first.iter().all(|(_, span, _)| span.opened >= 1_000_000_000));
}

#[test]
fn the_same_seed_makes_the_same_calls() {
    let run = |seed| {
        let spec = RequestSpec::server_stream(WATCH);
        let load = load(spec).retry(3, ms(30)).http2(2);
        let world = loaded(load, three);
        world.plan(|plan| plan.fault(crash("b").from(ms(405)).until(ms(605)))).completes(seed)
    };
    let (first, second, other) = (run(1), run(1), run(2));
    assert_eq!(first.0.record.digest(), second.0.record.digest());
    assert_ne!(first.0.record.digest(), other.0.record.digest());
}
