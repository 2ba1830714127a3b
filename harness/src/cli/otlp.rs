//! Sends the spans of runs to a collector, over OTLP/HTTP.
//!
//! The messages are those of [`squall_reports::otlp`]. A collector that does not take them changes
//! no verdict: what was not sent is told when all else is done.

mod endpoint;
mod post;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::HeaderMap;
use squall_reports::{Report, otlp};
use tokio::runtime::Runtime;

pub(super) use self::endpoint::Endpoint;
use self::post::CannotPost;
use super::{Failure, output::say};

/// How long a collector may take for one message.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs that a sentence names.
const NAMED_MAX: usize = 5;

/// Sends to one collector, until it fails.
pub(super) struct Exporter {
    endpoint: Endpoint,
    headers: HeaderMap,
    runtime: Runtime,
    interrupted: Arc<AtomicBool>,
    /// Why nothing is sent any more.
    given_up: Option<String>,
    /// The runs whose spans did not all arrive.
    not_sent: Vec<String>,
}

/// Why the spans of a run did not all arrive.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error(transparent)]
    Post(#[from] CannotPost),
    #[error("the collector rejected {spans} spans: {reason}")]
    Rejected { spans: u64, reason: String },
    #[error("interrupted")]
    Interrupted,
}

impl Exporter {
    /// An exporter to `endpoint`, with the headers that `OTEL_EXPORTER_OTLP_HEADERS` asks for. It
    /// stops once `interrupted` is set.
    pub(super) fn new(endpoint: &Endpoint, interrupted: Arc<AtomicBool>) -> Result<Self, Failure> {
        let headers = endpoint::headers_of_environment().map_err(Failure::bad_input)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::harness(format!("cannot start a runtime: {error}")))?;
        Ok(Self {
            endpoint: endpoint.clone(),
            headers,
            runtime,
            interrupted,
            given_up: None,
            not_sent: Vec::new(),
        })
    }

    /// Sends the spans of a run that is called `name` and ended at `ended`. After a collector has
    /// failed once it is not asked again: each message to one that hangs takes its whole time.
    pub(super) fn send(&mut self, report: &Report<'_>, name: &str, ended: SystemTime) {
        if self.given_up.is_some() {
            self.not_sent.push(name.to_owned());
            return;
        }
        // What a clock before 1970 or after 2554 shows is as good as any other wrong time.
        let ended = ended.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ended = u64::try_from(ended.as_nanos()).unwrap_or(u64::MAX);
        if let Err(error) = self.send_all(report, ended) {
            self.given_up = Some(error.to_string());
            self.not_sent.push(name.to_owned());
        }
    }

    fn send_all(&self, report: &Report<'_>, ended: u64) -> Result<(), NotSent> {
        for batch in otlp::batches(report, ended) {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(NotSent::Interrupted);
            }
            let post = post::post(&self.endpoint, &self.headers, batch.bytes, PATIENCE);
            let answer = self.runtime.block_on(post)?;
            match otlp::rejected(&answer) {
                Some(rejected) if rejected.spans > 0 => {
                    let (spans, reason) = (rejected.spans, rejected.reason);
                    return Err(NotSent::Rejected { spans, reason });
                }
                Some(warning) => say(&format!("{}: {}", self.endpoint, warning.reason)),
                None => {}
            }
        }
        Ok(())
    }

    /// What is to be said of runs that were not sent, or not all of them.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Some(reason) = self.given_up else { return Ok(()) };
        let named = self.not_sent.iter().take(NAMED_MAX).map(String::as_str);
        let mut runs = named.collect::<Vec<_>>().join(", ");
        if self.not_sent.len() > NAMED_MAX {
            runs.push_str(&format!(" and {} more", self.not_sent.len() - NAMED_MAX));
        }
        Err(Failure::harness(format!(
            "cannot send the spans of {runs} to {}: {reason}",
            self.endpoint
        )))
    }
}
