//! Calls of the user's own as a load: a server of a protocol like that of Redis, and clients that the
//! harness knows nothing of.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use squall::{
    Call, Reply, Verdict,
    objective::{Phase, availability, p99, recovers, shed, spans, wrong},
    plan::{
        Arrivals, Load, Plan, RequestSpec, crash, disconnect, latency, pause, refuse, stampede,
    },
};
use squall_reports::record::Outcome;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::world::{Done, Seen, World, idle, log, ms};

/// A server that answers each line `GET n` with `answer(n)`, one after the other on a connection.
async fn redis<F, A>(answer: F) -> Done
where
    F: Fn(u64) -> A + Clone + Send + 'static,
    A: Future<Output = String> + Send,
{
    let listener = TcpListener::bind("0.0.0.0:6379").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            while let Some(line) = lines.next_line().await? {
                let key = line.strip_prefix("GET ").and_then(|key| key.parse().ok());
                let text = answer(key.ok_or(io::ErrorKind::InvalidData)?).await;
                write.write_all(format!("{text}\r\n").as_bytes()).await?;
            }
            io::Result::Ok(())
        });
    }
}

async fn value(key: u64) -> String {
    format!("+value {key}")
}

/// Asks on a connection of its own, and looks at what it gets.
async fn get(call: Call) -> io::Result<Reply> {
    let mut stream = BufReader::new(TcpStream::connect(call.target()).await?);
    stream.get_mut().set_nodelay(true)?;
    ask(&mut stream, call.id()).await
}

async fn ask(stream: &mut BufReader<TcpStream>, id: u64) -> io::Result<Reply> {
    stream.get_mut().write_all(format!("GET {id}\r\n").as_bytes()).await?;
    let mut answer = String::new();
    if stream.read_line(&mut answer).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match answer.trim_end().split_once(' ') {
        Some(("+value", found)) if found == id.to_string() => Reply::succeeded(),
        Some(("+stale", found)) if found == id.to_string() => Reply::degraded("stale"),
        Some(("-BUSY", why)) => Reply::shed(why),
        Some(("-ERR", why)) => Reply::failed(why).not_retried(),
        _ => Reply::wrong(format!("{:?} of key {id}", answer.trim_end())),
    })
}

fn load() -> Load {
    Load::constant("a", "b:6379", 100.0).lasts(ms(1_000)).warm_up(0).call("get")
}

/// A load of calls on a server that answers with `answer`.
fn called<F, A>(load: Load, answer: F) -> World
where
    F: Fn(u64) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = String> + Send + 'static,
{
    World::new()
        .host("b", move || redis(answer.clone()))
        .topology(|topology| topology.client("a"))
        .call("get", get)
        .plan(|plan| plan.load(load))
}

#[test]
fn a_call_says_itself_what_became_of_it() {
    let seen = called(load(), |key| async move {
        match key % 5 {
            0 => format!("+stale {key}"),
            1 => "-BUSY too many".to_owned(),
            2 => "-ERR no such key".to_owned(),
            3 => format!("+value {}", key + 1),
            _ => format!("+value {key}"),
        }
    })
    .plan(|plan| plan.objective(wrong().none()).objective(shed().at_most(0.3)))
    .completes(1);
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for (outcome, count) in seen.outcomes() {
        let kind = if outcome.contains("of key") { "failed wrong".to_owned() } else { outcome };
        *found.entry(kind).or_default() += count;
    }
    let kinds: Vec<&str> = found.keys().map(String::as_str).collect();
    let expected =
        ["degraded stale", "failed no such key", "failed wrong", "shed too many", "succeeded"];
    assert_eq!(kinds, expected);
    assert_eq!(found.values().sum::<usize>(), 100);
    assert!(found.values().all(|count| (8..35).contains(count)), "{found:?}");
    assert_eq!(seen.verdict_on("wrong answers"), Some(Verdict::Fail));
    assert_eq!(seen.verdict_on("shed requests"), Some(Verdict::Pass));
    seen.conserved();
}

