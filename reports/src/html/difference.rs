//! How a run differs from the golden of its scenario.

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use crate::{Report, summary::summary};

pub(super) fn difference(report: &Report<'_>, golden: Option<&str>) -> Markup {
    html! {
        section #difference {
            h2 { "Difference from the golden" }
            @match golden {
                None => p { "There is no golden of this scenario to compare with." },
                Some(golden) => (compared(&summary(report.record, report.judgement), golden)),
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
