//! What services on real processes say, on its way into the record.
//!
//! The process of a host has an [`exporter`]: a `tracing` subscriber that sends each span and event
//! at once as OTLP, OpenTelemetry's protocol, over HTTP. The harness has a [`receiver`], which takes
//! the same from programs with an SDK of OpenTelemetry. What both mean by a span, a log event and a
//! request is what the simulation's observer means, so that a record is of the same kind whichever
//! backend made it.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

mod answer;
mod decode;
pub(crate) mod exporter;
mod gauges;
mod messages;
pub(crate) mod receiver;
mod subscriber;
mod wire;

pub(super) use answer::endpoint;

#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

use squall_reports::record::{Level, RequestId};

/// Something that a host has said. Times are nanoseconds since 1970; texts are no longer than a
/// record keeps them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// A span has closed.
    Span {
        host: String,
        /// Its number, which no other span of the host has, also after a restart.
        id: u64,
        /// The span that it is part of, 0 if of none.
        parent: u64,
        request: RequestId,
        name: String,
        attributes: Vec<(String, String)>,
        opened: u64,
        closed: u64,
    },
    /// A service logged something.
    Log {
        host: String,
        at: u64,
        level: Level,
        target: String,
        message: String,
        attributes: Vec<(String, String)>,
        request: RequestId,
    },
    /// A quantity was sampled. The value is a number, perhaps an infinite one.
    Gauge { host: String, at: u64, name: String, value: f64 },
    /// An exporter could not send this many more spans, log events or samples.
    Dropped { host: String, count: u64 },
}

/// Whoever is told.
type Sink = dyn Fn(Told) + Send + Sync;

/// The metric by which an exporter says how much it has dropped since it last said so.
const DROPPED: &str = "squall.telemetry.dropped";

/// The header by which an exporter asks that nothing be answered on its connection. If a process is
/// killed while an answer is on its way to it, its kernel resets the connection and throws away
/// what it has not sent yet.
const UNANSWERED: &str = "x-squall-unanswered";

/// The attributes of a resource that name the host.
const HOST_NAME: &str = "host.name";
const SERVICE_NAME: &str = "service.name";

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Sets the value of `name`; a later value replaces an earlier one.
fn set_attribute<N: PartialEq>(pairs: &mut Vec<(N, String)>, name: N, value: String) {
    match pairs.iter_mut().find(|(known, _)| *known == name) {
        Some(pair) => pair.1 = value,
        None => pairs.push((name, value)),
    }
}
