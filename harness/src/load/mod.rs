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
mod faults;
mod first_message;
mod grpc;
mod http2;
mod protobuf;
mod request;
mod session;

use std::sync::Arc;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub(crate) use self::client::Client;
use self::{
    arrivals::Schedule, faults::Faults, http2::Connections, request::Task, session::Sessions,
};
use crate::{
    call::Kept,
    plan::{Arrivals, Load, nanos},
    run::environment::Environment,
    service::Calls,
};

/// What all requests of one load share.
pub(crate) struct Source<E> {
    environment: E,
    number: usize,
    load: Load,
    faults: Faults,
    /// When the load began.
    begin: u64,
    client: Client<E>,
    /// What speaks HTTP/2 and gRPC.
    connections: Connections<E>,
    sessions: Sessions,
    /// The calls of the user's own, and what they keep.
    calls: Arc<Calls>,
    kept: Kept,
}

impl<E: Environment> Source<E> {
    /// The load with this number of the plan.
    fn new(environment: E, number: usize, calls: Arc<Calls>) -> Arc<Self> {
        let plan = environment.plan();
        let load = plan.loads[number].clone();
        let client = Client::new(environment.clone(), &load.target, load.idle_connections_max);
        let most = load.http2_connections.unwrap_or(1);
        Arc::new(Self {
            number,
            faults: Faults::of(&plan),
            begin: nanos(plan.boot),
            client,
            connections: Connections::new(environment.clone(), &load.target, most, load.timeout),
            sessions: Sessions::new(load.sessions),
            calls,
            kept: Kept::default(),
            load,
            environment,
        })
    }
}

/// Sends requests before the load begins, which are not entered into the record.
pub(crate) async fn warm_up(environment: impl Environment, number: usize, calls: Arc<Calls>) {
    let mut rng = environment.random(&format!("load {number} warm-up"));
    let source = Source::new(environment, number, calls);
    for _ in 0..source.load.warm_up {
        let request = Task::draw(&source, source.environment.now(), &mut rng).warm_up();
        // A service that cannot answer yet will meet the load as it is.
        let _ = tokio::time::timeout(source.load.timeout, request).await;
    }
}

/// Sends the load with this number of the plan, from its client host.
pub(crate) async fn generate(environment: impl Environment, number: usize, calls: Arc<Calls>) {
    let source = Source::new(environment.clone(), number, calls);
    if number == 0 {
        send_stampedes(&source);
    }
    let mut rng = environment.random(&format!("load {number}"));
    match source.load.arrivals {
        Arrivals::Closed { clients, .. } => {
            for client in 0..clients {
                let rng = environment.random(&format!("load {number} client {client}"));
                tokio::spawn(converse(Arc::clone(&source), rng));
            }
        }
        _ => send_open(&source, &mut rng).await,
    }
}

/// Sends at the appointed instants.
async fn send_open<E: Environment>(source: &Arc<Source<E>>, rng: &mut ChaCha8Rng) {
    let environment = &source.environment;
    let mut arrivals = environment.random(&format!("load {} arrivals", source.number));
    let mut schedule =
        Schedule::new(&source.load, &source.faults.rates, source.begin, &mut arrivals);
    // What a client that was down has missed, it does not send.
    let first = environment.client_since();
    let mut added = vec![0.0; environment.plan().faults.len()];
    while let Some(at) = schedule.next() {
        if at < first {
            continue;
        }
        environment.sleep_until(at).await;
        environment.sent_late(environment.now().saturating_sub(at));
        for (fault, share) in schedule.added(at) {
            let added: &mut f64 = &mut added[usize::from(fault)];
            *added += share;
            // Counted once it amounts to a whole request.
            if *added >= 1.0 {
                *added -= 1.0;
                environment.affect(fault, 1);
            }
        }
        tokio::spawn(Task::draw(source, at, rng).perform());
    }
}

/// One client that waits for its answers.
async fn converse<E: Environment>(source: Arc<Source<E>>, mut rng: ChaCha8Rng) {
    let environment = &source.environment;
    let Arrivals::Closed { think, .. } = source.load.arrivals else { return };
    let end = source.begin + nanos(source.load.lasts);
    while environment.now() < end {
        Task::draw(&source, environment.now(), &mut rng).perform().await;
        // A client that does not think still takes an instant to ask again.
        let pause = nanos(think).max(1_000);
        let pause = rng.random_range(pause / 2..=pause + pause / 2);
        environment.sleep_until(environment.now() + pause).await;
    }
}

/// The requests that faults of the load add at one instant.
fn send_stampedes<E: Environment>(source: &Arc<Source<E>>) {
    for stampede in &source.faults.stampedes {
        let (number, requests) = (stampede.number, stampede.what);
        let source = Arc::clone(source);
        let mut rng = source.environment.random(&format!("stampede {number}"));
        let at = source.begin + nanos(stampede.inject);
        if at < source.environment.client_since() {
            continue;
        }
        tokio::spawn(async move {
            source.environment.sleep_until(at).await;
            for _ in 0..requests {
                tokio::spawn(Task::draw(&source, at, &mut rng).perform());
            }
            source.environment.affect(number, u64::from(requests));
        });
    }
}
