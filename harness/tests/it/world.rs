//! Small worlds for the tests, and what is read from their records.

use std::{future::Future, time::Duration};

use squall::{
    BoxError, Call, Reply, Run, Scenario, Services, Signals,
    plan::{Load, Plan, Topology},
};
use squall_reports::{
    record::{EndCause, EventKind, HostState, Request, Span},
    verdict::Verdict,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) type Done = Result<(), BoxError>;

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A timer of TCP has come once for each of `waits`, in milliseconds, since `from`: no earlier than
/// that, and no later than Linux's ticks make it.
#[track_caller]
pub(crate) fn timed(found: Duration, from: Duration, waits: &[u64]) {
    let least = from + ms(waits.iter().sum());
    // The timeout in whole ticks, the next tick, and the coarseness of the timer wheel.
    let late = |wait: &u64| wait / 50 + 8 + if *wait < 2_000 { wait / 8 } else { 256 };
    let most = least + ms(waits.iter().map(late).sum());
    assert!((least..=most).contains(&found), "expected {least:?} to {most:?}, found {found:?}");
}

pub(crate) fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

/// A world in the making. Its plan begins at once and lasts for a second, so that times in the
/// plan are times of the run.
pub(crate) struct World {
    plan: Plan,
    services: Services,
}

impl World {
    pub(crate) fn new() -> Self {
        let plan = Plan::new(Topology::new())
            .boot(Duration::ZERO)
            .lasts(ms(1_000))
            .settle(Duration::ZERO)
            .recovery(Duration::ZERO)
            .sample_every(Duration::from_secs(3600));
        Self { plan, services: Services::new() }
    }

    /// Adds a service that no host runs yet.
    pub(crate) fn service<C, F>(
        mut self,
        name: &str,
        service: impl Fn(C) -> F + Send + Sync + 'static,
    ) -> Self
    where
        C: serde::de::DeserializeOwned + Send + 'static,
        F: Future<Output = Done> + Send + 'static,
    {
        self.services = self.services.with(name, service);
        self
    }