#[test]
fn right_answers_are_not_taken_for_wrong_ones() {
    let objectives = |plan: Plan| {
        plan.objective(wrong().none())
            .objective(availability().on_route("get").at_least(1.0))
            .objective(p99().at_most(ms(10)))
    };
    let seen = called(load(), value).plan(objectives).completes(1);
    assert_eq!(seen.0.verdict(), Verdict::Pass, "{:#?}", seen.0.judgement);
    assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 100)]);
    // One wrong answer of a hundred is enough.
    let once = Arc::new(AtomicU64::new(0));
    let seen = called(load(), move |key| {
        let wrong = u64::from(once.fetch_add(1, Ordering::Relaxed) == 50);
        async move { format!("+value {}", key + wrong) }
    });
    let seen = seen.plan(objectives).completes(1);
    assert_eq!(seen.verdict_on("wrong answers"), Some(Verdict::Fail));
    assert_eq!(seen.verdict_on("p99 latency"), Some(Verdict::Pass));
}

#[test]
fn all_arrivals_work_with_calls() {
    for (arrivals, expected) in [
        (Arrivals::Constant { rate: 250.0 }, 250..251),
        (Arrivals::Poisson { rate: 500.0 }, 430..570),
        (Arrivals::Ramp { from: 0.0, to: 400.0 }, 199..202),
        (Arrivals::Steps { rates: vec![100.0, 300.0] }, 199..202),
        (Arrivals::Bursts { rate: 50.0, peak: 500.0, every: ms(500), burst: ms(100) }, 139..142),
        (Arrivals::Closed { clients: 3, think: ms(10) }, 220..310),
    ] {
        let mut load = load();
        load.arrivals = arrivals.clone();
        let seen = called(load, value).completes(1);
        let count = seen.requests().len();
        assert!(expected.contains(&count), "{arrivals:?}: {count}, {:?}", seen.outcomes());
        assert_eq!(seen.outcomes(), [("succeeded".to_owned(), count)]);
        seen.conserved();
    }
}

#[test]
fn a_call_is_told_what_it_is() {
    let told = |call: Call| async move {
        assert_eq!((call.target(), call.host(), call.route()), ("b:6379", "a", "told"));
        assert_eq!(tokio::time::Instant::now().elapsed(), Duration::ZERO);
        let (number, id) = (call.number(), call.id());
        log(&format!(
            "{number} {} {:?} {} {} {}",
            call.attempt(),
            call.intended(),
            call.seed(),
            call.time_left().as_millis(),
            call.traceparent()
        ));
        assert!((1..=7).contains(&id));
        if call.attempt() == 1 { Err("not yet") } else { Ok(()) }
    };
    let world = || {
        let mut load = load().retry(3, ms(20)).timeout(ms(500));
        load.mix = vec![RequestSpec::call("tell").route("told").ids(7)];
        World::new()
            .host("b", idle)
            .topology(|topology| topology.client("a"))
            .call("tell", told)
            .plan(|plan| plan.load(load))
    };
    let seen = world().completes(1);
    assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 100)]);
    assert!(seen.requests().iter().all(|(_, request)| request.attempts == 2));
    let mut attempts: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for said in seen.said("a") {
        let mut words = said.split(' ').map(str::to_owned);
        attempts.entry(words.next().expect("a number")).or_default().push(words.collect());
    }
    assert_eq!(attempts.len(), 100);
    let mut seeds = Vec::new();
    for (number, attempts) in &attempts {
        let [first, second] = &attempts[..] else { panic!("two attempts of {number}") };
        let intended = format!("{:?}", ms((number.parse::<u64>().expect("a number") - 1) * 10));
        assert_eq!((&*first[0], &*second[0]), ("1", "2"));
        assert_eq!((&first[1], &second[1]), (&intended, &intended));
        assert_eq!(first[2], second[2], "the same is drawn for each attempt");
        assert_eq!(first[3], "500");
        assert!(second[3].parse::<u64>().expect("a time") < 500);
        assert_ne!(first[4], second[4], "attempts are spans of their own");
        assert_eq!(first[4][..36], second[4][..36], "of one trace");
        seeds.push(&first[2]);
    }
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 100, "something else is drawn for each request");
    let (again, other) = (world().completes(1), world().completes(2));
    assert_eq!(seen.said("a"), again.said("a"));
    assert_ne!(seen.said("a"), other.said("a"), "another seed draws something else");
}

