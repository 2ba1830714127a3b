//! Operations of a cluster, such as a rollout: what was planned, and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EventKind, OperationState, Record};
use crate::words;

/// An operation of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOperation {
    /// What is done, and to what; no other operation of the plan has the same label.
    pub label: String,
    /// When it was to begin.
    pub at: u64,
}

/// An operation that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationSpan<'a> {
    /// The label of the operation.
    pub label: &'a str,
    /// When it began.
    pub from: u64,
    /// When it ended, and how. One that never did went on until the end of the run.
    pub ended: Option<(u64, OperationState)>,
}

impl OperationSpan<'_> {
    /// How it ended, in words; `not over` if it never did.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        self.ended.map_or("not over", |(_, how)| how.name())
    }
}

impl fmt::Display for OperationSpan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, from {}", self.label, words::time(self.from))?;
        match self.ended {
            Some((at, how)) => write!(f, " to {}: {}", words::time(at), how.name()),
            None => f.write_str(" on: not over"),
        }
    }
}

impl Record {
    /// The operations that began, in the order of the plan.
    #[must_use]
    pub fn operations(&self) -> Vec<OperationSpan<'_>> {
        let mut spans: Vec<Option<OperationSpan<'_>>> = vec![None; self.header.operations.len()];
        for event in &self.events {
            let EventKind::Operation { operation, state } = event.what else { continue };
            let place = usize::from(operation);
            let (Some(span), Some(planned)) =
                (spans.get_mut(place), self.header.operations.get(place))
            else {
                continue;
            };
            match (state, span) {
                (OperationState::Began, span) => {
                    *span =
                        Some(OperationSpan { label: &planned.label, from: event.at, ended: None });
                }
                // The first end is the end.
                (how, Some(span)) => span.ended = span.ended.or(Some((event.at, how))),
                (_, None) => {}
            }
        }
        spans.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::PlannedOperation;
    use crate::{
        fixture::{self, MS},
        record::{Event, EventKind, OperationState},
    };

    #[test]
    fn an_operation_lasts_from_its_beginning_to_its_first_end() {
        use OperationState::{Began, Completed, Failed, RolledBack};
        let mut record = fixture::record();
        record.header.operations = ["rollout of web", "drain a", "scale web to 5"]
            .map(|label| PlannedOperation { label: label.to_owned(), at: MS })
            .into();
        let events = [
            (20, 0, Began),
            (30, 1, Began),
            (70, 0, RolledBack),
            (80, 0, Failed),
            // Nobody planned it, and it never began.
            (90, 7, Began),
            (95, 2, Completed),
        ];
        record.events.extend(events.map(|(at, operation, state)| {
            let what = EventKind::Operation { operation, state };
            Event { at: at * MS, what }
        }));
        let shown: Vec<String> = record.operations().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "rollout of web, from 20 ms to 70 ms: rolled back",
                "drain a, from 30 ms on: not over"
            ]
        );
    }
}
