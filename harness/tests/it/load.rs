//! The load: what is sent when, and what is written down about it.

use std::{collections::BTreeMap, time::Duration};

use hyper::{Response, StatusCode};
use squall::{
    objective::wrong,
    plan::{Arrivals, Load, RequestSpec, crash, pause},
};
use squall_reports::{record::Outcome, verdict::Verdict};
use tokio::time::sleep;

use crate::world::{Seen, World, http, log, ms};

/// A load on a server that answers with `answer`.
fn loaded<F, A>(load: Load, answer: F) -> World
where
    F: Fn(String) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response<String>> + Send + 'static,
{
    World::new()
        .host("b", move || {
            let answer = answer.clone();
            http(80, move |request| answer(request.uri().path().to_owned()))
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load.warm_up(0)))
}

fn quick(load: Load) -> Seen {
    loaded(load, |_| async { Response::new("ok".to_owned()) }).completes(1)
}

fn arrivals(arrivals: Arrivals) -> Load {
    Load::new("a", "b:80", arrivals).lasts(ms(1_000)).get("/")
}

#[test]
fn requests_start_at_their_appointed_instants() {
    let seen = quick(arrivals(Arrivals::Constant { rate: 250.0 }));
    let intended: Vec<u64> = seen.requests().iter().map(|(_, request)| request.intended).collect();
    assert_eq!(intended, (0..250).map(|n| n * 4_000_000).collect::<Vec<u64>>());
    assert!(seen.requests().iter().all(|(_, request)| request.started == request.intended));
    seen.conserved();
}

#[test]
fn every_arrival_process_is_performed_and_conserved() {
    for (process, expected) in [
        (Arrivals::Poisson { rate: 500.0 }, 430..570),
        (Arrivals::Ramp { from: 0.0, to: 400.0 }, 199..202),
        (Arrivals::Steps { rates: vec![100.0, 300.0] }, 199..202),
        (Arrivals::Bursts { rate: 50.0, peak: 500.0, every: ms(500), burst: ms(100) }, 139..142),
    ] {
        let seen = quick(arrivals(process.clone()));
        assert!(expected.contains(&seen.requests().len()), "{process:?}: {:?}", seen.outcomes());
        seen.conserved();
    }
}

#[test]
fn a_closed_load_waits_for_its_answers() {
    let closed = |clients| {
        let load = arrivals(Arrivals::Closed { clients, think: ms(10) });
        let seen = loaded(load, |_| async {
            sleep(ms(39)).await;
            Response::new("ok".to_owned())
        })
        .completes(1);
        seen.conserved();
        seen
    };
    // Fifty milliseconds a turn.
    assert!((18..=22).contains(&closed(1).requests().len()));
    let seen = closed(5);
    assert!((90..=110).contains(&seen.requests().len()), "{}", seen.requests().len());
    let mut edges: Vec<(u64, i32)> = (seen.requests().iter())
        .flat_map(|(at, request)| [(request.started, 1), (*at, -1)])
        .collect();
    edges.sort_unstable();
    let in_flight = edges.iter().scan(0, |sum, (_, step)| {
        *sum += step;
        Some(*sum)
    });
    assert_eq!(in_flight.max(), Some(5));
}

