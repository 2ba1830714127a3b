//! Runs a case in the simulation.

use std::{sync::Arc, time::Duration};

use squall::{
    BoxError, Scenario, Services,
    plan::{Link, Plan, Topology, crash},
};
use squall_reports::record::EndCause;
use tokio::time::sleep;

use crate::case::{Case, End, Script, Side, Who};

/// More than any case needs, and as long as one may take on Linux.
const LIMIT: Duration = Duration::from_secs(10);

/// When the server's process is killed, in the cases that are about that.
const KILLED: Duration = Duration::from_secs(2);

/// Each side on a host of its own, a millisecond apart.
#[track_caller]
pub(crate) fn between_hosts(case: &Case) {
    apart(case, plan(), None);
}

/// The server dies while the client lives on.
#[track_caller]
pub(crate) fn killed(case: &Case) {
    // A side has got as far as it gets within `KILLED`, and has waited for what does not come.
    let end: End = Arc::new(|| Box::pin(sleep(KILLED)));
    let fault = crash("server").from(KILLED).until(LIMIT - Duration::from_millis(100));
    apart(case, plan().fault(fault), Some(end));
}

#[track_caller]
fn apart(case: &Case, mut plan: Plan, end_peer: Option<End>) {
    let script = Script::new();
    let side =
        |who, peer| Side { who, script: script.clone(), own: "0.0.0.0", peer, end_peer: None };
    let server = side(Who::Server, "client");
    let client = Side { end_peer, ..side(Who::Client, "server") };
    plan.topology = ["server", "client"]
        .into_iter()
        .fold(plan.topology, |topology, name| topology.host(name, name, serde_json::Value::Null));
    perform(case, plan, vec![("server", vec![server]), ("client", vec![client])], &script);
}

/// Both sides on one host, by its loopback interface.
#[track_caller]
pub(crate) fn on_one_host(case: &Case) {
    let script = Script::new();
    let (own, peer) = ("127.0.0.1", "127.0.0.1");
    let side = |who| Side { who, script: script.clone(), own, peer, end_peer: None };
    let mut plan = plan();
    plan.topology = plan.topology.host("both", "both", serde_json::Value::Null);
    perform(case, plan, vec![("both", vec![side(Who::Server), side(Who::Client)])], &script);
}

fn plan() -> Plan {
    Plan::new(Topology::new().link(Link::constant(Duration::from_millis(1))))
        .boot(Duration::ZERO)
        .lasts(LIMIT)
        .settle(Duration::ZERO)
        .recovery(Duration::ZERO)
        .sample_every(Duration::from_secs(3600))
}

/// Runs the plan with the sides on the hosts that the names are of.
#[track_caller]
fn perform(case: &Case, plan: Plan, hosts: Vec<(&str, Vec<Side>)>, script: &Script) {
    let mut services = Services::new();
    for (name, sides) in hosts {
        let case = *case;
        services = services.with(name, move |_: serde_json::Value| {
            let sides = sides.clone();
            async move {
                for side in sides {
                    tokio::spawn(async move { side.perform(&case).await });
                }
                std::future::pending::<Result<(), BoxError>>().await
            }
        });
    }
    let scenario = Scenario::new("parity", "the network is as on Linux", plan, services);
    let run = squall::run(&scenario, 1);
    let run = run.unwrap_or_else(|error| panic!("the plan can be performed: {error}"));
    assert_eq!(run.record.end.cause, EndCause::Completed, "found {:#?}", script.said());
    case.check(script);
}
