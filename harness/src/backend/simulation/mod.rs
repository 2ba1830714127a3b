//! The simulation as a backend: the kernel, which performs plans in virtual time, put together with
//! what runs on its hosts.

mod environment;
mod guests;

use std::sync::{Arc, Once};

use squall_reports::record::{Backend, Record};

use self::guests::Together;
use crate::{
    backend::{Asked, Perform},
    interpose::{self, Parts, Session, active},
    plan::{FaultKind, REAL_GAUGES},
    run::{recorder::Recorder, timeline::with_drawn_times},
    scenario::Scenario,
    service::Foreign,
    sim::{observe, panics, shared, world},
};

/// The simulation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Simulation {
    /// What is taken over of the operating system.
    pub(crate) parts: Parts,
}

impl Perform for Simulation {
    fn backend(&self) -> Backend {
        Backend::Simulation
    }

    fn lacks_for(&self, scenario: &Scenario) -> Vec<String> {
        let told = scenario.used_services().into_iter().filter_map(|name| {
            let foreign = scenario.services().foreign(name)?;
            let what = match foreign {
                Foreign::Program(_) => "a program",
                Foreign::Image(_) => "the image of a container",
            };
            Some(format!("the service {name} is {what}, and only functions run in virtual time"))
        });
        let plan = scenario.plan();
        let scraped: Vec<&String> = plan.scrapes.iter().flat_map(|it| &it.series).collect();
        let is_real = |gauge: &&str| {
            REAL_GAUGES.contains(gauge) && !scraped.iter().any(|series| series == gauge)
        };
        let unread = plan.objectives.iter().flat_map(|objective| {
            let real = objective.gauges().into_iter().filter(is_real);
            real.map(|gauge| format!("{}: a simulation has no {gauge}", objective.name()))
        });
        told.chain(unread).collect()
    }

    /// What a thread keeps from one run to the next (hash keys, random generators) would make the next
    /// run another, hence a fresh one.
    fn perform(&self, asked: Asked) -> Result<Record, String> {
        let title = asked.title();
        let Asked { scenario, seed, signals } = asked;
        let (plan, services) = (scenario.plan(), scenario.services().clone());
        panics::install_hook();
        prepare_tokio();
        if plan.signals {
            // What it finds, or not, is told when a host starts.
            interpose::prepare_signals();
        }
        // Before anything that might draw the thread's hash keys, which all later maps follow.
        let session = Session::begin(seed, self.parts);
        let whole = Arc::new(with_drawn_times(plan.clone(), seed).with_cluster_hosts());
        debug_assert!(active(), "the hash keys of a run's thread are drawn outside of its session");
        let header = title.header(Backend::Simulation, (plan, &whole), seed, FaultKind::counts);
        let shared = shared::Shared::new(Arc::clone(&whole), seed);
        let end = {
            let _installed = shared::install(shared.clone());
            let _observed = tracing::subscriber::set_default(observe::ByThread);
            observe::observe_threads();
            let guests = Box::new(Together::new(whole, services.shared_calls(), seed));
            world::World::new(shared.clone(), services, guests, signals).run()
        };
        drop(session);
        Ok(shared.recorder.replace_with(|_| Recorder::empty()).finish(header, end))
    }
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
