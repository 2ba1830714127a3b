//! A load that speaks HTTP/2: many requests at a time on few connections.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use squall::{
    Verdict,
    objective::{concurrency_of, p99, wrong},
    plan::{Arrivals, Load, RequestSpec, blackhole, crash, half_open, pause, refuse, restart},
};
use tokio::{net::TcpListener, time::sleep};

use crate::world::{Done, Seen, World, http, log, ms};

/// A server of nothing but HTTP/2, which logs each connection.
async fn http2<F, A>(answer: F) -> Done
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<String>> + Send + 'static,
{
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        log("connection");
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let server = http2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), service).await
        });
    }
}

async fn item(request: Request<Incoming>) -> Response<String> {
    let id = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    Response::new(format!(r#"{{"id":{id}}}"#))
}

fn load(rate: f64) -> Load {
    let spec = RequestSpec::get("/items/{id}").expect_equal("/id", "{id}");
    Load::constant("a", "b:80", rate).lasts(ms(1_000)).warm_up(0).request(spec).http2(1)
}

fn loaded<F, A>(load: Load, answer: F) -> World
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<String>> + Send + 'static,
{
    World::new()
        .host("b", move || http2(answer.clone()))
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load))
}

fn connections(seen: &Seen) -> usize {
    seen.said("b").iter().filter(|said| *said == "connection").count()
}

/// At 500 a second, each of which takes 100 ms, 50 are under way at a time.
#[test]
fn many_requests_share_the_connections_that_there_may_be() {
    for most in [1, 3] {
        let mut load = load(500.0).http2(most);
        load.mix[0].expect = Default::default();
        let seen = loaded(load, |request| async move {
            assert_eq!(request.version(), hyper::Version::HTTP_2);
            assert_eq!(request.uri().to_string()[..17], *"http://b:80/items");
            assert!(request.headers().contains_key("traceparent"));
            sleep(ms(100)).await;
            item(request).await
        })
        .completes(1);
        assert_eq!(connections(&seen), usize::try_from(most).expect("a few"));
        assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 500)]);
        let slowest = seen.requests().iter().map(|(at, it)| at - it.intended).max();
        assert!(slowest.is_some_and(|slowest| slowest < 110_000_000), "{slowest:?}");
        seen.conserved();
    }
}

