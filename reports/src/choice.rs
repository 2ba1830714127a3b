//! Which requests of a run are shown one by one, to viewers of traces.

use std::collections::BTreeSet;

use crate::{
    Record,
    record::{Outcome, RequestId},
};

/// Requests that are shown with their spans: more than a person looks at, and what a viewer opens
/// at once. Those that did not succeed and the slowest come first.
const REQUESTS_MAX: usize = 20_000;

/// The requests of `record` that say most.
pub(crate) fn drawn(record: &Record) -> BTreeSet<RequestId> {
    let mut requests: Vec<(bool, u64, RequestId)> = record
        .requests()
        .map(|(at, request)| {
            let latency = at.saturating_sub(request.intended);
            (request.outcome != Outcome::Succeeded, latency, request.id)
        })
        .collect();
    requests.sort_unstable_by(|a, b| b.cmp(a));
    requests.into_iter().take(REQUESTS_MAX).map(|(_, _, id)| id).collect()
}
