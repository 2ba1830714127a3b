//! Plans without a load: services that do their work by themselves are judged by it.

use squall::{
    Verdict,
    objective::{availability, gauge, logs, p99, recovers, sometimes},
    plan::{Plan, refuse},
};
use tokio::{net::TcpStream, time::sleep};

use crate::world::{Done, World, ask, echo, log, ms};

/// Asks `b` every 10 ms, in a span of its own each time.
async fn worker() -> Done {
    loop {
        let span = tracing::info_span!("call", dependency = "b", outcome = tracing::field::Empty);
        let asked = async {
            let mut stream = TcpStream::connect("b:7").await?;
            ask(&mut stream).await
        };
        let outcome = if asked.await.is_ok() { "ok" } else { "error" };
        span.record("outcome", outcome);
        drop(span);
        sleep(ms(10)).await;
    }
}

fn world() -> World {
    World::new().host("a", worker).host("b", || echo(7)).plan(|plan| plan.boot(ms(100)))
}

#[test]
fn the_spans_of_a_service_can_carry_a_verdict() {
    let objectives = |plan: Plan| {
        plan.objective(availability().to_dependency("b").at_least(1.0))
            .objective(p99().to_dependency("b").at_most(ms(5)))
    };
    let seen = world().plan(objectives).completes(1);
    assert_eq!(seen.0.verdict(), Verdict::Pass, "{:#?}", seen.0.judgement);
    assert_eq!(seen.requests().len(), 0);
    assert_eq!(seen.verdict_on("conservation"), None, "there is nothing to conserve");
    // And what it says against the service counts.
    let refused = refuse("b").from(ms(300)).until(ms(500));
    let seen = world().plan(|plan| objectives(plan.fault(refused))).completes(1);
    assert_eq!(seen.0.verdict(), Verdict::Fail);
    assert_eq!(seen.verdict_on("availability"), Some(Verdict::Pass), "in the baseline");
}

#[test]
fn work_that_recovers_is_seen_without_a_load() {
    let recovery = || {
        let back = availability().to_dependency("b").at_least(1.0);
        recovers(back).holding_for(ms(100)).within(ms(50))
    };
    let fault = |plan: Plan| plan.fault(refuse("b").from(ms(300)).until(ms(500)));
    let seen = world().plan(|plan| fault(plan).objective(recovery())).completes(1);
    assert_eq!(seen.0.verdict(), Verdict::Pass, "{:#?}", seen.0.judgement);
    // A service that gives up at the first failure does not recover.
    let gives_up = || async {
        while TcpStream::connect("b:7").await.is_ok() {
            let span = tracing::info_span!("call", dependency = "b", outcome = "ok");
            sleep(ms(10)).await;
            drop(span);
        }
        std::future::pending::<Done>().await
    };
    let seen = World::new()
        .host("a", gives_up)
        .host("b", || echo(7))
        .plan(|plan| fault(plan).objective(recovery()))
        .completes(1);
    assert_eq!(seen.0.verdict(), Verdict::NoData, "{:#?}", seen.0.judgement);
}

#[test]
fn a_plan_that_only_lasts_can_pass() {
    let host = || async {
        sleep(ms(500)).await;
        log("half past");
        std::future::pending::<Done>().await
    };
    let world = || World::new().host("a", host);
    let seen = world()
        .plan(|plan| {
            plan.objective(sometimes(logs("half past"))).objective(gauge("sockets").at_most(0))
        })
        .completes(1);
    assert_eq!(seen.0.verdict(), Verdict::Pass, "{:#?}", seen.0.judgement);
    let never = world().plan(|plan| plan.objective(sometimes(logs("past midnight"))));
    assert_eq!(never.completes(1).0.verdict(), Verdict::Fail);
    // Without anything to judge it does not pass, nor does a claim on requests that nobody sends.
    assert_eq!(world().completes(1).0.verdict(), Verdict::NoData);
    let of_requests = world().plan(|plan| plan.objective(availability().at_least(0.9)));
    assert_eq!(of_requests.completes(1).0.verdict(), Verdict::NoData);
}
