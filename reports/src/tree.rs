//! What happened inside one request: its spans as a tree.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    Record, plain,
    record::{Phase, Request, RequestId, Span, SpanId},
    words,
};

/// How many spans are shown; a request that made more has a problem that the first ones show.
const SHOWN: usize = 100;

/// The spans of one request, each after its parent.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanTree {
    /// The request and when it ended, if the record has its end.
    pub request: Option<(u64, Request)>,
    /// The spans, depth first, children in the order in which they opened.
    pub rows: Vec<Row>,
}

/// A span in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// How many spans of the request it is inside of.
    pub depth: usize,
    /// The span.
    pub span: Span,
    /// When it closed.
    pub closed: u64,
}

impl SpanTree {
    /// The tree of request `id`. A span whose parent the record does not have is a root. Empty for
    /// a request that the record does not know.
    #[must_use]
    pub fn of(record: &Record, id: RequestId) -> Self {
        let ended = record.requests().find(|(_, request)| request.id == id);
        let mut spans: Vec<(u64, &Span)> =
            record.spans().filter(|(_, span)| span.request == id).collect();
        spans.sort_by_key(|(_, span)| (span.opened, span.id));
        let known: BTreeMap<SpanId, ()> = spans.iter().map(|(_, span)| (span.id, ())).collect();
        let mut children: BTreeMap<SpanId, Vec<(u64, &Span)>> = BTreeMap::new();
        for (closed, span) in spans {
            let parent = if known.contains_key(&span.parent) { span.parent } else { 0 };
            children.entry(parent).or_default().push((closed, span));
        }
        let mut rows = Vec::new();
        let mut open: Vec<(usize, u64, &Span)> = Vec::new();
        let mut next = Some((0, 0));
        while let Some((parent, depth)) = next {
            // Taken out, so that a record whose spans form a ring comes to an end.
            let inner = children.remove(&parent).unwrap_or_default();
            open.extend(inner.into_iter().rev().map(|(closed, span)| (depth, closed, span)));
            next = open.pop().map(|(depth, closed, span)| {
                rows.push(Row { depth, span: *span, closed });
                (span.id, depth + 1)
            });
        }
        Self { request: ended.map(|(at, request)| (at, *request)), rows }
    }

    /// The tree as text, one line for the request and one for each span; times count from the
    /// intended start of the request.
    #[must_use]
    pub fn render(&self, record: &Record) -> String {
        let mut text = String::new();
        let start = match &self.request {
            Some((at, request)) => {
                let _ = writeln!(text, "{}", headline(record, *at, request));
                request.intended
            }
            None => self.rows.first().map_or(0, |row| row.span.opened),
        };
        for Row { depth, span, closed } in self.rows.iter().take(SHOWN) {
            let line = format!(
                "{:indent$}{} +{}, {} on {} {}",
                "",
                record.text(span.name),
                words::time(span.opened.saturating_sub(start)),
                words::time(closed.saturating_sub(span.opened)),
                record.host(span.host),
                record.shown(span.attributes),
                indent = 2 * (depth + 1),
            );
            let _ = writeln!(text, "{}", plain::line(line.trim_end()));
        }
        if self.rows.len() > SHOWN {
            let more = words::counted((self.rows.len() - SHOWN) as u64, "more span");
            let _ = writeln!(text, "  and {more}");
        }
        text
    }
}

fn headline(record: &Record, at: u64, request: &Request) -> String {
    let phase =
        (!record.header.phases.is_empty()).then(|| record.header.phase_at(request.intended));
    let mut line = format!(
        "request {} {} {} after {}, status {}, {}, from {} at {}{}",
        request.id,
        record.text(request.route),
        request.outcome.name(),
        words::time(at.saturating_sub(request.intended)),
        request.status,
        words::counted(u64::from(request.attempts), "attempt"),
        record.host(request.client),
        words::time(request.intended),
        phase.map_or(String::new(), |phase: Phase| format!(" in phase {phase}")),
    );
    let note = record.text(request.note);
    if !note.is_empty() {
        let _ = write!(line, ": {note}");
    }
    plain::line(&line)
}

#[cfg(test)]
mod tests;
