//! What a reader should know of a name that a run has never shown.

use std::collections::BTreeSet;

use super::Index;
use crate::objective::{Matching, nearest};

/// A note on a pattern that nothing fits: which part of it was never seen, and what is most like
/// it. Empty if all of its parts were seen, only not together.
///
/// That something never happened is what such an objective is for. A name that no run ever shows
/// may also be misspelt, and only a person can tell.
pub(super) fn unseen(pattern: &Matching, index: &Index<'_>) -> String {
    let record = index.record;
    let names: BTreeSet<&str> = if pattern.is_log() {
        index.logs.iter().map(|(_, log)| record.text(log.message)).collect()
    } else {
        index.spans.iter().map(|(_, span)| record.text(span.name)).collect()
    };
    let what = if pattern.is_log() { "a log message" } else { "a span" };
    if !names.iter().any(|name| crate::objective::fits(&pattern.name, name)) {
        return note(&format!("{what} \"{}\"", pattern.name), &pattern.name, names);
    }
    let sets: BTreeSet<_> = if pattern.is_log() {
        index.logs.iter().map(|(_, log)| log.attributes).collect()
    } else {
        index.spans.iter().map(|(_, span)| span.attributes).collect()
    };
    let fields: BTreeSet<&str> =
        sets.into_iter().flat_map(|set| record.attributes(set)).map(|(name, _)| name).collect();
    let unknown = pattern.fields.iter().find(|field| !fields.contains(&*field.name));
    unknown.map_or(String::new(), |field| {
        note(&format!("a field {}", field.name), &field.name, fields)
    })
}

fn note(what: &str, name: &str, seen: BTreeSet<&str>) -> String {
    let nearest = match nearest(name, seen) {
        Some(nearest) => format!("; the nearest that was is \"{nearest}\""),
        None => String::new(),
    };
    format!("{what} was never seen in this run{nearest}")
}
