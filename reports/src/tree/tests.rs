//! Tests of span trees, with their exact text.

use super::SpanTree;
use crate::{
    fixture,
    record::{Event, EventKind},
};

#[test]
fn shows_each_span_below_its_parent() {
    let record = fixture::record();
    let tree = SpanTree::of(&record, 3);
    assert_eq!(
        tree.render(&record),
        "request 3 GET /x degraded after 154 ms, status 200, 1 attempt, from client at 110 ms \
         in phase during: reviews\n\
         \x20 handle +1 ms, 152 ms on api\n\
         \x20   call +2 ms, 13 ms on api dependency=pricing outcome=ok\n\
         \x20   call +2 ms, 150 ms on api dependency=reviews outcome=timeout\n"
    );
    assert_eq!(tree.rows.iter().map(|row| row.depth).collect::<Vec<_>>(), [0, 1, 1]);
}

#[test]
fn a_request_without_spans_is_one_line() {
    let record = fixture::record();
    assert_eq!(
        SpanTree::of(&record, 4).render(&record),
        "request 4 GET /x failed after 150 ms, status 0, 1 attempt, from client at 120 ms in \
         phase during: timeout\n"
    );
}

#[test]
fn an_unknown_request_is_empty() {
    let record = fixture::record();
    let tree = SpanTree::of(&record, 99);
    assert_eq!((tree.request, tree.rows.len()), (None, 0));
    assert_eq!(tree.render(&record), "");
}

#[test]
fn a_span_without_its_parent_is_a_root() {
    let mut record = fixture::record();
    record.events.retain(|event| !matches!(event.what, EventKind::Span(span) if span.id == 2));
    let depths: Vec<_> = SpanTree::of(&record, 3).rows.iter().map(|row| row.depth).collect();
    assert_eq!(depths, [0, 0]);
}

#[test]
fn spans_in_a_ring_come_to_an_end() {
    let mut record = fixture::record();
    for event in &mut record.events {
        if let EventKind::Span(span) = &mut event.what
            && span.id == 2
        {
            span.parent = 3;
        }
    }
    // None of them is a root, so none is shown.
    assert_eq!(SpanTree::of(&record, 3).rows.len(), 0);
}

#[test]
fn a_request_with_very_many_spans_is_cut_short() {
    let mut record = fixture::record();
    let span = record.spans().map(|(_, span)| *span).next().expect("a span");
    for id in 1_000..1_200 {
        let what = EventKind::Span(crate::record::Span { id, ..span });
        record.events.push(Event { at: 300 * fixture::MS, what });
    }
    let text = SpanTree::of(&record, 3).render(&record);
    assert_eq!(text.lines().count(), 102);
    assert!(text.ends_with("\n  and 103 more spans\n"), "{text}");
}