#[test]
fn a_mix_is_sent_by_its_weights_with_numbers_in_its_paths() {
    let load = Load::constant("a", "b:80", 1_000.0)
        .lasts(ms(1_000))
        .request(RequestSpec::get("/items/{id}").weight(7))
        .request(RequestSpec::new("POST", "/orders").body(r#"{"item":{id}}"#).weight(3))
        .request(RequestSpec::get("/never").weight(0));
    let seen = loaded(load, |path| async move {
        log(&path);
        Response::new("ok".to_owned())
    })
    .completes(1);
    let count = |route: &str| {
        let record = &seen.0.record;
        record.requests().filter(|(_, request)| record.text(request.route) == route).count()
    };
    assert!((640..760).contains(&count("GET /items/{id}")), "{}", count("GET /items/{id}"));
    assert_eq!(count("GET /items/{id}") + count("POST /orders"), 1_000);
    let mut paths = seen.said("b");
    paths.sort_unstable();
    paths.dedup();
    assert!(paths.len() > 300, "many different items, found {}", paths.len());
    assert!(paths.iter().all(|path| path == "/orders" || path[7..].parse::<u32>().is_ok()));
}

/// What requests come to that are all answered like this.
fn answered(status: u16, header: Option<&'static str>, body: &'static str) -> (Outcome, String) {
    let spec = RequestSpec::get("/").expect_present("/a/0/b").degraded_by("/left_out");
    let load = Load::constant("a", "b:80", 1.0).lasts(ms(1_000)).request(spec);
    let seen = loaded(load, move |_| async move {
        let mut response = Response::new(body.to_owned());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        if let Some(name) = header {
            response.headers_mut().insert(name, "1".parse().expect("a header"));
        }
        response
    })
    .completes(1);
    let (_, request) = seen.requests()[0];
    assert_eq!(request.status, status);
    (request.outcome, seen.0.record.text(request.note).to_owned())
}

#[test]
fn answers_are_classified_by_status_and_content() {
    let whole = r#"{"a":[{"b":1}],"left_out":[]}"#;
    let check = |found: (Outcome, String), outcome, note: &str| {
        assert_eq!(found, (outcome, note.to_owned()));
    };
    check(answered(200, None, whole), Outcome::Succeeded, "");
    check(answered(201, None, r#"{"a":[{"b":null}]}"#), Outcome::Succeeded, "");
    let degraded = r#"{"a":[{"b":1}],"left_out":["reviews","stock"]}"#;
    check(answered(200, None, degraded), Outcome::Degraded, "reviews,stock");
    check(answered(200, None, r#"{"a":[]}"#), Outcome::Failed, "the answer has no /a/0/b");
    check(answered(200, None, "hello"), Outcome::Failed, "the answer is not JSON");
    check(answered(429, None, ""), Outcome::Shed, "status 429");
    check(answered(503, Some("retry-after"), ""), Outcome::Shed, "status 503");
    let unshed = "status 503 without Retry-After (counts as failed)";
    check(answered(503, None, ""), Outcome::Failed, unshed);
    check(answered(500, Some("retry-after"), whole), Outcome::Failed, "status 500");
    check(answered(404, None, ""), Outcome::Failed, "status 404");
}

/// What an answer of this status comes to where somebody has said which are shed and degraded.
fn told(status: u16, change: impl Fn(Load) -> Load) -> (Outcome, u16, String) {
    let load = Load::constant("a", "b:80", 1.0).lasts(ms(1_000)).retry(2, ms(1));
    let spec = RequestSpec::get("/").expect_present("/a");
    let seen = loaded(change(load.request(spec)), move |path| async move {
        let body = if path == "/" { r#"{"a":1}"# } else { "{}" };
        let mut response = Response::new(body.to_owned());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        response
    })
    .completes(1);
    let (_, request) = seen.requests()[0];
    assert_eq!(request.status, status);
    let note = seen.0.record.text(request.note).to_owned();
    (request.outcome, request.attempts.into(), note)
}

#[test]
fn which_statuses_are_shed_and_degraded_can_be_said() {
    let check = |found: (Outcome, u16, String), outcome, attempts, note: &str| {
        assert_eq!(found, (outcome, attempts, note.to_owned()));
    };
    let overload = |load: Load| load.shed_on([503, 529]).degraded_on([203, 404]);
    check(told(503, overload), Outcome::Shed, 2, "status 503");
    check(told(529, overload), Outcome::Shed, 2, "status 529");
    // What is no longer among them has failed, and may still be tried again.
    check(told(429, overload), Outcome::Failed, 2, "status 429");
    check(told(404, overload), Outcome::Degraded, 1, "status 404");
    check(told(203, overload), Outcome::Degraded, 1, "status 203");
    check(told(200, overload), Outcome::Succeeded, 1, "");
    check(told(409, |load| load.shed_on([409])), Outcome::Shed, 2, "status 409");
    check(told(503, |load| load.shed_on([])), Outcome::Failed, 2, "status 503");
    // A degraded answer must still say what is expected of it.
    let elsewhere = |load: Load| {
        let mut load = load.degraded_on([203]);
        load.mix[0].path = "/elsewhere".to_owned();
        load
    };
    check(told(203, elsewhere), Outcome::Failed, 1, "the answer has no /a");
}

#[test]
fn a_timeout_ends_a_request_and_its_connection() {
    let load = Load::constant("a", "b:80", 10.0).lasts(ms(1_000)).timeout(ms(50)).get("/");
    let seen = loaded(load, |_| async {
        sleep(ms(70)).await;
        log("answered");
        Response::new("late".to_owned())
    })
    .completes(1);
    assert_eq!(seen.outcomes(), [("failed timeout".to_owned(), 10)]);
    assert!(seen.requests().iter().all(|(at, request)| at - request.started == 50_000_000));
    assert_eq!(seen.said("b"), Vec::<String>::new(), "the server noticed that nobody waits");
    seen.conserved();
}

#[test]
fn failures_are_retried_with_a_growing_pause_until_the_attempts_are_spent() {
    let spec = Load::constant("a", "b:80", 1.0).lasts(ms(1_000)).timeout(ms(5_000)).get("/");
    let seen = loaded(spec.clone().retry(4, ms(100)), |_| async {
        log("attempt");
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
    .completes(3);
    let (_, request) = seen.requests()[0];
    assert_eq!((request.attempts, request.outcome), (4, Outcome::Failed));
    let at: Vec<_> = seen.facts().iter().map(|(at, _, _)| *at).collect();
    assert_eq!(at.len(), 4);
    let pauses: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] <= ms(102) && pauses[1] <= ms(202) && pauses[2] <= ms(402), "{pauses:?}");
    // What a retry cannot mend is not retried, and a success ends it.
    let missing = loaded(spec.clone().retry(4, ms(100)), |_| async {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    });
    assert_eq!(missing.completes(3).requests()[0].1.attempts, 1);
    assert_eq!(quick(spec.retry(4, ms(100))).requests()[0].1.attempts, 1);
}

/// The pauses between the attempts of each request to a server that answers none of them, as
/// shares of the longest that each may be.
fn pauses(rate: f64) -> Vec<Vec<f64>> {
    let load = Load::constant("a", "b:80", rate).lasts(ms(1_000)).timeout(ms(20_000));
    let seen = loaded(load.get("/{request}").retry(4, ms(1_000)), |request| async move {
        log(&request);
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
    .plan(|plan| plan.lasts(ms(20_000)))
    .completes(3);
    let mut attempts: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for (at, _, request) in seen.facts() {
        attempts.entry(request).or_default().push(at);
    }
    let shares = |at: &Vec<Duration>| {
        let pauses = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64());
        pauses.zip([1.0, 2.0, 4.0]).map(|(pause, most)| pause / most).collect()
    };
    attempts.values().map(shares).collect()
}

#[test]
fn each_pause_between_attempts_has_a_jitter_of_its_own() {
    let pauses = pauses(50.0);
    assert_eq!(pauses.len(), 50);
    assert!(pauses.iter().flatten().all(|share| (0.0..1.01).contains(share)), "{pauses:?}");
    for place in 0..3 {
        let mean: f64 = pauses.iter().map(|shares| shares[place]).sum::<f64>() / 50.0;
        assert!((0.35..0.65).contains(&mean), "half of the longest on average, found {mean}");
    }
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        let apart = pauses.iter().filter(|shares| (shares[one] - shares[other]).abs() > 0.1);
        let apart = apart.count();
        assert!(apart > 30, "four in five, found {apart} of 50");
    }
}

#[test]
fn a_refused_connection_is_retried_until_the_server_is_back() {
    let load = Load::constant("a", "b:80", 10.0).lasts(ms(1_000)).timeout(ms(2_000)).get("/");
    let seen = loaded(load.retry(20, ms(20)), |_| async { Response::new("ok".to_owned()) })
        .plan(|plan| plan.fault(crash("b").from(ms(250)).until(ms(550))))
        .completes(1);
    assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 10)]);
    assert!(seen.requests().iter().any(|(_, request)| request.attempts > 2));
    seen.conserved();
}

#[test]
fn the_latency_of_a_late_client_counts_from_the_intended_start() {
    let seen = loaded(Load::constant("a", "b:80", 100.0).lasts(ms(1_000)).get("/"), |_| async {
        Response::new("ok".to_owned())
    })
    .plan(|plan| plan.fault(pause("a").from(ms(295)).until(ms(495))))
    .completes(1);
    assert_eq!(seen.requests().len(), 100, "none was left out");
    for (at, request) in seen.requests() {
        if (300_000_000..495_000_000).contains(&request.intended) {
            assert_eq!(request.started, 495_000_000, "{request:?}");
            assert!(at - request.intended >= 495_000_000 - request.intended);
        }
    }
    seen.conserved();
}

#[test]
fn requests_of_a_client_that_dies_are_abandoned_and_it_goes_on_later() {
    let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000)).get("/");
    let seen = loaded(load, |_| async {
        sleep(ms(30)).await;
        Response::new("ok".to_owned())
    })
    .plan(|plan| plan.fault(crash("a").from(ms(305)).until(ms(505))))
    .completes(1);
    let outcomes = seen.outcomes();
    assert_eq!(outcomes[0], ("abandoned client died".to_owned(), 3), "{outcomes:?}");
    assert_eq!(outcomes[1], ("succeeded".to_owned(), 77), "{outcomes:?}");
    seen.conserved();
}

#[test]
fn requests_before_the_load_are_not_part_of_it() {
    let load = Load::constant("a", "b:80", 10.0).lasts(ms(1_000)).get("/");
    let seen = World::new()
        .host("b", || {
            http(80, |_| async {
                log("served");
                Response::new("ok".to_owned())
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.boot(ms(200)).load(load.warm_up(5)))
        .completes(1);
    assert_eq!(seen.requests().len(), 10);
    assert_eq!(seen.said("b").len(), 15);
    assert!(seen.facts()[4].0 < ms(200) && seen.facts()[5].0 >= ms(200));
    seen.conserved();
}

#[test]
fn each_request_can_carry_its_number() {
    let post = RequestSpec::new("POST", "/jobs/{request}").body("{\"job\": {request}}");
    let load = Load::constant("a", "b:80", 50.0).lasts(ms(200)).request(post);
    let seen = loaded(load, |path| async move {
        log(&path);
        Response::new("ok".to_owned())
    })
    .completes(1);
    let expected: Vec<_> = (1..=10).map(|number| format!("/jobs/{number}")).collect();
    assert_eq!(seen.said("b"), expected);
}

#[test]
fn requests_carry_the_headers_that_they_are_given() {
    let post = RequestSpec::new("POST", "/jobs")
        .header("Idempotency-Key", "job-{request}")
        .header("content-type", "text/plain")
        .body("job {request}");
    let load = Load::constant("a", "b:80", 50.0).lasts(ms(40)).request(post);
    let world = World::new()
        .host("b", || {
            http(80, |request| async move {
                for name in ["idempotency-key", "content-type"] {
                    let values = request.headers().get_all(name).iter();
                    let values: Vec<_> = values.filter_map(|it| it.to_str().ok()).collect();
                    log(&values.join(", "));
                }
                Response::new("ok".to_owned())
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load.warm_up(0)));
    let said = world.completes(1).said("b");
    assert_eq!(said, ["job-1", "text/plain", "job-2", "text/plain"]);
}

/// A server that knows who visits by a cookie, and turns away who comes with one of another's.
fn visited(sessions: u32) -> Vec<(String, usize)> {
    let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000)).get("/").sessions(sessions);
    let world = World::new()
        .host("b", || {
            http(80, |request| async move {
                let cookie = request.headers().get("cookie").map(|it| it.to_str().unwrap_or(""));
                let (status, given) = match cookie {
                    None => (StatusCode::CREATED, "visitor=known; Path=/"),
                    Some("visitor=known") => (StatusCode::OK, "visitor=known"),
                    Some(_) => (StatusCode::UNAUTHORIZED, "visitor=known"),
                };
                log(&format!("{status}"));
                let answer = Response::builder().status(status).header("set-cookie", given);
                answer.body("ok".to_owned()).expect("a response")
            })
        })
        .topology(|topology| topology.client("a"))
        .plan(|plan| plan.load(load.warm_up(0)));
    let mut counts = std::collections::BTreeMap::new();
    for said in world.completes(1).said("b") {
        *counts.entry(said).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn clients_keep_the_cookies_that_they_are_given() {
    assert_eq!(visited(0), [("201 Created".to_owned(), 100)], "nobody keeps any");
    let once_each = [("200 OK".to_owned(), 93), ("201 Created".to_owned(), 7)];
    assert_eq!(visited(7), once_each);
}

/// Shelves that know their things by number, but for what `mistake` does to an answer.
fn shelves(mistake: impl Fn(u64) -> Option<String> + Clone + Send + Sync + 'static) -> Seen {
    let spec = RequestSpec::get("/things/{id}")
        .expect_equal("/id", "{id}")
        .expect_section("notes", "/notes")
        .expect_equal("/notes/of", "{id}")
        .expect_count("/notes/all", 2)
        .degraded_by("/left_out");
    let load = Load::constant("a", "b:80", 100.0).lasts(ms(1_000)).request(spec);
    loaded(load, move |path| {
        let mistake = mistake.clone();
        async move {
            let id: u64 = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
            let good = || {
                let notes = if id.is_multiple_of(3) {
                    r#""left_out":["notes"]"#.to_owned()
                } else {
                    format!(r#""notes":{{"of":{id},"all":[1,2]}},"left_out":[]"#)
                };
                format!(r#"{{"id":{id},{notes}}}"#)
            };
            Response::new(mistake(id).unwrap_or_else(good))
        }
    })
    .plan(|plan| plan.objective(wrong().none()))
    .completes(1)
}

#[track_caller]
fn judged(seen: &Seen, verdict: Verdict) {
    let findings = &seen.0.judgement.findings;
    let finding = findings.iter().find(|finding| finding.name == "wrong answers");
    assert_eq!(finding.map(|finding| finding.verdict), Some(verdict), "{:?}", seen.outcomes());
    seen.conserved();
}

#[test]
fn answers_are_compared_with_what_was_asked_for() {
    let seen = shelves(|_| None);
    judged(&seen, Verdict::Pass);
    let outcomes = seen.outcomes();
    assert_eq!(outcomes[0].0, "degraded notes");
    assert_eq!(outcomes[1].0, "succeeded");
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
}

#[test]
fn one_wrong_answer_among_many_is_found() {
    type OfId = fn(u64) -> String;
    let mistakes: [(OfId, OfId); 4] = [
        (
            |id| format!(r#"{{"id":{id},"notes":{{"of":{},"all":[1,2]}},"left_out":[]}}"#, id + 1),
            |id| format!("/notes/of is {}, not {id}", id + 1),
        ),
        (
            |id| format!(r#"{{"id":{id},"notes":{{"of":{id},"all":[1]}},"left_out":[]}}"#),
            |_| "/notes/all has 1 elements, not 2".to_owned(),
        ),
        (
            |id| format!(r#"{{"id":{id},"left_out":[]}}"#),
            |_| "the answer has no /notes, and does not say so".to_owned(),
        ),
        (
            |id| format!(r#"{{"id":{},"left_out":["notes"]}}"#, id + 1),
            |id| format!("/id is {}, not {id}", id + 1),
        ),
    ];
    for (mistake, note) in mistakes {
        let once = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let id_of = std::sync::Arc::clone(&once);
        let seen = shelves(move |id| {
            use std::sync::atomic::Ordering::Relaxed;
            let first = id_of.compare_exchange(0, id, Relaxed, Relaxed).is_ok();
            first.then(|| mistake(id))
        });
        judged(&seen, Verdict::Fail);
        let id = once.load(std::sync::atomic::Ordering::Relaxed);
        let expected = (format!("failed {}", note(id)), 1);
        assert!(seen.outcomes().contains(&expected), "{:?}: {expected:?}", seen.outcomes());
    }
}