#[test]
fn answers_are_worth_what_they_are_over_http_1() {
    let seen = loaded(load(100.0).retry(2, ms(1)), |request| async move {
        let id = request.uri().path()[7..].parse::<u64>().expect("an id");
        let status = match id % 5 {
            0 => StatusCode::TOO_MANY_REQUESTS,
            1 => StatusCode::NOT_FOUND,
            2 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        };
        let found = if id % 5 == 3 { id + 1 } else { id };
        let mut response = Response::new(format!(r#"{{"id":{found}}}"#));
        *response.status_mut() = status;
        response
    })
    .plan(|plan| plan.objective(wrong().none()))
    .completes(1);
    let mut found: BTreeMap<(String, u16, u8), usize> = BTreeMap::new();
    for (_, request) in seen.requests() {
        let name = request.outcome.name().to_owned();
        *found.entry((name, request.status, request.attempts)).or_default() += 1;
    }
    let kinds: Vec<_> =
        found.keys().map(|(name, status, tries)| (&**name, *status, *tries)).collect();
    assert_eq!(
        kinds,
        [
            ("failed", 200, 1),
            ("failed", 404, 1),
            ("failed", 500, 2),
            ("shed", 429, 2),
            ("succeeded", 200, 1)
        ]
    );
    assert_eq!(seen.verdict_on("wrong answers"), Some(Verdict::Fail));
    let right = loaded(load(100.0), item).plan(|plan| plan.objective(wrong().none())).completes(1);
    assert_eq!(right.0.verdict(), Verdict::Pass, "{:#?}", right.0.judgement);
}

#[test]
fn cookies_are_kept_over_http_2() {
    let mut load = load(100.0).sessions(7);
    load.mix = vec![RequestSpec::get("/")];
    let seen = loaded(load, |request| async move {
        log(if request.headers().contains_key("cookie") { "known" } else { "new" });
        let answer = Response::builder().header("set-cookie", "visitor=known");
        answer.body(String::new()).expect("a response")
    })
    .completes(1);
    let new = seen.said("b").iter().filter(|said| *said == "new").count();
    assert_eq!((new, seen.said("b").len()), (7, 7 + 93 + 1));
}

/// A server that stands still for 300 ms: those who were meant to ask meanwhile waited for it.
#[test]
fn latency_counts_from_the_intended_start_while_the_server_is_stalled() {
    let seen = loaded(load(100.0), item)
        .plan(|plan| {
            plan.fault(pause("b").from(ms(295)).until(ms(595)))
                .objective(p99().over_the_run().at_most(ms(100)))
        })
        .completes(1);
    for (at, request) in seen.requests() {
        let latency = Duration::from_nanos(at - request.intended);
        if (300_000_000..590_000_000).contains(&request.intended) {
            let stalled = Duration::from_nanos(595_000_000 - request.intended);
            assert!(latency >= stalled && latency < stalled + ms(20), "{request:?}: {latency:?}");
        } else {
            assert!(latency < ms(20), "{request:?}: {latency:?}");
        }
    }
    assert_eq!(connections(&seen), 1);
    assert_eq!(seen.verdict_on("p99 latency"), Some(Verdict::Fail));
}

#[test]
fn a_timeout_ends_a_request_and_not_its_connection() {
    let seen = loaded(load(100.0).timeout(ms(50)), |request| async move {
        let is_slow = request.uri().path().ends_with('7');
        sleep(if is_slow { ms(70) } else { ms(0) }).await;
        if is_slow {
            log("answered late");
        }
        item(request).await
    })
    .completes(1);
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    let late = outcomes["failed timeout"];
    assert!(late > 3 && outcomes["succeeded"] == 100 - late, "{outcomes:?}");
    assert_eq!(connections(&seen), 1);
    seen.never("answered late");
    seen.conserved();
}

#[test]
fn a_server_that_dies_in_the_middle_is_found_again() {
    let slow = |request| async move {
        sleep(ms(100)).await;
        item(request).await
    };
    let dies = |load: Load| {
        let world = loaded(load, slow);
        world.plan(|plan| plan.fault(crash("b").from(ms(405)).until(ms(605)))).completes(1)
    };
    let seen = dies(load(100.0));
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    let failed: usize =
        outcomes.iter().filter(|it| it.0.starts_with("failed")).map(|it| it.1).sum();
    assert_eq!(outcomes["failed connection refused"], 20, "{outcomes:?}");
    assert_eq!(outcomes["failed connection closed"], 10, "{outcomes:?}");
    assert_eq!(failed, 30, "those ten as well that were under way: {outcomes:?}");
    assert_eq!(connections(&seen), 2, "one before and one after");
    seen.conserved();
    let again = dies(load(100.0).retry(20, ms(30)).timeout(ms(2_000)));
    assert_eq!(again.outcomes(), [("succeeded".to_owned(), 100)]);
}

/// An attempt to connect is nobody's own. Were it that of the request whose turn it is, the next one
/// would begin another when that has run out of time, 10 ms before it does so itself, and none would
/// last for the 20 ms of a round trip.
#[test]
fn a_connection_is_opened_though_requests_run_out_of_time() {
    let far = squall::plan::Link::new(squall::plan::Latency::Constant { value: ms(10) });
    let seen = loaded(load(100.0).timeout(ms(100)), item)
        .topology(|topology| topology.link_between("a", "b", far))
        .plan(|plan| plan.fault(blackhole("b").from(ms(0)).until(ms(300))))
        .completes(1);
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    assert!(outcomes["succeeded"] >= 55, "{outcomes:?}");
    assert_eq!(connections(&seen), 1);
}

/// A server that takes no more than ten requests at a time, each of which takes 100 ms, when 150
/// come in a second: they wait in the client, which their latency shows.
#[test]
fn requests_wait_where_the_server_allows_no_more_streams() {
    let server = || async {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let (stream, _) = listener.accept().await?;
        let service = hyper::service::service_fn(|request| async move {
            let work = tracing::info_span!("work");
            sleep(ms(100)).await;
            drop(work);
            Ok::<_, Infallible>(item(request).await)
        });
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.max_concurrent_streams(10);
        server.serve_connection(TokioIo::new(stream), service).await?;
        std::future::pending::<Done>().await
    };
    let seen = World::new()
        .host("b", server)
        .topology(|topology| topology.client("a"))
        .plan(|plan| {
            plan.load(load(150.0).timeout(ms(2_000)))
                .objective(concurrency_of("work").at_most(10))
                .objective(p99().over_the_run().at_most(ms(400)))
        })
        .completes(1);
    assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 150)]);
    assert_eq!(seen.verdict_on("concurrency of span \"work\""), Some(Verdict::Pass));
    assert_eq!(seen.verdict_on("p99 latency"), Some(Verdict::Fail));
    let latencies = seen.requests().into_iter().map(|(at, request)| at - request.intended);
    let slowest = latencies.max().map(Duration::from_nanos).expect("requests");
    assert!(slowest > ms(450) && slowest < ms(700), "{slowest:?}");
}

