//! Requests and the spans of services.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::{
    Span as Message, Status, span::SpanKind, status::StatusCode,
};

use super::{
    Clock,
    attributes::{number, of_span, text},
    ids::Ids,
};
use crate::{
    Record,
    choice::drawn,
    record::{Outcome, Request, RequestId, Span, SpanId},
};

/// A span in more spans than this has a trace of its own, so that spans in a ring come to an end.
const DEPTH_MAX: usize = 1_000;

/// What is sent of a record, host by host.
pub(super) struct Work<'a> {
    record: &'a Record,
    requests: BTreeSet<RequestId>,
    parents: BTreeMap<SpanId, &'a Span>,
    items: Vec<(u16, u64, Item<'a>)>,
}

/// Something with a beginning and an end.
#[derive(Clone, Copy)]
enum Item<'a> {
    Request(&'a Request),
    Span(&'a Span),
}

impl<'a> Work<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let requests = drawn(record);
        let chosen = |request: RequestId| request == 0 || requests.contains(&request);
        let spans: Vec<(u64, &Span)> =
            record.spans().filter(|(_, span)| chosen(span.request)).collect();
        let parents = spans.iter().map(|(_, span)| (span.id, *span)).collect();
        let mut items: Vec<_> = record
            .requests()
            .filter(|(_, request)| chosen(request.id))
            .map(|(at, request)| (request.client, at, Item::Request(request)))
            .collect();
        items.extend(spans.into_iter().map(|(at, span)| (span.host, at, Item::Span(span))));
        // Stable: what is at the same host stays in its order.
        items.sort_by_key(|(host, _, _)| *host);
        Self { record, requests, parents, items }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Up to `most` spans from the one with the number `first`, with their hosts.
    pub(super) fn spans(
        &self,
        first: usize,
        most: usize,
        ids: &Ids,
        clock: Clock,
    ) -> impl Iterator<Item = (u16, Message)> {
        self.items.iter().skip(first).take(most).map(move |(host, until, item)| {
            let message = match item {
                Item::Request(request) => self.of_request(request, *until, ids, clock),
                Item::Span(span) => self.of_span(span, *until, ids, clock),
            };
            (*host, message)
        })
    }

    fn of_request(&self, request: &Request, until: u64, ids: &Ids, clock: Clock) -> Message {
        let note = self.record.text(request.note);
        let mut attributes = vec![
            number("squall.request", request.id),
            text("squall.outcome", request.outcome.name()),
            number("squall.attempts", request.attempts),
            text("squall.phase", self.record.header.phase_at(request.intended).name()),
        ];
        if request.status != 0 {
            attributes.push(number("http.response.status_code", request.status));
        }
        if !note.is_empty() {
            attributes.push(text("squall.note", note));
        }
        let failed = request.outcome == Outcome::Failed;
        let status =
            failed.then(|| Status { message: note.to_owned(), code: StatusCode::Error.into() });
        Message {
            trace_id: ids.trace_of_request(request.id),
            span_id: ids.request(request.id),
            name: self.record.text(request.route).to_owned(),
            kind: SpanKind::Client.into(),
            start_time_unix_nano: clock.at(request.intended),
            end_time_unix_nano: clock.at(until.max(request.intended)),
            attributes,
            status,
            ..Message::default()
        }
    }

    fn of_span(&self, span: &Span, until: u64, ids: &Ids, clock: Clock) -> Message {
        let (trace_id, parent_span_id) = self.place(span, ids);
        Message {
            trace_id,
            span_id: ids.span(span.id),
            parent_span_id,
            name: self.record.text(span.name).to_owned(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: clock.at(span.opened),
            end_time_unix_nano: clock.at(until.max(span.opened)),
            attributes: of_span(self.record, span.attributes),
            ..Message::default()
        }
    }

    /// The trace of a span and what it is a child of, empty if of nothing.
    fn place(&self, span: &Span, ids: &Ids) -> (Vec<u8>, Vec<u8>) {
        let parent = self.parent(span).map(|parent| ids.span(parent.id));
        if self.requests.contains(&span.request) {
            let parent = parent.unwrap_or_else(|| ids.request(span.request));
            return (ids.trace_of_request(span.request), parent);
        }
        let outwards = std::iter::successors(Some(span), |span| self.parent(span));
        let outermost = outwards.take(DEPTH_MAX).last().map_or(span.id, |span| span.id);
        (ids.trace_of_span(outermost), parent.unwrap_or_default())
    }

    /// The parent, if it is sent and works for the same request: a trace is of one request.
    fn parent(&self, span: &Span) -> Option<&'a Span> {
        let parent = self.parents.get(&span.parent).copied()?;
        (parent.request == span.request && parent.id != span.id).then_some(parent)
    }
}
