//! The schema of a record: a header that says what was meant to happen, the events that did
//! happen, in order, and how the run ended.
//!
//! All times are nanoseconds since the run began, of virtual time in a simulation and of real time
//! elsewhere. Names that recur (routes, span names) are [`Symbol`]s into the record's own table, and
//! so are the [`Attributes`] of spans and log events, so that an event is a few dozen bytes and a run
//! of a million events fits in memory.

mod attributes;
mod digest;
mod event;
mod header;
mod operation;
mod quantity;
mod symbol;

pub use attributes::{
    Attribute, AttributeTable, Attributes, Kept, TEXT_BYTES_CUT, TEXT_BYTES_MAX,
    set as set_attribute,
};
pub use digest::{Digest, Divergence, first_divergence};
pub use event::{
    Event, EventKind, FaultAction, Gauge, HostState, Level, Log, Mark, OperationState, Outcome,
    Request, RequestId, Span, SpanId, WARM_UP,
};
pub use header::{Backend, FaultSpan, Header, Phase, PhaseSpan};
pub use operation::{OperationSpan, PlannedOperation};
pub use symbol::{Symbol, Symbols};

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the record's schema. A record of another version is refused, not guessed at.
pub const SCHEMA: u32 = 3;

/// The index that stands for all hosts together.
pub const ALL_HOSTS: u16 = u16::MAX;

/// The gauge that is no part of the digest: how much more memory all hosts hold than before the
/// load. How large a future is depends on how the program was compiled.
pub const UNDIGESTED: &str = "memory_growth_mib";

/// Everything that one run left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What was run, and what was meant to happen.
    pub header: Header,
    /// The names that the events refer to.
    pub symbols: Symbols,
    /// The sets of attributes that they refer to.
    pub attributes: AttributeTable,
    /// What happened, in order of time.
    pub events: Vec<Event>,
    /// How the run ended.
    pub end: End,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The time at the end, in nanoseconds since the run began.
    pub at: u64,
    /// Why it ended.
    pub cause: EndCause,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndCause {
    /// The plan was performed to its end.
    Completed,
    /// A task of a host panicked.
    Panicked {
        /// The host's name.
        host: String,
        /// The text of the panic and where it was raised.
        message: String,
    },
    /// A limit of the plan was reached.
    LimitReached {
        /// Which limit, its value and what was found.
        limit: String,
    },
    /// Code on a host did what a simulation cannot make deterministic.
    NotDeterministic {
        /// The host's name.
        host: String,
        /// What it did.
        what: String,
    },
    /// The service of a host returned an error.
    ServiceFailed {
        /// The host's name.
        host: String,
        /// The error and its causes.
        message: String,
    },
    /// The run was interrupted from outside; the record is what there was by then.
    Interrupted,
    /// Whoever sends the load could not keep to its times, so that what was measured is the sender.
    LoadBehind {
        /// How late, and what is allowed.
        how: String,
    },
}

impl EndCause {
    /// Was the plan performed to its end?
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Completed)
    }

    /// Was the run given up because it took too long in real time? What that shows depends on the
    /// machine, and another run with the same seed may end otherwise.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        matches!(self, Self::LimitReached { limit } if limit.contains("wall_time_ms"))
    }

    /// Does the end show the machine and not the services? It did not send the load in time, did not
    /// perform a fault, or was too slow; or somebody interrupted the run.
    #[must_use]
    pub fn shows_the_machine(&self) -> bool {
        let is_not_performed = |limit: &str| {
            limit.contains("could not be performed") || limit.starts_with("the proxy did not do")
        };
        match self {
            Self::LoadBehind { .. } | Self::Interrupted => true,
            Self::LimitReached { limit } => self.is_out_of_time() || is_not_performed(limit),
            _ => false,
        }
    }
}

impl std::fmt::Display for EndCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Completed => f.write_str("the plan was performed to its end"),
            Self::Panicked { host, message } => {
                write!(f, "a task on host {host} panicked: {message}")
            }
            Self::LimitReached { limit } => write!(f, "a limit was reached: {limit}"),
            Self::NotDeterministic { host, what } => {
                write!(f, "code on host {host} cannot run deterministically: {what}")
            }
            Self::ServiceFailed { host, message } => {
                write!(f, "the service on host {host} ended with an error: {message}")
            }
            Self::Interrupted => f.write_str("the run was interrupted"),
            Self::LoadBehind { how } => write!(f, "the load was not sent in time: {how}"),
        }
    }
}

impl Record {
    /// The host with this index, by name.
    #[must_use]
    pub fn host(&self, index: u16) -> &str {
        if index == ALL_HOSTS {
            return "all hosts";
        }
        self.header.hosts.get(usize::from(index)).map_or("?", String::as_str)
    }

    /// The text of a symbol.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.text(symbol)
    }

    /// The names and values of a set of attributes.
    pub fn attributes(&self, set: Attributes) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.attributes.pairs(set).iter();
        pairs.map(|(name, value)| (self.text(*name), self.text(*value)))
    }

    /// The value of one attribute of a set.
    #[must_use]
    pub fn attribute(&self, set: Attributes, name: &str) -> Option<&str> {
        self.attributes(set).find_map(|(known, value)| (known == name).then_some(value))
    }

    /// A set of attributes for people: `name=value`, apart by spaces, in quotes where a value has
    /// spaces or an equals sign in it.
    #[must_use]
    pub fn shown(&self, set: Attributes) -> String {
        let mut text = String::new();
        for (name, value) in self.attributes(set) {
            let gap = if text.is_empty() { "" } else { " " };
            let plain = !value.contains(|c: char| c.is_whitespace() || c == '=' || c == '"');
            // A string takes any text.
            let _ = match plain {
                true => write!(text, "{gap}{name}={value}"),
                false => write!(text, "{gap}{name}={value:?}"),
            };
        }
        text
    }

    /// Every request that ended, with the time it ended at.
    pub fn requests(&self) -> impl Iterator<Item = (u64, &Request)> {
        self.events.iter().filter_map(|event| match &event.what {
            EventKind::Request(request) => Some((event.at, request)),
            _ => None,
        })
    }

    /// Every span that closed, with the time it closed at.
    pub fn spans(&self) -> impl Iterator<Item = (u64, &Span)> {
        self.events.iter().filter_map(|event| match &event.what {
            EventKind::Span(span) => Some((event.at, span)),
            _ => None,
        })
    }

    /// How much each fault affected by the end of the run, in the order of the plan.
    #[must_use]
    pub fn affected(&self) -> Vec<u64> {
        let mut affected = vec![0; self.header.faults.len()];
        for event in &self.events {
            if let EventKind::Fault { fault, affected: count, .. } = event.what
                && let Some(slot) = affected.get_mut(usize::from(fault))
            {
                *slot = count;
            }
        }
        affected
    }
}