#[test]
fn what_cannot_be_reached_is_reached_once_it_can() {
    let refused = loaded(load(100.0), item)
        .plan(|plan| plan.fault(refuse("b").from(ms(0)).until(ms(300))))
        .completes(1);
    let expected = [("failed connection refused".to_owned(), 30), ("succeeded".to_owned(), 70)];
    assert_eq!(refused.outcomes(), expected);
    let silent = loaded(load(100.0).timeout(ms(100)), item)
        .plan(|plan| plan.fault(blackhole("b").from(ms(0)).until(ms(300))))
        .completes(1);
    let outcomes: BTreeMap<_, _> = silent.outcomes().into_iter().collect();
    assert!(outcomes["succeeded"] >= 60, "{outcomes:?}");
    silent.conserved();
}

#[test]
fn a_connection_that_is_gone_without_a_word_is_given_up() {
    let seen = loaded(load(100.0).timeout(ms(100)), item)
        .plan(|plan| plan.fault(half_open("b").from(ms(295)).until(ms(990))))
        .completes(1);
    // Silent from 300 ms on, asked at 400, given up at 500: what is under way then is told so.
    let good = |from, until| {
        let within = |intended: &u64| (from..until).contains(&(intended / 1_000_000));
        let requests = seen.requests();
        requests.iter().filter(|(_, it)| within(&it.intended) && it.status == 200).count()
    };
    assert_eq!(
        (good(0, 290), good(300, 490), good(520, 1_000)),
        (29, 0, 48),
        "{:?}",
        seen.outcomes()
    );
    assert_eq!(connections(&seen), 2);
    seen.conserved();
}

#[test]
fn a_server_that_is_restarted_in_an_orderly_way_loses_no_request() {
    let orderly = || async {
        let listener = TcpListener::bind("0.0.0.0:80").await?;
        let stop = squall_os::signal::terminate();
        tokio::pin!(stop);
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted?.0,
                _ = &mut stop => break,
            };
            tokio::spawn(async move {
                let service = hyper::service::service_fn(|request| async move {
                    sleep(ms(20)).await;
                    Ok::<_, Infallible>(item(request).await)
                });
                let server = http2::Builder::new(TokioExecutor::new());
                let connection = server.serve_connection(TokioIo::new(stream), service);
                tokio::pin!(connection);
                tokio::select! {
                    result = &mut connection => return result,
                    _ = squall_os::signal::terminate() => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            });
        }
        drop(listener);
        sleep(ms(50)).await;
        Ok(())
    };
    let restarted = |load: Load| {
        World::new()
            .host("b", orderly)
            .topology(|topology| topology.client("a"))
            .plan(|plan| plan.load(load).fault(restart("b", ms(100)).from(ms(405)).until(ms(605))))
            .completes(1)
    };
    let seen = restarted(load(100.0));
    let outcomes = seen.outcomes();
    let kinds: Vec<&str> = outcomes.iter().map(|(outcome, _)| outcome.as_str()).collect();
    assert_eq!(kinds, ["failed connection refused", "succeeded"], "nothing is broken off");
    assert!((18..=20).contains(&outcomes[0].1), "as long as nobody listens: {outcomes:?}");
    let again = restarted(load(100.0).retry(20, ms(30)).timeout(ms(2_000)));
    assert_eq!(again.outcomes(), [("succeeded".to_owned(), 100)]);
}

#[test]
fn a_server_that_does_not_speak_it_fails_and_does_not_hang() {
    let seen = World::new()
        .host("b", || http(80, |_| async { Response::new("ok".to_owned()) }))
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load(10.0)))
        .completes(1);
    let outcomes = seen.outcomes();
    assert_eq!(outcomes, [("failed connection closed".to_owned(), 10)]);
    assert!(seen.requests().iter().all(|(at, request)| at - request.intended < 100_000_000));
    seen.conserved();
}

#[test]
fn the_same_seed_makes_the_same_streams() {
    let run = |seed| {
        let mut load = load(0.0).retry(3, ms(30)).http2(3);
        load.arrivals = Arrivals::Poisson { rate: 300.0 };
        let world = loaded(load, |request| async move {
            let id: u64 = request.uri().path()[7..].parse().expect("an id");
            sleep(Duration::from_micros(id * 50)).await;
            item(request).await
        });
        world.plan(|plan| plan.fault(crash("b").from(ms(405)).until(ms(605)))).completes(seed)
    };
    let (first, second, other) = (run(1), run(1), run(2));
    assert_eq!(first.0.record.digest(), second.0.record.digest());
    assert_ne!(first.0.record.digest(), other.0.record.digest());
    assert!(first.outcomes().iter().any(|(outcome, count)| outcome == "succeeded" && *count > 200));
}
