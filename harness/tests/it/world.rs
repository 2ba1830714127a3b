//! Small worlds for the tests.

use std::{future::Future, time::Duration};

use squall::{
    BoxError, Run, Scenario, Services,
    plan::{Load, Plan, Topology},
};

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A plan with the given topology that sends no load and lasts as long as its faults.
pub(crate) fn run(plan: Plan, services: Services, seed: u64) -> Run {
    let scenario = Scenario::new("test", "a test of the harness", plan, services);
    squall::run(&scenario, seed).expect("the plan can be performed")
}

pub(crate) fn service<F, E>(
    services: Services,
    name: &str,
    run: impl Fn() -> F + Send + Sync + 'static,
) -> Services
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    services.with(name, move |_: serde_json::Value| run())
}

/// `a` and `b`, each with a service of its own name.
pub(crate) fn pair() -> Topology {
    Topology::new().host("a", "a", serde_json::Value::Null).host("b", "b", serde_json::Value::Null)
}

/// A load that keeps a plan going for so long without asking anything of `a` or `b`.
pub(crate) fn idle(lasts: Duration) -> Load {
    Load::constant("a", "b:1", 0.002).lasts(lasts).get("/")
}
