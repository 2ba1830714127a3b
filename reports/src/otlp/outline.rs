//! The trace of the run itself: its phases, faults and operations below the run.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};

use super::{
    Clock,
    attributes::{count, text},
    ids::Ids,
};
use crate::{Report, verdict::Verdict};

/// The run, then its phases, its faults and its operations. What was to last longer than the run
/// ends with it; what it did not come to is left out.
pub(super) fn spans(report: &Report<'_>, ids: &Ids, clock: Clock) -> Vec<Span> {
    let header = &report.record.header;
    let end = report.record.end.at;
    let mut children: Vec<(String, u64, u64, Vec<KeyValue>)> = Vec::new();
    for span in &header.phases {
        children.push((format!("phase {}", span.phase), span.from, span.until, vec![]));
    }
    for (fault, affected) in header.faults.iter().zip(report.record.affected()) {
        let attributes = vec![
            text("squall.fault", fault.kind.as_str()),
            count("squall.affected", affected),
            text("squall.counts", fault.counts.as_str()),
        ];
        children.push((fault.label.clone(), fault.inject, fault.heal, attributes));
    }
    for operation in report.record.operations() {
        let until = operation.ended.map_or(end, |(at, _)| at);
        let attributes = vec![text("squall.operation", operation.outcome())];
        children.push((operation.label.to_owned(), operation.from, until, attributes));
    }
    let mut spans = vec![root(report, ids, clock)];
    for (number, (name, from, until, attributes)) in (1..).zip(children) {
        if from <= end {
            spans.push(Span {
                trace_id: ids.trace_of_run(),
                span_id: ids.of_run(number),
                parent_span_id: ids.of_run(0),
                name,
                kind: SpanKind::Internal.into(),
                start_time_unix_nano: clock.at(from),
                end_time_unix_nano: clock.at(until.clamp(from, end)),
                attributes,
                ..Span::default()
            });
        }
    }
    spans
}

fn root(report: &Report<'_>, ids: &Ids, clock: Clock) -> Span {
    let (record, verdict) = (report.record, report.judgement.verdict);
    let failed = report.judgement.findings.iter().find(|it| it.verdict == Verdict::Fail);
    let status = failed
        .map(|finding| Status { message: finding.reason.clone(), code: StatusCode::Error.into() });
    Span {
        trace_id: ids.trace_of_run(),
        span_id: ids.of_run(0),
        name: report.title(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: clock.at(0),
        end_time_unix_nano: clock.at(record.end.at),
        attributes: vec![
            text("squall.hypothesis", record.header.hypothesis.as_str()),
            text("squall.verdict", verdict.name()),
            text("squall.end", record.end.cause.to_string()),
            text("squall.replay", report.replay),
        ],
        status,
        ..Span::default()
    }
}
