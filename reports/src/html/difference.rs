//! How a run differs from the golden of its scenario.

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use crate::{Report, summary::summary};

/// The summary that was accepted for a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Golden {
    /// None was.
    Missing,
    /// One that is there and cannot be read, and why.
    Unreadable(String),
    /// Its text.
    Summary(String),
}

pub(super) fn difference(report: &Report<'_>, golden: &Golden) -> Markup {
    html! {
        section #difference {
            h2 { "Difference from the golden" }
            @match golden {
                Golden::Missing => p { "There is no golden of this scenario to compare with." },
                Golden::Unreadable(why) => p.partial role="note" {
                    strong { "The golden cannot be read: " } (why)
                },
                Golden::Summary(golden) => {
                    (compared(&summary(report.record, report.judgement), golden))
                },
            }
        }
    }
}

fn compared(summary: &str, golden: &str) -> Markup {
    if summary.trim_end() == golden.trim_end() {
        return html! { p { "None: the summary of this run is the golden." } };
    }
    let difference = TextDiff::from_lines(golden, summary);
    html! {
        pre.difference {
            @for group in difference.grouped_ops(2) {
                @for change in group.iter().flat_map(|op| difference.iter_changes(op)) {
                    @match change.tag() {
                        ChangeTag::Delete => del { "- " (change.value()) },
                        ChangeTag::Insert => ins { "+ " (change.value()) },
                        ChangeTag::Equal => span { "  " (change.value()) },
                    }
                }
            }
        }
    }
}
