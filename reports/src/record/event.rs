//! What can happen in a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Attributes, Record, Symbol, quantity};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in nanoseconds since the run began.
    pub at: u64,
    /// What.
    pub what: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A request of the load ended, one way or another.
    Request(Request),
    /// A span of a service closed.
    Span(Span),
    /// A service logged something.
    Log(Box<Log>),
    /// A host changed its state.
    Host {
        /// The host.
        host: u16,
        /// Its state from now on.
        state: HostState,
    },
    /// A fault was injected or healed.
    Fault {
        /// Which one, by its place in the plan.
        fault: u16,
        /// What was done to it.
        action: FaultAction,
        /// How much it has affected so far.
        affected: u64,
    },
    /// An operation on the cluster began or ended.
    Operation {
        /// Which one, by its place in the header.
        operation: u16,
        /// What it has come to.
        state: OperationState,
    },
    /// A quantity was sampled.
    Gauge(Gauge),
    /// A point of the run that objectives refer to.
    Mark(Mark),
}

/// The number of a request of the load: 1 for the first.
pub type RequestId = u32;

/// The number of a span: 1 for the first that was opened, 0 for none.
pub type SpanId = u32;

/// What spans have for a request that belongs to the warm-up and not to the load.
pub const WARM_UP: RequestId = RequestId::MAX;

/// A request of the load. It ended at the time of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// The client host that sent it.
    pub client: u16,
    /// Its route, as the load names it.
    pub route: Symbol,
    /// When it was meant to start. Latency counts from here, and so does its phase.
    pub intended: u64,
    /// When it did start.
    pub started: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The status of the last answer, 0 if none came.
    pub status: u16,
    /// How many times it was sent: 1 without a retry, 0 if it was given up before.
    pub attempts: u8,
    /// What went wrong or was left out (`timeout`, `reset`, `reviews`); empty if nothing.
    pub note: Symbol,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A complete answer.
    Succeeded,
    /// A useful answer with something left out.
    Degraded,
    /// An error, a wrong answer, or no answer in time.
    Failed,
    /// Refused by a service that protects itself.
    Shed,
    /// The client went away, as the plan told it to.
    Abandoned,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] =
        [Self::Succeeded, Self::Degraded, Self::Failed, Self::Shed, Self::Abandoned];

    /// Did the client wait for an answer? If not, how long it took says nothing of latency.
    #[must_use]
    pub fn was_waited_for(self) -> bool {
        !matches!(self, Self::Shed | Self::Abandoned)
    }

    /// The outcome's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Shed => "shed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// A span of a service, from its tracing instrumentation. It closed at the time of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its number.
    pub id: SpanId,
    /// The span it is part of, 0 if of none.
    pub parent: SpanId,
    /// The request of the load that it belongs to, 0 if to none that is known, [`WARM_UP`] if to
    /// one that warmed up.
    pub request: RequestId,
    /// The host it was on.
    pub host: u16,
    /// Its name.
    pub name: Symbol,
    /// What it says of itself, without what identifies a trace. A value that was recorded later
    /// replaces an earlier one of the same name.
    pub attributes: Attributes,
    /// When it was opened.
    pub opened: u64,
}

/// An event of a service's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The host it was on.
    pub host: u16,
    /// How grave.
    pub level: Level,
    /// The part of the service that logged it.
    pub target: Symbol,
    /// Its message.
    pub message: Symbol,
    /// What else it says.
    pub attributes: Attributes,
    /// The request of the span that it was logged in, as in [`Span::request`].
    pub request: RequestId,
    /// The number of the last span that was opened before it: the order among those that opened
    /// at the same instant.
    pub after: SpanId,
}

/// How grave a log event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For following what happens.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

/// The state of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostState {
    /// Its service runs.
    Up,
    /// Its process died; the machine answers with resets.
    Crashed,
    /// It has no power: silence.
    PoweredOff,
    /// Its process is stopped and keeps its state.
    Paused,
    /// Its service was asked to stop gracefully.
    Terminating,
    /// Its service has ended by itself.
    Exited,
}

/// What was done to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// It acts from now on.
    Inject,
    /// It acts no more.
    Heal,
    /// The run ended; this is its final count.
    Count,
}

/// What an operation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationState {
    /// It goes on from now on.
    Began,
    /// All of it was done.
    Completed,
    /// It was taken back, and all is as before.
    RolledBack,
    /// It made no progress for too long, and nothing took it back.
    Failed,
    /// Another operation took its place.
    Overtaken,
}

impl OperationState {
    /// The state's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Failed => "failed",
            Self::Overtaken => "overtaken",
        }
    }
}

/// A sample of a quantity of a host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    /// The host.
    pub host: u16,
    /// Which quantity: `tasks`, `sockets`.
    pub name: Symbol,
    /// Its value. Never NaN, which says nothing; infinite if the service says so.
    #[serde(with = "quantity")]
    pub value: f64,
}

/// A point of the run that objectives refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mark {
    /// The hosts are up and warm; the load begins.
    LoadBegins,
    /// The last request was sent.
    LoadEnds,
    /// All clients are gone and the time for settling has passed.
    Settled,
}

impl EventKind {
    /// The host that this happened on, if on one.
    #[must_use]
    pub fn host(&self) -> Option<u16> {
        match self {
            Self::Request(request) => Some(request.client),
            Self::Span(span) => Some(span.host),
            Self::Log(log) => Some(log.host),
            Self::Host { host, .. } => Some(*host),
            Self::Gauge(gauge) => Some(gauge.host),
            Self::Fault { .. } | Self::Operation { .. } | Self::Mark(_) => None,
        }
    }
}

impl Event {
    /// This event in one line for people.
    #[must_use]
    pub fn render(&self, record: &Record) -> String {
        #[expect(clippy::cast_precision_loss, reason = "shown to the nanosecond")]
        let at = self.at as f64 / 1e6;
        let what = match &self.what {
            EventKind::Request(r) => format!(
                "request {} {} {} status {} attempts {} intended {} started {} {}",
                r.id,
                record.text(r.route),
                r.outcome.name(),
                r.status,
                r.attempts,
                r.intended,
                r.started,
                record.text(r.note),
            ),
            EventKind::Span(s) => format!(
                "span {} of {} for request {}: {} {} opened {}",
                s.id,
                s.parent,
                s.request,
                record.text(s.name),
                record.shown(s.attributes),
                s.opened,
            ),
            EventKind::Log(l) => format!(
                "{:?} {} {} {}",
                l.level,
                record.text(l.target),
                record.text(l.message),
                record.shown(l.attributes),
            ),
            EventKind::Host { state, .. } => format!("{state:?}"),
            EventKind::Fault { fault, action, affected } => {
                let label = record.header.faults.get(usize::from(*fault));
                let label = label.map_or("?", |fault| fault.label.as_str());
                format!("fault {label}: {action:?}, affected {affected}")
            }
            EventKind::Operation { operation, state } => {
                let planned = record.header.operations.get(usize::from(*operation));
                let label = planned.map_or("?", |planned| planned.label.as_str());
                format!("{label}: {}", state.name())
            }
            EventKind::Gauge(gauge) => format!("{} = {}", record.text(gauge.name), gauge.value),
            EventKind::Mark(mark) => format!("{mark:?}"),
        };
        let host = self.what.host().map_or("-", |host| record.host(host));
        format!("{at:.6} ms {host}: {what}").trim_end().to_owned()
    }
}
