//! A run as spans of OpenTelemetry: the messages that an OTLP collector takes.
//!
//! Each host is a resource and each request a trace: the request as its client saw it, and below
//! it what services did for it. One more trace is the run itself, with its phases and faults. Ids
//! come from the digest of the record, so that the same run is the same traces however often it
//! is sent.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

mod attributes;
mod ids;
mod outline;
mod work;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::InstrumentationScope,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;

use self::{attributes::resource_of, ids::Ids, work::Work};
use crate::Report;

/// Spans in one message: some hundred kilobytes.
const BATCH_MAX: usize = 1_000;

/// The resource of the run's own trace.
const SERVICE: &str = "squall";

/// A message for a collector, in protobuf.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// The encoded `ExportTraceServiceRequest`.
    pub bytes: Vec<u8>,
    /// How many spans are in it: at most 1,000.
    pub spans: usize,
}

/// What a collector did not take of a batch that it has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// How many spans: none, if it only had something to say.
    pub spans: u64,
    /// Why.
    pub reason: String,
}

/// The spans of `report` in batches: the run's own first, then host by host those of the requests
/// that say most and of no request. The run has ended at `ended`, in nanoseconds since 1970, to
/// which its times are moved.
pub fn batches<'a>(report: &Report<'a>, ended: u64) -> impl Iterator<Item = Batch> + use<'a> {
    let report = *report;
    let clock = Clock { began: ended.saturating_sub(report.record.end.at) };
    // Worked out once: it takes as long as reading the whole record.
    let digest = report.record.digest().to_string();
    let ids = Ids::new(&digest);
    let work = Work::of(report.record);
    let outline = outline::spans(&report, &ids, clock);
    let own: Vec<Batch> = chunks(outline)
        .map(|spans| batch(&report, &digest, [(SERVICE.to_owned(), spans)]))
        .collect();
    let hosts = (0..work.len()).step_by(BATCH_MAX).map(move |first| {
        let mut hosts: BTreeMap<u16, Vec<Span>> = BTreeMap::new();
        for (host, span) in work.spans(first, BATCH_MAX, &ids, clock) {
            hosts.entry(host).or_default().push(span);
        }
        let named = |(host, spans)| (report.record.host(host).to_owned(), spans);
        batch(&report, &digest, hosts.into_iter().map(named))
    });
    own.into_iter().chain(hosts)
}

/// What the answer of a collector to a batch says that it did not take. An answer that is no
/// message says nothing.
#[must_use]
pub fn rejected(answer: &[u8]) -> Option<Rejected> {
    let partial = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
    let spans = u64::try_from(partial.rejected_spans).unwrap_or(0);
    (spans > 0 || !partial.error_message.is_empty())
        .then_some(Rejected { spans, reason: partial.error_message })
}

/// From the time of a run to that of the world.
#[derive(Clone, Copy)]
struct Clock {
    /// When the run began, in nanoseconds since 1970.
    began: u64,
}

impl Clock {
    fn at(self, since_begin: u64) -> u64 {
        self.began.saturating_add(since_begin)
    }
}

fn chunks(spans: Vec<Span>) -> impl Iterator<Item = Vec<Span>> {
    let mut spans = spans.into_iter().peekable();
    std::iter::from_fn(move || {
        spans.peek()?;
        Some(spans.by_ref().take(BATCH_MAX).collect())
    })
}

/// One message with the spans of these services.
fn batch(
    report: &Report<'_>,
    digest: &str,
    services: impl IntoIterator<Item = (String, Vec<Span>)>,
) -> Batch {
    let scope =
        InstrumentationScope { name: SERVICE.to_owned(), ..InstrumentationScope::default() };
    let of_service = |(service, spans): (String, Vec<Span>)| ResourceSpans {
        resource: Some(Resource {
            attributes: resource_of(report.record, digest, &service),
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            scope: Some(scope.clone()),
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    let resource_spans: Vec<_> = services.into_iter().map(of_service).collect();
    let all = resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = all.map(|scope| scope.spans.len()).sum();
    Batch { bytes: ExportTraceServiceRequest { resource_spans }.encode_to_vec(), spans }
}

#[cfg(test)]
mod tests;
