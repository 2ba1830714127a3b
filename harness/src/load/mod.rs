//! The load: clients in the simulated world that send what the plan says and write down what
//! became of it.
//!
//! An open load sends at its appointed instants whether or not answers come, and each request's
//! latency counts from the instant at which it was meant to start, so that a stalled service
//! cannot hide behind a stalled client (coordinated omission). A closed load waits for its
//! answers.

mod answer;
mod arrivals;
mod attempt;
mod client;
mod first_message;
mod grpc;
mod http2;
mod protobuf;
mod request;
mod session;
pub(crate) mod trace;

use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use squall_os::sim::sleep_until;

pub(crate) use self::client::Client;
use self::{arrivals::Schedule, http2::Connections, request::Task, session::Sessions};
use crate::{
    call::Kept,
    interpose,
    plan::{Arrivals, Fault, FaultKind, Load, nanos},
    service::Calls,
    sim::{rng, shared},
};

/// What all requests of one load share.
pub(crate) struct Source {
    number: usize,
    load: Load,
    faults: Vec<Fault>,
    /// When the load began.
    begin: u64,
    client: Client,
    /// What speaks HTTP/2 and gRPC.
    connections: Connections,
    sessions: Sessions,
    /// The calls of the user's own, and what they keep.
    calls: Arc<Calls>,
    kept: Kept,
}

impl Source {
    /// The load with this number of the plan, and the seed of the run.
    fn new(number: usize, calls: Arc<Calls>) -> Option<(Arc<Self>, u64)> {
        let shared = shared::current()?;
        let plan = &shared.plan;
        let load = plan.loads[number].clone();
        let client = Client::new(&load.target, load.idle_connections_max);
        let most = load.http2_connections.unwrap_or(1);
        let source = Self {
            number,
            faults: plan.faults.clone(),
            begin: nanos(plan.boot),
            client,
            connections: Connections::new(&load.target, most, load.timeout),
            sessions: Sessions::new(load.sessions),
            calls,
            kept: Kept::default(),
            load,
        };
        Some((Arc::new(source), shared.seed))
    }
}

/// Sends requests before the load begins, which are not entered into the record.
pub(crate) async fn warm_up(number: usize, calls: Arc<Calls>) {
    let Some((source, seed)) = Source::new(number, calls) else { return };
    let mut rng = rng::stream(seed, &format!("load {number} warm-up"));
    for _ in 0..source.load.warm_up {
        let request = Task::draw(&source, interpose::now(), &mut rng).warm_up();
        // A service that cannot answer yet will meet the load as it is.
        let _ = tokio::time::timeout(source.load.timeout, request).await;
    }
}

/// Sends the load with this number of the plan, from its client host.
pub(crate) async fn generate(number: usize, calls: Arc<Calls>) {
    let Some((source, seed)) = Source::new(number, calls) else { return };
    if number == 0 {
        send_stampedes(&source, seed);
    }
    let mut rng = rng::stream(seed, &format!("load {number}"));
    match source.load.arrivals {
        Arrivals::Closed { clients, .. } => {
            for client in 0..clients {
                let rng = rng::stream(seed, &format!("load {number} client {client}"));
                tokio::spawn(converse(Arc::clone(&source), rng));
            }
        }
        _ => send_open(&source, seed, &mut rng).await,
    }
}

/// Sends at the appointed instants.
async fn send_open(source: &Arc<Source>, seed: u64, rng: &mut ChaCha8Rng) {
    let mut arrivals = rng::stream(seed, &format!("load {} arrivals", source.number));
    let mut schedule = Schedule::new(&source.load, &source.faults, source.begin, &mut arrivals);
    // What a client that was down has missed, it does not send.
    let first = interpose::now();
    let mut added = vec![0.0; source.faults.len()];
    while let Some(at) = schedule.next() {
        if at < first {
            continue;
        }
        sleep_until(at).await;
        for (fault, share) in schedule.added(at) {
            let added: &mut f64 = &mut added[usize::from(fault)];
            *added += share;
            // Counted once it amounts to a whole request.
            if *added >= 1.0 {
                *added -= 1.0;
                note_added(fault);
            }
        }
        tokio::spawn(Task::draw(source, at, rng).perform());
    }
}

/// One client that waits for its answers.
async fn converse(source: Arc<Source>, mut rng: ChaCha8Rng) {
    let Arrivals::Closed { think, .. } = source.load.arrivals else { return };
    let end = source.begin + nanos(source.load.lasts);
    while interpose::now() < end {
        Task::draw(&source, interpose::now(), &mut rng).perform().await;
        // A client that does not think still takes an instant to ask again.
        let pause = nanos(think).max(1_000);
        sleep_until(interpose::now() + rng.random_range(pause / 2..=pause + pause / 2)).await;
    }
}

/// The requests that faults of the load add at one instant.
fn send_stampedes(source: &Arc<Source>, seed: u64) {
    for (fault, number) in source.faults.iter().zip(0_u16..) {
        let FaultKind::Stampede { requests } = fault.kind else { continue };
        let source = Arc::clone(source);
        let mut rng = rng::stream(seed, &format!("stampede {number}"));
        let at = source.begin + nanos(fault.inject);
        if at < interpose::now() {
            continue;
        }
        tokio::spawn(async move {
            sleep_until(at).await;
            for _ in 0..requests {
                tokio::spawn(Task::draw(&source, at, &mut rng).perform());
            }
            if let Some(shared) = shared::current() {
                shared.affect(number, u64::from(requests));
            }
        });
    }
}

/// Counts a request that is there because of a fault.
fn note_added(fault: u16) {
    if let Some(shared) = shared::current() {
        shared.affect(fault, 1);
    }
}
