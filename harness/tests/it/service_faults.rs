//! The faults of a service, performed by the sidecar in front of it.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use squall::plan::{
    FaultBuilder, Load, corrupt_answer, error_code, fail_first, fail_fraction, hang, slow_answer,
    truncate_answer,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::world::{Done, Seen, World, http, idle, log, ms};

const BODY: &str = r#"{"a":"0123456789012345678901234567890123456789"}"#;

/// A hundred requests a second on the HTTP server `b` for a second; the fault acts from 300 to
/// 600 ms.
fn under(fault: FaultBuilder) -> Seen {
    let fault = fault.from(ms(300)).until(ms(600));
    World::new()
        .host("b", || {
            http(80, |request| async move {
                log(&format!("served {}", request.uri().path()));
                hyper::Response::new(BODY.to_owned())
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            let get = squall::plan::RequestSpec::get("/").expect_present("/a");
            let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000)).timeout(ms(500));
            plan.load(load.warm_up(0).request(get)).fault(fault)
        })
        .completes(1)
}

#[track_caller]
fn check(seen: &Seen, expected: &[(&str, usize)]) {
    let found = seen.outcomes();
    let found: Vec<(&str, usize)> = found.iter().map(|(what, n)| (what.as_str(), *n)).collect();
    assert_eq!(found, expected);
}

/// Outside the fault every request is served and succeeds.
#[track_caller]
fn heals(seen: &Seen) {
    for (_, request) in seen.requests() {
        if !(300_000_000..600_000_000).contains(&request.intended) {
            assert_eq!(request.status, 200, "{request:?}");
        }
    }
}

#[test]
fn an_error_code_answers_in_place_of_the_service() {
    let seen = under(error_code("b", 503));
    check(
        &seen,
        &[("failed status 503 without Retry-After (counts as failed)", 30), ("succeeded", 70)],
    );
    assert_eq!(seen.affected(), [30]);
    assert_eq!(seen.said("b").len(), 70, "the service did not see them");
    heals(&seen);
}

#[test]
fn the_first_requests_fail_and_no_more() {
    let seen = under(fail_first("b", 7, 500));
    check(&seen, &[("failed status 500", 7), ("succeeded", 93)]);
    let failed: Vec<u64> = (seen.requests().iter().filter(|(_, r)| r.status == 500))
        .map(|(_, r)| r.intended)
        .collect();
    assert_eq!(failed, (30..37).map(|n| n * 10_000_000).collect::<Vec<u64>>());
    assert_eq!(seen.affected(), [7]);
}

#[test]
fn a_fraction_of_the_requests_fails() {
    let seen = under(fail_fraction("b", 0.4, 500));
    let failed = usize::try_from(seen.affected()[0]).unwrap();
    assert!((5..=20).contains(&failed), "about twelve of thirty, found {failed}");
    check(&seen, &[("failed status 500", failed), ("succeeded", 100 - failed)]);
    heals(&seen);
}

#[test]
fn a_slow_answer_comes_late_and_whole() {
    let seen = under(slow_answer("b", ms(120)));
    check(&seen, &[("succeeded", 100)]);
    assert_eq!(seen.affected(), [30]);
    for (at, request) in seen.requests() {
        let slow = (300_000_000..600_000_000).contains(&request.intended);
        assert_eq!(at - request.intended >= 120_000_000, slow, "{request:?} at {at}");
    }
}

#[test]
fn a_hang_never_answers() {
    let seen = under(hang("b"));
    check(&seen, &[("failed timeout", 30), ("succeeded", 70)]);
    assert_eq!(seen.affected(), [30]);
    assert_eq!(seen.said("b").len(), 70);
    heals(&seen);
}

#[test]
fn a_corrupt_answer_has_a_flipped_bit() {
    let seen = under(corrupt_answer("b", 1.0));
    assert_eq!(seen.affected(), [30]);
    assert_eq!(seen.said("b").len(), 100, "the service answered");
    let failed: usize = (seen.outcomes().iter())
        .filter(|(what, _)| what.starts_with("failed the answer "))
        .map(|(_, count)| count)
        .sum();
    assert!(failed > 2, "a bit in the quotes or the name shows: {:?}", seen.outcomes());
    assert!(seen.requests().iter().all(|(_, request)| request.status == 200));
}

#[test]
fn a_truncated_answer_breaks_off_in_the_middle() {
    let seen = under(truncate_answer("b", 1.0));
    check(&seen, &[("failed answer broken off", 30), ("succeeded", 70)]);
    assert_eq!(seen.affected(), [30]);
    heals(&seen);
}