#[test]
fn spans_of_a_call_belong_to_its_request() {
    let seen = World::new()
        .host("b", || redis(value))
        .topology(|topology| topology.client("a"))
        .call("get", |call: Call| async move {
            let span = tracing::info_span!("look-up", outcome = tracing::field::Empty);
            let reply = tracing::Instrument::instrument(get(call), span.clone()).await?;
            span.record("outcome", "ok");
            io::Result::Ok(reply)
        })
        .plan(|plan| {
            plan.load(load()).objective(availability().of_calls(spans("look-up")).at_least(1.0))
        })
        .completes(1);
    assert_eq!(seen.0.verdict(), Verdict::Pass, "{:#?}", seen.0.judgement);
    let (inner, outer) = (seen.spans("look-up"), seen.spans("client call"));
    let requests: Vec<u32> = inner.iter().map(|(_, span, _)| span.request).collect();
    assert_eq!(requests, (1..=100).collect::<Vec<u32>>());
    assert!(inner.iter().zip(&outer).all(|(inner, outer)| inner.1.parent == outer.1.id));
    assert!(outer.iter().all(|(_, _, outcome)| outcome == "succeeded"));
}

/// A server that stands still for 300 ms, as a client sees it that asks one thing after the other
/// on one connection.
#[test]
fn latency_counts_from_the_intended_start_while_the_client_is_stalled() {
    let one_by_one = |call: Call| async move {
        let line = call.keep(|| tokio::sync::Mutex::new(None));
        let mut line = line.lock().await;
        let begun = tokio::time::Instant::now();
        let mut stream = match line.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(call.target()).await?),
        };
        let reply = ask(&mut stream, call.id()).await?;
        *line = Some(stream);
        log(if begun.elapsed() < ms(100) { "fast" } else { "slow" });
        io::Result::Ok(reply)
    };
    let seen = World::new()
        .host("b", || redis(value))
        .topology(|topology| topology.client("a"))
        .call("get", one_by_one)
        .plan(|plan| {
            plan.load(load())
                .fault(pause("b").from(ms(295)).until(ms(595)))
                .objective(p99().over_the_run().at_most(ms(100)))
        })
        .completes(1);
    // The client itself saw one slow answer: the others waited for their turn.
    let slow = seen.said("a").iter().filter(|said| *said == "slow").count();
    assert_eq!((slow, seen.said("a").len()), (1, 100));
    let latencies = seen.requests().into_iter().map(|(at, request)| {
        ((request.intended / 1_000_000) as usize, Duration::from_nanos(at - request.intended))
    });
    for (intended, latency) in latencies {
        if (300..590).contains(&intended) {
            let stalled = ms(595 - intended as u64);
            assert!(latency >= stalled && latency < stalled + ms(40), "{intended}: {latency:?}");
        }
    }
    assert_eq!(seen.verdict_on("p99 latency"), Some(Verdict::Fail));
    seen.conserved();
}

