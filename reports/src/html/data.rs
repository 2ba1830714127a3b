//! What the script of a page knows.

use maud::{Markup, PreEscaped, html};
use serde_json::json;

use super::charts::named;
use crate::{Report, record::Outcome, view::Buckets};

/// As text of a script it must not end it.
pub(super) fn data(report: &Report<'_>, buckets: &Buckets) -> Markup {
    let rows: Vec<_> = buckets
        .all
        .iter()
        .map(|bucket| {
            let counts = Outcome::ALL.map(|outcome| bucket.requests.of(outcome));
            json!({
                "n": bucket.requests.sent, "c": counts,
                "p": [bucket.p50, bucket.p95, bucket.p99], "o": bucket.open_max,
            })
        })
        .collect();
    let header = &report.record.header;
    let faults: Vec<_> = header
        .faults
        .iter()
        .zip(report.record.affected())
        .map(|(fault, affected)| {
            json!({ "l": named(fault, affected), "f": fault.inject, "u": fault.heal })
        })
        .collect();
    let data = json!({
        "end": report.record.end.at.max(1),
        "width": buckets.width,
        "outcomes": Outcome::ALL.map(Outcome::name),
        "rows": rows,
        "faults": faults,
    });
    let text = data.to_string().replace('<', "\\u003c");
    html! { script type="application/json" #data { (PreEscaped(text)) } }
}