/// Asks `b` once at 400 ms as HTTP/1.1, and logs the status and how the body came.
async fn ask_once() -> Done {
    sleep(ms(400)).await;
    let io = TokioIo::new(TcpStream::connect("b:80").await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let request = hyper::Request::get("/").header("host", "b").body(Empty::<Bytes>::new())?;
    let mut body = sender.send_request(request).await?.into_body();
    let mut came = 0;
    let end = loop {
        match body.frame().await {
            Some(Ok(frame)) => came += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => break "broken off",
            None => break "whole",
        }
    };
    log(&format!("{end} after {came} of {}", BODY.len()));
    idle().await
}

#[test]
fn half_of_a_truncated_body_comes() {
    let fault = truncate_answer("b", 1.0).from(ms(300)).until(ms(600));
    let seen = World::new()
        .host("b", || http(80, |_| async { hyper::Response::new(BODY.to_owned()) }))
        .host("a", ask_once)
        .plan(|plan| plan.fault(fault))
        .completes(1);
    assert_eq!(seen.said("a"), [format!("broken off after {} of {}", BODY.len() / 2, BODY.len())]);
}

#[test]
fn a_fault_without_a_request_counts_nothing() {
    for fault in [
        error_code("b", 500),
        fail_first("b", 3, 500),
        fail_fraction("b", 0.5, 500),
        slow_answer("b", ms(5)),
        hang("b"),
        corrupt_answer("b", 0.5),
        truncate_answer("b", 0.5),
    ] {
        let fault = fault.from(ms(300)).until(ms(600));
        let seen = World::new()
            .host("b", || crate::world::ok(80))
            .plan(|plan| plan.fault(fault))
            .completes(1);
        assert_eq!(seen.affected(), [0]);
    }
}

/// A gRPC server: answers each call with one message and the trailer of success.
async fn grpc() -> Done {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|_| async {
                let message = Full::new(Bytes::from_static(b"\0\0\0\0\x02hi"));
                let mut trailers = hyper::HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().expect("a header"));
                let body = message.with_trailers(async move { Some(Ok(trailers)) });
                hyper::Response::builder().header("content-type", "application/grpc").body(body)
            });
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await
        });
    }
}

/// Calls `b` once before, during and after the fault, over one connection.
async fn call() -> Done {
    sleep(ms(1)).await;
    let io = TokioIo::new(TcpStream::connect("b:80").await?);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(connection);
    for at in [100, 400, 700] {
        squall_os::sim::sleep_until(at * 1_000_000).await;
        let request = hyper::Request::post("http://b/service/Method")
            .header("content-type", "application/grpc")
            .body(Full::new(Bytes::from_static(b"\0\0\0\0\0")))?;
        let answered = timeout(ms(100), async {
            let response = sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?;
            let trailers = body.trailers().cloned().unwrap_or_default();
            let code = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
            let code = code.and_then(|code| code.to_str().ok()).unwrap_or("?").to_owned();
            Ok::<_, hyper::Error>(format!("{} {code} {:?}", head.status, body.to_bytes()))
        })
        .await;
        match answered {
            Ok(answer) => log(&answer?),
            Err(_) => log("no answer"),
        }
    }
    idle().await
}

fn called(fault: FaultBuilder) -> Seen {
    let fault = fault.from(ms(300)).until(ms(600));
    World::new().host("b", grpc).host("a", call).plan(|plan| plan.fault(fault)).completes(1)
}

#[test]
fn grpc_calls_pass_with_their_trailers_and_fail_with_a_grpc_status() {
    let good = r#"200 OK 0 b"\0\0\0\0\x02hi""#;
    assert_eq!(called(error_code("b", 503)).said("a"), [good, r#"200 OK 14 b"""#, good]);
    assert_eq!(called(error_code("b", 504)).said("a")[1], r#"200 OK 4 b"""#);
    let seen = called(hang("b"));
    assert_eq!(seen.said("a"), [good, "no answer", good]);
    assert_eq!(seen.affected(), [1]);
    let seen = called(corrupt_answer("b", 1.0));
    assert!(seen.said("a")[1].starts_with("200 OK 0 b\"\\0\\0\\0\\0\\x02"), "the prefix is whole");
    assert_ne!(seen.said("a")[1], good);
    let seen = called(slow_answer("b", ms(50)));
    assert_eq!(seen.said("a"), [good, good, good]);
    assert!(seen.facts()[1].0 >= ms(450) && seen.facts()[2].0 < Duration::from_millis(705));
}

#[test]
fn services_on_high_ports_of_one_host_are_told_apart() {
    // Two of these would be the same port behind their sidecars, were it their own plus something.
    let ports = [45_600_u16, 45_700, 20_000, 80];
    let seen = World::new()
        .host("b", move || async move {
            for port in ports {
                tokio::spawn(async move {
                    let served =
                        http(
                            port,
                            move |_| async move { hyper::Response::new(format!("by {port}")) },
                        );
                    served.await.expect("the port is free");
                });
            }
            std::future::pending().await
        })
        .host("a", move || async move {
            sleep(ms(10)).await;
            for port in ports {
                let io = TokioIo::new(TcpStream::connect(("b", port)).await?);
                let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
                tokio::spawn(connection);
                let request = hyper::Request::new(Empty::<Bytes>::new());
                let answer = sender.send_request(request).await?.into_body().collect().await?;
                log(&String::from_utf8_lossy(&answer.to_bytes()));
            }
            std::future::pending().await
        })
        .plan(|plan| plan.fault(error_code("b", 500).from(ms(500)).until(ms(600))))
        .completes(1);
    assert_eq!(seen.said("a"), ["by 45600", "by 45700", "by 20000", "by 80"]);
}
