//! What the programs of this workspace have in common: a world of a few hosts that is run ten times
//! with one seed and once with another, and what a client saw of a server that was out of reach.

use std::{
    fmt::Display,
    future::Future,
    time::{Duration, Instant},
};

use squall::{
    Run, Scenario, Services,
    plan::{Fault, Plan, Topology, crash, partition},
};
use squall_reports::record::{EndCause, EventKind};

pub use squall::BoxError;

/// What a service ends with.
pub type Done = Result<(), BoxError>;

/// As often a trial is run with one seed.
const RUNS: usize = 10;

/// How long a client waits for an answer.
const PATIENCE: Duration = ms(250);

/// So many milliseconds.
#[must_use]
pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A world in which a crate is tried.
pub struct Trial {
    name: String,
    plan: Plan,
    services: Services,
}

impl Trial {
    /// A world of seven seconds without hosts, whose plan begins at once.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let plan = Plan::new(Topology::new())
            .boot(Duration::ZERO)
            .lasts(ms(7_000))
            .settle(Duration::ZERO)
            .recovery(Duration::ZERO);
        Self { name: name.to_owned(), plan, services: Services::new() }
    }

    /// Adds a host that runs `service`.
    #[must_use]
    pub fn host<F>(mut self, name: &str, service: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Done> + Send + 'static,
    {
        self.services = self.services.with(name, move |_: serde_json::Value| service());
        self.plan.topology = self.plan.topology.host(name, name, serde_json::Value::Null);
        self
    }

    /// Changes the plan.
    #[must_use]
    pub fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(self, fault: Fault) -> Self {
        self.plan(|plan| plan.fault(fault))
    }

    /// The host `client` cannot reach `server` from the first to the second second, and `server` is
    /// down for half a second from the fourth on.
    #[must_use]
    pub fn outages(self) -> Self {
        self.fault(partition("client", "server").from(ms(1_000)).until(ms(2_000)))
            .fault(crash("server").from(ms(4_000)).until(ms(4_500)))
    }

    fn scenario(&self) -> Scenario {
        let claim = "A crate works in a run as it is published";
        Scenario::new(self.name.clone(), claim, self.plan.clone(), self.services.clone())
    }

    /// Runs it once, to the end of its plan.
    ///
    /// # Panics
    ///
    /// When the run ends otherwise.
    #[must_use]
    pub fn run(&self, seed: u64) -> Seen {
        let name = &self.name;
        let run = squall::run(&self.scenario(), seed)
            .unwrap_or_else(|error| panic!("{name} can be run: {error}"));
        let seen = Seen(run);
        let cause = &seen.0.record.end.cause;
        let facts = || seen.facts().iter().map(|fact| format!("\n  {fact:?}")).collect::<String>();
        assert_eq!(*cause, EndCause::Completed, "{name}, seed {seed}:{}", facts());
        seen
    }

    /// Runs it ten times with one seed, which must be the same run each time, and once with another,
    /// which must be another, and looks at both.
    ///
    /// # Panics
    ///
    /// When something is not so, or `check` panics.
    pub fn works(&self, check: impl Fn(&Seen)) {
        let (name, began) = (&self.name, Instant::now());
        let first = self.run(1);
        check(&first);
        for _ in 1..RUNS {
            let again = self.run(1);
            let differs =
                || squall_reports::record::first_divergence(&first.0.record, &again.0.record);
            assert_eq!(again.digest(), first.digest(), "{name}, same seed: {:?}", differs());
        }
        let other = self.run(2);
        check(&other);
        assert_ne!(other.digest(), first.digest(), "{name}: another seed is another run");
        println!("{name}: works ({:.1} s)", began.elapsed().as_secs_f64());
    }
}

/// What a run left behind.
pub struct Seen(Run);

impl Seen {
    /// The digest of all that happened.
    #[must_use]
    pub fn digest(&self) -> String {
        self.0.record.digest().to_string()
    }

    /// What the services logged: when, where and what.
    #[must_use]
    pub fn facts(&self) -> Vec<(Duration, &str, &str)> {
        let record = &self.0.record;
        let logs = record.events.iter().filter_map(|event| match &event.what {
            EventKind::Log(log) => {
                let at = Duration::from_nanos(event.at);
                Some((at, record.host(log.host), record.text(log.message)))
            }
            _ => None,
        });
        logs.collect()
    }

    /// What this host logged that begins with `prefix`, without it, and when.
    #[must_use]
    pub fn said(&self, host: &str, prefix: &str) -> Vec<(Duration, &str)> {
        let facts = self.facts().into_iter().filter(|(_, on, _)| *on == host);
        facts.filter_map(|(at, _, text)| Some((at, text.strip_prefix(prefix)?))).collect()
    }

    /// How many calls of the client ended well and how many did not, within these milliseconds.
    fn calls(&self, from: u64, until: u64) -> (usize, usize) {
        let count = |what| {
            let calls = self.said("client", what).into_iter();
            calls.filter(|(at, _)| (ms(from)..ms(until)).contains(at)).count()
        };
        (count("answered "), count("failed "))
    }

    /// The client was answered before and after each of the [outages](Trial::outages), and not within.
    ///
    /// # Panics
    ///
    /// When it was not.
    pub fn lives_through_outages(&self) {
        let calls: Vec<_> = self.said("client", "");
        let shown = || calls.iter().map(|call| format!("\n  {call:?}")).collect::<String>();
        let (answered, failed) = self.calls(0, 1_000);
        assert!(answered > 10 && failed == 0, "at first it is answered:{}", shown());
        let (answered, failed) = self.calls(1_050, 2_000);
        assert!(answered == 0 && failed > 0, "nothing gets through a partition:{}", shown());
        let (answered, failed) = self.calls(3_000, 4_000);
        assert!(answered > 10 && failed == 0, "it heals:{}", shown());
        let (answered, failed) = self.calls(4_050, 4_500);
        assert!(answered == 0 && failed > 0, "nobody is there:{}", shown());
        let (answered, failed) = self.calls(5_500, 7_000);
        assert!(answered > 20 && failed == 0, "it is up again:{}", shown());
    }
}

/// Logs a fact, with the host and the time that it is logged at.
pub fn log(what: &str) {
    tracing::info!("{what}");
}

/// Makes a call again and again, and logs how each ended.
///
/// # Errors
///
/// Never: it goes on for ever.
pub async fn calls<F, T, E>(mut call: impl FnMut(u64) -> F) -> Done
where
    F: Future<Output = Result<T, E>>,
    T: Display,
    E: Display,
{
    for number in 0.. {
        tokio::time::sleep(ms(20)).await;
        match tokio::time::timeout(PATIENCE, call(number)).await {
            Ok(Ok(answer)) => log(&format!("answered {number}: {answer}")),
            Ok(Err(error)) => log(&format!("failed {number}: {error}")),
            Err(_) => log(&format!("failed {number}: out of patience")),
        }
    }
    Ok(())
}
