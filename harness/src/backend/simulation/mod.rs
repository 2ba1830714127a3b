//! The simulation as a backend: the kernel, which performs plans in virtual time, put together with
//! what runs on its hosts.

mod environment;
mod guests;

use std::sync::{Arc, Once};

use squall_reports::record::Record;

use self::guests::Together;
use crate::{
    interpose::{self, Parts, Session, active},
    plan::Plan,
    run::{header::Title, signals::Signals, timeline::with_drawn_times},
    service::Services,
    sim::{observe, panics, shared, world},
};

/// Performs a checked plan on this thread, which must be a fresh one: what it keeps from one
/// run to the next (hash keys, random generators) would make the next run another.
pub(crate) fn perform(
    plan: &Plan,
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
    let whole = Arc::new(with_drawn_times(plan.clone(), seed).with_cluster_hosts());
    debug_assert!(active(), "the hash keys of a run's thread are drawn outside of its session");
    let header = title.header(plan, &whole, seed);
    let shared = shared::Shared::new(Arc::clone(&whole), seed);
    let end = {
        let _installed = shared::install(shared.clone());
        let _observed = tracing::subscriber::set_default(observe::Observer::default());
        observe::observe_threads();
        let guests = Box::new(Together::new(whole, services.shared_calls(), seed));
        world::World::new(shared.clone(), services, guests, signals).run()
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