#[test]
fn errors_are_failures_and_are_tried_again_until_it_works() {
    let fault = |plan: Plan| plan.fault(crash("b").from(ms(250)).until(ms(550)));
    let seen = called(load(), value).plan(fault).completes(1);
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    assert_eq!(outcomes["failed connection refused"], 30, "{outcomes:?}");
    assert_eq!(outcomes["succeeded"], 70, "{outcomes:?}");
    let again = load().retry(40, ms(20)).timeout(ms(2_000));
    let seen = called(again, value).plan(fault).completes(1);
    assert_eq!(seen.outcomes(), [("succeeded".to_owned(), 100)]);
    assert!(seen.requests().iter().any(|(_, request)| request.attempts > 3));
    seen.conserved();
    // What says that no attempt mends it is not tried again, and an error of its own kind is told.
    let final_error = called(load().retry(3, ms(1)), |_| async { "-ERR no".to_owned() });
    let seen = final_error.completes(1);
    assert_eq!(seen.outcomes(), [("failed no".to_owned(), 100)]);
    assert!(seen.requests().iter().all(|(_, request)| request.attempts == 1));
    let seen = World::new()
        .host("b", idle)
        .topology(|topology| topology.client("a"))
        .call("get", |_| async { Err::<(), _>("the dog ate it") })
        .plan(|plan| plan.load(load().retry(3, ms(1))))
        .completes(1);
    assert_eq!(seen.outcomes(), [("failed the dog ate it".to_owned(), 100)]);
    assert!(seen.requests().iter().all(|(_, request)| request.attempts == 3));
}

#[test]
fn a_server_that_dies_in_the_middle_of_calls_breaks_them_off() {
    let slow = |key| async move {
        sleep(ms(100)).await;
        value(key).await
    };
    let seen = called(load(), slow)
        .plan(|plan| plan.fault(crash("b").from(ms(505)).until(ms(905))))
        .completes(1);
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    let broken: usize = ["failed answer broken off", "failed connection reset"]
        .iter()
        .filter_map(|note| outcomes.get(*note))
        .sum();
    assert_eq!((broken, outcomes["failed connection refused"]), (10, 40), "{outcomes:?}");
    assert_eq!(outcomes["succeeded"], 50, "{outcomes:?}");
    seen.conserved();
}

#[test]
fn the_timeout_of_the_load_drops_a_call() {
    let seen = called(load().timeout(ms(50)), |key| async move {
        sleep(ms(70)).await;
        log("answered");
        value(key).await
    })
    .completes(1);
    assert_eq!(seen.outcomes(), [("failed timeout".to_owned(), 100)]);
    assert!(seen.requests().iter().all(|(at, request)| at - request.started == 50_000_000));
    // It was dropped before its end: its span says nothing of one.
    assert!(seen.spans("client call").iter().all(|(_, _, outcome)| outcome.is_empty()));
    seen.conserved();
}

#[test]
fn faults_of_the_load_act_on_calls() {
    let slow = |key| async move {
        sleep(ms(30)).await;
        value(key).await
    };
    let seen = called(load(), slow)
        .plan(|plan| {
            plan.fault(disconnect(1.0, ms(10)).from(ms(200)).until(ms(400)))
                .fault(stampede(50).from(ms(600)).until(ms(700)))
        })
        .completes(1);
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    assert_eq!(outcomes["abandoned client disconnected"], 20, "{outcomes:?}");
    assert_eq!(outcomes["succeeded"], 130, "{outcomes:?}");
    assert_eq!(seen.affected(), [20, 50]);
    seen.conserved();
}

#[test]
fn calls_of_a_client_that_dies_are_abandoned_and_keep_nothing() {
    let counted = |call: Call| async move {
        let calls = call.keep(AtomicU64::default).fetch_add(1, Ordering::Relaxed) + 1;
        log(&format!("call {calls}"));
        sleep(ms(30)).await;
        io::Result::Ok(())
    };
    let world = || {
        World::new()
            .host("b", idle)
            .topology(|topology| topology.client("a"))
            .call("get", counted)
            .plan(|plan| plan.load(load()).fault(crash("a").from(ms(305)).until(ms(505))))
    };
    let seen = world().completes(1);
    let outcomes: BTreeMap<_, _> = seen.outcomes().into_iter().collect();
    assert_eq!(outcomes["abandoned client died"], 3, "{outcomes:?}");
    assert_eq!(outcomes["succeeded"], 77, "{outcomes:?}");
    // The count began again with the process, and does in each run.
    let said = seen.said("a");
    assert_eq!(said.iter().filter(|said| *said == "call 1").count(), 2);
    assert_eq!(said.last().map(String::as_str), Some("call 49"));
    assert_eq!(world().completes(1).said("a"), said);
    seen.conserved();
}

