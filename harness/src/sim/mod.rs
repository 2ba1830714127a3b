//! The simulation kernel: performs a plan in virtual time and makes its record.
//!
//! One thread, one run. Each host has a Tokio runtime of its own; [`interpose`](crate::interpose)
//! gives it virtual clocks and hands back its next deadline when it has nothing to do. The
//! [`World`] jumps from one instant at which something is due to the next; the network holds the
//! sockets of the hosts' kernels and carries packets between them, with the faults that act on
//! them; the seam gives services their sockets, their processor time and their stop signal; the
//! observer turns their tracing into events of the record.
//!
//! The kernel knows plans and makes records. It judges nothing.

mod clocks;
mod disk;
mod machine;
mod net;
pub(crate) mod observe;
mod panics;
pub(crate) mod rng;
pub(crate) mod seam;
pub(crate) mod shared;
mod timers;
mod world;

pub use world::Signals;

use std::{sync::Once, time::Duration};

use rand::Rng;
use squall_reports::record::{FaultSpan, Header, Record, SCHEMA};

use crate::{
    interpose::{self, Parts, Session, active},
    plan::{Plan, nanos},
    service::Services,
};

/// What a record says about the run besides what the plan says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Title {
    pub(crate) scenario: String,
    pub(crate) hypothesis: String,
    pub(crate) defects: Vec<String>,
}

/// Performs a checked plan on this thread, which must be a fresh one: what it keeps from one
/// run to the next (hash keys, random generators) would make the next run another.
pub(crate) fn perform(
    plan: Plan,
    services: Services,
    seed: u64,
    title: Title,
    parts: Parts,
    signals: Signals,
) -> Record {
    panics::install_hook();
    prepare_tokio();
    if plan.signals {
        // What it finds, or not, is told when a host starts.
        interpose::prepare_signals();
    }
    // Before anything that might draw the thread's hash keys, which all later maps follow.
    let session = Session::begin(seed, parts);
    let whole = scattered(plan.clone(), seed).with_cluster_hosts();
    let header = header(&plan, &whole, seed, title);
    let shared = shared::Shared::new(whole, seed);
    let end = {
        let _installed = shared::install(shared.clone());
        let _observed = tracing::subscriber::set_default(observe::Observer::default());
        observe::observe_threads();
        world::World::new(shared.clone(), services, signals).run()
    };
    drop(session);
    let mut recorder = shared.recorder.replace_with(|_| shared::Recorder::empty());
    // What a host does while it blocks its thread is ahead of the others.
    recorder.events.sort_by_key(|event| event.at);
    let (symbols, attributes) = (recorder.symbols, recorder.attributes);
    Record { header, symbols, attributes, events: recorder.events, end }
}

/// Has Tokio make what all its runtimes share for signals, which is real, before a run does: the
/// sockets of a run end with it. On a thread of its own, whose hash keys nobody needs.
fn prepare_tokio() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        let make = || drop(tokio::runtime::Builder::new_current_thread().enable_all().build());
        // Without it a run says what it lacks.
        let _ = std::thread::spawn(make).join();
    });
}

/// The plan with its faults at the times that the seed draws.
fn scattered(mut plan: Plan, seed: u64) -> Plan {
    for (number, fault) in plan.faults.iter_mut().enumerate() {
        let most = nanos(fault.spread) / 1_000;
        if most > 0 {
            let mut rng = rng::stream(seed, &format!("spread of fault {number}"));
            let later = Duration::from_micros(rng.random_range(0..=most));
            fault.inject += later;
            fault.heal += later;
        }
    }
    plan
}

/// The header has the plan as it was written, and the hosts and times that it comes to.
fn header(plan: &Plan, whole: &Plan, seed: u64, title: Title) -> Header {
    debug_assert!(active(), "the hash keys of a run's thread are drawn outside of its session");
    let begin = nanos(plan.boot);
    Header {
        schema: SCHEMA,
        scenario: title.scenario,
        hypothesis: title.hypothesis,
        seed,
        defects: title.defects,
        hosts: whole.topology.hosts.iter().map(|host| host.name.clone()).collect(),
        faults: whole
            .faults
            .iter()
            .map(|fault| FaultSpan {
                kind: fault.kind.name().to_owned(),
                label: fault.label(),
                inject: begin + nanos(fault.inject),
                heal: begin + nanos(fault.heal),
                counts: fault.kind.counts().to_owned(),
            })
            .collect(),
        operations: whole.planned_operations(),
        phases: whole.phases(),
        plan: serde_json::to_value(plan).expect("plans are plain data"),
    }
}

#[cfg(test)]
mod tests;