    /// Adds a call of the user's own.
    pub(crate) fn call<F, R, E>(
        mut self,
        name: &str,
        call: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Reply>,
        E: Into<BoxError>,
    {
        self.services = self.services.with_call(name, call);
        self
    }

    /// Adds a host that runs `service`.
    pub(crate) fn host<F>(
        mut self,
        name: &str,
        service: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Done> + Send + 'static,
    {
        self.services = self.services.with(name, move |_: serde_json::Value| service());
        self.topology(|topology| topology.host(name, name, serde_json::Value::Null))
    }

    pub(crate) fn topology(mut self, change: impl FnOnce(Topology) -> Topology) -> Self {
        self.plan.topology = change(self.plan.topology);
        self
    }

    pub(crate) fn plan(mut self, change: impl FnOnce(Plan) -> Plan) -> Self {
        self.plan = change(self.plan);
        self
    }

    pub(crate) fn scenario(self) -> Scenario {
        Scenario::new("test", "a test of the harness", self.plan, self.services)
    }

    #[track_caller]
    pub(crate) fn run(self, seed: u64) -> Seen {
        self.run_with(seed, Signals::default())
    }

    #[track_caller]
    pub(crate) fn run_with(self, seed: u64, signals: Signals) -> Seen {
        let run = squall::run_with(&self.scenario(), seed, signals);
        Seen(run.unwrap_or_else(|error| panic!("the plan can be performed: {error}")))
    }

    /// Runs to the planned end.
    #[track_caller]
    pub(crate) fn completes(self, seed: u64) -> Seen {
        let seen = self.run(seed);
        assert_eq!(*seen.cause(), EndCause::Completed, "{:#?}", seen.facts());
        seen
    }
}

/// What a run left behind, for assertions.
pub(crate) struct Seen(pub(crate) Run);

impl Seen {
    pub(crate) fn cause(&self) -> &EndCause {
        &self.0.record.end.cause
    }

    /// What the services logged: when, where and what.
    pub(crate) fn facts(&self) -> Vec<(Duration, &str, String)> {
        let record = &self.0.record;
        let logs = record.events.iter().filter_map(|event| match &event.what {
            EventKind::Log(log) => {
                let text = format!("{} {}", record.text(log.message), record.shown(log.attributes));
                let at = Duration::from_nanos(event.at);
                Some((at, record.host(log.host), text.trim_end().to_owned()))
            }
            _ => None,
        });
        logs.collect()
    }

    /// What this host logged, in order.
    pub(crate) fn said(&self, host: &str) -> Vec<String> {
        self.facts().into_iter().filter(|(_, on, _)| *on == host).map(|(_, _, text)| text).collect()
    }

    /// When this was logged first.
    #[track_caller]
    pub(crate) fn at(&self, fact: &str) -> Duration {
        let facts = self.facts();
        let found = facts.iter().find(|(_, _, text)| text == fact);
        found.unwrap_or_else(|| panic!("expected {fact:?}, found {facts:#?}")).0
    }

    #[track_caller]
    pub(crate) fn never(&self, fact: &str) {
        let facts = self.facts();
        assert!(facts.iter().all(|(_, _, text)| text != fact), "found {fact:?} in {facts:#?}");
    }

    /// How much each fault affected.
    pub(crate) fn affected(&self) -> Vec<u64> {
        self.0.record.affected()
    }

    pub(crate) fn requests(&self) -> Vec<(u64, Request)> {
        self.0.record.requests().map(|(at, request)| (at, *request)).collect()
    }

    /// The spans of this name with the times they closed at, their requests and their outcomes.
    pub(crate) fn spans(&self, name: &str) -> Vec<(u64, Span, String)> {
        let record = &self.0.record;
        let spans = record.spans().filter(|(_, span)| record.text(span.name) == name);
        let outcome = |span: &Span| record.attribute(span.attributes, "outcome").unwrap_or("");
        spans.map(|(at, span)| (at, *span, outcome(span).to_owned())).collect()
    }

    /// Each request that was sent is in the record exactly once, and the judge says so.
    #[track_caller]
    pub(crate) fn conserved(&self) {
        let mut ids: Vec<u32> = self.requests().iter().map(|(_, request)| request.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, (1..=u32::try_from(ids.len()).unwrap()).collect::<Vec<_>>());
        assert_eq!(self.verdict_on("conservation"), Some(Verdict::Pass));
    }

    /// The verdict on the first finding of this name.
    pub(crate) fn verdict_on(&self, name: &str) -> Option<Verdict> {
        let findings = &self.0.judgement.findings;
        findings.iter().find(|finding| finding.name == name).map(|finding| finding.verdict)
    }

    /// How many requests had each outcome and note.
    pub(crate) fn outcomes(&self) -> Vec<(String, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for (_, request) in self.requests() {
            let note = self.0.record.text(request.note);
            let what = format!("{} {note}", request.outcome.name()).trim_end().to_owned();
            *counts.entry(what).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    /// The states of a host, with the times at which it went into them.
    pub(crate) fn states(&self, host: &str) -> Vec<(Duration, HostState)> {
        let record = &self.0.record;
        let states = record.events.iter().filter_map(|event| match event.what {
            EventKind::Host { host: on, state } if record.host(on) == host => {
                Some((Duration::from_nanos(event.at), state))
            }
            _ => None,
        });
        states.collect()
    }
}

/// Logs a fact, with the host and the time that it is logged at.
pub(crate) fn log(what: &str) {
    tracing::info!("{what}");
}

/// Logs how an attempt ended: `ok`, or the kind of its error.
pub(crate) fn log_result<T>(what: &str, result: &std::io::Result<T>) {
    match result {
        Ok(_) => log(&format!("{what}: ok")),
        Err(error) => log(&format!("{what}: {:?}", error.kind())),
    }
}

/// Makes the names in a directory durable.
pub(crate) async fn sync_dir(path: impl AsRef<std::path::Path>) -> std::io::Result<()> {
    tokio::fs::File::open(path).await?.sync_all().await
}

/// Sends back what comes, to everybody.
pub(crate) async fn echo(port: u16) -> Done {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let (mut read, mut write) = stream.into_split();
            tokio::io::copy(&mut read, &mut write).await
        });
    }
}

/// Sends a byte and waits for it to come back.
pub(crate) async fn ask(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"?").await?;
    let mut answer = [0];
    stream.read_exact(&mut answer).await?;
    Ok(())
}

/// Does nothing for ever.
pub(crate) async fn idle() -> Done {
    std::future::pending().await
}

/// An HTTP/1.1 server: the answers of `answer` to everybody.
pub(crate) async fn http<F, A>(port: u16, answer: F) -> Done
where
    F: Fn(hyper::Request<hyper::body::Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = hyper::Response<String>> + Send + 'static,
{
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, std::convert::Infallible>(answer.await) }
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
        });
    }
}

/// An HTTP server that answers `ok` at once.
pub(crate) async fn ok(port: u16) -> Done {
    http(port, |_| async { hyper::Response::new("ok".to_owned()) }).await
}

/// A server `b` and a client `a` that asks it `rate` times a second, for a second.
pub(crate) fn asked(rate: f64) -> World {
    World::new().host("b", || ok(80)).topology(|topology| topology.client("a")).plan(|plan| {
        plan.load(Load::constant("a", "b:80", rate).lasts(ms(1_000)).warm_up(0).get("/"))
    })
}