#[test]
fn calls_that_warm_up_are_not_part_of_the_load() {
    let seen = World::new()
        .host("b", || redis(value))
        .topology(|topology| topology.client("a"))
        .call("get", |call: Call| async move {
            log(&format!("number {}", call.number()));
            get(call).await
        })
        .plan(|plan| plan.boot(ms(200)).load(load().warm_up(5)))
        .completes(1);
    assert_eq!(seen.requests().len(), 100);
    let said = seen.said("a");
    assert_eq!(said.len(), 105);
    assert!(said[..5].iter().all(|said| said == "number 0"), "{said:?}");
    assert_eq!(said[5], "number 1");
    seen.conserved();
}

fn disturbed(seed: u64) -> Seen {
    let mut load = load();
    load.arrivals = Arrivals::Poisson { rate: 300.0 };
    called(load.retry(3, ms(30)), |key| async move {
        sleep(Duration::from_micros(key)).await;
        value(key).await
    })
    .plan(|plan| {
        plan.fault(latency("b", ms(20)).jitter(ms(10)).from(ms(300)).until(ms(450)))
            .fault(refuse("b").from(ms(550)).until(ms(650)))
            .recovery(ms(200))
            .objective(availability().in_phase(Phase::Baseline).at_least(1.0))
            .objective(recovers(availability().at_least(1.0)).holding_for(ms(100)).within(ms(200)))
    })
    .completes(seed)
}

#[test]
fn the_same_seed_makes_the_same_calls() {
    let (first, second, other) = (disturbed(1), disturbed(1), disturbed(2));
    assert_eq!(first.0.record.digest(), second.0.record.digest());
    assert_ne!(first.0.record.digest(), other.0.record.digest());
    assert_eq!(first.0.verdict(), Verdict::Pass, "{:#?}", first.0.judgement);
    let retried = first.requests().iter().filter(|(_, request)| request.attempts > 1).count();
    assert!(retried > 10, "{retried}");
    assert!(first.requests().iter().any(|(_, it)| it.outcome == Outcome::Succeeded));
}

#[test]
fn a_record_is_read_and_judged_without_the_code_of_the_calls() {
    let seen = disturbed(1);
    let plan: Plan = serde_json::from_value(seen.0.record.header.plan.clone()).expect("a plan");
    assert_eq!(plan.loads[0].mix[0].call.as_deref(), Some("get"));
    plan.check().expect("a plan by itself");
    let again = squall::judge::judge(&seen.0.record, &plan.objectives);
    assert_eq!(again, seen.0.judgement);
}

#[test]
fn a_call_that_nobody_has_written_is_refused() {
    let world = |name: &str| {
        World::new()
            .host("b", idle)
            .topology(|topology| topology.client("a"))
            .plan(|plan| plan.load(Load::constant("a", "b:1", 1.0).lasts(ms(100)).call(name)))
    };
    let refused = |world: World| squall::run(&world.scenario(), 1).expect_err("no run").to_string();
    let start = "the plan of test cannot be performed: load 1:";
    assert_eq!(
        refused(world("get")),
        format!(
            "{start} expected a call of the services (Services::with_call), found \"get\" and \
             services without any"
        )
    );
    let known = world("gte").call("get", get).call("set", get);
    assert_eq!(
        refused(known),
        format!("{start} expected one of the calls get, set, found \"gte\"")
    );
    assert!(squall::run(&world("get").call("get", get).scenario(), 1).is_ok());
}
