//! What happened inside two requests: the slowest, and the first that failed.

use maud::{Markup, html};

use super::scale::{WIDTH, place, x};
use crate::{
    Record,
    record::{Outcome, RequestId},
    tree::{Row, SpanTree},
    words,
};

/// Spans that are drawn; a request that made more has a problem that the first ones show.
const SPANS_MAX: usize = 200;

pub(super) fn waterfalls(record: &Record) -> Markup {
    let answered = record.requests().filter(|(_, request)| request.outcome.was_waited_for());
    // The first of equals.
    let slowest = answered.max_by_key(|(at, request)| {
        (at.saturating_sub(request.intended), std::cmp::Reverse(request.id))
    });
    let failed = record.requests().filter(|(_, request)| request.outcome == Outcome::Failed);
    let first_failed = failed.min_by_key(|(_, request)| (request.intended, request.id));
    let slowest = slowest.map(|(_, request)| request.id);
    let first_failed = first_failed.map(|(_, request)| request.id);
    html! {
        section #requests {
            h2 { "Requests" }
            @if let Some(id) = slowest { (waterfall(record, "The slowest", id)) }
            @if let Some(id) = first_failed.filter(|id| slowest != Some(*id)) {
                (waterfall(record, "The first that failed", id))
            }
            @if slowest.is_none() { p { "No request came to an end that a client waited for." } }
        }
    }
}

fn waterfall(record: &Record, title: &str, id: RequestId) -> Markup {
    let tree = SpanTree::of(record, id);
    let Some((end, request)) = tree.request else { return Markup::default() };
    let last = tree.rows.iter().map(|row| row.closed).max().unwrap_or(end).max(end);
    let length = last.saturating_sub(request.intended).max(1);
    html! {
        h3 { (title) ": request " (id) }
        p {
            (record.text(request.route)) " " (request.outcome.name()) " after "
            (words::time(end.saturating_sub(request.intended))) ", status " (request.status) ", "
            (words::counted(u64::from(request.attempts), "attempt")) ", meant to start at "
            (words::time(request.intended))
            @if !record.text(request.note).is_empty() { ": " (record.text(request.note)) }
        }
        div.wide {
            table.waterfall {
                tbody {
                    (line(0, "request", record.host(request.client), "",
                        (request.intended, end), request.intended, length))
                    @for row in tree.rows.iter().take(SPANS_MAX) {
                        (span(record, row, request.intended, length))
                    }
                }
            }
        }
        @if tree.rows.len() > SPANS_MAX {
            p { "and " (words::counted((tree.rows.len() - SPANS_MAX) as u64, "more span")) }
        }
    }
}

fn span(record: &Record, row: &Row, begin: u64, length: u64) -> Markup {
    let span = &row.span;
    let (name, fields) = (record.text(span.name), record.shown(span.attributes));
    let times = (span.opened, row.closed);
    line(row.depth + 1, name, record.host(span.host), &fields, times, begin, length)
}

fn line(
    depth: usize,
    name: &str,
    host: &str,
    fields: &str,
    (from, until): (u64, u64),
    begin: u64,
    length: u64,
) -> Markup {
    let (after, took) = (from.saturating_sub(begin), until.saturating_sub(from));
    let (left, width) = (x(after, length), x(took, length).max(150.0));
    html! {
        tr {
            th scope="row" style=(format!("padding-left:{}em", depth.min(12))) {
                (name) " " span.host { (host) }
            }
            td.fields { (fields) }
            td.bar {
                svg.plot-bar viewBox=(format!("0 0 {WIDTH} 100")) preserveAspectRatio="none"
                    role="img" aria-label=(words::time(took)) {
                    rect x=(place(left)) width=(place(width)) y="20" height="60" {}
                }
            }
            td.number { "+" (words::time(after)) }
            td.number { (words::time(took)) }
        }
    }
}
